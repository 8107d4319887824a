"""WordPress, by its REST API (https://developer.wordpress.org/rest-api/reference/posts/).

posts that changed since the last visit ─┬▶ page after page ─▶ a draft each, with names for its categories
posts that came out since then ──────────┘
"""

import html
import json
import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from feeds.characters import one_line, shorten
from feeds.draft import Draft, Problem
from feeds.encoding import text_of
from feeds.identity import distinct
from feeds.source import (
    HttpRequest,
    Memory,
    NotModified,
    OutOfTime,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    Visit,
)

A_PAGE = 50
PAGES = 10
"""Pages of posts read on one visit, and so the posts that are history when a source is new."""
MOST_PAGES = 200

_LATEST_FIRST = {"orderby": "modified", "order": "desc"}
_FIELDS = "id,date_gmt,modified,link,guid,title,excerpt,content,_links,_embedded"
_EMBED = "author,wp:term,wp:featuredmedia"
_PLAIN = re.compile(r"[^?#]*\?rest_route=(?=/)")
_A_SECOND = timedelta(seconds=1)
"""WordPress leaves out what changed in the very second it is asked about."""
_CLOCK_CHANGE = timedelta(hours=2)
"""More than a site's clock is ever put back."""
_ZONES = timedelta(days=1)
"""More than a site's clock differs from UTC."""


class _Unheeded(Exception):
    """The site shows what did not change since the moment that it was asked about."""


class Rendered(BaseModel):
    rendered: str = ""
    protected: bool = False


class Post(BaseModel):
    link: str
    guid: Rendered = Rendered()
    date_gmt: str | None = None
    modified: str
    title: Rendered = Rendered()
    excerpt: Rendered = Rendered()
    content: Rendered = Rendered()


class WordpressSource:
    """A WordPress site at its front page, or at its ``/wp-json/``. A visit shows only what has changed."""

    name = "wordpress"
    complete = False

    def visit(self, source: Source, memory: Memory) -> Visit:
        """The posts that are new or changed since the last visit; the newest ones on the first."""
        if not source.url:
            raise SourceError(f'source {source.name}: a WordPress needs a url; add url = "https://…" to it')
        reading = Reading([], partial=True)
        past = _left_off(memory)
        newest = yield from _posts(source, "" if memory.afresh else past, reading)
        if newest is None:
            return NotModified()
        return replace(
            reading,
            drafts=distinct(_as_read_last(reading.drafts), reading.problems),
            bookmark=max(newest, past),
        )


def posts_url(url: str) -> str:
    """Where the posts of a site are: below its front page, or below an address of its API.

    A site without readable addresses has its API in a query.
    """
    if plain := _PLAIN.match(url):
        return f"{plain[0]}/wp/v2/posts"
    root, found, _ = url.partition("/wp-json")
    if not found:
        root = url.partition("?")[0].rstrip("/")
    return f"{root}/wp-json/wp/v2/posts"


def _left_off(memory: Memory) -> str:
    """The last change that was seen, or what surely came before it where that is yet to come.

    A post that an import dated in the year 3000 would otherwise hide all that change until then.
    """
    if not memory.bookmark or memory.last_looked is None:
        return memory.bookmark
    looked = memory.last_looked.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    if memory.bookmark <= (looked + _ZONES).isoformat():
        return memory.bookmark
    return _before(looked.isoformat(), _ZONES)


def _posts(
    source: Source, since: str, reading: Reading
) -> Generator[Request, Payload | NotModified, str | None]:
    """Read posts into drafts; gives the moment of the last change among them, by the site's own clock.

    None where the site says that nothing has changed.
    """
    if not since:
        return (yield from _read_pages(source, _LATEST_FIRST, "", reading))
    # The oldest change first: what is left for the next visit is then what came last.
    changed = {"orderby": "modified", "order": "asc", "modified_after": _before(since, _A_SECOND)}
    try:
        newest = yield from _read_pages(source, changed, since, reading)
    except _Unheeded:  # before WordPress 5.7: from its first post on we would read all of the site
        newest = yield from _read_pages(source, _LATEST_FIRST, "", reading, until=since)
    if newest is not None:
        # A post that was planned counts as changed when it was written, and may come out long after that.
        came_out = {"orderby": "date", "order": "desc", "after": _before(since, _CLOCK_CHANGE)}
        yield from _read_pages(source, came_out, "", reading)
    return newest


def _read_pages(
    source: Source, query: Mapping[str, str], since: str, reading: Reading, until: str = ""
) -> Generator[Request, Payload | NotModified, str | None]:
    """As ``_posts``: some pages, the last of which goes beyond ``since``, or all back to ``until``.

    Raises _Unheeded.
    """
    newest, oldest = "", ""
    number = 1
    for number_read in range(1, MOST_PAGES + 1):
        after = query.get("modified_after", "")
        try:
            page = yield from _read_page(source, {**query, "page": number}, reading)
            if page is None:
                return None
            newest = max([newest, *page.changes])
            oldest = min([*page.changes, oldest or newest])
            # Posts that all changed in the same second, as when many are edited at once, are read to the end:
            # the next visit would begin with them again.
            enough = oldest < until if until else number_read >= PAGES and newest > since
            if not page.full or enough:
                break
            if not after or not page.changes:
                number += 1
                continue
            # One that is edited meanwhile goes to the end, and would draw another over the edge of a page.
            further, number = _before(page.changes[-1], _A_SECOND), 1
            if further <= after:
                yield from _read_second(source, after, reading)
                further = _before(after, -_A_SECOND)
            query = {**query, "modified_after": further}
        except OutOfTime:
            return "" if until else newest  # what is left is older, and is looked for again
        except SourceError as error:
            if number > 1 and error.status == 400:
                return newest  # WordPress says so of a page beyond the last
            raise
    return newest


