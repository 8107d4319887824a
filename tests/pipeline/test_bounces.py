"""What comes back by mail, from the command line: kept as it came, once, and acted on."""

import json
import mailbox
from email import message_from_bytes
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlmodel import select

from pipeline.cli import cli
from pipeline.store.tables import DeliveryRow, FeedbackRow
from subscribers.provider import REFUSALS
from subscribers.token import BOUNCE, UNSUBSCRIBE


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
