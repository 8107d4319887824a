"""A connection: a dialogue on a socket that never blocks, encrypted or not."""

import socket
import ssl
import time
from contextlib import suppress

from feeds.characters import one_line
from pipeline.transports.smtp.dialogue import Dialogue, Offers
from pipeline.transports.smtp.relay import Relay

_CHUNK = 65536
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """One open connection to ``relay``. ``patience`` is for the answer to a whole message, in seconds."""

    def __init__(
        self, relay: Relay, open: socket.socket, offers: Offers, timeout: float, patience: float
    ) -> None:
        self.relay = relay
        self.socket = open
        self.dialogue = Dialogue(relay.place, offers)
        self._timeout = timeout
        self._patience = patience
        self._unwritten = memoryview(b"")
        self._written = 0
        self._heard_at = time.monotonic()

    @property
    def blocked(self) -> bool:
        """Whether there is more to write than the server takes now."""
        return bool(self._unwritten)

    @property
    def deadline(self) -> float:
        """When, by the monotonic clock, the server has kept us waiting for too long."""
        if not self.dialogue.under_way:
            return float("inf")
        return self._heard_at + (self._patience if self.dialogue.awaits_contents else self._timeout)

    def write(self) -> None:
        """Write what there is to say, as far as the server takes it."""
        if out := self.dialogue.output():
            if not self._unwritten:
                self._heard_at = time.monotonic()
            self._unwritten = memoryview(bytes(self._unwritten) + out if self._unwritten else out)
        try:
            while self._unwritten:
                taken = self.socket.send(self._unwritten)
                self._written += taken
                self._unwritten = self._unwritten[taken:]
                self._heard_at = time.monotonic()
        except _LATER:
            pass
        except OSError as error:
            self.lose(_why(error))

    def read(self) -> None:
        """Take in what has come."""
        while not self.dialogue.over:
            try:
                data = self.socket.recv(_CHUNK)
            except _LATER:
                return
            except OSError as error:
                self.lose(_why(error))
                return
            if not data:
                self.lose("it closed the connection")
                return
            heard = self.dialogue.heard
            self.dialogue.feed(data)
            if self.dialogue.heard != heard:  # whole replies count, not a byte now and then
                self._heard_at = time.monotonic()
            if len(data) < _CHUNK and not isinstance(self.socket, ssl.SSLSocket):
                return

    def lose(self, why: str) -> None:
        """The connection is gone, or not worth keeping: settle what is under way, and close it."""
        self.dialogue.lost(why, self._written)
        self.socket.close()

    def leave(self) -> None:
        """End it politely, without waiting for the answer."""
        with suppress(OSError):
            self.socket.send(b"QUIT\r\n")
        self.socket.close()


def _why(error: OSError) -> str:
    return one_line(str(error.strerror or error))
