"""A folder of articles: Markdown and HTML files with YAML front matter."""

import html
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, urljoin

import lxml.etree  # type: ignore[import-untyped]
import lxml.html  # type: ignore[import-untyped]
import yaml
from frontmatter.default_handlers import YAMLHandler
from markdown_it import MarkdownIt

from feeds.characters import fit, one_line, shorten
from feeds.dates import aware
from feeds.draft import Draft, Problem
from feeds.source import FolderRequest, Memory, NotModified, Payload, Reading, Source, SourceError, Visit

MARKDOWN = (".md", ".markdown")
HTML = (".html", ".htm")
FRONT_MATTER = 20_000

_HEADING = re.compile(r"\s*<h1[^>]*>(.*?)</h1>", re.DOTALL | re.IGNORECASE)
_FRONT_MATTER = YAMLHandler()
_CATEGORIES = ("categories", "category", "tags")
"""What the makers of sites call them in front matter."""


class FolderSource:
    """A folder on this machine. It lists everything: a file that is gone is an article withdrawn."""

    name = "folder"
    complete = True

    def visit(self, source: Source, memory: Memory) -> Visit:
        """Every file in it, each time."""
        if not source.path:
            raise SourceError(f'source {source.name}: a folder needs a path; add path = "…" to it')
        answer = yield FolderRequest(source.path, MARKDOWN + HTML)
        return answer if isinstance(answer, NotModified) else self.read(source, answer)

    def read(self, source: Source, payload: Payload) -> Reading:
        """A draft per file, under its path. A file that can't be read is a problem under that same path."""
        drafts: list[Draft] = []
        problems = list(payload.problems)
        taken: dict[str, str] = {}
        for path, document in sorted(payload.documents.items()):
            try:
                draft = _read_file(source, path, document, problems)
            except _BadFile as error:
                problems.append(Problem(path, str(error)))
                continue
            if draft is None:
                continue
            if draft.url in taken:
                why = f"it has the same url as {taken[draft.url]}; give one of them its own slug or url"
                problems.append(Problem(path, why))
                continue
            taken[draft.url] = path
            drafts.append(draft)
        return Reading(drafts, problems, base=payload.base)


class _BadFile(Exception):
    """Why a file can't be an article, and what to do."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What a file says by itself: all HTML, empty where it says nothing."""

    content: str
    title: str = ""
    summary: str = ""
    author: str = ""
    language: str = ""
    published: str = ""


def _read_file(source: Source, path: str, document: bytes, problems: list[Problem]) -> Draft | None:
    try:
        text = document.decode("utf-8-sig").lstrip()
    except UnicodeDecodeError:
        raise _BadFile("it is not UTF-8; save it as UTF-8") from None
    meta, body = _front_matter(text)
    if _says(meta, "draft", "true") or _says(meta, "published", "false"):
        return None
    page = _markdown(body) if path.lower().endswith(MARKDOWN) else _html(body)
    title = _scalar(meta, "title") or page.title
    if not title:
        raise _BadFile("it has no title; add a line 'title: …' to its front matter")
    return Draft(
        key=path,
        url=_url(source, path, meta),
        title=title,
        summary=_scalar(meta, "summary") or page.summary,
        content=page.content,
        author=", ".join(_scalars(meta, "author")) or page.author,
        language=_scalar(meta, "language") or page.language,
        categories=tuple(dict.fromkeys(one for key in _CATEGORIES for one in _scalars(meta, key))),
        image=html.unescape(_scalar(meta, "image")),
        published=_moment(meta.get("date") or page.published or meta.get("updated"), path, problems),
    )


def _front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    if text.startswith("+++"):
        raise _BadFile("its front matter is TOML; write it as YAML, between two lines of three dashes")
    if not _FRONT_MATTER.detect(text):
        return {}, text
    try:
        head, body = _FRONT_MATTER.split(text)
    except ValueError:
        raise _BadFile("its front matter has no end; close it with a line of three dashes") from None
    if len(head) > FRONT_MATTER:
        raise _BadFile(f"its front matter is longer than {FRONT_MATTER:,} characters; shorten it")
    try:
        # yaml's own loader in C is faster, but deep nesting ends the process; this one raises.
        meta = _FRONT_MATTER.load(head, Loader=yaml.SafeLoader)
    except Exception as error:
        # Values like the date 2026-13-45 or "!!bool perhaps" are found only while they are built, and then
        # it can be any kind of error.
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        fault = getattr(error, "problem", None) or str(error)
        colon = fault == "mapping values are not allowed here"
        advice = "put quotes around a text with a colon in it" if colon else "correct it"
        raise _BadFile(
            f"its front matter is no valid YAML ({shorten(one_line(str(fault)), 120)}{line}); {advice}"
        ) from None
    if meta is None:
        return {}, body
    if not isinstance(meta, dict):
        raise _BadFile("its front matter is no list of 'key: value' lines; write it so")
    return {str(key).lower(): value for key, value in meta.items() if isinstance(key, str)}, body


