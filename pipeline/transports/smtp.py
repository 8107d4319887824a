"""Messages over SMTP (RFC 5321): ``smtp://``, ``smtps://`` and ``smtp+starttls://``."""

import smtplib
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from subscribers.delivery import (
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    TransportUnavailable,
    Uncertain,
)
from subscribers.subscriber import needs_smtputf8

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_TIMEOUT = 60
_PER_CONNECTION = 500
"""Messages after which we connect anew: servers dislike a connection that never ends."""


class SmtpTransport:
    """One connection to one server, made when it is first needed and made anew when it is lost."""

    def __init__(self, scheme: str, host: str, port: int, user: str = "", password: str = "") -> None:
        self._scheme = scheme
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._connection: smtplib.SMTP | None = None
        self._sent = 0

    @classmethod
    def at(cls, url: str, root: Path) -> "SmtpTransport":
        """``smtps://user:password@host:465``; the port is the scheme's own where none is given."""
        parts = urlsplit(url)
        return cls(
            parts.scheme,
            parts.hostname or "localhost",
            parts.port or _PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )

    def send(self, sender: str, recipient: str, message: bytes) -> Outcome:
        """One message, one recipient. A connection lost before the message was sent is made anew once."""
        if self._connection is not None and self._sent >= _PER_CONNECTION:
            self.close()
        fresh = self._connection is None
        try:
            return self._attempt(sender, recipient, message)
        except smtplib.SMTPServerDisconnected as error:
            # Only while nothing of the message is out: an idle server may have hung up on us.
            self._drop()
            if fresh:
                raise TransportUnavailable(
                    f"the mail server {self._place} hangs up: {error}; nothing is lost, send again later"
                ) from error
            return self.send(sender, recipient, message)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._connection.quit()
        self._drop()

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._sent = 0

    def _attempt(self, sender: str, recipient: str, message: bytes) -> Outcome:
        connection = self._connect()
        options = [f"size={len(message)}"] if connection.has_extn("size") else []
        if needs_smtputf8(recipient):
            if not connection.has_extn("smtputf8"):
                return Rejected(f"{self._place} does not offer SMTPUTF8, which this address needs")
            options.append("SMTPUTF8")
        code, reply = connection.mail(sender, options)
        if code == 250:
            code, reply = connection.rcpt(recipient)
        if code in (250, 251):
            code, reply = connection.docmd("DATA")
            if code == 354:
                return self._hand_over(connection, message)
        if code == -1 or code == 421:
            raise smtplib.SMTPServerDisconnected(_words(code, reply))
        with suppress(smtplib.SMTPException):
            connection.rset()
        return _refused(code, reply)

    def _hand_over(self, connection: smtplib.SMTP, message: bytes) -> Outcome:
        """From the first byte of the message on, a lost connection leaves it uncertain."""
        try:
            connection.send(_stuffed(message))
            code, reply = connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Uncertain(f"the connection broke after DATA: {error}")
        self._sent += 1
        if code == 250:
            return Accepted(_words(code, reply))
        if code == -1:
            self._drop()
            return Uncertain("the server gave no readable answer after DATA")
        if code == 421:
            self._drop()
        return _refused(code, reply)

    def _connect(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        try:
            if self._scheme == "smtps":
                connection: smtplib.SMTP = smtplib.SMTP_SSL(
                    self._host, self._port, timeout=_TIMEOUT, context=ssl.create_default_context()
                )
            else:
                connection = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT)
            connection.ehlo_or_helo_if_needed()
            if self._scheme == "smtp+starttls":
                connection.starttls(context=ssl.create_default_context())
                connection.ehlo()
            if self._user:
                connection.login(self._user, self._password)
        except (OSError, smtplib.SMTPException) as error:
            raise TransportUnavailable(
                f"the mail server {self._place} can't be used: {_cause(error)}; "
                "nothing is lost: mend [mail] transport or the server, and send again"
            ) from error
        self._connection = connection
        return connection


def _stuffed(message: bytes) -> bytes:
    """The message as DATA carries it (RFC 5321 §4.5.2): dots doubled, a lone dot at the end."""
    body = message if message.endswith(b"\r\n") else message + b"\r\n"
    if body.startswith(b"."):
        body = b"." + body
    return body.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _refused(code: int, reply: bytes) -> Outcome:
    return Rejected(_words(code, reply)) if 500 <= code < 600 else Deferred(_words(code, reply))


def _words(code: int, reply: bytes) -> str:
    return f"{code} {reply.decode('utf-8', 'replace')}"


def _cause(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        return _words(error.smtp_code, raw if isinstance(raw, bytes) else raw.encode())
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
