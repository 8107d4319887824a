"""Subscribers, their interests and consent, and the addresses that get no mail."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy import delete, exists, update
from sqlmodel import Session, SQLModel, col, func, select

from pipeline.store.tables import BounceRow, ConsentRow, DeliveryRow, InterestSet, SubscriberRow, Suppression
from subscribers.bounces import SOFT_REST
from subscribers.delivery import REPLACEABLE, DeliveryState
from subscribers.edition import Cancel
from subscribers.frequency import Frequency
from subscribers.interest import set_key
from subscribers.journal import CHANGED, FEED, MOVED, Back, Event, Left
from subscribers.subscriber import (
    BOUNCED,
    BY_HAND,
    COMPLAINT,
    ERASED,
    LEFT,
    OWN_CHOICE,
    PAUSABLE,
    Consent,
    Reader,
    State,
    Subscriber,
    address_key,
    domain_of,
)


class Subscribers:
    """The subscribers of one transaction. ``suppression_key`` makes the hashes that outlive an address."""

    def __init__(self, session: Session, suppression_key: bytes) -> None:
        self._session = session
        self._key = suppression_key
        self._sets: dict[tuple[str, ...], int] = {}
        self.leaving: list[Left] = []
        """Who left in this transaction, for the journal; ``returning`` makes its word on who is back."""
        self.returning: list[Callable[[datetime], Event]] = []

    def add(self, subscriber: Subscriber, interests: Sequence[str]) -> int:
        """Store a new subscriber; gives the id. The address must not be taken."""
        row = SubscriberRow(
            **subscriber.model_dump(),
            address_key=self._hash(subscriber.email),
            domain=domain_of(subscriber.email),
            interest_set_id=self.interest_set(interests),
        )
        self._session.add(row)
        self._session.flush()
        assert row.id is not None
        return row.id

    def add_all(self, entries: Sequence[tuple[Subscriber, Sequence[str], Consent | None]]) -> list[int]:
        """Store new subscribers with their proof, many at a time; gives their ids, in that order.

        No address must be taken, or come twice.
        """
        if not entries:
            return []
        rows = [
            _fields(subscriber)
            | {
                "address_key": self._hash(subscriber.email),
                "domain": domain_of(subscriber.email),
                "interest_set_id": self.interest_set(interests),
                "feed_serial": 0,
            }
            for subscriber, interests, _ in entries
        ]
        table = SubscriberRow.__table__  # type: ignore[attr-defined]
        self._session.execute(sa.insert(table), rows)
        # Asked for afterwards: what gives the ids of many rows in their order inserts one at a time.
        keys = [row["address_key"] for row in rows]
        found = self._session.execute(
            sa.select(table.c.address_key, table.c.id).where(table.c.address_key.in_(keys))
        )
        ids = {row.address_key: row.id for row in found}
        proof = [
            _fields(consent) | {"subscriber_id": ids[key]}
            for key, (_, _, consent) in zip(keys, entries, strict=True)
            if consent is not None
        ]
        if proof:
            self._session.execute(sa.insert(ConsentRow.__table__), proof)  # type: ignore[attr-defined]
        return [ids[key] for key in keys]

    def edit(self, id: int, subscriber: Subscriber, interests: Sequence[str], at: datetime) -> None:
        """Replace a subscriber's choices: name, language, time zone, frequency and interests.

        Mail already planned for other themes, or in another language, is cancelled: what it held is
        still due, by the new choice.
        """
        values = subscriber.model_dump(include={"name", "language", "timezone", "frequency"})
        values["interest_set_id"] = self.interest_set(interests)
        row = self._session.get_one(SubscriberRow, id)
        if (row.interest_set_id, row.language) != (values["interest_set_id"], values["language"]):
            self._cancel(id, Cancel.CHANGED, at)
        if row.frequency != values["frequency"]:
            self.leaving.append(Left(row.address_key, CHANGED, at))
        self._session.execute(update(SubscriberRow).where(col(SubscriberRow.id) == id).values(**values))

    def interest_set(self, interests: Sequence[str]) -> int:
        """The id of a choice of themes, made on first use."""
        chosen = tuple(interests)
        if chosen not in self._sets:
            key = set_key(chosen)
            row = self._session.exec(select(InterestSet).where(InterestSet.key == key)).first()
            if row is None:
                row = InterestSet(key=key, themes=list(chosen))
                self._session.add(row)
                self._session.flush()
            assert row.id is not None
            self._sets[chosen] = row.id
        return self._sets[chosen]

    def by_email(self, email: str) -> Reader | None:
        """The subscriber at an address, however it is written; None for nobody."""
        return self._one(SubscriberRow.address_key == self._hash(email))

    def by_emails(self, emails: Iterable[str]) -> dict[str, Reader]:
        """The subscribers at these addresses, however they are written; nobody's are left out."""
        by_key = {self._hash(email): email for email in emails}
        rows = self._session.exec(
            select(SubscriberRow, InterestSet.themes)
            .join(InterestSet, col(InterestSet.id) == SubscriberRow.interest_set_id)
            .where(col(SubscriberRow.address_key).in_(list(by_key)))
        )
        return {by_key[row.address_key]: _reader(row, themes) for row, themes in rows}

    def by_id(self, id: int) -> Reader | None:
        return self._one(SubscriberRow.id == id)

    def everyone(self, state: State | None = None, theme: str = "") -> Iterator[Reader]:
        """All subscribers by id, streamed; of one state or following one theme where given."""
        condition = sa.true() if state is None else col(SubscriberRow.state) == state
        return (reader for reader in self._readers(condition) if not theme or theme in reader.interests)

    def holding(self, text: str) -> Iterator[Reader]:
        """Subscribers whose address or name holds a text, whatever its capitals; by id, streamed."""
        # Compared here, as SQLite knows no capitals but those of ASCII; of who differs no more is read.
        row = SubscriberRow.__table__.c  # type: ignore[attr-defined]
        query = sa.select(row.id, row.email, row.name).order_by(row.id)
        rows = self._session.execute(query.execution_options(yield_per=5_000))
        wanted = text.casefold()
        found = [id for id, email, name in rows if wanted in f"{email} {name}".casefold()]
        for start in range(0, len(found), 500):
            yield from self._readers(col(SubscriberRow.id).in_(found[start : start + 500]))

    def _readers(self, condition: sa.ColumnElement[bool]) -> Iterator[Reader]:
        rows = self._session.exec(
            select(SubscriberRow, InterestSet.themes)
            .join(InterestSet, col(InterestSet.id) == SubscriberRow.interest_set_id)
            .where(condition)
            .order_by(col(SubscriberRow.id))
            .execution_options(yield_per=500)
        )
        return (_reader(row, themes) for row, themes in rows)

    def feed_serial(self, id: int) -> int:
        """The serial of a reader's own feed; none works where it is not positive, or there is no reader."""
        query = select(SubscriberRow.feed_serial).where(SubscriberRow.id == id)
        return self._session.exec(query).first() or 0

    def set_feed_serial(self, id: int, serial: int, at: datetime) -> None:
        self.leaving.append(Left(self._key_of(id), FEED, at))
        self._session.execute(
            update(SubscriberRow).where(col(SubscriberRow.id) == id).values(feed_serial=serial)
        )

    def anybody(self) -> bool:
        """Whether any subscriber or suppression is known."""
        readers = self._session.exec(select(SubscriberRow.id).limit(1)).first()
        return readers is not None or self._session.exec(select(Suppression).limit(1)).first() is not None

    def count(self) -> dict[str, int]:
        """How many subscribers are in which state."""
        rows = self._session.exec(select(SubscriberRow.state, func.count()).group_by(SubscriberRow.state))
        return {str(state): number for state, number in rows}

    def followed(self) -> set[str]:
        """Every theme that somebody follows who is not gone."""
        themes = self._unpacked()
        query = (
            sa.select(themes.c.value)
            .select_from(sa.join(InterestSet, themes, sa.true()))
            .distinct()
            .where(
                exists().where(
                    col(SubscriberRow.interest_set_id) == InterestSet.id,
                    col(SubscriberRow.state).not_in([State.UNSUBSCRIBED, State.ERASED]),
                )
            )
        )
        return set(self._session.execute(query).scalars())

    def followers(self) -> dict[str, int]:
        """How many active subscribers follow each theme by name."""
        readers = (
            select(SubscriberRow.interest_set_id, func.count().label("number"))
            .where(SubscriberRow.state == State.ACTIVE)
            .group_by(col(SubscriberRow.interest_set_id))
            .subquery()
        )
        themes = self._unpacked()
        query = (
            sa.select(themes.c.value, func.sum(readers.c.number))
            .select_from(
                sa.join(InterestSet, readers, readers.c.interest_set_id == InterestSet.id).join(
                    themes, sa.true()
                )
            )
            .group_by(themes.c.value)
        )
        return {theme: int(number) for theme, number in self._session.execute(query)}

    def _unpacked(self) -> sa.TableValuedAlias:
        """The themes of sets, one a row: by the database, as there may be hundreds of thousands of sets."""
        sqlite = self._session.get_bind().dialect.name == "sqlite"
        unpack = func.json_each if sqlite else func.json_array_elements_text
        return unpack(InterestSet.themes).table_valued("value")

    def zones(self, frequency: str) -> list[str]:
        """The time zones in which readers of a frequency live."""
        rows = self._session.exec(
            select(SubscriberRow.timezone).where(SubscriberRow.frequency == frequency).distinct()
        )
        return sorted(rows)

    def consent(self, id: int, consent: Consent) -> None:
        """Add a line of proof. Lines are never changed."""
        self._session.add(ConsentRow(**consent.model_dump(), subscriber_id=id))

    def consents(self, id: int) -> list[Consent]:
        rows = self._session.exec(
            select(ConsentRow).where(ConsentRow.subscriber_id == id).order_by(col(ConsentRow.id))
        )
        return list(rows)

    def own_words(self, ids: Collection[int]) -> dict[int, datetime]:
        """When each of these readers last chose by themselves what they get; who never did is left out."""
        rows = self._session.exec(
            select(ConsentRow.subscriber_id, func.max(ConsentRow.at))
            .where(col(ConsentRow.subscriber_id).in_(list(ids)), col(ConsentRow.action).in_(OWN_CHOICE))
            .group_by(col(ConsentRow.subscriber_id))
        )
        return dict(rows.all())

    def wake(self, now: datetime) -> None:
        """End the pauses whose date has come, and the rest after a bounce that has lasted long enough."""
        until = col(BounceRow.rests_until)
        # A rest longer than any of ours was set by a clock that had jumped.
        rested = select(BounceRow.subscriber_id).where(sa.or_(until <= now, until > now + SOFT_REST))
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.state) == State.SUSPENDED, col(SubscriberRow.id).in_(rested))
            .values(state=State.ACTIVE)
        )
        self._session.execute(
            update(SubscriberRow)
            .where(
                col(SubscriberRow.state) == State.PAUSED,
                col(SubscriberRow.paused_until) <= now,
            )
            .values(state=State.ACTIVE, paused_until=None)
        )

    def pause(self, id: int, until: datetime | None) -> None:
        """Mail a reader nothing until a moment, or from now on again; only who is mailed at all can pause."""
        state = State.ACTIVE if until is None else State.PAUSED
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.id) == id, col(SubscriberRow.state).in_(PAUSABLE))
            .values(state=state, paused_until=until)
        )

    def leave(self, id: int, state: State, reason: str, at: datetime) -> None:
        """Stop mailing somebody at once: mail already planned for them is cancelled."""
        if state in LEFT:
            self.leaving.append(Left(self._key_of(id), state, at))
        self._put_state(id, state)
        self._cancel(id, reason, at)

    def set_state(self, id: int, state: State) -> None:
        """Let somebody be in another state, who was not mailed so far."""
        self._return_if_gone(id, state)
        self._put_state(id, state)

    def begin(self, id: int, cursor: int, at: datetime) -> None:
        """Make a subscriber active, served up to ``cursor``, with nothing held against their address.

        A pause that they asked for before they left is over.
        """
        self._session.execute(delete(BounceRow).where(col(BounceRow.subscriber_id) == id))
        self._return_if_gone(id, State.ACTIVE)
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.id) == id)
            .values(state=State.ACTIVE, paused_until=None, cursor=cursor, confirmed_at=at)
        )

    def rename(self, id: int, email: str, at: datetime) -> None:
        """Give a subscriber another address, which must not be taken; mail under way to them goes there.

        What came back from the old one is not held against the new one.
        """
        before, after = self._key_of(id), self._hash(email)
        if before != after:
            self.leaving.append(Left(before, MOVED, at))
        self._return(after, State.ACTIVE)
        self._session.execute(delete(BounceRow).where(col(BounceRow.subscriber_id) == id))
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.id) == id, col(SubscriberRow.state) == State.SUSPENDED)
            .values(state=State.ACTIVE)
        )
        self._session.execute(
            update(DeliveryRow)
            .where(col(DeliveryRow.subscriber_id) == id, col(DeliveryRow.state).in_(REPLACEABLE))
            .values(domain=domain_of(email))
        )
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.id) == id)
            .values(email=email, address_key=self._hash(email), domain=domain_of(email))
        )

    def turn_back(self, id: int, cursor: int, to: int) -> None:
        """Put a cursor back, if it still is where the mail left it that never arrived."""
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.id) == id, col(SubscriberRow.cursor) == cursor)
            .values(cursor=to)
        )

    def suppress(self, email: str, reason: str, at: datetime) -> None:
        """Keep an address from ever being mailed, subscriber or not."""
        self._suppress(self._hash(email), reason, at)

    def unsuppress(self, email: str) -> bool:
        """Lift a suppression; False where there was none."""
        key = self._hash(email)
        row = self._session.get(Suppression, key)
        if row is not None:
            self._session.delete(row)
            self._return(key, State.ACTIVE)
        return row is not None

    def suppress_key(self, key: str, reason: str, at: datetime) -> bool:
        """As ``suppress``, by an address's keyed hash; False where it was suppressed already."""
        if self._session.get(Suppression, key) is not None:
            return False
        self._suppress(key, reason, at)
        return True

    def _suppress(self, key: str, reason: str, at: datetime) -> None:
        self.leaving.append(Left(key, State.SUPPRESSED, at, suppression=_told(reason)))
        if self._session.get(Suppression, key) is None:
            self._session.add(Suppression(address_key=key, reason=reason, at=at))
        reader = self._one(SubscriberRow.address_key == key)
        if reader is not None and reader.subscriber.state != State.ERASED:
            self.leave(reader.id, State.SUPPRESSED, str(State.SUPPRESSED), at)

    def suppression(self, email: str) -> str | None:
        """Why an address gets no mail; None for one that may."""
        row = self._session.get(Suppression, self._hash(email))
        return None if row is None else row.reason

    def suppressed(self, emails: Iterable[str]) -> set[str]:
        """Which of these addresses get no mail."""
        by_key = {self._hash(email): email for email in emails}
        found = self._session.exec(
            select(Suppression.address_key).where(col(Suppression.address_key).in_(list(by_key)))
        )
        return {by_key[key] for key in found}

    def _cancel(self, id: int, reason: str, at: datetime) -> None:
        """Cancel what is planned for a reader and not yet under way."""
        self._session.execute(
            update(DeliveryRow)
            .where(
                col(DeliveryRow.subscriber_id) == id,
                col(DeliveryRow.state).in_(REPLACEABLE),
            )
            .values(state=DeliveryState.CANCELLED, reason=str(reason), changed_at=at)
        )

    def _put_state(self, id: int, state: State) -> None:
        self._session.execute(update(SubscriberRow).where(col(SubscriberRow.id) == id).values(state=state))

    def _return(self, key: str, state: State) -> None:
        """Have the journal know, once this is kept, that somebody is out no more, or only in this way."""
        self.returning.append(partial(Back, key))
        if state in LEFT:
            self.returning.append(partial(Left, key, state))

    def _return_if_gone(self, id: int, state: State) -> None:
        query = select(SubscriberRow.address_key, SubscriberRow.state).where(SubscriberRow.id == id)
        found = self._session.exec(query).first()
        if found is not None and found[1] in LEFT:
            self._return(found[0], state)

    def _key_of(self, id: int) -> str:
        query = select(SubscriberRow.address_key).where(SubscriberRow.id == id)
        return self._session.exec(query).first() or ""

    def _hash(self, email: str) -> str:
        return address_key(email, self._key)

    def _one(self, condition: object) -> Reader | None:
        row = self._session.exec(
            select(SubscriberRow, InterestSet.themes)
            .join(InterestSet, col(InterestSet.id) == SubscriberRow.interest_set_id)
            .where(condition)  # type: ignore[arg-type]
        ).first()
        if row is None:
            return None
        return _reader(*row)


def _told(reason: str) -> str:
    """A reason as the journal has it, from which nothing is erased: none in an administrator's own words."""
    return reason if reason in (BOUNCED, COMPLAINT, ERASED) else BY_HAND


def _reader(row: SubscriberRow, themes: Sequence[str]) -> Reader:
    """A row as the value it was stored from; it was checked on its way in."""
    assert row.id is not None
    values = {name: getattr(row, name) for name in Subscriber.model_fields}
    subscriber = Subscriber.model_construct(
        **values | {"state": State(row.state), "frequency": Frequency(row.frequency)}
    )
    return Reader(row.id, subscriber, tuple(themes))


def _fields(value: SQLModel) -> dict[str, object]:
    """A checked value as a row, without another look at it."""
    return dict(vars(value))
