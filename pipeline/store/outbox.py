"""The outbox: deliveries as a sender sees them, claimed before the hand-off and settled after it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from pipeline.store.attempts import first_planned
from pipeline.store.prepared import Prepared
from pipeline.store.tables import (
    IN_HAND,
    STANDING,
    DeliveryRow,
    DomainRow,
    EditionRow,
    LogRow,
    SubscriberRow,
    Suppression,
    Wave,
)
from subscribers.delivery import LONGEST_RETRY, Claim, DeliveryState, Settlement, Wanted, trying_since
from subscribers.edition import Cancel, EditionState, Situation
from subscribers.provider import LONGEST_HOLD
from subscribers.subscriber import State, is_back

# Made once: an edition runs each of these thousands of times.

_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_subscriber = SubscriberRow.__table__  # type: ignore[attr-defined]
_suppression = Suppression.__table__  # type: ignore[attr-defined]
_wave = Wave.__table__  # type: ignore[attr-defined]
_edition = EditionRow.__table__  # type: ignore[attr-defined]
_provider = DomainRow.__table__  # type: ignore[attr-defined]
_log = LogRow.__table__  # type: ignore[attr-defined]

_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_BEFORE_ALL = -1
"""From where a look at all deliveries begins that is not the first one."""
_MANY = 200_000
"""Nobody sends so many before they are counted again."""


def _moment(name: str) -> Any:
    return sa.bindparam(name, type_=_delivery.c.changed_at.type)


_closed = sa.select(_provider.c.name).where(
    sa.or_(
        _provider.c.paused,
        # As Provider.closed has it: a hold further off than any of ours counts for nothing.
        sa.and_(_provider.c.hold_until > _moment("now"), _provider.c.hold_until <= _moment("held")),
    )
)


def _may_leave(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Of an edition, in a wave that is due, and to a provider that takes mail."""
    return sa.and_(
        _delivery.c.edition_id == sa.bindparam("edition"),
        condition,
        _delivery.c.domain.not_in(_closed),
        _delivery.c.wave_id.in_(
            sa.select(_wave.c.id).where(
                _wave.c.edition_id == sa.bindparam("edition"), _wave.c.due <= _moment("due")
            )
        ),
    )


@cache
def _claimable(condition: sa.ColumnElement[bool], most: int) -> sa.Select[Any]:
    """Up to ``most`` deliveries, and what must be known of each.

    The number stands in the text: PostgreSQL would take one that it can't see for a large one, and plan anew
    each time that it sees it.
    """
    return (
        sa.select(
            _delivery.c.id,
            _delivery.c.subscriber_id,
            _delivery.c.segment_id,
            _delivery.c.domain,
            _delivery.c.cutoff,
            _delivery.c.attempts,
            _delivery.c.first_attempt,
            _delivery.c.from_position,
            _subscriber.c.email,
            _subscriber.c.name,
            _subscriber.c.state,
            _subscriber.c.paused_until,
            _subscriber.c.cursor,
            _suppression.c.address_key.label("suppressed"),
        )
        .join(_subscriber, _subscriber.c.id == _delivery.c.subscriber_id)
        .outerjoin(_suppression, _suppression.c.address_key == _subscriber.c.address_key)
        .where(_may_leave(condition))
        .order_by(_delivery.c.id)
        .limit(sa.literal_column(str(most)))
        # Where rows can be locked, another worker takes other ones; SQLite has one writer anyway.
        .with_for_update(of=_delivery, skip_locked=True)
    )


@cache
def _quickly_claimable(condition: sa.ColumnElement[bool], most: int) -> Prepared:
    return Prepared(_claimable(condition, most))


