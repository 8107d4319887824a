"""Editions from plan to settled: one open delivery per reader, the last word theirs, no clock guessed at."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from handed_out import handed_out, send_what_is_handed_out
from mailer import Mailer
from rosters import rows_of
from sqlmodel import select

from feeds.log import Kind
from pipeline import jobs
from pipeline.ports import EditionWork
from pipeline.steps import letters
from pipeline.steps.letters import Letters
from pipeline.steps.plan import PlanReport, slot_now
from pipeline.store import planning
from pipeline.store.tables import DeliveryRow
from subscribers.delivery import (
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    TransportUnavailable,
    Uncertain,
    Wanted,
)
from subscribers.edition import EditionName
from subscribers.frequency import Frequency
from subscribers.message import Template
from subscribers.subscriber import State

pytestmark = pytest.mark.each_database

PREPARED = 'frequency = "weekly"\napproval = true\nprepare = "1d"'


def collect(portal, *titles: str) -> None:
    for title in titles:
        portal.write(title.replace(" ", "-"), title, "Tekst.")
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)


def sign_up(portal, *rows: str) -> None:
    document = "\n".join(["email,frequency,interests,timezone", *rows]).encode()
    with portal.open() as app:
        report = app.enroller().take(rows_of(document), "op papier")
    assert report.refused == []


def plan(portal, frequency: Frequency = Frequency.WEEKLY) -> PlanReport:
    with portal.open() as app:
        timetable = app.timetable(frequency)
        slot = slot_now(timetable, app.clock(), "Europe/Amsterdam")
        return app.planner().by_hand(timetable.schedule, *slot)


def send(portal, name: EditionName, mailer: Mailer) -> dict[str, int]:
    with portal.open() as app:
        app.transport = lambda connections: mailer
        return jobs.send(app, app.desk().ready(name)).settled


def tick(portal) -> list[PlanReport]:
    with portal.open() as app:
        return jobs.plan(app)


def reader(portal, email: str):
    with portal.open() as app, app.store.read() as work:
        return work.subscribers.by_email(email)


def deliveries(portal) -> list[DeliveryRow]:
    with portal.open() as app, app.store.read() as work:
        return list(work.session.exec(select(DeliveryRow).order_by(DeliveryRow.id)))


def test_a_newer_edition_takes_over_what_never_left_and_keeps_its_retry_clock(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    first = plan(portal)
    send(portal, first.edition, Mailer(lambda _: Deferred("451 later")))
    began = portal.now
    portal.wait(days=7)
    collect(portal, "De cloud twee")
    second = plan(portal)
    assert (second.planned, second.superseded) == (1, 1)
    old, new = deliveries(portal)
    assert (old.state, old.reason, old.superseded_by) == ("cancelled", "superseded", new.id)
    assert (new.attempts, new.first_attempt, new.from_position) == (1, began, old.from_position)
    mailer = Mailer(lambda _: Deferred("451 still later"))
    assert send(portal, second.edition, mailer) == {"rejected": 1}  # a day of trying was over long ago
    assert deliveries(portal)[1].reason == "expired"


def test_who_got_several_articles_under_a_theme_they_left_gets_none_of_them_again(portal) -> None:
    collect(portal, "De cloud", "De cloud twee")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    assert send(portal, plan(portal).edition, Mailer()) == {"accepted": 1}
    with portal.open() as app:
        app.enroller().edit("c@voorbeeld.example", {"interests": "gemeenten"})
        with app.store.write() as work:
            # Announced in another order than they were first seen.
            for article in (2, 1):
                work.log.append(article, Kind.NEW, ["gemeenten"], app.clock())
    portal.wait(days=7)
    assert plan(portal).nothing_due == 1


def test_nobody_has_two_open_deliveries(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    first = plan(portal)
    send(portal, first.edition, Mailer(lambda _: Uncertain("the line went dead")))
    portal.wait(days=7)
    collect(portal, "De cloud twee")
    second = plan(portal)
    assert (second.planned, second.skipped) == (0, {"open_delivery": 1})
    with portal.open() as app:
        assert app.desk().settle(first.edition, resend=False) == 1
    third = plan(portal)
    assert third.planned == 1
    mailer = Mailer()
    send(portal, third.edition, mailer)
    assert mailer.sent == ["c@voorbeeld.example"]
    assert [row.cutoff for row in deliveries(portal) if row.state == "accepted"] == [1, 2]


def letters_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The segments of which a letter is made from now on, each as often as it is made."""
    made: list[int] = []
    make = Letters._make

    def counted(self: Letters, work: EditionWork, segment: int) -> Template | None:
        made.append(segment)
        return make(self, work, segment)

    monkeypatch.setattr(Letters, "_make", counted)
    return made


