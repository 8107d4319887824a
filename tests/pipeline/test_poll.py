"""What comes back to a mailbox on a real IMAP server: kept first, then removed there, and counted once."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dovecot import Mailbox, imap_server
from sqlmodel import select

from pipeline.edges.mailbox import LARGEST
from pipeline.store.tables import FeedbackRow
from subscribers.token import UNSUBSCRIBE


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    if shutil.which("dovecot") is None:
        pytest.skip("no Dovecot on this machine; install Debian's package 'dovecot-imapd' to run this test")
    with tempfile.TemporaryDirectory(prefix="imap") as directory:
        Path(directory).chmod(0o755)  # the server runs as another user
        with imap_server(Path(directory) / "d") as server:
            yield server


@pytest.fixture
def polled(portal, mailbox: Mailbox):
    """A portal with a reader, whose config names the mailbox."""
    portal.config.write_text(portal.config.read_text() + f'\n[bounces]\nimap = "{mailbox.url}"\n')
    with portal.open() as app:
        app.enroller().add({"email": "lezer1@voorbeeld.example", "interests": "cloud"}, "op papier")
    return portal


def leaving(portal, more: bytes = b"") -> bytes:
    with portal.open() as app:
        address = app.tokens.address(UNSUBSCRIBE, 1, "terug.portaal.example")
    return f"From: lezer1@voorbeeld.example\r\nTo: {address}\r\n\r\nGraag.\r\n".encode() + more


def poll(portal) -> dict:
    result = portal.run("bounces", "poll", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def kept(portal) -> list[FeedbackRow]:
    with portal.open() as app, app.store.read() as work:
        return list(work.session.exec(select(FeedbackRow).order_by(FeedbackRow.id)))


def test_what_came_in_is_kept_acted_on_and_removed(polled, mailbox: Mailbox) -> None:
    message = leaving(polled)
    mailbox.put(message)
    assert poll(polled)["taken"] == {"unsubscribe": 1}
    assert mailbox.left() == []
    assert [row.original for row in kept(polled)] == [message]
    state = json.loads(polled.run("subscribers", "show", "lezer1@voorbeeld.example", "--json").stdout)[
        "state"
    ]
    assert state == "unsubscribed"
    assert poll(polled)["taken"] == {}


def test_what_says_nothing_to_us_stays_for_somebody_to_read_and_is_looked_at_once(
    polled, mailbox: Mailbox
) -> None:
    question = b"From: lezer1@voorbeeld.example\r\nTo: overzicht@portaal.example\r\n\r\nWat is dit?\r\n"
    mailbox.put(question)
    assert poll(polled)["taken"] == {"other": 1}
    assert poll(polled) | {"spikes": {}} == {
        "taken": {},
        "repeated": 0,
        "paused": {},
        "rested": 0,
        "suppressed": 0,
        "spikes": {},
    }
    assert mailbox.left() == [question]


def test_nothing_is_removed_that_was_not_kept(polled, mailbox: Mailbox, monkeypatch) -> None:
    mailbox.put(leaving(polled))

    def full(*what: object) -> bool:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("pipeline.store.feedback.FeedbackLog.add", full)
        assert polled.run("bounces", "poll").exit_code == 1
    assert len(mailbox.left()) == 1
    assert kept(polled) == []
    assert poll(polled)["taken"] == {"unsubscribe": 1}


def test_what_was_kept_by_a_poll_that_died_counts_once_and_is_removed_by_the_next(
    polled, mailbox: Mailbox
) -> None:
    message = leaving(polled)
    mailbox.put(message)
    with polled.open() as app:
        app.ingester().ingest([message])
    found = poll(polled)
    assert (found["taken"], found["repeated"]) == ({}, 1)
    assert mailbox.left() == []


def test_a_message_of_any_size_is_read_within_bounds(polled, mailbox: Mailbox) -> None:
    mailbox.put(leaving(polled, b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 700_000))
    assert poll(polled)["taken"] == {"unsubscribe": 1}
    (row,) = kept(polled)
    assert len(row.original) == LARGEST
    assert mailbox.left() == []


@pytest.mark.parametrize("wrong", ["password", "server", "folder"])
def test_a_mailbox_that_cannot_be_read_is_named_and_its_password_is_not(
    polled, mailbox: Mailbox, wrong: str
) -> None:
    url = mailbox.url
    bad = {
        "password": url.replace("woord", "fout"),
        "server": url.replace("127.0.0.1", "127.0.0.2"),
        "folder": url.replace("INBOX", "Weg"),
    }[wrong]
    polled.config.write_text(polled.config.read_text().replace(url, bad))
    result = polled.run("bounces", "poll")
    assert result.exit_code == 1
    assert "can't be read" in result.stderr
    assert "geheim" not in result.output + result.stderr


def test_without_a_mailbox_in_the_config_the_command_says_what_to_write(portal) -> None:
    result = portal.run("bounces", "poll")
    assert result.exit_code == 1
    assert "[bounces] imap" in result.stderr
