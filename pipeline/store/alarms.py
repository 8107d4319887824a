"""What was said of each alarm, by channel."""

from collections.abc import Iterable

from sqlmodel import Session, select

from pipeline.store.tables_running import AlarmRow
from subscribers.alarm import Told


class Alarms:
    """The alarms of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[Told]:
        """Everything that is not yet over and done with, by name and channel."""
        rows = self._session.exec(select(AlarmRow).order_by(AlarmRow.name, AlarmRow.channel))
        return [Told.model_construct(**row.model_dump()) for row in rows]

    def put(self, told: Iterable[Told]) -> None:
        for one in told:
            row = self._session.get(AlarmRow, (one.name, one.channel))
            if row is None:
                row = AlarmRow(**one.model_dump())
            else:
                row.sqlmodel_update(one.model_dump())
            self._session.add(row)

    def forget(self, told: Iterable[Told]) -> None:
        for one in told:
            row = self._session.get(AlarmRow, (one.name, one.channel))
            if row is not None:
                self._session.delete(row)
