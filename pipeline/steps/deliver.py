"""Delivering an edition::

    dead workers' claims ─▶ uncertain ─(after a while, by rule)─▶ accepted
    ┌▶ settle what is finished, claim a few more: one transaction ─▶ in flight, committed
    │  letter of the segment ─▶ may it still go? ─▶ message ─▶ transport ─▶ outcome ┐
    └───────────────────────────────────────────────────────────────────────────────┘

A claim is committed before its hand-off and settled after it, so a crash leaves at most one hand full
of which nobody can know, and never one that is sent twice or forgotten.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipeline.ports import SMTPUTF8_FACT, Clock, EditionWork, Lookout, Start, Transport
from pipeline.ports_running import Claims
from pipeline.steps.bounce import BounceReport, count_bounce
from pipeline.steps.hand import GROUP, SIZE, Hand
from pipeline.steps.handout import close_if_over
from pipeline.steps.letters import LetterFailed, Letters, Stationery
from pipeline.steps.traffic import Traffic
from subscribers.delivery import EXPIRED, REJECTED, Claim, DiskLow, Outcome, Parcel, Unsent, Wanted, settle
from subscribers.edition import SENDABLE, Cancel, Edition, EditionState, Situation
from subscribers.pace import Limits
from subscribers.reply import Reply

_LOOK_UP = 0.2
"""Seconds after which we look up from the network, to see whether to stop or to claim."""
_LAST_WAIT = 7.0
"""Seconds that what is under way may take once we are told to stop."""


@dataclass(slots=True)
class DeliverReport:
    """What one run did, in numbers of deliveries by state.

    ``paused`` are the providers that it paused, with the reason; ``spikes`` the domains at which so many
    readers bounced that it must be the domain; ``broken`` the segments whose letter could not be made,
    with what their template ran into.
    """

    settled: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    paused: dict[str, str] = field(default_factory=dict)
    broken: dict[int, Exception] = field(default_factory=dict)
    spikes: dict[str, int] = field(default_factory=dict)

    @property
    def handed_over(self) -> int:
        return sum(self.settled.values())

    def with_others(self, told: Iterable[Mapping[str, Any]]) -> "DeliverReport":
        """This and what other senders of the edition said of theirs, with the same names."""
        others = list(told)
        if not others:
            return self
        settled = Counter(self.settled)
        for one in others:
            settled.update(one["settled"])
        return DeliverReport(
            dict(settled),
            self.cancelled + sum(one["cancelled"] for one in others),
            {domain: reason for one in others for domain, reason in one["paused"].items()} | self.paused,
            self.broken,
            {domain: number for one in others for domain, number in one["spikes"].items()} | self.spikes,
        )


@dataclass(frozen=True, slots=True)
class MailRules:
    """What the config says of sending.

    ``settle_uncertain_after`` None leaves the uncertain to be settled by hand.
    """

    retry_for: timedelta
    settle_uncertain_after: timedelta | None
    limits: Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Deliverer:
    """Sends what is planned. One object is one worker's.

    ``shortage`` says what the disk lacks to go on.
    """

    read: Start[EditionWork]
    write: Start[EditionWork]
    lookout: Lookout
    clock: Clock
    claims: Claims
    transport: Transport
    stationery: Stationery
    rules: MailRules
    shortage: Callable[[], str] = lambda: ""
    _letters: dict[int, Letters] = field(default_factory=dict, init=False)

    def recover(self) -> int:
        """Mark what dead workers had in hand as uncertain, and settle what has been uncertain for long.

        Gives the number newly uncertain.
        """
        found, after = self.abandon_dead(), self.rules.settle_uncertain_after
        if after is None:
            return found
        now = self.clock()
        with self.read() as work:
            late = work.deliveries.any_uncertain(now - after)
        if late:  # hardly ever, and else it need not wait for anybody who writes
            with self.write() as work:
                work.deliveries.accept(work.deliveries.uncertain_since(now - after))
        return found

    def abandon_dead(self) -> int:
        """Mark what dead workers had in hand as uncertain, which is still to be settled; gives how many."""
        with self.read() as work:
            dead = [worker for worker in work.outbox.workers_in_flight() if self.claims.is_dead(worker)]
        if not dead:
            return 0
        with self.write() as work:
            return sum(work.outbox.abandon(worker, self.clock()) for worker in dead)

    def send(
        self,
        edition: Edition,
        *,
        limit: int | None = None,
        due_only: bool = False,
        progress: Callable[[DeliverReport], None] = lambda report: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> DeliverReport:
        """Send what is ready of an edition, up to ``limit``. Resumes whatever was interrupted.

        ``due_only`` leaves out waves whose instant has not come. ``progress`` hears from time to time
        where it stands. Told to stop, it finishes what is under way and gives back the rest.

        Raises TransportUnavailable when nothing can be handed over; what was claimed is given back. Raises
        ClaimsLost when others may take this worker for dead, and DiskLow when what becomes of a mail might
        not be written down any more.
        """
        self.recover()
        with self.claims.sending():
            run = _Run(self, edition, limit, due_only)
            try:
                while run.go_on(stopping()):
                    progress(run.report)
            finally:
                run.end()
        progress(run.report)
        if run.shortage:
            raise DiskLow(run.shortage)
        self._finish(edition)
        return run.report

    def letters(self, edition: Edition) -> Letters:
        """The letters of an edition; those made by the run before, where that was of the same one."""
        if edition.id not in self._letters:
            self._letters.clear()
            self._letters[edition.id] = Letters(self.read, edition, self.stationery)
        letters = self._letters[edition.id]
        letters.broken = {}  # what failed may have been mended
        return letters

    def _finish(self, edition: Edition) -> None:
        with self.write() as work:
            if self.transport.smtputf8 is not None:
                work.register.set_fact(SMTPUTF8_FACT, "yes" if self.transport.smtputf8 else "no")
            current = work.editions.get(edition.name)
            if current is not None:
                close_if_over(work, current)


class _Run:
    """One run through an edition: what it has in hand, and how far it is."""

    def __init__(self, deliverer: Deliverer, edition: Edition, limit: int | None, due_only: bool) -> None:
        self._deliverer = deliverer
        self._edition = edition
        self._limit = limit
        self._letters = deliverer.letters(edition)
        self._traffic = Traffic(deliverer.rules.limits)
        self._hand = Hand(deliverer.rules.limits)
        self._wanted = Wanted(edition.id, due_only=due_only)
        self._situation = Situation(0, edition.state, {})
        self._exhausted = False
        self._may_claim_at = 0.0
        self._current_until = 0.0
        self.shortage = ""
        self.report = DeliverReport(broken=self._letters.broken)

    @property
    def _sendable(self) -> bool:
        return self._situation.state in SENDABLE

    def go_on(self, stopping: bool) -> bool:
        """One turn of the loop; False when there is nothing more to do."""
        if stopping:
            self._let_finish()
            return False
        wants = self._wants_more()
        if self._hand.is_due or wants:
            self._deliverer.claims.check()
            self._write_down(claim=wants)
        if not self._sendable:
            self._give_back(self._hand.give_up())
        over = self._exhausted or self.shortage or not self._sendable or not self._left()
        if not self._hand.held and over:
            return False
        self._exchange(self._take, self._hand.waiting, _LOOK_UP)
        if not self._hand.held:
            time.sleep(min(_LOOK_UP, max(0.0, self._may_claim_at - time.monotonic())))
        return True

    def end(self) -> None:
        """Settle what is finished and give back what is not, whatever happened.

        Also after others took this worker for dead: what it knows is true, and theirs it leaves alone.
        """
        if self._hand.under_way:
            self._hear(self._deliverer.transport.abort())
            self._hand.lose("the run broke off during the hand-off")
        if self._hand.finished or self._hand.cancelled:
            self._write_down(claim=False)
        self._give_back(self._hand.give_up())

    # The messages.

    def _exchange(self, take: Callable[[int], list[Parcel]], waiting: int, wait: float) -> None:
        self._hear(self._deliverer.transport.pump(take, waiting, wait))

    def _hear(self, settled: list[tuple[Parcel, Outcome]]) -> None:
        for parcel, outcome in settled:
            if isinstance(outcome, Unsent):
                self._hand.put_back(parcel.id)
            else:
                self._hand.finish(parcel.id, outcome)

    def _take(self, room: int) -> list[Parcel]:
        """The next messages, checked at the last moment: whatever was committed before this is heeded.

        One look serves them all, as nothing that takes long is done after it: a letter that is still to be
        made waits for the next time.
        """
        parcels: list[Parcel] = []
        looked = False
        while len(parcels) < room and (claim := self._hand.next()) is not None:
            try:
                if looked and not self._letters.has(claim.segment):
                    if parcels:
                        self._hand.put_back(claim.id)
                        break
                    looked = False
                template = self._letters.template(claim.segment)
                if not looked and time.monotonic() >= self._current_until and self._is_outdated():
                    self._look()
                    template = self._letters.template(claim.segment)
                looked = True
            except LetterFailed:
                self._hand.put_back(claim.id)
                self._give_back(self._hand.give_up(self._is_broken))
                continue
            except Exception:
                for parcel in parcels:
                    self._hand.put_back(parcel.id)
                self._hand.put_back(claim.id)  # nothing of it was handed over
                raise
            if not self._sendable:
                self._hand.put_back(claim.id)
                break
            if claim.id in self._situation.objections:
                self._hand.cancel(claim.id, self._situation.objections[claim.id])
            elif template is None:
                self._hand.cancel(claim.id, Cancel.WITHDRAWN)
            else:
                parcels.append(self._letters.parcel(template, claim, self._deliverer.clock()))
        return parcels

    def _is_broken(self, claim: Claim) -> bool:
        return claim.segment in self._letters.broken

    def _is_outdated(self) -> bool:
        """Whether somebody may have written since we asked last."""
        self._current_until = time.monotonic() + self._deliverer.lookout.holds
        return self._deliverer.lookout.changed()

    def _look(self) -> None:
        """See what was written meanwhile: who left, what was withdrawn, whether the edition was stopped."""
        with self._deliverer.lookout.look() as work:
            self._heed(work.outbox.look(self._edition.id, self._deliverer.claims.worker))

    def _heed(self, situation: Situation) -> None:
        self._situation = situation
        self._letters.follow(situation.head)

    def _let_finish(self) -> None:
        """Give back what waits, and let the server answer to the rest for a while."""
        self._give_back(self._hand.give_up())
        until = time.monotonic() + _LAST_WAIT
        while self._hand.under_way and (left := until - time.monotonic()) > 0:
            self._exchange(lambda room: [], 0, left)

    # The database.

    def _left(self) -> int:
        """How many more this run may claim, once what is finished is written down."""
        room = SIZE - self._hand.open
        if self._limit is None:
            return room
        done = self.report.handed_over + len(self._hand.finished)
        return min(room, self._limit - done - self._hand.open)

    def _wants_more(self) -> bool:
        if self._exhausted or not self._sendable or time.monotonic() < self._may_claim_at:
            return False
        if self._left() <= 0 or (self._hand.open > SIZE - GROUP and self._hand.waiting):
            return False
        # What is in hand is finished all the same: that much room there still is.
        self.shortage = self._deliverer.shortage()
        return not self.shortage

    def _write_down(self, *, claim: bool) -> None:
        """Settle what is finished and, in the same transaction, claim more."""
        edition, worker = self._edition.id, self._deliverer.claims.worker
        with self._deliverer.write() as work:
            now = self._deliverer.clock()
            record = self._record(work, now)
            situation = self._situation
            # Without a claim it may be the last word on all this, maybe from one who was taken for dead.
            if not claim or self._is_outdated():
                situation = work.outbox.look(edition, worker)
            claims: list[Claim] = []
            if situation.state is EditionState.CANCELLED:
                work.deliveries.cancel_edition(edition, now)
            elif claim and situation.state in SENDABLE:
                claims = self._claim(work, now)
                if claims and situation.state is EditionState.PLANNED:
                    work.editions.set_state(edition, EditionState.SENDING)
                    situation = replace(situation, state=EditionState.SENDING)
        record()
        self._hand.take(claims)
        self._heed(situation)

    def _record(self, work: EditionWork, now: datetime) -> Callable[[], None]:
        """Write down what is finished; gives what is left to do once that is committed."""
        hand, retry_for = self._hand, self._deliverer.rules.retry_for
        settled = [
            (claim, settle(outcome, claim.attempts, claim.first_attempt, now, retry_for))
            for claim, outcome in hand.finished
        ]
        work.outbox.settle(settled, self._deliverer.claims.worker, now)
        work.outbox.cancel(hand.cancelled, self._deliverer.claims.worker, now)
        bounced = BounceReport()
        for claim, settlement in settled:
            if settlement.reason in (REJECTED, EXPIRED):
                count_bounce(
                    work.bounces,
                    work.subscribers,
                    claim.subscriber,
                    claim.id,
                    now,
                    bounced,
                    hard=settlement.reason == REJECTED and Reply.read(settlement.reply).blames_address,
                )
        closed = self._traffic.learn(work.providers, hand.finished, now)

        def committed() -> None:
            for _, settlement in settled:
                self.report.settled[settlement.state] = self.report.settled.get(settlement.state, 0) + 1
            self.report.cancelled += len(hand.cancelled)
            self.report.spikes |= bounced.spikes
            self.report.paused |= {one.domain: one.reason for one in closed if one.paused}
            hand.forget_finished()
            if closed:
                names = {one.domain for one in closed}
                self._give_back(hand.give_up(lambda claim: claim.domain in names))

        return committed

    def _claim(self, work: EditionWork, now: datetime) -> list[Claim]:
        wanted, traffic, providers = self._wanted, self._traffic, work.providers
        worker = self._deliverer.claims.worker
        most = traffic.allowed(providers, self._left(), now)
        if most <= 0:
            self._may_claim_at = time.monotonic() + min(1.0, 1 / traffic.limits.rate)
            return []
        others = work.outbox.held_by_others(worker) if traffic.limits.capped else Counter()
        wanted.room = traffic.room(providers, self._hand.domains(), others, most, now)
        wanted.each = traffic.room_for_any
        wanted.full = frozenset(domain for domain, free in wanted.room.items() if free <= 0)
        wanted.broken = frozenset(self._letters.broken)
        began = wanted.after
        claims, wanted.after = work.outbox.claim(wanted, worker, most, now)
        traffic.pay(providers, claims, now)
        if not claims:
            # There is no more once everything was looked at, and nobody left out who will have room again.
            full = [domain for domain, free in wanted.room.items() if free <= 0]
            waits = work.outbox.awaits(wanted, full, now)
            self._exhausted = not (began or wanted.after or waits)
            self._may_claim_at = time.monotonic() + (_LOOK_UP if waits else 0)
        return claims

    def _give_back(self, claims: list[Claim]) -> None:
        """Let go of claims of which nothing was handed over."""
        if claims:
            with self._deliverer.write() as work:
                now = self._deliverer.clock()
                work.outbox.release([claim.id for claim in claims], self._deliverer.claims.worker, now)
                # An administrator may have cancelled the edition while these were in hand.
                if work.outbox.look(self._edition.id, "").state is EditionState.CANCELLED:
                    work.deliveries.cancel_edition(self._edition.id, now)
