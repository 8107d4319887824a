"""When editions are planned and go out: hours and zones, slots missed, quiet, approval."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from editions import collect, deliveries, plan, reader, send, sign_up, tick, with_approval
from handed_out import send_what_is_handed_out
from mailer import Mailer

from pipeline import jobs
from pipeline.steps.plan import PlanReport
from subscribers.edition import EditionName

pytestmark = pytest.mark.each_database

PREPARED = 'frequency = "weekly"\napproval = true\nprepare = "1d"'


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
