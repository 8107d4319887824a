"""feedparser, amended where it gives an article what is another's, or takes minutes over it."""

import html
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import unescape

import feedparser
import feedparser.api
import feedparser.datetimes.rfc822
import feedparser.mixin

from feeds.address import web_address
from feeds.sources.feeddates import DAYS, MONTHS, ZONES, day_first

__all__ = ["feedparser"]

TAGS = 100
"""Categories of one entry: each is compared with all others, and more than these are not kept."""
AUTHOR = 300
"""Characters in which the address of an author is sought, which takes their square."""

_Mixin: Any = feedparser.mixin._FeedParserMixin
_Loose: Any = feedparser.api.LooseFeedParser
_add_tag = _Mixin._add_tag
_sync_author_detail = _Mixin._sync_author_detail
_unknown_starttag = _Mixin.unknown_starttag
_unknown_endtag = _Mixin.unknown_endtag
_start_title = _Mixin._start_title
_end_title = _Mixin._end_title
_decode_entities = _Loose.decode_entities
_normalize_attributes = _Loose._normalize_attributes
_OF_A_PICTURE = "image_title"
_AS_XML = SimpleNamespace(contentparams={})
"""A parser of what stays escaped: of that, feedparser gives references by number their names."""


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
    # Of what is malformed, feedparser leaves names, categories and ids as they are written, and decodes a
    # quotation mark twice that is escaped in HTML.
    named: str = _decode_entities(_AS_XML, element, text)
    kind = parser.contentparams.get("type", "xml") if parser.contentparams else ""
    return named if kind.endswith("xml") else unescape(named, {"&quot;": '"', "&apos;": "'"})


def _decode_attribute(parser: Any, given: tuple[str, str]) -> tuple[str, str]:
    # There feedparser decodes &amp; and nothing else. Those within a text are written out again with it.
    name, value = given
    plain: tuple[str, str] = _normalize_attributes(
        (name, value if parser.incontent else html.unescape(value).replace("&", "&amp;"))
    )
    return plain


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
_Loose._normalize_attributes = _decode_attribute

# It takes the first six figures of 20-11-2026 for a day in 2020.
feedparser.registerDateHandler(day_first)
feedparser.datetimes.rfc822.timezone_names.update(ZONES)
feedparser.datetimes.rfc822.months.update(MONTHS)
feedparser.datetimes.rfc822.day_names.update(DAYS)
