"""Documents as they travel: compressed once, when they are published, and not for each reader."""

import gzip
import zlib

import brotli

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""What a file compressed in an encoding (RFC 9110 §8.4.1) is called beside the plain one; the best first."""

_GZIP_LEVEL = 6
_BROTLI_QUALITY = 5
"""As quick as gzip at its usual level, and smaller."""


def compressed(path: str, document: bytes) -> dict[str, bytes]:
    """The document's other forms by their paths; the same document always gives the same bytes."""
    return {
        path + ENCODINGS["br"]: brotli.compress(document, quality=_BROTLI_QUALITY),
        path + ENCODINGS["gzip"]: gzip.compress(document, _GZIP_LEVEL, mtime=0),
    }


def unpacked(encoding: str, form: bytes) -> bytes | None:
    """The document that a form was made from; None for what is no such form at all."""
    try:
        unpack = {"br": brotli.decompress, "gzip": gzip.decompress}[encoding]
        return bytes(unpack(form))
    except (brotli.error, zlib.error, OSError, EOFError):
        return None
