"""What a reader may do only by a fresh link, since the mails with their other links get forwarded::

asked for ─▶ a link to their own address, good for an hour ─▶ data, own feed, erasure
                                                          └▶ another address ─▶ confirmed there ─▶ told here
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from pipeline.ports import Clock, Start
from pipeline.steps.signup import NoticeBook, People, SignUpStore, count_once
from subscribers.notice import MOVING, Notice, NoticeKind
from subscribers.signup import PER_ADDRESS
from subscribers.subscriber import LEFT, Consent, Reader, State, normal_address


class PersonalStore(Protocol):
    def everything(self, id: int) -> dict[str, Any]: ...
    def erase(self, id: int, at: datetime) -> None: ...
    def forget(self, email: str, at: datetime) -> bool: ...


class AccountNotices(NoticeBook, Protocol):
    def get(self, id: int) -> Notice | None: ...
    def use(self, kind: NoticeKind, about: int) -> None: ...


class AccountWork(Protocol):
    """What an account needs of a transaction."""

    @property
    def subscribers(self) -> People: ...
    @property
    def signups(self) -> SignUpStore: ...
    @property
    def notices(self) -> AccountNotices: ...
    @property
    def personal(self) -> PersonalStore: ...


class Accounts:
    """The accounts of readers. ``scrub`` sees to it that what was erased is off the disk."""

    def __init__(
        self,
        read: Start[AccountWork],
        write: Start[AccountWork],
        scrub: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._scrub = scrub
        self._clock = clock

    def ask(self, id: int) -> None:
        """Mail a reader a fresh link, unless they had several today or are not to be mailed."""
        with self._write() as work:
            reader = work.subscribers.by_id(id)
            if reader is None or reader.subscriber.state in (State.SUPPRESSED, State.ERASED):
                return
            if count_once(work.signups, f"link {id}", PER_ADDRESS, self._clock()):
                self._note(work, NoticeKind.LINK, id)

    def find(self, id: int) -> Reader | None:
        """The reader of a link; None once they are erased."""
        with self._read() as work:
            reader = work.subscribers.by_id(id)
            return None if reader is None or reader.subscriber.state is State.ERASED else reader

    def feed_serial(self, id: int) -> int:
        """Which link to their own feed works; none where it is not positive."""
        with self._read() as work:
            return work.subscribers.feed_serial(id)

    def move(self, id: int, email: str) -> str:
        """Ask at another address whether it is the reader's; gives it as we write it. Raises AddressError.

        Whether somebody else has it is not told: then nothing is sent.
        """
        address = normal_address(email)
        with self._write() as work:
            if self._is_not_free(work, address):
                return address
            if count_once(work.signups, f"address {address}", PER_ADDRESS, self._clock()):
                self._note(work, NoticeKind.MOVE, id, address)
        return address

    def moving(self, id: int) -> tuple[Reader, str] | None:
        """The reader and the address that a link is about; None where it is too old, or was used."""
        with self._read() as work:
            return self._moving(work, id)

    def confirm_move(self, id: int) -> Reader | None:
        """Mail a reader at the address where they confirmed, and tell the old one; None as above.

        Links to other addresses that they asked for before are worthless then. Nor does it work where the
        address has been taken or suppressed since.
        """
        with self._write() as work:
            found = self._moving(work, id)
            if found is None:
                return None
            reader, address = found
            now = self._clock()
            work.notices.use(NoticeKind.MOVE, reader.id)
            if self._is_not_free(work, address):
                return None
            self._note(work, NoticeKind.MOVED, reader.id, reader.subscriber.email)
            work.subscribers.rename(reader.id, address, now)
            work.subscribers.consent(
                reader.id,
                Consent(at=now, action="move", source="link in a mail", interests=";".join(reader.interests)),
            )
            return work.subscribers.by_id(reader.id)

    def data(self, id: int) -> dict[str, Any]:
        """All that is kept about a reader (GDPR articles 15 and 20)."""
        with self._read() as work:
            return work.personal.everything(id)

    def erase(self, id: int) -> None:
        """Forget a reader (GDPR article 17), but for a keyed hash that keeps them from being mailed again."""
        with self._write() as work:
            work.personal.erase(id, self._clock())
        self._scrub()

    def forget(self, email: str) -> bool:
        """Forget an address that was only ever asked for, by its owner or somebody else; False for any other.

        No import makes it a reader's then, only a sign-up that is confirmed there. Raises AddressError.
        """
        address = normal_address(email)
        with self._write() as work:
            if work.subscribers.by_email(address) is not None:
                return False
            forgotten = work.personal.forget(address, self._clock())
        if forgotten:
            self._scrub()
        return forgotten

    def _moving(self, work: AccountWork, id: int) -> tuple[Reader, str] | None:
        notice = work.notices.get(id)
        if notice is None or notice.kind is not NoticeKind.MOVE or not notice.address:
            return None
        reader = work.subscribers.by_id(notice.about)
        if reader is None or reader.subscriber.state in LEFT or self._clock() - notice.at > MOVING:
            return None
        return reader, notice.address

    def _is_not_free(self, work: AccountWork, address: str) -> bool:
        """Whether an address is somebody's, or is to get no mail."""
        taken = work.subscribers.by_email(address) is not None
        return taken or work.subscribers.suppression(address) is not None

    def _note(self, work: AccountWork, kind: NoticeKind, about: int, address: str = "") -> None:
        now = self._clock()
        work.notices.add(Notice(kind=kind, about=about, address=address, at=now, due=now))
