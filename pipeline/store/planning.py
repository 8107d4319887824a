"""Planning in the database: from groups of like readers to one delivery for each of them.

Everything here is set-based: no statement's cost in Python grows with the number of readers. The
decisions stand in two temporary tables, and each later statement joins them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    UpdateBase,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlmodel import Session

from pipeline.store.deliveries import as_items
from pipeline.store.tables import DeliveryRow, InterestSet, Segment, SubscriberRow
from subscribers.delivery import REPLACEABLE, DeliveryState
from subscribers.digest import Digest
from subscribers.edition import Cancel, Group, Skip, Verdict
from subscribers.subscriber import CANDIDATES, State

_temporary = MetaData()
_verdict = Table(
    "plan_verdict",
    _temporary,
    Column("interest_set_id", Integer, primary_key=True),
    Column("cursor", Integer, primary_key=True),
    Column("language", String(2), primary_key=True),
    Column("received", Text, primary_key=True),
    Column("verdict", String(12), nullable=False),
    Column("segment_id", Integer),
    prefixes=["TEMPORARY"],
)
_received = Table(
    "plan_received",
    _temporary,
    Column("subscriber_id", Integer, primary_key=True),
    Column("received", Text, nullable=False),
    prefixes=["TEMPORARY"],
)

_subscriber = SubscriberRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_segment = Segment.__table__  # type: ignore[attr-defined]
_sets = InterestSet.__table__  # type: ignore[attr-defined]


class WavePlan:
    """One wave of an edition, in one transaction: readers of ``frequency`` in ``zones``.

    None for ``zones`` is everywhere; ``confirmed_by`` leaves out who signed up after that moment.
    """

    def __init__(
        self,
        session: Session,
        *,
        edition: int,
        wave: int,
        frequency: str,
        zones: Iterable[str] | None,
        confirmed_by: datetime | None,
        cutoff: int,
        now: datetime,
    ) -> None:
        self._session = session
        self._edition = edition
        self._wave = wave
        self._cutoff = cutoff
        self._now = now
        narrower = [] if zones is None else [_subscriber.c.timezone.in_(list(zones))]
        if confirmed_by is not None:
            narrower.append(_subscriber.c.confirmed_at <= confirmed_by)
        self._in_wave = and_(
            _subscriber.c.frequency == frequency,
            *narrower,
            ~exists().where(
                _delivery.c.edition_id == edition,
                _delivery.c.subscriber_id == _subscriber.c.id,
            ),
        )
        connection = session.connection()
        for table in (_verdict, _received):
            table.create(connection, checkfirst=True)
            connection.execute(delete(table))

    def candidates(self) -> int:
        """How many readers the wave must account for; asked before anything else is done."""
        query = select(func.count()).where(self._in_wave, _subscriber.c.state.in_(CANDIDATES))
        return int(self._session.execute(query).scalar_one())

    def skip_unmailable(self) -> dict[str, int]:
        """Skip everybody who may not be mailed, and everybody whose last mail is still unsettled.

        Gives the number of readers by reason.
        """
        skipped = {}
        for state in CANDIDATES:
            if state is not State.ACTIVE:
                skipped[str(state)] = self._skip(str(state), _subscriber.c.state == state)
        unsettled = (DeliveryState.IN_FLIGHT, DeliveryState.UNCERTAIN)
        busy = exists().where(
            _delivery.c.subscriber_id == _subscriber.c.id,
            _delivery.c.state.in_(unsettled),
        )
        skipped[str(Skip.OPEN_DELIVERY)] = self._skip(
            Skip.OPEN_DELIVERY, and_(_subscriber.c.state == State.ACTIVE, busy)
        )
        return {reason: number for reason, number in skipped.items() if number}

    def note_received(self, received: Mapping[int, frozenset[int]]) -> None:
        """Tell apart the readers who already got an article that is announced again."""
        rows = [{"subscriber_id": id, "received": _text(articles)} for id, articles in received.items()]
        if rows:
            self._session.execute(insert(_received), rows)

    def groups(self) -> Iterable[Group]:
        """The readers left to decide about, by what decides."""
        received = func.coalesce(_received.c.received, "").label("received")
        alike = (
            select(
                _subscriber.c.interest_set_id,
                _subscriber.c.cursor,
                _subscriber.c.language,
                received,
                func.count().label("readers"),
            )
            .outerjoin(_received, _received.c.subscriber_id == _subscriber.c.id)
            .where(self._in_wave, _subscriber.c.state == State.ACTIVE)
            .group_by(
                _subscriber.c.interest_set_id,
                _subscriber.c.cursor,
                _subscriber.c.language,
                received,
            )
            .subquery()
        )
        rows = self._session.execute(
            select(alike, _sets.c.themes)
            .join(_sets, _sets.c.id == alike.c.interest_set_id)
            .order_by(
                alike.c.interest_set_id,
                alike.c.cursor,
                alike.c.language,
                alike.c.received,
            )
        )
        for row in rows:
            yield Group(
                row.interest_set_id, frozenset(row.themes), row.cursor, row.language,
                frozenset(int(id) for id in row.received.split(",") if id), row.readers,
            )  # fmt: skip

    def lowest_cursor(self) -> int | None:
        """The lowest cursor among the readers left to decide about; None if there are none."""
        lowest: int | None = self._session.execute(
            select(func.min(_subscriber.c.cursor)).where(self._in_wave, _subscriber.c.state == State.ACTIVE)
        ).scalar()
        return lowest

    def add_segments(self, segments: Iterable[tuple[str, Digest]]) -> list[int]:
        """Store segments as (language, items); gives their ids in that order."""
        rows = [
            {
                "wave_id": self._wave,
                "cutoff": self._cutoff,
                "language": language,
                "items": as_items(digest),
            }
            for language, digest in segments
        ]
        if not rows:
            return []
        statement = insert(_segment).returning(_segment.c.id, sort_by_parameter_order=True)
        return list(self._session.execute(statement, rows).scalars())

    def decide(self, verdicts: Iterable[tuple[Group, Verdict, int | None]]) -> None:
        """Store what was decided per group: ``PLAN`` with its segment, or another verdict."""
        rows = [
            {
                "interest_set_id": group.interest_set,
                "cursor": group.cursor,
                "language": group.language,
                "received": _text(group.received),
                "verdict": str(verdict),
                "segment_id": segment,
            }
            for group, verdict, segment in verdicts
        ]
        if rows:
            self._session.execute(insert(_verdict), rows)

    def skip_thin(self) -> int:
        """Skip those due too little; their cursors stay, so that it adds up for next time."""
        return self._skip(Skip.BELOW_MIN_ARTICLES, None, Verdict.TOO_THIN)

    def supersede(self) -> int:
        """Cancel older deliveries, planned or deferred, of everybody about to get a newer one."""
        newer = self._decided(Verdict.PLAN).with_only_columns(_subscriber.c.id)
        return self._changed(
            update(_delivery)
            .where(_delivery.c.state.in_(REPLACEABLE), _delivery.c.subscriber_id.in_(newer))
            .values(
                state=DeliveryState.CANCELLED,
                reason=str(Cancel.SUPERSEDED),
                superseded_by=self._wave,
                changed_at=self._now,
            )
        )

    def expand(self) -> int:
        """One delivery for each reader with a segment; the clock of a superseded one carries on."""
        old = _delivery.alias("old")
        waiting = case(
            (old.c.retry_at > self._now, str(DeliveryState.DEFERRED)),
            else_=str(DeliveryState.PLANNED),
        )
        chosen = (
            self._decided(Verdict.PLAN)
            .with_only_columns(
                literal(self._edition),
                literal(self._wave),
                _verdict.c.segment_id,
                _subscriber.c.id,
                _subscriber.c.domain,
                waiting,
                literal(""),
                literal(""),
                _subscriber.c.cursor,
                literal(self._cutoff),
                func.coalesce(old.c.attempts, 0),
                old.c.first_attempt,
                old.c.retry_at,
                literal(""),
                literal(self._now, _delivery.c.changed_at.type),
            )
            .outerjoin(
                old,
                and_(
                    old.c.subscriber_id == _subscriber.c.id,
                    old.c.superseded_by == self._wave,
                ),
            )
        )
        columns = (
            "edition_id", "wave_id", "segment_id", "subscriber_id", "domain", "state", "reason", "reply",
            "from_position", "cutoff", "attempts", "first_attempt", "retry_at", "worker", "changed_at",
        )  # fmt: skip
        # Ids then follow the segments, and a worker needs few letters at a time.
        chosen = chosen.order_by(_verdict.c.segment_id, _subscriber.c.id)
        return self._changed(insert(_delivery).from_select(list(columns), chosen))

    def advance_idle(self) -> int:
        """Move the cursors of readers due nothing: they have been served up to the cutoff."""
        idle = self._decided(Verdict.NOTHING_DUE).with_only_columns(_subscriber.c.id)
        return self._changed(
            update(_subscriber).where(_subscriber.c.id.in_(idle)).values(cursor=self._cutoff)
        )

    def _decided(self, verdict: Verdict) -> Select[tuple[int]]:
        return (
            select(_subscriber.c.id)
            .select_from(_subscriber)
            .outerjoin(_received, _received.c.subscriber_id == _subscriber.c.id)
            .join(
                _verdict,
                and_(
                    _verdict.c.interest_set_id == _subscriber.c.interest_set_id,
                    _verdict.c.cursor == _subscriber.c.cursor,
                    _verdict.c.language == _subscriber.c.language,
                    _verdict.c.received == func.coalesce(_received.c.received, ""),
                ),
            )
            .where(
                self._in_wave,
                _subscriber.c.state == State.ACTIVE,
                _verdict.c.verdict == str(verdict),
            )
        )

    def _skip(
        self,
        reason: str,
        condition: ColumnElement[bool] | None,
        verdict: Verdict | None = None,
    ) -> int:
        who = self._decided(verdict) if verdict else select(_subscriber.c.id).where(self._in_wave)
        if condition is not None:
            who = who.where(condition)
        chosen = who.with_only_columns(
            literal(self._edition), literal(self._wave), _subscriber.c.id, _subscriber.c.domain,
            literal(str(DeliveryState.SKIPPED)), literal(str(reason)), literal(""), _subscriber.c.cursor,
            literal(self._cutoff), literal(0), literal(""),
            literal(self._now, _delivery.c.changed_at.type),
        )  # fmt: skip
        columns = (
            "edition_id", "wave_id", "subscriber_id", "domain", "state", "reason", "reply", "from_position",
            "cutoff", "attempts", "worker", "changed_at",
        )  # fmt: skip
        return self._changed(insert(_delivery).from_select(list(columns), chosen))

    def _changed(self, statement: UpdateBase) -> int:
        # Without the option, PostgreSQL's driver counts nothing for INSERT … SELECT.
        result = self._session.execute(statement.execution_options(preserve_rowcount=True))
        assert isinstance(result, CursorResult)
        return result.rowcount


def _text(articles: Iterable[int]) -> str:
    return ",".join(str(id) for id in sorted(articles))
