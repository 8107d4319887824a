"""The editions' desk: where an edition stands, and what an administrator decides about it."""

from dataclasses import dataclass
from datetime import datetime

from feeds.error import KennisportalError
from pipeline.ports import Clock, DeskWork, Start
from subscribers.delivery import DeliveryState
from subscribers.edition import CLOSED, SENDABLE, Edition, EditionName, EditionState, balanced

_UNTOUCHED = {DeliveryState.PLANNED, DeliveryState.SKIPPED, DeliveryState.CANCELLED}
"""States of deliveries that were never handed over."""
_REFUSALS = 20
"""How many different refusals are told."""


class DeskError(KennisportalError):
    """This can't be done with this edition; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where an edition stands, in numbers of readers. ``uncertain`` are addresses."""

    edition: EditionName
    state: EditionState
    candidates: int
    nothing_due: int
    deliveries: dict[str, int]
    skipped: dict[str, int]
    cancelled: dict[str, int]
    uncertain: list[str]

    @property
    def accounted(self) -> int:
        return sum(self.deliveries.values()) + self.nothing_due

    @property
    def balanced(self) -> bool:
        """Whether everybody the edition looked at is accounted for, exactly once."""
        return balanced(self.candidates, self.nothing_due, self.deliveries)


@dataclass(frozen=True, slots=True)
class Outturn:
    """How an edition went: per domain and state, the commonest refusals, and when mails were taken.

    A refusal is (state, reply without what differs from reader to reader, how often).
    """

    account: Account
    domains: dict[str, dict[str, int]]
    refusals: list[tuple[str, str, int]]
    first: datetime | None
    last: datetime | None


class Desk:
    """Decides about editions; every method raises DeskError for a name that is none's."""

    def __init__(self, read: Start[DeskWork], write: Start[DeskWork], clock: Clock) -> None:
        self._read = read
        self._write = write
        self._clock = clock

    def account(self, name: EditionName) -> Account:
        """Where one edition stands."""
        with self._read() as work:
            return _account(work, _edition(work, name))

    def recent(self, limit: int) -> list[Account]:
        """The last editions, the newest first."""
        with self._read() as work:
            return [_account(work, edition) for edition in work.editions.recent(limit)]

    def outturn(self, name: EditionName) -> Outturn:
        """How an edition went so far."""
        with self._read() as work:
            edition = _edition(work, name)
            deliveries = work.deliveries
            return Outturn(
                _account(work, edition),
                deliveries.by_domain(edition.id),
                deliveries.replies(edition.id, _REFUSALS),
                *deliveries.span(edition.id),
            )

    def ready(self, name: EditionName) -> Edition:
        """An edition that may be sent; DeskError with the way out for one that may not."""
        with self._read() as work:
            edition = _edition(work, name)
        if edition.state not in (*SENDABLE, EditionState.DONE):
            raise _refused(edition, "sent")
        return edition

    def approve(self, name: EditionName) -> None:
        """Let an edition that awaits approval go out."""
        self._move(name, "approved", (EditionState.AWAITING_APPROVAL,), EditionState.PLANNED, held=False)

    def hold(self, name: EditionName) -> None:
        """Let an edition of which nothing was sent wait for approval, with what is planned of it later."""
        self._move(name, "held", (EditionState.PLANNED,), EditionState.AWAITING_APPROVAL, held=True)

    def pause(self, name: EditionName) -> None:
        """Stop sending, for now."""
        self._move(name, "paused", SENDABLE, EditionState.PAUSED)

    def resume(self, name: EditionName) -> None:
        """Go on with what was paused: as planned when nothing of it was handed over, else as being sent."""
        with self._write() as work:
            edition = _edition(work, name)
            if edition.state is not EditionState.PAUSED:
                raise _refused(edition, "resumed")
            begun = work.deliveries.count(edition.id).keys() - _UNTOUCHED
            work.editions.set_state(edition.id, EditionState.SENDING if begun else EditionState.PLANNED)

    def cancel(self, name: EditionName) -> int:
        """Drop what has not been handed over; gives how many mails. Cursors stay, so nothing is missed."""
        with self._write() as work:
            edition = _edition(work, name)
            if edition.state in CLOSED:
                raise DeskError(f"{name} is {edition.state}; there is nothing to cancel")
            dropped = work.deliveries.cancel_edition(edition.id, self._clock())
            work.editions.set_state(edition.id, EditionState.CANCELLED)
            return dropped

    def settle(self, name: EditionName, *, resend: bool) -> int:
        """Decide about the mails of which nobody knows whether they arrived; gives how many.

        As accepted, their readers' cursors move on. To resend, they are planned again, and claiming
        checks them like any other; in an edition that was cancelled they are too, and what they held comes
        with their readers' next one.
        """
        with self._write() as work:
            edition = _edition(work, name)
            ids = [id for id, _, _ in work.deliveries.uncertain(edition.id)]
            if not ids:
                return 0
            if resend:
                work.deliveries.again(ids, self._clock())
                if edition.state is EditionState.CANCELLED:
                    work.deliveries.cancel_edition(edition.id, self._clock())
            else:
                work.deliveries.accept(ids)
                if edition.state is EditionState.SENDING and not work.deliveries.open(edition.id):
                    work.editions.set_state(edition.id, EditionState.DONE)
            return len(ids)

    def _move(
        self,
        name: EditionName,
        done: str,
        allowed: tuple[EditionState, ...],
        to: EditionState,
        held: bool | None = None,
    ) -> None:
        with self._write() as work:
            edition = _edition(work, name)
            if edition.state not in allowed:
                raise _refused(edition, done)
            work.editions.set_state(edition.id, to)
            if held is not None:
                work.editions.set_held(edition.id, held)


def _edition(work: DeskWork, name: EditionName) -> Edition:
    edition = work.editions.get(name)
    if edition is None:
        raise DeskError(f"there is no edition {name}; 'kennisportal digest list' shows them all")
    return edition


def _refused(edition: Edition, done: str) -> DeskError:
    """Why this can't be done with an edition as it stands, and what can."""
    name = edition.name
    ways = {
        EditionState.PLANNED: f"it is planned; 'kennisportal digest send {name}' sends it",
        EditionState.AWAITING_APPROVAL: f"it awaits approval: 'kennisportal digest approve {name}'",
        EditionState.SENDING: (
            f"it is being sent; 'kennisportal digest pause {name}' stops that, and 'send' goes on with it"
        ),
        EditionState.PAUSED: f"it is paused: 'kennisportal digest resume {name}'",
        EditionState.DONE: f"it is done; 'kennisportal digest report {name}' tells how it went",
        EditionState.CANCELLED: (
            f"it is cancelled; 'kennisportal digest plan {name.frequency}' makes a new one"
        ),
    }
    return DeskError(f"{name} can't be {done}: {ways[edition.state]}")


def _account(work: DeskWork, edition: Edition) -> Account:
    candidates, nothing_due = work.editions.totals(edition.id)
    return Account(
        edition.name,
        edition.state,
        candidates,
        nothing_due,
        work.deliveries.count(edition.id),
        work.deliveries.reasons(edition.id, DeliveryState.SKIPPED),
        work.deliveries.reasons(edition.id, DeliveryState.CANCELLED),
        [email for _, email, _ in work.deliveries.uncertain(edition.id)],
    )
