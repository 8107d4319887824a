"""Random histories of a portal, held against a planner that looks at one reader at a time.

The machine below publishes, changes, withdraws, rethemes, plans, sends, fails, crashes and settles
through the real store and steps. Beside it runs a model that knows the whole log and each reader's
cursor, and works out by the plainest reading of the rules what each mail must hold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from histories import (
    SLUGS,
    TREE,
    ZONES,
    History,
    Killed,
    articles_in,
    own_message_id,
    places,
    some_themes,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from feeds.article import Visibility
from feeds.log import Kind
from pipeline.steps.plan import Planner, slot_now
from pipeline.steps.tick import Ticker
from pipeline.store.session import Database
from pipeline.store.tables import DeliveryRow, EditionRow, Segment, SubscriberRow
from pipeline.transports.immediate import Immediate
from subscribers.bounces import REST
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
from subscribers.edition import CLOSED, Edition, EditionName
from subscribers.frequency import Frequency, Schedule
from subscribers.subscriber import CANDIDATES, State, Subscriber
from subscribers.timetable import Timetable, no_holidays

SCHEDULES = [
    Schedule(frequency=Frequency.DAILY, at="07:00"),
    Schedule(frequency=Frequency.WEEKLY, day="monday", at="08:00", min_articles=2),
]
FREQUENCIES = [schedule.frequency for schedule in SCHEDULES]


@dataclass
class ModelReader:
    """A reader as the plain planner sees them, and what lies in their mailbox by Message-ID."""

    following: set[str]
    frequency: Frequency
    zone: str
    cursor: int
    confirmed_at: datetime
    state: State = State.ACTIVE
    rests_until: datetime | None = None
    inbox: dict[str, list[tuple[int, Kind]]] = field(default_factory=dict)
    served: set[int] = field(default_factory=set)
    """Articles in accepted deliveries, whether they were still in the mail or withdrawn by then."""


@dataclass
class ModelEntry:
    position: int
    article: int
    kind: Kind
    themes: frozenset[str]


class Portal(History):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[ModelEntry] = []
        self.hidden: set[int] = set()
        self.readers: dict[int, ModelReader] = {}
        self.started: dict[Frequency, datetime] = {}
        self.ticked: dict[Frequency, set[tuple[date, datetime]]] = {
            frequency: set() for frequency in FREQUENCIES
        }
        self.plans: dict[tuple[str, int], list[tuple[int, Kind]]] = {}
        self.cutoffs: dict[tuple[str, int], int] = {}
        self.starts: dict[tuple[str, int], int] = {}
        self.planner = Planner(self.store.write, TREE, lambda: self.now)
        self.ticker = Ticker(
            self.store.read, self.store.write, self.planner, SCHEDULES, no_holidays, lambda: self.now
        )
        self.tick()

    # -- the articles ---------------------------------------------------------------------------

    @rule(themes=some_themes, kind=st.sampled_from([Kind.NEW, Kind.NEW, Kind.NEW, Kind.BACKFILL]))
    def publish(self, themes: set[str], kind: Kind) -> None:
        id = self.write_article(themes)
        self.append(id, kind, self.placed[id])

    @precondition(lambda self: self.articles)
    @rule(which=places)
    def update(self, which: int) -> None:
        id = self.articles[which % len(self.articles)]
        if id not in self.hidden:
            self.append(id, Kind.UPDATED, self.placed[id])

    @precondition(lambda self: self.articles)
    @rule(which=places)
    def withdraw_or_restore(self, which: int) -> None:
        id = self.articles[which % len(self.articles)]
        gone = id in self.hidden
        with self.store.write() as work:
            work.articles.show(id, Visibility.VISIBLE if gone else Visibility.WITHDRAWN)
        (self.hidden.discard if gone else self.hidden.add)(id)
        self.append(id, Kind.RESTORED if gone else Kind.WITHDRAWN, self.placed[id])

    @precondition(lambda self: self.articles)
    @rule(which=places, themes=some_themes, announce=st.sampled_from([True, True, False]))
    def retheme(self, which: int, themes: set[str], announce: bool) -> None:
        id = self.articles[which % len(self.articles)]
        before = self.placed[id]
        self.place(id, themes)
        reached = self.placed[id] - before
        self.append(id, Kind.RETHEMED, reached | (before - self.placed[id]))
        if announce and reached and id not in self.hidden:
            self.append(id, Kind.NEW, reached)

    # -- the readers ----------------------------------------------------------------------------

    @precondition(lambda self: len(self.readers) < 6)
    @rule(
        themes=some_themes,
        frequency=st.sampled_from(FREQUENCIES),
        zone=st.sampled_from(ZONES),
        language=st.sampled_from(["nl", "en"]),
        back=st.integers(0, 3),
    )
    def sign_up(self, themes: set[str], frequency: Frequency, zone: str, language: str, back: int) -> None:
        number = next(self.numbers)
        cursor = max(0, len(self.log) - back)
        subscriber = Subscriber(
            email=f"r{number}@x.example",
            language=language,
            timezone=zone,
            frequency=frequency,
            state=State.ACTIVE,
            cursor=self.log[cursor - 1].position if cursor else 0,
            confirmed_at=self.now,
            created_at=self.now,
        )
        with self.store.write() as work:
            id = work.subscribers.add(subscriber, sorted(themes))
        self.readers[id] = ModelReader(themes, frequency, zone, subscriber.cursor, self.now)

    @precondition(lambda self: self.readers)
    @rule(
        which=places,
        themes=some_themes,
        frequency=st.sampled_from(FREQUENCIES),
        zone=st.sampled_from(ZONES),
        state=st.sampled_from([State.ACTIVE, State.ACTIVE, State.ACTIVE, State.PAUSED, State.UNSUBSCRIBED]),
    )
    def change_mind(
        self, which: int, themes: set[str], frequency: Frequency, zone: str, state: State
    ) -> None:
        id = sorted(self.readers)[which % len(self.readers)]
        reader = self.readers[id]
        if reader.state is State.SUPPRESSED:
            return  # only a fresh sign-up brings them back
        reader.following, reader.frequency, reader.zone, reader.state = themes, frequency, zone, state
        with self.store.write() as work:
            found = work.subscribers.by_id(id)
            assert found is not None
            changed = found.subscriber.model_copy(update={"frequency": frequency, "timezone": zone})
            if state is State.UNSUBSCRIBED:
                work.subscribers.leave(id, state, str(state), self.now)
            else:
                work.subscribers.set_state(id, state)
            work.subscribers.edit(id, changed, sorted(themes), self.now)

    # -- editions -------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 3, 7, 12, 24, 50]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def tick(self) -> None:
        with self.watching_plans(self.due_by_the_clock()):
            self.ticker.tick()
        assert self.ticker.tick() == [], "a double tick planned twice"

    def due_by_the_clock(self) -> set[int]:
        """Whose wave comes now: each due instant once, for those confirmed by then."""
        expected = set()
        for schedule in SCHEDULES:
            first = self.started.setdefault(schedule.frequency, self.now)
            fresh = set()
            for id, reader in self.readers.items():
                if reader.frequency != schedule.frequency:
                    continue
                day = Timetable(schedule).slot(self.now, reader.zone)
                due = schedule.due(day, reader.zone)
                if due <= first or (day, due) in self.ticked[schedule.frequency]:
                    continue
                fresh.add((day, due))
                taken = any(
                    who == id and edition == f"{schedule.frequency}/{self.latest_of(schedule, day)}"
                    for edition, who in self.deliveries()
                )
                if reader.confirmed_at <= due and not taken and reader.state in CANDIDATES:
                    expected.add(id)
            self.ticked[schedule.frequency] |= fresh
        return expected

    def latest_of(self, schedule: Schedule, day: date) -> str:
        with self.store.read() as work:
            latest = work.editions.latest(schedule.frequency, day.isoformat())
        return str(latest.name).partition("/")[2] if latest else day.isoformat()

    @rule(schedule=st.sampled_from(SCHEDULES))
    def plan_by_hand(self, schedule: Schedule) -> None:
        slot, day = slot_now(Timetable(schedule), self.now, "Europe/Amsterdam")
        with self.store.read() as work:
            latest = work.editions.latest(schedule.frequency, slot)
        # One of which nothing is left to send or to settle is over, whoever saw to that.
        is_open = (
            latest is not None
            and latest.state not in CLOSED
            and any(
                edition == str(latest.name) and row.state in OPEN
                for (edition, _), row in self.deliveries().items()
            )
        )
        everybody = {
            id
            for id, reader in self.readers.items()
            if reader.frequency == schedule.frequency and reader.state in CANDIDATES
        }
        with self.watching_plans(set() if is_open else everybody):
            report = self.planner.by_hand(schedule, slot, day)
        if is_open:
            assert report.resumed
            assert report.edition == latest.name, "an open edition of the slot must be returned"
        else:
            assert report.edition.n == (latest.name.n + 1 if latest else 1)

    @precondition(lambda self: self.open_editions())
    @rule(
        which=places,
        outcomes=st.lists(
            st.sampled_from(
                ["accepted"] * 6
                + ["deferred", "rejected", "lost", "arrived", "down", "killed", "leaves", "leaves"]
            ),
            min_size=1,
            max_size=6,
        ),
        limit=st.sampled_from([None, None, 1, 2]),
    )
    def send(self, which: int, outcomes: list[str], limit: int | None) -> None:
        editions = self.open_editions()
        edition = editions[which % len(editions)]
        transport = _Transport(self, edition, outcomes)
        rejected = self.rejected()
        try:
            self.deliverer(transport).send(edition, limit=limit)
        except TransportUnavailable:
            pass
        except Killed:
            self.start_worker()
            self.deliverer(transport).recover()
        self.follow_acceptances()
        self.follow_bounces(self.rejected() - rejected)

    @precondition(lambda self: self.open_editions())
    @rule(which=places, how=st.sampled_from(["accepted", "resend"]))
    def settle_uncertain(self, which: int, how: str) -> None:
        editions = self.open_editions()
        edition = editions[which % len(editions)]
        with self.store.write() as work:
            uncertain = work.deliveries.uncertain(edition.id)
            ids = [id for id, _, _ in uncertain]
            if how == "accepted":
                work.deliveries.accept(ids)
            else:
                for _, email, _ in uncertain:
                    reader = work.subscribers.by_email(email)
                    assert reader is not None
                    # The administrator says that it did not arrive, and answers for it.
                    self.readers[reader.id].inbox.pop(own_message_id(edition.name, reader.id), None)
                work.deliveries.again(ids, self.now)
        self.follow_acceptances()

    # -- what always holds ----------------------------------------------------------------------

    @invariant()
    def everybody_is_accounted_for(self) -> None:
        self.check_everybody_is_accounted_for()

    @invariant()
    def cursors_stand_where_the_rules_put_them(self) -> None:
        assert dict(self.rows(_CURSORS)) == {id: reader.cursor for id, reader in self.readers.items()}

    @invariant()
    def nobody_got_an_article_twice(self) -> None:
        for reader in self.readers.values():
            new = [article for items in reader.inbox.values() for article, kind in items if kind is Kind.NEW]
            assert len(new) == len(set(new)), f"{new} holds a repeat"

    # -- the plain planner ----------------------------------------------------------------------

    def due(self, id: int, cutoff: int) -> list[tuple[int, Kind]]:
        """What one reader is due: the rules, read aloud."""
        reader = self.readers[id]
        items = []
        for article in dict.fromkeys(entry.article for entry in self.log):
            if article in self.hidden:
                continue
            named = [
                entry
                for entry in self.log
                if entry.article == article and entry.position <= cutoff and entry.themes & reader.following
            ]
            introduced = any(e.kind is Kind.NEW and e.position <= reader.cursor for e in named)
            is_new = any(e.kind is Kind.NEW and e.position > reader.cursor for e in named)
            is_updated = any(e.kind is Kind.UPDATED and e.position > reader.cursor for e in named)
            announced = sum(e.article == article and e.kind is Kind.NEW for e in self.log) > 1
            if is_new and not introduced and not (announced and article in reader.served):
                items.append((article, Kind.NEW))
            elif is_updated:
                items.append((article, Kind.UPDATED))
        return sorted(items)

    @contextmanager
    def watching_plans(self, expected: set[int]) -> Iterator[None]:
        """Compare what planning does to each reader with what the plain planner says.

        ``expected`` are the readers it must account for; it must leave all others alone.
        """
        before = self.deliveries()
        yield
        self.follow_rests()
        after = self.deliveries()
        made = {key: row for key, row in after.items() if key not in before}
        head = self.log[-1].position if self.log else 0
        for (edition, id), row in made.items():
            assert id in expected, f"reader {id} was not to be planned for"
            reader = self.readers[id]
            due = self.due(id, head)
            schedule = next(s for s in SCHEDULES if s.frequency == reader.frequency)
            if row.state is DeliveryState.SKIPPED:
                self.check_skip(id, row.reason, due, schedule, before)
                continue
            assert reader.state is State.ACTIVE
            assert row.items == due, f"reader {id} in {edition}: planned {row.items}, due {due}"
            assert len(due) >= schedule.min_articles
            self.plans[edition, id] = due
            self.cutoffs[edition, id] = head
            self.starts[edition, id] = reader.cursor
        for id in expected - {id for _, id in made}:
            assert self.readers[id].state is State.ACTIVE
            assert self.due(id, head) == [], f"reader {id} was due something and was passed over"
            self.readers[id].cursor = head

    def check_skip(self, id: int, reason: str, due: list[object], schedule: Schedule, before) -> None:
        reader = self.readers[id]
        if reason == "below_min_articles":
            assert 0 < len(due) < schedule.min_articles
        elif reason == "open_delivery":
            assert any(
                who == id and row.state in (DeliveryState.IN_FLIGHT, DeliveryState.UNCERTAIN)
                for (_, who), row in before.items()
            )
        else:
            assert reason == reader.state
            assert reader.state in CANDIDATES
            assert reader.state is not State.ACTIVE

    def follow_acceptances(self) -> None:
        """A cursor moves with an accepted delivery, to its cutoff."""
        for (edition, id), row in self.deliveries().items():
            if row.state is DeliveryState.ACCEPTED:
                self.readers[id].cursor = max(self.readers[id].cursor, self.cutoffs[edition, id])
                self.readers[id].served |= {article for article, _ in self.plans[edition, id]}

    def rejected(self) -> set[tuple[str, int]]:
        return {key for key, row in self.deliveries().items() if row.state is DeliveryState.REJECTED}

    def follow_bounces(self, rejected: set[tuple[str, int]]) -> None:
        """Whose mail was refused rests for a while, or is not mailed any more, and nobody else is."""
        for _, id in rejected:
            if self.stands(id) in (State.SUSPENDED, State.SUPPRESSED):
                self.readers[id].state = self.stands(id)
                self.readers[id].rests_until = self.now + REST
        for id, reader in self.readers.items():
            assert self.stands(id) is reader.state

    def follow_rests(self) -> None:
        """Planning ends a rest that has lasted long enough, and no other."""
        for id, reader in self.readers.items():
            if reader.state is State.SUSPENDED and self.stands(id) is State.ACTIVE:
                assert reader.rests_until is not None
                assert self.now >= reader.rests_until
                reader.state = State.ACTIVE

    def stands(self, id: int) -> State:
        with self.store.read() as work:
            found = work.subscribers.by_id(id)
        assert found is not None
        return found.subscriber.state

    # -- helpers --------------------------------------------------------------------------------

    def append(self, article: int, kind: Kind, themes: frozenset[str]) -> None:
        with self.store.write() as work:
            position = work.log.append(article, kind, themes, self.now)
        self.log.append(ModelEntry(position, article, kind, themes))

    def open_editions(self) -> list[Edition]:
        with self.store.read() as work:
            return work.editions.open()

    def deliveries(self) -> dict[tuple[str, int], "_Row"]:
        return {
            (str(EditionName(Frequency(frequency), slot, n)), reader): _Row(
                DeliveryState(state),
                reason,
                sorted((article, Kind(kind)) for article, kind, *_ in items or []),
            )
            for frequency, slot, n, reader, state, reason, items in self.rows(_DELIVERIES)
        }


_CURSORS = sa.select(SubscriberRow.id, SubscriberRow.cursor)
_DELIVERIES = (
    sa.select(
        EditionRow.frequency,
        EditionRow.slot,
        EditionRow.n,
        DeliveryRow.subscriber_id,
        DeliveryRow.state,
        DeliveryRow.reason,
        Segment.items,
    )
    .join_from(DeliveryRow, EditionRow, EditionRow.id == DeliveryRow.edition_id)
    .outerjoin(Segment, Segment.id == DeliveryRow.segment_id)
    .order_by(DeliveryRow.id)
)
_WAITING = sa.select(DeliveryRow.id).where(DeliveryRow.state == DeliveryState.PLANNED).limit(1)


class CrowdedPortal(Portal):
    """Histories that go straight to where it is crowded: some faults take several things at once."""

    @initialize(
        readers=st.lists(st.tuples(some_themes, st.sampled_from(FREQUENCIES)), max_size=4),
        news=st.integers(0, 3),
    )
    def open_with_some_of_each(self, readers: list[tuple[set[str], Frequency]], news: int) -> None:
        """Not every history should have to begin at nothing: what goes wrong takes company."""
        for themes, frequency in readers:
            self.sign_up(themes, frequency, "Europe/Amsterdam", "nl", 0)
        for number in range(news):
            self.publish({SLUGS[number]}, Kind.NEW)

    @precondition(lambda self: any(reader.served - self.hidden for reader in self.readers.values()))
    @rule(theme=st.sampled_from(SLUGS))
    def follow_an_article_to_its_new_theme(self, theme: str) -> None:
        """A reader turns to the very theme in which an article they have is announced next."""
        id = next(id for id, reader in self.readers.items() if reader.served - self.hidden)
        article = min(self.readers[id].served - self.hidden)
        self.change_mind(
            sorted(self.readers).index(id),
            {theme},
            self.readers[id].frequency,
            "Europe/Amsterdam",
            State.ACTIVE,
        )
        self.retheme(self.articles.index(article), {theme}, True)

    @precondition(lambda self: self.rows(_WAITING))
    @rule()
    def empty_a_planned_mail_until_the_next_edition(self) -> None:
        """What it holds is withdrawn, its reader's cursor moves on, and then it is all back."""
        articles = [article for article, _ in self.waiting()[0].items if article not in self.hidden]
        for article in articles:
            self.withdraw_or_restore(self.articles.index(article))
        self.wait(24 * 8)
        self.tick()
        for article in articles:
            self.withdraw_or_restore(self.articles.index(article))

    def waiting(self) -> list["_Row"]:
        return [row for row in self.deliveries().values() if row.state is DeliveryState.PLANNED]


