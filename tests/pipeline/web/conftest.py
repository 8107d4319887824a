"""A published portal behind its real web server, asked over loopback in plain HTTP."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
import uvicorn
from sqlalchemy import MetaData

from pipeline import jobs
from pipeline.app import App
from pipeline.web import build
from subscribers.frequency import Frequency
from subscribers.token import UNSUBSCRIBE


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """``ask`` sends a path as it stands: no client tidies it up on the way."""

    def __init__(self, app: App, port: int, stop: Callable[[], None]) -> None:
        self.app = app
        self.port = port
        self.stop = stop

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def join(self, email: str, language: str = "nl") -> str:
        """Sign somebody up; gives the path that unsubscribes them."""
        reader = self.app.enroller().add(
            {"email": email, "language": language, "interests": "cloud"}, "says so in a test"
        )
        return f"/unsubscribe/{self.app.tokens.sign(UNSUBSCRIBE, reader.id)}"

    def plan(self) -> int:
        """Plan the weekly digest; gives the number of planned mails."""
        return jobs.plan_by_hand(self.app, Frequency.WEEKLY).planned

    def tables(self) -> dict[str, list[tuple]]:
        """Everything in the database."""
        tables = MetaData()
        with self.app.database.engine.connect() as connection:
            tables.reflect(connection)
            return {
                table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
                for table in tables.sorted_tables
            }

    def files(self) -> dict[str, tuple[int, int]]:
        """Everything that is published, with its size and when it was written."""
        found = {path: path.lstat() for path in self.app.public.rglob("*")}
        return {str(path): (status.st_size, status.st_mtime_ns) for path, status in found.items()}


@pytest.fixture
def site(portal) -> Iterator[Site]:
    portal.write("wolk", "De gemeente gaat naar de cloud")
    portal.write("raad", "De gemeente stemt")
    with _serving(portal) as site:
        yield site


@pytest.fixture
def serving(portal) -> Callable[[], AbstractContextManager[Site]]:
    """Collects, publishes and serves the portal as its config is at that moment."""
    return partial(_serving, portal)


@contextmanager
def _serving(portal) -> Iterator[Site]:
    with portal.open() as app, socket.create_server(("127.0.0.1", 0)) as listener:
        jobs.collect(app)
        assert not jobs.publish(app).failed
        server = uvicorn.Server(uvicorn.Config(build(app), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()

        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            yield Site(app, listener.getsockname()[1], stop)
        finally:
            stop()