def _read_second(
    source: Source, after: str, reading: Reading
) -> Generator[Request, Payload | NotModified, None]:
    """Read all posts of the second that follows a moment, by their numbers.

    One that is edited meanwhile leaves that second, and draws all behind it forward. So each page begins with
    the last post of the one before, and where it does not, something was passed over and is gone back for.
    """
    before = _before(after, -2 * _A_SECOND)
    query = {"orderby": "id", "order": "asc", "modified_after": after, "modified_before": before}
    last, offset = 0, 0
    for _ in range(MOST_PAGES):
        page = yield from _read_page(source, {**query, "offset": offset}, reading)
        if page is None:
            return
        if offset and (not page.numbers or page.numbers[0] > last):
            offset = max(0, offset - A_PAGE)
        elif not page.full:
            return
        else:
            last, offset = page.numbers[-1], offset + A_PAGE - 1


@dataclass(frozen=True, slots=True)
class _Page:
    """The posts of a page: their numbers, when the valid ones changed, and whether others may follow."""

    numbers: list[int]
    changes: list[str]
    full: bool


def _read_page(
    source: Source, query: Mapping[str, str | int], reading: Reading
) -> Generator[Request, Payload | NotModified, _Page | None]:
    """Read a page of posts into drafts; None where the site says that nothing changed. Raises _Unheeded."""
    where = posts_url(source.url)
    asked = urlencode({"per_page": A_PAGE, "_fields": _FIELDS, "_embed": _EMBED, **query})
    answer = yield HttpRequest(f"{where}{'&' if '?' in where else '?'}{asked}", accept="application/json")
    if isinstance(answer, NotModified):
        return None
    posts = _read(source, answer)
    changes = []
    for number, raw in enumerate(posts, 1):
        try:
            post = Post.model_validate(raw)
            changed = datetime.fromisoformat(post.modified).replace(tzinfo=None).isoformat()
        except ValueError as error:  # pydantic's ValidationError too
            reading.problems.append(
                Problem(f"post {number}", f"it is no valid post ({_fault(error)}); left out")
            )
            continue
        if changed < str(query.get("modified_after", "")):
            raise _Unheeded
        changes.append(changed)
        if not post.content.protected:
            reading.drafts.append(_draft(post, raw))
    return _Page([_number(raw) for raw in posts], changes, full=len(posts) >= A_PAGE)


def _as_read_last(drafts: Iterable[Draft]) -> Iterable[Draft]:
    """Each post once, as it was when it was read last: it may have been edited in between."""
    return {(draft.key, draft.url): draft for draft in drafts}.values()


def _read(source: Source, answer: Payload) -> list[Any]:
    document = next(iter(answer.documents.values()), b"")
    try:
        posts = json.loads(text_of(document))
    except (ValueError, RecursionError):
        posts = None
    if not isinstance(posts, list):
        raise SourceError(
            f"source {source.name}: {source.shown} has no WordPress API that lists its posts; "
            "use its feed or its sitemap instead"
        )
    return posts[: A_PAGE * 2]


def _draft(post: Post, raw: Any) -> Draft:
    embedded = raw.get("_embedded")
    embedded = embedded if isinstance(embedded, dict) else {}
    return Draft(
        key=post.guid.rendered or post.link,
        url=html.unescape(post.link),
        title=post.title.rendered,
        summary=post.excerpt.rendered,
        content=post.content.rendered,
        author=", ".join(_names(embedded.get("author"))),
        categories=tuple(name for terms in _list(embedded.get("wp:term")) for name in _names(terms)),
        published=_published(post.date_gmt),
        image=next(
            (media["source_url"] for media in _list(embedded.get("wp:featuredmedia")) if _has_address(media)),
            "",
        ),
    )


def _number(raw: Any) -> int:
    number = raw.get("id") if isinstance(raw, dict) else None
    return number if isinstance(number, int) else 0


def _names(things: Any) -> list[str]:
    """Names are HTML there."""
    return [
        thing["name"]
        for thing in _list(things)
        if isinstance(thing, dict) and isinstance(thing.get("name"), str)
    ]


def _has_address(media: Any) -> bool:
    return isinstance(media, dict) and isinstance(media.get("source_url"), str)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _published(given: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(given or "").replace(tzinfo=UTC)
    except ValueError:
        return None


def _before(moment: str, span: timedelta) -> str:
    try:
        return (datetime.fromisoformat(moment) - span).isoformat()
    except OverflowError:  # there is nothing before the year 1
        return moment


def _fault(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return shorten(one_line(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"), 150)
    return shorten(one_line(str(error)), 150)
