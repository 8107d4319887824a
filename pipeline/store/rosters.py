"""Lists of people, as they are written out: readers with their proof, and the addresses that get no mail."""

from collections.abc import Collection, Iterator
from itertools import islice

import sqlalchemy as sa
from sqlmodel import Session, col, select

from pipeline.store.subscribers import Subscribers
from pipeline.store.tables import ConsentRow, SubscriberRow, Suppression
from subscribers.subscriber import ASKED, Consent, Reader, State


class Rosters:
    """The lists of one transaction."""

    def __init__(self, session: Session, subscribers: Subscribers) -> None:
        self._session = session
        self._subscribers = subscribers

    def with_proof(
        self, states: Collection[State], theme: str = ""
    ) -> Iterator[tuple[Reader, Consent | None]]:
        """Subscribers in these states by id, streamed, each with the last proof that they asked for it."""
        readers = (
            reader for reader in self._subscribers.everyone(theme=theme) if reader.subscriber.state in states
        )
        while batch := list(islice(readers, 500)):
            rows = self._session.exec(
                select(ConsentRow)
                .where(
                    col(ConsentRow.subscriber_id).in_([reader.id for reader in batch]),
                    col(ConsentRow.action).in_(ASKED),
                )
                .order_by(col(ConsentRow.id))
            )
            proofs = {row.subscriber_id: row for row in rows}
            yield from ((reader, proofs.get(reader.id)) for reader in batch)

    def suppressions(self) -> Iterator[dict[str, str]]:
        """All suppressed addresses, streamed, the oldest first; each by its hash, and itself where known."""
        rows = self._session.execute(
            sa.select(
                col(Suppression.address_key),
                col(Suppression.reason),
                col(Suppression.at),
                col(SubscriberRow.email),
                col(SubscriberRow.state),
            )
            .outerjoin(SubscriberRow, col(SubscriberRow.address_key) == Suppression.address_key)
            .order_by(col(Suppression.at), col(Suppression.address_key))
            .execution_options(yield_per=500)
        )
        for key, reason, at, email, state in rows:
            known = email if email and state != State.ERASED else ""
            yield {"email": known, "address_key": key, "reason": reason, "suppressed_at": at.isoformat()}
