"""Markup from outside, made fit to publish: clean HTML, plain text, and no character that breaks XML."""

import html
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import nh3

from feeds.article import URL_LENGTH


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAGS = _names(
    "a abbr b blockquote br caption cite code col colgroup dd del dfn div dl dt em figcaption figure h1 "
    "h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub sup table tbody td "
    "tfoot th thead time tr u ul var wbr"
)
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "*": frozenset({"lang", "dir", "title"}),
    "a": frozenset({"href", "hreflang"}),
    "blockquote": frozenset({"cite"}),
    "q": frozenset({"cite"}),
    "del": frozenset({"cite", "datetime"}),
    "ins": frozenset({"cite", "datetime"}),
    "img": frozenset({"src", "alt", "width", "height"}),
    "ol": frozenset({"start", "reversed", "type"}),
    "td": frozenset({"colspan", "rowspan"}),
    "th": frozenset({"colspan", "rowspan", "scope", "abbr"}),
    "time": frozenset({"datetime"}),
}
SCHEMES = frozenset({"http", "https", "mailto"})
UNREAD = frozenset(
    {
        "script",
        "style",
        "title",
        "template",
        "iframe",
        "object",
        "svg",
        "textarea",
        "select",
    }
)
"""Elements whose text is not for reading: they go with everything in them."""

_ADDRESSES = frozenset({"href", "src", "cite"})
_BLOCKS = _names(
    "blockquote br caption dd div dl dt figcaption figure h1 h2 h3 h4 h5 h6 hr li ol p pre table td th "
    "tr ul article aside footer header main nav section"
)
_BREAK = re.compile(r"</?[a-z0-9]+>")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[\s]*")

