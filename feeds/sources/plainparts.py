"""What RSS and Atom say in the same way, as feedparser would give it; anything else is ``Odd``."""

import re
from datetime import datetime, timedelta
from typing import Any

import feedparser.datetimes
import feedparser.mixin
import lxml.etree  # type: ignore[import-untyped]

from feeds.sources.amended import TAGS

Entry = dict[str, Any]

ATOM = "{http://www.w3.org/2005/Atom}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_822 = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (" + "|".join(_MONTHS) + r") (\d{4}) "
    r"(\d\d):(\d\d):(\d\d) (?:GMT|UTC|([+-])(\d\d)(\d\d))"
)
_W3C = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?(?:Z|([+-])(\d\d):(\d\d))")
_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/(?!/)[A-Za-z0-9._~!$'()*+,=:@%/?#&-]*)?"
)
"""What feedparser leaves as it is: absolute, without blanks, and without anything that may be an entity."""
_C1 = re.compile("[\x80-\x9f]")
_PREFIXES = {uri.lower(): prefix for uri, prefix in feedparser.mixin._FeedParserMixin.namespaces.items()}
_WANTED = frozenset(
    {
        *("title_detail", "summary_detail", "published_parsed", "created_parsed", "updated_parsed"),
        *("media_content", "media_thumbnail"),
    }
)
"""What is looked for later, under names that another vocabulary could bring about."""
_FEW = 20
_DAY = timedelta(days=1)


class Odd(Exception):
    """Something that feedparser had better look at."""


def means_nothing(element: Any, ignored: frozenset[str]) -> bool:
    """Whether it is one of these, or from a vocabulary that feedparser keeps under a name of its own."""
    if len(element) or element.tag in ignored:
        return not len(element) and not element.attrib
    name = lxml.etree.QName(element)
    prefix = _PREFIXES.get((name.namespace or "").lower(), element.prefix or "").lower()
    called = f"{prefix}_{name.localname.lower()}"
    return bool(prefix) and not (
        called in _WANTED
        or len(element.attrib) > _FEW
        or "userland.com" in name.namespace.lower()
        or hasattr(feedparser.mixin._FeedParserMixin, f"_start_{called}")
        or hasattr(feedparser.mixin._FeedParserMixin, f"_end_{called}")
        or any("{" in key or key.lower() in ("base", "lang") for key in element.attrib)
    )


def put_title(context: Entry, element: Any, language: str | None) -> None:
    """The title, as markup where it says so, or looks like it where it can not say."""
    atom = element.tag.startswith(ATOM)
    if element.attrib and not atom:
        raise Odd
    value = text_of(element)
    if not value:
        raise Odd
    put_once(context, "title", value)
    if atom:
        context["title_detail"] = construct(element, value, language)
    else:
        is_html = feedparser.mixin._FeedParserMixin.looks_like_html(value)
        context["title_detail"] = detail(value, "text/html" if is_html else "text/plain", language)


def construct(element: Any, value: str, language: str | None) -> dict[str, Any]:
    """An Atom text construct (RFC 4287 §3.1) that is not of XHTML."""
    given = dict(element.attrib)
    kind = given.pop("type", "text")
    base = given.pop(_BASE, "")
    language = given.pop(_LANGUAGE, language) or None
    if given or kind not in ("text", "html"):
        raise Odd
    return detail(value, "text/plain" if kind == "text" else "text/html", language, base and address(base))


def detail(value: str, kind: str, language: str | None, base: str = "") -> dict[str, Any]:
    """A text with its media type, language and ``xml:base``."""
    return {
        "type": kind,
        "language": language and language.replace("_", "-"),
        "base": base,
        "value": value,
    }


def put_tag(entry: Entry, tag: dict[str, str | None], *, again: bool = False) -> None:
    """One more category, unless it is there and may not be ``again``."""
    tags = entry.setdefault("tags", [])
    if len(tags) < TAGS and (again or tag not in tags):
        tags.append(tag)


def put_once(context: Entry, name: str, value: object) -> None:
    """What there can only be one of."""
    if name in context:
        raise Odd
    context[name] = value


def bare_text(element: Any) -> str:
    """The text of an element without attributes."""
    if element.attrib:
        raise Odd
    return text_of(element)


def text_of(element: Any) -> str:
    """The text of an element without children, unless feedparser would mend it."""
    if len(element):
        raise Odd
    text: str = (element.text or "").strip()
    if not text.isascii():
        if _C1.search(text):
            raise Odd
        try:
            text.encode("latin-1").decode("utf-8")
        except UnicodeError:
            pass
        else:
            raise Odd  # it looks as if it had been encoded twice
    return text


def address(text: str) -> str:
    """An address that feedparser leaves as it is."""
    if not _ADDRESS.fullmatch(text):
        raise Odd
    return text


def rfc_822(text: str) -> Any:
    """A moment as RSS writes it, in UTC; None where feedparser can't tell it either."""
    match = _RFC_822.fullmatch(text)
    if match is None:
        return feedparser.datetimes._parse_date(text)
    day, month, year, hour, minute, second, *zone = match.groups()
    return _moment((year, _MONTHS.index(month) + 1, day, hour, minute, second), zone)


def rfc_3339(text: str) -> Any:
    """The same for a moment as Atom writes it."""
    match = _W3C.fullmatch(text)
    if match is None:
        return feedparser.datetimes._parse_date(text)
    return _moment(match.groups()[:6], match.groups()[6:])


def _moment(parts: Any, zone: Any) -> tuple[int, ...]:
    sign, hours, minutes = zone
    try:
        moment = datetime(*map(int, parts))  # type: ignore[arg-type]  # noqa: DTZ001
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            if offset >= _DAY:
                raise Odd
            moment = moment + offset if sign == "-" else moment - offset
        return tuple(moment.timetuple())
    except (ValueError, OverflowError):
        raise Odd from None
