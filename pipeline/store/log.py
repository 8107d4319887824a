"""The article log, as stored."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlmodel import Session, col, func, select

from feeds.article import Visibility
from feeds.feed import Tombstone
from feeds.history import SHOWN, Slot
from feeds.log import Entry, Kind
from feeds.moment import Moment
from pipeline.store.articles import batches
from pipeline.store.ids import reserve
from pipeline.store.insertion import Insertion
from pipeline.store.prepared import Prepared, Values
from pipeline.store.tables import WITHDRAWN, ArticleRow, LogRow, LogTheme

_log_table = LogRow.__table__  # type: ignore[attr-defined]
_INSERT_ENTRY = Insertion(_log_table, ("position", "article_id", "kind", "at"))
_INSERT_THEME = Insertion(LogTheme.__table__, ("theme", "position"))  # type: ignore[attr-defined]


def _one_of(*kinds: Kind) -> TextClause:
    return text("kind IN ({})".format(", ".join(f"'{kind}'" for kind in kinds)))


_HEAD = Prepared(select(func.max(LogRow.position)))
_LAST = select(LogRow.position, LogRow.at).order_by(col(LogRow.position).desc()).limit(1)
_LAST_CHANGE = Prepared(_LAST)
_LAST_CHANGE_OF = Prepared(
    _LAST.where(
        col(LogRow.position)
        == select(func.max(LogTheme.position)).where(LogTheme.theme == bindparam("theme")).scalar_subquery()
    )
)
_FIRST_CHANGE = Prepared(
    select(LogRow.at).where(col(LogRow.position) > bindparam("after")).order_by(col(LogRow.position)).limit(1)
)
_LAST_POSITIONS = Prepared(
    # By the theme itself, SQLite would group in the order of an index, and go through all of the log.
    select(func.max(LogTheme.theme), func.max(LogTheme.position))
    .where(col(LogTheme.position) > bindparam("after"))
    .group_by(col(LogTheme.theme).concat(""))
)
_SLOTS = (
    select(LogRow.position, LogRow.article_id, LogRow.at)
    .where(
        _one_of(*SHOWN), col(LogRow.position) > bindparam("after"), col(LogRow.position) <= bindparam("up_to")
    )
    .order_by(col(LogRow.position))
    .limit(bindparam("limit"))
)
_ALL_SLOTS = Prepared(_SLOTS)
_SLOTS_OF = Prepared(
    _SLOTS.join(LogTheme, col(LogTheme.position) == LogRow.position).where(
        LogTheme.theme == bindparam("theme"), col(LogTheme.position) > bindparam("after")
    )
)
_LEFT = Prepared(
    select(LogRow.article_id).where(
        _one_of(Kind.WITHDRAWN, Kind.RETHEMED), col(LogRow.position) > bindparam("after")
    )
)
_GONE_AT = func.max(LogRow.at, type_=Moment())
_TOMBSTONES = (
    select(ArticleRow.uri, _GONE_AT)
    .join(LogRow, col(LogRow.article_id) == ArticleRow.id)
    .where(
        WITHDRAWN,
        col(LogRow.at) > bindparam("since"),
        ArticleRow.visibility != str(Visibility.VISIBLE),
    )
    .group_by(ArticleRow.uri)
    .order_by(_GONE_AT.desc(), ArticleRow.uri)
    .limit(bindparam("limit"))
)
_ALL_TOMBSTONES = Prepared(_TOMBSTONES)
_TOMBSTONES_OF = Prepared(
    # From the few that were withdrawn to their themes: a join may begin with all of a theme's news.
    _TOMBSTONES.where(
        select(LogTheme.position)
        .where(LogTheme.theme == bindparam("theme"), LogTheme.position == LogRow.position)
        .exists()
    )
)

_FARTHEST = 2**31 - 1
"""No position is past what an integer of PostgreSQL holds."""
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
        ((position,),) = _HEAD.rows(self._session, {})
        return position or 0

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
        rows = _of(theme, _LAST_CHANGE, _LAST_CHANGE_OF, self._session)
        return rows[0] if rows else (0, None)

    def first_change(self, after: int) -> datetime | None:
        """The moment of the first entry past a position."""
        rows = _FIRST_CHANGE.rows(self._session, {"after": after})
        return rows[0][0] if rows else None

    def last_positions(self, after: int) -> dict[str, int]:
        """The themes that have entries past a position, and the position of each one's last."""
        return dict(_LAST_POSITIONS.rows(self._session, {"after": after}))

    def slots(self, theme: str | None, after: int, limit: int, up_to: int | None = None) -> list[Slot]:
        """A theme's slots (of all for None) past a position, in order."""
        asked = {"after": after, "up_to": _FARTHEST if up_to is None else up_to, "limit": limit}
        return [Slot(*row) for row in _of(theme, _ALL_SLOTS, _SLOTS_OF, self._session, asked)]

    def departing(self, theme: str | None, after: int) -> list[int]:
        """The positions of the slots of whatever may have left a theme (or all, for None) past a position."""
        left = {article for (article,) in _LEFT.rows(self._session, {"after": after})}
        if not left:
            return []
        query = select(LogRow.position).where(col(LogRow.position) <= after, col(LogRow.kind).in_(SHOWN))
        if theme is not None:
            query = query.join(LogTheme, col(LogTheme.position) == LogRow.position).where(
                LogTheme.theme == theme
            )
        found: list[int] = []
        for batch in batches(sorted(left)):
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
        asked = {"since": since, "limit": limit}
        return [Tombstone(*row) for row in _of(theme, _ALL_TOMBSTONES, _TOMBSTONES_OF, self._session, asked)]

    def _lock(self) -> None:
        """On PostgreSQL, one appender at a time until commit, so that no reader sees 12 before 11.

        SQLite has only one writer anyway.
        """
        if not self._locked and self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
        self._locked = True


def _of(
    theme: str | None, all: Prepared, inside: Prepared, session: Session, asked: Values = MappingProxyType({})
) -> list[tuple[Any, ...]]:
    """What is found in a theme; anywhere, for None."""
    return all.rows(session, asked) if theme is None else inside.rows(session, {**asked, "theme": theme})


def _entries(rows: Sequence[tuple[int | None, int, str]], themes: Iterable[tuple[int, str]]) -> list[Entry]:
    named: dict[int, set[str]] = {}
    for position, theme in themes:
        named.setdefault(position, set()).add(theme)
    return [
        Entry(position, article, Kind(kind), frozenset(named.get(position, ())))
        for position, article, kind in rows
        if position is not None
    ]
