"""``python -m pipeline.parse``: reads documents for the process that began it, and fetches, on another core.

Takes pickles on its standard input and gives pickles on its standard output: first the themes, then
documents; for each one what it shows, or the SourceError it came to. It ends when its input does, which
is also when that process dies.
"""

import fcntl
import gc
import pickle
import signal
import sys
from contextlib import suppress
from typing import Any

from feeds.classify import Classifier
from feeds.document import Document, pack, read_document
from feeds.source import DocumentKind, SourceError
from feeds.sources import KINDS
from feeds.theme import ThemeTree

_ROOM = 1 << 20
"""Bytes that fit in a pipe, so that neither side waits for the other to have time for it."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that began this one
    given, taken = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing else may get between the answers
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # which only Linux has
        for pipe in (given, taken):
            with suppress(OSError):  # as much as a user may have, or is left of it
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)
    classifier = Classifier(ThemeTree(pickle.load(given)))  # noqa: S301  (from the process that began this one)
    gc.freeze()  # what is there by now stays; looking at it again and again would take a tenth of the time
    taken.write(b"!")  # ready
    taken.flush()
    while True:
        try:
            document = pickle.load(given)  # noqa: S301
        except (EOFError, pickle.UnpicklingError):  # it ended, between two documents or within one
            return
        answer = pickle.dumps(_read(document, classifier), pickle.HIGHEST_PROTOCOL)
        taken.write(len(answer).to_bytes(4) + answer)
        taken.flush()


def _read(document: Document, classifier: Classifier) -> Any:
    """What a document shows, packed; the SourceError; or None where it fails in a way nobody foresaw."""
    kind = KINDS[document.source.kind]
    assert isinstance(kind, DocumentKind)
    try:
        return pack(read_document(kind, document, classifier))
    except SourceError as error:
        return error
    except Exception:
        return None


if __name__ == "__main__":
    main()
