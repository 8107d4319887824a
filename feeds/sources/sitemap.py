"""Sitemaps (https://www.sitemaps.org/protocol.html) and news sitemaps: the pages they list, as articles.

    sitemap ─▶ its sitemaps, if it is an index ─▶ pages that are new or changed ─▶ a draft each

A visit reads a few pages, the newest first, and leaves the rest for the next one.
"""

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from heapq import nlargest
from itertools import chain
from urllib.parse import urlsplit

from feeds.characters import shorten
from feeds.draft import Problem
from feeds.identity import distinct
from feeds.source import (
    ClosedToRobots,
    HttpRequest,
    Memory,
    NotModified,
    OutOfTime,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    Validators,
    Visit,
)
from feeds.sources.listing import LISTED, NEVER, Listed, read_sitemap, shown
from feeds.sources.page import NoArticle, read_page

PAGES = 40
"""Pages read on one visit; with a second between two, that is less than a minute."""
REMEMBERED = 2_000
"""Pages of a sitemap that are followed: the newest."""
SITEMAPS = 20
"""Sitemaps of an index that are read on one visit: those never read before, the newest of them first."""
FAILURES = 3
"""After so many pages in a row that can't be had, the host is left alone until the next visit."""
MANY_EMPTY = 3
"""So many pages without a text, and none with one, are worth a word."""
AGAIN = 3
"""Pages without a date of change that are looked at again on each visit, by turns."""

_CHANGED = "changed"
"""What no sitemap says of a change, so that it has changed since."""
_ACCEPT = "application/xml, text/xml;q=0.9, text/plain;q=0.5, */*;q=0.1"
_ACCEPT_PAGE = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"


@dataclass(slots=True)
class _Past:
    """What earlier visits saw: pages, the longest ago first, and sitemaps, with what was said of changes.

    ``waiting`` is how many pages of each of these sitemaps were never read.
    """

    seen: dict[str, str]
    sitemaps: dict[str, str]
    unfinished: bool
    waiting: dict[str, int]

    def count(self, unread: dict[str, set[str]]) -> None:
        """Forget what is too much to remember, and count what is left in the sitemaps that were read."""
        kept = dict(list(self.seen.items())[-2 * REMEMBERED :])
        self.sitemaps = dict(list(self.sitemaps.items())[-REMEMBERED:])
        # Whose pages were forgotten can't be told, so that the other sitemaps have to be counted anew.
        counted = self.sitemaps.keys() if len(kept) == len(self.seen) else set()
        before = {one: number for one, number in self.waiting.items() if one in counted}
        self.seen = kept
        self.waiting = before | {one: len(names - kept.keys()) for one, names in unread.items()}

    def bookmark(self, source: Source) -> str:
        seen, sitemaps = list(self.seen.items()), list(self.sitemaps.items())
        rest = {"unfinished": self.unfinished, "waiting": self.waiting, "pages": source.pages}
        return json.dumps({"seen": seen, "sitemaps": sitemaps, **rest})


def _recall(memory: Memory, source: Source) -> _Past:
    if not memory.bookmark:
        return _Past({}, {}, unfinished=False, waiting={})
    said = json.loads(memory.bookmark)
    seen, sitemaps = dict(said["seen"]), dict(said["sitemaps"])
    if memory.afresh:
        seen, sitemaps = dict.fromkeys(seen, _CHANGED), dict.fromkeys(sitemaps, _CHANGED)
    if said.get("pages") != source.pages:  # by the config; what it wants now was never looked for, or counted
        return _Past(seen, {}, unfinished=True, waiting={})
    return _Past(seen, sitemaps, said["unfinished"], said["waiting"])


