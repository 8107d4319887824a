"""A mail server in a process of its own: ``python smtp_server.py INBOX [options]``.

Prints its port when it listens. Each message it takes becomes a line of JSON in INBOX, written before
the server answers. A recipient like ``rcpt-550@x.example`` is refused with that code at RCPT,
``data-451@x.example`` after DATA. One for ``hold-1@x.example`` is taken once there is a file INBOX.go.
"""

import argparse
import asyncio
import base64
import json
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


def asked(address: str, stage: str) -> str | None:
    """The answer that this recipient stands for at this stage."""
    name, _, code = address.partition("@")[0].partition("-")
    return f"{code} {code[0]}.0.0 as {address} asked" if name == stage else None


@dataclass(frozen=True)
class Taken:
    """A message as the server has it."""

    connection: int
    encrypted: bool
    user: str
    sender: str
    recipients: list[str]
    content: bytes


def mails_taken(inbox: Path) -> list[Taken]:
    """What the server has taken up to now, without a line that it is still writing."""
    lines = inbox.read_text().splitlines(keepends=True) if inbox.exists() else []
    return [
        Taken(**fields | {"content": base64.b64decode(fields["content"])})
        for fields in (json.loads(line) for line in lines if line.endswith("\n"))
    ]


class Handler:
    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := asked(address, "rcpt"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if answer := asked(envelope.rcpt_tos[0], "data"):
            return answer
        if asked(envelope.rcpt_tos[0], "hold"):
            while not self._inbox.with_suffix(".go").exists():
                await asyncio.sleep(0.01)
        message = Taken(
            session.peer[1],
            server.transport.get_extra_info("ssl_object") is not None,
            session.auth_data.login.decode() if session.authenticated else "",
            envelope.mail_from,
            envelope.rcpt_tos,
            envelope.original_content,
        )
        fields = asdict(message) | {"content": base64.b64encode(message.content).decode()}
        with self._inbox.open("a") as inbox:
            inbox.write(json.dumps(fields) + "\n")
        return "250 taken"


async def serve(options: argparse.Namespace) -> None:
    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        right = f"{data.login.decode()}:{data.password.decode()}" == options.login
        return AuthResult(success=right, handled=False, auth_data=data)

    def session() -> SMTP:
        return SMTP(
            Handler(options.inbox),
            hostname="mail.example",
            enable_SMTPUTF8=options.smtputf8,
            tls_context=None if options.implicit else context,
            require_starttls=context is not None and not options.implicit,
            authenticator=authenticate,
            auth_required=bool(options.login),
            auth_require_tls=not options.implicit,
        )

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if options.implicit else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("inbox", type=Path)
    parser.add_argument("--smtputf8", action="store_true")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--implicit", action="store_true", help="TLS from the first byte")
    parser.add_argument("--login", default="", help="user:password, asked of everybody")
    asyncio.run(serve(parser.parse_args()))
