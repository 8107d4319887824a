"""Messages from standard input, a file, a Maildir or an mbox, one at a time and none too large."""

import mailbox
import sys
from collections.abc import Iterator
from pathlib import Path

from feeds.error import KennisportalError

LARGEST = 10_000_000
"""Bytes of a message that are read; a report says what it has to say long before that."""


class MailboxError(KennisportalError):
    """No messages can be read there; the text names the place and says what to do."""


def messages(place: Path | None) -> Iterator[bytes]:
    """Every message at a place, or the one on standard input. Nothing is removed. Raises MailboxError."""
    if place is None:
        yield sys.stdin.buffer.read(LARGEST)
    elif place.is_dir():
        if not (place / "new").is_dir():
            raise MailboxError(f"{place} is no Maildir: it has no folder 'new'; name the Maildir itself")
        for path in sorted([*(place / "new").iterdir(), *(place / "cur").glob("*")]):
            if path.is_file():
                yield _one(path)
    elif place.is_file() and not _one(place).startswith(b"From "):
        yield _one(place)  # no mbox but a message by itself
    elif place.is_file():
        box = mailbox.mbox(place, create=False)
        try:
            for key in box.iterkeys():
                with box.get_file(key) as file:
                    yield file.read(LARGEST)
        finally:
            box.close()
    else:
        raise MailboxError(f"{place} does not exist; name a Maildir or an mbox, or give a message on stdin")


def _one(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST)