_planned = sa.and_(
    _delivery.c.state == str(DeliveryState.PLANNED),
    _delivery.c.id > sa.bindparam("after"),
)
_waited = sa.and_(
    _delivery.c.state == str(DeliveryState.DEFERRED),
    # A retry further off than any of ours was set by a clock that has jumped.
    sa.or_(_delivery.c.retry_at <= _moment("now"), _delivery.c.retry_at > _moment("far")),
)
_READY = [
    sa.select(sa.func.count()).select_from(
        sa.select(_delivery.c.id).where(_may_leave(which)).limit(_MANY).subquery()
    )
    for which in (_planned, _waited)
]
_CLAIM = Prepared(
    sa.update(_delivery)
    .where(_delivery.c.id == sa.bindparam("this"))
    .values(
        state=str(DeliveryState.IN_FLIGHT),
        worker=sa.bindparam("by"),
        attempts=_delivery.c.attempts + 1,
        first_attempt=_moment("began"),
        changed_at=_moment("now"),
    ),
    each=["this", "began"],
)
_objections = (
    sa.select(
        _delivery.c.id,
        sa.case(
            (_suppression.c.address_key.is_not(None), str(State.SUPPRESSED)),
            else_=_subscriber.c.state,
        ).label("reason"),
    )
    .join(_subscriber, _subscriber.c.id == _delivery.c.subscriber_id)
    .outerjoin(_suppression, _suppression.c.address_key == _subscriber.c.address_key)
    .where(
        IN_HAND,
        _delivery.c.worker == sa.bindparam("by"),
        sa.or_(
            _subscriber.c.state != str(State.ACTIVE),
            _suppression.c.address_key.is_not(None),
        ),
    )
    .subquery()
)
_now = sa.select(
    sa.select(sa.func.max(_log.c.position)).scalar_subquery().label("head"),
    sa.select(_edition.c.state)
    .where(_edition.c.id == sa.bindparam("edition"))
    .scalar_subquery()
    .label("state"),
).subquery()
_LOOK = Prepared(
    sa.select(_now.c.head, _now.c.state, _objections.c.id, _objections.c.reason).select_from(
        _now.outerjoin(_objections, sa.true())
    )
)
_SETTLE = Prepared(
    sa.update(_delivery)
    .where(
        _delivery.c.id == sa.bindparam("this"),
        # Others may have taken us for dead meanwhile, and the delivery may be in their hands now.
        sa.or_(
            # Such that PostgreSQL looks at the row alone: its index of workers holds all that was settled
            # since somebody last cleaned up.
            _delivery.c.worker + "" == sa.bindparam("by"),
            _delivery.c.state == str(DeliveryState.UNCERTAIN),
        ),
    )
    .values(
        state=sa.bindparam("to", type_=sa.String),
        reply=sa.bindparam("said", type_=sa.String),
        reason=sa.bindparam("because", type_=sa.String),
        retry_at=_moment("again"),
        worker="",
        changed_at=_moment("now"),
    ),
    each=["this", "to", "said", "because", "again"],
)
_SERVE = Prepared(
    sa.update(_subscriber)
    .where(_subscriber.c.id == sa.bindparam("reader"), _subscriber.c.cursor < sa.bindparam("to"))
    .values(cursor=sa.bindparam("to", type_=sa.Integer)),
    each=["reader", "to"],
)


_CANCEL = Prepared(
    sa.update(_delivery)
    # As above: it may have been settled since, or be in other hands.
    .where(
        _delivery.c.id == sa.bindparam("this"),
        sa.or_(_delivery.c.worker == "", _delivery.c.worker == sa.bindparam("by")),
        STANDING,
    )
    .values(
        state=str(DeliveryState.CANCELLED),
        reason=sa.bindparam("because", type_=sa.String),
        worker="",
        changed_at=_moment("now"),
    ),
    each=["this", "because"],
)


class _Candidate(NamedTuple):
    """A delivery that might be claimed, and its reader; the columns of ``_claimable``, in their order."""

    id: int
    subscriber: int
    segment: int
    domain: str
    cutoff: int
    attempts: int
    first_attempt: datetime | None
    from_position: int
    email: str
    name: str
    state: str
    paused_until: datetime | None
    cursor: int
    suppressed: str | None


