"""An edition that is signed on more than one core, by processes that outlive nobody."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from crowd import address, enrol
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from processes import helpers_of

KENNISPORTAL = [sys.executable, "-m", "pipeline"]
READERS = 4_000


@pytest.fixture
def edition(portal, recorder) -> str:
    """An edition of many mails that are to be signed, planned."""
    portal.go_live()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (portal.root / "dkim.pem").write_bytes(key.private_bytes(*encoding))
    dkim = '[mail.dkim]\ndomain = "portaal.example"\nselector = "a"\nkey_file = "dkim.pem"\n'
    with portal.config.open("a") as config:
        config.write(dkim)
    portal.write("a", "De cloud")
    assert portal.run("collect", "--force").exit_code == 0
    enrol(portal, READERS)
    planned = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)
    assert planned["planned"] == READERS
    return str(planned["edition"])


def sender(portal, edition: str) -> "subprocess.Popen[str]":
    words = ["digest", "send", edition, "--yes", "--json", "--config", str(portal.config)]
    return subprocess.Popen(
        [*KENNISPORTAL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def account(portal, edition: str) -> dict[str, int]:
    assert json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)["balanced"]
    counts: dict[str, int] = json.loads(portal.run("digest", "status", edition, "--json").stdout)[
        "deliveries"
    ]
    return counts


@pytest.mark.skipif(os.cpu_count() == 1, reason="there is one core, and so one sender")
def test_they_share_an_edition_and_all_of_it_is_reported(portal, recorder, edition: str) -> None:
    with sender(portal, edition) as process:
        until(lambda: helpers_of(process.pid), "nobody helps")
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["sent"] == {"accepted": READERS}
    assert json.loads(out)["state"] == "done"
    assert Counter(to for to, _ in recorder.taken()) == Counter(map(address, range(READERS)))


def test_told_to_stop_they_all_do_and_nothing_is_in_doubt(portal, recorder, edition: str) -> None:
    with sender(portal, edition) as process:
        until(lambda: recorder.size > 20_000, "it sends nothing")
        helpers = helpers_of(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 1
    assert not any(Path(f"/proc/{helper}").exists() for helper in helpers)
    counts = account(portal, edition)
    assert set(counts) == {"accepted", "planned"}
    assert counts["accepted"] == len(recorder.taken())


def test_they_end_when_the_one_who_began_them_is_killed(portal, recorder, edition: str) -> None:
    with sender(portal, edition) as process:
        until(lambda: recorder.size > 20_000, "it sends nothing")
        helpers = helpers_of(process.pid)
        process.kill()
    until(lambda: not any(Path(f"/proc/{helper}").exists() for helper in helpers), "they go on")
    with sender(portal, edition) as process:
        process.communicate(timeout=120)
        assert process.returncode == 0
    counts = account(portal, edition)
    taken = Counter(to for to, _ in recorder.taken())
    assert set(taken.values()) == {1}
    assert counts["accepted"] + counts.get("uncertain", 0) == READERS
    assert counts.get("uncertain", 0) <= 32
