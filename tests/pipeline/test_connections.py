"""Connections that are used again, on a server that counts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from feeds.source import HttpRequest, Payload
from pipeline.edges import connections
from pipeline.edges.http import Fetcher

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Keeps its connections open, unless it is to hang up after each answer."""

    def __init__(self) -> None:
        self.connections = 0
        self.hangs_up = False
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._handle, "0.0.0.0", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            for writer in self._open:
                writer.close()
            server.close()
            await server.wait_closed()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
                if self.hangs_up:
                    writer.close()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def fetcher(hosts: list[str]) -> Fetcher:
    return Fetcher(contact="", allow_hosts=hosts, host_pause=timedelta(0))


async def ask(fetch: Fetcher, host: str, port: int) -> None:
    answer = await fetch.fetch(HttpRequest(f"http://{host}:{port}/feed"))
    assert isinstance(answer, Payload)
    assert list(answer.documents.values()) == [b"ok"]


def test_a_host_is_asked_again_over_the_same_connection() -> None:
    server = Server()

    async def main() -> None:
        async with server.serving() as port, fetcher(["127.0.0.1"]) as fetch:
            for _ in range(3):
                await ask(fetch, "127.0.0.1", port)

    asyncio.run(main())
    assert server.connections == 1


def test_a_connection_that_the_server_closed_is_not_used() -> None:
    server = Server()
    server.hangs_up = True

    async def main() -> None:
        async with server.serving() as port, fetcher(["127.0.0.1"]) as fetch:
            for _ in range(3):
                await ask(fetch, "127.0.0.1", port)
                await asyncio.sleep(0.05)  # the end of it takes a moment to arrive

    asyncio.run(main())
    assert server.connections == 3


def test_only_so_many_idle_connections_are_kept_those_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE", 2)
    server = Server()
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

    async def main() -> None:
        async with server.serving() as port, fetcher(hosts) as fetch:
            for host in hosts:
                await ask(fetch, host, port)
            assert server.connections == 3
            await ask(fetch, "127.0.0.3", port)
            await ask(fetch, "127.0.0.2", port)
            assert server.connections == 3
            await ask(fetch, "127.0.0.1", port)
            assert server.connections == 4

    asyncio.run(main())