@pytest.mark.parametrize("bundle", [250, 1])
def test_readers_are_mailed_in_their_own_order_as_far_as_a_sender_can_hold_the_letters(
    portal, monkeypatch, bundle: int
) -> None:
    monkeypatch.setattr(planning, "BUNDLE", bundle)
    made = letters_made(monkeypatch)
    collect(portal, "De cloud", "Wat gemeenten doen")
    themes = ["cloud", "gemeenten"] * 3
    sign_up(portal, *(f"r{n}@voorbeeld.example,weekly,{theme}," for n, theme in enumerate(themes)))
    first = plan(portal)
    planned = deliveries(portal)
    readers = [delivery.subscriber_id for delivery in planned]
    segments = [delivery.segment_id for delivery in planned]
    assert (readers == sorted(readers), segments == sorted(segments)) == (bundle > 1, bundle == 1)
    assert send(portal, first.edition, Mailer()) == {"accepted": 6}
    assert sorted(made) == sorted(set(segments)), "each letter is made once"


def test_the_letter_that_was_not_asked_for_longest_makes_room_for_another(portal, monkeypatch) -> None:
    monkeypatch.setattr(letters, "_KEPT", 2)
    made = letters_made(monkeypatch)
    collect(portal, "De cloud", "Wat gemeenten doen")
    themes = ["cloud", "gemeenten", "cloud", "cloud;gemeenten", "cloud"]
    sign_up(portal, *(f"r{n}@voorbeeld.example,weekly,{theme}," for n, theme in enumerate(themes)))
    assert send(portal, plan(portal).edition, Mailer()) == {"accepted": 5}
    assert len(made) == len(set(made)) == 3


