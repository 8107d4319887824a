"""What came back, kept as it came."""

from datetime import datetime

from sqlmodel import Session, col, select, update

from pipeline.store.tables import DeliveryRow, FeedbackRow, SubscriberRow
from subscribers.feedback import Feedback


class FeedbackLog:
    """The feedback of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, key: str, feedback: Feedback, original: bytes, at: datetime) -> bool:
        """Keep a message; False where it is kept already."""
        if self._session.exec(select(FeedbackRow.id).where(FeedbackRow.key == key)).first() is not None:
            return False
        # An id of ours may be older than the database, which may have been restored: then it names nobody.
        delivery = self._session.get(DeliveryRow, feedback.delivery or 0)
        reader = self._session.get(SubscriberRow, feedback.subscriber or 0)
        self._session.add(
            FeedbackRow(
                key=key,
                at=at,
                kind=feedback.kind,
                status=feedback.status,
                delivery_id=delivery.id if delivery else None,
                subscriber_id=reader.id if reader else None,
                reply=feedback.reply,
                original=original,
            )
        )
        self._session.flush()
        return True

    def forget(self, before: datetime) -> int:
        """Remove the text of what came before a moment, which holds addresses; gives how many there were.

        That it came, and of what kind it was, stays: so the same message still counts once.
        """
        statement = (
            update(FeedbackRow)
            .where(col(FeedbackRow.at) < before, col(FeedbackRow.original) != b"")
            .values(original=b"", reply="")
        )
        return self._session.connection().execute(statement).rowcount

    def domain_of(self, delivery: int) -> str:
        """The provider to which a delivery went; empty for one that is not known."""
        found = self._session.get(DeliveryRow, delivery)
        return found.domain if found else ""
