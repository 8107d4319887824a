"""Messages over SMTP (RFC 5321): ``smtp://``, ``smtps://`` and ``smtp+starttls://``."""

import smtplib
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from feeds.markup import one_line
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
_GOING_DOWN = 421
_BREAK_OFFS = 3
"""Recipients in a row at whom the server breaks off, before it must be the server."""
_PATIENCE = 600
"""Seconds to wait for the answer to a whole message: a server may scan it first (RFC 5321 §4.5.3.2.6)."""
_TOO_LARGE = 552
_LOG_IN_FIRST = 530
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
        self._at_recipient = False
        self._broken_off = 0

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
        self._at_recipient = False
        try:
            outcome = self._attempt(sender, recipient, message)
            self._broken_off = 0
            return outcome
        except smtplib.SMTPException as error:
            # Only while nothing of the message is out: an idle server may have hung up on us.
            self._drop()
            if fresh and self._at_recipient:
                # It may be this one recipient that the server breaks off at; the next may fare better.
                self._broken_off += 1
                if self._broken_off < _BREAK_OFFS:
                    return Deferred(f"the server broke off at this recipient: {_cause(error)}")
            if fresh:
                raise TransportUnavailable(
                    f"the mail server {self._place} breaks off: {_cause(error)}; "
                    "nothing is lost, send again later"
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
        international = needs_smtputf8(recipient)
        if international:
            if not connection.has_extn("smtputf8"):
                return Rejected(f"{self._place} does not offer SMTPUTF8, which this address needs")
            options.append("SMTPUTF8")
        code, reply = connection.mail(sender, options)
        if 500 <= code < 600 and code != _TOO_LARGE and not international:
            raise self._refuses_us(code, reply)
        if _is_done(code):
            self._at_recipient = True
            code, reply = connection.rcpt(recipient)
            self._at_recipient = not _is_done(code)
            if _is_done(code):
                code, reply = connection.docmd("DATA")
                if code == 354:
                    return self._hand_over(connection, message)
        if code == _LOG_IN_FIRST:
            raise self._refuses_us(code, reply)
        if code == _GOING_DOWN or not 400 <= code < 600:
            raise smtplib.SMTPServerDisconnected(_words(code, reply))
        with suppress(smtplib.SMTPException):
            connection.rset()
        return _refused(code, reply)

    def _refuses_us(self, code: int, reply: bytes) -> TransportUnavailable:
        """A refusal that has nothing to do with the reader, who would lose this and every next mail by it."""
        self.close()
        return TransportUnavailable(
            f"the mail server {self._place} takes no mail from us: {_words(code, reply)}; "
            "nothing is lost: mend [mail] from or transport, and send again"
        )

    def _hand_over(self, connection: smtplib.SMTP, message: bytes) -> Outcome:
        """From the first byte of the message on, a lost connection leaves it uncertain."""
        try:
            connection.send(_stuffed(message))
            self._wait_at_most(_PATIENCE)
            code, reply = connection.getreply()
            self._wait_at_most(_TIMEOUT)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return Uncertain(f"the connection broke after DATA: {_cause(error)}")
        self._sent += 1
        if _is_done(code):
            return Accepted(_words(code, reply))
        if not 400 <= code < 600:
            self._drop()
            return Uncertain(f"the server's answer after DATA can't be read: {_words(code, reply)}")
        if code == _GOING_DOWN:
            self._drop()
        return _refused(code, reply)

    def _wait_at_most(self, seconds: float) -> None:
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)

    def _connect(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        try:
            if self._scheme == "smtps":
                self._connection = smtplib.SMTP_SSL(
                    self._host, self._port, timeout=_TIMEOUT, context=ssl.create_default_context()
                )
            else:
                self._connection = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT)
            self._connection.ehlo_or_helo_if_needed()
            if self._scheme == "smtp+starttls":
                self._connection.starttls(context=ssl.create_default_context())
                self._connection.ehlo()
            if self._user:
                self._connection.login(self._user, self._password)
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            self._drop()
            raise TransportUnavailable(
                f"the mail server {self._place} can't be used: {_cause(error)}; "
                "nothing is lost: mend [mail] transport or the server, and send again"
            ) from error
        return self._connection


def _stuffed(message: bytes) -> bytes:
    """The message as DATA carries it (RFC 5321 §4.5.2): dots doubled, a lone dot at the end."""
    body = message if message.endswith(b"\r\n") else message + b"\r\n"
    if body.startswith(b"."):
        body = b"." + body
    return body.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _is_done(code: int) -> bool:
    """Whether a reply says yes. Its first digit decides (RFC 5321 §4.2.1): not all servers say 250."""
    return 200 <= code < 300


def _refused(code: int, reply: bytes) -> Outcome:
    return Rejected(_words(code, reply)) if 500 <= code < 600 else Deferred(_words(code, reply))


def _words(code: int, reply: bytes) -> str:
    return one_line(f"{code} {reply.decode('utf-8', 'replace')}")


def _cause(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        return _words(error.smtp_code, raw if isinstance(raw, bytes) else raw.encode())
    if isinstance(error, UnicodeError):
        return "its name, the user or the password has a character that SMTP can't carry"
    return one_line(str(error.strerror or error) if isinstance(error, OSError) else str(error))