def test_an_uncertain_one_is_settled_by_rule_after_a_while(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    name = plan(portal).edition
    send(portal, name, Mailer(lambda _: Uncertain("the line went dead")))
    portal.wait(hours=11)
    mailer = Mailer()
    assert send(portal, name, mailer) == {}
    assert reader(portal, "c@voorbeeld.example").subscriber.cursor == 0
    portal.wait(hours=2)
    assert send(portal, name, mailer) == {}
    assert reader(portal, "c@voorbeeld.example").subscriber.cursor == 1
    assert mailer.sent == []
    with portal.open() as app:
        assert app.desk().account(name).state == "done"


def test_an_edition_is_done_also_where_its_last_mail_is_settled_while_nobody_sends_it(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,", "d@voorbeeld.example,daily,cloud,")
    weekly, daily = plan(portal).edition, plan(portal, Frequency.DAILY).edition
    send(portal, weekly, Mailer(lambda _: Uncertain("the line went dead")))
    send(portal, daily, Mailer(lambda _: Deferred("451 later")))
    portal.wait(hours=24)
    newer = plan(portal, Frequency.DAILY).edition
    tick(portal)
    with portal.open() as app:
        assert list(handed_out(app)) == [str(newer)]
        assert [app.desk().account(name).state for name in (weekly, daily)] == ["done", "done"]
        assert app.desk().account(newer).state == "planned"


def test_nobody_is_asked_to_approve_what_a_newer_edition_has_taken_over(portal) -> None:
    with_approval(portal)
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    old = plan(portal).edition
    portal.wait(days=7)
    new = plan(portal).edition
    tick(portal)
    with portal.open() as app:
        assert handed_out(app) == {}
        states = [app.desk().account(name).state for name in (old, new)]
    assert states == ["done", "awaiting_approval"]


def test_planning_by_hand_after_all_was_settled_by_rule_gives_a_new_edition(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    name = plan(portal).edition
    send(portal, name, Mailer(lambda _: Uncertain("the line went dead")))
    portal.wait(hours=13)
    collect(portal, "De cloud twee")
    with portal.open() as app:
        report = jobs.plan_by_hand(app, Frequency.WEEKLY)
        assert (str(report.edition), report.planned) == (f"{name}.2", 1)
        assert app.desk().account(name).state == "done"


def test_an_uncertain_one_that_is_sent_again_goes_out_once_more(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    name = plan(portal).edition
    send(portal, name, Mailer(lambda _: Uncertain("the line went dead")))
    with portal.open() as app:
        assert app.desk().settle(name, resend=True) == 1
    mailer = Mailer()
    assert send(portal, name, mailer) == {"accepted": 1}
    assert mailer.sent == ["c@voorbeeld.example"]


def test_a_reader_who_was_served_past_its_start_does_not_get_an_old_mail(portal) -> None:
    collect(portal, "De cloud", "De gemeente")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    first = plan(portal)
    portal.remove("De-cloud")
    collect(portal)
    portal.wait(days=7)
    assert plan(portal).nothing_due == 1  # and so their cursor has moved
    collect(portal, "De cloud")
    mailer = Mailer()
    assert send(portal, first.edition, mailer) == {}
    assert mailer.sent == []
    assert deliveries(portal)[0].reason == "stale"


def test_who_leaves_while_an_edition_goes_out_gets_nothing(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, *[f"l{number}@voorbeeld.example,weekly,cloud," for number in range(5)])
    name = plan(portal).edition

    def answer(recipient: str) -> Outcome:
        if recipient.startswith("l0"):
            with portal.open() as app:
                app.enroller().unsubscribe(reader(portal, "l3@voorbeeld.example").id, "link")
                app.enroller().suppress("l4@voorbeeld.example", "klacht")
        return Accepted()

    mailer = Mailer(answer)
    assert send(portal, name, mailer) == {"accepted": 3}
    assert sorted(mailer.sent) == [f"l{number}@voorbeeld.example" for number in range(3)]
    with portal.open() as app:
        account = app.desk().account(name)
    assert account.balanced
    assert account.cancelled == {"unsubscribed": 1, "suppressed": 1}


def test_an_article_withdrawn_while_an_edition_goes_out_is_in_no_later_mail(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, *[f"l{number}@voorbeeld.example,weekly,cloud," for number in range(3)])
    portal.write("blijft", "Nog iets")
    name = plan(portal).edition

    def answer(recipient: str) -> Outcome:
        portal.remove("De-cloud")
        collect(portal)
        mailer.answer = lambda recipient: Accepted()
        return Accepted()

    mailer = Mailer(answer)
    send(portal, name, mailer)
    assert len(mailer.sent) == 1
    with portal.open() as app:
        assert app.desk().account(name).cancelled == {"withdrawn": 2}


def test_a_mail_server_that_goes_down_halfway_loses_nothing(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, *[f"l{number}@voorbeeld.example,weekly,cloud," for number in range(5)])
    name = plan(portal).edition

    def answer(recipient: str) -> Outcome:
        if len(mailer.sent) == 2:
            raise TransportUnavailable("the mail server is down")
        return Accepted()

    mailer = Mailer(answer)
    with pytest.raises(TransportUnavailable):
        send(portal, name, mailer)
    with portal.open() as app:
        assert app.desk().account(name).deliveries == {"accepted": 2, "planned": 3}
    mailer.answer = lambda recipient: Accepted()
    send(portal, name, mailer)
    assert sorted(mailer.sent) == [f"l{number}@voorbeeld.example" for number in range(5)]


def test_a_rejected_mail_leaves_the_cursor_and_its_articles_come_again(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    send(portal, plan(portal).edition, Mailer(lambda _: Rejected("550 no such user")))
    portal.wait(days=7)
    report = plan(portal)
    assert report.planned == 1
    mailer = Mailer()
    send(portal, report.edition, mailer)
    assert mailer.sent == ["c@voorbeeld.example"]


def test_too_thin_a_digest_waits_for_company(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', 'frequency = "weekly"\nmin_articles = 2'))
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,", "g@voorbeeld.example,weekly,gemeenten,")
    first = plan(portal)
    assert (first.planned, first.skipped, first.nothing_due) == (0, {"below_min_articles": 1}, 1)
    assert reader(portal, "c@voorbeeld.example").subscriber.cursor == 0
    assert reader(portal, "g@voorbeeld.example").subscriber.cursor == 1
    with portal.open() as app:
        for article in ("", "https://portaal.example/artikelen/De-cloud"):
            said = app.explainer().explain("c@voorbeeld.example", article).sentence
            assert "the weekly edition that comes once there are 2 articles for them" in said
    portal.wait(days=7)
    collect(portal, "De cloud twee")
    second = plan(portal)
    assert second.planned == 1
    with portal.open() as app, app.store.read() as work:
        ((segment, _, _),) = work.deliveries.segments(work.editions.get(second.edition).id)
        assert len(work.deliveries.segment(segment)[1]) == 2


def test_a_changed_choice_repeats_nothing_and_misses_nothing(portal) -> None:
    collect(portal, "De cloud", "De gemeente")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    send(portal, plan(portal).edition, Mailer())
    with portal.open() as app:
        app.enroller().edit("c@voorbeeld.example", {"interests": "cloud;gemeenten", "frequency": "daily"})
    collect(portal, "De gemeente kiest de cloud")
    report = plan(portal, Frequency.DAILY)
    with portal.open() as app, app.store.read() as work:
        ((segment, _, _),) = work.deliveries.segments(work.editions.get(report.edition).id)
        _, (item,) = work.deliveries.segment(segment)
        assert work.articles.get([item.article])[item.article].title == "De gemeente kiest de cloud"


def test_each_time_zone_has_its_own_hour_and_everybody_their_one_mail(portal) -> None:
    portal.now = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)  # Sunday; Monday is the day
    collect(portal, "De cloud")
    zones = ["Pacific/Kiritimati", "Europe/Amsterdam", "Pacific/Pago_Pago"]
    sign_up(
        portal, *[f"l{number}@voorbeeld.example,weekly,cloud,{zone}" for number, zone in enumerate(zones)]
    )
    tick(portal)
    planned = []
    for _ in range(48):
        portal.wait(hours=1)
        planned += [(portal.now, report.planned) for report in tick(portal)]
    assert planned == [
        (datetime(2026, 11, 29, 18, 0, tzinfo=UTC), 1),  # eight o'clock on Kiritimati, UTC+14
        (datetime(2026, 11, 30, 7, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 30, 19, 0, tzinfo=UTC), 1),  # and in Pago Pago, UTC-11
    ]
    assert {row.edition_id for row in deliveries(portal)} == {1}


def test_zones_a_day_apart_share_the_hour_and_not_the_slot(portal) -> None:
    portal.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    collect(portal, "De cloud")
    zones = ["Pacific/Auckland", "Pacific/Pago_Pago"]  # UTC+13 in summer, UTC-11
    sign_up(portal, *[f"l{number}@voorbeeld.example,daily,cloud,{zone}" for number, zone in enumerate(zones)])
    tick(portal)
    portal.now = datetime(2026, 11, 25, 19, 0, tzinfo=UTC)
    planned = {str(report.edition): report.planned for report in tick(portal)}
    assert planned == {"daily/2026-11-25": 1, "daily/2026-11-26": 1}


def test_ticking_twice_at_once_plans_once(portal) -> None:
    portal.now = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,Europe/Amsterdam")
    tick(portal)
    portal.wait(days=1, hours=2)
    reports: list[PlanReport] = []
    threads = [threading.Thread(target=lambda: reports.extend(tick(portal))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.planned for report in reports] == [1]
    assert len(deliveries(portal)) == 1


def nobody_may() -> None:
    raise AssertionError("it began to write")


@pytest.mark.parametrize("how", ['frequency = "weekly"', PREPARED, 'frequency = "immediate"'])
def test_a_look_at_which_nothing_is_due_writes_nothing(portal, monkeypatch, how: str) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', how))
    frequency = "immediate" if "immediate" in how else "weekly"
    sign_up(portal, f"c@voorbeeld.example,{frequency},cloud,", "d@voorbeeld.example,daily,cloud,")
    tick(portal)
    collect(portal, "De cloud")
    portal.wait(days=7)
    assert sum(report.planned for report in tick(portal)) == 2
    with portal.open() as app:
        monkeypatch.setattr(app.store, "write", nobody_may)
        assert jobs.plan(app) == []


def test_where_no_edition_is_open_nothing_is_written_to_hand_one_out(portal, monkeypatch) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    send(portal, plan(portal).edition, Mailer())
    with portal.open() as app:
        monkeypatch.setattr(app.store, "write", nobody_may)
        jobs.hand_out(app)


def test_a_slot_that_passed_before_we_first_looked_is_not_sent_late(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    assert tick(portal) == []
    portal.wait(hours=1)
    assert tick(portal) == []


def test_a_portal_begun_by_a_clock_that_ran_ahead_sends_once_that_is_set_right(portal) -> None:
    sign_up(portal, "d@voorbeeld.example,daily,cloud,")
    portal.wait(days=365)
    tick(portal)
    portal.wait(days=-365)
    assert tick(portal) == [], "that slot was over before"
    portal.wait(days=1)
    collect(portal, "De cloud")
    assert [report.planned for report in tick(portal)] == [1]


def test_slots_missed_while_nothing_ran_are_one_edition(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    tick(portal)
    portal.wait(days=30)
    assert [report.planned for report in tick(portal)] == [1]


def test_immediate_waits_until_the_log_is_quiet(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\nquiet = "10m"\n')
    sign_up(portal, "c@voorbeeld.example,immediate,cloud,")
    collect(portal, "De cloud")
    portal.wait(minutes=9)
    assert tick(portal) == []
    collect(portal, "De cloud twee")
    portal.wait(minutes=9)
    assert tick(portal) == []
    portal.wait(minutes=2)
    (report,) = tick(portal)
    assert (report.planned, report.segments) == (1, 1)
    assert tick(portal) == []


def test_immediate_does_not_wait_for_ever_where_the_log_is_never_quiet(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\nquiet = "10m"\n')
    sign_up(portal, "c@voorbeeld.example,immediate,cloud,")
    tick(portal)
    got = []
    for number in range(40):
        collect(portal, f"De cloud {number}")
        got += [report.planned for report in tick(portal)]
        portal.wait(minutes=4)
    with portal.open() as app:
        sizes = [len(past.digest) for past in app.lookahead().outlook("c@voorbeeld.example").past]
    assert (got, sizes) == ([1, 1], [32, 16])


def test_no_immediate_edition_is_kept_of_which_nobody_was_due_anything(portal) -> None:
    def editions() -> list[str]:
        with portal.open() as app:
            return [str(one.edition) for one in app.desk().recent(10)]

    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\nquiet = "10m"\n')
    collect(portal, "De cloud")
    portal.wait(hours=1)
    assert tick(portal) == [], "nobody wants it at once"
    sign_up(portal, "c@voorbeeld.example,immediate,cloud,")
    collect(portal, "De gemeente")
    portal.wait(hours=1)
    assert (tick(portal), tick(portal), editions()) == ([], [], [])
    with portal.open() as app, app.store.read() as work:
        assert reader(portal, "c@voorbeeld.example").subscriber.cursor == work.log.head()
    collect(portal, "De cloud twee")
    portal.wait(hours=1)
    (report,) = tick(portal)
    assert (report.planned, editions()) == (1, [str(report.edition)])
    with portal.open() as app, app.store.write() as work:
        work.subscribers.pause(1, portal.now + timedelta(days=30))
    collect(portal, "De cloud drie")
    portal.wait(hours=1)
    (report,) = tick(portal)
    assert (report.skipped, len(editions())) == ({"paused": 1}, 2), "who was passed over is told"


def test_what_a_clock_that_ran_ahead_collected_goes_out_at_once_when_that_is_set_right(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\n')
    sign_up(portal, "c@voorbeeld.example,immediate,cloud,")
    portal.wait(days=300)
    collect(portal, "De cloud")
    portal.wait(days=-300)
    assert [report.planned for report in tick(portal)] == [1]


def test_explain_gives_the_reason_that_holds(portal) -> None:
    portal.write("oud", "Oude cloud", date=portal.now - timedelta(days=30))
    collect(portal, "De cloud", "De gemeente")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,", "w@voorbeeld.example,monthly,cloud,")

    def why(title: str, email: str = "c@voorbeeld.example") -> str:
        with portal.open() as app:
            return app.explainer().explain(email, f"https://portaal.example/artikelen/{title}").sentence

    assert "is to get this as new in the weekly edition of 2026-11-30T08:00" in why("De-cloud")
    assert "which has no [[digest]]" in why("De-cloud", "w@voorbeeld.example")
    assert "it is in Overheid, Gemeenten and they follow Cloud" in why("De-gemeente")
    assert "it was history when we first looked" in why("oud")
    name = plan(portal).edition
    assert f"has this in {name}, which is planned" in why("De-cloud")
    send(portal, name, Mailer())
    assert f"got this on 24 November 2026 in {name}, as new, under Cloud" in why("De-cloud")
    portal.remove("De-gemeente")
    collect(portal)
    assert "it has been withdrawn" in why("De-gemeente")
    portal.write("straks", "Straks de cloud", date=portal.now + timedelta(days=3))
    collect(portal)
    assert "it appears only on 27 November 2026" in why("straks")
    portal.wait(days=20)
    sign_up(portal, "n@voorbeeld.example,weekly,cloud,")
    assert "before the point from which they are served" in why("De-cloud", "n@voorbeeld.example")
    with portal.open() as app:
        assert "c@voorbeeld.example got their last digest on 24 November 2026" in (
            app.explainer().explain("c@voorbeeld.example").sentence
        )
        app.enroller().suppress("n@voorbeeld.example", "klacht")
    assert "they get no mail, being suppressed" in why("De-cloud", "n@voorbeeld.example")
    assert reader(portal, "n@voorbeeld.example").subscriber.state is State.SUPPRESSED


def with_approval(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', 'frequency = "weekly"\napproval = true'))


def state(portal, name: EditionName) -> str:
    with portal.open() as app:
        return app.desk().account(name).state


def test_nothing_goes_out_that_was_not_approved_whichever_wave_it_came_with(portal) -> None:
    with_approval(portal)
    portal.now = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
    collect(portal, "De cloud")
    zones = ["Pacific/Kiritimati", "Europe/Amsterdam", "Pacific/Pago_Pago"]
    interests = ["gemeenten", "cloud", "cloud"]  # the first is due nothing
    rows = [f"l{n}@voorbeeld.example,weekly,{interests[n]},{zone}" for n, zone in enumerate(zones)]
    sign_up(portal, *rows)
    tick(portal)
    portal.now = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
    name = tick(portal)[-1].edition
    assert state(portal, name) == "awaiting_approval"
    with portal.open() as app:
        app.transport = lambda connections: mailer
        mailer = Mailer()
        assert send_what_is_handed_out(app) == {}
        app.desk().approve(name)
        send_what_is_handed_out(app)
    assert mailer.sent == ["l1@voorbeeld.example"]
    portal.now = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    assert [report.planned for report in tick(portal)] == [1]
    assert state(portal, name) == "awaiting_approval"


def test_what_is_paused_stays_so_when_the_next_wave_comes(portal) -> None:
    portal.now = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
    collect(portal, "De cloud")
    sign_up(
        portal,
        "a@voorbeeld.example,weekly,cloud,Pacific/Kiritimati",
        "b@voorbeeld.example,weekly,cloud,Europe/Amsterdam",
    )
    tick(portal)
    portal.wait(hours=13)
    (report,) = tick(portal)
    with portal.open() as app:
        app.desk().pause(report.edition)
        app.enroller().unsubscribe(reader(portal, "a@voorbeeld.example").id, "link")
    portal.wait(hours=13)
    assert [one.planned for one in tick(portal)] == [1]
    assert state(portal, report.edition) == "paused"


def test_what_a_dead_worker_left_in_a_cancelled_edition_keeps_nobody_from_the_next(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,Europe/Amsterdam")
    name = plan(portal).edition
    with portal.open() as app, app.store.write() as work:
        wanted = Wanted(work.editions.get(name).id)
        work.outbox.claim(wanted, "somebody who died", 10, portal.now)
    with portal.open() as app:
        app.desk().cancel(name)
        jobs.plan(app)
        assert app.desk().account(name).uncertain == ["c@voorbeeld.example"]
        portal.wait(hours=13)
        jobs.recover(app)
    portal.wait(days=7)
    collect(portal, "De cloud twee")
    assert plan(portal).planned == 1


def test_a_long_outage_of_the_mail_server_is_not_held_against_the_readers(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    name = plan(portal).edition

    def down(recipient: str) -> Outcome:
        raise TransportUnavailable("the mail server is down")

    with pytest.raises(TransportUnavailable):
        send(portal, name, Mailer(down))
    portal.wait(hours=26)
    assert send(portal, name, Mailer(lambda _: Deferred("451 greylisted"))) == {"deferred": 1}
    portal.wait(hours=1)
    assert send(portal, name, Mailer()) == {"accepted": 1}


def test_who_chooses_other_themes_between_plan_and_send_gets_those_and_misses_none(portal) -> None:
    collect(portal, "De cloud", "De gemeente")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,")
    name = plan(portal).edition
    with portal.open() as app:
        app.enroller().edit("c@voorbeeld.example", {"interests": "gemeenten"})
    mailer = Mailer()
    assert send(portal, name, mailer) == {}
    with portal.open() as app:
        assert app.desk().account(name).cancelled == {"changed": 1}
    again = plan(portal)
    with portal.open() as app, app.store.read() as work:
        ((segment, _, _),) = work.deliveries.segments(work.editions.get(again.edition).id)
        _, (item,) = work.deliveries.segment(segment)
        assert work.articles.get([item.article])[item.article].title == "De gemeente"


def test_a_crash_between_tick_and_plan_costs_no_immediate_edition(portal, monkeypatch) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\nquiet = "1m"\n')
    sign_up(portal, "c@voorbeeld.example,immediate,cloud,")
    collect(portal, "De cloud")
    portal.wait(minutes=5)

    def fall_over(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr("pipeline.steps.plan.Planner._wave", fall_over)
        with pytest.raises(MemoryError):
            tick(portal)
    assert [report.planned for report in tick(portal)] == [1]


def test_a_mail_that_comes_back_for_now_is_dropped_with_its_cancelled_edition(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,", "d@voorbeeld.example,weekly,cloud,")
    name = plan(portal).edition

    def answer(recipient: str) -> Outcome:
        with portal.open() as app:
            if app.desk().account(name).state != "cancelled":
                app.desk().cancel(name)
        return Deferred("451 later")

    send(portal, name, Mailer(answer))
    with portal.open() as app:
        account = app.desk().account(name)
    assert (account.state, account.deliveries) == ("cancelled", {"cancelled": 2})


def test_a_stop_in_the_middle_of_a_batch_gives_the_rest_back(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, *[f"l{number}@voorbeeld.example,weekly,cloud," for number in range(5)])
    name = plan(portal).edition
    mailer = Mailer()
    with portal.open() as app:
        app.transport = lambda connections: mailer
        jobs.send(app, app.desk().ready(name), stopping=lambda: len(mailer.sent) >= 2)
        assert app.desk().account(name).deliveries == {"accepted": 2, "planned": 3}


def test_a_prepared_edition_is_frozen_for_everybody_and_leaves_at_everybodys_own_hour(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', PREPARED))
    portal.now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)  # Friday; Monday is the day
    collect(portal, "De cloud")
    zones = ["Pacific/Kiritimati", "Europe/Amsterdam", "Pacific/Pago_Pago"]
    sign_up(
        portal, *[f"l{number}@voorbeeld.example,weekly,cloud,{zone}" for number, zone in enumerate(zones)]
    )
    tick(portal)
    portal.now = datetime(2026, 11, 28, 17, 59, tzinfo=UTC)
    assert tick(portal) == []
    portal.wait(minutes=1)  # a day before eight o'clock on Kiritimati
    (report,) = tick(portal)
    assert (report.candidates, report.planned) == (3, 3)
    assert tick(portal) == []
    assert state(portal, report.edition) == "awaiting_approval"

    collect(portal, "De cloud twee")
    sign_up(portal, "laat@voorbeeld.example,weekly,cloud,Europe/Amsterdam")
    with portal.open() as app:
        app.desk().approve(report.edition)
    mailer = Mailer()
    left = []
    for _ in range(50):
        portal.wait(hours=1)
        assert tick(portal) == []
        with portal.open() as app:
            app.transport = lambda connections: mailer
            send_what_is_handed_out(app)
        left += [(portal.now, mailer.sent.pop()) for _ in mailer.sent]
    assert left == [
        (datetime(2026, 11, 29, 18, 0, tzinfo=UTC), "l0@voorbeeld.example"),
        (datetime(2026, 11, 30, 7, 0, tzinfo=UTC), "l1@voorbeeld.example"),
        (datetime(2026, 11, 30, 19, 0, tzinfo=UTC), "l2@voorbeeld.example"),
    ]
    assert {row.cutoff for row in deliveries(portal)} == {1}
    assert state(portal, report.edition) == "done"


def test_a_prepared_edition_with_news_for_some_zones_alone_waits_for_approval(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', PREPARED))
    portal.now = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    collect(portal, "De cloud")
    sign_up(
        portal,
        "a@voorbeeld.example,weekly,gemeenten,Pacific/Kiritimati",
        "b@voorbeeld.example,weekly,cloud,Europe/Amsterdam",
        "c@voorbeeld.example,weekly,gemeenten,Pacific/Pago_Pago",
    )
    tick(portal)
    portal.wait(days=2)
    (report,) = tick(portal)
    assert (report.planned, report.nothing_due) == (1, 2)
    assert state(portal, report.edition) == "awaiting_approval"


def test_a_missed_slot_is_sent_late(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,Europe/Amsterdam")
    tick(portal)
    portal.now = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)  # Wednesday; nothing ran on Monday
    (report,) = tick(portal)
    assert (str(report.edition), report.planned) == ("weekly/2026-11-30", 1)


def test_a_missed_slot_is_merged_into_the_next_when_that_is_due_too(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "c@voorbeeld.example,weekly,cloud,Europe/Amsterdam")
    tick(portal)
    portal.now = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
    collect(portal, "De cloud twee")
    portal.now = datetime(2026, 12, 7, 9, 0, tzinfo=UTC)
    (report,) = tick(portal)
    assert (str(report.edition), report.planned) == ("weekly/2026-12-07", 1)
    with portal.open() as app, app.store.read() as work:
        ((segment, _, _),) = work.deliveries.segments(work.editions.get(report.edition).id)
        assert len(work.deliveries.segment(segment)[1]) == 2


def test_who_needs_smtputf8_is_skipped_while_the_mail_server_lacks_it(portal) -> None:
    collect(portal, "De cloud")
    sign_up(portal, "josé@voorbeeld.example,weekly,cloud,", "c@voorbeeld.example,weekly,cloud,")
    with portal.open() as app, app.store.write() as work:
        work.register.set_fact("smtp.smtputf8", "no")
    report = plan(portal)
    assert (report.planned, report.skipped) == (1, {"smtputf8": 1})
    assert reader(portal, "josé@voorbeeld.example").subscriber.cursor == 0
    with portal.open() as app, app.store.write() as work:
        work.register.set_fact("smtp.smtputf8", "yes")
    send(portal, report.edition, Mailer())
    portal.wait(days=7)
    assert plan(portal).planned == 1


def test_a_reader_far_behind_gets_what_everybody_else_had_long_ago(portal, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.steps.window._REACH", 1)
    collect(portal, "De cloud", "De cloud twee", "De gemeente", "De cloud drie")
    sign_up(portal, *[f"l{number}@voorbeeld.example,weekly,cloud," for number in range(4)])
    with portal.open() as app, app.store.write() as work:
        for number in range(4):
            who = work.subscribers.by_email(f"l{number}@voorbeeld.example")
            work.subscribers.begin(who.id, number, portal.now)
    report = plan(portal)
    with portal.open() as app, app.store.read() as work:
        segments = work.deliveries.segments(work.editions.get(report.edition).id)
        lengths = sorted(len(work.deliveries.segment(segment)[1]) for segment, _, _ in segments)
    assert (report.planned, report.segments, lengths) == (3, 3, [1, 2, 3])


def test_who_got_an_article_as_an_update_does_not_get_it_as_new_once_it_is_announced(portal) -> None:
    portal.write("oud", "De cloud", "Tekst.", date=portal.now - timedelta(days=30))
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
    sign_up(portal, "u@voorbeeld.example,weekly,cloud,")
    with portal.open() as app, app.store.write() as work:
        work.log.append(1, Kind.UPDATED, {"cloud"}, portal.now)
    assert send(portal, plan(portal).edition, Mailer()) == {"accepted": 1}
    with portal.open() as app:
        app.enroller().edit("u@voorbeeld.example", {"interests": "gemeenten"})
        with app.store.write() as work:
            work.log.append(1, Kind.NEW, {"overheid"}, portal.now)
            work.log.append(1, Kind.NEW, {"gemeenten", "overheid"}, portal.now)
    later = plan(portal)
    assert (later.planned, later.nothing_due) == (0, 1)