class SitemapSource:
    """A sitemap at a URL. Not all that was listed stays listed, so what is missing has not been withdrawn."""

    name = "sitemap"
    complete = False

    def visit(self, source: Source, memory: Memory) -> Visit:
        """The sitemap, and those of its pages that are new or have changed."""
        if not source.url:
            raise SourceError(f'source {source.name}: a sitemap needs a url; add url = "https://…" to it')
        past = _recall(memory, source)
        # What is unchanged may still hold pages that were not reached.
        known = Validators() if past.unfinished else memory.validators
        answer = yield HttpRequest(source.url, known, accept=_ACCEPT, as_robot=True)
        if isinstance(answer, NotModified):
            return answer
        reading = Reading([], moved=answer.moved, partial=True)
        listed, unread = yield from _pages(source, answer, past, reading)
        if not (listed or past.seen or reading.problems):
            why = "it lists no page to be read; look at 'pages' in its config, and at the sitemap itself"
            reading.problems.append(Problem(f"source {source.name}", why, lost=False))
        wanted, again = _choose(listed, past.seen)
        came = _came(unread, past.waiting)
        left, wait = yield from _read_pages(wanted[:PAGES], again, past.seen, reading)
        missed = [*left, *wanted[PAGES:]]
        for page in missed:
            past.sitemaps[page.within] = ""  # to be read again, for what is left in it
        past.sitemaps.pop("", None)
        past.unfinished = past.unfinished or bool(missed)
        past.count(unread)
        dated = all(page.changed for page in listed) and all(past.sitemaps.values())
        return replace(
            reading,
            drafts=distinct(reading.drafts, reading.problems),
            bookmark=past.bookmark(source),
            # Where it says nothing of their changes, what it lists may have changed while it has not.
            validators=answer.validators if dated else Validators(),
            wait=wait,
            appeared=came,
        )


def _pages(
    source: Source, answer: Payload, past: _Past, reading: Reading
) -> Generator[Request, Payload | NotModified, tuple[list[Listed], dict[str, set[str]]]]:
    """The pages of this source that a sitemap lists, or the sitemaps in it that changed; the newest first.

    Also the names of the pages in each that were never read, however old: those that are too many to be
    followed may be among the newest when other sitemaps are read. Tells ``past`` which sitemaps were read,
    and whether some are left for the next visit.
    """
    sitemap = read_sitemap(source, answer)
    past.unfinished = not sitemap.whole
    # A site that moved lists its pages under its new name.
    hosts = {_host(source.url), _host(answer.base or source.url)}
    others: set[str] = set()
    found: dict[str, Listed] = {}
    unread: dict[str, set[str]] = {}

    def take(pages: list[Listed], within: str = "") -> None:
        others.update(_host(page.url) for page in pages)
        own = [page for page in pages if _host(page.url) in hosts and _fits(source, page.url)]
        unread[within] = {page.name for page in own} - past.seen.keys()
        newest = nlargest(REMEMBERED + 1, chain(found.values(), own), key=lambda page: page.order)
        found.clear()
        found.update((page.url, page) for page in newest)

    if not sitemap.is_index:
        take(sitemap.listed)
    else:
        left = LISTED  # of as many as one sitemap may list: reading them takes a second
        chosen, rest = _choose_sitemaps(sitemap.listed, past.sitemaps)
        past.unfinished = past.unfinished or any(one.name not in past.sitemaps for one in rest)
        for one in chosen:
            if left <= 0:
                past.unfinished = True
                break
            try:
                part = yield HttpRequest(one.url, accept=_ACCEPT, as_robot=True)
                assert isinstance(part, Payload)
                inner = read_sitemap(source, part)
            except SourceError as error:
                if error.wait or isinstance(error, OutOfTime):
                    raise
                reading.problems.append(Problem(one.url, shorten(str(error), 300), lost=False))
                continue
            past.sitemaps.pop(one.name, None)  # so that it goes to the end
            past.sitemaps[one.name] = one.changed if inner.whole else ""
            if inner.is_index:
                why = "it is an index within an index; give its address as a source of its own"
                reading.problems.append(Problem(one.url, why, lost=False))
                continue
            left -= len(inner.listed)
            take([replace(page, within=one.name) for page in inner.listed], one.name)
    if others and not others & hosts:
        raise SourceError(
            f"source {source.name}: all pages that {shown(answer)} lists are on other hosts "
            f"({shorten(', '.join(sorted(others)), 100)}); give the address of the sitemap of that host"
        )
    newest = list(found.values())
    if len(newest) > REMEMBERED and newest[-1].order == NEVER:
        why = (
            f"it lists more than {REMEMBERED:,} pages without dates, and only the first {REMEMBERED:,} are "
            "followed; name the ones you want in 'pages'"
        )
        reading.problems.append(Problem(f"source {source.name}", why, lost=False))
    return newest[:REMEMBERED], unread


