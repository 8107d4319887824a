"""Links and bounce addresses that name somebody or something of ours, and cannot be guessed or changed.

A token is ``ID.SIGNATURE``: short, without a date, so that leaving works from a mail of any age.
The last key signs; all keys verify, so keys can rotate and old links keep working.
"""

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Callable, Sequence
from datetime import datetime

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_encode

UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"
EDITION = "edition"
BOUNCE = "bounce"
FEED = "feed"
CONFIRM = "confirm"
ACCOUNT = "account"
ADDRESS = "address"

_MARK = 10
"""Bytes of a signature in an address, where room is scarce: 80 bits, 16 characters."""


class Tokens:
    """Signs and reads tokens. ``keys`` are secrets, the current one last."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = list(keys)
        self._keyed: dict[str, hmac.HMAC] = {}

    def sign(self, purpose: str, id: int) -> str:
        """A token for this purpose alone, at most 64 characters, safe in a URL."""
        return self._signed(purpose, str(id))

    def _signed(self, purpose: str, text: str) -> str:
        # The library derives the key anew for each signature, which shows in an edition of 100,000.
        if purpose not in self._keyed:
            self._keyed[purpose] = hmac.new(self._signer(purpose).derive_key(), digestmod=hashlib.sha256)
        signature = self._keyed[purpose].copy()
        signature.update(text.encode())
        return f"{text}.{base64_encode(signature.digest()).decode()}"

    def read(self, purpose: str, token: str) -> int | None:
        """The id a token names, or None for a forged, truncated or foreign one."""
        try:
            return int(self._signer(purpose).unsign(token.encode()))
        except (BadSignature, ValueError):
            return None

    def sign_until(self, purpose: str, id: int, until: datetime) -> str:
        """A token that is worthless after a moment."""
        return self._signed(purpose, f"{id}-{int(until.timestamp())}")

    def read_until(self, purpose: str, token: str, now: datetime) -> int | None:
        """The id that such a token names, or None for one that is forged, foreign or too old."""
        try:
            id, _, until = self._signer(purpose).unsign(token.encode()).decode().partition("-")
            return int(id) if now.timestamp() <= int(until) else None
        except (BadSignature, ValueError):
            return None

    def sign_feed(self, id: int, serial: int) -> str:
        """The token of a reader's own feed; the next serial makes another, and this one worthless."""
        return self.sign(f"{FEED}.{serial}", id)

    def read_feed(self, token: str, serial: Callable[[int], int]) -> int | None:
        """The id that a feed's token names, if ``serial`` of that id is the one it was made with."""
        number = token.partition(".")[0]
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        current = serial(int(number))
        return self.read(f"{FEED}.{current}", token) if current > 0 else None

    def address(self, purpose: str, id: int, domain: str) -> str:
        """An address of ours that names ``id``: in lower case, since mail servers may change the case."""
        return f"{purpose}+{id}-{self._mark(self._keys[-1], purpose, id)}@{domain}"

    def read_address(self, purpose: str, address: str) -> int | None:
        """The id that an address of ours names, or None for any other address."""
        local = address.partition("@")[0].lower()
        name, _, rest = local.partition("+")
        number, _, mark = rest.partition("-")
        if name != purpose or not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        id = int(number)
        marks = [self._mark(key, purpose, id) for key in self._keys]
        return id if any(hmac.compare_digest(mark.encode(), own.encode()) for own in marks) else None

    @staticmethod
    def _mark(key: bytes, purpose: str, id: int) -> str:
        signature = hmac.digest(key, f"kennisportal.address.{purpose}.{id}".encode(), "sha256")
        return b32encode(signature[:_MARK]).decode().lower()

    def _signer(self, purpose: str) -> Signer:
        return Signer(self._keys, salt=f"kennisportal.{purpose}", digest_method=hashlib.sha256)
