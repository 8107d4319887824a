"""Readers who leave while an edition is sent: nothing begins for them once they were told that they left."""

import json
import random
import time

import pytest
from crowd import address, enrol

pytestmark = pytest.mark.each_database

READERS, LEAVERS = 5_000, 150
UNDER_WAY = 8
"""Messages that may have begun by then: two on each of four connections."""


def test_who_was_told_that_they_left_is_mailed_nothing_after_that(portal, recorder, lives) -> None:
    portal.go_live()
    portal.write("a", "De cloud")
    assert portal.run("collect", "--force").exit_code == 0
    enrol(portal, READERS)
    edition = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"]
    lives.begin("digest", "send", edition, "--yes", "--config", str(portal.config))
    chance = random.Random(20261126)
    told: dict[str, int] = {}
    with portal.open() as app:
        with app.store.read() as work:
            readers = work.subscribers.by_emails(map(address, range(READERS)))
        deadline = time.monotonic() + 120
        while len(told) < LEAVERS and (sent := len(recorder.taken())) < READERS - LEAVERS:
            assert time.monotonic() < deadline, "nobody sends"
            # They are mailed in about this order: some are in hand by now, others far behind.
            who = address(min(sent + chance.choice([50, 200, 1000]) - chance.randrange(50), READERS - 1))
            if sent and who not in told:
                app.enroller().unsubscribe(readers[who].id, "preferences")
                told[who] = len(recorder.taken())
    assert lives.end() == 0
    places = {recipient: place for place, (recipient, _) in enumerate(recorder.taken())}
    late = [who for who, then in told.items() if places.get(who, 0) >= then + UNDER_WAY]
    assert not late
    spared = told.keys() - places.keys()
    assert spared, "none of them left in time to tell"
    assert json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)["balanced"]
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert status["deliveries"] == {"accepted": len(places), "cancelled": len(spared)}
