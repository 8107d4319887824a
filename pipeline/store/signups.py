"""What was asked for at our form, and how often that form was used."""

from datetime import datetime

from sqlmodel import Session, col, delete, func, select

from pipeline.store.tables import FormCount, SignUpRow
from pipeline.store.upsert import upsert
from subscribers.signup import Count, SignUp
from subscribers.subscriber import address_key


class SignUps:
    """The sign-ups of one transaction. ``key`` makes the hashes by which addresses are counted."""

    def __init__(self, session: Session, key: bytes) -> None:
        self._session = session
        self._key = key

    def add(self, signup: SignUp) -> int:
        """Keep one; gives its id."""
        row = SignUpRow(**signup.model_dump())
        self._session.add(row)
        self._session.flush()
        assert row.id is not None
        return row.id

    def waiting(self, email: str) -> SignUp | None:
        """What was last asked for an address, and is not confirmed."""
        row = self._session.exec(
            select(SignUpRow)
            .where(func.lower(SignUpRow.email) == email.lower(), col(SignUpRow.confirmed_at).is_(None))
            .order_by(col(SignUpRow.id).desc())
        ).first()
        return None if row is None else _value(row)

    def get(self, id: int) -> SignUp | None:
        """One as it was asked for, kept from others until this transaction ends; None where it is gone."""
        row = self._session.get(SignUpRow, id, with_for_update=True)
        return None if row is None else _value(row)

    def confirm(self, id: int, at: datetime) -> None:
        """Note that its link was used."""
        self._session.get_one(SignUpRow, id).confirmed_at = at

    def forget(self, before: datetime) -> int:
        """Remove those asked for before a moment; gives how many there were."""
        return (
            self._session.connection().execute(delete(SignUpRow).where(col(SignUpRow.at) < before)).rowcount
        )

    def count(self, what: str) -> Count | None:
        """How often something was done, kept from others until this transaction ends."""
        row = self._session.get(FormCount, self._name(what), with_for_update=True)
        return Count(row.times, row.since) if row else None

    def put_count(self, what: str, count: Count) -> None:
        name = self._name(what)
        upsert(self._session, FormCount, [{"name": name, "times": count.times, "since": count.since}])

    def forget_counts(self, before: datetime) -> None:
        """Remove the counts that began before a moment."""
        self._session.execute(delete(FormCount).where(col(FormCount.since) < before))

    def _name(self, what: str) -> str:
        return address_key(what, self._key)


def _value(row: SignUpRow) -> SignUp:
    return SignUp.model_validate({name: getattr(row, name) for name in SignUp.model_fields})
