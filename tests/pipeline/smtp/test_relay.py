"""Opening a connection, to servers that change their mind once it is encrypted."""

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