# What XML 1.0 §2.2 forbids, C1 controls and noncharacters; and the private-use area, whose characters mean
# nothing to a reader and are free for marking places in a text.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
# The same seen from the other side, which is found out twenty times faster, and is so for nearly any text.
_FIT = re.compile(
    "[ -~\n\t\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
    + "".join(f"{chr(plane)}-{chr(plane + 0xFFFD)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]*+"
)
# Bidirectional embeddings, overrides and isolates: left open, they turn round the text that follows.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")

_IMAGE = re.compile(r'<img((?:\s+[^\s=>"]+="[^"]*")*)\s*/?>')
# A reader of HTML drops the line end that follows the tag, so each reading would take one more.
_PRE = re.compile(r"(<pre(?:\s[^>]*)?>)\n+")
_ATTRIBUTE = re.compile(r'([^\s=>"]+)="([^"]*)"')
_TINY = re.compile(r"\s*0*[01](?:\.\d*)?\s*(?:px)?\s*")
_HIDDEN = re.compile(r"display:\s*none|(?:width|height):\s*0*[01](?:px)?\s*(?:;|$)")


_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNNESTED = _names("area br col dd dt hr img input li link meta option p td th tr wbr")
"""Elements that are void or close each other, so that leaving them open nests nothing."""

# Elements that HTML §13.2.4.3 keeps in its list of active formatting elements, when they have attributes;
# but for links, which don't nest.
_FORMATTING = re.compile(
    r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*>?", re.IGNORECASE
)

FEW_TAGS = 500
MANY_TAGS = 5_000
TOO_MANY_TAGS = 50_000
REPEATED = 1_000_000
DEPTH = 500
PASSES = 5
"""Reading puts right what is nested wrongly, now and then only a second reading does."""


def fit(text: str) -> str:
    """The text without characters that XML forbids or that mean nothing; line ends become ``\\n``."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if _FIT.fullmatch(text) else _UNFIT.sub("", text)


def one_line(text: str) -> str:
    """Plain text on a single line, whitespace collapsed."""
    return " ".join(_TURNING.sub("", fit(text)).split())


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, cut at a word's end, with an ellipsis where something was cut."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    at_word = head if text[length - 1].isspace() else head.rsplit(None, 1)[0]
    # A word that fills more than half of the room is cut where the room ends.
    return (at_word if len(at_word) > length // 2 else head).rstrip(" \n,;:-–—") + "…"


def clean_html(markup: str, base: str) -> str:
    """Only the tags, attributes and addresses above; relative addresses resolved against ``base``.

    Images of a pixel, hidden ones and those without an address are gone. Cleaning the result again
    changes nothing; markup so twisted that it never settles becomes its plain text.
    """
    for _ in range(PASSES):
        cleaned = _clean_once(markup, base)
        if _shallow(cleaned) == cleaned == _REREAD.clean(cleaned):
            return cleaned
        markup = cleaned
    return _clean_once(html.escape(plain_text(markup)), base)


def plain_text(markup: str) -> str:
    """What a reader reads of some HTML: a line per block, runs of blanks as one, no markup."""
    if "<" not in markup and "&" not in markup:
        text = fit(markup)
    else:
        # No attribute survives, so what is left of the markup is told from text by a simple pattern.
        bare = nh3.clean(
            _shallow(fit(markup)),
            tags=_BLOCKS,
            clean_content_tags=UNREAD,
            attributes={},
            link_rel=None,
            url_schemes=set(),
        )
        text = fit(html.unescape(_BREAK.sub("\n", bare)))
    return _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()


def web_address(
    address: str, base: str, schemes: frozenset[str] = frozenset({"http", "https"})
) -> str | None:
    """An absolute address with only the characters of RFC 3986, or None where there is none to be had."""
    address = fit(address).strip().replace("\n", "").replace("\t", "")
    if not address:
        return None
    try:
        given = urlsplit(address)
        if given.scheme in ("http", "https") and not given.netloc:
            return None  # joined, it would be the base itself
        parts = urlsplit(urljoin(base, address))
        if parts.scheme not in schemes:
            return None
        host = parts.hostname or ""
        if parts.scheme != "mailto" and (not host or parts.port == 0):
            return None
        netloc = parts.netloc if parts.netloc.isascii() else _ascii_netloc(parts.netloc, host)
    except ValueError:  # brackets, ports and host names that are none
        return None
    kept = "/:@!$&'()*+,;=-._~%"
    whole = urlunsplit(
        (
            parts.scheme,
            quote(netloc, safe=":@[]!$&'()*+,;=-._~%"),
            quote(parts.path, safe=kept),
            quote(parts.query, safe=kept + "?[]|"),
            quote(parts.fragment, safe=kept + "?"),
        )
    )
    whole = _LONE_PERCENT.sub("%25", whole)
    return whole if len(whole) <= URL_LENGTH else None


def _clean_once(markup: str, base: str) -> str:
    cleaned = _IMAGE.sub(_image, fit(_cleaner(base).clean(_shallow(fit(markup)))))
    return _PRE.sub(r"\1", cleaned).strip()


def _ascii_netloc(netloc: str, host: str) -> str:
    user, at, place = netloc.rpartition("@")
    port = place.rpartition(":")[2] if ":" in place else ""
    return user + at + host.encode("idna").decode("ascii") + (f":{port}" if port else "")


def _shallow(markup: str) -> str:
    """The markup itself, or its bare text where it nests deeper or is longer than anybody writes.

    Building the tree takes time quadratic in the depth, so a page of opening tags would hold us up.
    And it repeats formatting that is left open in everything that follows, the same element three
    times at most, so it is bounded by making elements the same: 30 kB could become 50 MB.
    """
    tags = markup.count("<")
    if tags <= FEW_TAGS:
        return markup
    alike, differing = _FORMATTING.subn(r"<\1>", markup)
    if differing * tags > REPEATED:
        markup = alike
    if tags <= MANY_TAGS:
        return markup
    if tags > TOO_MANY_TAGS:
        return _bare(markup)
    open_tags: dict[str, int] = {}
    depth = 0
    for closing, name in _TAG.findall(markup):
        tag = name.lower()
        if tag in _UNNESTED:
            continue
        if not closing:
            open_tags[tag] = open_tags.get(tag, 0) + 1
            depth += 1
        elif open_tags.get(tag):
            open_tags[tag] -= 1
            depth -= 1
        if depth > DEPTH:
            return _bare(markup)
    return markup


def _bare(markup: str) -> str:
    return html.escape(re.sub(r"<[^<>]*>", " ", markup))


@lru_cache(maxsize=64)
def _cleaner(base: str) -> nh3.Cleaner:
    def filtered(tag: str, attribute: str, value: str) -> str | None:
        if attribute in _ADDRESSES:
            return web_address(value, base, SCHEMES)
        return value

    attributes = {tag: set(names) for tag, names in ATTRIBUTES.items()}
    attributes["img"].add("style")  # says which images are hidden; goes with them
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(UNREAD),
        attributes=attributes,
        attribute_filter=filtered,
        link_rel=None,
        url_schemes=set(SCHEMES),
        url_relative="pass_through",
        strip_comments=True,
    )


_REREAD = nh3.Cleaner(
    tags=set(TAGS),
    attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
    link_rel=None,
    url_schemes=set(SCHEMES),
    url_relative="pass_through",
)
"""Reads and writes what is clean already, three times as fast as a cleaner that looks at addresses."""


def _image(match: re.Match[str]) -> str:
    attributes = dict(_ATTRIBUTE.findall(match[1]))
    style = attributes.pop("style", "")
    sizes = (attributes.get("width"), attributes.get("height"))
    if "src" not in attributes or _HIDDEN.search(style.lower()):
        return ""
    if any(size is not None and _TINY.fullmatch(size) for size in sizes):
        return ""
    return "<img" + "".join(f' {name}="{value}"' for name, value in attributes.items()) + ">"
