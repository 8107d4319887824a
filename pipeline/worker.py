"""Working: doing what is in the queue, in this process, until it is told to stop."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from pipeline.app import App
from pipeline.stop import Stop
from pipeline.store import schema
from pipeline.tasks import bound

if TYPE_CHECKING:
    from pipeline.store.queue import Engine

KEPT = 20.0
"""Seconds for which the connections of a batch wait for the next one."""
_SWEEP = 5.0
_AGAIN = 5.0
"""Seconds between two attempts to reach a database that is gone."""

log = structlog.get_logger()


@contextmanager
def working(
    app: App, stop: Stop, senders: int = 1, beat: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Do what is in the queue while the block lasts; at its end, what is under way is finished.

    ``senders`` is how many batches of mail are sent at a time, and ``beat`` is called every now and then as
    long as all is well, where the queue is one that several processes share.
    """
    app.senders.seconds = KEPT
    ended = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=[app, ended], daemon=True)
    sweeper.start()
    try:
        with _taking(app, stop, senders, beat):
            yield
    finally:
        ended.set()
        sweeper.join()


def _taking(app: App, stop: Stop, senders: int, beat: Callable[[], None]) -> AbstractContextManager[None]:
    tasks = bound(app, stop.asked)
    if not app.backend.scales:
        return app.backend.threads.working(tasks)
    known = {name: partial(_if_known, app, stop, work) for name, work in tasks.items()}
    from pipeline.store.queue import Engine  # which needs the extra for PostgreSQL

    return _running(lambda: Engine(app.database.url, known, senders, beat))


@contextmanager
def _running(make: "Callable[[], Engine]") -> Iterator[None]:
    """Run an engine in a thread of its own, and another one whenever the database was gone."""
    ended = threading.Event()
    engines: list[Engine] = []

    def run() -> None:
        while not ended.is_set():
            engine = make()
            engines.append(engine)
            if ended.is_set():  # which may have come to pass since it was asked
                engine.stop()
            try:
                asyncio.run(engine.run())
            except Exception as error:
                log.error("the queue is out of reach", error=" ".join(str(error).split()))
            else:
                if not ended.is_set():
                    log.error("the queue is out of reach", error="a connection to it ended")
            engines.remove(engine)
            ended.wait(_AGAIN)

    thread = threading.Thread(target=run, name="engine", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        for engine in list(engines):
            with suppress(RuntimeError):  # it has ended this very moment
                engine.stop()
        thread.join()


def _if_known(app: App, stop: Stop, work: Callable[..., None], **arguments: Any) -> None:
    """The task, unless the database was brought to another version meanwhile: then this process must end."""
    try:
        schema.require(app.database)
    except schema.UnknownSchema as error:
        stop.because(error)
        raise
    work(**arguments)


def _sweep(app: App, ended: threading.Event) -> None:
    while not ended.wait(_SWEEP):
        app.senders.sweep()
