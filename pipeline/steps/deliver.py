"""Delivering an edition::

    dead workers' claims ─▶ uncertain ─(after a while, by rule)─▶ accepted
    claim a few ─▶ in_flight, committed ─▶ letter of the segment ─▶ message ─▶ transport ─▶ settle, committed

A claim is committed before its hand-off and settled after it, so a crash leaves at most one batch of
which nobody can know, and never one that is sent twice or forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from feeds.article import Visibility
from pipeline.ports import Claims, Clock, EditionWork, Start, Transport
from subscribers.delivery import Claim, DeliveryState, Settlement, TransportUnavailable, settle
from subscribers.digest import Digest
from subscribers.edition import Cancel, Edition, EditionState
from subscribers.message import Newsletter, Recipient, Template, message_id
from subscribers.render import Renderer
from subscribers.token import PREFERENCES, UNSUBSCRIBE, Tokens

BATCH = 32
"""Deliveries claimed at a time, and so the most that a crash can leave uncertain."""


LETTERS = 100
"""Letters kept at a time. Deliveries are claimed by segment, so that few are needed twice."""


@dataclass(slots=True)
class DeliverReport:
    """What one run did, in numbers of deliveries by state."""

    settled: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0

    @property
    def handed_over(self) -> int:
        return sum(self.settled.values())

    def add(self, other: "DeliverReport") -> None:
        """Count another worker's deliveries with these."""
        for state, number in other.settled.items():
            self.settled[state] = self.settled.get(state, 0) + number
        self.cancelled += other.cancelled


@dataclass(frozen=True, slots=True)
class MailRules:
    """What the config says about mail, as far as delivering asks."""

    envelope_sender: str
    host: str
    retry_for: timedelta
    settle_uncertain_after: timedelta | None
    """None leaves the uncertain to be settled by hand."""


