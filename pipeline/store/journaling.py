"""What of a transaction the journal must know, and whether it must know it before or after the commit.

``subscribers.journal`` tells why.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlmodel import Session, SQLModel, col, func, select

from pipeline.store.outbox import Leaving, Outbox
from pipeline.store.subscribers import Subscribers
from pipeline.store.tables import DeliveryRow, EditionRow, NoticeRow, Segment, SignUpRow, SubscriberRow, Wave
from subscribers.edition import EditionName
from subscribers.frequency import Frequency
from subscribers.journal import Event, Marks, Sent

PEOPLE: tuple[type[SQLModel], ...] = (SubscriberRow, SignUpRow, NoticeRow)
"""Tables whose ids stand in links that are mailed to single people."""
EDITIONS: tuple[type[SQLModel], ...] = (EditionRow, Wave, Segment, DeliveryRow)
"""Tables whose ids stand in an edition's mails, or in those of what they belong to."""

_BLOCK = 1_000
"""Ids are written down so many at a time."""


class Journal(Protocol):
    """What is on the disk, outside the database, when ``append`` returns."""

    def append(self, events: Sequence[Event]) -> None: ...
    def now(self) -> datetime: ...


class Journaling:
    """Writes to the journal on behalf of the transactions of one process."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._marks: dict[str, int] = {}
        self._sent: dict[int, tuple[int, int]] = {}

    def before_commit(
        self, session: Session, people: Subscribers | None, outbox: Outbox | None, *, enrols: bool
    ) -> None:
        """Write down who leaves, what begins to be sent, and which ids are given out."""
        events: list[Event] = [] if people is None else list(people.leaving)
        if outbox is not None:
            for leaving in outbox.leaving:
                events += self._begins(session, leaving)
        if enrols:
            events += self._given_out(session, PEOPLE)
        self._journal.append(events)

    def after_commit(self, people: Subscribers | None) -> None:
        """Write down who came back."""
        if people is not None and people.returning:
            self._journal.append([make(self._journal.now()) for make in people.returning])

    def _begins(self, session: Session, leaving: Leaving) -> list[Event]:
        """A send that goes further than those written down by this process before."""
        cutoff, delivery = self._sent.get(leaving.edition, (-1, -1))
        if leaving.cutoff <= cutoff and leaving.delivery <= delivery:
            return []
        edition = session.get_one(EditionRow, leaving.edition)
        frozen = session.exec(
            select(func.max(Wave.planned_at)).where(
                Wave.edition_id == leaving.edition, col(Wave.cutoff) <= leaving.cutoff
            )
        ).one()
        highest = _last(session, DeliveryRow)
        self._sent[leaving.edition] = (max(cutoff, leaving.cutoff), highest)
        name = EditionName(Frequency(edition.frequency), edition.slot, edition.n)
        at = self._journal.now()
        sent = Sent(str(name), leaving.cutoff, frozen or at, at, highest)
        return [sent, *self._given_out(session, EDITIONS)]

    def _given_out(self, session: Session, tables: Sequence[type[SQLModel]]) -> list[Event]:
        marks = {}
        for table in tables:
            name = str(table.__tablename__)
            last = _last(session, table)
            if last > self._marks.get(name, 0):
                marks[name] = self._marks[name] = (last // _BLOCK + 1) * _BLOCK
        return [Marks(marks)] if marks else []


def _last(session: Session, table: type[SQLModel]) -> int:
    return session.exec(select(func.max(table.id))).one() or 0  # type: ignore[attr-defined]
