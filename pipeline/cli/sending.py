"""Sending, as a command shows it: progress on a terminal, plain lines elsewhere, and stopping when told."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline import jobs
from pipeline.app import App
from pipeline.cli.console import numbers
from pipeline.steps.deliver import DeliverReport
from subscribers.edition import Edition

_EVERY = 10
"""Seconds between two plain lines."""


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Whether to stop: after the first SIGTERM or Ctrl-C, which lets what is in hand be finished.

    A second one breaks off.
    """
    told = threading.Event()

    def tell(number: int, frame: FrameType | None) -> None:
        if told.is_set():
            raise KeyboardInterrupt
        told.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def send(app: App, edition: Edition, limit: int | None, *, quiet: bool) -> tuple[DeliverReport, bool]:
    """Send an edition; gives what was done, and whether it was told to stop before the end."""
    with app.store.read() as work:
        ready = work.deliveries.left(edition.id, app.clock())
    total = min(limit or ready, ready)
    with stoppable() as stopping, _shown(str(edition.name), total, quiet) as progress:
        report = jobs.send(app, edition, limit, progress=progress, stopping=stopping)
        return report, stopping()


@contextmanager
def _shown(name: str, total: int, quiet: bool) -> Iterator[Callable[[DeliverReport], None]]:
    if quiet:
        yield lambda report: None
    elif sys.stderr.isatty():
        with _bar(name, total) as progress:
            yield progress
    else:
        yield _lines(name, total)


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[DeliverReport], None]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[states]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=total, states="")
        yield lambda report: bar.update(
            task, completed=report.handed_over, states=numbers(report.settled) if report.settled else ""
        )


def _lines(name: str, total: int) -> Callable[[DeliverReport], None]:
    began = said = time.monotonic()

    def progress(report: DeliverReport) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _EVERY:
            said = now
            rate = report.handed_over / (now - began)
            left = f", {(total - report.handed_over) / rate:.0f} s to go" if rate else ""
            click.echo(f"{name}: {numbers(report.settled)} of {total}, {rate:.0f}/s{left}", err=True)

    return progress


class _Rate(ProgressColumn):
    """Messages a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")
