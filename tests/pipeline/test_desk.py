"""What an administrator decides about an edition, by command: in odd orders, and while things go wrong."""

import json
from datetime import timedelta

import pytest
from scripted import HANG_UP, serving

from pipeline import jobs
from subscribers.delivery import Wanted
from subscribers.edition import EditionName


def ready(portal, *emails: str) -> None:
    portal.write("a", "De cloud")
    assert portal.run("collect").exit_code == 0
    options = ("--interests", "cloud", "--confirmed", "--consent-note", "op papier")
    for email in emails or ("l1@voorbeeld.example",):
        assert portal.run("subscribers", "add", email, *options).exit_code == 0


def planned(portal) -> str:
    return str(json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"])


def test_what_can_t_be_done_with_an_edition_is_named_with_what_can(portal) -> None:
    ready(portal)
    edition = planned(portal)

    def refused(*command: str) -> str:
        result = portal.run("digest", *command, edition)
        assert result.exit_code == 1
        return result.stderr

    assert f"can't be approved: it is planned; 'kennisportal digest send {edition}'" in refused("approve")
    assert "can't be resumed: it is planned" in refused("resume")
    portal.run("digest", "hold", edition)
    assert f"can't be paused: it awaits approval: 'kennisportal digest approve {edition}'" in refused("pause")
    assert "can't be sent: it awaits approval" in refused("send", "--yes")
    portal.run("digest", "approve", edition)
    portal.run("digest", "pause", edition)
    assert f"can't be held: it is paused: 'kennisportal digest resume {edition}'" in refused("hold")
    portal.run("digest", "resume", edition)
    portal.run("digest", "send", edition, "--yes")
    assert f"can't be paused: it is done; 'kennisportal digest report {edition}'" in refused("pause")
    assert portal.run("digest", "send", edition, "--yes").exit_code == 0


def test_an_edition_of_which_some_was_sent_can_t_be_held_after_a_pause_either(portal) -> None:
    ready(portal, "l1@voorbeeld.example", "l2@voorbeeld.example")
    edition = planned(portal)
    portal.run("digest", "send", edition, "--yes", "--limit", "1")
    portal.run("digest", "pause", edition)
    portal.run("digest", "resume", edition)
    held = portal.run("digest", "hold", edition)
    assert (held.exit_code, "it is being sent" in held.stderr) == (1, True)


def test_of_a_test_mail_that_got_no_answer_is_said_that_nobody_knows(portal) -> None:
    ready(portal)
    with serving({".": HANG_UP}) as server:
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{server.port}"))
        result = portal.run("digest", "test", "weekly", "--to", "redactie@portaal.example")
    assert result.exit_code == 1
    assert "redactie@portaal.example: nobody knows whether it arrived" in result.stderr


def test_what_is_in_flight_is_said_to_be_in_a_senders_hand_or_left_by_one(portal) -> None:
    ready(portal)
    edition = planned(portal)
    with portal.open() as app, app.store.write() as work:
        row = work.editions.get(EditionName.parse(edition))
        work.outbox.claim(Wanted(row.id), "somebody", 1, portal.now)
    said = portal.run("digest", "status", edition).stdout
    assert "1 in_flight" in said
    assert f"had when it ended: kennisportal digest send {edition}" in said


def hand_in(portal, edition: str, worker: str) -> None:
    """One delivery of the edition in this worker's hands."""
    with portal.open() as app, app.store.write() as work:
        work.outbox.claim(Wanted(work.editions.get(EditionName.parse(edition)).id), worker, 1, portal.now)


def settle(portal, edition: str, how: str) -> int:
    result = portal.run("digest", "settle", edition, "--as", how, "--yes", "--json")
    assert result.exit_code == 0, result.stderr
    return int(json.loads(result.stdout)["settled"])


def counts(portal, edition: str) -> dict[str, int]:
    return json.loads(portal.run("digest", "status", edition, "--json").stdout)["deliveries"]


@pytest.mark.each_database
@pytest.mark.parametrize("how, becomes", [("accepted", "accepted"), ("resend", "planned")])
def test_what_a_dead_sender_had_in_hand_is_settled_right_after_it_died(
    portal, how: str, becomes: str
) -> None:
    ready(portal)
    edition = planned(portal)
    hand_in(portal, edition, "0" * 32)
    assert settle(portal, edition, how) == 1
    assert counts(portal, edition) == {becomes: 1}


@pytest.mark.each_database
def test_what_is_to_be_sent_again_of_a_cancelled_edition_comes_with_the_next_one(portal) -> None:
    ready(portal)
    edition = planned(portal)
    hand_in(portal, edition, "0" * 32)
    assert portal.run("digest", "cancel", edition, "--yes").exit_code == 0
    said = portal.run("digest", "settle", edition, "--as", "resend", "--yes").stdout
    assert "stays cancelled" in said
    assert "digest send" not in said
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert (status["state"], status["cancelled"]) == ("cancelled", {"cancelled": 1})
    assert planned(portal) == f"{edition}.2"
    assert counts(portal, f"{edition}.2") == {"planned": 1}


def over_the_world(portal) -> str:
    """Two readers of the daily digest, of whom the eastern one's hour has come; gives the edition."""
    ready(portal, "west@voorbeeld.example", "oost@voorbeeld.example")
    portal.run("subscribers", "edit", "oost@voorbeeld.example", "--timezone", "Pacific/Kiritimati")
    for email in ("west@voorbeeld.example", "oost@voorbeeld.example"):
        assert portal.run("subscribers", "edit", email, "--frequency", "daily").exit_code == 0
    tick(portal)
    portal.wait(hours=10)
    assert tick(portal) == ["daily/2026-11-25"]
    return "daily/2026-11-25"


def tick(portal) -> list[str]:
    with portal.open() as app:
        reports = jobs.plan(app)
        jobs.hand_out(app)
        return [str(report.edition) for report in reports]


def state(portal, edition: str) -> str:
    return str(json.loads(portal.run("digest", "status", edition, "--json").stdout)["state"])


@pytest.mark.each_database
def test_an_edition_that_is_held_stays_held_also_while_nothing_of_it_waits(portal) -> None:
    edition = over_the_world(portal)
    portal.run("digest", "hold", edition)
    portal.run("subscribers", "edit", "oost@voorbeeld.example", "--frequency", "weekly")
    assert planned(portal)
    tick(portal)
    assert (state(portal, edition), counts(portal, edition)) == ("done", {"cancelled": 1})
    portal.wait(hours=14)
    assert tick(portal) == [edition]
    assert state(portal, edition) == "awaiting_approval"
    assert portal.run("digest", "approve", edition).exit_code == 0
    assert portal.run("digest", "send", edition, "--yes").exit_code == 0
    assert counts(portal, edition) == {"cancelled": 1, "accepted": 1}


@pytest.mark.each_database
def test_to_cancel_an_edition_made_by_hand_leaves_the_slot_to_the_one_before_it(portal) -> None:
    edition = over_the_world(portal)
    assert portal.run("digest", "send", edition, "--yes").exit_code == 0
    second = f"{edition}.2"
    assert second in portal.run("digest", "plan", "daily", "--at", "2026-11-25").stdout
    assert portal.run("digest", "cancel", second, "--yes").exit_code == 0
    portal.wait(hours=14)
    assert tick(portal) == [edition]
    assert counts(portal, edition) == {"accepted": 1, "planned": 1}


@pytest.mark.each_database
def test_to_cancel_every_edition_of_a_slot_stops_it_everywhere(portal) -> None:
    edition = over_the_world(portal)
    for name in (edition, f"{edition}.2"):
        portal.run("digest", "plan", "daily", "--at", "2026-11-25")
        assert portal.run("digest", "cancel", name, "--yes").exit_code == 0
    portal.wait(hours=14)
    assert tick(portal) == []


@pytest.mark.each_database
def test_what_a_living_sender_has_in_hand_is_not_for_others_to_settle(portal) -> None:
    ready(portal)
    edition = planned(portal)
    with portal.open() as app, app.deliverer() as deliverer:
        hand_in(portal, edition, deliverer.claims.worker)
        assert settle(portal, edition, "resend") == 0
        assert counts(portal, edition) == {"in_flight": 1}


@pytest.mark.each_database
def test_what_has_been_uncertain_for_long_is_sent_again_when_that_is_said_before_the_rule_is_applied(
    portal,
) -> None:
    ready(portal)
    edition = planned(portal)
    hand_in(portal, edition, "0" * 32)
    with portal.open() as app, app.store.write() as work:
        assert work.outbox.abandon("0" * 32, portal.now) == 1
    portal.now += timedelta(days=2)
    assert settle(portal, edition, "resend") == 1
    assert counts(portal, edition) == {"planned": 1}
