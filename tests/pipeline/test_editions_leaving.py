"""An edition while it leaves: what is looked at to the last, and what becomes of what did not arrive."""

import pytest
from editions import collect, deliveries, plan, reader, send, sign_up, tick
from handed_out import handed_out
from mailer import Mailer

from pipeline import jobs
from pipeline.ports import EditionWork
from pipeline.steps import letters
from pipeline.steps.letters import Letters
from pipeline.store import planning
from subscribers.delivery import (
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    TransportUnavailable,
    Uncertain,
    Wanted,
)
from subscribers.frequency import Frequency
from subscribers.message import Template

pytestmark = pytest.mark.each_database


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
