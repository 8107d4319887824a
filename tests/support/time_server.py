"""A time server on loopback (SNTP) whose clock is off by as much as a test wants."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SINCE_1900 = 2_208_988_800


@contextmanager
def telling(off: float) -> Iterator[str]:
    """The server's ADDRESS:PORT, until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    _, client = listener.recvfrom(512)
                except TimeoutError:
                    continue
                now = time.time() + off + _SINCE_1900
                head = struct.pack("!BBBb", 0x24, 2, 6, -20) + bytes(36)
                listener.sendto(head + struct.pack("!II", int(now), int(now % 1 * 2**32)), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()
