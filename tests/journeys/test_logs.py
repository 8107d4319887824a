"""A whole life of a portal in its own log: everything that happened, and nobody to whom."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable

import httpx2
from scripted import serving

KENNISPORTAL = [sys.executable, "-m", "pipeline"]
NEWCOMER = "nieuw@elders.example"


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_no_address_and_no_token_is_ever_logged(portal) -> None:
    refusal = b"550 5.7.1 <stuk@voorbeeld.example>: we do not want you"
    with serving({"RCPT stuk": refusal}) as server:
        portal.go_live()
        text = portal.config.read_text().replace("maildir://mail", f"smtp://127.0.0.1:{server.port}")
        text += (
            '[[digest]]\nfrequency = "immediate"\nquiet = "1s"\n\n[log]\nformat = "json"\nlevel = "debug"\n'
        )
        portal.config.write_text(text)
        portal.write("a", "De cloud")
        rows = [f"stuk{number}@voorbeeld.example,immediate,cloud" for number in range(6)]
        roster = portal.root / "lezers.csv"
        roster.write_text("\n".join(["email,frequency,interests", *rows, "wel@goed.example,immediate,cloud"]))
        portal.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "op papier")
        assert portal.run("collect", "--force").exit_code == 0
        time.sleep(1.1)
        command = [*KENNISPORTAL, "run", "--port", "0", "--config", str(portal.config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            base = re.search(r"http://[\d.:]+", process.stdout.readline())
            assert base is not None
            with httpx2.Client(base_url=base[0], timeout=20, trust_env=False) as client:
                form = {"email": NEWCOMER, "theme": "cloud", "frequency": "weekly", "language": "nl"}
                assert client.post("/subscribe", data=form).status_code == 200
                until(lambda: NEWCOMER in server.taken and "wel@goed.example" in server.taken)
                mail = next(body for body in server.contents if b"/confirm/" in body).replace(b"=\r\n", b"")
                token = re.search(rb"/confirm/([\w.-]+)", mail)[1].decode()
                assert client.post(f"/confirm/{token}").status_code == 200
                assert client.get("/unsubscribe/1.wrong").status_code >= 400
            until(lambda: sum(line.startswith("RCPT TO:<stuk") for line in server.lines) >= 5)
            time.sleep(1)
            process.terminate()
            _, said = process.communicate(timeout=30)
    lines = [json.loads(line) for line in said.splitlines()]
    events = {line["event"] for line in lines}
    assert {"planned", "sent", "provider paused", "done"} <= events
    assert "(address)" in said
    assert "@" not in said
    assert token not in said
    assert not re.search(r"\d\.[\w-]{43}", said)
    assert all(line["job"] and line["run"] for line in lines if line["event"] in ("sent", "done"))
    assert all(line["seconds"] >= 0 for line in lines if line["event"] == "done")
