"""What an administrator can say to whoever calls and asks where their digest is."""

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest
from scripted import HANG_UP
from scripted import serving as mail_server

from pipeline import jobs
from pipeline.ports import SMTPUTF8_FACT
from subscribers.frequency import Frequency
from subscribers.signup import Wish

pytestmark = pytest.mark.each_database

EMAIL = "lezer1@voorbeeld.example"


def joined(portal, language: str = "nl") -> None:
    portal.write("wolk", "De cloud", "Tekst.")
    portal.run("collect")
    row = ("--interests", "cloud", "--language", language, "--confirmed", "--consent-note", "op papier")
    assert portal.run("subscribers", "add", EMAIL, *row).exit_code == 0


def sent(portal) -> None:
    portal.run("digest", "send", "weekly", "--yes")


def told(portal) -> str:
    return json.loads(portal.run("subscribers", "show", EMAIL, "--json").stdout)["spoken"]


def test_who_is_about_to_get_their_first_hears_when(portal) -> None:
    joined(portal)
    assert told(portal) == (
        "U hebt nog geen overzicht gehad. Er is één nieuw artikel voor u; dat komt op 30 november 2026."
    )


def test_who_is_due_too_little_for_a_mail_hears_no_day_on_which_it_comes(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text.replace('frequency = "weekly"', 'frequency = "weekly"\nmin_articles = 2'))
    joined(portal)
    assert told(portal).endswith("Er is één nieuw artikel voor u; dat komt met het volgende overzicht.")
    portal.write("meer", "Nog een cloud", "Tekst.")
    portal.run("collect", "--force")
    assert told(portal).endswith("die komen op 30 november 2026.")


def test_who_got_todays_by_hand_before_their_own_hour_is_promised_what_is_new_for_tomorrow(portal) -> None:
    joined(portal)
    edited = portal.run("subscribers", "edit", EMAIL, "--frequency", "daily", "--timezone", "America/Curacao")
    assert edited.exit_code == 0
    assert portal.run("digest", "send", "daily", "--yes").exit_code == 0
    portal.write("meer", "Nog een cloud", "Tekst.")
    portal.run("collect", "--force")
    assert "daily edition of 2026-11-25T13:00" in portal.run("explain", EMAIL).stdout


def test_who_wants_everything_at_once_is_promised_it_with_more_once_all_there_is_was_planned(portal) -> None:
    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\n')
    joined(portal)
    assert portal.run("subscribers", "edit", EMAIL, "--frequency", "immediate").exit_code == 0
    assert "as soon as the log has been quiet" in portal.run("explain", EMAIL).stdout
    assert portal.run("subscribers", "edit", EMAIL, "--frequency", "weekly").exit_code == 0
    portal.wait(hours=1)
    with portal.open() as app:
        jobs.plan(app)
    assert portal.run("subscribers", "edit", EMAIL, "--frequency", "immediate").exit_code == 0
    assert "edition, with the next article that appears." in portal.run("explain", EMAIL).stdout


