from datetime import UTC, datetime

import lxml.etree
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.feed import Feed
from feeds.formats.opml import Outline, write_opml

BASE = "https://portaal.example"
TREE = (
    Outline("Alles", "all"),
    Outline("IT", "it", "Techniek & meer", (Outline("Cloud", "cloud", "", (Outline("Kosten", "kosten"),)),)),
    Outline("Recht", "recht"),
)


def feed(slug: str) -> Feed:
    return Feed(slug, "tag:x", "T", "", "nl", BASE, "A", datetime(2026, 11, 24, tzinfo=UTC), ())


def shape(element: lxml.etree._Element) -> list[tuple[str, list[object]]]:
    return [(child.get("text"), shape(child)) for child in element]


def test_the_list_is_a_tree_like_the_themes() -> None:
    root = lxml.etree.fromstring(write_opml("Portaal", BASE, TREE))
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert [child.tag for child in root] == ["head", "body"]
    assert root.findtext("head/title") == "Portaal"
    body = root.find("body")
    assert shape(body) == [("Alles", []), ("IT", [("Cloud", [("Kosten", [])])]), ("Recht", [])]


def test_each_theme_leads_to_its_feed_and_its_page() -> None:
    root = lxml.etree.fromstring(write_opml("Portaal", BASE, TREE))
    outlines = {outline.get("xmlUrl"): outline for outline in root.iter("outline")}
    assert list(outlines) == [feed(slug).url("atom") for slug in ("all", "it", "cloud", "kosten", "recht")]
    for slug in ("all", "it", "kosten"):
        outline = outlines[feed(slug).url("atom")]
        assert outline.get("htmlUrl") == feed(slug).page_url
        assert outline.get("type") == "rss"
        assert outline.get("title") == outline.get("text")
    assert outlines[feed("it").url("atom")].get("description") == "Techniek & meer"
    assert "description" not in outlines[feed("recht").url("atom")].attrib


def test_the_same_themes_give_the_same_bytes_without_a_date() -> None:
    document = write_opml("Portaal", BASE, TREE)
    assert document == write_opml("Portaal", BASE, list(TREE))
    assert b"date" not in document.lower()


def test_no_themes_give_an_empty_list() -> None:
    assert len(lxml.etree.fromstring(write_opml("", BASE, ())).find("body")) == 0


@settings(deadline=None)
@given(st.text(st.characters()), st.text(st.characters()))
def test_no_text_breaks_the_list(name: str, description: str) -> None:
    (outline,) = lxml.etree.fromstring(write_opml(name, BASE, [Outline(name, "it", description)])).iter(
        "outline"
    )
    assert outline.get("text")
    assert outline.get("xmlUrl") == feed("it").url("atom")
