"""Notices: what is to be sent to single people, and what became of it."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, delete, or_, select, update

from pipeline.store.tables import NoticeRow
from subscribers.delivery import LONGEST_RETRY
from subscribers.notice import LEASE, Notice, NoticeKind, NoticeState, Pending


class Notices:
    """The notices of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, notice: Notice) -> None:
        self._session.add(NoticeRow(**notice.model_dump()))

    def claim(self, now: datetime, limit: int) -> list[Pending]:
        """Take what is to be sent now. Others leave it alone until it is settled, or the lease is over."""
        # What is put off for longer than we ever do was so by a clock that had jumped.
        due = or_(col(NoticeRow.due) <= now, col(NoticeRow.due) > now + LONGEST_RETRY)
        rows = self._session.exec(
            select(NoticeRow)
            .where(NoticeRow.state == NoticeState.PENDING, due)
            .order_by(col(NoticeRow.due), col(NoticeRow.id))
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        claimed = []
        for row in rows:
            row.due = now + LEASE
            row.attempts += 1
            self._session.add(row)
            assert row.id is not None
            claimed.append(Pending(row.id, _value(row)))
        return claimed

    def settle(self, id: int, state: NoticeState, reply: str, due: datetime | None = None) -> None:
        """Write down what became of one; ``due`` is when a pending one is tried again."""
        values: dict[str, object] = {"state": state, "reply": reply}
        if due is not None:
            values["due"] = due
        self._session.execute(update(NoticeRow).where(col(NoticeRow.id) == id).values(**values))

    def release(self, ids: Collection[int], due: datetime) -> None:
        """Give back what was taken and not sent."""
        self._session.execute(
            update(NoticeRow)
            .where(col(NoticeRow.id).in_(list(ids)))
            .values(due=due, attempts=NoticeRow.attempts - 1)
        )

    def get(self, id: int) -> Notice | None:
        row = self._session.get(NoticeRow, id, with_for_update=True)
        return None if row is None else _value(row)

    def use(self, kind: NoticeKind, about: int) -> None:
        """Let the link in none of one kind about one thing ever work again."""
        self._session.execute(
            update(NoticeRow)
            .where(col(NoticeRow.kind) == kind, col(NoticeRow.about) == about)
            .values(address="")
        )

    def of(self, kind: NoticeKind, about: int) -> list[Notice]:
        """What was to be sent of one kind about one thing, the latest first."""
        rows = self._session.exec(
            select(NoticeRow)
            .where(NoticeRow.kind == kind, NoticeRow.about == about)
            .order_by(col(NoticeRow.id).desc())
        )
        return [_value(row) for row in rows]

    def forget(self, before: datetime) -> int:
        """Remove those made before a moment, but for what is still to be sent; gives how many there were."""
        return (
            self._session.connection()
            .execute(
                delete(NoticeRow).where(
                    col(NoticeRow.at) < before, col(NoticeRow.state) != NoticeState.PENDING
                )
            )
            .rowcount
        )


def _value(row: NoticeRow) -> Notice:
    return Notice.model_validate({name: getattr(row, name) for name in Notice.model_fields})
