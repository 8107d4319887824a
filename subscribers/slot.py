"""Slots: the places in a letter for what is personal, filled in after everything else is done."""

from collections.abc import Mapping
from enum import StrEnum
from html import escape

OPEN, CLOSE = "\ue000", "\ue001"
"""Private-use characters, which mean nothing in any text; taken out of everything from outside."""


class Slot(StrEnum):
    """What differs from reader to reader. A value is the mark that stands in the letter."""

    GREETING_NAME = f"{OPEN}GREETING_NAME{CLOSE}"  # after "Dear": a name, or the word for reader
    EMAIL = f"{OPEN}EMAIL{CLOSE}"
    UNSUBSCRIBE = f"{OPEN}UNSUBSCRIBE{CLOSE}"  # the reader's own unsubscribe URL
    PREFERENCES = f"{OPEN}PREFERENCES{CLOSE}"  # that at which they change what they get; it has no query


def without_slots(text: str) -> str:
    """The text with nothing in it that could become a slot."""
    return text.replace(OPEN, "").replace(CLOSE, "")


def fill(text: str, values: Mapping[Slot, str], *, html: bool) -> str:
    """The text with these slots filled, escaped for an HTML element or attribute where ``html``.

    A value can't bring in a slot of its own; a slot that has no value stays as it is.
    """
    for slot, value in values.items():
        plain = without_slots(value)
        text = text.replace(slot, escape(plain) if html else plain)
    return text
