"""feedparser, which copes with anything that anybody ever called a feed, held to a reasonable time for it."""

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import unescape

import feedparser
import feedparser.api
import feedparser.datetimes.rfc822
import feedparser.mixin

from feeds.address import web_address
from feeds.encoding import DECLARED, is_mostly_utf_8, truly_labelled
from feeds.references import AMPERSANDS, with_ampersands_escaped

MARKUP = 500_000
"""Characters that begin a tag: 2,000 entries have a fraction of them, and these take ten seconds."""
ATTRIBUTES = 200
"""Attributes of one element: looking them up takes their square."""
TAGS = 100
"""Categories of one entry: each is compared with all others, and more than these are not kept."""
AUTHOR = 300
"""Characters in which the address of an author is sought, which takes their square."""

_SURROGATES = re.compile(rb"(?:&#(?:[xX]0{0,4}[dD][89a-fA-F][0-9a-fA-F]{2}|0{0,4}5[5-7][0-9]{3});)+")
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
    if b"&#" in document:
        document = _SURROGATES.sub(_whole_characters, document)
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


_Mixin: Any = feedparser.mixin._FeedParserMixin
_Loose: Any = feedparser.api.LooseFeedParser
_add_tag = _Mixin._add_tag
_sync_author_detail = _Mixin._sync_author_detail
_unknown_starttag = _Mixin.unknown_starttag
_unknown_endtag = _Mixin.unknown_endtag
_start_title = _Mixin._start_title
_end_title = _Mixin._end_title
_decode_entities = _Loose.decode_entities
_OF_A_PICTURE = "image_title"


def _add_few_tags(parser: Any, term: str, scheme: str, label: str) -> None:
    if len(parser._get_context().get("tags", ())) < TAGS:
        _add_tag(parser, term, scheme, label)


def _sync_short_author(parser: Any, key: str = "author") -> None:
    context = parser._get_context()
    if len(context.get(key) or "") > AUTHOR:
        context[key] = context[key][:AUTHOR]
    _sync_author_detail(parser, key)


def _begin(parser: Any, tag: str, attributes: Any) -> None:
    around = parser.__dict__.setdefault("_outer", [])
    if _is_entry(parser, tag):
        _leave_entry(parser)  # the one before it has no end
        parser.__dict__["_around_entry"] = len(around)
    # feedparser has a base count for what follows, too, where there is none around it.
    outer = parser.baseuri
    around.append((outer, parser.lang))
    _unknown_starttag(parser, tag, attributes)
    if parser.baseuri != outer and web_address(parser.baseuri, "https://outer.invalid/") is None:
        parser.baseuri = parser.basestack[-1] = outer


def _end(parser: Any, tag: str) -> None:
    _unknown_endtag(parser, tag)
    if outer := parser.__dict__.get("_outer"):
        parser.baseuri, parser.lang = outer.pop()
    if _is_entry(parser, tag):
        _leave_entry(parser)


def _is_entry(parser: Any, tag: str) -> bool:
    """Whether it is the tag of an entry in a document that may close none of its tags."""
    prefix, _, name = tag.rpartition(":")
    known = name in ("item", "entry") and not parser.namespacemap.get(prefix, prefix)
    return known and not parser.incontent and isinstance(parser, _Loose)


def _leave_entry(parser: Any) -> None:
    """Forget the base and the language of tags that were never closed in an entry that is over."""
    around = parser.__dict__.pop("_around_entry", None)
    if around is not None and len(outer := parser.__dict__["_outer"]) > around:
        parser.baseuri, parser.lang = outer[around]
        del outer[around:]
        del parser.basestack[around:], parser.langstack[around:]


def _decode_all(parser: Any, element: str, text: str) -> str:
    # Of what is malformed, feedparser leaves names, categories and ids as they are written.
    decoded: str = _decode_entities(parser, element, text)
    return decoded if parser.contentparams else unescape(decoded, {"&quot;": '"', "&apos;": "'"})


def _begin_title(parser: Any, attributes: Any) -> None:
    if parser.inentry and parser.inimage:  # that of a picture in RSS, which feedparser gives to the article
        parser.push(_OF_A_PICTURE, 1)
    else:
        _start_title(parser, attributes)


def _end_of_title(parser: Any) -> None:
    if parser.elementstack and parser.elementstack[-1][0] == _OF_A_PICTURE:
        parser.pop(_OF_A_PICTURE)
    else:
        _end_title(parser)


def _begin_caption(parser: Any, attributes: Any) -> None:
    # To feedparser it is the article's own text, or its summary where it stands before that.
    parser.push("media_description", 1)


def _end_caption(parser: Any) -> None:
    parser.pop("media_description")


_Mixin._add_tag = _add_few_tags
_Mixin._sync_author_detail = _sync_short_author
_Mixin.unknown_starttag = _begin
_Mixin.unknown_endtag = _end
_Mixin._start_title = _begin_title
_Mixin._end_title = _end_of_title
_Mixin._start_media_description = _begin_caption
_Mixin._end_media_description = _end_caption
_Loose.decode_entities = _decode_all

_MONTHS = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")
_OTHER_MONTHS = {"maa": "mrt", "mar": "mrt", "may": "mei", "oct": "okt"}
_DAY_FIRST = re.compile(
    r"(?:[a-z]+,?\s+)?(\d{1,2})(?:[-.]\s*|\s+)(\d{1,2}|[a-z]{3,9})(?:[-.]\s*|\s+)(\d{4})"
    r"(?:(?:T|[,\s]+(?:om\s+)?)(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?)?(?:\s+uur)?(\s*\S{1,10})?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"([+-]\d{2}):?(\d{2})")


def _day_first(given: str) -> Any:
    """A moment as it is written in Dutch: 20-11-2026 10:00, or vrijdag 20 november 2026 om 10.00 uur."""
    if not (found := _DAY_FIRST.fullmatch(given.strip())):
        return None
    day, month, year, hour, minute, second, zone = found.groups(default="0")
    named = not month.isdigit()
    if named and zone != "0":
        return None  # as in mail (RFC 5322 §3.3), which others read
    try:
        number = _month(month) if named else int(month)
        moment = datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        return (moment - _offset(zone.strip().lower())).timetuple()
    except (ValueError, KeyError, OverflowError):
        return None if named else (0,) * 9  # no moment, for others to make nothing else of it


def _month(name: str) -> int:
    short = name[:3].lower()
    return _MONTHS.index(_OTHER_MONTHS.get(short, short)) + 1


def _offset(zone: str) -> timedelta:
    if offset := _OFFSET.fullmatch(zone):
        return timedelta(hours=int(offset[1]), minutes=int(offset[1][0] + offset[2]))
    names = {"0": 0, "z": 0, **feedparser.datetimes.rfc822.timezone_names}
    return timedelta(hours=names[zone])


# feedparser takes the first six figures of 20-11-2026 for a day in 2020.
feedparser.registerDateHandler(_day_first)

# European zones and Dutch names: without them a moment is hours late, or none at all.
feedparser.datetimes.rfc822.timezone_names.update(
    {"wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "eet": 2, "eest": 3}
)
feedparser.datetimes.rfc822.months.update({"mrt": 3, "maa": 3, "mei": 5, "okt": 10})
feedparser.datetimes.rfc822.day_names.update(
    {"ma,", "di,", "wo,", "do,", "vr,", "za,", "zo,", "maa", "din", "woe", "don", "vri", "zat", "zon"}
)
