"""Editions and their waves, as stored."""

from datetime import date, datetime

from sqlalchemy import case, delete, update
from sqlmodel import Session, col, func, select

from pipeline.store.tables import EditionRow, Segment, Wave
from subscribers.edition import CLOSED, Edition, EditionName, EditionState
from subscribers.frequency import Frequency


class Editions:
    """The editions of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: EditionName) -> Edition | None:
        row = self._session.exec(
            select(EditionRow).where(
                EditionRow.frequency == name.frequency,
                EditionRow.slot == name.slot,
                EditionRow.n == name.n,
            )
        ).first()
        return _edition(row) if row else None

    def of_segment(self, segment: int) -> Edition | None:
        """The edition that a segment belongs to."""
        row = self._session.exec(
            select(EditionRow)
            .join(Wave, col(Wave.edition_id) == EditionRow.id)
            .join(Segment, col(Segment.wave_id) == Wave.id)
            .where(Segment.id == segment)
        ).first()
        return _edition(row) if row else None

    def latest(self, frequency: Frequency, slot: str) -> Edition | None:
        """The last edition of a slot."""
        row = self._session.exec(
            select(EditionRow)
            .where(EditionRow.frequency == frequency, EditionRow.slot == slot)
            .order_by(col(EditionRow.n).desc())
        ).first()
        return _edition(row) if row else None

    def of_slot(self, frequency: Frequency, slot: str) -> list[Edition]:
        """All editions of a slot, in their order."""
        rows = self._session.exec(
            select(EditionRow)
            .where(EditionRow.frequency == frequency, EditionRow.slot == slot)
            .order_by(col(EditionRow.n))
        )
        return [_edition(row) for row in rows]

    def cancelled(self, frequency: Frequency) -> set[date]:
        """The slots of which every edition was cancelled, of a frequency that has slots."""
        stands = func.sum(case((col(EditionRow.state) == EditionState.CANCELLED, 0), else_=1))
        rows = self._session.exec(
            select(EditionRow.slot)
            .where(EditionRow.frequency == frequency)
            .group_by(EditionRow.slot)
            .having(stands == 0)
        )
        return {date.fromisoformat(slot) for slot in rows}

    def open(self) -> list[Edition]:
        """Editions that are not done or cancelled, the oldest first."""
        query = select(EditionRow).where(col(EditionRow.state).not_in(CLOSED)).order_by(col(EditionRow.id))
        return [_edition(row) for row in self._session.exec(query)]

    def recent(self, limit: int) -> list[Edition]:
        rows = self._session.exec(select(EditionRow).order_by(col(EditionRow.id).desc()).limit(limit))
        return [_edition(row) for row in rows]

    def add(self, name: EditionName, day: date, state: EditionState, at: datetime) -> Edition:
        row = EditionRow(
            frequency=name.frequency,
            slot=name.slot,
            n=name.n,
            day=day,
            state=state,
            created_at=at,
        )
        self._session.add(row)
        self._session.flush()
        return _edition(row)

    def drop(self, name: EditionName) -> None:
        """Forget an edition of which there is no delivery."""
        edition = self.get(name)
        if edition is not None:
            self._session.execute(delete(Wave).where(col(Wave.edition_id) == edition.id))
            self._session.execute(delete(EditionRow).where(col(EditionRow.id) == edition.id))

    def set_state(self, id: int, state: EditionState) -> None:
        self._session.execute(update(EditionRow).where(col(EditionRow.id) == id).values(state=state))

    def set_held(self, id: int, held: bool) -> None:
        self._session.execute(update(EditionRow).where(col(EditionRow.id) == id).values(held=held))

    def add_wave(self, edition: int, due: datetime, planned_at: datetime, cutoff: int) -> int:
        row = Wave(edition_id=edition, due=due, planned_at=planned_at, cutoff=cutoff)
        self._session.add(row)
        self._session.flush()
        assert row.id is not None
        return row.id

    def count_wave(self, id: int, candidates: int, nothing_due: int) -> None:
        self._session.execute(
            update(Wave).where(col(Wave.id) == id).values(candidates=candidates, nothing_due=nothing_due)
        )

    def totals(self, edition: int) -> tuple[int, int]:
        """Over all waves: how many candidates, and how many of them were due nothing."""
        row = self._session.exec(
            select(func.sum(Wave.candidates), func.sum(Wave.nothing_due)).where(Wave.edition_id == edition)
        ).one()
        return row[0] or 0, row[1] or 0


def _edition(row: EditionRow) -> Edition:
    assert row.id is not None
    name = EditionName(Frequency(row.frequency), row.slot, row.n)
    return Edition(row.id, name, row.day, EditionState(row.state), row.held)