class Deliverer:
    """Sends what is planned. One object is one worker's."""

    def __init__(
        self,
        *,
        read: Start[EditionWork],
        write: Start[EditionWork],
        clock: Clock,
        claims: Claims,
        transport: Transport,
        renderer: Callable[[], Renderer],
        newsletter: Newsletter,
        tokens: Tokens,
        secret: bytes,
        rules: MailRules,
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        self._read = read
        self._write = write
        self._clock = clock
        self._claims = claims
        self._transport = transport
        self._renderer = renderer
        self._newsletter = newsletter
        self._tokens = tokens
        self._secret = secret
        self._rules = rules
        self._pace = pace

    def recover(self) -> int:
        """Mark what dead workers had in hand as uncertain, and settle what has been uncertain for long.

        Gives the number newly uncertain.
        """
        with self._write() as work:
            now = self._clock()
            found = sum(
                work.deliveries.abandon(worker, now)
                for worker in work.deliveries.workers_in_flight()
                if self._claims.is_dead(worker)
            )
            if self._rules.settle_uncertain_after is not None:
                work.deliveries.accept(
                    work.deliveries.uncertain_since(now - self._rules.settle_uncertain_after),
                    now,
                )
        return found

    def send(
        self,
        edition: Edition,
        *,
        limit: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> DeliverReport:
        """Send what is ready of an edition, up to ``limit``. Resumes whatever was interrupted.

        ``progress`` hears how many were dealt with each time.

        Raises TransportUnavailable when nothing can be handed over; what was claimed is given back.
        """
        self.recover()
        report = DeliverReport()
        letters = _Letters(self._read, edition, self._renderer, self._newsletter)
        while not stopping() and (limit is None or report.handed_over < limit):
            room = BATCH if limit is None else min(BATCH, limit - report.handed_over)
            claims, more = self._claim(edition, room)
            if claims:
                self._hand_over(edition, claims, letters, report, stopping)
                progress(len(claims))
            elif not more:
                break
        self._finish(edition)
        return report

    def _claim(self, edition: Edition, room: int) -> tuple[list[Claim], bool]:
        with self._write() as work:
            current = work.editions.get(edition.name)
            if current is None or current.state not in (
                EditionState.PLANNED,
                EditionState.SENDING,
            ):
                return [], False
            now = self._clock()
            claims = work.deliveries.claim(edition.id, self._claims.worker, room, now)
            if claims and current.state is EditionState.PLANNED:
                work.editions.set_state(edition.id, EditionState.SENDING)
            return claims, bool(claims) or work.deliveries.left(edition.id, now) > 0

    def _hand_over(
        self,
        edition: Edition,
        claims: list[Claim],
        letters: "_Letters",
        report: DeliverReport,
        stopping: Callable[[], bool],
    ) -> None:
        """Send a batch and settle all of it, whatever happens on the way.

        Told to stop, it gives back what it has not handed over.
        """
        settlements: dict[int, Settlement] = {}
        cancelled: dict[int, str] = {}
        in_hand: int | None = None
        try:
            for claim in claims:
                if stopping():
                    break
                self._pace()
                with self._read() as work:
                    objection = work.deliveries.objection(claim.id)
                template = None if objection else letters.template(claim.segment)
                if template is None:
                    cancelled[claim.id] = objection or Cancel.WITHDRAWN
                    continue
                message = template.message(self._recipient(edition, claim, letters), self._clock())
                in_hand = claim.id
                outcome = self._transport.send(self._rules.envelope_sender, claim.email, message)
                in_hand = None
                settlements[claim.id] = settle(
                    outcome, claim.attempts, claim.first_attempt, self._clock(), self._rules.retry_for
                )
        except TransportUnavailable:
            in_hand = None  # the transport vouches that nothing was handed over
            raise
        finally:
            if in_hand is not None:
                settlements[in_hand] = Settlement(
                    DeliveryState.UNCERTAIN, "the run broke off during the hand-off"
                )
            with self._write() as work:
                now = self._clock()
                current = work.editions.get(edition.name)
                dropped = current is not None and current.state is EditionState.CANCELLED
                work.deliveries.settle(settlements, now)
                for id, reason in cancelled.items():
                    work.deliveries.cancel([id], reason, now)
                rest = [c.id for c in claims if c.id not in settlements and c.id not in cancelled]
                work.deliveries.release(rest, now)
                if dropped:  # by an administrator, while this batch was in hand
                    work.deliveries.cancel_edition(edition.id, now)
            for settlement in settlements.values():
                report.settled[settlement.state] = report.settled.get(settlement.state, 0) + 1
            report.cancelled += len(cancelled)

    def _recipient(self, edition: Edition, claim: Claim, letters: "_Letters") -> Recipient:
        base = self._newsletter.base_url
        return Recipient(
            email=claim.email,
            greeting_name=letters.greeting_name(claim),
            unsubscribe_url=f"{base}/unsubscribe/{self._tokens.sign(UNSUBSCRIBE, claim.subscriber)}",
            preferences_url=f"{base}/preferences/{self._tokens.sign(PREFERENCES, claim.subscriber)}",
            message_id=message_id(self._rules.host, str(edition.name), claim.subscriber, self._secret),
        )

    def _finish(self, edition: Edition) -> None:
        with self._write() as work:
            current = work.editions.get(edition.name)
            if (
                current is not None
                and current.state in (EditionState.PLANNED, EditionState.SENDING)
                and not work.deliveries.open(edition.id)
            ):
                work.editions.set_state(edition.id, EditionState.DONE)


class _Letters:
    """The letters of one edition, each made when its segment first comes up.

    An article withdrawn since planning is left out; so whenever the log has moved, they are made anew.
    """

    def __init__(
        self,
        read: Start[EditionWork],
        edition: Edition,
        renderer: Callable[[], Renderer],
        newsletter: Newsletter,
    ) -> None:
        self._read = read
        self._edition = edition
        self._make_renderer = renderer
        self._newsletter = newsletter
        self._renderer = renderer()
        self._made: dict[int, Template | None] = {}
        self._languages: dict[int, str] = {}
        self._head = -1

    def template(self, segment: int) -> Template | None:
        """The segment's letter, ready to be personalised; None when nothing is left in it."""
        with self._read() as work:
            head = work.log.head()
            if head != self._head:
                self._made.clear()
                self._renderer = self._make_renderer()
                self._head = head
            if segment not in self._made:
                if len(self._made) >= LETTERS:
                    self._made.pop(next(iter(self._made)))
                self._languages[segment] = work.deliveries.language(segment)
                self._made[segment] = self._make(work, work.deliveries.digest(segment), segment)
        return self._made[segment]

    def greeting_name(self, claim: Claim) -> str:
        return self._renderer.greeting_name(claim.name, self._languages[claim.segment])

    def _make(self, work: EditionWork, digest: Digest, segment: int) -> Template | None:
        articles = work.articles.get({item.article for item in digest})
        left = tuple(item for item in digest if articles[item.article].visibility == Visibility.VISIBLE)
        if not left:
            return None
        language = self._languages[segment]
        letter = self._renderer.letter(
            left,
            articles,
            frequency=self._edition.name.frequency,
            day=self._edition.day,
            language=language,
        )
        return Template(letter, self._newsletter, language)