@dataclass
class _Row:
    state: DeliveryState
    reason: str
    items: list[tuple[int, Kind]]


class _Transport(Immediate):
    """A mail server of which each answer was drawn beforehand."""

    def __init__(self, portal: Portal, edition: Edition, outcomes: list[str]) -> None:
        self._portal = portal
        self._edition = str(edition.name)
        self._outcomes = iter(outcomes + ["accepted"] * 100)

    def send(self, parcel: Parcel) -> Outcome:
        with self._portal.store.read() as work:
            reader = work.subscribers.by_email(parcel.recipient)
        assert reader is not None
        model = self._portal.readers[reader.id]
        assert model.state is State.ACTIVE, "mailed without consent"
        assert model.cursor == self._portal.starts[self._edition, reader.id], "served past its start before"
        message_id, items = articles_in(parcel.message)
        planned = self._portal.plans[self._edition, reader.id]
        assert sorted(items) == [item for item in planned if item[0] not in self._portal.hidden]
        outcome = next(self._outcomes)
        if outcome in ("accepted", "arrived", "killed"):
            model.inbox[message_id] = items
        if outcome == "killed":
            self._portal.dead.add(self._portal.claims.worker)
            raise Killed
        if outcome == "down":
            raise TransportUnavailable("down")
        if outcome == "leaves":
            # Another reader leaves while this one's mail is on its way.
            model.inbox[message_id] = items
            for id, other in sorted(self._portal.readers.items(), key=self._is_waiting, reverse=True):
                if id != reader.id and other.state is State.ACTIVE:
                    other.state = State.UNSUBSCRIBED
                    with self._portal.store.write() as work:
                        work.subscribers.leave(id, State.UNSUBSCRIBED, "unsubscribed", self._portal.now)
                    break
            return Accepted()
        return {
            "accepted": Accepted("ok"),
            "deferred": Deferred("451 later"),
            "rejected": Rejected("550 no"),
            "lost": Uncertain("?"),
            "arrived": Uncertain("?"),
        }[outcome]

    def _is_waiting(self, item: tuple[int, ModelReader]) -> tuple[bool, int]:
        return (self._edition, item[0]) in self._portal.plans, item[0]

    def close(self) -> None: ...


@pytest.mark.each_database
@pytest.mark.parametrize("kind", [Portal, CrowdedPortal])
def test_over_any_history_nobody_is_mailed_twice_or_missed(kind: type[Portal], database: Database) -> None:
    machine = type("PortalHere", (kind,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            # A query there is a way to another process and back: fewer of the same histories.
            max_examples=80 if database.engine.dialect.name == "sqlite" else 12,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
