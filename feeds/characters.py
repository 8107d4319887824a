"""Plain text from outside: the characters that can be published and mailed, one line, a length."""

import re

# What XML 1.0 §2.2 forbids, C1 controls and noncharacters; and the private-use area, whose characters mean
# nothing to a reader and are free for marking places in a text.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
# The same seen from the other side, which is found out twenty times faster, and is so for nearly any text.
_FIT = re.compile(
    "[ -~\n\t\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
    + "".join(f"{chr(plane)}-{chr(plane + 0xFFFD)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]*+"
)
# Bidirectional embeddings, overrides and isolates: left open, they turn round the text that follows.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def fit(text: str) -> str:
    """The text without characters that XML forbids or that mean nothing; line ends become ``\\n``."""
    if text.isprintable():  # nearly any line of text, and found out in no time
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if _FIT.fullmatch(text) else _UNFIT.sub("", text)


def turns(text: str) -> bool:
    """Whether a text has characters that turn round what follows; ``one_line`` takes them out."""
    return not text.isascii() and _TURNING.search(text) is not None


def one_line(text: str) -> str:
    """Plain text on a single line, whitespace collapsed."""
    return " ".join((text if text.isprintable() else _TURNING.sub("", fit(text))).split())


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, cut at a word's end, with an ellipsis where something was cut."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    at_word = head if text[length - 1].isspace() else head.rsplit(None, 1)[0]
    # A word that fills more than half of the room is cut where the room ends.
    return (at_word if len(at_word) > length // 2 else head).rstrip(" \n,;:-–—") + "…"
