"""Random histories of what administrators and readers do to editions, held against what they were told.

The machine below approves, holds, pauses, resumes, cancels, settles and plans by hand, through the real desk,
while articles come and go, readers pause, leave, return and move, senders are killed and clocks jump. Beside
it runs a model that knows the administrator's words and what lies in each mailbox, and nothing of how.
"""

import os
import sys
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from controlled import (
    DECISIONS,
    HOME,
    IN_DOUBT,
    OPEN_THOUGH_DONE,
    POSSIBLE,
    WITHOUT_REASON,
    Controlled,
    Person,
    Server,
)
from histories import (
    ZONES,
    Killed,
    own_message_id,
    places,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from feeds.article import Visibility
from feeds.log import Kind
from pipeline.steps.plan import slot_now
from pipeline.steps.preview import Choice, PreviewError
from pipeline.store.session import Database
from pipeline.store.tables import DeliveryRow
from subscribers.delivery import (
    OPEN,
    TransportUnavailable,
)
from subscribers.edition import CLOSED, EditionState
from subscribers.frequency import Frequency
from subscribers.subscriber import State, Subscriber
from subscribers.timetable import Timetable

FREQUENCIES = [Frequency.DAILY, Frequency.DAILY, Frequency.WEEKLY, Frequency.IMMEDIATE]
THEMES = st.sampled_from([{"a"}, {"a1"}, {"b"}, {"a1", "b"}])
OUTCOMES = ["accepted"] * 5 + ["deferred", "rejected", "lost", "arrived", "down", "killed"]


class Control(Controlled):
    @initialize(
        habit=st.sampled_from(["at once", "at once", "approved", "prepared"]),
        readers=st.lists(st.tuples(st.sampled_from(FREQUENCIES), st.sampled_from(ZONES)), max_size=3),
    )
    def open_the_portal(self, habit: str, readers: list[tuple[Frequency, str]]) -> None:
        self.begin(habit)
        self.tick()
        for frequency, zone in readers:
            self.sign_up({"a"}, frequency, zone)
        self.publish({"a1"})

    @rule(themes=THEMES)
    def publish(self, themes: set[str]) -> None:
        id = self.write_article(themes)
        self.news[id] = self.append(id, Kind.NEW)

    @precondition(lambda self: self.articles)
    @rule(which=places)
    def withdraw_or_restore(self, which: int) -> None:
        id = self.articles[which % len(self.articles)]
        gone = id in self.hidden
        with self.store.write() as work:
            work.articles.show(id, Visibility.VISIBLE if gone else Visibility.WITHDRAWN)
        (self.hidden.discard if gone else self.hidden.add)(id)
        self.ever_hidden.add(id)
        self.append(id, Kind.RESTORED if gone else Kind.WITHDRAWN)

    @precondition(lambda self: len(self.articles) - len(self.hidden) > 1)
    @rule(which=places, into=places)
    def merge(self, which: int, into: int) -> None:
        shown = [id for id in self.articles if id not in self.hidden]
        id = shown.pop(which % len(shown))
        self.editor.merge(id, shown[into % len(shown)], "editor")
        self.articles.remove(id)
        self.ever_hidden.add(id)

    # -- the readers ----------------------------------------------------------------------------

    @precondition(lambda self: len(self.people) < 5)
    @rule(themes=THEMES, frequency=st.sampled_from(FREQUENCIES), zone=st.sampled_from(ZONES))
    def sign_up(self, themes: set[str], frequency: Frequency, zone: str) -> None:
        with self.store.write() as work:
            subscriber = Subscriber(
                email=f"r{next(self.numbers)}@x.example",
                timezone=zone,
                frequency=frequency,
                state=State.ACTIVE,
                cursor=work.log.head(),
                confirmed_at=self.now,
                created_at=self.now,
            )
            id = work.subscribers.add(subscriber, sorted(themes))
        self.people[id] = Person(themes, frequency, subscriber.cursor)

    @precondition(lambda self: self.people)
    @rule(which=places, leaves=st.booleans())
    def pause_or_leave(self, which: int, leaves: bool) -> None:
        id, person = self.someone(which)
        if person.gone:
            return
        with self.store.write() as work:
            if leaves:
                work.subscribers.leave(id, State.UNSUBSCRIBED, "unsubscribed", self.now)
                person.gone = True
            elif self.stands(id).state in (State.ACTIVE, State.PAUSED):
                person.paused_until = self.now + timedelta(hours=30)
                work.subscribers.pause(id, person.paused_until)

    @precondition(lambda self: self.people)
    @rule(which=places)
    def come_back(self, which: int) -> None:
        id, person = self.someone(which)
        with self.store.write() as work:
            if person.gone:
                person.gone, person.owed_from = False, max(work.log.head(), self.stands(id).cursor)
                work.subscribers.begin(id, person.owed_from, self.now)
            else:
                work.subscribers.pause(id, None)
        person.paused_until = None

    @precondition(lambda self: self.people)
    @rule(
        which=places,
        frequency=st.sampled_from(FREQUENCIES),
        zone=st.sampled_from(ZONES),
        address=st.booleans(),
    )
    def move(self, which: int, frequency: Frequency, zone: str, address: bool) -> None:
        id, person = self.someone(which)
        if person.gone:
            return
        with self.store.write() as work:
            if address:
                work.subscribers.rename(id, f"r{next(self.numbers)}@y.example", self.now)
            changed = self.stands(id, work).model_copy(update={"frequency": frequency, "timezone": zone})
            work.subscribers.edit(id, changed, sorted(person.following), self.now)
        person.frequency = frequency

    # -- the clock ------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([0.2, 1, 3, 7, 12, 24, 50]))
    def wait(self, hours: float) -> None:
        self.now += timedelta(hours=hours)
        self.latest = max(self.latest, self.now)

    @rule(hours=st.sampled_from([1, 3, 7, 12, 24]))
    def let_the_clock_run(self, hours: int) -> None:
        self.wait(hours)
        self.tick()

    @rule(hours=st.sampled_from([-400, -30, -6, -1, 6, 30, 400]))
    def jump(self, hours: int) -> None:
        self.wait(hours)

    @rule()
    def tick(self) -> None:
        self.recover()
        self.ticker.tick()
        assert self.ticker.tick() == [], "a double tick planned twice"
        self.hand_out.all()

    # -- the administrator ----------------------------------------------------------------------

    @precondition(lambda self: self.editions())
    @rule(which=places, what=st.sampled_from(DECISIONS))
    def decide(self, which: int, what: str) -> None:
        """Where it can be decided, or else where it can't."""
        editions = self.editions()
        fit = [edition for edition in editions if edition.state in POSSIBLE[what]] or editions
        self.say(what, fit[which % len(fit)].name)

    @precondition(lambda self: self.sendable())
    @rule(which=places, what=st.sampled_from(["hold", "pause"]), zone=st.sampled_from(ZONES))
    def stop_what_another_edition_takes_over(self, which: int, what: str, zone: str) -> None:
        """Everybody turns to another frequency while an edition is stopped, and somebody new comes to it."""
        editions = self.sendable()
        edition = editions[which % len(editions)]
        self.say(what, edition.name)
        waiting = [sorted(self.people).index(id) for id in self.planned_in(edition)]
        other = Frequency.WEEKLY if edition.name.frequency is Frequency.DAILY else Frequency.DAILY
        for place in waiting:
            self.move(place, other, zone, False)
        self.plan_as_previewed(other)
        self.hand_out.all()
        self.sign_up({"a"}, edition.name.frequency, zone)
        self.publish({"a"})

    @rule(frequency=st.sampled_from([Frequency.DAILY, Frequency.WEEKLY]))
    def make_another_and_cancel_it(self, frequency: Frequency) -> None:
        self.plan_as_previewed(frequency)
        [newest, *_] = [one for one in self.editions() if one.name.frequency is frequency]
        if newest.state not in CLOSED:
            self.say("cancel", newest.name)

    @precondition(lambda self: self.rows(IN_DOUBT))
    @rule(which=places, resend=st.booleans())
    def settle(self, which: int, resend: bool) -> None:
        doubtful = {id for (id,) in self.rows(IN_DOUBT)}
        editions = [edition for edition in self.editions() if edition.id in doubtful]
        edition = editions[which % len(editions)]
        self.deliverer(Server(self, edition, []), None).abandon_dead()
        with self.store.read() as work:
            uncertain = [
                work.subscribers.by_email(email) for _, email, _ in work.deliveries.uncertain(edition.id)
            ]
        assert self.desk.settle(edition.name, resend=resend) == len(uncertain)
        if resend:
            for reader in uncertain:
                # The administrator says that it did not arrive, and answers for it.
                self.people[reader.id].inbox.pop(own_message_id(edition.name, reader.id), None)

    @rule(frequency=st.sampled_from(FREQUENCIES))
    def plan_as_previewed(self, frequency: Frequency) -> None:
        self.recover()
        timetable = Timetable(self.schedules[frequency])
        shown, _ = self.previewer.of_frequency(timetable, HOME, Choice())
        slot, day = slot_now(timetable, self.now, HOME)
        assert self.planner.by_hand(timetable.schedule, slot, day) == shown

    @precondition(lambda self: self.sendable())
    @rule(
        which=places,
        outcomes=st.lists(st.sampled_from([*OUTCOMES, *DECISIONS]), min_size=1, max_size=6),
        limit=st.sampled_from([None, None, 1]),
        due_only=st.booleans(),
    )
    def send(self, which: int, outcomes: list[str], limit: int | None, due_only: bool) -> None:
        editions = self.sendable()
        edition = editions[which % len(editions)]
        server = Server(self, edition, outcomes, due_only=due_only)
        try:
            self.deliverer(server, timedelta(hours=12)).send(edition, limit=limit, due_only=due_only)
        except TransportUnavailable:
            pass
        except Killed:
            self.start_worker()

    # -- what we say of it ----------------------------------------------------------------------

    @precondition(lambda self: self.sendable())
    @rule(which=places)
    def send_as_previewed(self, which: int) -> None:
        self.recover()
        editions = self.sendable()
        edition = editions[which % len(editions)]
        shown = {}
        for id in self.planned_in(edition):
            try:
                choice = Choice(subscriber=self.stands(id).email)
                [specimen] = self.previewer.of_edition(edition.name, choice)
                shown[own_message_id(edition.name, id)] = [(one.article, one.kind) for one in specimen.digest]
            except PreviewError:
                shown[own_message_id(edition.name, id)] = []
        server = Server(self, edition, [])
        self.deliverer(server, timedelta(hours=12)).send(edition)
        for message, items in server.sent.items():
            if message in shown:
                assert items == shown[message]

    @precondition(lambda self: self.people and self.now == self.latest)
    @rule(which=places)
    def get_what_explain_promised(self, which: int) -> None:
        self.tick()
        id, person = self.someone(which)
        email = self.stands(id).email
        outlook = self.lookahead.outlook(email)
        if not outlook.due or any(one.state in OPEN for one in outlook.past):
            return
        if person.frequency is Frequency.IMMEDIATE:
            return
        assert outlook.next is not None
        assert outlook.next == self.next_due(id)
        due = self.explainer.explain(email).facts["due"]
        self.now = self.latest = outlook.next
        self.tick()
        with self.store.read() as work:
            past = work.deliveries.of_reader(id, 1)
            titles = work.articles.get({item.article for one in past for item in one.digest})
        assert past, f"{email} was promised one"
        assert past[0].state in OPEN
        got = [f"{titles[item.article].title} ({item.kind})" for item in past[0].digest]
        assert sorted(got) == sorted(due), f"{email} was promised {due}"

    def next_due(self, id: int) -> datetime:
        """When a reader's next edition is due: of a slot that was not cancelled, and that they are not in."""
        who = self.stands(id)
        standing: dict[str, int] = {}
        for edition in self.editions():
            if edition.name.frequency == who.frequency and not standing.get(edition.name.slot):
                standing[edition.name.slot] = 0 if str(edition.name) in self.cancelled else edition.id
        query = sa.select(DeliveryRow.edition_id).where(DeliveryRow.subscriber_id == id)
        own = {0, *(edition for (edition,) in self.rows(query))}
        over = {date.fromisoformat(slot) for slot, edition in standing.items() if edition in own}
        timetable = Timetable(self.schedules[who.frequency], cancelled=over)
        return timetable.next_open(self.now, who.timezone)

    # -- what always holds ----------------------------------------------------------------------

    @invariant()
    def everybody_is_accounted_for(self) -> None:
        self.check_everybody_is_accounted_for()
        assert self.rows(WITHOUT_REASON) == []
        assert self.rows(OPEN_THOUGH_DONE) == []

    @invariant()
    def an_edition_stands_as_was_last_said(self) -> None:
        for edition in self.editions():
            name = str(edition.name)
            if name in self.cancelled:
                assert edition.state is EditionState.CANCELLED
                assert self.planned_in(edition) == []
            elif name in self.held:
                assert edition.state in (EditionState.AWAITING_APPROVAL, EditionState.DONE)
            elif name in self.paused:
                waits = [EditionState.AWAITING_APPROVAL] if self.asks_approval else []
                assert edition.state in (EditionState.PAUSED, *waits)

    @invariant()
    def nobody_got_an_article_twice(self) -> None:
        for person in getattr(self, "people", {}).values():
            new = [article for items in person.inbox.values() for article, kind in items if kind is Kind.NEW]
            assert len(new) == len(set(new)), f"{new} holds a repeat"

    def teardown(self) -> None:
        """Once everything is let go, everybody has whatever they were due."""
        if sys.exc_info()[0] is not None:
            return  # a history that went wrong is told as it went
        self.now = self.latest = self.latest + timedelta(days=40)  # every rest is over by then
        for id, person in self.people.items():
            with self.store.write() as work:
                work.subscribers.pause(id, None)
            person.paused_until = None
        self.release()
        for _ in range(2):
            for frequency in Frequency:
                if frequency in self.schedules:
                    self.plan_as_previewed(frequency)
            self.release()
        for id, person in self.people.items():
            if person.gone or self.stands(id).state is State.SUPPRESSED:
                continue
            has = {article for items in person.inbox.values() for article, _ in items} | self.by_word(id)
            owed = {
                article
                for article, position in self.news.items()
                if position > person.owed_from and self.placed[article] & person.following
            }
            assert owed - self.ever_hidden <= has, f"{id} never got {owed - self.ever_hidden - has}"


@pytest.mark.each_database
def test_over_any_history_editions_do_as_administrators_said(database: Database) -> None:
    """``$KENNISPORTAL_TEST_HISTORIES`` is how many are tried; a hunt takes thousands."""
    few = 15 if database.engine.dialect.name == "sqlite" else 3
    run_state_machine_as_test(
        type("ControlHere", (Control,), {"database": database}),
        settings=settings(
            max_examples=int(os.environ.get("KENNISPORTAL_TEST_HISTORIES", few)),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
