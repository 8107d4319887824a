"""The ways a message leaves: one file each, one line each here, by the scheme of ``[mail] transport``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.ports import Transport
from pipeline.transports.console import ConsoleTransport
from pipeline.transports.maildir import MaildirTransport
from pipeline.transports.smtp import SmtpTransport
from subscribers.delivery import Outcome, Parcel, Unsent

_WAIT = 60.0

TRANSPORTS: dict[str, Callable[[Sequence[str], Path, int], Transport]] = {
    "console": ConsoleTransport.at,
    "maildir": MaildirTransport.at,
    "smtp": SmtpTransport.at,
    "smtps": SmtpTransport.at,
    "smtp+starttls": SmtpTransport.at,
}


def open_transport(urls: Sequence[str], root: Path, connections: int = 1) -> Transport:
    """The transport at these URLs, of which the first that works is used; a relative path starts at ``root``.

    It connects to nothing yet, and later to at most ``connections`` at a time.
    """
    return TRANSPORTS[urlsplit(urls[0]).scheme](urls, root, connections)


def hand_over(transport: Transport, parcel: Parcel) -> Outcome:
    """Send one message by itself, tried again while that may help. Raises TransportUnavailable."""
    waiting: list[Parcel] = []

    def take(room: int) -> Sequence[Parcel]:
        return [waiting.pop()] if waiting else []

    while True:
        waiting.append(parcel)
        settled: list[tuple[Parcel, Outcome]] = []
        while not settled:
            settled = transport.pump(take, len(waiting), _WAIT)
        [(_, outcome)] = settled
        if not isinstance(outcome, Unsent):
            return outcome
