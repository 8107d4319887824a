"""A server that answers drop by drop, so that no single wait for it is long."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def dripping(drop: bytes) -> Iterator[str]:
    """Its address. It takes one request, and 2.5 seconds to answer it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 100 Continue\r\nX-Drops: ")
                for _ in range(50):
                    connection.sendall(drop)
                    time.sleep(0.05)
                connection.sendall(b"\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()
