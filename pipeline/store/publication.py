"""How far what is published follows the log, and what is to be told to others about it."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from feeds.history import Archive
from feeds.hub import Ping
from pipeline.store.tables import FeedArchive, FeedCursor, HubPing, RetiredTheme

_ARCHIVES = sa.select(
    col(FeedArchive.number),
    col(FeedArchive.first),
    col(FeedArchive.last),
    col(FeedArchive.size),
    col(FeedArchive.made_from),
)


class Publication:
    """The feeds' cursors, archives and pings in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def cursors(self) -> dict[str, tuple[int, str]]:
        """The position each published theme's documents were made at, and from which config."""
        rows = self._session.exec(select(FeedCursor.theme, FeedCursor.position, FeedCursor.made_from))
        return {theme: (position, made_from) for theme, position, made_from in rows}

    def advance(self, theme: str, position: int, made_from: str) -> None:
        """A theme's documents now show the log up to this position."""
        row = self._session.get(FeedCursor, theme) or FeedCursor(theme=theme)
        row.position = position
        row.made_from = made_from
        self._session.add(row)

    def catch_up(self, themes: Collection[str], position: int) -> None:
        """The log holds nothing for these themes up to a position that their documents don't show."""
        self._session.execute(
            update(FeedCursor)
            .where(col(FeedCursor.theme).in_(themes), col(FeedCursor.position) < position)
            .values(position=position)
        )

    def archives(self, theme: str, unless_from: str | None = None) -> list[Archive]:
        """A theme's archives, in order; those made from this config are left out, where one is given."""
        query = _ARCHIVES.where(col(FeedArchive.theme) == theme).order_by(col(FeedArchive.number))
        if unless_from is not None:
            query = query.where(col(FeedArchive.made_from) != unless_from)
        return [Archive(*row) for row in self._session.execute(query)]

    def newest_archive(self, theme: str) -> Archive | None:
        """A theme's last archive, where it has one."""
        query = _ARCHIVES.where(col(FeedArchive.theme) == theme).order_by(col(FeedArchive.number).desc())
        row = self._session.execute(query.limit(1)).first()
        return Archive(*row) if row is not None else None

    def keep(self, theme: str, archives: Sequence[Archive]) -> None:
        """These archives are out as they are here."""
        for archive in archives:
            self._session.merge(
                FeedArchive(
                    theme=theme,
                    number=archive.number,
                    first=archive.first,
                    last=archive.last,
                    size=archive.size,
                    made_from=archive.made_from,
                )
            )

    def retire(self, theme: str, at: datetime) -> None:
        """A theme is no longer published, and was until now."""
        for table in (FeedCursor, FeedArchive):
            self._session.execute(delete(table).where(col(table.theme) == theme))
        self._session.merge(RetiredTheme(slug=theme, at=at))

    def revive(self, themes: Collection[str]) -> None:
        """These themes are published, whatever once became of them."""
        self._session.execute(delete(RetiredTheme).where(col(RetiredTheme.slug).in_(themes)))

    def retired(self) -> set[str]:
        """The themes that were published once and are no longer."""
        return set(self._session.exec(select(RetiredTheme.slug)))

    def ping(self, topics: Collection[str], at: datetime) -> None:
        """The hub is to hear of these documents. What is to be told already stays due when it was."""
        self._session.execute(update(HubPing).where(col(HubPing.topic).in_(topics)).values(since=at))
        waiting = set(self._session.exec(select(HubPing.topic).where(col(HubPing.topic).in_(topics))))
        self._session.add_all(
            [HubPing(topic=topic, since=at, due=at) for topic in sorted(set(topics) - waiting)]
        )

    def pings(self) -> list[Ping]:
        """What the hub has not heard of yet, the first due first."""
        rows = self._session.exec(select(HubPing).order_by(col(HubPing.due), col(HubPing.topic)))
        return [Ping(row.topic, row.since, row.due, row.attempts, row.error) for row in rows]

    def pinged(self, pings: Collection[Ping]) -> None:
        """These were told, or are given up. What changed again meanwhile is still to be told."""
        for ping in pings:
            self._session.execute(
                delete(HubPing).where(col(HubPing.topic) == ping.topic, col(HubPing.since) <= ping.since)
            )

    def ping_failed(self, topic: str, error: str, due: datetime) -> None:
        """This could not be told, and why; it is to be told at another time."""
        self._session.execute(
            update(HubPing)
            .where(col(HubPing.topic) == topic)
            .values(attempts=HubPing.attempts + 1, error=error, due=due)
        )
