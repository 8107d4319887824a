"""A sender that is killed a hundred times in one edition, and started again at once each time."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from pipeline.steps.hand import SIZE
from pipeline.store.tables import SubscriberRow
from subscribers.subscriber import State, Subscriber, address_key, domain_of

SUPPORT = Path(__file__).parents[1] / "support"
READERS = 20_000
DEATHS = 100


class Recorder:
    """What the mail server has taken: a recipient and a Message-ID a line."""

    def __init__(self, file: Path, port: int) -> None:
        self._file = file
        self.port = port

    @property
    def size(self) -> int:
        return self._file.stat().st_size

    def taken(self) -> list[tuple[str, str]]:
        lines = self._file.read_text().splitlines()
        return [(recipient, id) for recipient, id in (line.split() for line in lines)]


@pytest.fixture
def recorder(portal, tmp_path: Path) -> Iterator[Recorder]:
    file = tmp_path / "record"
    command = [sys.executable, str(SUPPORT / "recorder.py"), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{port}"))
        try:
            yield Recorder(file, port)
        finally:
            process.kill()


class Lives:
    """Runs a command in one process after another, all of which can be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def begin(self, *words: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Waits until the process is gone; gives its exit code."""
        return int(self._line().split()[1])

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture
def lives() -> Iterator[Lives]:
    command = [sys.executable, str(SUPPORT / "lives.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield Lives(process)
        process.kill()


def enrol(portal, number: int) -> None:
    """So many readers of one theme, without the ceremony of a roster."""
    with portal.open() as app, app.store.write() as work:
        shared = work.subscribers.interest_set(["cloud"])
        key = app.secrets.suppression
        rows = []
        for one in range(number):
            subscriber = Subscriber(
                email=f"lezer{one}@d{one % 7}.example",
                frequency="weekly",
                state=State.ACTIVE,
                created_at=portal.now,
                confirmed_at=portal.now,
            )
            rows.append(
                subscriber.model_dump()
                | {
                    "address_key": address_key(subscriber.email, key),
                    "domain": domain_of(subscriber.email),
                    "interest_set_id": shared,
                }
            )
        work.session.execute(insert(SubscriberRow), rows)


def test_a_hundred_deaths_lose_nobody_and_repeat_nothing(portal, recorder: Recorder, lives: Lives) -> None:
    portal.go_live()
    portal.write("a", "De cloud")
    assert portal.run("collect", "--force").exit_code == 0
    enrol(portal, READERS)
    planned = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)
    edition = planned["edition"]
    assert planned["planned"] == READERS
    command = ("digest", "send", edition, "--yes", "--json", "--config", str(portal.config))
    chance = random.Random(20261125)
    deaths = 0
    while deaths < DEATHS:
        before = recorder.size
        process = lives.begin(*command)
        deadline = time.monotonic() + 30
        # Some die on their way, most in the middle of it, at any moment of the loop.
        if chance.random() < 0.9:
            while recorder.size == before:
                assert time.monotonic() < deadline, "it sends nothing"
                time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.04))
        os.kill(process, signal.SIGKILL)
        assert lives.end() == -signal.SIGKILL, "it was done before it could be killed"
        deaths += 1
    half_way = json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)
    assert half_way["balanced"]
    assert 0 < len(recorder.taken()) < READERS
    lives.begin(*command)
    assert lives.end() == 0

    balance = json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)
    assert balance["balanced"]
    taken = Counter(recipient for recipient, _ in recorder.taken())
    uncertain = set(balance["uncertain"])
    assert set(taken.values()) == {1}, "somebody got it twice"
    assert taken.keys() | uncertain == {f"lezer{one}@d{one % 7}.example" for one in range(READERS)}
    assert len(uncertain) <= SIZE * DEATHS
    assert len({id for _, id in recorder.taken()}) == len(taken)
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert status["deliveries"] == {"accepted": READERS - len(uncertain), "uncertain": len(uncertain)}
    assert portal.run("digest", "settle", edition, "--as", "accepted").exit_code == 0
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert (status["state"], status["deliveries"]) == ("done", {"accepted": READERS})
