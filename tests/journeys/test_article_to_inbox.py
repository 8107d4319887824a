"""From an article in a folder to a message in an inbox, by the command line, over a real mail server."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest
from processes import wait_until
from smtp_server import mails_taken

pytestmark = pytest.mark.each_database

SERVER = Path(__file__).parents[1] / "support" / "smtp_server.py"
KENNISPORTAL = [sys.executable, "-m", "pipeline"]


class Inboxes:
    """What the mail server has taken."""

    def __init__(self, file: Path, port: int) -> None:
        self._file = file
        self.port = port

    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(one.content, policy=policy.default) for one in mails_taken(self._file)]

    def go_on(self) -> None:
        """Take what was held up to now."""
        self._file.with_suffix(".go").touch()

    def of(self, email: str) -> list[EmailMessage]:
        return [message for message in self.messages() if message["To"] == email]


@pytest.fixture
def inboxes(portal, tmp_path: Path) -> Iterator[Inboxes]:
    """A mail server in a process of its own, and the portal set to it."""
    file = tmp_path / "inbox.jsonl"
    with subprocess.Popen([sys.executable, str(SERVER), str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{port}"))
        try:
            yield Inboxes(file, port)
        finally:
            process.terminate()


def sign_up(portal, *rows: str) -> None:
    roster = portal.root / "lezers.csv"
    roster.write_text("\n".join(["email,language,frequency,interests", *rows]))
    result = portal.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "op papier")
    assert result.exit_code == 0, result.output


def send(portal, target: str = "weekly") -> dict[str, object]:
    result = portal.run("digest", "send", target, "--yes", "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout)
    return document


def collect(portal) -> None:
    result = portal.run("collect", "--force")
    assert result.exit_code == 0, result.output


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_everybody_gets_exactly_their_themes_once(portal, inboxes: Inboxes) -> None:
    portal.write("a", "De gemeente verhuist", "Tekst.")
    portal.write("b", "De cloud groeit", "Tekst.")
    portal.write("c", "Gemeente kiest de cloud", "Tekst.")
    collect(portal)
    sign_up(
        portal,
        "g@voorbeeld.example,nl,weekly,gemeenten",
        "o@voorbeeld.example,nl,weekly,overheid",
        "c@voorbeeld.example,en,weekly,cloud",
        "b@voorbeeld.example,nl,weekly,cloud;gemeenten",
        "d@voorbeeld.example,nl,daily,cloud",
    )
    assert send(portal)["sent"] == {"accepted": 4}
    titles = ("De gemeente verhuist", "De cloud groeit", "Gemeente kiest de cloud")
    got = {
        message["To"]: [text_of(message).count(f"{title}\n") for title in titles]
        for message in inboxes.messages()
    }
    assert got == {
        "g@voorbeeld.example": [1, 0, 1],
        "o@voorbeeld.example": [1, 0, 1],
        "c@voorbeeld.example": [0, 1, 1],
        "b@voorbeeld.example": [1, 1, 1],
    }
    (english,) = inboxes.of("c@voorbeeld.example")
    assert (english["Content-Language"], "Unsubscribe" in text_of(english)) == ("en", True)
    assert english["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert english["List-Id"] == "Proefportaal <digest.portaal.example>"


def test_the_second_digest_holds_what_is_new_and_changed_and_no_repeat(portal, inboxes: Inboxes) -> None:
    portal.write("blijft", "De cloud blijft")
    portal.write("verandert", "De cloud verandert", "Eerst dit.")
    collect(portal)
    sign_up(portal, "c@voorbeeld.example,nl,weekly,cloud")
    first = send(portal)["edition"]
    portal.write("verandert", "De cloud verandert", "Eerst dit. Daarna dat.")
    portal.write("nieuw", "De cloud is nieuw")
    portal.write("weg", "De cloud is weg")
    collect(portal)
    portal.remove("weg")
    collect(portal)
    assert send(portal)["edition"] == f"{first}.2"
    _, second = inboxes.of("c@voorbeeld.example")
    text = text_of(second)
    assert "De cloud is nieuw" in text
    assert re.search(r"bijgewerkt", text, re.IGNORECASE)
    assert "Daarna dat." in text
    assert "De cloud blijft" not in text
    assert "De cloud is weg" not in text
    third = send(portal)
    assert (third["nothing_due"], third["sent"]) == (1, {})
    assert len(inboxes.messages()) == 2


def test_the_link_in_a_mail_unsubscribes_when_posted_and_only_then(portal, inboxes: Inboxes) -> None:
    portal.go_live()
    portal.write("a", "De cloud")
    collect(portal)
    sign_up(portal, "c@voorbeeld.example,nl,weekly,cloud")
    send(portal)
    (message,) = inboxes.messages()
    path = str(message["List-Unsubscribe"]).strip("<>").removeprefix("https://portaal.example")
    portal.write("b", "De cloud twee")
    collect(portal)
    with serving(portal, "web") as base:
        assert httpx2.get(base + path).status_code == 200
        assert httpx2.head(base + path).status_code == 200
        shown = json.loads(portal.run("subscribers", "show", "c@voorbeeld.example", "--json").stdout)
        assert shown["state"] == "active"
        answer = httpx2.post(base + path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    shown = json.loads(portal.run("subscribers", "show", "c@voorbeeld.example", "--json").stdout)
    assert shown["state"] == "unsubscribed"
    assert [one["action"] for one in shown["consent"]] == ["subscribe", "unsubscribe"]
    assert send(portal)["candidates"] == 0
    assert len(inboxes.messages()) == 1
    why = portal.run("explain", "c@voorbeeld.example", "https://portaal.example/artikelen/b").stdout
    assert "because they get no mail, being unsubscribed" in why


def test_a_run_that_is_killed_is_resumed_without_a_repeat(portal, inboxes: Inboxes) -> None:
    portal.go_live()
    readers, before = 900, 200
    portal.write("a", "De cloud")
    collect(portal)
    # More than there are connections have to wait, so that it is in the middle, however fast it is.
    names = ["l"] * before + ["hold"] * 8 + ["l"] * (readers - before - 8)
    rows = [f"{name}-{number}@voorbeeld.example,nl,weekly,cloud" for number, name in enumerate(names)]
    sign_up(portal, *rows)
    with subprocess.Popen(
        [*KENNISPORTAL, "digest", "send", "weekly", "--yes", "--config", str(portal.config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(lambda: len(inboxes.messages()) == before)
        process.send_signal(signal.SIGKILL)
    inboxes.go_on()
    edition = json.loads(portal.run("digest", "list", "--json").stdout)[0]["edition"]
    send(portal, edition)
    balance = json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)
    assert balance["balanced"]
    uncertain = set(balance["uncertain"])
    assert len(uncertain) <= 32 * 4
    received = Counter(str(message["To"]) for message in inboxes.messages())
    assert set(received.values()) == {1}
    assert len(received.keys() | uncertain) == readers
    assert portal.run("digest", "settle", edition, "--as", "accepted").exit_code == 0
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert (status["state"], status["deliveries"]) == ("done", {"accepted": readers})


def test_one_process_collects_publishes_sends_and_serves(portal, inboxes: Inboxes) -> None:
    portal.go_live()
    text = portal.config.read_text()
    portal.config.write_text(text + '[[digest]]\nfrequency = "immediate"\nquiet = "0s"\n')
    sign_up(portal, "c@voorbeeld.example,nl,immediate,cloud")
    portal.write("a", "De cloud")
    with serving(portal, "run") as base:
        wait_until(lambda: httpx2.get(f"{base}/feeds/cloud.atom").status_code == 200)
        answer = httpx2.get(f"{base}/feeds/cloud.atom")
        assert "De cloud" in answer.text
        again = httpx2.get(f"{base}/feeds/cloud.atom", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
        assert httpx2.get(f"{base}/themes/cloud").status_code == 200
        wait_until(lambda: inboxes.messages())
    assert "De cloud" in text_of(inboxes.messages()[0])


@contextmanager
def serving(portal, command: str) -> Iterator[str]:
    """``kennisportal web`` or ``run`` in a process of its own, stopped as a service manager would."""
    words = [command, "--port", "0", "--config", str(portal.config)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*KENNISPORTAL, *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = (re.search(r"Serving on (http://[\d.:]+)", line) for line in process.stdout)
        try:
            yield next(address[1] for address in said if address)
        finally:
            process.terminate()
            assert process.wait(20) == 0
