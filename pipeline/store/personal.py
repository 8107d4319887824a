"""What is kept about one person: all of it, to be shown to them or to be erased."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, delete, func, or_, select, update

from pipeline.store.subscribers import Subscribers
from pipeline.store.tables import (
    ArticleRow,
    BounceRow,
    ConsentRow,
    DeliveryRow,
    DomainRow,
    EditionRow,
    FeedbackRow,
    InterestSet,
    NoticeRow,
    Segment,
    SignUpRow,
    SubscriberRow,
    Suppression,
)
from pipeline.store.tables_running import AuditRow
from subscribers.notice import NoticeKind
from subscribers.subscriber import ERASED, State, address_key, domain_of

_GONE = "(erased)"


class Personal:
    """The personal data of one transaction. ``key`` makes the hashes that are left of an address."""

    def __init__(self, session: Session, key: bytes, subscribers: Subscribers) -> None:
        self._session = session
        self._key = key
        self._subscribers = subscribers

    def everything(self, id: int) -> dict[str, Any]:
        """All that is kept about a reader, in values that JSON knows, moments as ISO 8601."""
        row = self._session.get_one(SubscriberRow, id)
        interests = self._session.get_one(InterestSet, row.interest_set_id).themes
        reader = _values(row, leave_out={"address_key", "domain", "interest_set_id", "feed_serial"})
        of_reader = col(DeliveryRow.subscriber_id) == id
        addresses = [row.email, *self._earlier(id)]
        signups = self._at(SignUpRow.email, addresses)
        return {
            "subscriber": reader | {"interests": interests},
            "suppressed": self._suppression(row.email),
            "consents": self._all(ConsentRow, col(ConsentRow.subscriber_id) == id, {"subscriber_id"}),
            "editions": [self._edition(*found) for found in self._editions(of_reader)],
            "notices": self._all(NoticeRow, self._notices_of(id, addresses), {"about", "details"}),
            "signups": self._all(SignUpRow, col(SignUpRow.id).in_(signups), set()),
            "bounces": self._all(BounceRow, col(BounceRow.subscriber_id) == id, {"subscriber_id"}),
            "feedback": self._all(FeedbackRow, self._feedback_of(id), {"original", "key", "subscriber_id"}),
        }

    def erase(self, id: int, at: datetime) -> None:
        """Leave of a reader only that they were one, and may not be mailed.

        What remains is a keyed hash of the address, which holds the suppression and the dates of consent,
        and the numbers of mails in each edition.
        """
        session = self._session
        row = session.get_one(SubscriberRow, id)
        email, name = row.email, row.name
        addresses = [email, *self._earlier(id)]
        subscribers = self._subscribers
        subscribers.suppress(email, ERASED, at)
        subscribers.leave(id, State.ERASED, ERASED, at)
        nothing = subscribers.interest_set(())
        signups = self._at(SignUpRow.email, addresses)
        for statement in (
            update(SubscriberRow)
            .where(col(SubscriberRow.id) == id)
            .values(
                email=f"{id}@erased.invalid",
                domain="erased.invalid",
                name="",
                interest_set_id=nothing,
                paused_until=None,
                feed_serial=-sa.func.abs(SubscriberRow.feed_serial),
            ),
            update(ConsentRow).where(col(ConsentRow.subscriber_id) == id).values(source="", interests=""),
            # Words that an administrator wrote about somebody; those of our own forms are the same for all.
            update(ConsentRow)
            .where(col(ConsentRow.subscriber_id) == id, col(ConsentRow.action) == "subscribe")
            .values(text=""),
            update(AuditRow)
            .where(col(AuditRow.what).startswith(f"subscriber {id}: "))
            .values(what=f"subscriber {id}"),
            update(FeedbackRow)
            .where(self._feedback_of(id))
            .values(original=b"", reply="", subscriber_id=None),
            update(DeliveryRow).where(col(DeliveryRow.subscriber_id) == id).values(reply="", domain=""),
            delete(NoticeRow).where(self._notices_of(id, addresses)),
            delete(NoticeRow).where(
                col(NoticeRow.kind) == NoticeKind.CONFIRM, col(NoticeRow.about).in_(signups)
            ),
            delete(SignUpRow).where(col(SignUpRow.id).in_(signups)),
            delete(BounceRow).where(col(BounceRow.subscriber_id) == id),
            update(FeedbackRow)
            .where(col(FeedbackRow.id).in_(self._originals_with(addresses)))
            .values(original=b"", reply=""),
        ):
            session.execute(statement, execution_options={"synchronize_session": False})
        session.expire_all()
        for address in addresses:
            for column in (AuditRow.what, DomainRow.last_reply, DomainRow.reason):
                self._blank(column, address)
        self._blank_reason(email, [*addresses, *([name] if name else [])])
        session.expire_all()

    def forget(self, email: str, at: datetime) -> bool:
        """Leave nothing of what was asked for at an address that is no reader's, but its suppression.

        False where nothing is kept about it.
        """
        signups, notices = self._at(SignUpRow.email, [email]), self._at(NoticeRow.address, [email])
        if not signups and not notices:
            return False
        self._subscribers.suppress(email, ERASED, at)
        for statement in (
            delete(NoticeRow).where(
                or_(
                    col(NoticeRow.id).in_(notices),
                    sa.and_(col(NoticeRow.kind) == NoticeKind.CONFIRM, col(NoticeRow.about).in_(signups)),
                )
            ),
            delete(SignUpRow).where(col(SignUpRow.id).in_(signups)),
        ):
            self._session.execute(statement)
        return True

    def _earlier(self, id: int) -> list[str]:
        """The addresses that a reader had before, as far as anything is kept about them."""
        query = select(NoticeRow.address).where(NoticeRow.about == id, NoticeRow.kind == NoticeKind.MOVED)
        return [address for address in self._session.exec(query) if address]

    def _at(self, column: Any, addresses: Collection[str]) -> list[int]:
        """The ids of the rows that have one of these addresses, however it is written there.

        Compared here, since a database may know no capitals but those of ASCII.
        """
        keys = {address_key(address, self._key) for address in addresses}
        near = or_(*(column.endswith(f"@{domain_of(address)}", autoescape=True) for address in addresses))
        rows = self._session.execute(select(column.class_.id, column).where(near))
        return [id for id, address in rows if address_key(address, self._key) in keys]

    def _originals_with(self, addresses: Collection[str]) -> list[int]:
        """What came back that nobody could tell whom it was about, and yet names one of these."""
        words = [address.lower().encode() for address in addresses]
        rows = self._session.execute(
            select(FeedbackRow.id, FeedbackRow.original)
            .where(col(FeedbackRow.original) != b"")
            .execution_options(yield_per=10)
        )
        return [id for id, text in rows if any(word in text.lower() for word in words)]

    def _blank(self, column: Any, email: str) -> None:
        """Take an address out of free text, however it is written there."""
        table = column.class_
        holds = func.lower(column).contains(email.lower(), autoescape=True)
        session = self._session
        for row in session.exec(select(table).where(holds)).all():
            setattr(row, column.key, _GONE)
            session.add(row)
        session.flush()

    def _blank_reason(self, email: str, words: Iterable[str]) -> None:
        """Take these words out of why an address is suppressed; it stays suppressed as firmly as it was."""
        row = self._session.get_one(Suppression, address_key(email, self._key))
        if any(word.casefold() in row.reason.casefold() for word in words):
            row.reason = _GONE
            self._session.add(row)
            self._session.flush()

    def _suppression(self, email: str) -> str | None:
        row = self._session.get(Suppression, address_key(email, self._key))
        return None if row is None else row.reason

    def _notices_of(self, id: int, addresses: Collection[str]) -> Any:
        of_reader = sa.and_(col(NoticeRow.about) == id, col(NoticeRow.kind) != NoticeKind.CONFIRM)
        return or_(of_reader, col(NoticeRow.id).in_(self._at(NoticeRow.address, addresses)))

    def _feedback_of(self, id: int) -> Any:
        deliveries = select(DeliveryRow.id).where(DeliveryRow.subscriber_id == id)
        return or_(col(FeedbackRow.subscriber_id) == id, col(FeedbackRow.delivery_id).in_(deliveries))

    def _all(self, table: type[SQLModel], condition: Any, leave_out: set[str]) -> list[dict[str, Any]]:
        rows: Iterable[SQLModel] = self._session.exec(select(table).where(condition))
        return [_values(row, leave_out | {"id"}) for row in rows]

    def _editions(self, condition: Any) -> Iterable[Any]:
        return self._session.execute(
            select(DeliveryRow, EditionRow, Segment.items)
            .join(EditionRow, col(EditionRow.id) == DeliveryRow.edition_id)
            .outerjoin(Segment, col(Segment.id) == DeliveryRow.segment_id)
            .where(condition)
            .order_by(col(DeliveryRow.id))
        )

    def _edition(self, delivery: DeliveryRow, edition: EditionRow, items: list[Any] | None) -> dict[str, Any]:
        ids = [item[0] for item in items or []]
        articles = self._session.exec(
            select(ArticleRow.title, ArticleRow.url).where(col(ArticleRow.id).in_(ids))
        )
        return {
            "edition": f"{edition.frequency}/{edition.slot}" + (f".{edition.n}" if edition.n > 1 else ""),
            "state": str(delivery.state),
            "reason": delivery.reason,
            "reply": delivery.reply,
            "changed_at": delivery.changed_at.isoformat(),
            "articles": [{"title": title, "url": url} for title, url in articles],
        }


def _values(row: SQLModel, leave_out: set[str]) -> dict[str, Any]:
    names = [name for name in type(row).model_fields if name not in leave_out]
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
