"""OPML 2.0 (http://opml.org/spec2.opml) as other software writes it: a list of feeds to take over."""

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]

from feeds.address import web_address
from feeds.characters import one_line, shorten
from feeds.encoding import truly_labelled
from feeds.identity import canonical_url
from feeds.references import with_ampersands_escaped
from feeds.source import Source

MOST = 5_000


class OutlinesError(Exception):
    """A document is no OPML; the text says why."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A feed in a list: what it is called, and where it is."""

    title: str
    url: str


def read_outlines(document: bytes) -> list[Listed]:
    """The feeds in an OPML document, each address once, in its order. Raises OutlinesError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(with_ampersands_escaped(truly_labelled(document.lstrip())), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise OutlinesError(f"it is no XML: {shorten(one_line(str(error)), 150)}") from None
    if etree.QName(root).localname.lower() != "opml":
        raise OutlinesError(f"it is no OPML: its root is {shorten(one_line(str(root.tag)), 50)}")
    found: dict[str, Listed] = {}
    for outline in root.iter("{*}outline"):
        named = {name.lower(): value for name, value in outline.attrib.items()}
        url = web_address(_as_web(named.get("xmlurl", "")), "")
        if url is not None:
            title = one_line(named.get("title") or named.get("text") or "")
            found.setdefault(canonical_url(url), Listed(shorten(title, 200), url))
        if len(found) > MOST:
            raise OutlinesError(f"it lists more than {MOST:,} feeds; take them over in parts")
    return list(found.values())


def _as_web(url: str) -> str:
    """The address in what some readers write: ``feed://a.example/rss`` and ``feed:https://a.example/rss``."""
    url = url.strip()
    if not url.lower().startswith("feed:"):
        return url
    rest = url[len("feed:") :]
    return f"http:{rest}" if rest.startswith("//") else rest


def write_outlines(title: str, sources: Iterable[tuple[Source, str]]) -> bytes:
    """Sources with an address, each with the title it gave itself, as OPML in UTF-8; it bears no date.

    Passwords stay here: lists like this are passed on.
    """
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = one_line(title)
    body = etree.SubElement(root, "body")
    for source, called in sources:
        name = one_line(called) or source.name
        etree.SubElement(body, "outline", type="rss", text=name, title=name, xmlUrl=source.bare_url)
    document: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return document
