"""The small things: ticks of schedules, facts about the installation, and the audit log."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam
from sqlmodel import Session, col, delete, func, select

from pipeline.store.prepared import Prepared
from pipeline.store.tables_running import AuditRow, Fact, Tick
from pipeline.store.upsert import add_if_new, upsert

_START = "start"
_FACT = Prepared(select(Fact.value).where(Fact.name == bindparam("name")))


class Register:
    """Ticks, facts and the audit log in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._facts: dict[str, str] = {}

    def tick(self, schedule: str, slot: str, at: datetime) -> bool:
        """Claim a slot of a schedule; False when somebody already has."""
        return add_if_new(self._session, Tick, {"schedule": schedule, "slot": slot, "at": at})

    def ticked(self, schedule: str, slots: Collection[str]) -> Sequence[str]:
        """Which of these slots of a schedule somebody has claimed already."""
        return self._session.exec(
            select(Tick.slot).where(Tick.schedule == schedule, col(Tick.slot).in_(slots))
        ).all()

    def advance(self, schedule: str, slot: str, at: datetime, *, beyond: str) -> bool:
        """Claim a slot that comes after all before it; False for any other, or when somebody already has.

        The slots before it are forgotten, and those after ``beyond``, which a clock that had jumped has
        claimed. Names of slots must sort as they come.
        """
        self._session.execute(delete(Tick).where(col(Tick.schedule) == schedule, col(Tick.slot) > beyond))
        later = select(Tick.slot).where(Tick.schedule == schedule, Tick.slot >= slot)
        if self._session.exec(later).first() is not None or not self.tick(schedule, slot, at):
            return False
        self._session.execute(delete(Tick).where(col(Tick.schedule) == schedule, col(Tick.slot) < slot))
        return True

    def highest_tick(self, schedule: str) -> str | None:
        """The last slot claimed of a schedule whose slots are numbers."""
        query = select(Tick.slot).where(Tick.schedule == schedule)
        return self._session.exec(
            query.order_by(func.length(Tick.slot).desc(), col(Tick.slot).desc())
        ).first()

    def first_tick(self, schedule: str) -> datetime | None:
        """When a schedule first ran here."""
        query = select(Tick.at).where(Tick.schedule == schedule).order_by(col(Tick.at)).limit(1)
        return self._session.exec(query).first()

    def begin(self, schedule: str, at: datetime) -> None:
        """Have a schedule begin now, whatever was said of its beginning before."""
        self._session.merge(Tick(schedule=schedule, slot=_START, at=at))

    def fact(self, name: str) -> str:
        """A value by name; empty where it was never set."""
        if name not in self._facts:
            rows = _FACT.rows(self._session, {"name": name})
            self._facts[name] = str(rows[0][0]) if rows else ""
        return self._facts[name]

    def set_fact(self, name: str, value: str) -> None:
        upsert(self._session, Fact, [{"name": name, "value": value}])
        self._facts[name] = value

    def audit(self, at: datetime, who: str, action: str, what: str) -> None:
        """Write down who did what."""
        self._session.add(AuditRow(at=at, who=who, action=action, what=what))

    def forget_audit(self, before: datetime) -> int:
        """Remove what was done before a moment; gives how many entries there were."""
        statement = delete(AuditRow).where(col(AuditRow.at) < before)
        return self._session.connection().execute(statement).rowcount

    def audited(self, limit: int) -> Sequence[AuditRow]:
        """The last entries of the audit log, the latest first."""
        return self._session.exec(select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit)).all()
