"""Signatures, verified by another implementation than the one that made them."""

import re
from base64 import b64encode
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from subscribers.dkim import DkimKeyError, Signer
from subscribers.message import Newsletter, Recipient, Template
from subscribers.render import Letter
from subscribers.slot import Slot

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
BASE = "https://kennisportal.example"
NEWSLETTER = Newsletter(
    "Kennisportal – nieuws <nieuws@kennisportal.example>",
    "redactie@kennisportal.example",
    "Kennisportal",
    "k.example",
    BASE,
)
MOMENT = datetime(2026, 11, 23, 8, 0, 5, tzinfo=UTC)
"""In the past on any day, since verifiers refuse signatures of tomorrow."""


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )


def published(name: bytes, timeout: int = 5) -> bytes:
    """The DNS, as far as anybody asks."""
    assert name == b"week1._domainkey.kennisportal.example."
    der = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + b64encode(der)


SIGNER = Signer("kennisportal.example", "week1", pem(KEY))


def make(letter: Letter, greeting: str = "Anna", mailto: str = "") -> bytes:
    recipient = Recipient(
        "anna@x.example",
        greeting,
        f"{BASE}/unsubscribe/7.c2ln",
        f"{BASE}/preferences/7.x",
        "1@k.example",
        mailto,
    )
    return Template(letter, NEWSLETTER, "nl", SIGNER).message(recipient, MOMENT)


def verifies(message: bytes) -> bool:
    return bool(dkim.verify(message, dnsfunc=published))


BLANKS = "twee  woorden \t en een regel met een staart   \r\n\r\n  ingesprongen\r\n\r\n\r\n"


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8"), max_size=200),
    greeting=st.text(st.characters(codec="utf-8"), max_size=40),
)
@example(text=BLANKS, greeting="An  na \t")
@example(text="." * 200, greeting=".")
def test_whatever_a_message_holds_its_signature_verifies(text: str, greeting: str) -> None:
    body = f"{text}{Slot.GREETING_NAME}\r\n{text}"
    message = make(Letter(f"Kop {text}", body, f"<p>{body}</p>"), greeting)
    assert verifies(message)
    assert not verifies(message.replace(b"To: anna@", b"To: bert@"))


ONCE = ["From", "To", "Subject", "Date", "Message-ID"]


@pytest.mark.parametrize("name", [*ONCE, "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"])
def test_no_header_that_counts_can_be_changed_or_added(name: str) -> None:
    message = make(Letter("Kop", "tekst\r\n", "<p>tekst</p>\r\n"), mailto="leave@kennisportal.example")
    assert verifies(message)
    line = re.search(rf"^{name}: ".encode(), message, re.MULTILINE)
    assert line
    assert not verifies(message[: line.end()] + b"x" + message[line.end() :])
    if name in ONCE:
        assert not verifies(f"{name}: iets anders\r\n".encode() + message)


def test_a_relay_that_folds_headers_or_drops_trailing_blanks_breaks_nothing() -> None:
    message = make(Letter("Kop", BLANKS, BLANKS))
    folded = message.replace(b"List-Unsubscribe-Post: ", b"List-Unsubscribe-Post:\r\n\t")
    assert folded != message
    assert verifies(folded)


def test_no_line_of_a_signature_is_longer_than_78_characters() -> None:
    head = make(Letter("Kop", "t", "h")).partition(b"\r\nDate:")[0]
    assert head.startswith(b"DKIM-Signature: ")
    assert max(map(len, head.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "key, says",
    [
        (b"geen sleutel", "private key in PEM form"),
        (pem(KEY, b"geheim"), "unencrypted private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        (pem(KEY).replace(b"PRIVATE", b"PUBLIC"), "PEM"),
    ],
)
def test_what_is_no_key_to_sign_with_is_refused(key: bytes, says: str) -> None:
    with pytest.raises(DkimKeyError, match=says):
        Signer("kennisportal.example", "week1", key)
