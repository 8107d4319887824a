"""feedparser, which copes with anything that anybody ever called a feed, held to a reasonable time for it."""

import io
import re
import sys
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from feeds.encoding import DECLARED, is_mostly_utf_8, truly_labelled
from feeds.references import AMPERSANDS, with_ampersands_escaped
from feeds.sources.amended import feedparser

MARKUP = 500_000
"""Characters that begin a tag: 2,000 entries have a fraction of them, and these take ten seconds."""
ATTRIBUTES = 200
"""Attributes of one element: looking them up takes their square."""

_SURROGATES = re.compile(rb"(?:&#(?:[xX]0{0,4}[dD][89a-fA-F][0-9a-fA-F]{2}|0{0,4}5[5-7][0-9]{3});)+")
_LONG = re.compile(rb"&#(?:[xX]([0-9a-fA-F]{6,})|([0-9]{7,}));?")
_ENTRY = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:item|entry)[\s/>]")
_ENTRY_END = re.compile(rb"</(?:[\w.-]{1,40}:)?(?:item|entry)\s*>")


class TooMuch(Exception):
    """A document that would take minutes to read; the text says why, after "it"."""


def parse_leniently(document: bytes, headers: Mapping[str, str]) -> Any:
    """What feedparser makes of a document: entries, feed, version, and ``bozo`` where it is malformed.

    Texts and addresses are as they stand in it. Raises TooMuch, and whatever feedparser did not foresee.
    """
    if document.count(b"<") > MARKUP:
        raise TooMuch(f"has more than {MARKUP:,} tags")
    if document.count(b"&") > AMPERSANDS:
        raise TooMuch(f"has more than {AMPERSANDS:,} ampersands")
    document = truly_labelled(document)
    fault = ""
    if not _is_well_formed(document) and (escaped := with_ampersands_escaped(document)) != document:
        document, fault = escaped, "an & in it that begins no reference should be &amp;"
        _is_well_formed(document)  # the first look ended there, and what follows may be too much
    if b"&#" in document:
        document = _SURROGATES.sub(_whole_characters, document)
        document = _LONG.sub(_within_unicode, document)
    whole = _in_utf_8(document, headers)
    # Given text or bytes, feedparser would open a file or a URL of that name: only a stream is safe.
    parsed = feedparser.parse(
        io.BytesIO(whole), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if whole is not document:
        fault = "some of it is not the UTF-8 that the rest is"
    if fault and not parsed.bozo:
        parsed.update(bozo=True, bozo_exception=fault)
    return parsed


def _in_utf_8(document: bytes, headers: Mapping[str, str]) -> bytes:
    """The document itself, or made UTF-8 throughout where but little of it is something else.

    feedparser would guess at another encoding, in which all accents of all entries read as rubbish. One
    character that was cut in two is enough for that, as software does that counts bytes.
    """
    said = DECLARED.search(document[:400])
    charset = said[1].decode() if said else headers.get("content-type", "").partition("charset=")[2]
    if charset.lower() not in ("", "utf-8", "utf8"):
        return document
    text = document.decode("utf-8", "replace")
    return text.encode() if is_mostly_utf_8(text) else document


def _whole_characters(references: re.Match[bytes]) -> bytes:
    """References to halves of a character, as software writes that thinks in UTF-16, as one to the whole.

    feedparser fails on them, and with them on all entries. A half by itself goes.
    """
    numbers = [_number(one) for one in references[0].split(b";")[:-1]]
    text = "".join(map(chr, numbers)).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text.encode("ascii", "xmlcharrefreplace")


def _within_unicode(reference: re.Match[bytes]) -> bytes:
    """A reference by number, or nothing where there is no such character: feedparser fails on it as well."""
    base, digits = (16, reference[1]) if reference[1] else (10, reference[2])
    number = int(digits.lstrip(b"0")[:8] or b"0", base)
    is_half = 0xD800 <= number <= 0xDFFF
    return reference[0] if number <= sys.maxunicode and not is_half else b""


def _number(reference: bytes) -> int:
    """The number in ``&#55357`` or ``&#xD83D``."""
    digits = reference[2:]
    return int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)


def shorten_to(document: bytes, entries: int) -> tuple[bytes, int]:
    """A document without its entries beyond so many, and how many it had, going by where they end."""
    ends = [end.end() for end in _ENTRY_END.finditer(document)]
    if len(ends) <= entries:
        return document, len(ends)
    return document[: ends[entries - 1]] + document[ends[-1] :], len(ends)


def entries_begun(document: bytes) -> int:
    """How many entries a document has, going by where they begin."""
    return sum(1 for _ in _ENTRY.finditer(document.replace(b"\x00", b"")))


def _is_well_formed(document: bytes) -> bool:
    """Whether it is XML without a fault. Raises TooMuch for attributes that would take minutes."""

    def begun(name: str, attributes: list[str]) -> None:
        if len(attributes) > 2 * ATTRIBUTES:
            raise TooMuch(f"has an element with more than {ATTRIBUTES} attributes")

    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartElementHandler = begun
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError):
        return False  # or in an encoding that only others know
    return True
