"""The ways a message leaves: one file each, one line each here, by the scheme of ``[mail] transport``."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.ports import Transport
from pipeline.transports.console import ConsoleTransport
from pipeline.transports.maildir import MaildirTransport
from pipeline.transports.smtp import SmtpTransport

TRANSPORTS: dict[str, Callable[[str, Path], Transport]] = {
    "console": ConsoleTransport.at,
    "maildir": MaildirTransport.at,
    "smtp": SmtpTransport.at,
    "smtps": SmtpTransport.at,
    "smtp+starttls": SmtpTransport.at,
}


def open_transport(url: str, root: Path) -> Transport:
    """The transport at this URL; a relative path in it starts from ``root``. Connects to nothing yet."""
    return TRANSPORTS[urlsplit(url).scheme](url, root)
