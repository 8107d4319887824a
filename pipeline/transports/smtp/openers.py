"""Opening connections in threads of their own, since it takes round trips, and some servers greet slowly."""

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

from pipeline.transports.smtp.dialogue import Offers
from pipeline.transports.smtp.relay import Relay, Unreachable

Result = tuple[socket.socket, Offers] | Unreachable


class Openers:
    """Connections on their way. ``bell`` becomes readable when one has come, or could not be had."""

    def __init__(self) -> None:
        self.busy = 0
        self.bell, self._button = socket.socketpair()
        self.bell.setblocking(False)
        self._button.setblocking(False)
        self._results: queue.SimpleQueue[tuple[Relay, Result]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False

    def open(self, relay: Relay) -> None:
        """Begin to open a connection."""
        self.busy += 1
        threading.Thread(target=self._open, args=[relay], daemon=True).start()

    def opened(self) -> Iterator[tuple[Relay, Result]]:
        """Those that have come since the last time."""
        with suppress(BlockingIOError):
            self.bell.recv(1024)
        while not self._results.empty():
            self.busy -= 1
            yield self._results.get()

    def close(self) -> None:
        """What comes from now on is closed at once."""
        with self._lock:
            self._closed = True
            for _, result in self.opened():
                hang_up(result)
            self.bell.close()
            self._button.close()

    def _open(self, relay: Relay) -> None:
        result: Result
        try:
            result = relay.connect()
        except Unreachable as error:
            result = error
        except Exception as error:  # whoever waits for this connection must hear of it, whatever it was
            result = Unreachable(
                f"connecting failed in a way nobody foresaw ({type(error).__name__}: {error})"
            )
        with self._lock:
            if self._closed:
                hang_up(result)
                return
            self._results.put((relay, result))
            with suppress(BlockingIOError):  # it rings already
                self._button.send(b"\0")


def hang_up(result: Result) -> None:
    """Close a connection that nobody wants any more, if it is one."""
    if not isinstance(result, Unreachable):
        result[0].close()
