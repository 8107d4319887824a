"""Markup from outside, made fit to publish: clean HTML, plain text, and no character that breaks XML."""

import html
import re
from collections.abc import Mapping
from functools import lru_cache

import nh3

from feeds.address import untracked, web_address
from feeds.characters import fit


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
_BLOCK = re.compile(rf"</?(?:{'|'.join(sorted(_BLOCKS & TAGS))})(?:/?>|\s[^\"<>]*(?:\"[^\"]*\"[^\"<>]*)*>)")
_TAME = re.compile(r"(?:[^<&]++|<(?:/?(?:p|b|i|em|strong)|br ?/?)>|&(?:[a-z]{2,8}|#[0-9]{2,5});)*+")
"""Markup that however it stands means what it says: none of it moves, closes or opens anything else."""
_INLINE = re.compile(r"<[^\"<>]*(?:\"[^\"]*\"[^\"<>]*)*>")

_IMAGE = re.compile(r'<img((?:\s+[^\s=>"]+="[^"]*")*)\s*/?>')
# A reader of HTML drops the line end that follows the tag, so each reading would take one more.
_PRE = re.compile(r"(<pre(?:\s[^>]*)?>)\n+")
_ATTRIBUTE = re.compile(r'([^\s=>"]+)="([^"]*)"')
_TINY = re.compile(r"\s*0*[01](?:\.\d*)?\s*(?:px)?\s*")
_HIDDEN = re.compile(r"display:\s*none|(?:width|height):\s*0*[01](?:px)?\s*(?:;|$)")


_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
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
TOO_MANY_REFERENCES = 100_000
REPEATED = 1_000_000
DEPTH = 500
PASSES = 5
"""Reading puts right what is nested wrongly, now and then only a second reading does."""


def clean_html(markup: str, base: str) -> str:
    """Only the tags, attributes and addresses above; relative addresses resolved against ``base``.

    Images of a pixel, hidden ones and those without an address are gone. Cleaning the result again
    changes nothing; markup so twisted that it never settles becomes its plain text.
    """
    if not markup:
        return ""
    for _ in range(PASSES):
        cleaned = _clean_once(markup, base)
        if _shallow(cleaned) == cleaned == _REREAD.clean(cleaned):
            return cleaned
        markup = cleaned
    return _clean_once(html.escape(plain_text(markup)), base)


def plain_text(markup: str) -> str:
    """What a reader reads of some HTML: a line per block, runs of blanks as one, no markup."""
    markup = fit(markup)
    if "<" not in markup and "&" not in markup:
        if markup.isprintable():
            return " ".join(markup.split())
        text = markup
    elif markup.count("<") <= FEW_TAGS and _TAME.fullmatch(markup):
        text = _bared(markup)
    else:
        # No attribute survives, so what is left of the markup is told from text by a simple pattern.
        bare = nh3.clean(
            _shallow(markup),
            tags=_BLOCKS,
            clean_content_tags=UNREAD,
            attributes={"*": set()},  # without this key, nh3 keeps some
            link_rel=None,
            url_schemes=set(),
        )
        text = fit(html.unescape(_BREAK.sub("\n", bare)))
    return _lines(text)


def text_of_clean(content: str) -> str:
    """The same as ``plain_text``, of what ``clean_html`` gave, which need not be read again for it."""
    if "<" not in content:
        return plain_text(content)
    return _lines(_bared(content))


def _bared(markup: str) -> str:
    """The text of markup in which every tag stands for itself, with line ends for blocks."""
    text = _INLINE.sub("", _BLOCK.sub("\n", markup))
    return fit(html.unescape(text)) if "&" in text else text


def _lines(text: str) -> str:
    """Without empty lines, and with one blank wherever there are some."""
    return "\n".join([line for line in [" ".join(line.split()) for line in text.split("\n")] if line])


def _clean_once(markup: str, base: str) -> str:
    cleaned = fit(_cleaner(base).clean(_shallow(fit(markup))))
    if "<img" in cleaned:
        cleaned = _IMAGE.sub(_image, cleaned)
    if "<pre" in cleaned:
        cleaned = _PRE.sub(r"\1", cleaned)
    return cleaned.strip()


def _shallow(markup: str) -> str:
    """The markup itself, or its bare text where it nests deeper or is longer than anybody writes.

    Building the tree takes time quadratic in the depth, so a page of opening tags would hold us up.
    And it repeats formatting that is left open in everything that follows, the same element three
    times at most, so it is bounded by making elements the same: 30 kB could become 50 MB. Text is put
    together from one reference to the next, which takes the square of their number.
    """
    if markup.count("&") > TOO_MANY_REFERENCES:
        markup = markup.replace("&", " ")
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
            address = web_address(value, base, SCHEMES)
            return None if address is None else untracked(address)
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
