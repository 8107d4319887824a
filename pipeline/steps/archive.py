"""Archiving: a theme's history in documents that stay as they are::

    archives that something left ────────┐
    slots past the last archive ─▶ append ┴▶ select ─▶ put (build, check, switch)

They go before the current document, which leads to the newest of them. What is not yet in a full
archive waits for as long as the current document shows it; then it is put in one that grows.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from feeds.feed import Feed
from feeds.history import SIZE, Archive, Slot, append
from pipeline.ports_publishing import PublishWork
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
    # A portal has thousands of them, and hardly ever anything to do for one.
    known = work.publication.archives(slug, "" if force else made_from)
    last = known[-1] if known else None
    left = work.log.departing(named(slug), after) if known else []
    if left and not force:
        known = work.publication.archives(slug)
    emptied = set(_holding(known, left))
    done = []
    for one in known:
        if force or one.made_from != made_from or one.number in emptied:
            put(selector.archive(work, slug, one))
            done.append(replace(one, made_from=made_from))
    for one, added in _appended(work, slug, last, made_from):
        if one.full or any(slot.article not in shown for slot in added):
            put(selector.archive(work, slug, one))
            done.append(one)
    return done, max((one.number for one in (last, *done) if one is not None), default=0)


def _appended(
    work: PublishWork, slug: str, last: Archive | None, made_from: str
) -> Iterator[tuple[Archive, list[Slot]]]:
    """The archives that the log has filled or begun since the last one, and the slots added to each."""
    while True:
        room = SIZE - last.size if last is not None and not last.full else 0
        slots = work.log.slots(named(slug), last.last if last else 0, room + _AT_ONCE * SIZE)
        if not slots:
            return
        for one in append(last, slots, made_from):
            yield one, [slot for slot in slots if one.first <= slot.position <= one.last]
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
