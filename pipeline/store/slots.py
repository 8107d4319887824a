"""Slots that were moved or skipped by hand."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlmodel import Session, col, delete, select

from pipeline.store.tables_running import SlotChange
from subscribers.frequency import Frequency


class Slots:
    """The changes to slots, in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def changes(self, frequency: Frequency) -> Mapping[date, date | None]:
        """The day that each changed slot of a frequency goes out on; None for one that is skipped."""
        rows = self._session.exec(select(SlotChange).where(SlotChange.frequency == frequency))
        return {row.slot: row.day for row in rows}

    def change(self, frequency: Frequency, slot: date, day: date | None, at: datetime) -> None:
        """Have a slot go out on another day, or not at all."""
        self._session.merge(SlotChange(frequency=frequency, slot=slot, day=day, at=at))

    def restore(self, frequency: Frequency, slot: date) -> bool:
        """Have a slot be as the config says; False where it is."""
        gone = delete(SlotChange).where(col(SlotChange.frequency) == frequency, col(SlotChange.slot) == slot)
        return bool(self._session.connection().execute(gone).rowcount)
