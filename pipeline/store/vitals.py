"""The figures that tell how a portal is doing, counted in the database. None of them names a person."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from pipeline.store.providers import Providers
from pipeline.store.tables import (
    UNCERTAIN,
    BounceRow,
    DeliveryRow,
    EditionRow,
    FeedbackRow,
    FeedCursor,
    SubscriberRow,
    Wave,
)
from pipeline.store.tables_running import Fact, Tick
from subscribers.bounces import SPIKE_FROM, SPIKE_WITHIN, is_spike
from subscribers.condition import COMPLAINTS_WITHIN, ClockCondition, EditionCondition, JobCondition
from subscribers.delivery import DeliveryState
from subscribers.edition import CLOSED, EditionName, EditionState
from subscribers.feedback import FeedbackKind
from subscribers.frequency import Frequency
from subscribers.subscriber import State

_LATELY = timedelta(minutes=5)
"""The time over which a rate is taken, where sending did not begin in it."""
_JOB = "job."
TASK = "task."
"""Begins the schedules of the clock's own tasks."""
LEADER = "leader"
"""The fact of who leads."""
_SETTLED = (DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REJECTED)


class Vitals:
    """The vital signs of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def editions(self, now: datetime) -> tuple[EditionCondition, ...]:
        """The open editions, the oldest first."""
        rows = self._session.exec(
            select(EditionRow).where(col(EditionRow.state).not_in(CLOSED)).order_by(col(EditionRow.id))
        )
        return tuple(self._edition(row, now) for row in rows)

    def uncertain(self) -> dict[str, int]:
        """Deliveries of which nobody knows whether they arrived, by edition."""
        counts = self._session.exec(
            select(DeliveryRow.edition_id, func.count())
            .where(UNCERTAIN)
            .group_by(col(DeliveryRow.edition_id))
        ).all()
        return {_name(self._session.get_one(EditionRow, edition)): number for edition, number in counts}

    def spikes(self, now: datetime) -> dict[str, int]:
        """Domains at which so many readers bounced within a day that it must be the domain."""
        bounced = func.count()
        rows = self._session.exec(
            select(SubscriberRow.domain, bounced)
            .join(BounceRow, col(BounceRow.subscriber_id) == SubscriberRow.id)
            .where(col(BounceRow.hard_at) >= now - SPIKE_WITHIN)
            .group_by(SubscriberRow.domain)
            .having(bounced >= SPIKE_FROM)
        ).all()
        return {domain: number for domain, number in rows if is_spike(number, self._readers(domain))}

    def complaints(self, now: datetime) -> tuple[int, int]:
        """Complaints of the last 30 days, and the mails accepted in the editions of those days."""
        since = now - COMPLAINTS_WITHIN
        complaints = self._session.exec(
            select(func.count()).where(
                FeedbackRow.kind == FeedbackKind.COMPLAINT, col(FeedbackRow.at) >= since
            )
        ).one()
        recent = select(EditionRow.id).where(col(EditionRow.created_at) >= since)
        accepted = self._session.exec(
            select(func.count()).where(
                col(DeliveryRow.edition_id).in_(recent), DeliveryRow.state == DeliveryState.ACCEPTED
            )
        ).one()
        return complaints, accepted

    def by_domain(self, since: datetime) -> dict[tuple[str, str], int]:
        """Deliveries settled in the editions begun since a moment, by the readers' domain and state."""
        recent = select(EditionRow.id).where(col(EditionRow.created_at) >= since)
        rows = self._session.exec(
            select(DeliveryRow.domain, DeliveryRow.state, func.count())
            .where(col(DeliveryRow.edition_id).in_(recent), col(DeliveryRow.state).in_(_SETTLED))
            .group_by(DeliveryRow.domain, DeliveryRow.state)
        )
        return {(domain, str(state)): number for domain, state, number in rows}

    def lowest_cursor(self) -> int | None:
        """The position up to which every active reader was served; None where there is nobody."""
        query = select(func.min(SubscriberRow.cursor)).where(SubscriberRow.state == State.ACTIVE)
        return self._session.exec(query).one()

    def feed_cursors(self) -> dict[str, int]:
        return dict(self._session.exec(select(FeedCursor.theme, FeedCursor.position)).all())

    def oldest_ready(self, now: datetime) -> datetime | None:
        """Since when the delivery that has waited longest could have left; None where none waits."""
        return self._session.exec(
            select(func.min(Wave.due))
            .join(EditionRow, col(EditionRow.id) == Wave.edition_id)
            .where(
                col(EditionRow.state).in_([EditionState.PLANNED, EditionState.SENDING]),
                col(Wave.due) <= now,
                col(EditionRow.id).in_(
                    select(DeliveryRow.edition_id).where(
                        DeliveryRow.state == DeliveryState.PLANNED,
                        col(DeliveryRow.domain).not_in(self._closed(now)),
                    )
                ),
            )
        ).one()

    def jobs(self) -> dict[str, JobCondition]:
        """The jobs of the clock, as they last went."""
        rows = self._session.exec(
            select(Fact.name, Fact.value).where(col(Fact.name).startswith(_JOB, autoescape=True))
        )
        return {name.removeprefix(_JOB): _job(json.loads(value)) for name, value in rows}

    def clock(self) -> ClockCondition | None:
        """Who ticks, and when they last did; None where nobody ever has."""
        ticked = self._session.exec(
            select(func.max(Tick.at)).where(col(Tick.schedule).startswith(TASK, autoescape=True))
        ).one()
        if ticked is None:
            return None
        leader = self._session.get(Fact, LEADER)
        if leader is None:
            return ClockCondition(ticked)
        known: dict[str, str] = json.loads(leader.value)
        return ClockCondition(ticked, known["name"], datetime.fromisoformat(known["since"]))

    def frequencies(self) -> dict[tuple[str, str], int]:
        """Subscribers by frequency and state."""
        rows = self._session.exec(
            select(SubscriberRow.frequency, SubscriberRow.state, func.count()).group_by(
                SubscriberRow.frequency, SubscriberRow.state
            )
        )
        return {(str(frequency), str(state)): number for frequency, state, number in rows}

    def _edition(self, row: EditionRow, now: datetime) -> EditionCondition:
        of_edition = DeliveryRow.edition_id == row.id
        deliveries = dict(
            self._session.exec(
                select(DeliveryRow.state, func.count()).where(of_edition).group_by(DeliveryRow.state)
            ).all()
        )
        due, planned = self._session.exec(
            select(func.min(Wave.due), func.max(Wave.planned_at)).where(Wave.edition_id == row.id)
        ).one()
        settled = (of_edition, col(DeliveryRow.state).in_(_SETTLED))
        moved = self._session.exec(select(func.max(DeliveryRow.changed_at)).where(*settled)).one()
        lately, first = self._session.exec(
            select(func.count(), func.min(DeliveryRow.changed_at)).where(
                *settled, col(DeliveryRow.changed_at) > now - _LATELY
            )
        ).one()
        ready = self._session.exec(
            select(func.count()).where(
                of_edition,
                DeliveryRow.state == DeliveryState.PLANNED,
                col(DeliveryRow.domain).not_in(self._closed(now)),
                col(DeliveryRow.wave_id).in_(
                    select(Wave.id).where(Wave.edition_id == row.id, col(Wave.due) <= now)
                ),
            )
        ).one()
        return EditionCondition(
            _name(row),
            EditionState(row.state),
            {str(state): number for state, number in deliveries.items()},
            ready,
            due,
            planned,
            moved,
            lately / max(1.0, (now - first).total_seconds()) if first else 0.0,
        )

    def _closed(self, now: datetime) -> list[str]:
        """Providers that get nothing now: what waits for them could not leave."""
        return [one.domain for one in Providers(self._session).known() if one.closed(now)]

    def _readers(self, domain: str) -> int:
        mailed = (State.ACTIVE, State.PAUSED, State.SUSPENDED)
        return self._session.exec(
            select(func.count()).where(SubscriberRow.domain == domain, col(SubscriberRow.state).in_(mailed))
        ).one()


def _name(row: EditionRow) -> str:
    return str(EditionName(Frequency(row.frequency), row.slot, row.n))


def job_fact(name: str) -> str:
    """The fact in which a job's condition stands."""
    return _JOB + name


def leader_value(name: str, since: datetime) -> str:
    """What stands in the fact ``LEADER``."""
    return json.dumps({"name": name, "since": since.isoformat()})


def job_value(job: JobCondition) -> str:
    moments = {"succeeded": job.succeeded, "failing_since": job.failing_since}
    return json.dumps(
        {name: at.isoformat() if at else None for name, at in moments.items()} | {"error": job.error}
    )


def _job(values: Mapping[str, str | None]) -> JobCondition:
    succeeded, failing = values.get("succeeded"), values.get("failing_since")
    return JobCondition(
        datetime.fromisoformat(succeeded) if succeeded else None,
        datetime.fromisoformat(failing) if failing else None,
        values.get("error") or "",
    )