def test_who_got_one_hears_that_their_server_took_it_and_the_administrator_with_which_words(portal) -> None:
    with mail_server({".": b"250 2.0.0 queued as 4D8hJ7"}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        portal.config.write_text(portal.config.read_text().replace("maildir://mail", url))
        joined(portal)
        sent(portal)
    assert told(portal) == (
        "Uw mailserver heeft uw laatste overzicht op 24 november 2026 aangenomen. "
        "Er is op dit moment niets nieuws over uw thema’s."
    )
    shown = portal.run("subscribers", "show", EMAIL).stdout
    assert "weekly/2026-11-23: accepted 2.0.0 queued as 4D8hJ7" in shown.replace("accepted 250 ", "accepted ")
    assert "next: 2026-11-30 08:00" in shown


def test_a_mail_that_was_in_doubt_was_got_when_it_left_and_with_what_was_in_it_then(portal) -> None:
    with mail_server({".": HANG_UP}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        portal.config.write_text(portal.config.read_text().replace("maildir://mail", url))
        joined(portal)
        sent(portal)
    portal.wait(hours=20)
    assert portal.run("articles", "withdraw", "1", "--yes").exit_code == 0
    settled = portal.run("digest", "settle", "weekly/2026-11-23", "--as", "accepted", "--yes")
    assert settled.exit_code == 0, settled.output
    assert f"{EMAIL} got this on 24 November 2026 in weekly/2026-11-23, as new" in (
        portal.run("explain", EMAIL, "1").stdout
    )


def test_it_is_said_in_the_readers_language(portal) -> None:
    joined(portal, "en")
    assert told(portal).startswith("You have had no digest yet. There is one new article for you")


@pytest.mark.parametrize(
    "do, says",
    [
        (lambda enroller: enroller.unsubscribe(1, "test"), "U hebt zich afgemeld, dus er komt niets meer."),
        (
            lambda enroller: enroller.suppress(EMAIL, "complaint"),
            "als ongewenst gemeld; daarom zijn wij gestopt.",
        ),
        (
            lambda enroller: enroller.suppress(EMAIL, "bounced"),
            "heeft ons twee keer gemeld dat uw adres niet bestaat",
        ),
        (lambda enroller: enroller.suppress(EMAIL, "op verzoek"), "op de lijst van adressen die geen e-mail"),
    ],
)
def test_who_gets_nothing_any_more_hears_why(portal, do, says: str) -> None:
    joined(portal)
    with portal.open() as app:
        do(app.enroller())
    assert says in told(portal)


def test_who_paused_hears_until_when(portal) -> None:
    joined(portal)
    with portal.open() as app, app.store.write() as work:
        work.subscribers.pause(1, portal.now + timedelta(days=10))
    assert "U hebt een pauze tot 4 december 2026; wat u mist, komt daarna." in told(portal)


def test_whose_pause_is_over_hears_what_comes_though_nothing_was_planned_since(portal) -> None:
    joined(portal)
    with portal.open() as app, app.store.write() as work:
        work.subscribers.pause(1, portal.now + timedelta(days=1))
    assert "being paused" in portal.run("explain", EMAIL).stdout
    portal.wait(days=2)
    assert "Er is één nieuw artikel voor u; dat komt op 30 november 2026." in told(portal)
    assert "is due one article, in the weekly edition" in portal.run("explain", EMAIL).stdout
    assert "is to get this as new in the weekly edition" in portal.run("explain", EMAIL, "1").stdout


def test_who_rests_hears_that_mail_came_back(portal) -> None:
    with mail_server({"RCPT": b"550 5.1.1 no such user"}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        portal.config.write_text(portal.config.read_text().replace("maildir://mail", url))
        joined(portal)
        sent(portal)
    assert "Onze e-mail aan u kwam terug" in told(portal)
    assert "550 5.1.1 no such user" in portal.run("subscribers", "show", EMAIL).stdout


def test_whose_server_asks_for_patience_hears_so(portal) -> None:
    with mail_server({"RCPT": b"450 4.2.0 come back later"}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        portal.config.write_text(portal.config.read_text().replace("maildir://mail", url))
        joined(portal)
        sent(portal)
    assert "uw mailserver heeft gevraagd het later nog eens te proberen" in told(portal)


def test_whose_address_no_mail_server_takes_is_promised_nothing_just_as_planning_has_it(portal) -> None:
    josé = "josé@voorbeeld.example"
    joined(portal)
    row = ("--interests", "cloud", "--confirmed", "--consent-note", "op papier")
    assert portal.run("subscribers", "add", josé, *row).exit_code == 0

    def says(*command: str) -> str:
        return portal.run(*command).stdout.partition("\n")[0]

    assert "is due one article, in the weekly edition" in says("explain", josé)
    with portal.open() as app, app.store.write() as work:
        work.register.set_fact(SMTPUTF8_FACT, "no")
    why = "no mail server of ours takes an address beyond ASCII (SMTPUTF8)"
    assert says("explain", josé) == f"{josé} has had no digest yet, and gets none now, since {why}."
    assert says("explain", josé, "1") == f"{josé} did not get this, because {why}: “De cloud”."
    assert says("subscribers", "show", josé) == (
        "U hebt nog geen overzicht gehad. Onze mailserver kan niets sturen naar een adres met letters als in "
        "het uwe. U krijgt wat u hebt gemist zodra dat wel kan, of op een ander adres."
    )
    assert "is due one article, in the weekly edition" in says("explain", EMAIL)
    planned = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)
    assert (planned["planned"], planned["skipped"]) == (1, {"smtputf8": 1})


def test_who_never_confirmed_hears_that(portal) -> None:
    with portal.open() as app:
        wish = Wish(EMAIL, ("cloud",), Frequency.WEEKLY, "nl")
        app.signing_up().ask(wish, text="Ja.", source="test", network="n")
    result = portal.run(
        "subscribers", "show", EMAIL.upper().replace("VOORBEELD.EXAMPLE", "voorbeeld.example")
    )
    assert result.exit_code == 1
    assert "is no subscriber" in result.stderr
    assert "U hebt zich op 24 november 2026 aangemeld en dat nog niet bevestigd" in result.stderr


def test_who_is_unknown_is_said_to_be(portal) -> None:
    result = portal.run("subscribers", "show", "niemand@voorbeeld.example")
    assert result.exit_code == 1
    assert "is no subscriber" in result.stderr
    assert "confirmed" not in result.stderr


# Sending it once more.


def resend(portal, *more: str):
    return portal.run("digest", "resend", "weekly/2026-11-23", "--to", EMAIL, *more)


def test_a_digest_is_sent_once_more_as_another_message_and_that_is_recorded(portal) -> None:
    joined(portal)
    sent(portal)
    before = json.loads(portal.run("subscribers", "show", EMAIL, "--json").stdout)["cursor"]
    result = resend(portal, "--yes", "--as", "balie")
    assert result.exit_code == 0, result.output
    first, again = (message_from_bytes(mail) for mail in portal.mails())
    assert first["Message-ID"] != again["Message-ID"]
    for name in ("From", "To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"):
        assert first[name] == again[name]
    assert first.get_payload()[0].get_payload() == again.get_payload()[0].get_payload()
    assert json.loads(portal.run("subscribers", "show", EMAIL, "--json").stdout)["cursor"] == before
    (entry,) = [
        one for one in json.loads(portal.run("audit", "--json").stdout) if one["action"] == "digest resend"
    ]
    assert entry["who"] == "balie"
    assert entry["what"].startswith("weekly/2026-11-23 to subscriber 1: ")


def test_it_asks_first(portal) -> None:
    joined(portal)
    sent(portal)
    assert resend(portal).exit_code != 0
    assert len(portal.mails()) == 1


def test_nothing_is_sent_again_to_who_left_or_is_still_to_get_it(portal) -> None:
    joined(portal)
    portal.run("digest", "plan", "weekly")
    waiting = resend(portal, "--yes")
    assert waiting.exit_code == 1
    assert "is planned, so it may still come" in waiting.stderr
    sent(portal)
    with portal.open() as app:
        app.enroller().unsubscribe(1, "test")
    left = resend(portal, "--yes")
    assert left.exit_code == 1
    assert "is unsubscribed and gets no mail" in left.stderr
    assert len(portal.mails()) == 1


def test_a_mail_that_was_cancelled_is_not_sent_again_as_its_articles_come_with_the_next_edition(
    portal,
) -> None:
    joined(portal)
    portal.run("digest", "plan", "weekly")
    portal.run("digest", "cancel", "weekly/2026-11-23", "--yes")
    cancelled = resend(portal, "--yes")
    assert cancelled.exit_code == 1
    assert "was cancelled before it left; what it held comes with their next one" in cancelled.stderr
    sent(portal)
    assert len(portal.mails()) == 1
    assert resend(portal, "--yes").exit_code == 0, "now they had it all, and nothing of it is still to come"


def test_who_had_no_mail_in_an_edition_cannot_have_it_again(portal) -> None:
    joined(portal)
    sent(portal)
    portal.run("subscribers", "add", "nieuw@voorbeeld.example", "--interests", "cloud")
    for edition, email in (("weekly/2026-11-23", "nieuw@voorbeeld.example"), ("weekly/2026-11-16", EMAIL)):
        result = portal.run("digest", "resend", edition, "--to", email, "--yes")
        assert result.exit_code == 1
        assert edition in result.stderr


def test_what_is_too_little_beside_a_mail_that_waits_is_not_promised_for_a_day(portal) -> None:
    schedule = 'frequency = "weekly"\nmin_articles = 2\napproval = true\nprepare = "2d"'
    portal.config.write_text(portal.config.read_text().replace('frequency = "weekly"', schedule))
    joined(portal)
    portal.write("meer", "Nog een cloud", "Tekst.")
    portal.run("collect", "--force")
    portal.now = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
    with portal.open() as app:
        assert [report.planned for report in jobs.plan(app)] == [1]
    portal.write("later", "Weer een cloud", "Tekst.")
    portal.run("collect", "--force")
    assert "has this in weekly/2026-11-30" in portal.run("explain", EMAIL, "1").stdout
    late = portal.run("explain", EMAIL, "3").stdout
    assert "as new in the weekly edition that comes once there are 2 articles for them" in late


def test_who_is_in_an_edition_that_was_prepared_is_promised_for_its_day_what_is_in_it(portal) -> None:
    schedule = 'frequency = "weekly"\napproval = true\nprepare = "2d"'
    portal.config.write_text(portal.config.read_text().replace('frequency = "weekly"', schedule))
    joined(portal)
    portal.now = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
    with portal.open() as app:
        assert [report.planned for report in jobs.plan(app)] == [1]
    portal.write("later", "Weer een cloud", "Tekst.")
    portal.run("collect", "--force")
    assert told(portal).endswith("Er is één nieuw artikel voor u; dat komt op 30 november 2026.")
    portal.run("digest", "approve", "weekly/2026-11-30")
    assert portal.run("digest", "send", "weekly/2026-11-30", "--yes").exit_code == 0
    assert told(portal).endswith("Er is één nieuw artikel voor u; dat komt op 7 december 2026.")


@pytest.mark.parametrize("first", ["digest plan weekly", "articles withdraw 1 --yes"])
def test_what_was_withdrawn_when_their_digest_left_and_came_back_is_said_to_have_been(portal, first) -> None:
    joined(portal)
    portal.write("meer", "Nog een cloud", "Tekst.")
    portal.run("collect", "--force")
    portal.run(*first.split())
    portal.run("articles", "withdraw", "1", "--yes")
    sent(portal)
    portal.wait(hours=1)
    assert portal.run("articles", "restore", "1").exit_code == 0
    assert "got this" in portal.run("explain", EMAIL, "2").stdout
    for _ in range(2):
        said = portal.run("explain", EMAIL, "1").stdout
        assert "did not get this, because it was withdrawn when their " in said
        assert ", and what comes back is not mailed: “De cloud”." in said
        portal.wait(days=7)
        sent(portal)
    portal.wait(days=60)
    row = ("--interests", "cloud", "--confirmed", "--consent-note", "op papier")
    assert portal.run("subscribers", "add", "later@voorbeeld.example", *row).exit_code == 0
    late = portal.run("explain", "later@voorbeeld.example", "1").stdout
    assert "before the point from which they are served" in late
