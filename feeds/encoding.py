"""What encoding bytes from outside are in, where nobody says so or what is said is not true."""

import re

DECLARED = re.compile(rb"<\?xml[^>]{0,200}\sencoding\s*=\s*[\"']?([\w.:-]{1,40})")
"""Finds what XML says of its own encoding."""
_WIDE = ("utf-16", "utf16", "utf-32", "utf32", "ucs-2", "ucs-4", "iso-10646-ucs")
"""How encodings are called that have a zero in every letter of a tag."""


def text_of(document: bytes) -> str:
    """A document that should be UTF-8, as JSON is; where it is something else, that is Windows-1252 here."""
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = document.decode("utf-8-sig", "replace")
    return text if is_mostly_utf_8(text) else document.decode("cp1252", "replace")


def is_mostly_utf_8(text: str) -> bool:
    """Whether a text that was read as UTF-8 is that but for some characters which were cut in two."""
    faults = text.count("\ufffd")
    others = len(text) - len(text.encode("ascii", "ignore"))
    return 0 < faults < others - faults


def truly_labelled(document: bytes) -> bytes:
    """XML without a declaration of UTF-16 in letters of one byte, which .NET writes into texts."""
    said = DECLARED.search(document[:400])
    if said is None or not said[1].decode().lower().startswith(_WIDE):
        return document
    return document[: said.start(1)] + b"utf-8" + document[said.end(1) :]
