"""A web server that has feeds on hosts of their own: every address of 127.0.0.0/8 reaches it.

``python -m benchmarks.feedserver FOLDER``: serves its files, each with an ETag, and prints the port.
"""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The folder's files over HTTP, from a process of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.feedserver", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


class Feeds(asyncio.Protocol):
    """One connection, kept for as long as the client wants it."""

    def __init__(self, answers: dict[bytes, tuple[bytes, bytes]]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            whole, unchanged = self._answers.get(path, (_NOT_FOUND, _NOT_FOUND))
            self._transport.write(unchanged if b"if-none-match:" in head.lower() else whole)


_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _answers(body: bytes) -> tuple[bytes, bytes]:
    etag = hashlib.sha256(body).hexdigest()[:20].encode()
    whole = b'HTTP/1.1 200 OK\r\nContent-Type: application/xml; charset=utf-8\r\nETag: "%b"\r\n' % etag
    whole += b"Content-Length: %d\r\n\r\n" % len(body)
    return whole + body, b'HTTP/1.1 304 Not Modified\r\nETag: "%b"\r\n\r\n' % etag


async def _serve(folder: Path) -> None:
    answers = {f"/{file.name}".encode(): _answers(file.read_bytes()) for file in folder.iterdir()}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Feeds(answers), "0.0.0.0", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
