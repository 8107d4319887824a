"""Two workers and a scheduler on PostgreSQL, against one worker: how sending grows with machines.

Everything is on one machine here, database and mail server included, so that with fewer cores than processes
the ratio says how well they share, not what a second machine would bring. A third run kills one of the two in
the middle, and holds the mail server's own count against what the database says.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import text

from benchmarks import databases, send
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.sink import SMTP_SINK, sink
from pipeline.app import App
from pipeline.settings import load
from pipeline.steps.hand import SIZE
from subscribers.edition import EditionName

READERS = 100_000
_LOOK = 0.5
_SETTLED = "SELECT count(*) FROM delivery WHERE edition_id = 1 AND state IN ('accepted', 'uncertain')"


def rows() -> Iterator[Row]:
    one, two = _rate(1), _rate(2)
    if one is None or two is None:
        return
    cores = f"{os.cpu_count()} cores"
    yield Row("workers", two, one, f"one worker, all on {cores}", "messages/s", 0.0)
    killed = _rate(2, kill=True)
    assert killed is not None
    yield Row("workers-killed", killed, one, f"one worker, all on {cores}", "messages/s", 0.0)


def _rate(workers: int, kill: bool = False) -> float | None:
    """Messages a second from the first to the last, over so many workers, of which one may die half-way."""
    readers = scaled(READERS)
    with databases.postgres() as url, ExitStack() as stack:
        if url is None:
            return None
        counter = stack.enter_context(tempfile.NamedTemporaryFile())
        port = stack.enter_context(sink(Path(counter.name)))
        root, _ = send._portal(url, port, readers)
        directory = stack.enter_context(root)
        app = stack.enter_context(closing(App(load(Path(directory, "kennisportal.toml")))))
        _execute(app, "UPDATE wave SET due = now() - interval '1 hour'")
        before = _taken(Path(counter.name))
        running = [stack.enter_context(_command("worker", directory)) for _ in range(workers)]
        stack.enter_context(_command("scheduler", directory))
        first = _wait_for(app, 1)
        began = time.perf_counter()
        if kill:
            _wait_for(app, readers // 2)
            running[0].kill()
        settled = _wait_for(app, readers)
        seconds = time.perf_counter() - began
        _check(app, readers, _taken(Path(counter.name)) - before, dead=int(kill))
        return (settled - first) / seconds


def _check(app: App, readers: int, taken: int, dead: int) -> None:
    """None lost and none twice: the server has taken what was accepted, and of the uncertain some."""
    account = app.desk().account(EditionName.parse(send.EDITION))
    accepted, uncertain = account.deliveries.get("accepted", 0), account.deliveries.get("uncertain", 0)
    assert account.balanced
    assert accepted + uncertain == readers, account.deliveries
    assert uncertain <= SIZE * dead, account.deliveries
    if SMTP_SINK:
        assert accepted <= taken <= accepted + uncertain, (accepted, taken, uncertain)


def _wait_for(app: App, number: int) -> int:
    """Until so many are settled; gives how many are."""
    deadline = time.monotonic() + 900
    while True:
        with app.database.read() as session:
            settled = int(session.execute(text(_SETTLED)).scalar_one())
        if settled >= number:
            return settled
        assert time.monotonic() < deadline, f"{settled} of {number} are settled"
        time.sleep(_LOOK)


def _execute(app: App, statement: str) -> None:
    with app.database.write() as session:
        session.execute(text(statement))


def _taken(counter: Path) -> int:
    """How many messages the mail server says that it has taken."""
    found = re.findall(rb"mesg=(\d+)", counter.read_bytes()[-200:])
    return int(found[-1]) if found else 0


@contextmanager
def _command(name: str, directory: str) -> Iterator["subprocess.Popen[bytes]"]:
    words = [
        "-c",
        "from pipeline.cli import main; main()",
        name,
        "--config",
        f"{directory}/kennisportal.toml",
    ]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()
