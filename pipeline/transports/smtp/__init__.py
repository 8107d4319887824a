"""Messages over SMTP: ``smtp://``, ``smtps://`` and ``smtp+starttls://``, one relay or several.

A few connections are driven at once from one thread. Connections go to the first relay that is up;
when one fails, what was not handed over goes to the next.
"""

import selectors
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.transports.smtp import relay as relays
from pipeline.transports.smtp.connection import Connection
from pipeline.transports.smtp.dialogue import Dialogue
from pipeline.transports.smtp.openers import Openers, hang_up
from pipeline.transports.smtp.relay import Relay, Unreachable
from subscribers.delivery import Deferred, Outcome, Parcel, TransportUnavailable, Uncertain, Unsent

BREAK_OFFS = 3
"""Recipients, or messages, in a row at which a relay breaks off before it must be the relay."""
_LOOK_UP = 0.2
"""Seconds between two looks at who has kept us waiting for too long."""
STEADY = 10
"""Messages answered on one connection that show that a relay can keep one."""
PATIENCE = 600.0
"""Seconds to wait for the answer to a whole message: a server may scan it first (RFC 5321 §4.5.3.2.6)."""


class SmtpTransport:
    """At most ``connections`` connections at a time, made when they are first needed."""

    def __init__(self, relays: Sequence[Relay], connections: int) -> None:
        self._relays = list(relays)
        self._most = connections
        self._connections: list[Connection] = []
        self._selector: selectors.BaseSelector | None = None
        self._openers: Openers | None = None
        self._look_up_at = 0.0

    @classmethod
    def at(cls, urls: Sequence[str], root: Path, connections: int) -> "SmtpTransport":
        return cls([Relay(url) for url in urls], connections)

    @property
    def smtputf8(self) -> bool | None:
        """Whether any relay takes addresses beyond ASCII; None while we were connected to none."""
        known = [relay.smtputf8 for relay in self._relays if relay.smtputf8 is not None]
        return any(known) if known else None

    def pump(
        self, take: Callable[[int], Sequence[Parcel]], waiting: int, wait: float
    ) -> list[tuple[Parcel, Outcome]]:
        """Keep the connections busy until something is settled, for at most ``wait`` seconds."""
        loop, openers = self._ready()
        until = time.monotonic() + wait
        while True:
            self._open_more(openers, waiting)
            self._begin(take)
            outcomes = self._collect()
            left = until - time.monotonic()
            if outcomes or left <= 0 or not (self._connections or openers.busy):
                break
            self._turn(loop, openers, left)
        if not outcomes and waiting and not (self._connections or openers.busy):
            raise TransportUnavailable("; ".join(relay.fault for relay in self._relays))
        return outcomes

    def abort(self) -> list[tuple[Parcel, Outcome]]:
        """Break off whatever is under way; gives what became of it."""
        for connection in self._connections:
            connection.lose("we broke off")
        return self._collect()

    def close(self) -> None:
        for connection in self._connections:
            connection.leave()
        self._connections.clear()
        if self._openers is not None:
            self._openers.close()
        if self._selector is not None:
            self._selector.close()
        self._selector = self._openers = None
        for relay in self._relays:
            relay.recover()

    def _ready(self) -> tuple[selectors.BaseSelector, Openers]:
        if self._selector is None or self._openers is None:
            self._selector, self._openers = selectors.DefaultSelector(), Openers()
            self._selector.register(self._openers.bell, selectors.EVENT_READ)
        return self._selector, self._openers

    def _open_more(self, openers: Openers, waiting: int) -> None:
        busy = sum(connection.dialogue.under_way for connection in self._connections)
        wanted = min(self._most, busy + waiting)
        while len(self._connections) + openers.busy < wanted:
            relay = next((relay for relay in self._relays if relay.up), None)
            if relay is None or self._open_to(relay) + openers.busy >= relay.most:
                return
            openers.open(relay)

    def _open_to(self, relay: Relay) -> int:
        return sum(connection.relay is relay for connection in self._connections)

    def _welcome(self, loop: selectors.BaseSelector, openers: Openers) -> None:
        for relay, result in openers.opened():
            if relay.takes_nothing:  # this was on its way when that turned out
                hang_up(result)
                continue
            if isinstance(result, Unreachable) and self._open_to(relay):
                relay.most = self._open_to(relay)  # some servers take no more than a few connections
                continue
            if isinstance(result, Unreachable):
                relay.fail(
                    f"the mail server {relay.place} can't be used: {result}; "
                    "nothing is lost: mend [mail] transport or the server, and send again"
                )
                continue
            relay.fault = ""
            connection = Connection(relay, *result, timeout=relays.TIMEOUT, patience=PATIENCE)
            self._connections.append(connection)
            loop.register(connection.socket, selectors.EVENT_READ, connection)

    # Talking.

    def _begin(self, take: Callable[[int], Sequence[Parcel]]) -> None:
        """Give every connection that has room the next message, and write."""
        ready = [connection for connection in self._connections if connection.dialogue.ready]
        for connection, parcel in zip(ready, take(len(ready)) if ready else (), strict=False):
            connection.dialogue.begin(parcel)
        for connection in self._connections:
            if connection.dialogue.has_output:
                self._write(connection)

    def _write(self, connection: Connection) -> None:
        was_blocked = connection.blocked
        connection.write()
        if connection.blocked != was_blocked and not connection.dialogue.over:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.blocked else 0)
            assert self._selector is not None
            self._selector.modify(connection.socket, events, connection)

    def _turn(self, loop: selectors.BaseSelector, openers: Openers, wait: float) -> None:
        """Wait for something to happen on a connection, and hear it out."""
        for key, events in loop.select(min(wait, _LOOK_UP)):
            connection = key.data
            if connection is None:
                self._welcome(loop, openers)
                continue
            if events & selectors.EVENT_WRITE:
                self._write(connection)
            if events & selectors.EVENT_READ and not connection.dialogue.over:
                connection.read()
        now = time.monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + _LOOK_UP
            for connection in self._connections:
                if now >= connection.deadline and not connection.dialogue.over:
                    # Some offer PIPELINING and throw away what comes behind the first command.
                    connection.dialogue.confused = connection.dialogue.waits_for_several
                    connection.lose("it does not answer")

    def _collect(self) -> list[tuple[Parcel, Outcome]]:
        """What was settled; connections that are over are taken leave of."""
        outcomes: list[tuple[Parcel, Outcome]] = []
        for connection in list(self._connections):
            dialogue = connection.dialogue
            if dialogue.over:
                self._end(connection)
            elif dialogue.spent:
                self._forget(connection)
                connection.leave()
            outcomes.extend(dialogue.outcomes)
            if dialogue.settled and not dialogue.over:
                connection.relay.break_offs = 0
                if dialogue.settled >= STEADY:
                    connection.relay.doubts = 0
            dialogue.outcomes.clear()
        return outcomes

    def _end(self, connection: Connection) -> None:
        """A connection that failed: is it the relay?"""
        dialogue, relay = connection.dialogue, connection.relay
        self._forget(connection)
        if connection.socket.fileno() >= 0:
            connection.lose(dialogue.over)
        if dialogue.confused and relay.pipelines:
            relay.pipelines = False
            return
        if dialogue.refused:
            relay.fail(
                f"the mail server {relay.place} takes no mail from us: {dialogue.refused}; "
                "nothing is lost: mend [mail] from or transport, and send again",
                greets=True,
            )
            return
        # Some recipients make a server break off, and so do some messages; when one after another does, or
        # there was neither, it must be the server.
        relay.doubts += dialogue.settled < STEADY and self._any(dialogue, Uncertain)
        relay.break_offs += not dialogue.settled
        at_one = dialogue.settled or not dialogue.begun or self._any(dialogue, Deferred, Uncertain)
        if at_one and relay.break_offs < BREAK_OFFS and relay.doubts < BREAK_OFFS:
            return
        relay.fail(
            f"the mail server {relay.place} breaks off: {dialogue.over}; nothing is lost, send again later",
            greets=True,
        )
        if not dialogue.settled:  # then it was not the recipient either
            dialogue.outcomes = [
                (parcel, Unsent(outcome.reply) if isinstance(outcome, Deferred) else outcome)
                for parcel, outcome in dialogue.outcomes
            ]

    @staticmethod
    def _any(dialogue: Dialogue, *kinds: type[Outcome]) -> bool:
        return any(isinstance(outcome, kinds) for _, outcome in dialogue.outcomes)

    def _forget(self, connection: Connection) -> None:
        self._connections.remove(connection)
        assert self._selector is not None
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
