"""Planning an edition: what each group of like readers is due, decided without touching a reader.

Readers with the same interests, cursor and language get the same digest, so the decision is made
once per such group; the database then expands it to people.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from feeds.log import Window
from subscribers.digest import Composer, Digest
from subscribers.frequency import Frequency


class EditionState(StrEnum):
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


_SLOT = re.compile(r"\d{4}-\d\d-\d\d(T\d{6}Z)?", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)

CLOSED = (EditionState.DONE, EditionState.CANCELLED)
SENDABLE = (EditionState.PLANNED, EditionState.SENDING)

BUNDLE = 250
"""Segments whose readers are mailed in the order of the readers, rather than segment by segment."""


@dataclass(frozen=True, slots=True)
class EditionName:
    """``weekly/2026-12-07``, and ``weekly/2026-12-07.2`` for the second one of a slot."""

    frequency: Frequency
    slot: str
    n: int = 1

    def __str__(self) -> str:
        return f"{self.frequency}/{self.slot}" + (f".{self.n}" if self.n > 1 else "")

    @classmethod
    def parse(cls, text: str) -> "EditionName":
        """Raises ValueError for what is no edition's name."""
        frequency, _, rest = text.partition("/")
        slot, dot, n = rest.rpartition(".")
        if not dot:
            slot, n = rest, "1"
        if frequency in list(Frequency) and _SLOT.fullmatch(slot) and _NUMBER.fullmatch(n):
            return cls(Frequency(frequency), slot, int(n))
        raise ValueError(f"{text!r} names no edition; write it like 'weekly/2026-12-07'")


class Skip(StrEnum):
    """Why a candidate gets no delivery; a subscriber's own state can be a reason too."""

    OPEN_DELIVERY = "open_delivery"
    BELOW_MIN_ARTICLES = "below_min_articles"


class Cancel(StrEnum):
    """Why a delivery that was planned is not made."""

    SUPERSEDED = "superseded"  # a newer edition holds everything that this one did
    STALE = "stale"  # the reader has been served past its start meanwhile
    WITHDRAWN = "withdrawn"  # nothing is left in it
    CANCELLED = "cancelled"  # by an administrator, with the whole edition
    CHANGED = "changed"  # the reader chose other themes or another language meanwhile
    RESTORED = "restored"  # it may have been sent after the backup that the database was restored from


class Verdict(StrEnum):
    """What becomes of a group of readers. Only ``PLAN`` comes with a digest."""

    PLAN = "plan"
    NOTHING_DUE = "nothing_due"
    TOO_THIN = "too_thin"


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition as it stands. ``day`` is the local date that its mails bear.

    ``held`` tells that an administrator holds it, and whatever is planned of it, until they approve it.
    """

    id: int
    name: EditionName
    day: date
    state: EditionState
    held: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """How things stand while an edition is sent: the end of the log, the edition's state, and deliveries
    in hand that must not be made any more, each with the reason."""

    head: int
    state: EditionState
    objections: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Readers who are alike in all that decides their digest.

    ``received`` are announced articles that they got before; it is almost always empty.
    """

    interest_set: int
    following: frozenset[str]
    cursor: int
    language: str
    received: frozenset[int] = frozenset()


def open_to_waves(editions: Sequence[Edition]) -> Edition | None:
    """The edition of a slot, of all it has in their order, that takes in its next wave.

    None where all were cancelled: then nothing more of the slot goes out. To cancel one that was made by hand
    beside another leaves the slot to that one.
    """
    return next((one for one in reversed(editions) if one.state is not EditionState.CANCELLED), None)


def decide(group: Group, window: Window, composer: Composer, min_articles: int) -> tuple[Verdict, Digest]:
    """The group's digest; or that it is due nothing, or too little to be worth a mail."""
    due = window.due(group.following, group.cursor, group.received)
    if not due:
        return Verdict.NOTHING_DUE, ()
    if len(due) < min_articles:
        return Verdict.TOO_THIN, ()
    return Verdict.PLAN, composer.compose(due)


def after_wave(state: EditionState, *, approval: bool, planned: int, open: int) -> EditionState:
    """Where an edition stands when a wave of it has been planned: ``planned`` mails, ``open`` in all.

    With ``approval``, by its rule or as it is held, what was planned waits for an administrator, whatever was
    approved or paused before. Otherwise what is paused or waits is moved by nobody but an administrator.
    """
    if planned and approval:
        return EditionState.AWAITING_APPROVAL
    if state is EditionState.PAUSED or (state is EditionState.AWAITING_APPROVAL and open):
        return state
    if not open:
        return EditionState.DONE
    return EditionState.PLANNED if state is EditionState.DONE else state


def balanced(candidates: int, nothing_due: int, deliveries: Mapping[str, int]) -> bool:
    """Whether everybody an edition looked at is accounted for, exactly once."""
    return candidates == nothing_due + sum(deliveries.values())
