"""OPML 2.0 (http://opml.org/spec2.opml): the list of all feeds, for a reader to subscribe to at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from feeds.characters import one_line
from feeds.theme import EVERYTHING


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in the list, with the feeds below it."""

    name: str
    slug: str
    description: str = ""
    children: tuple["Outline", ...] = ()


def write_opml(title: str, base_url: str, outlines: Iterable[Outline]) -> bytes:
    """The whole document, UTF-8, with the Atom feed and the page of each theme; it bears no date.

    ``base_url`` is the site's, without a slash at its end.
    """
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = one_line(title)
    _add(etree.SubElement(root, "body"), base_url, outlines)
    document: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return document


def _add(parent: Any, base_url: str, outlines: Iterable[Outline]) -> None:
    for outline in outlines:
        name = one_line(outline.name) or outline.slug
        page = "/" if outline.slug == EVERYTHING else f"/themes/{outline.slug}"
        attributes = {
            "type": "rss",  # what the specification calls any feed
            "text": name,
            "title": name,
            "description": one_line(outline.description),
            "xmlUrl": f"{base_url}/feeds/{outline.slug}.atom",
            "htmlUrl": f"{base_url}{page}",
        }
        element = etree.SubElement(parent, "outline", {key: text for key, text in attributes.items() if text})
        _add(element, base_url, outline.children)
