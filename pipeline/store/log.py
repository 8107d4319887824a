"""The article log, as stored."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from feeds.article import Visibility
from feeds.feed import Tombstone
from feeds.history import SHOWN, Slot
from feeds.log import Entry, Kind
from pipeline.store.articles import batches
from pipeline.store.ids import reserve
from pipeline.store.insertion import Insertion
from pipeline.store.tables import WITHDRAWN, ArticleRow, LogRow, LogTheme

_log_table = LogRow.__table__  # type: ignore[attr-defined]
_INSERT_ENTRY = Insertion(_log_table, ("position", "article_id", "kind", "at"))
_INSERT_THEME = Insertion(LogTheme.__table__, ("theme", "position"))  # type: ignore[attr-defined]

_APPEND_LOCK = 0x6B656E6E  # any number, as long as every process uses the same


class Log:
    """The log in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._locked = False

    def append(self, article: int, kind: Kind, themes: Collection[str], at: datetime) -> int:
        """Add an entry at the end; gives its position. Positions become visible in their order."""
        return self.append_all([(article, kind, themes)], at)[0]

    def append_all(self, entries: Sequence[tuple[int, Kind, Collection[str]]], at: datetime) -> list[int]:
        """Add entries at the end, each for an article, of a kind, and with the themes it is news for.

        Gives their positions.
        """
        if not entries:
            return []
        self._lock()
        positions = reserve(self._session, _log_table, len(entries))
        _INSERT_ENTRY.run(
            self._session,
            [
                (position, article, kind.value, at)
                for position, (article, kind, _) in zip(positions, entries, strict=True)
            ],
        )
        _INSERT_THEME.run(
            self._session,
            [
                (theme, position)
                for position, (_, _, named) in zip(positions, entries, strict=True)
                for theme in sorted(named)
            ],
        )
        return positions

    def head(self) -> int:
        """The last position; 0 for an empty log."""
        return self._session.exec(select(func.max(LogRow.position))).one() or 0

    def position_at(self, moment: datetime) -> int:
        """The last position that was there at a moment."""
        return (
            self._session.exec(select(func.max(LogRow.position)).where(col(LogRow.at) <= moment)).one() or 0
        )

    def news(self, after: int, cutoff: int, themes: Collection[str]) -> list[Entry]:
        """The ``NEW`` and ``UPDATED`` entries in (after, cutoff] for these themes, in order.

        Of an entry's themes it gives those asked for.
        """
        entries: list[Entry] = []
        alike: dict[frozenset[str], frozenset[str]] = {}
        rows = self._session.execute(
            select(LogRow.position, LogRow.article_id, LogRow.kind, LogTheme.theme)
            .join(LogTheme, col(LogTheme.position) == LogRow.position)
            .where(
                col(LogTheme.theme).in_(sorted(themes)),
                col(LogTheme.position) > after,
                col(LogTheme.position) <= cutoff,
                col(LogRow.kind).in_([Kind.NEW, Kind.UPDATED]),
            )
            .order_by(col(LogRow.position))
        )
        for (position, article, kind), named in groupby(rows, key=lambda row: row[:3]):
            found = frozenset(row.theme for row in named)
            # There are many entries and few different choices of themes.
            entries.append(Entry(position, article, Kind(kind), alike.setdefault(found, found)))
        return entries

    def introductions(self, articles: Collection[int], up_to: int) -> list[Entry]:
        """The ``NEW`` entries of these articles at or below a position."""
        found: list[Entry] = []
        for batch in batches(sorted(articles)):
            rows = self._session.exec(
                select(LogRow.position, LogRow.article_id, LogRow.kind)
                .where(
                    col(LogRow.article_id).in_(batch),
                    LogRow.kind == Kind.NEW,
                    col(LogRow.position) <= up_to,
                )
                .order_by(col(LogRow.position))
            ).all()
            themes = self._session.exec(
                select(LogTheme.position, LogTheme.theme).where(
                    col(LogTheme.position).in_([position for position, _, _ in rows])
                )
            )
            found.extend(_entries(rows, themes))
        return found

    def of_article(self, article: int) -> list[tuple[Entry, datetime]]:
        """Everything that ever happened to one article, and when."""
        rows = self._session.exec(
            select(LogRow.position, LogRow.article_id, LogRow.kind, LogRow.at)
            .where(LogRow.article_id == article)
            .order_by(col(LogRow.position))
        ).all()
        themes = self._session.exec(
            select(LogTheme.position, LogTheme.theme).where(
                col(LogTheme.position).in_([position for position, *_ in rows])
            )
        )
        entries = _entries([(position, id, kind) for position, id, kind, _ in rows], themes)
        return list(zip(entries, [at for *_, at in rows], strict=True))

    def introduced(self, article: int) -> bool:
        """Whether the log has presented this article to the world before."""
        query = select(LogRow.position).where(
            LogRow.article_id == article,
            col(LogRow.kind).in_([Kind.NEW, Kind.BACKFILL]),
        )
        return self._session.exec(query.limit(1)).first() is not None

    def last_change(self, theme: str | None) -> tuple[int, datetime | None]:
        """The position and moment of the last entry for a theme (of all for None)."""
        query = select(LogRow.position, LogRow.at).order_by(col(LogRow.position).desc()).limit(1)
        if theme is not None:
            last = select(func.max(LogTheme.position)).where(LogTheme.theme == theme).scalar_subquery()
            query = query.where(col(LogRow.position) == last)
        row = self._session.exec(query).first()
        return (row[0] or 0, row[1]) if row else (0, None)

    def last_positions(self, after: int) -> dict[str, int]:
        """The themes that have entries past a position, and the position of each one's last."""
        rows = self._session.exec(
            # By the theme itself, SQLite would group in the order of an index, and go through all of the log.
            select(func.max(LogTheme.theme), func.max(LogTheme.position))
            .where(col(LogTheme.position) > after)
            .group_by(col(LogTheme.theme).concat(""))
        )
        return dict(rows.all())

    def slots(self, theme: str | None, after: int, limit: int, up_to: int | None = None) -> list[Slot]:
        """A theme's slots (of all for None) past a position, in order."""
        query = (
            select(LogRow.position, LogRow.article_id, LogRow.at)
            .where(col(LogRow.position) > after, col(LogRow.kind).in_(SHOWN))
            .order_by(col(LogRow.position))
            .limit(limit)
        )
        if up_to is not None:
            query = query.where(col(LogRow.position) <= up_to)
        if theme is not None:
            query = query.join(LogTheme, col(LogTheme.position) == LogRow.position).where(
                LogTheme.theme == theme, col(LogTheme.position) > after
            )
        return [Slot(position or 0, article, at) for position, article, at in self._session.exec(query)]

    def departing(self, theme: str | None, after: int) -> list[int]:
        """The positions of the slots of whatever may have left a theme (or all, for None) past a position."""
        left = self._session.exec(
            select(LogRow.article_id).where(
                col(LogRow.position) > after, col(LogRow.kind).in_([Kind.WITHDRAWN, Kind.RETHEMED])
            )
        )
        query = select(LogRow.position).where(col(LogRow.position) <= after, col(LogRow.kind).in_(SHOWN))
        if theme is not None:
            query = query.join(LogTheme, col(LogTheme.position) == LogRow.position).where(
                LogTheme.theme == theme
            )
        found: list[int] = []
        for batch in batches(sorted(set(left))):
            rows = self._session.exec(query.where(col(LogRow.article_id).in_(batch)))
            found.extend(position for position in rows if position is not None)
        return found

    def withdrawn(self, articles: Collection[int]) -> dict[int, int]:
        """At which position each of these articles was withdrawn last, where it ever was."""
        found: dict[int, int] = {}
        for batch in batches(sorted(articles)):
            rows = self._session.exec(
                select(LogRow.article_id, func.max(LogRow.position))
                .where(col(LogRow.article_id).in_(batch), LogRow.kind == Kind.WITHDRAWN)
                .group_by(col(LogRow.article_id))
            )
            found.update({article: position or 0 for article, position in rows})
        return found

    def tombstones(self, theme: str | None, since: datetime, limit: int) -> list[Tombstone]:
        """What left a theme (or all, for None) after a moment and is still out, the newest first."""
        last = func.max(LogRow.at)
        query = (
            select(ArticleRow.uri, last)
            .join(LogRow, col(LogRow.article_id) == ArticleRow.id)
            .where(
                WITHDRAWN,
                col(LogRow.at) > since,
                ArticleRow.visibility != Visibility.VISIBLE,
            )
            .group_by(ArticleRow.uri)
            .order_by(last.desc(), ArticleRow.uri)
            .limit(limit)
        )
        if theme is not None:
            # From the few that were withdrawn to their themes: a join may begin with all of a theme's news.
            query = query.where(
                select(LogTheme.position)
                .where(LogTheme.theme == theme, LogTheme.position == LogRow.position)
                .exists()
            )
        return [Tombstone(uri, at) for uri, at in self._session.exec(query)]

    def _lock(self) -> None:
        """On PostgreSQL, one appender at a time until commit, so that no reader sees 12 before 11.

        SQLite has only one writer anyway.
        """
        if not self._locked and self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
        self._locked = True


def _entries(rows: Sequence[tuple[int | None, int, str]], themes: Iterable[tuple[int, str]]) -> list[Entry]:
    named: dict[int, set[str]] = {}
    for position, theme in themes:
        named.setdefault(position, set()).add(theme)
    return [
        Entry(position, article, Kind(kind), frozenset(named.get(position, ())))
        for position, article, kind in rows
        if position is not None
    ]
