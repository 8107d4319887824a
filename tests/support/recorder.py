"""A mail server that is as fast as the senders it records: ``python recorder.py RECORD``.

Prints its port when it listens. Each message becomes a line ``RECIPIENT MESSAGE-ID`` in RECORD before
it is answered, so that no crash of the sender can make the record say less than was taken.
"""

import asyncio
import os
import re
import sys

_END = b"\r\n.\r\n"
_ID = re.compile(rb"^Message-ID: <(.*?)>\r$", re.MULTILINE | re.IGNORECASE)


class Session(asyncio.Protocol):
    def __init__(self, record: int) -> None:
        self._record = record
        self._buffer = b""
        self._recipient = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 recorder.example\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = []
        while (end := self._buffer.find(_END if self._in_data else b"\r\n")) >= 0:
            size = len(_END) if self._in_data else 2
            line, self._buffer = self._buffer[:end], self._buffer[end + size :]
            answers.append(self._contents(line) if self._in_data else self._command(line))
        self._transport.write(b"".join(answers))

    def _contents(self, message: bytes) -> bytes:
        self._in_data = False
        found = _ID.search(message)
        assert found
        os.write(self._record, self._recipient + b" " + found[1] + b"\n")
        return b"250 2.0.0 taken\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return (
                b"250-recorder.example\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250 ENHANCEDSTATUSCODES\r\n"
            )
        if verb == b"RCPT":
            self._recipient = line[line.index(b"<") + 1 : line.index(b">")]
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
            return b""
        return b"250 2.1.0 ok\r\n"


async def serve(path: str) -> None:
    record = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    server = await asyncio.get_running_loop().create_server(lambda: Session(record), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
