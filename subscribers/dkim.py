"""Signing messages with DKIM (RFC 6376): rsa-sha256, relaxed/relaxed, with OpenSSL doing the arithmetic."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_BLANKS = re.compile(rb"[ \t]+")
_TRAILING = re.compile(rb"[ \t]+(?=\r\n)")
_LEAST_BITS = 1024
_FOLD = 72

TWICE = frozenset({"from", "to", "subject", "date", "message-id"})
"""Signed once more than they occur, so that nobody can add a second one (RFC 6376 §8.15)."""


class DkimKeyError(ValueError):
    """This is no key to sign with; the text says why."""


class Signer:
    """Signs for ``domain`` with the key that is published under ``selector``. ``pem`` is the private key."""

    def __init__(self, domain: str, selector: str, pem: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError) as error:
            raise DkimKeyError(f"it is no unencrypted private key in PEM form ({error})") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise DkimKeyError("it is no RSA key; make one with 'openssl genrsa 2048'")
        if key.key_size < _LEAST_BITS:
            raise DkimKeyError(f"it has {key.key_size} bits; mail providers want 2048")
        self._key = key
        self._head = f"v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d={domain};\r\n s={selector};"

    def of(self, names: Sequence[str], shared: bytes) -> "Signature":
        """The signing of messages that have these headers, in this order.

        ``shared`` are the last of them, the same for all messages, in relaxed form.
        """
        signed = ":".join(name for name in names for _ in range(2 if name in TWICE else 1))
        return Signature(self._key, self._head, _folded(signed, ":"), shared)


class Signature:
    """Makes the ``DKIM-Signature`` of one message after another."""

    def __init__(self, key: rsa.RSAPrivateKey, head: str, names: str, shared: bytes) -> None:
        self._key = key
        self._head = head
        self._names = names
        self._shared = shared

    def line(self, personal: bytes, body: bytes, at: int) -> bytes:
        """The header line, signed at this second since 1970.

        ``personal`` are the first headers, and ``body`` the whole body, both in relaxed form.
        """
        digest = b64encode(hashlib.sha256(body).digest()).decode()
        fields = f"{self._head} t={at};\r\n h={self._names};\r\n bh={digest};\r\n b="
        own = b"dkim-signature:" + fields.replace("\r\n", "").encode()
        signature = self._key.sign(personal + self._shared + own, padding.PKCS1v15(), hashes.SHA256())
        text = b64encode(signature).decode()
        lines = [text[start : start + _FOLD] for start in range(0, len(text), _FOLD)]
        return f"DKIM-Signature: {fields}".encode() + "\r\n ".join(["", *lines]).encode() + b"\r\n"


def relaxed_header(name: str, value: str) -> bytes:
    """A header field as it is signed (RFC 6376 §3.4.2)."""
    unfolded = _BLANKS.sub(b" ", value.replace("\r\n", "").encode()).strip()
    return name.lower().encode() + b":" + unfolded + b"\r\n"


def relaxed_body(part: bytes) -> bytes:
    """Whole lines of a body as they are signed (RFC 6376 §3.4.4), but for empty lines at its end."""
    if b"  " not in part and b"\t" not in part and b" \r" not in part:
        return part
    return _TRAILING.sub(b"", _BLANKS.sub(b" ", part))


def _folded(text: str, at: str) -> str:
    """A list broken into lines of at most 72 characters, each but the last ending in ``at``."""
    lines = [""]
    for word in text.split(at):
        if lines[-1] and len(lines[-1]) + len(word) + 1 > _FOLD:
            lines.append("")
        lines[-1] += word + at
    return "\r\n ".join(lines).removesuffix(at)
