"""Memory: an edition planned for ever more readers and sent to the first of them, in one process.

What it holds at its most must not grow with the readers: beside it stands the same for the fewest.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import databases
from benchmarks.apart import apart
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import NOW, seed
from benchmarks.send import write_config
from benchmarks.sink import sink
from pipeline import jobs
from pipeline.app import App
from subscribers.frequency import Frequency

SIZES = (10_000, 100_000, 1_000_000)
SENT = 50_000
"""The most that are sent: what sending holds does not grow while it goes on."""


def rows() -> Iterator[Row]:
    least = 0.0
    for size in SIZES:
        with databases.sqlite() as url, sink() as port, tempfile.TemporaryDirectory() as directory:
            write_config(Path(directory), url, f"smtp://127.0.0.1:{port}")
            apart(seed, url, scaled(size))
            sent, memory = apart(planning_and_sending, directory)
            least = least or memory
            against = f"{scaled(SIZES[0])} readers; {sent} of {scaled(size)} sent"
            yield Row(f"memory-{size}", memory, least, against, "MB", memory)


def planning_and_sending(directory: str) -> int:
    """Plans the weekly edition and sends the first of its mails; gives how many."""
    with App.open(Path(directory, "kennisportal.toml"), lambda: NOW) as app:
        name = jobs.plan_by_hand(app, Frequency.WEEKLY).edition
        report = jobs.send(app, app.desk().ready(name), limit=scaled(SENT))
        assert report.settled == {"accepted": report.handed_over}, report.settled
        return report.handed_over