def _choose_sitemaps(listed: list[Listed], known: dict[str, str]) -> tuple[list[Listed], list[Listed]]:
    """The sitemaps of an index to read, of those that may have changed, and the rest of these.

    First those never read, the newest first; then the others, the longest ago first.
    """
    turns = {name: place for place, name in enumerate(known)}
    changed = [one for one in listed[:REMEMBERED] if not one.changed or known.get(one.name) != one.changed]
    changed.sort(key=lambda one: turns.get(one.name, -1))
    return changed[:SITEMAPS], changed[SITEMAPS:]


def _choose(listed: list[Listed], seen: dict[str, str]) -> tuple[list[Listed], list[Listed]]:
    """The pages to read, and those of whom nobody says whether they changed, the longest unseen first."""
    turns = {name: place for place, name in enumerate(seen)}
    wanted = [page for page in listed if seen.get(page.name) != page.changed]
    if len(wanted) > PAGES:  # some sites say of every page that it changed just now: all get their turn
        wanted.sort(key=lambda page: turns.get(page.name, -1))
    undated = [page for page in listed if not page.changed and page.name in seen]
    return wanted, sorted(undated, key=lambda page: turns[page.name])[:AGAIN]


def _read_pages(
    wanted: list[Listed], again: list[Listed], seen: dict[str, str], reading: Reading
) -> Generator[Request, Payload | NotModified, tuple[list[Listed], timedelta]]:
    """Read pages into drafts, and mark them as seen.

    Gives those that are left for the next visit, and how long the host wants to be left alone until then.
    """
    failures = 0
    away: list[Listed] = []
    empty = closed = 0
    pages = [*wanted, *again]
    for number, page in enumerate(pages):
        try:
            answer = yield HttpRequest(page.url, accept=_ACCEPT_PAGE, as_robot=True)
        except OutOfTime:
            return [*away, *pages[number:]], timedelta(0)
        except ClosedToRobots as error:
            if not closed:
                reading.problems.append(Problem(page.url, shorten(str(error), 300), lost=False))
            closed += 1
            _mark(seen, page)
            continue
        except SourceError as error:
            failures += 1
            reading.problems.append(Problem(page.url, shorten(str(error), 300), lost=False))
            if error.wait or failures >= FAILURES:
                return [*away, *pages[number:]], error.wait
            if error.status is not None and 400 <= error.status < 500:
                _mark(seen, page)  # it is not there, or not for us
            else:
                away.append(page)
            continue
        failures = 0
        _mark(seen, page)
        assert isinstance(answer, Payload)
        try:
            document = next(iter(answer.documents.values()), b"")
            draft = read_page(answer.base or page.url, document, answer.content_type)
        except NoArticle:
            empty += 1
            continue  # a sitemap lists forms and overviews too, and they are no fault of anybody's
        published = page.published or draft.published
        title = draft.title or page.title
        reading.drafts.append(replace(draft, key=page.url, title=title, published=published))
    if empty >= MANY_EMPTY and not reading.drafts:
        why = (
            f"none of the {empty} pages that were read has a text that can be found; they may be overviews, "
            "for 'pages' in its config to leave out, or need a browser to show what they say"
        )
        reading.problems.append(Problem(wanted[0].url if wanted else pages[0].url, why, lost=False))
    return away, timedelta(0)


def _came(unread: dict[str, set[str]], waiting: dict[str, int]) -> int:
    """How many pages were not there before, by how many of each sitemap are unread now and were then.

    Those of a sitemap that is read for the first time may all be old.
    """
    known = {sitemap: names for sitemap, names in unread.items() if sitemap in waiting}
    more = sum(max(0, len(names) - waiting[sitemap]) for sitemap, names in known.items())
    return min(more, len(set().union(*known.values())))  # one may be in two: in the news, and among all


def _mark(seen: dict[str, str], page: Listed) -> None:
    seen.pop(page.name, None)  # so that it goes to the end
    seen[page.name] = page.changed


def _fits(source: Source, url: str) -> bool:
    """Whether the config wants this page; the front page is never an article."""
    path = urlsplit(url).path
    if path in ("", "/"):
        return False
    return not source.pages or any(fnmatchcase(path, pattern) for pattern in source.pages)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")
