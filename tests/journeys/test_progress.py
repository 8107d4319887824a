"""What an administrator sees of an edition while it is sent."""

import json
import os
import pty
import re
import subprocess
import sys

from scripted import PIPELINING, serving

KENNISPORTAL = [sys.executable, "-m", "pipeline"]


def sending(portal, port: int, stderr: int) -> "subprocess.Popen[bytes]":
    portal.go_live()
    text = portal.config.read_text()
    portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{port}"))
    portal.write("a", "De cloud")
    portal.run("collect", "--force")
    roster = portal.root / "lezers.csv"
    rows = [f"l{number}@voorbeeld.example,weekly,cloud" for number in range(60)]
    roster.write_text("\n".join(["email,frequency,interests", *rows]))
    portal.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "op papier")
    words = ["digest", "send", "weekly", "--yes", "--config", str(portal.config)]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "160"}
    return subprocess.Popen([*KENNISPORTAL, *words], stdout=subprocess.PIPE, stderr=stderr, env=environment)


def seen(terminal: int) -> str:
    """Everything that was shown on a terminal, until whoever showed it is gone."""
    shown = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            return shown.decode("utf-8", "replace")
        if not part:
            return shown.decode("utf-8", "replace")
        shown += part


def test_a_terminal_shows_how_far_how_fast_and_in_what_states(portal) -> None:
    terminal, theirs = pty.openpty()
    with serving({"EHLO": PIPELINING, "slow": b"0.1", "RCPT l7@": b"550 5.1.1 nobody"}) as server:
        with sending(portal, server.port, theirs) as process:
            os.close(theirs)
            shown = seen(terminal)
            assert process.stdout is not None
            said = process.stdout.read().decode()
        os.close(terminal)
    assert process.returncode == 0, shown
    assert re.search(r"weekly/\d{4}-\d\d-\d\d", shown)
    assert re.search(r"\d+/60", shown)
    assert re.search(r"\d+/s", shown)
    assert re.search(r"\d:\d\d:\d\d", shown), "the time that is left"
    assert re.search(r"\d+ accepted", shown)
    assert "59 accepted" in said
    assert "1 rejected" in said


def test_where_nobody_looks_there_is_no_bar(portal) -> None:
    with serving({"EHLO": PIPELINING}) as server:
        process = sending(portal, server.port, subprocess.PIPE)
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 0
    assert complained == b""
    assert b"\x1b" not in said
    assert json.loads(portal.run("digest", "list", "--json").stdout)[0]["deliveries"] == {"accepted": 60}
