"""Enrolling: who joins, changes their choice or leaves, with the consent written down."""

import re
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice

from feeds.error import KennisportalError
from feeds.theme import ThemeTree
from pipeline.ports import Clock, EnrolWork, Start
from pipeline.steps.known import Ids, Known
from subscribers.frequency import PERIODS
from subscribers.interest import UnknownTheme
from subscribers.preferences import Preferences, pause_days, pause_end
from subscribers.roster import BadRow, Enrolment, enrolment
from subscribers.subscriber import (
    ADMINISTRATOR,
    LEFT,
    PAUSABLE,
    AddressError,
    Consent,
    Reader,
    State,
    Subscriber,
    normal_address,
)

_BATCH = 2_000
_KEY = re.compile(r"[0-9a-f]{64}")
_Start = Start[EnrolWork]


class EnrolError(KennisportalError):
    """This can't be done with this subscriber; the text says why and what to do."""


class Unwanted(EnrolError):
    """The address belongs to somebody who is not to be mailed."""


class Duplicate(EnrolError):
    """The address stands in the roster already."""


@dataclass(slots=True)
class ImportReport:
    """What became of a roster's rows. ``pending`` counts those of the added who gave no proof of consent.

    ``kept`` counts the readers who keep what they chose by themselves, instead of what their row says.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: int = 0
    pending: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    """The lines that could not be used, each with the reason."""
    reasons: dict[str, int] = field(default_factory=dict)
    """How many of those there were, by kind of reason."""

    def refuse(self, line: int, error: Exception) -> None:
        """Note a line that can't be used."""
        self.refused.append((line, str(error)))
        reason = next(name for kind, name in _REASONS.items() if isinstance(error, kind))
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


_REASONS = {
    AddressError: "bad address",
    UnknownTheme: "unknown theme",
    Unwanted: "suppressed or left",
    Duplicate: "duplicate",
    BadRow: "bad row",
}


class _Undo(Exception):
    """Ends a transaction without keeping anything of it."""


