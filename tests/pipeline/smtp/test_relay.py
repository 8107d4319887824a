"""Opening a connection: to servers that change their mind once it is encrypted, and logging in."""

import base64
import socket
import ssl

import pytest
from scripted import Script, serving

from pipeline.transports.smtp.relay import Relay, Unreachable


class Plainly:
    """A context that encrypts nothing."""

    @staticmethod
    def wrap_socket(sock: socket.socket, server_hostname: str) -> socket.socket:
        return sock


OVER_TLS: Script = {"EHLO": b"250-mail.example\r\n250 STARTTLS", "EHLO 2": b"502 no", "STARTTLS": b"220 go"}


def test_a_server_that_is_no_longer_for_ehlo_once_encrypted_is_greeted_the_old_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", Plainly)
    with serving(OVER_TLS | {"HELO": b"250 hi"}) as server:
        Relay(f"smtp+starttls://127.0.0.1:{server.port}").connect()[0].close()
    assert [verb for verb in server.heard if verb != "QUIT"] == ["EHLO", "STARTTLS", "EHLO", "HELO"]


def test_a_server_that_takes_no_greeting_once_encrypted_can_t_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ssl, "create_default_context", Plainly)
    with (
        serving(OVER_TLS | {"HELO": b"502 nor this"}) as server,
        pytest.raises(Unreachable, match="nor this"),
    ):
        Relay(f"smtp+starttls://127.0.0.1:{server.port}").connect()


LOG_IN = b"250-mail.example\r\n250 AUTH CRAM-MD5 PLAIN LOGIN"


def test_a_password_beyond_ascii_is_told_as_utf_8() -> None:
    with serving({"EHLO": LOG_IN, "AUTH": b"235 welcome"}) as server:
        Relay(f"smtp://postb%C3%BCro:ge%C3%AFnd%20%E2%82%AC@127.0.0.1:{server.port}").connect()[0].close()
    (line,) = [line for line in server.lines if line.startswith("AUTH")]
    verb, mechanism, secret = line.split()
    assert (verb, mechanism) == ("AUTH", "PLAIN")
    assert base64.b64decode(secret, validate=True).split(b"\0") == [
        b"",
        "postbüro".encode(),
        "geïnd €".encode(),
    ]


@pytest.mark.parametrize(
    "script, why",
    [
        ({"EHLO": LOG_IN, "AUTH": b"535 5.7.8 wrong"}, "535 5.7.8 wrong"),
        ({"EHLO": LOG_IN, "AUTH": b"334 "}, "334"),
        ({"EHLO": LOG_IN.replace(b"PLAIN", b"XOAUTH2")}, "offers no AUTH PLAIN"),
        ({}, "offers no AUTH PLAIN"),
    ],
)
def test_a_server_that_takes_no_password_beyond_ascii_says_why(script: Script, why: str) -> None:
    with serving(script) as server, pytest.raises(Unreachable, match=why):
        Relay(f"smtp://us:ge%C3%AFnd@127.0.0.1:{server.port}").connect()


def test_a_name_that_no_host_can_have_is_said_to_be_none() -> None:
    with pytest.raises(Unreachable, match="its name can't be that of a host"):
        Relay(f"smtp://{'é' * 70}.example").connect()
