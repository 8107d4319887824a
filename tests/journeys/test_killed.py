"""A sender that is killed a hundred times in one edition, and started again at once each time."""

import json
import os
import random
import signal
import time
from collections import Counter

from crowd import address, enrol

from pipeline.steps.hand import SIZE

READERS = 20_000
DEATHS = 100


def test_a_hundred_deaths_lose_nobody_and_repeat_nothing(portal, recorder, lives) -> None:
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
    assert taken.keys() | uncertain == {address(one) for one in range(READERS)}
    assert len(uncertain) <= SIZE * DEATHS
    assert len({id for _, id in recorder.taken()}) == len(taken)
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert status["deliveries"] == {"accepted": READERS - len(uncertain), "uncertain": len(uncertain)}
    assert portal.run("digest", "settle", edition, "--as", "accepted").exit_code == 0
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert (status["state"], status["deliveries"]) == ("done", {"accepted": READERS})