def _says(meta: Mapping[str, Any], key: str, answer: str) -> bool:
    """Whether a key says "true" or "false", in quotes or not."""
    value = meta.get(key)
    return isinstance(value, bool | str) and str(value).strip().lower() == answer


def _scalar(meta: Mapping[str, Any], key: str) -> str:
    """A value that is one text, as HTML. Nested ones are refused: aliases can make them endless."""
    value = meta.get(key)
    if value is None:
        return ""
    if isinstance(value, str | int | float | date):
        with suppress(ValueError):  # which a number of thousands of digits raises
            return html.escape(str(value).strip(), quote=False)
    raise _BadFile(f"the {key!r} in its front matter is no text; write it as one line")


def _scalars(meta: Mapping[str, Any], key: str) -> list[str]:
    value = meta.get(key)
    values = value if isinstance(value, list) else [value]
    if key in _CATEGORIES and isinstance(value, str):
        values = value.split(",")
    texts = [_scalar({key: one}, key) for one in values]
    return [text for text in texts if text]


def _url(source: Source, path: str, meta: Mapping[str, Any]) -> str:
    given = html.unescape(_scalar(meta, "url"))
    if not source.url and not given:
        raise _BadFile(
            f"it has no url; add 'url: https://…' to its front matter, or a url to source {source.name}"
        )
    base = source.url.rstrip("/") + "/" if source.url else ""
    if given:
        try:
            return urljoin(base, given)
        except ValueError:
            raise _BadFile("the 'url' in its front matter is no address; correct it") from None
    slug = html.unescape(_scalar(meta, "slug")) or path.rpartition("/")[2].rpartition(".")[0]
    return base + quote(fit(slug).strip("/"), safe="/")


def _moment(given: Any, path: str, problems: list[Problem]) -> datetime | None:
    """An aware moment; a date alone is its midnight in UTC."""
    if given is None or given == "":
        return None
    try:
        if isinstance(given, datetime):
            return aware(given)
        if isinstance(given, date):
            return aware(datetime(given.year, given.month, given.day, tzinfo=UTC))
        if isinstance(given, str):
            return aware(datetime.fromisoformat(given.strip()))
    except (ValueError, OverflowError):
        pass
    shown = shorten(one_line(given), 60) if isinstance(given, str) else type(given).__name__
    why = f"its date {shown!r} can't be read; write it like 2026-11-24 or 2026-11-24T08:00:00+01:00"
    problems.append(Problem(path, why, lost=False))
    return None


def _markdown(text: str) -> _Page:
    rendered = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)
    heading = _HEADING.match(rendered)
    return _Page(rendered[heading.end() :], heading[1]) if heading else _Page(rendered)


def _html(text: str) -> _Page:
    """The page's ``main`` or ``article`` if there is one, without the heading that is its title."""
    if not text.strip():
        return _Page("")
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        root = lxml.html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError) as error:
        raise _BadFile(f"it is no HTML that can be read ({shorten(one_line(str(error)), 100)})") from None
    named = {meta.get("name", "").lower(): meta.get("content", "") for meta in root.iter("meta")}
    body = next(root.iter("main"), None)
    if body is None:
        body = next(root.iter("article"), None)
    if body is None:
        body = root.find("body") if root.find("body") is not None else root
    heading = next(body.iter("h1"), None)
    title = next((found.text_content() for found in root.iter("title")), "").strip()
    if heading is not None:
        title = heading.text_content().strip() or title
        heading.drop_tree()
    language = root.get("lang", "")
    return _Page(
        content=lxml.html.tostring(body, encoding="unicode"),
        title=html.escape(title, quote=False),
        summary=html.escape(named.get("description", ""), quote=False),
        author=html.escape(named.get("author", ""), quote=False),
        language=language,
        published=named.get("date", "") or named.get("dcterms.date", ""),
    )
