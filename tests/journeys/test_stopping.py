"""A sender that is told to stop, as a service manager does, and one whose disk is full."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripted import PIPELINING, Scripted, serving

KENNISPORTAL = [sys.executable, "-m", "pipeline"]
STOPS_WITHIN = 10


def ready(portal, server: Scripted, readers: int = 40) -> str:
    """An edition that is planned, to that server; gives its name."""
    portal.go_live()
    text = portal.config.read_text()
    portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{server.port}"))
    portal.write("a", "De cloud")
    portal.run("collect", "--force")
    roster = portal.root / "lezers.csv"
    rows = [f"l{number}@voorbeeld.example,weekly,cloud" for number in range(readers)]
    roster.write_text("\n".join(["email,frequency,interests", *rows]))
    portal.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "op papier")
    edition: str = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"]
    return edition


def counts(portal, edition: str) -> dict[str, int]:
    assert json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)["balanced"]
    found: dict[str, int] = json.loads(portal.run("digest", "status", edition, "--json").stdout)["deliveries"]
    return found


def stopped(portal, edition: str, server: Scripted) -> str:
    """What a sender says that gets SIGTERM while the server has messages in its hands."""
    command = [*KENNISPORTAL, "digest", "send", edition, "--yes", "--config", str(portal.config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while server.heard.count("DATA") < 4:
            assert time.monotonic() < deadline, "it sends nothing"
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=STOPS_WITHIN)
        assert process.returncode == 1
        return said


def test_told_to_stop_it_finishes_what_the_server_has_and_gives_back_the_rest(portal) -> None:
    with serving({"EHLO": PIPELINING, "slow": b"1"}) as server:
        edition = ready(portal, server)
        said = stopped(portal, edition, server)
        assert f"'kennisportal digest send {edition}' goes on" in said
        found = counts(portal, edition)
    assert set(found) == {"accepted", "planned"}
    assert found["accepted"] == len(server.taken) > 0


def test_told_to_stop_it_waits_for_no_server_that_hangs(portal) -> None:
    with serving({"EHLO": PIPELINING, "slow": b"12"}) as server:
        edition = ready(portal, server)
        stopped(portal, edition, server)
        found = counts(portal, edition)
    assert 0 < found["uncertain"] <= 4
    assert found["uncertain"] + found["planned"] == 40


def test_a_full_disk_stops_the_sender_and_the_next_run_resumes(portal, tmp_path: Path) -> None:
    """The database may not grow any more once sending has begun, as on a disk that is full."""
    with serving({"EHLO": PIPELINING}) as server:
        edition = ready(portal, server, readers=400)
        limited = (
            "from pipeline.store import session\n"
            "from sqlalchemy import event\n"
            "made = session._tune_sqlite\n"
            "def tune(engine):\n"
            "    made(engine)\n"
            "    @event.listens_for(engine, 'connect')\n"
            "    def small(connection, record):\n"
            "        pages = connection.execute('PRAGMA page_count').fetchone()[0]\n"
            "        connection.execute(f'PRAGMA max_page_count={pages}')\n"
            "session._tune_sqlite = tune\n"
            "from pipeline.cli import main\n"
            "main()\n"
        )
        command = [sys.executable, "-c", limited, "digest", "send", edition, "--yes"]
        full = subprocess.run(
            [*command, "--config", str(portal.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if full.returncode == 0:
            pytest.fail("the database had room after all; the test must make it smaller")
        assert "full" in full.stderr
        assert len(full.stderr.strip().splitlines()) == 1
        result = portal.run("digest", "send", edition, "--yes")
        assert result.exit_code == 0, result.output
        found = counts(portal, edition)
    assert sum(found.values()) == 400
    assert found.get("uncertain", 0) <= 32
    assert len(server.taken) == len(set(server.taken))
    assert found["accepted"] <= len(server.taken) <= found["accepted"] + found.get("uncertain", 0)
