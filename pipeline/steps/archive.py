"""Archiving: a theme's history in documents that stay as they are::

    archives that something left ────────┐
    slots past the last archive ─▶ append ┴▶ select ─▶ put (build, check, switch)

They go before the current document, which leads to the newest of them. What is not yet in a full
archive is in one that grows, unless the current document shows all of it anyway.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from feeds.feed import Feed
from feeds.history import SIZE, Archive, append
from pipeline.ports import PublishWork
from pipeline.steps.select import Selector, named

_AT_ONCE = 20
"""New archives whose slots are looked up together."""


def archive(
    work: PublishWork,
    selector: Selector,
    slug: str,
    *,
    made_from: str,
    after: int,
    shown: Collection[int],
    force: bool,
    put: Callable[[Feed], object],
) -> tuple[list[Archive], int]:
    """Bring a theme's archives up to the log. Gives those that were put, and the number of the newest.

    ``after`` is the position that they show the log up to; ``shown`` the articles in the current document.
    0 stands for no archive at all.
    """
    known = work.publication.archives(slug)
    left = set(_holding(known, work.log.departing(named(slug), after))) if known else set()
    done = []
    for one in known:
        if force or one.made_from != made_from or one.number in left:
            put(selector.archive(work, slug, one))
            done.append(replace(one, made_from=made_from))
    last = known[-1] if known else None
    for one in _appended(work, slug, last, made_from):
        if one.full or (last is not None and one.number == last.number) or _hides(work, slug, one, shown):
            put(selector.archive(work, slug, one))
            done.append(one)
    return done, max((one.number for one in (*known, *done)), default=0)


def _appended(work: PublishWork, slug: str, last: Archive | None, made_from: str) -> Iterator[Archive]:
    """The archives that the log has filled or begun since the last one."""
    while True:
        room = SIZE - last.size if last is not None and not last.full else 0
        slots = work.log.slots(named(slug), last.last if last else 0, room + _AT_ONCE * SIZE)
        if not slots:
            return
        for one in append(last, slots, made_from):
            yield one
            last = one
        if len(slots) < room + _AT_ONCE * SIZE:
            return


def _holding(archives: Sequence[Archive], positions: Iterable[int]) -> Iterator[int]:
    """The numbers of the archives that these positions are in."""
    lasts = [archive.last for archive in archives]
    for position in positions:
        place = bisect_left(lasts, position)
        if place < len(archives) and archives[place].first <= position:
            yield archives[place].number


def _hides(work: PublishWork, slug: str, archive: Archive, shown: Collection[int]) -> bool:
    """Whether an archive that is not out yet would have something that the current document has not."""
    slots = work.log.slots(named(slug), archive.first - 1, archive.size, up_to=archive.last)
    return any(slot.article not in shown for slot in slots)
