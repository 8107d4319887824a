"""A relay: one mail server of ours, how to open a connection to it, and whether it is up."""

import base64
import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from feeds.characters import one_line
from pipeline.transports.smtp.dialogue import Offers

PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
TIMEOUT = 60.0
OPENING = 120.0
"""Seconds that opening a connection may take in all, however slowly or at length the server talks."""
REST = 60.0
"""Seconds for which a relay that failed is left alone, while there are others or until it is asked again."""
_ANY = 1_000_000
_WORDS = 80
"""Characters shown of an answer that is no reply."""


class Unreachable(Exception):
    """No connection could be opened; the text says why."""


class Relay:
    """``smtps://user:password@host:465``; the port is the scheme's own where none is given."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or PORTS[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self.pipelines = True
        """Until it proves not to, whatever it offers."""
        self.smtputf8: bool | None = None
        self.most = _ANY
        """Connections that it takes at a time, as far as it has shown."""
        self.fault = ""
        self.break_offs = 0
        """Connections in a row on which not one message got an answer."""
        self.doubts = 0
        """Connections lost over a message of which nobody can know."""
        self._down_until = 0.0
        self._greets = False

    @property
    def place(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    def up(self) -> bool:
        return not self.fault or time.monotonic() >= self._down_until

    @property
    def takes_nothing(self) -> bool:
        """Whether it is left alone though connections to it can be opened: one more of them is no news."""
        return self._greets and not self.up

    def fail(self, fault: str, *, greets: bool = False) -> None:
        """Leave it alone for a while. ``fault`` is a sentence that names the server and says what to do.

        ``greets`` tells that a connection could be opened, and what came after that was at fault.
        """
        self.fault = fault
        self._greets = greets
        self._down_until = time.monotonic() + REST

    def recover(self) -> None:
        """Forget what went wrong."""
        self.fault = ""
        self.most = _ANY
        self.break_offs = self.doubts = 0

    def connect(self) -> tuple[socket.socket, Offers]:
        """A connection that is greeted, encrypted and logged in as the URL says. Raises Unreachable.

        It blocks, for at most a minute a step.
        """
        # Made in two steps, so that there is something to break off while it connects.
        kind: Any = smtplib.SMTP_SSL if self._scheme == "smtps" else smtplib.SMTP
        connection: smtplib.SMTP = kind.__new__(kind)
        limit = threading.Timer(OPENING, _break_off, [connection])
        limit.daemon = True
        limit.start()
        try:
            more = {"context": ssl.create_default_context()} if kind is smtplib.SMTP_SSL else {}
            kind.__init__(connection, self._host, self._port, _own_name(), timeout=TIMEOUT, **more)
            connection.ehlo_or_helo_if_needed()
            if self._scheme == "smtp+starttls":
                connection.starttls(context=ssl.create_default_context())
                connection.ehlo_or_helo_if_needed()
            if self._user:
                self._log_in(connection)
            offers = self._offers(connection)
            open = connection.sock
            assert open is not None
            # From here on the connection is the dialogue's; the library lets go of it without closing it.
            connection.sock = connection.file = None
            open.setblocking(False)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # The library lets a ValueError pass of a server's challenge at log-in that is no base64.
            if hasattr(connection, "sock"):
                connection.close()
            raise Unreachable(_cause(error)) from error
        finally:
            limit.cancel()
        self.smtputf8 = offers.smtputf8
        return open, offers

    def _log_in(self, connection: smtplib.SMTP) -> None:
        """Log in by whatever the server offers; PLAIN alone can carry what is beyond ASCII (RFC 4616 §2)."""
        if f"{self._user}{self._password}".isascii():  # all that the library can write
            connection.login(self._user, self._password)
            return
        if "PLAIN" not in connection.esmtp_features.get("auth", "").split():
            raise smtplib.SMTPException(
                "it offers no AUTH PLAIN, which a user or password with characters beyond ASCII needs"
            )
        secret = base64.b64encode(f"\0{self._user}\0{self._password}".encode()).decode()
        code, words = connection.docmd("AUTH", f"PLAIN {secret}")
        if not 200 <= code < 300:
            raise smtplib.SMTPAuthenticationError(code, words)

    def _offers(self, connection: smtplib.SMTP) -> Offers:
        size = connection.esmtp_features.get("size", "").strip()
        return Offers(
            pipelining=self.pipelines and connection.has_extn("pipelining"),
            size_declared=connection.has_extn("size"),
            size=int(size) if size.isascii() and size.isdigit() else 0,
            smtputf8=connection.has_extn("smtputf8"),
            dsn=connection.has_extn("dsn"),
            eightbit=connection.has_extn("8bitmime"),
        )


@cache
def _own_name() -> str:
    """Our name for EHLO, asked of the system once: without a resolver that takes seconds."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _break_off(connection: smtplib.SMTP) -> None:
    open = getattr(connection, "sock", None)
    if open is not None:
        with suppress(OSError):
            open.shutdown(socket.SHUT_RDWR)


def _cause(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        words = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        if error.smtp_code < 0:  # the library's word for what is no reply
            return one_line(f"what it says can't be understood (…{words[:_WORDS]})")
        return one_line(f"{error.smtp_code} {words}")
    if isinstance(error, UnicodeError):
        return "its name can't be that of a host"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return one_line(f"its answer can't be understood ({error})")
    return one_line(str(error.strerror or error) if isinstance(error, OSError) else str(error))