class Enroller:
    """Adds and changes subscribers. ``language`` and ``timezone`` are for those who don't say.

    ``choosing`` is ``start`` for who chooses from the ``tree``, and refuses once there are other themes.
    """

    def __init__(
        self, start: _Start, choosing: _Start, tree: ThemeTree, clock: Clock, *, language: str, timezone: str
    ) -> None:
        self._start = start
        self._choosing = choosing
        self._tree = tree
        self._clock = clock
        self._language = language
        self._timezone = timezone

    def add(self, row: Mapping[str, str], note: str) -> Reader:
        """Add one subscriber; without ``note`` or proof in the row they stay pending.

        Raises BadRow, AddressError, UnknownTheme, or EnrolError for an address that is taken or
        suppressed.
        """
        wish = self._read(row, note)
        with self._choosing() as work:
            reader = work.subscribers.by_email(wish.subscriber.email)
            if reader is not None:
                email, state = reader.subscriber.email, reader.subscriber.state
                if state is State.ERASED:
                    raise _erased(wish.subscriber.email)
                ways = {
                    State.PENDING: f"'kennisportal subscribers confirm {email}' makes them active",
                    State.UNSUBSCRIBED: (
                        f"if they ask to come back: 'kennisportal subscribers confirm {email}'"
                    ),
                    State.SUPPRESSED: f"only where that is wrong: 'subscribers unsuppress {email}'",
                }
                way = ways.get(state, f"'kennisportal subscribers edit {email}' changes what they asked for")
                raise EnrolError(f"{email} is a subscriber already, and {state}; {way}")
            self._refuse_suppressed(work, wish)
            self._enter(work, wish)
            added = work.subscribers.by_email(wish.subscriber.email)
            assert added is not None
            return added

    def rehearse(self, rows: Iterable[tuple[int, Mapping[str, str]]], note: str = "") -> ImportReport:
        """What ``take`` would report, in one transaction that is then undone."""
        try:
            with self._choosing() as work:
                inside = copy(self)
                inside._choosing = lambda: nullcontext(work)
                report = inside.take(rows, note)
                raise _Undo
        except _Undo:
            return report

    def take(self, rows: Iterable[tuple[int, Mapping[str, str]]], note: str = "") -> ImportReport:
        """Import a roster, a batch a transaction. A row that can't be used is reported; the rest goes on.

        Somebody known gets the choices of the row, and keeps their state: an import brings nobody
        back who left. Nor does it take back what they chose by themselves, unless the row has a proof of
        later. Of several rows for one address the first counts.
        """
        report, dealt_with = ImportReport(), Ids()
        rest = iter(rows)
        while batch := list(islice(rest, _BATCH)):
            self._take(batch, note, report, dealt_with)
        report.refused.sort()
        return report

    def edit(self, email: str, row: Mapping[str, str]) -> Reader:
        """Change what a subscriber asked for: only the fields in the row. Raises as ``add`` does."""
        with self._choosing() as work:
            reader = self._reader(work, email)
            current = reader.subscriber
            filled = {
                "email": current.email,
                "name": current.name,
                "language": current.language,
                "timezone": current.timezone,
                "frequency": current.frequency,
                "interests": ";".join(reader.interests),
            }
            wish = self._read(filled | dict(row), "")
            changed = _with_choices(current, wish, frozenset(filled))
            work.subscribers.edit(reader.id, changed, wish.interests, self._clock())
            return Reader(reader.id, changed, wish.interests)

    def known(self, email: str) -> Reader:
        """The subscriber at an address. Raises EnrolError for nobody, or AddressError."""
        with self._start() as work:
            return self._reader(work, email)

    def own_feed(self, email: str, *, renew: bool = False, revoke: bool = False) -> tuple[int, int]:
        """The id and the serial of a reader's own feed, made when it is first asked for.

        ``renew`` makes another link, and the one before worthless; ``revoke`` makes all worthless, for which
        it gives a serial that is not positive. Raises EnrolError for nobody.
        """
        with self._start() as work:
            id = self._reader(work, email).id
            serial = work.subscribers.feed_serial(id)
            if revoke:
                serial = -abs(serial)
            elif renew or serial <= 0:
                serial = abs(serial) + 1
            work.subscribers.set_feed_serial(id, serial, self._clock())
            return id, serial

    def confirm(self, email: str, note: str) -> Reader:
        """Record that somebody did consent, who is pending or left; from now on they are mailed."""
        with self._start() as work:
            reader = self._reader(work, email)
            if reader.subscriber.state not in (State.PENDING, State.UNSUBSCRIBED):
                raise EnrolError(f"{email} is {reader.subscriber.state}; there is nothing to confirm")
            now = self._clock()
            interests = ";".join(reader.interests)
            work.subscribers.consent(
                reader.id,
                Consent(at=now, action="subscribe", source=ADMINISTRATOR, text=note, interests=interests),
            )
            self._activate(work, reader, now)
            return Reader(reader.id, reader.subscriber, reader.interests)

    def suppress(self, email: str, reason: str) -> None:
        """Never mail this address again, whether it is a subscriber's or not. Raises AddressError."""
        with self._start() as work:
            work.subscribers.suppress(normal_address(email), reason, self._clock())

    def suppress_all(self, rows: Iterable[tuple[int, Mapping[str, str]]], reason: str) -> ImportReport:
        """Suppress what a list names, by address or by our own hash of one; ``reason`` where it gives none.

        A row that can't be used is reported; the rest goes on.
        """
        report = ImportReport()
        rest = iter(rows)
        while batch := list(islice(rest, _BATCH)):
            with self._start() as work:
                for line, row in batch:
                    try:
                        new = self._suppress_one(work, row, reason)
                    except (BadRow, AddressError) as error:
                        report.refuse(line, error)
                    else:
                        report.added += new
                        report.unchanged += not new
        return report

    def unsuppress(self, email: str) -> State | None:
        """Lift a suppression; a subscriber at the address is unsubscribed until they ask again.

        Gives their state then, None for nobody. Raises EnrolError where nothing was suppressed.
        """
        with self._start() as work:
            if not work.subscribers.unsuppress(normal_address(email)):
                raise EnrolError(f"{email} is not suppressed")
            reader = work.subscribers.by_email(normal_address(email))
            if reader is None:
                return None
            if reader.subscriber.state == State.SUPPRESSED:
                work.subscribers.set_state(reader.id, State.UNSUBSCRIBED)
                return State.UNSUBSCRIBED
            return State(reader.subscriber.state)

    def unsubscribe(self, id: int, source: str) -> Reader | None:
        """Stop mailing a reader, at their own word; None for an id that is nobody's. Twice is once."""
        with self._start() as work:
            reader = work.subscribers.by_id(id)
            if reader is not None and reader.subscriber.state not in LEFT:
                now = self._clock()
                work.subscribers.leave(id, State.UNSUBSCRIBED, str(State.UNSUBSCRIBED), now)
                work.subscribers.consent(id, Consent(at=now, action="unsubscribe", source=source))
            return reader

    def pause(self, email: str, day: date | None) -> Reader:
        """Mail a reader nothing until a day comes where they live; or, without one, from now on again.

        Raises EnrolError for who gets no mail anyway, and for a day that a reader could not choose either.
        """
        with self._start() as work:
            reader = self._reader(work, email)
            who = reader.subscriber
            if who.state not in PAUSABLE:
                raise EnrolError(f"{who.email} is {who.state}; a pause is for who gets mail")
            if day is not None:
                first, last = pause_days(who.timezone, self._clock())
                if not first <= day <= last:
                    raise EnrolError(
                        f"a pause can last until {first}, or a later day up to {last}; not {day}"
                    )
            work.subscribers.pause(reader.id, None if day is None else pause_end(day, who.timezone))
            return self._reader(work, email)

    def prefer(self, id: int, wish: Preferences, wording: str) -> Reader | None:
        """Change what a reader gets, at their own word; None for an id that is nobody's.

        Another choice of themes is written down with the ``wording`` they agreed to. Who has left
        stays as they are.
        """
        with self._choosing() as work:
            reader = work.subscribers.by_id(id)
            if reader is None or reader.subscriber.state in LEFT:
                return reader
            now = self._clock()
            changed = reader.subscriber.model_copy(
                update={"language": wish.language, "frequency": wish.frequency, "timezone": wish.timezone}
            )
            work.subscribers.edit(id, changed, wish.interests, now)
            work.subscribers.pause(id, wish.paused_until)
            if wish.interests != reader.interests:
                interests = ";".join(wish.interests)
                work.subscribers.consent(
                    id,
                    Consent(
                        at=now, action="change", source="link in a mail", text=wording, interests=interests
                    ),
                )
            return work.subscribers.by_id(id)

    def _suppress_one(self, work: EnrolWork, row: Mapping[str, str], reason: str) -> bool:
        why, now = row.get("reason", "").strip()[:200] or reason, self._clock()
        email, key = row.get("email", "").strip(), row.get("address_key", "").strip().lower()
        if email:
            address = normal_address(email)
            if work.subscribers.suppression(address) is not None:
                return False
            work.subscribers.suppress(address, why, now)
            return True
        if not _KEY.fullmatch(key):
            raise BadRow("it has neither an email nor an address_key of 64 hexadecimal digits")
        return work.subscribers.suppress_key(key, why, now)

    def _read(self, row: Mapping[str, str], note: str) -> Enrolment:
        return enrolment(
            row,
            self._tree,
            language=self._language,
            timezone=self._timezone,
            note=note,
            now=self._clock(),
        )

    def _reader(self, work: EnrolWork, email: str) -> Reader:
        reader = work.subscribers.by_email(normal_address(email))
        if reader is None:
            raise EnrolError(f"{email} is no subscriber; 'kennisportal subscribers find' looks for one")
        if reader.subscriber.state is State.ERASED:
            raise _erased(email)
        return reader

    def _take(
        self,
        batch: Iterable[tuple[int, Mapping[str, str]]],
        note: str,
        report: ImportReport,
        dealt_with: Ids,
    ) -> None:
        wishes = []
        for line, row in batch:
            try:
                wishes.append((line, self._read(row, note)))
            except (BadRow, AddressError, UnknownTheme) as error:
                report.refuse(line, error)
        with self._choosing() as work:
            people = Known(work, [wish.subscriber.email for _, wish in wishes])
            for line, wish in wishes:
                try:
                    self._take_one(work, people, wish, report, dealt_with)
                except (Unwanted, Duplicate) as error:
                    report.refuse(line, error)
            for id in people.enter():
                dealt_with.add(id)

    def _take_one(
        self,
        work: EnrolWork,
        people: Known,
        wish: Enrolment,
        report: ImportReport,
        dealt_with: Ids,
    ) -> None:
        email = wish.subscriber.email
        if people.is_suppressed(email):
            raise _suppressed(email)
        if people.is_new(email):
            raise _duplicate(email)
        reader = people.find(email)
        if reader is None:
            wish.subscriber.state = State.PENDING if wish.consent is None else State.ACTIVE
            wish.subscriber.cursor = people.start(wish.subscriber, self._clock())
            people.add(wish)
            report.added += 1
            report.pending += wish.consent is None
            return
        if reader.subscriber.state in LEFT:
            raise Unwanted(f"{email} has left; only they themselves can come back")
        if reader.id in dealt_with:
            raise _duplicate(email)
        dealt_with.add(reader.id)
        proven = reader.subscriber.state is State.PENDING and wish.consent is not None
        if not proven and people.chose_since(reader.id, wish):
            report.kept += 1
            return
        changed = _with_choices(reader.subscriber, wish, wish.chosen)
        if proven or changed != reader.subscriber or wish.interests != reader.interests:
            work.subscribers.edit(reader.id, changed, wish.interests, self._clock())
            if wish.consent is not None:
                work.subscribers.consent(reader.id, wish.consent)
            if proven:
                self._activate(work, Reader(reader.id, changed, wish.interests), self._clock())
            report.updated += 1
        else:
            report.unchanged += 1

    def _refuse_suppressed(self, work: EnrolWork, wish: Enrolment) -> None:
        email = wish.subscriber.email
        if work.subscribers.suppressed([email]):
            raise _suppressed(email)

    def _enter(self, work: EnrolWork, wish: Enrolment) -> None:
        now = self._clock()
        wish.subscriber.state = State.PENDING if wish.consent is None else State.ACTIVE
        wish.subscriber.cursor = _start(work, wish.subscriber, now)
        id = work.subscribers.add(wish.subscriber, wish.interests)
        if wish.consent is not None:
            work.subscribers.consent(id, wish.consent)

    def _activate(self, work: EnrolWork, reader: Reader, now: datetime) -> None:
        reader.subscriber.state = State.ACTIVE
        # Who comes back was served before, and is not served that again.
        cursor = max(reader.subscriber.cursor, _start(work, reader.subscriber, now))
        work.subscribers.begin(reader.id, cursor, now)


def _start(work: EnrolWork, subscriber: Subscriber, now: datetime) -> int:
    """Where a new reader's cursor stands: a period back, so that the first digest is not empty.

    Counted from today even where the consent is older: what they missed before is history.
    """
    return work.log.position_at(now - PERIODS[subscriber.frequency])


def _with_choices(current: Subscriber, wish: Enrolment, chosen: frozenset[str]) -> Subscriber:
    """A subscriber with the given choices of a wish, and everything else as it is."""
    names = {"name", "language", "timezone", "frequency"} & chosen
    return Subscriber.model_validate(current.model_dump() | wish.subscriber.model_dump(include=names))


def _erased(email: str) -> EnrolError:
    return EnrolError(
        f"all that was kept about {email} was erased; they can come back by signing up themselves"
    )


def _suppressed(email: str) -> Unwanted:
    return Unwanted(
        f"{email} is suppressed and gets no mail; only where that is wrong: "
        f"'kennisportal subscribers unsuppress {email}'"
    )


def _duplicate(email: str) -> Duplicate:
    return Duplicate(f"{email} stands in a row above; only that one counts")
