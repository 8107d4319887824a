"""What comes back by mail, from the command line: kept as it came, once, and acted on."""

import json
import mailbox
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from click.testing import CliRunner
from scripted import serving as mail_server
from sqlmodel import select

from pipeline.cli import cli
from pipeline.store.tables import DeliveryRow, FeedbackRow
from subscribers.provider import REFUSALS
from subscribers.token import BOUNCE, UNSUBSCRIBE

pytestmark = pytest.mark.each_database


def ready(portal, number: int) -> None:
    portal.write("c", "De cloud", "Tekst.")
    portal.run("collect")
    rows = [f"r{one}@streng.example,weekly,cloud" for one in range(number)]
    roster = portal.root / "lezers.csv"
    roster.write_text("\n".join(["email,frequency,interests", *rows]))
    portal.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "op papier")
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0


def refusals(portal, status: str = "5.7.1") -> list[bytes]:
    """A report from the relay on every delivery there is."""
    with portal.open() as app, app.store.read() as work:
        ids = work.session.exec(select(DeliveryRow.id)).all()
        addresses = [app.tokens.address(BOUNCE, id, "terug.portaal.example") for id in ids]
    return [
        (
            f"To: {address}\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
            f"Final-Recipient: rfc822; x@streng.example\r\nAction: failed\r\nStatus: {status}\r\n\r\n"
            "--b--\r\n"
        ).encode()
        for address in addresses
    ]


def maildir(place: Path, messages: list[bytes]) -> Path:
    box = mailbox.Maildir(place)
    for message in messages:
        box.add(message_from_bytes(message))
    box.close()
    return place


def mbox(place: Path, messages: list[bytes]) -> Path:
    box = mailbox.mbox(place)
    for message in messages:
        box.add(message_from_bytes(message))
    box.close()
    return place


@pytest.mark.parametrize("kind", [maildir, mbox])
def test_a_run_of_policy_reports_from_the_relay_pauses_the_provider(portal, tmp_path: Path, kind) -> None:
    ready(portal, REFUSALS + 3)
    place = kind(tmp_path / "terug", refusals(portal))
    result = portal.run("bounces", "ingest", str(place), "--json")
    found = json.loads(result.stdout)
    assert found["taken"] == {"policy": REFUSALS + 3}
    assert "5.7.1" in found["paused"]["streng.example"]
    assert "domains resume streng.example" in result.stderr
    assert "streng.example is paused" in portal.run("status").stdout
    again = json.loads(portal.run("bounces", "ingest", str(place), "--json").stdout)
    assert (again["taken"], again["repeated"], again["paused"]) == ({}, REFUSALS + 3, {})
    portal.run("domains", "resume", "streng.example")
    assert json.loads(portal.run("domains", "list", "--closed", "--json").stdout) == []


def test_a_few_reports_or_reports_of_something_else_pause_nobody(portal, tmp_path: Path) -> None:
    ready(portal, REFUSALS + 3)
    few = maildir(tmp_path / "few", refusals(portal)[: REFUSALS - 1])
    others = maildir(tmp_path / "others", refusals(portal, "5.1.1"))
    assert json.loads(portal.run("bounces", "ingest", str(few), "--json").stdout)["paused"] == {}
    found = json.loads(portal.run("bounces", "ingest", str(others), "--json").stdout)
    assert (found["taken"], found["paused"]) == ({"hard": REFUSALS + 3}, {})


def test_the_original_is_kept_as_it_came(portal, tmp_path: Path) -> None:
    ready(portal, 1)
    (report,) = refusals(portal)
    place = maildir(tmp_path / "terug", [report])
    (file,) = (place / "new").iterdir()
    portal.run("bounces", "ingest", str(place))
    with portal.open() as app, app.store.read() as work:
        row = work.session.exec(select(FeedbackRow)).one()
    assert row.original == file.read_bytes()
    assert (row.kind, row.delivery_id) == ("policy", 1)


def test_who_writes_to_the_address_for_leaving_has_left(portal) -> None:
    ready(portal, 2)
    with portal.open() as app, app.store.read() as work:
        reader = work.subscribers.by_email("r0@streng.example")
        address = app.tokens.address(UNSUBSCRIBE, reader.id, "terug.portaal.example")
    mail = f"From: r0@streng.example\r\nTo: {address}\r\nSubject: unsubscribe\r\n\r\n"
    result = CliRunner().invoke(cli, ["bounces", "ingest", "--config", str(portal.config)], input=mail)
    assert result.exit_code == 0, result.output
    states = [
        json.loads(portal.run("subscribers", "show", f"r{one}@streng.example", "--json").stdout)["state"]
        for one in range(2)
    ]
    assert states == ["unsubscribed", "active"]


