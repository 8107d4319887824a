"""Editions: who gets what in which, each once, and nobody two at a time."""

from datetime import timedelta

import pytest
from editions import collect, deliveries, plan, reader, send, sign_up, tick, with_approval
from handed_out import handed_out
from mailer import Mailer

from feeds.log import Kind
from pipeline import jobs
from subscribers.delivery import (
    Deferred,
    Uncertain,
)
from subscribers.frequency import Frequency
from subscribers.subscriber import State

pytestmark = pytest.mark.each_database


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
