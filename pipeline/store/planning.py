"""Planning in the database: from groups of like readers to one delivery for each of them.

Everything here is set-based: no statement's cost in Python grows with the number of readers. The
decisions stand in temporary tables, and each later statement joins them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    LargeBinary,
    Select,
    String,
    Subquery,
    Table,
    Text,
    UpdateBase,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    text,
    tuple_,
    update,
)
from sqlmodel import Session

from pipeline.store import scratch
from pipeline.store.segments import Segments
from pipeline.store.session import CACHE
from pipeline.store.tables import STANDING, DeliveryRow, InterestSet, LogRow, Segment, SubscriberRow
from subscribers.delivery import REPLACEABLE, SMTPUTF8, DeliveryState
from subscribers.digest import Digest
from subscribers.edition import BUNDLE, Cancel, Group, Skip, Verdict
from subscribers.subscriber import CANDIDATES, State

_BATCH = 1_000  # groups decided about at a time
_PART = 20_000  # readers looked at by one statement
_TURNS = {"sqlite": 8_000, "postgresql": 50_000}
"""Deliveries made by one statement. SQLite remembers, in memory, each page that it changes, while PostgreSQL
does better the more it is told at once."""
_LITTLE, _MUCH = 2_000, 14_000
"""kB of pages that SQLite keeps while it is decided, and while deliveries are made all over five indexes."""
_NOTHING: frozenset[int] = frozenset()

_subscriber = SubscriberRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_segment = Segment.__table__  # type: ignore[attr-defined]
_log = LogRow.__table__  # type: ignore[attr-defined]
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
        self._cache(_LITTLE)
        self._segments = Segments(session, wave, cutoff)
        self._reached: set[Verdict] = set()
        self._frequency = frequency
        self._narrower = [] if zones is None else [_subscriber.c.timezone.in_(list(zones))]
        if confirmed_by is not None:
            self._narrower.append(_subscriber.c.confirmed_at <= confirmed_by)
        self._crowded = False
        self._superseded = 0
        scratch.empty(session)

    def candidates(self) -> int:
        """How many readers the wave must account for; asked before anything else is done."""
        query = select(func.count()).where(self._in_wave, _subscriber.c.state.in_(CANDIDATES))
        number = int(self._session.execute(query).scalar_one())
        self._crowded = number > _PART
        return number

    def skip_unmailable(self, *, smtputf8: bool) -> dict[str, int]:
        """Skip everybody who may not or can't be mailed, or whose last mail is still unsettled.

        ``smtputf8`` tells whether the mail server may take addresses beyond ASCII. Gives the number of
        readers by reason.
        """
        skipped = {}
        for state in CANDIDATES:
            if state is not State.ACTIVE:
                skipped[str(state)] = self._skip(str(state), _subscriber.c.state == state)
        unsettled = (DeliveryState.IN_FLIGHT, DeliveryState.UNCERTAIN)
        busy = exists().where(
            STANDING,
            _delivery.c.subscriber_id == _subscriber.c.id,
            _delivery.c.state.in_(unsettled),
        )
        skipped[str(Skip.OPEN_DELIVERY)] = self._skip(
            Skip.OPEN_DELIVERY, and_(_subscriber.c.state == State.ACTIVE, busy)
        )
        if not smtputf8:
            skipped[SMTPUTF8] = self._skip(
                SMTPUTF8, and_(_subscriber.c.state == State.ACTIVE, self._beyond_ascii())
            )
        return {reason: number for reason, number in skipped.items() if number}

    def cursors(self) -> tuple[int, int] | None:
        """The lowest and highest cursor of the readers left to decide about; None if there are none."""
        query = select(func.min(_subscriber.c.cursor), func.max(_subscriber.c.cursor))
        lowest, highest = self._session.execute(query.where(self._undecided)).one()
        return None if lowest is None else (lowest, highest)

    def followed(self, lowest: int, highest: int, all: int) -> set[str]:
        """The themes of readers with these cursors; it stops looking when it has found ``all`` of them."""
        within = exists().where(
            _subscriber.c.interest_set_id == _sets.c.id,
            _subscriber.c.cursor.between(lowest, highest),
            self._undecided,
        )
        found: set[str] = set()
        with self._session.execute(
            select(_sets.c.themes).where(within).execution_options(yield_per=_BATCH)
        ) as rows:
            for (themes,) in rows:
                found.update(themes)
                if len(found) >= all:
                    break
        return found

    def note_received(self, article: int, lowest: int, highest: int) -> None:
        """Tell apart the readers with these cursors who got an article that is announced again.

        They may have got it as an update before it was ever announced.
        """
        # An item begins with its article's number, and nothing else in a segment looks like that.
        holds = cast(_segment.c["items"], Text).like(f"%[{article},%")
        first = select(func.min(_log.c.position)).where(_log.c.article_id == article).scalar_subquery()
        segments = select(_segment.c.id).where(_segment.c.cutoff >= first, holds)
        got = select(_delivery.c.subscriber_id).where(
            _delivery.c.segment_id.in_(segments), _delivery.c.state == DeliveryState.ACCEPTED
        )
        who = select(_subscriber.c.id).where(
            _subscriber.c.id.in_(got), _subscriber.c.cursor.between(lowest, highest), self._undecided
        )
        known = select(scratch.received.c.subscriber_id)
        unknown = who.with_only_columns(_subscriber.c.id, literal("")).where(_subscriber.c.id.not_in(known))
        self._session.execute(insert(scratch.received).from_select(["subscriber_id", "received"], unknown))
        self._session.execute(
            update(scratch.received)
            .where(scratch.received.c.subscriber_id.in_(who))
            .values(received=scratch.received.c.received + f"{article},")
        )

    def groups(self, lowest: int, highest: int) -> Iterator[Sequence[Group]]:
        """The readers with these cursors, by what decides, in batches and in the order of the cursors."""
        connection = self._session.connection()
        connection.execute(delete(scratch.group))
        received = func.coalesce(scratch.received.c.received, "")
        alike = (_subscriber.c.cursor, _subscriber.c.interest_set_id, _subscriber.c.language, received)
        found = (
            select(*alike)
            .distinct()
            .outerjoin(scratch.received, scratch.received.c.subscriber_id == _subscriber.c.id)
            .where(_subscriber.c.cursor.between(lowest, highest), self._undecided)
        )
        # Put aside first: to bring them in order as it finds them, SQLite would sort a row for each reader.
        connection.execute(insert(scratch.group).from_select(list(scratch.group.c), found))
        rows = connection.execute(
            select(scratch.group, _sets.c.themes)
            .join(_sets, _sets.c.id == scratch.group.c.interest_set_id)
            .order_by(*scratch.group.primary_key)
            .execution_options(yield_per=_BATCH)
        )
        for batch in rows.partitions():
            yield [
                Group(set, frozenset(themes), cursor, language, _articles(received))
                for cursor, set, language, received, themes in batch
            ]

    def decide(self, decided: Sequence[tuple[Group, Verdict, Digest]]) -> None:
        """Store what was decided per group, and the segments of those with a digest."""
        segments = iter(
            self._segments.put((group.language, digest) for group, _, digest in decided if digest)
        )
        rows = [
            (
                group.interest_set,
                group.cursor,
                group.language,
                "".join(f"{id}," for id in sorted(group.received)),
                str(verdict),
                next(segments) if digest else None,
            )
            for group, verdict, digest in decided
        ]
        scratch.INSERT_VERDICT.run(self._session, rows)
        self._reached.update(verdict for _, verdict, _ in decided)

    def segments(self) -> int:
        """How many segments the wave has."""
        return self._segments.count

    def skip_thin(self) -> int:
        """Skip those due too little; their cursors stay, so that it adds up for next time."""
        self._analyze(scratch.verdict)
        if Verdict.TOO_THIN not in self._reached:
            return 0
        return self._skip(Skip.BELOW_MIN_ARTICLES, None, Verdict.TOO_THIN)

    def supersede(self) -> int:
        """Cancel older deliveries, planned or deferred, of everybody about to get a newer one."""
        replaceable = and_(STANDING, _delivery.c.state.in_(REPLACEABLE))
        if self._session.execute(select(_delivery.c.id).where(replaceable).limit(1)).first() is None:
            return 0
        standing = _delivery.alias("standing")
        # Asked before what was decided: of most readers nothing stands.
        stands = exists().where(STANDING, standing.c.subscriber_id == _subscriber.c.id)
        self._superseded = sum(
            self._changed(
                update(_delivery)
                .where(replaceable, _delivery.c.subscriber_id.in_(readers))
                .values(
                    state=DeliveryState.CANCELLED,
                    reason=str(Cancel.SUPERSEDED),
                    superseded_by=self._wave,
                    changed_at=self._now,
                )
            )
            for readers in self._in_parts(self._decided(Verdict.PLAN).where(stands))
        )
        return self._superseded

    def expand(self) -> int:
        """One delivery for each reader with a segment; the clock of a superseded one carries on."""
        self._segments.close()
        self._cache(_MUCH)
        self._session.execute(delete(scratch.group))
        # Ids then follow bundles of segments, and within one the readers: a worker needs few letters at a
        # time, and those it mails one after another stand together in every table and index.
        turns = self._decided(Verdict.PLAN).with_only_columns(
            scratch.verdict.c.segment_id // BUNDLE, _subscriber.c.id, scratch.verdict.c.segment_id
        )
        planned = self._changed(insert(scratch.turn).from_select(list(scratch.turn.c), turns))
        self._analyze(scratch.turn)
        many = _TURNS[self._session.get_bind().dialect.name]
        place = tuple_(*scratch.turn.primary_key)
        ahead = select(scratch.turn).order_by(*scratch.turn.primary_key)
        start = self._session.execute(ahead.limit(1)).one_or_none()
        while start is not None:
            ahead_of_it = ahead.where(place >= (start.bundle, start.subscriber_id))
            # With a limit, PostgreSQL knows how few they are; from two bounds it would guess at a third.
            self._deliver(ahead_of_it.limit(many).subquery("turns"))
            start = self._session.execute(ahead_of_it.offset(many).limit(1)).one_or_none()
        self._cache(CACHE)  # the connection may be a sender's next
        return planned

    def _deliver(self, turns: Subquery) -> None:
        source = turns.join(_subscriber, _subscriber.c.id == turns.c.subscriber_id)
        clock: tuple[Any, ...] = (literal(str(DeliveryState.PLANNED)), literal(0), null(), null())
        if self._superseded:
            old = _delivery.alias("old")
            carries_on = and_(old.c.subscriber_id == _subscriber.c.id, old.c.superseded_by == self._wave)
            source = source.outerjoin(old, carries_on)
            waits = case((old.c.retry_at > self._now, str(DeliveryState.DEFERRED)), else_=clock[0])
            clock = (waits, func.coalesce(old.c.attempts, 0), old.c.first_attempt, old.c.retry_at)
        state, attempts, first_attempt, retry_at = clock
        chosen = (
            select(
                literal(self._edition), literal(self._wave), turns.c.segment_id, _subscriber.c.id,
                _subscriber.c.domain, state, literal(""), literal(""), _subscriber.c.cursor,
                literal(self._cutoff), attempts, first_attempt, retry_at, literal(""),
                literal(self._now, _delivery.c.changed_at.type),
            )
            .select_from(source)
            .order_by(turns.c.bundle, turns.c.subscriber_id)
        )  # fmt: skip
        columns = (
            "edition_id", "wave_id", "segment_id", "subscriber_id", "domain", "state", "reason", "reply",
            "from_position", "cutoff", "attempts", "first_attempt", "retry_at", "worker", "changed_at",
        )  # fmt: skip
        self._session.execute(insert(_delivery).from_select(list(columns), chosen))

    def advance_idle(self) -> int:
        """Move the cursors of readers due nothing: they have been served up to the cutoff."""
        if Verdict.NOTHING_DUE not in self._reached:
            return 0
        return sum(
            self._changed(
                update(_subscriber).where(_subscriber.c.id.in_(readers)).values(cursor=self._cutoff)
            )
            for readers in self._in_parts(self._decided(Verdict.NOTHING_DUE))
        )

    def _in_parts(self, readers: Select[Any]) -> Iterator[Select[Any]]:
        """These readers, by the thousand where the wave has more: SQLite remembers, in memory, every page
        that a statement changes."""
        if not self._crowded:
            yield readers
            return
        last = self._session.execute(select(func.max(_subscriber.c.id))).scalar_one()
        for first in range(1, last + 1, _PART):
            yield readers.where(_subscriber.c.id.between(first, first + _PART - 1))

    @property
    def _in_wave(self) -> ColumnElement[bool]:
        return and_(self._of_wave, self._without_mail(self._edition))

    @property
    def _undecided(self) -> ColumnElement[bool]:
        """Who is in the wave and was not skipped."""
        return and_(self._in_wave, _subscriber.c.state == State.ACTIVE)

    @property
    def _of_wave(self) -> ColumnElement[bool]:
        frequency: ColumnElement[str] = _subscriber.c.frequency
        if self._crowded and self._session.get_bind().dialect.name == "sqlite":
            # Nobody counts its rows for it, so it takes a frequency to have ten readers: for every part it
            # would look at all of them. A plus keeps it from the index (sqlite.org/optoverview.html#uplus).
            frequency = literal_column("+subscriber.frequency", String())
        return and_(frequency == self._frequency, *self._narrower)

    @staticmethod
    def _without_mail(edition: int | ColumnElement[int]) -> ColumnElement[bool]:
        mail = _delivery.alias("mail")
        return ~exists().where(mail.c.edition_id == edition, mail.c.subscriber_id == _subscriber.c.id)

    def _decided(self, verdict: Verdict) -> Select[tuple[int]]:
        # The sum is the edition, and ties the question to the reader: of an edition it has not counted,
        # PostgreSQL expects a single mail, and would hold every reader against all that there are.
        edition = self._edition + 0 * _subscriber.c.id
        return (
            select(_subscriber.c.id)
            .select_from(_subscriber)
            .outerjoin(scratch.received, scratch.received.c.subscriber_id == _subscriber.c.id)
            .join(
                scratch.verdict,
                and_(
                    scratch.verdict.c.interest_set_id == _subscriber.c.interest_set_id,
                    scratch.verdict.c.cursor == _subscriber.c.cursor,
                    scratch.verdict.c.language == _subscriber.c.language,
                    scratch.verdict.c.received == func.coalesce(scratch.received.c.received, ""),
                ),
            )
            .where(
                self._of_wave,
                _subscriber.c.state == State.ACTIVE,
                self._without_mail(edition),
                scratch.verdict.c.verdict == str(verdict),
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
        return sum(
            self._changed(insert(_delivery).from_select(list(columns), readers))
            for readers in self._in_parts(chosen)
        )

    def _beyond_ascii(self) -> ColumnElement[bool]:
        """Whether an address has characters of more than one byte."""
        email = _subscriber.c.email
        if self._session.get_bind().dialect.name == "postgresql":
            return func.octet_length(email) != func.char_length(email)
        return func.length(cast(email, LargeBinary)) != func.length(email)

    def _cache(self, size: int) -> None:
        connection = self._session.connection()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA cache_size = -{size}")

    def _analyze(self, table: Table) -> None:
        # PostgreSQL knows nothing of what was just put into a temporary table, and would join it badly.
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text(f"ANALYZE {table.name}"))

    def _changed(self, statement: UpdateBase) -> int:
        # Without the option, PostgreSQL's driver counts nothing for INSERT … SELECT.
        result = self._session.execute(statement.execution_options(preserve_rowcount=True))
        assert isinstance(result, CursorResult)
        return result.rowcount


def _articles(received: str) -> frozenset[int]:
    return frozenset(int(id) for id in received.split(",") if id) if received else _NOTHING