def test_a_file_with_one_message_is_read_as_that(portal, tmp_path: Path) -> None:
    ready(portal, 1)
    file = tmp_path / "terug.eml"
    file.write_bytes(refusals(portal)[0])
    assert json.loads(portal.run("bounces", "ingest", str(file), "--json").stdout)["taken"] == {"policy": 1}


def test_a_place_without_messages_is_named(portal, tmp_path: Path) -> None:
    (tmp_path / "leeg").mkdir()
    for place in ("leeg", "weg"):
        result = portal.run("bounces", "ingest", str(tmp_path / place))
        assert (result.exit_code, place in result.stderr) == (1, True)


# What it means for readers.


def shown(portal, email: str) -> str:
    return json.loads(portal.run("subscribers", "show", email, "--json").stdout)["state"]


def edition(portal, name: str) -> dict[str, int]:
    """One more article and its digest, a week later; gives the deliveries by state."""
    portal.wait(days=7, hours=1)
    portal.write(name, f"Meer cloud: {name}", "Tekst.")
    portal.run("collect")
    result = portal.run("digest", "send", "weekly", "--yes", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(portal.run("digest", "list", "--json").stdout)[0]["deliveries"]


def latest(portal, status: str = "5.1.1") -> list[bytes]:
    """A report on every delivery of the last edition."""
    with portal.open() as app, app.store.read() as work:
        newest = work.session.exec(select(DeliveryRow.edition_id)).all()[-1]
        ids = work.session.exec(select(DeliveryRow.id).where(DeliveryRow.edition_id == newest)).all()
    return [report for report in refusals(portal, status) if any(f"+{id}-".encode() in report for id in ids)]


def ingest(portal, tmp_path: Path, messages: list[bytes], name: str) -> dict:
    result = portal.run("bounces", "ingest", str(maildir(tmp_path / name, messages)), "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_one_hard_bounce_rests_a_reader_for_a_week_and_another_suppresses_for_good(
    portal, tmp_path: Path
) -> None:
    ready(portal, 1)
    email = "r0@streng.example"
    first = ingest(portal, tmp_path, latest(portal), "een")
    assert (first["rested"], first["suppressed"]) == (1, 0)
    assert shown(portal, email) == "suspended"
    portal.wait(days=-1)
    assert edition(portal, "rust") == {"skipped": 1}
    assert edition(portal, "weer") == {"accepted": 1}
    second = ingest(portal, tmp_path, latest(portal), "twee")
    assert (second["rested"], second["suppressed"]) == (0, 1)
    assert shown(portal, email) == "suppressed"
    # No import brings them back.
    result = portal.run(
        "subscribers", "import", str(portal.root / "lezers.csv"), "--confirmed", "--consent-note", "nogmaals"
    )
    assert result.exit_code == 1
    assert shown(portal, email) == "suppressed"


def test_the_same_report_twice_and_two_on_one_mail_count_once(portal, tmp_path: Path) -> None:
    ready(portal, 1)
    (report,) = latest(portal)
    assert ingest(portal, tmp_path, [report], "een")["rested"] == 1
    assert ingest(portal, tmp_path, [report], "weer")["repeated"] == 1
    portal.wait(days=8)
    other = report.replace(b"Reporting-MTA: dns; relay", b"Reporting-MTA: dns; ander")
    assert ingest(portal, tmp_path, [other], "anders") | {"taken": 0} == {
        "taken": 0,
        "repeated": 0,
        "paused": {},
        "rested": 0,
        "suppressed": 0,
        "spikes": {},
    }


def test_a_bad_day_of_a_domain_suppresses_nobody_and_can_be_undone(portal, tmp_path: Path) -> None:
    ready(portal, 12)
    assert ingest(portal, tmp_path, latest(portal), "een")["rested"] == 12
    edition(portal, "weer")
    portal.wait(hours=2)
    found = portal.run("bounces", "ingest", str(maildir(tmp_path / "twee", latest(portal))))
    assert "12 readers at streng.example bounced within a day" in found.stderr
    # Also those whose report came before anybody could know.
    assert {shown(portal, f"r{one}@streng.example") for one in range(12)} == {"suspended"}
    refused = portal.run("bounces", "undo", "--domain", "streng.example", "--since", "2026-11-24")
    assert refused.exit_code != 0  # it asks, and there is no terminal
    result = portal.run(
        "bounces", "undo", "--domain", "streng.example", "--since", "2026-11-24", "--yes", "--json"
    )
    undone = json.loads(result.stdout)
    assert undone == {"suppressed": 0, "rested": 12}
    assert {shown(portal, f"r{one}@streng.example") for one in range(12)} == {"active"}
    assert edition(portal, "verder") == {"accepted": 12}
    assert "bounces undo" in portal.run("audit").stdout


def test_undoing_brings_back_who_was_suppressed(portal, tmp_path: Path) -> None:
    ready(portal, 2)
    ingest(portal, tmp_path, latest(portal), "een")
    edition(portal, "weer")
    portal.wait(hours=2)
    assert ingest(portal, tmp_path, latest(portal), "twee")["suppressed"] == 2
    day = f"{portal.now:%Y-%m-%d}"
    result = portal.run("bounces", "undo", "--domain", "Streng.example", "--since", day, "--yes", "--json")
    assert json.loads(result.stdout) == {"suppressed": 2, "rested": 0}
    assert edition(portal, "verder") == {"accepted": 2}


def test_a_pause_outlasts_a_bad_day_of_a_provider(portal, tmp_path: Path) -> None:
    ready(portal, 2)
    ingest(portal, tmp_path, latest(portal), "een")
    edition(portal, "weer")
    until = portal.now + timedelta(days=60)
    with portal.open() as app, app.store.write() as work:
        work.subscribers.pause(work.subscribers.by_email("r1@streng.example").id, until)
    portal.wait(hours=2)
    assert ingest(portal, tmp_path, latest(portal), "twee")["suppressed"] == 2
    day = f"{portal.now:%Y-%m-%d}"
    assert portal.run("bounces", "undo", "--domain", "streng.example", "--since", day, "--yes").exit_code == 0
    assert [shown(portal, f"r{one}@streng.example") for one in range(2)] == ["active", "paused"]


def test_a_pause_is_over_for_who_left_after_it_and_came_back(portal, tmp_path: Path) -> None:
    ready(portal, 1)
    with portal.open() as app:
        with app.store.write() as work:
            work.subscribers.pause(1, portal.now + timedelta(days=60))
        app.enroller().unsubscribe(1, "test")
        app.enroller().confirm("r0@streng.example", "op papier")
    for place in ("een", "twee"):
        edition(portal, place)
        ingest(portal, tmp_path, latest(portal), place)
        portal.wait(days=8)
    assert shown(portal, "r0@streng.example") == "suppressed"
    portal.run("bounces", "undo", "--domain", "streng.example", "--since", "2026-11-24", "--yes")
    assert shown(portal, "r0@streng.example") == "active"


def test_undoing_leaves_alone_who_complained_or_left(portal, tmp_path: Path) -> None:
    ready(portal, 3)
    portal.run("subscribers", "suppress", "r0@streng.example", "--reason", "complaint")
    ingest(portal, tmp_path, latest(portal)[1:], "een")
    with portal.open() as app:
        app.enroller().unsubscribe(2, "test")
    portal.run("bounces", "undo", "--domain", "streng.example", "--since", "2026-11-24", "--yes")
    states = [shown(portal, f"r{one}@streng.example") for one in range(3)]
    assert states == ["suppressed", "unsubscribed", "active"]


def test_a_complaint_suppresses_at_once_also_what_is_planned(portal, tmp_path: Path) -> None:
    ready(portal, 1)
    portal.wait(days=7)
    portal.write("d", "Nog meer cloud", "Tekst.")
    portal.run("collect")
    portal.run("digest", "plan", "weekly")
    with portal.open() as app:
        leave = app.tokens.address(UNSUBSCRIBE, 1, "terug.portaal.example")
    complaint = (
        "From: fbl@provider.example\r\nTo: klachten@portaal.example\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nList-Unsubscribe: <mailto:{leave}>\r\n\r\n--b--\r\n"
    ).encode()
    assert ingest(portal, tmp_path, [complaint], "klacht")["taken"] == {"complaint": 1}
    assert shown(portal, "r0@streng.example") == "suppressed"
    result = portal.run("digest", "send", "weekly", "--yes", "--json")
    assert len(portal.mails()) == 1, result.output


def test_an_address_that_the_server_refuses_outright_counts_too(portal) -> None:
    with mail_server({"RCPT r0": b"550 5.1.1 no such user", "RCPT r1": b"554 5.6.0 no such mail"}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        portal.config.write_text(portal.config.read_text().replace("maildir://mail", url))
        ready(portal, 3)
    assert [shown(portal, f"r{one}@streng.example") for one in range(3)] == ["suspended", "active", "active"]


def test_who_rests_gets_what_they_missed_afterwards(portal, tmp_path: Path) -> None:
    ready(portal, 1)
    ingest(portal, tmp_path, latest(portal), "een")
    portal.wait(days=-1)
    edition(portal, "gemist")
    edition(portal, "daarna")
    last = portal.mails()[-1]
    assert b"gemist" in last
    assert b"daarna" in last
