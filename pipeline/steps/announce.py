"""Announcing: an article that is out from now on gets its entry in the log, by which readers are mailed."""

from collections.abc import Collection
from datetime import datetime

from feeds.article import Visibility
from feeds.log import Kind
from pipeline.ports import SERVED_UNTIL_FACT, CollectWork


def release(work: CollectWork, now: datetime) -> int:
    """Publish the articles whose date has come; gives how many."""
    ids = work.articles.released(now)
    places = work.articles.themes(ids)
    for id in ids:
        work.articles.show(id, Visibility.VISIBLE)
        announce(work, id, Kind.NEW, places[id], now)
    return len(ids)


def announce(work: CollectWork, id: int, kind: Kind, themes: Collection[str], now: datetime) -> None:
    """Log an article as here. One that was here before is restored instead: it is not mailed again.

    Nor is one that may have come out between a backup and its restore.
    """
    if work.log.introduced(id):
        kind = Kind.RESTORED
    elif (until := served_until(work)) is not None and work.articles.get([id])[id].published <= until:
        kind = Kind.BACKFILL
    work.log.append(id, kind, themes, now)


def served_until(work: CollectWork) -> datetime | None:
    """Up to when readers may have had what a restored database knows nothing of; None for any other."""
    moment = work.register.fact(SERVED_UNTIL_FACT)
    return datetime.fromisoformat(moment) if moment else None
