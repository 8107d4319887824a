"""Signing up, in two steps, so that nobody is signed up by somebody else::

    form ─▶ what was asked for, kept ─▶ a mail with a link ─▶ a page with a button
    button ─▶ reader, active, with proof of consent ─▶ a welcome with the latest articles

Whether an address is known is told to nobody but who reads its mail: up to the button all goes alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from feeds.theme import ThemeTree
from pipeline.ports import Clock, EnrolStore, LogStore, Start
from subscribers.notice import Notice, NoticeKind
from subscribers.signup import PER_ADDRESS, PER_NETWORK, Count, Limit, SignUp, Wish
from subscribers.subscriber import (
    LIFTED_BY_CONFIRMING,
    PAUSABLE,
    Consent,
    Reader,
    State,
    Subscriber,
)

LOOK_BACK = timedelta(days=30)
"""How far a welcome looks back for articles."""


class SignUpStore(Protocol):
    def add(self, signup: SignUp) -> int: ...
    def get(self, id: int) -> SignUp | None: ...
    def confirm(self, id: int, at: datetime) -> None: ...
    def count(self, what: str) -> Count | None: ...
    def put_count(self, what: str, count: Count) -> None: ...


class NoticeBook(Protocol):
    def add(self, notice: Notice) -> None: ...


class People(EnrolStore, Protocol):
    def suppression(self, email: str) -> str | None: ...
    def rename(self, id: int, email: str, at: datetime) -> None: ...


class SignUpWork(Protocol):
    """What signing up needs of a transaction."""

    @property
    def log(self) -> LogStore: ...
    @property
    def subscribers(self) -> People: ...
    @property
    def signups(self) -> SignUpStore: ...
    @property
    def notices(self) -> NoticeBook: ...


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A reader who confirmed. ``again`` where the link had been used before: then nothing changed."""

    reader: Reader
    again: bool = False


class SignUpDesk:
    """Takes sign-ups. ``timezone`` is for all, since the form asks for none; links work for ``expires``."""

    def __init__(
        self,
        read: Start[SignUpWork],
        write: Start[SignUpWork],
        tree: ThemeTree,
        clock: Clock,
        *,
        timezone: str,
        expires: timedelta,
    ) -> None:
        self._read = read
        self._write = write
        self._tree = tree
        self._clock = clock
        self._timezone = timezone
        self._expires = expires

    def ask(self, wish: Wish, *, text: str, source: str, network: str) -> bool:
        """Keep what somebody asked for, and mail the link that confirms it.

        False for too many from one network. An address that had several of these mails today, or
        complained about us, gets none.
        """
        with self._write() as work:
            now = self._clock()
            if not count_once(work.signups, f"network {network}", PER_NETWORK, now):
                return False
            if work.subscribers.suppression(wish.email) not in LIFTED_BY_CONFIRMING | {None}:
                return True
            if not count_once(work.signups, f"address {wish.email}", PER_ADDRESS, now):
                return True
            signup = SignUp(
                email=wish.email,
                interests=";".join(wish.interests),
                frequency=wish.frequency,
                language=wish.language,
                text=text,
                source=source,
                at=now,
            )
            id = work.signups.add(signup)
            work.notices.add(Notice(kind=NoticeKind.CONFIRM, about=id, at=now, due=now))
            return True

    def find(self, id: int) -> SignUp | None:
        """What a link is to confirm; None where it is too old."""
        with self._read() as work:
            return self._standing(work, id)

    def confirm(self, id: int) -> Confirmed | None:
        """Make the one who asked a reader, or add to what they have; None where the link is too old.

        Being their own fresh wish, it brings back who had left or whose mail had come back.
        """
        with self._write() as work:
            signup = self._standing(work, id)
            if signup is None:
                return None
            # The config may have lost a theme since; it must not be followed any more.
            asked = tuple(slug for slug in signup.interests.split(";") if slug in self._tree)
            if not asked:
                return None
            reader = work.subscribers.by_email(signup.email)
            if signup.confirmed_at is not None:
                return Confirmed(reader, again=True) if reader is not None else None
            suppression = work.subscribers.suppression(signup.email)
            if suppression is not None and suppression not in LIFTED_BY_CONFIRMING:
                return None
            if suppression is not None:
                work.subscribers.unsuppress(signup.email)
            now = self._clock()
            details: dict[str, int]
            if reader is not None and reader.subscriber.state in PAUSABLE:
                who, details = reader.id, {}
                interests = self._add(work, reader, signup, asked, now)
            else:
                who, interests, details = self._begin(work, reader, signup, asked, now)
            self._write_down(work, who, signup, interests, now)
            work.signups.confirm(id, now)
            work.notices.add(Notice(kind=NoticeKind.WELCOME, about=who, details=details, at=now, due=now))
            confirmed = work.subscribers.by_id(who)
            assert confirmed is not None
            return Confirmed(confirmed)

    def _standing(self, work: SignUpWork, id: int) -> SignUp | None:
        signup = work.signups.get(id)
        return None if signup is None or self._clock() - signup.at > self._expires else signup

    def _add(
        self, work: SignUpWork, reader: Reader, signup: SignUp, asked: Sequence[str], now: datetime
    ) -> tuple[str, ...]:
        """Give a reader the themes they asked for beside those they have; where they were served stays."""
        interests = tuple(sorted({*reader.interests, *asked}))
        work.subscribers.edit(reader.id, _with(reader.subscriber, signup), interests, now)
        work.subscribers.pause(reader.id, None)
        return interests

    def _begin(
        self,
        work: SignUpWork,
        reader: Reader | None,
        signup: SignUp,
        interests: tuple[str, ...],
        now: datetime,
    ) -> tuple[int, tuple[str, ...], dict[str, int]]:
        """Let somebody begin, where the welcome ends; it begins no earlier than where they stopped."""
        head = work.log.head()
        after = work.log.position_at(now - LOOK_BACK)
        if reader is None:
            subscriber = Subscriber(
                email=signup.email,
                language=signup.language,
                timezone=self._timezone,
                frequency=signup.frequency,
                state=State.ACTIVE,
                cursor=head,
                confirmed_at=now,
                created_at=now,
            )
            id = work.subscribers.add(subscriber, interests)
        else:
            id, after = reader.id, max(after, reader.subscriber.cursor)
            if reader.subscriber.state is State.ERASED:
                work.subscribers.rename(id, signup.email, now)
            work.subscribers.edit(id, _with(reader.subscriber, signup), interests, now)
            work.subscribers.begin(id, max(head, reader.subscriber.cursor), now)
        return id, interests, {"after": min(after, head), "cutoff": head}

    def _write_down(
        self, work: SignUpWork, id: int, signup: SignUp, interests: Sequence[str], now: datetime
    ) -> None:
        """The proof: that it was asked for, when and where and in what words; and that it was confirmed."""
        for at, action, themes in (
            (signup.at, "ask", signup.interests),
            (now, "confirm", ";".join(interests)),
        ):
            work.subscribers.consent(
                id, Consent(at=at, action=action, source=signup.source, text=signup.text, interests=themes)
            )


def count_once(signups: SignUpStore, what: str, limit: Limit, now: datetime) -> bool:
    """Count one more; False, and not counted, where that would be too many."""
    before = signups.count(what)
    after = Count(1, now) if before is None else before.once_more(limit, now)
    if after is not None:
        signups.put_count(what, after)
    return after is not None


def _with(subscriber: Subscriber, signup: SignUp) -> Subscriber:
    return subscriber.model_copy(update={"frequency": signup.frequency, "language": signup.language})
