"""The whole path on PostgreSQL, by the command line, from an empty database to mails on a server."""

import json
import os
import signal
import time
from collections import Counter

import pytest
from crowd import address, enrol
from sqlalchemy import text

from pipeline.app import App
from pipeline.settings import load
from pipeline.steps.hand import SIZE

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def run(portal, *words: str) -> str:
    result = portal.run(*words)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def report(portal, *words: str) -> dict:
    document: dict = json.loads(run(portal, *words, "--json"))
    return document


def wait_until(condition) -> None:
    """For so long that only a fault can be the reason it does not come true."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def kill(process: int, lives) -> None:
    os.kill(process, signal.SIGKILL)
    assert lives.end() == -signal.SIGKILL, "it was done before it could be killed"


def test_every_step_from_an_empty_database_to_an_explained_mail(portal, recorder) -> None:
    with App(load(portal.config)) as app, app.database.engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.commit()
    assert "run 'kennisportal db upgrade' once" in " ".join(portal.run("status").stderr.split())
    run(portal, "db", "upgrade")
    run(portal, "db", "check")
    roster = portal.root / "lezers.csv"
    roster.write_text("email,frequency,interests\na@x.example,weekly,cloud\nb@x.example,weekly,overheid\n")
    run(portal, "subscribers", "import", str(roster), "--confirmed", "--consent-note", "op papier")
    portal.write("a", "De cloud")
    assert report(portal, "collect", "--force")["new"] == 1
    assert report(portal, "feeds", "build")["failed"] in ([], {}, 0)
    planned = report(portal, "digest", "plan", "weekly")
    assert (planned["planned"], planned["nothing_due"]) == (1, 1)
    edition = planned["edition"]
    assert "De cloud" in run(portal, "digest", "preview", edition)
    assert report(portal, "digest", "send", edition, "--yes")["sent"] == {"accepted": 1}
    assert [recipient for recipient, _ in recorder.taken()] == ["a@x.example"]
    status = report(portal, "digest", "status", edition)
    assert (status["state"], status["deliveries"]) == ("done", {"accepted": 1})
    assert report(portal, "digest", "reconcile", edition)["balanced"]
    assert "a@x.example got" in run(portal, "explain", "a@x.example", "https://portaal.example/artikelen/a")
    run(portal, "status")


def test_a_killed_sender_is_resumed_and_two_share_an_edition_without_a_repeat(
    portal, recorder, lives, other_lives
) -> None:
    readers = 3000
    portal.go_live()
    portal.write("a", "De cloud")
    run(portal, "collect", "--force")
    enrol(portal, readers)
    edition = report(portal, "digest", "plan", "weekly")["edition"]
    command = ("digest", "send", edition, "--yes", "--json", "--config", str(portal.config))
    process = lives.begin(*command)
    wait_until(lambda: recorder.size)
    kill(process, lives)
    assert 0 < len(recorder.taken()) < readers
    assert report(portal, "digest", "reconcile", edition)["balanced"]

    # Two that go on from there, one of which is killed beside the other.
    doomed = lives.begin(*command)
    other_lives.begin(*command)
    before = recorder.size
    wait_until(lambda: recorder.size > before)
    kill(doomed, lives)
    assert other_lives.end() == 0
    lives.begin(*command)
    assert lives.end() == 0

    balance = report(portal, "digest", "reconcile", edition)
    assert balance["balanced"]
    taken = Counter(recipient for recipient, _ in recorder.taken())
    uncertain = set(balance["uncertain"])
    assert set(taken.values()) == {1}, "somebody got it twice"
    assert taken.keys() | uncertain == {address(one) for one in range(readers)}
    assert len(uncertain) <= 2 * SIZE
    run(portal, "digest", "settle", edition, "--as", "accepted")
    status = report(portal, "digest", "status", edition)
    assert (status["state"], status["deliveries"]) == ("done", {"accepted": readers})


def test_a_server_that_is_gone_is_one_line_without_its_password(portal) -> None:
    text = portal.config.read_text()
    url = next(line for line in text.splitlines() if line.startswith("url = "))
    nowhere = f"postgresql+psycopg://portaal:geheim@/portaal?host={portal.root}"
    portal.config.write_text(text.replace(url, f'url = "{nowhere}"'))
    for words in (["status"], ["collect", "--force"], ["db", "upgrade"]):
        result = portal.run(*words)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert "connection" in line
        assert "postgresql+psycopg://portaal:***@" in line
        assert "geheim" not in line
