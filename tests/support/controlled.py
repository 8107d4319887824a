"""A portal under control: beside it what its administrator said of editions, and what lies in mailboxes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from histories import (
    NEWSLETTER,
    TOKENS,
    TREE,
    History,
    Killed,
    Renderer,
    articles_in,
    own_message_id,
)

from feeds.log import Kind
from pipeline.steps.desk import Desk, DeskError
from pipeline.steps.editing import Editor
from pipeline.steps.explain import Explainer
from pipeline.steps.handout import HandOut
from pipeline.steps.outlook import Lookahead
from pipeline.steps.plan import Planner
from pipeline.steps.preview import Previewer
from pipeline.steps.tick import Ticker
from pipeline.store.tables import DeliveryRow, EditionRow, Segment, Wave
from pipeline.transports.immediate import Immediate
from subscribers.delivery import (
    OPEN,
    Accepted,
    Deferred,
    DeliveryState,
    Outcome,
    Parcel,
    Rejected,
    TransportUnavailable,
    Uncertain,
)
from subscribers.edition import CLOSED, SENDABLE, Edition, EditionName, EditionState
from subscribers.frequency import Frequency, Schedule
from subscribers.subscriber import Subscriber
from subscribers.timetable import no_holidays

HOME = "Europe/Amsterdam"
DECISIONS = ["approve", "approve", "hold", "pause", "resume", "cancel"]


def schedules(habit: str) -> dict[Frequency, Schedule]:
    approval = habit != "at once"
    made = [
        Schedule(frequency=Frequency.DAILY, at="07:00", approval=approval),
        Schedule(
            frequency=Frequency.WEEKLY,
            day="monday",
            at="08:00",
            approval=approval,
            prepare="1d" if habit == "prepared" else "",
        ),
        Schedule(frequency=Frequency.IMMEDIATE, approval=approval),
    ]
    return {schedule.frequency: schedule for schedule in made}


@dataclass
class Person:
    """What we know of a reader, and what lies in their mailbox by Message-ID."""

    following: set[str]
    frequency: Frequency
    owed_from: int
    paused_until: datetime | None = None
    gone: bool = False
    inbox: dict[str, list[tuple[int, Kind]]] = field(default_factory=dict)


class Controlled(History):
    """The model: ``cancelled``, ``paused`` and ``held`` are editions by the administrator's last word.

    ``approved`` is the last delivery of an edition that its approval was about, where approval is the rule.
    """

    def begin(self, habit: str) -> None:
        """Editions leave ``at once``, or when ``approved``, or are ``prepared`` ahead as well."""
        self.now = self.latest = datetime(2026, 10, 25, 9, 0, tzinfo=UTC)
        self.schedules = schedules(habit)
        self.asks_approval = habit != "at once"
        self.people: dict[int, Person] = {}
        self.news: dict[int, int] = {}
        self.hidden: set[int] = set()
        self.ever_hidden: set[int] = set()
        self.cancelled: set[str] = set()
        self.paused: set[str] = set()
        self.held: set[str] = set()
        self.approved: dict[str, int] = {}
        store, clock = self.store, lambda: self.now
        self.desk = Desk(store.read, store.write, clock)
        self.planner = Planner(store.write, TREE, clock)
        every = list(self.schedules.values())
        self.ticker = Ticker(store.read, store.write, self.planner, every, no_holidays, clock)
        self.hand_out = HandOut(store.read, store.write, clock)
        self.lookahead = Lookahead(store.read, every, no_holidays, clock)
        self.explainer = Explainer(store.read, self.lookahead, TREE, UTC, clock)  # type: ignore[arg-type]
        self.editor = Editor(store.write, None, [], clock)  # type: ignore[arg-type]
        self.previewer = Previewer(
            read=store.read,
            write=store.write,
            planner=lambda start: Planner(start, TREE, clock),
            tree=TREE,
            renderer=Renderer,  # type: ignore[arg-type]
            newsletter=NEWSLETTER,
            tokens=TOKENS,
            signer=None,
            clock=clock,
        )

    def say(self, what: str, edition: EditionName) -> None:
        """Tell the desk, and remember it where it was taken; whoever refuses has a reason in the state."""
        name, before = str(edition), self.state_of(edition)
        try:
            getattr(self.desk, what)(edition)
        except DeskError:
            assert before not in POSSIBLE[what]
            return
        if what == "approve":
            self.approved[name] = max((id for (id,) in self.rows(sa.select(DeliveryRow.id))), default=0)
            self.held.discard(name)
            self.paused.discard(name)
        elif what == "resume":
            self.paused.discard(name)
        else:
            {"hold": self.held, "pause": self.paused, "cancel": self.cancelled}[what].add(name)

    def check_leaving(self, edition: Edition, parcel: Parcel, *, due_only: bool) -> Person:
        """Whether this mail may leave now; gives whose it is."""
        name = str(edition.name)
        assert name not in self.cancelled
        assert name not in self.paused
        assert name not in self.held
        if self.asks_approval:
            assert parcel.id <= self.approved.get(name, 0), "mailed without approval"
        query = sa.select(Wave.due, DeliveryRow.subscriber_id).join(
            DeliveryRow, DeliveryRow.wave_id == Wave.id
        )
        [(due, id)] = self.rows(query.where(DeliveryRow.id == parcel.id))
        assert due <= self.now or not due_only
        person = self.people[id]
        assert not person.gone
        assert person.paused_until is None or person.paused_until <= self.now
        assert self.stands(id).email == parcel.recipient
        assert articles_in(parcel.message)[0] == own_message_id(name, id), (
            "a mail has one Message-ID for ever"
        )
        return person

    def release(self) -> None:
        """Let go, settle and send whatever is open."""
        self.recover()
        for edition in self.editions():
            if edition.state is EditionState.CANCELLED:
                self.desk.settle(edition.name, resend=False)
            elif edition.state is not EditionState.DONE:
                self.let_go(edition)

    def let_go(self, edition: Edition) -> None:
        self.desk.settle(edition.name, resend=False)
        if self.state_of(edition.name) is EditionState.PAUSED:
            self.say("resume", edition.name)
        if self.state_of(edition.name) is EditionState.AWAITING_APPROVAL:
            self.say("approve", edition.name)
        if self.state_of(edition.name) in SENDABLE:
            self.deliverer(Server(self, edition, [])).send(self.desk.ready(edition.name))
        assert self.state_of(edition.name) in CLOSED, self.desk.account(edition.name)

    def append(self, article: int, kind: Kind) -> int:
        with self.store.write() as work:
            return work.log.append(article, kind, self.placed[article], self.now)

    def recover(self) -> None:
        edition = Edition(0, EditionName(Frequency.DAILY, ""), self.now.date(), EditionState.DONE)
        self.deliverer(Server(self, edition, []), timedelta(hours=12)).recover()

    def someone(self, which: int) -> tuple[int, Person]:
        id = sorted(self.people)[which % len(self.people)]
        return id, self.people[id]

    def stands(self, id: int, work=None) -> Subscriber:
        if work is None:
            with self.store.read() as work:
                return self.stands(id, work)
        return work.subscribers.by_id(id).subscriber

    def editions(self) -> list[Edition]:
        with self.store.read() as work:
            return work.editions.recent(1000)

    def sendable(self) -> list[Edition]:
        return [edition for edition in self.editions() if edition.state in SENDABLE]

    def state_of(self, name: EditionName) -> EditionState:
        return self.desk.account(name).state

    def planned_in(self, edition: Edition) -> list[int]:
        waiting = [DeliveryState.PLANNED, DeliveryState.DEFERRED]
        query = sa.select(DeliveryRow.subscriber_id)
        query = query.where(DeliveryRow.edition_id == edition.id, DeliveryRow.state.in_(waiting))
        return [id for (id,) in self.rows(query)]

    def by_word(self, reader: int) -> set[int]:
        """What counts as received, whether it arrived or was only said to have."""
        query = sa.select(Segment.items).join(DeliveryRow, DeliveryRow.segment_id == Segment.id)
        query = query.where(
            DeliveryRow.subscriber_id == reader, DeliveryRow.state == str(DeliveryState.ACCEPTED)
        )
        return {item[0] for (items,) in self.rows(query) for item in items}


WITHOUT_REASON = sa.select(DeliveryRow.id).where(
    DeliveryRow.state.in_([str(DeliveryState.SKIPPED), str(DeliveryState.CANCELLED)]),
    DeliveryRow.reason == "",
)


IN_DOUBT = sa.select(DeliveryRow.edition_id).where(
    DeliveryRow.state.in_([str(DeliveryState.UNCERTAIN), str(DeliveryState.IN_FLIGHT)])
)
OPEN_THOUGH_DONE = (
    sa.select(DeliveryRow.id)
    .join(EditionRow, EditionRow.id == DeliveryRow.edition_id)
    .where(EditionRow.state == str(EditionState.DONE), DeliveryRow.state.in_(list(map(str, OPEN))))
)
POSSIBLE = {
    "approve": [EditionState.AWAITING_APPROVAL],
    "hold": [EditionState.PLANNED],
    "pause": [*SENDABLE],
    "resume": [EditionState.PAUSED],
    "cancel": [state for state in EditionState if state not in CLOSED],
}


class Server(Immediate):
    """A mail server of which each answer was drawn beforehand; at some of them the administrator acts."""

    def __init__(
        self, control: Controlled, edition: Edition, outcomes: list[str], *, due_only: bool = False
    ) -> None:
        self._control = control
        self._edition = edition
        self._outcomes = iter(outcomes + ["accepted"] * 100)
        self._due_only = due_only
        self.sent: dict[str, list[tuple[int, Kind]]] = {}

    def send(self, parcel: Parcel) -> Outcome:
        person = self._control.check_leaving(self._edition, parcel, due_only=self._due_only)
        message, items = articles_in(parcel.message)
        self.sent[message] = items
        outcome = next(self._outcomes)
        if outcome in DECISIONS:
            self._control.say(outcome, self._edition.name)
            outcome = "accepted"
        if outcome in ("accepted", "arrived", "killed"):
            person.inbox[message] = items
        if outcome == "killed":
            self._control.dead.add(self._control.claims.worker)
            raise Killed
        if outcome == "down":
            raise TransportUnavailable("down")
        return {
            "accepted": Accepted("ok"),
            "deferred": Deferred("451 later"),
            "rejected": Rejected("550 no"),
            "lost": Uncertain("?"),
            "arrived": Uncertain("?"),
        }[outcome]

    def close(self) -> None: ...
