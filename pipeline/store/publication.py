"""How far what is published follows the log, and what is to be told to others about it."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, update
from sqlmodel import Session, col, select

from feeds.history import Archive
from feeds.hub import Ping
from pipeline.store.insertion import Insertion
from pipeline.store.prepared import Prepared
from pipeline.store.tables import FeedArchive, FeedCursor, HubPing, RetiredTheme

_ARCHIVES = sa.select(
    col(FeedArchive.number),
    col(FeedArchive.first),
    col(FeedArchive.last),
    col(FeedArchive.size),
    col(FeedArchive.made_from),
)


_newest = (
    sa.select(sa.func.max(FeedArchive.number))
    .where(col(FeedArchive.theme) == bindparam("slug"))
    .scalar_subquery()
)
_ARCHIVES_OF = Prepared(
    _ARCHIVES.where(
        col(FeedArchive.theme) == bindparam("slug"),
        sa.or_(col(FeedArchive.made_from) != bindparam("unless"), col(FeedArchive.number) == _newest),
    ).order_by(col(FeedArchive.number))
)
_CURSORS = Prepared(sa.select(col(FeedCursor.theme), col(FeedCursor.position), col(FeedCursor.made_from)))
_BEGIN = Insertion(FeedCursor.__table__, ("theme", "position", "made_from"))  # type: ignore[attr-defined]
_ADVANCE = Prepared(
    update(FeedCursor)
    .where(col(FeedCursor.theme) == bindparam("slug"))
    .values(position=bindparam("up_to"), made_from=bindparam("made"))
)
_CATCH_UP = Prepared(
    update(FeedCursor)
    .where(col(FeedCursor.theme) == bindparam("slug"), col(FeedCursor.position) < bindparam("up_to"))
    .values(position=bindparam("up_to")),
    each=("slug",),
)
_REVIVE = Prepared(
    delete(RetiredTheme).where(col(RetiredTheme.slug) == bindparam("revived")), each=("revived",)
)


class Publication:
    """The feeds' cursors, archives and pings in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def cursors(self) -> dict[str, tuple[int, str]]:
        """The position each published theme's documents were made at, and from which config."""
        rows = _CURSORS.rows(self._session, {})
        return {theme: (position, made_from) for theme, position, made_from in rows}

    def advance(self, theme: str, position: int, made_from: str) -> None:
        """A theme's documents now show the log up to this position."""
        if not _ADVANCE.run(self._session, {"slug": theme, "up_to": position, "made": made_from}):
            _BEGIN.run(self._session, [(theme, position, made_from)])

    def catch_up(self, themes: Collection[str], position: int) -> None:
        """The log holds nothing for these themes up to a position that their documents don't show."""
        if themes:
            _CATCH_UP.run(self._session, {"up_to": position}, [{"slug": theme} for theme in themes])

    def archives(self, theme: str, unless_from: str = "") -> list[Archive]:
        """A theme's archives, in order; of those made from a config that is given, the newest alone."""
        rows = _ARCHIVES_OF.rows(self._session, {"slug": theme, "unless": unless_from})
        return [Archive(*row) for row in rows]

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
        if themes:
            _REVIVE.run(self._session, {}, [{"revived": theme} for theme in themes])

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
