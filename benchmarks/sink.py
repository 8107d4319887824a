"""Where messages go in a benchmark: Postfix's ``smtp-sink`` where it is installed, else a bare server."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

SMTP_SINK = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SMTP_SOURCE = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def sink(counter: Path | None = None) -> Iterator[int]:
    """A server that takes everything and keeps nothing, in a process of its own; gives its port.

    Postfix's writes into ``counter`` how many it has taken, as it goes on.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if SMTP_SINK:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        count = ["-c"] if counter else []
        command = [SMTP_SINK, *count, *user, f"127.0.0.1:{port}", "1000"]
    else:
        command = [sys.executable, "-m", "benchmarks.sink", str(port)]
    with (
        counter.open("wb") if counter else nullcontext() as told,
        subprocess.Popen(command, stdout=told, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server listens on port {port}")


_ANSWERS = {b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"DATA": b"354 go on\r\n"}


class Taker(asyncio.Protocol):
    """A session with the bare server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""
        self._in_data = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = []
        while (end := self._buffer.find(mark := b"\r\n.\r\n" if self._in_data else b"\r\n")) >= 0:
            line, self._buffer = self._buffer[:end], self._buffer[end + len(mark) :]
            verb = b"." if self._in_data else line[:4].upper()
            self._in_data = verb == b"DATA"
            answers.append(
                b"354 go on\r\n"
                if self._in_data
                else b"250-sink\r\n250 PIPELINING\r\n"
                if verb == b"EHLO"
                else b"250 ok\r\n"
            )
        self._transport.write(b"".join(answers))


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Taker, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
