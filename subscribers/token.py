"""Links that name a subscriber, or an edition's segment, and cannot be guessed or changed.

A token is ``ID.SIGNATURE``: short, without a date, so that leaving works from a mail of any age.
The last key signs; all keys verify, so keys can rotate and old links keep working.
"""

import hashlib
from collections.abc import Sequence

from itsdangerous import BadSignature, Signer

UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"
EDITION = "edition"


class Tokens:
    """Signs and reads tokens. ``keys`` are secrets, the current one last."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = list(keys)

    def sign(self, purpose: str, id: int) -> str:
        """A token for this purpose alone, at most 64 characters, safe in a URL."""
        return self._signer(purpose).sign(str(id)).decode()

    def read(self, purpose: str, token: str) -> int | None:
        """The id a token names, or None for a forged, truncated or foreign one."""
        try:
            return int(self._signer(purpose).unsign(token.encode()))
        except (BadSignature, ValueError):
            return None

    def _signer(self, purpose: str) -> Signer:
        return Signer(self._keys, salt=f"kennisportal.{purpose}", digest_method=hashlib.sha256)
