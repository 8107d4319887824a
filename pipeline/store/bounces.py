"""What came back for each reader, and how a domain fares."""

from datetime import datetime

from sqlmodel import Session, col, delete, func, select, update

from pipeline.store.tables import BounceRow, ConsentRow, DeliveryRow, SubscriberRow, Suppression
from subscribers.bounces import Bounces
from subscribers.subscriber import BOUNCED, State


class BounceBook:
    """The bounces of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, reader: int) -> Bounces:
        """What is held against a reader's address, kept from others until this transaction ends."""
        row = self._session.get(BounceRow, reader, with_for_update=True)
        return Bounces(row.hard_at, row.rests_until, row.soft, row.soft_at, row.last) if row else Bounces()

    def put(self, reader: int, bounces: Bounces) -> None:
        row = self._session.get(BounceRow, reader) or BounceRow(subscriber_id=reader)
        row.hard_at, row.rests_until = bounces.hard_at, bounces.rests_until
        row.soft, row.soft_at, row.last = bounces.soft, bounces.soft_at, bounces.last
        self._session.add(row)
        self._session.flush()

    def reader_of(self, delivery: int) -> int | None:
        """Whose delivery this was."""
        found = self._session.get(DeliveryRow, delivery)
        return found.subscriber_id if found else None

    def went_elsewhere(self, delivery: int) -> bool:
        """Whether this delivery left for an address that its reader has exchanged for another since."""
        moved = select(ConsentRow.id).join(
            DeliveryRow, col(DeliveryRow.subscriber_id) == ConsentRow.subscriber_id
        )
        since = (ConsentRow.action == "move", col(ConsentRow.at) >= col(DeliveryRow.changed_at))
        return self._session.exec(moved.where(DeliveryRow.id == delivery, *since)).first() is not None

    def bounced(self, domain: str, since: datetime) -> int:
        """How many readers at a domain had a hard bounce since a moment."""
        return self._session.exec(
            select(func.count())
            .select_from(BounceRow)
            .join(SubscriberRow, col(SubscriberRow.id) == BounceRow.subscriber_id)
            .where(SubscriberRow.domain == domain, col(BounceRow.hard_at) >= since)
        ).one()

    def readers(self, domain: str, up_to: int | None = None) -> int:
        """How many readers are at a domain, whom we mail or would if they did not rest.

        ``up_to`` is where counting may stop: a domain may have half of all readers.
        """
        mailed = (State.ACTIVE, State.PAUSED, State.SUSPENDED)
        found = (
            select(SubscriberRow.id)
            .where(SubscriberRow.domain == domain, col(SubscriberRow.state).in_(mailed))
            .limit(up_to)
            .subquery()
        )
        return self._session.exec(select(func.count()).select_from(found)).one()

    def suppressed(self, domain: str, since: datetime) -> list[str]:
        """The addresses at a domain that hard bounces suppressed since a moment."""
        rows = self._session.exec(
            select(SubscriberRow.email)
            .join(Suppression, col(Suppression.address_key) == SubscriberRow.address_key)
            .where(
                SubscriberRow.domain == domain,
                SubscriberRow.state == State.SUPPRESSED,
                Suppression.reason == BOUNCED,
                Suppression.at >= since,
            )
            .order_by(col(SubscriberRow.id))
        )
        return list(rows)

    def clear(self, reader: int) -> None:
        """Hold nothing against a reader any more."""
        self._session.execute(delete(BounceRow).where(col(BounceRow.subscriber_id) == reader))

    def wake(self, domain: str, since: datetime) -> int:
        """End the rest of those at a domain who had a hard bounce since a moment; gives how many."""
        bounced = (
            select(BounceRow.subscriber_id)
            .join(SubscriberRow, col(SubscriberRow.id) == BounceRow.subscriber_id)
            .where(SubscriberRow.domain == domain, col(BounceRow.hard_at) >= since)
        )
        ids = self._session.exec(bounced).all()
        for id in ids:
            self._session.execute(
                update(SubscriberRow)
                .where(col(SubscriberRow.id) == id, col(SubscriberRow.state) == State.SUSPENDED)
                .values(state=State.ACTIVE)
            )
            self.clear(id)
        return len(ids)
