"""JSON Feed 1 and 1.1 (https://www.jsonfeed.org/version/1.1/), leniently: a bad item costs one item."""

import html
import json
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from feeds.address import web_address
from feeds.characters import fit, one_line, shorten
from feeds.dates import aware
from feeds.draft import Draft, Enclosure, Problem
from feeds.encoding import text_of
from feeds.normalise import EARLIEST
from feeds.source import Reading, Source, SourceError
from feeds.sources.amended import feedparser
from feeds.sources.feeddates import moment_of

ITEMS = 2_000
_DATE = 100
"""Characters; no date has more."""
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
"""Seconds since 1970, most likely, in which feedparser sees a year and a day."""


def _text(value: Any) -> Any:
    """Numbers are taken for the text they should have been; lone surrogates, which JSON allows, go."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return fit(value) if isinstance(value, str) else value


def _size(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0


def _name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _some(value: Any) -> Any:
    """A list in which nothing stands that is none of its kind: what is wrong there costs no item."""
    if isinstance(value, str):
        value = [value]
    return [one for one in value if isinstance(one, str | dict)] if isinstance(value, list) else None


def _texts(value: Any) -> Any:
    return [one for one in _some(value) or () if isinstance(one, str)]


def _attachments(value: Any) -> Any:
    return [one for one in _some(value) or () if isinstance(one, dict) and isinstance(one.get("url"), str)]


def _text_or_none(value: Any) -> Any:
    return "" if isinstance(value, dict | list | bool) else _text(value)


Text = Annotated[str, BeforeValidator(_text)]
Aside = Annotated[str, BeforeValidator(_text_or_none)]
"""What an item can do without."""


class Author(BaseModel):
    name: Aside = ""


OneAuthor = Annotated[Author | None, BeforeValidator(lambda value: _name(value) if _some([value]) else None)]
Authors = Annotated[
    list[Author] | None, BeforeValidator(lambda value: [_name(one) for one in _some(value) or ()])
]


class Attachment(BaseModel):
    url: Text
    mime_type: Aside = ""
    size_in_bytes: Annotated[int, BeforeValidator(_size)] = 0


class Item(BaseModel):
    id: Text = ""
    url: Text = ""
    external_url: Text = ""
    title: Text = ""
    content_html: Text = ""
    content_text: Text = ""
    summary: Aside = ""
    date_published: Aside = ""
    date_modified: Aside = ""
    author: OneAuthor = None  # version 1
    authors: Authors = None
    tags: Annotated[list[Text], BeforeValidator(_texts)] = []
    language: Aside = ""
    image: Aside = ""
    banner_image: Aside = ""
    attachments: Annotated[list[Attachment], BeforeValidator(_attachments)] = []


class JsonFeed(BaseModel):
    version: Text
    title: Aside = ""
    language: Aside = ""
    author: OneAuthor = None
    authors: Authors = None
    items: list[Any]


def read_json_feed(source: Source, document: bytes) -> Reading:
    """The items that are valid, and a problem for each that is not. SourceError when it is no JSON Feed."""
    try:
        # Software that puts JSON together by hand leaves line ends and tabs in its texts as they are.
        feed = JsonFeed.model_validate(json.loads(text_of(document), strict=False))
    except (ValueError, RecursionError) as error:  # includes pydantic's ValidationError
        raise SourceError(
            f"source {source.name}: {source.shown} is JSON but no JSON Feed ({_fault(error)}); "
            "give the address of an RSS, Atom or JSON feed"
        ) from error
    if "jsonfeed.org/version/" not in feed.version:
        raise SourceError(
            f"source {source.name}: {source.shown} is JSON but its version names no JSON Feed; "
            "give the address of an RSS, Atom or JSON feed"
        )
    drafts, problems = [], []
    for number, raw in enumerate(feed.items[:ITEMS], 1):
        try:
            item = Item.model_validate(raw)
        except ValidationError as error:
            problems.append(Problem(f"item {number}", f"it is no valid item ({_fault(error)}); left out"))
            continue
        draft = _draft(item, feed, problems)
        if draft.key:
            drafts.append(draft)
        else:
            problems.append(Problem(f"item {number}", "it has no id, url or title to know it by; left out"))
    if len(feed.items) > ITEMS:
        why = f"it has {len(feed.items)} items; only the first {ITEMS} were read"
        problems.append(Problem(f"source {source.name}", why))
    return Reading(drafts, problems, html.escape(feed.title, quote=False), feed.language)


def _draft(item: Item, feed: JsonFeed, problems: list[Problem]) -> Draft:
    # Title, summary, names and tags are plain text (§ Items): escaped, their "<" stays one.
    # An id ideally is the address (§ Items); an episode of a podcast may be nothing but what is heard.
    url = item.url or item.external_url or web_address(item.id, "") or ""
    url = url or next((one.url for one in item.attachments), "")
    key = item.id or url or item.title
    return Draft(
        key=key,
        url=url,
        title=_escape(item.title),
        summary=_escape(item.summary),
        content=item.content_html or _paragraphs(item.content_text),
        author=_names(item.authors, item.author) or _names(feed.authors, feed.author),
        language=item.language or feed.language,
        categories=tuple(_escape(tag) for tag in item.tags),
        published=_moment(item, key, problems),
        image=item.image or item.banner_image,
        enclosures=tuple(Enclosure(one.url, one.mime_type, one.size_in_bytes) for one in item.attachments),
    )


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def _paragraphs(text: str) -> str:
    parts = [_escape(part.strip()) for part in text.split("\n\n")]
    return "".join(f"<p>{part}</p>" for part in parts if part)


def _names(authors: list[Author] | None, author: Author | None) -> str:
    return ", ".join(_escape(one.name) for one in authors or ([author] if author else []) if one.name)


def _moment(item: Item, key: str, problems: list[Problem]) -> datetime | None:
    doubtful = ""
    for given in (item.date_published, item.date_modified):
        if not given:
            continue
        moment = _read_date(given.strip()[:_DATE])
        if moment is not None and moment >= EARLIEST:
            return moment
        doubtful = doubtful or given
    if doubtful:
        why = f"its date {shorten(one_line(doubtful), 60)!r} can't be read or is before {EARLIEST.year}"
        problems.append(Problem(shorten(one_line(key), 200), why, lost=False))
    return None


def _read_date(given: str) -> datetime | None:
    """A date as RFC 3339 has it, and as all other feeds write theirs."""
    try:
        return aware(datetime.fromisoformat(given))
    except (ValueError, OverflowError):
        if _FIGURE.fullmatch(given):
            return None
    return moment_of(feedparser.datetimes._parse_date(given))


def _fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        return shorten(one_line(f"{place}: {first['msg']}" if place else first["msg"]), 150)
    return "nested too deeply" if isinstance(error, RecursionError) else shorten(one_line(str(error)), 150)
