"""Quoted-printable text with slots in it (RFC 2045 §6.7), encoded once for all its readers.

A slot stands on a line of its own between soft line breaks, which a mail program takes out again. So
what stands around it needs no encoding anew when the slot is filled.
"""

import re
from binascii import b2a_qp
from html import escape

from subscribers.slot import CLOSE, OPEN, Slot

_LINE = 76
_ROOM = _LINE - 1
_SOFT = b"=\r\n"
_SLOT = re.compile(f"({OPEN}[A-Z_]+{CLOSE})")
_KNOWN = set(Slot)
_PLAIN = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9 .,:/@+_-]*)?[A-Za-z0-9]")
"""What stands for itself, in mail and in HTML, as most names, addresses and links do."""
_CHANGED_FIRST = re.compile(rb"^(?:\.|F(?=rom ))", re.MULTILINE)
"""With what a line may not begin, since it would be changed on its way: by SMTP, where a dot ends a message
(RFC 5321 §4.5.2), and where mail is kept in one file, where From begins the next one (RFC 2049 §3)."""
_BLANK_LAST = re.compile(rb"=(?:20|09)(?=\r|\Z)")
"""A blank at a line's end, of which the encoder counts one character where it writes three."""

Chunk = bytes | Slot


def chunks(text: str) -> list[Chunk]:
    """The text, with CRLF line ends, as encoded bytes with its slots between them."""
    found: list[Chunk] = []
    for part in _SLOT.split(text):
        if part in _KNOWN:
            if found and isinstance(found[-1], bytes):
                found[-1] = _open_ended(found[-1])
            found.append(Slot(part))
        elif part:
            found.append(encoded(part))
    return found


def encoded(text: str) -> bytes:
    """Text as quoted-printable, lines of at most 76 characters; every line end becomes CRLF."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    data = lines.encode("utf-8", "replace")
    # The encoder takes the kind of line end from the first one it meets, and knows nothing of what becomes of
    # a line on its way.
    return _mended(b2a_qp(b"\r\n" + data)[2:])


def filling(value: str) -> bytes:
    """What goes in the place of a slot: the value, and a soft line break."""
    return _plain(value) or _open_ended(encoded(value))


def fillings(value: str) -> tuple[bytes, bytes]:
    """The same for a slot in text and for one in HTML, where the value is escaped."""
    plain = _plain(value)
    return (plain, plain) if plain else (filling(value), filling(escape(value)))


def _plain(value: str) -> bytes:
    """What needs no encoding, in lines that are short enough; empty for anything else."""
    if not _PLAIN.fullmatch(value):
        return b""
    if "." in value[::_ROOM] or "From " in value:  # which may be the beginning of a line
        return b""
    lines = [value[start : start + _ROOM] for start in range(0, len(value), _ROOM)]
    return b"".join([line.encode() + _SOFT for line in lines])


def _mended(data: bytes) -> bytes:
    """The encoded text with no line that would be changed on its way, or is too long."""
    if not (_CHANGED_FIRST.search(data) or _BLANK_LAST.search(data)):
        return data
    lines = [_guarded(line) for line in data.split(b"\r\n")]
    return b"\r\n".join(line if len(line) <= _LINE else _broken(line, 60) for line in lines)


def _open_ended(data: bytes) -> bytes:
    """The encoded text, ready for something else to follow it on a new line that does not count as one."""
    last = len(data) - data.rfind(b"\n") - 1
    if not last:
        return data
    if last < _LINE:
        return data + _SOFT
    return _broken(data, len(data) - 4) + _SOFT


def _guarded(line: bytes) -> bytes:
    return _CHANGED_FIRST.sub(lambda first: b"=%02X" % ord(first[0]), line)


def _broken(data: bytes, place: int) -> bytes:
    """The encoded text with a soft line break at this place, or before the encoded byte around it."""
    while b"=" in data[place - 2 : place]:
        place -= 1
    return data[:place] + _SOFT + _guarded(data[place:])
