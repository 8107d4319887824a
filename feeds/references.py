"""What stands in XML for something else, and what only looks like it."""

import re
from html.entities import html5

AMPERSANDS = 2_000_000
"""As many as an escaped tag for each ten bytes of the largest feed has; each takes a while to look at."""
_CDATA, _END = b"<![CDATA[", b"]]>"
_UNENDED = "|".join(name for name in html5 if not name.endswith(";"))
"""The references that HTML knows without a semicolon."""
_BARE = re.compile(rb"&(?!#|\w{1,40};|(?:%s)\b(?!=))" % _UNENDED.encode())


def with_ampersands_escaped(document: bytes) -> bytes:
    """The document with each ``&`` that begins no reference, as in "R&D", written as XML wants it.

    Parsers take that for ``&D;``, drop it, or read no further. What HTML knows without its semicolon is one,
    unless it is a parameter in an address.
    """
    if b"\x00" in document or document.count(b"&") > AMPERSANDS:  # in UTF-16 no byte says what it is
        return document
    first, *others = document.split(_CDATA)
    parts = [_BARE.sub(b"&amp;", first)]
    for other in others:
        literal, end, after = other.partition(_END)
        parts += (_CDATA, literal, end, _BARE.sub(b"&amp;", after))
    return b"".join(parts)