class Leaving(NamedTuple):
    """How far the claims on an edition go: the highest cutoff, and the highest id of a delivery."""

    edition: int
    cutoff: int
    delivery: int


class Outbox:
    """The outbox in one transaction. ``leaving`` tells of the claims made in it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.leaving: list[Leaving] = []

    def claim(self, wanted: Wanted, worker: str, limit: int, now: datetime) -> tuple[list[Claim], int]:
        """Take up to ``limit`` deliveries in hand, and cancel those that must not be made any more.

        Rule by rule: the reader must still be active, or be so again, and not suppressed, and must not have
        been served past the delivery's start meanwhile. Gives the claims and the last id looked at, from
        which the next call may go on; 0 once everything was looked at that can be claimed.
        """
        rows = self._candidates(_planned, wanted, limit, now)
        last = rows[-1].id if len(rows) == limit else 0
        if len(rows) < limit:
            rows = [*rows, *self._candidates(_waited, wanted, limit - len(rows), now)]
        planned_at = first_planned(self._session, [row.id for row in rows if row.first_attempt])
        claims: list[Claim] = []
        refused: dict[int, str] = {}
        back: list[int] = []
        for row in rows:
            if row.suppressed is not None:
                refused[row.id] = State.SUPPRESSED
            elif row.state != State.ACTIVE and not is_back(row.state, row.paused_until, now):
                refused[row.id] = row.state
            elif row.cursor != row.from_position:
                refused[row.id] = Cancel.STALE
            elif wanted.admits(row.domain):
                if row.state != State.ACTIVE:
                    back.append(row.subscriber)
                claims.append(
                    Claim(
                        row.id,
                        row.subscriber,
                        row.email,
                        row.domain,
                        row.name,
                        row.segment,
                        row.cutoff,
                        row.attempts + 1,
                        trying_since(row.first_attempt, row.attempts, planned_at.get(row.id, now), now),
                    )
                )
        self.cancel(refused, worker, now)
        if back:  # planning ends a pause too, but this mail may have waited since before it began
            self._session.execute(
                sa.update(_subscriber)
                .where(_subscriber.c.id.in_(back))
                .values(state=str(State.ACTIVE), paused_until=None)
            )
        if refused and not claims:
            last = last or _BEFORE_ALL  # they may have stood before others
        if claims:
            shared = {"by": worker, "now": now}
            taken = [{"this": claim.id, "began": claim.first_attempt} for claim in claims]
            _CLAIM.run(self._session, shared, taken)
            cutoff, highest = max(claim.cutoff for claim in claims), max(claim.id for claim in claims)
            self.leaving.append(Leaving(wanted.edition, cutoff, highest))
        return claims, last

    def ready(self, edition: int, now: datetime) -> int:
        """How many deliveries of an edition could be claimed now; of very many, only that they are many."""
        values = self._values(Wanted(edition, due_only=True), now)
        return sum(int(self._session.execute(which, values).scalar_one()) for which in _READY)

    def awaits(self, wanted: Wanted, domains: Collection[str], now: datetime) -> bool:
        """Whether there is anything to claim for these domains, once they have room."""
        values = self._values(wanted, now) | {"after": 0}
        return bool(domains) and any(
            self._session.execute(
                _claimable(which, 1).where(
                    _delivery.c.domain.in_(sorted(domains)), _delivery.c.segment_id.not_in(wanted.broken)
                ),
                values,
            ).first()
            for which in (_planned, _waited)
        )

    def _candidates(
        self, which: sa.ColumnElement[bool], wanted: Wanted, limit: int, now: datetime
    ) -> list[_Candidate]:
        values = self._values(wanted, now)
        if not (wanted.full or wanted.broken):
            return list(map(_Candidate._make, _quickly_claimable(which, limit).rows(self._session, values)))
        narrower = _claimable(which, limit).where(
            _delivery.c.domain.not_in(wanted.full), _delivery.c.segment_id.not_in(wanted.broken)
        )
        return list(map(_Candidate._make, self._session.execute(narrower, values)))

    @staticmethod
    def _values(wanted: Wanted, now: datetime) -> dict[str, Any]:
        return {
            "edition": wanted.edition,
            "after": wanted.after,
            "due": now if wanted.due_only else _EVER,
            "now": now,
            "held": now + LONGEST_HOLD,
            "far": now + LONGEST_RETRY,
        }

    def look(self, edition: int, worker: str) -> Situation:
        """How things stand at this very moment for what a worker has in hand of an edition."""
        rows = _LOOK.rows(self._session, {"edition": edition, "by": worker})
        head, state, *_ = rows[0]
        objections = {id: str(reason) for _, _, id, reason in rows if id is not None}
        return Situation(head or 0, EditionState(state), objections)

    def settle(self, settled: Sequence[tuple[Claim, Settlement]], worker: str, now: datetime) -> None:
        """Record what became of a worker's claims; acceptance moves the readers' cursors."""
        if not settled:
            return
        _SETTLE.run(
            self._session,
            {"by": worker, "now": now},
            [
                {
                    "this": claim.id,
                    "to": str(settlement.state),
                    "said": settlement.reply,
                    "because": settlement.reason,
                    "again": settlement.retry_at,
                }
                for claim, settlement in settled
            ],
        )
        served = [
            {"reader": claim.subscriber, "to": claim.cutoff}
            for claim, settlement in settled
            if settlement.state is DeliveryState.ACCEPTED
        ]
        if served:
            _SERVE.run(self._session, {}, served)

    def release(self, ids: Collection[int], worker: str, now: datetime) -> None:
        """Give back a worker's claims of which nothing was handed over; the attempt does not count."""
        self._session.execute(
            sa.update(_delivery)
            .where(
                _delivery.c.id.in_(list(ids)),
                _delivery.c.worker == worker,
                _delivery.c.state == str(DeliveryState.IN_FLIGHT),
            )
            .values(
                state=sa.case(
                    (_delivery.c.retry_at.is_not(None), str(DeliveryState.DEFERRED)),
                    else_=str(DeliveryState.PLANNED),
                ),
                worker="",
                attempts=_delivery.c.attempts - 1,
                # The time in which nothing could be tried does not count against the reader.
                first_attempt=sa.case((_delivery.c.attempts > 1, _delivery.c.first_attempt), else_=None),
                changed_at=now,
            )
        )

    def workers_in_flight(self) -> set[str]:
        """The workers that have deliveries in hand, alive or dead."""
        return set(self._session.execute(sa.select(_delivery.c.worker).where(IN_HAND).distinct()).scalars())

    def held_by_others(self, worker: str) -> Counter[str]:
        """How many deliveries to each domain other workers have in hand, alive or dead."""
        rows = self._session.execute(
            sa.select(_delivery.c.domain, sa.func.count())
            .where(IN_HAND, _delivery.c.worker != worker)
            .group_by(_delivery.c.domain)
        )
        return Counter({row.domain: row[1] for row in rows})

    def abandon(self, worker: str, now: datetime) -> int:
        """Mark what a dead worker had in hand as uncertain: it may or may not have been handed over."""
        result = self._session.execute(
            sa.update(_delivery)
            .where(
                IN_HAND,
                _delivery.c.worker == worker,
                _delivery.c.state == str(DeliveryState.IN_FLIGHT),
            )
            .values(
                state=str(DeliveryState.UNCERTAIN),
                reply="the process stopped between hand-off and record",
                worker="",
                changed_at=now,
            )
        )
        return int(result.rowcount)  # type: ignore[attr-defined]

    def cancel(self, reasons: Mapping[int, str], worker: str, now: datetime) -> None:
        """These, which a worker or nobody has in hand, are not made after all, each for its reason."""
        if reasons:
            rows = [{"this": id, "because": str(reason)} for id, reason in reasons.items()]
            _CANCEL.run(self._session, {"by": worker, "now": now}, rows)
