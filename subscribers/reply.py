"""An SMTP reply: its code, its enhanced status where it has one, and what the two mean for us (RFC 3463)."""

import re
from dataclasses import dataclass

# Some put a sign before the status: "550 #5.7.1 …".
_SHAPE = re.compile(r"(?:(?P<code>[2-5]\d\d)\b[ -]?)?#?(?P<status>[245]\.\d{1,3}\.\d{1,3}\b)?")
_QUOTED = re.compile(r"\b[245]\d\d[ -]#?[245]\.\d{1,3}\.\d{1,3}\b")
_GOING_AWAY = 421


@dataclass(frozen=True, slots=True)
class Reply:
    """``code`` is 0 where the text is no reply at all; ``status`` is like ``5.1.1``, or empty."""

    code: int
    status: str

    @classmethod
    def read(cls, text: str) -> "Reply":
        """The reply at the beginning of a line like ``550 5.1.1 no such user``.

        What is not told is 0 and empty: a report may have a status alone.
        """
        found = _SHAPE.match(text)
        return cls(int(found["code"] or 0), found["status"] or "") if found else cls(0, "")

    @staticmethod
    def quoted(text: str) -> str:
        """The text from the first whole reply in it, as in ``host mx.example said: 550 5.7.1 blocked``.

        Empty where there is none.
        """
        found = _QUOTED.search(text)
        return text[found.start() :] if found else ""

    @property
    def is_policy(self) -> bool:
        """Whether mail was refused for what or who we are: not the reader's fault (RFC 3463 §3.8)."""
        return self.status.startswith("5.7.")

    @property
    def is_about_dialogue(self) -> bool:
        """Whether a command was not understood or not expected (RFC 5321 §4.2.2): no fault of a mailbox.

        With the status of an address or a mailbox it is about that after all, as in ``501 5.1.3``.
        """
        about_mailbox = self.status.startswith(("5.1.", "5.2."))
        return (500 <= self.code <= 504 or self.code == 555) and not about_mailbox

    @property
    def blames_address(self) -> bool:
        """Whether there is no such mailbox, or no longer (RFC 3463 §3.2), not just no room or no liking.

        ``5.1.7`` and ``5.1.8`` are about the sender's address; ``5.0.0`` says nothing, and is what many say
        of who they do not know. So do some, Outlook.com among them, with ``550 5.5.0``, of which the code
        alone tells.
        """
        if not self.status or self.status == "5.5.0":
            return self.code in (550, 551, 553)
        about_address = self.status.startswith("5.1.") and self.status not in ("5.1.7", "5.1.8")
        return about_address or self.status in ("5.0.0", "5.2.1")

    @property
    def is_about_us_for_now(self) -> bool:
        """Whether mail was put off for who we are, or for the server's own state (RFC 3463 §3.4)."""
        if not self.status:
            return self.code == _GOING_AWAY
        return self.status.startswith(("4.3.", "4.7."))

    @property
    def asks_for_patience(self) -> bool:
        """Whether the provider wants less of us for now, whoever the reader is."""
        return self.code == _GOING_AWAY or self.status.startswith("4.7.")
