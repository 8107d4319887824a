import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import check
from feeds.article import Article
from feeds.feed import Feed, FeedItem
from feeds.formats import FORMATS
from feeds.written import Written

MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


def item(number: int) -> FeedItem:
    article = Article(
        uri=f"tag:portaal.example,2026:{number}",
        source="bron",
        url=f"https://bron.example/{number}",
        title=f"Artikel {number}",
        summary=f"Kort {number}",
        content=f'<p>Lang <a href="https://bron.example/x">{number}</a></p>',
        published=MORNING,
        updated=MORNING,
        fingerprint="f",
    )
    return FeedItem(article, ("Cloud",))


FEED = Feed(
    slug="cloud",
    uri="tag:portaal.example,2026:feed",
    title="Cloud",
    description="Over wolken",
    language="nl",
    base_url="https://portaal.example",
    author="Portaal",
    updated=MORNING,
    items=(item(1), item(2)),
    hub="https://hub.example/",
)
DOCUMENTS = {extension: format.write(FEED) for extension, format in FORMATS.items()}


def complaints(extension: str, document: bytes, feed: Feed = FEED) -> list[str]:
    found = check.check(extension, document, feed)
    assert all(complaint and "\n" not in complaint for complaint in found)
    return found


@pytest.mark.parametrize("extension", FORMATS)
def test_what_was_written_from_the_feed_is_fit(extension: str) -> None:
    assert complaints(extension, DOCUMENTS[extension]) == []


DAMAGE = [
    ("rss", "</rss>", "", "not well-formed XML"),
    ("rss", "Artikel 1", "Artikel\x01", "not well-formed XML"),
    ("rss", "Artikel 1", "&#1;", "not well-formed XML"),
    ("rss", "Artikel 1", "&undefined;", "not well-formed XML"),
    ("rss", "<rss", '<!DOCTYPE rss [<!ENTITY e "e">]><rss', "document type declaration"),
    ("rss", "encoding='UTF-8'", "encoding='ISO-8859-1'", "not declared as UTF-8"),
    ("rss", ' version="2.0"', ' version="0.92"', "version is 0.92, and should be 2.0"),
    ("rss", ' version="2.0"', "", "version is missing, and should be 2.0"),
    ("rss", "(<channel>.*</channel>)", r"\1<channel/>", "exactly one channel"),
    ("rss", "<channel>.*</channel>", "", "exactly one channel"),
    ("rss", "<title>Cloud</title>", "", "the feed has no title"),
    ("rss", "<description>Over wolken</description>", "", "the feed has no description"),
    ("rss", "<link>https://portaal.example/themes/cloud</link>", "", "link to its page is missing"),
    ("rss", "/themes/cloud", "/themes/anders", "link to its page is https://portaal.example/themes/anders"),
    (
        "rss",
        "feeds/cloud.rss",
        "feeds/cloud.atom",
        "link to itself is https://portaal.example/feeds/cloud.atom",
    ),
    ("rss", '<atom:link [^>]*rel="self"[^>]*/>', "", "link to itself is missing"),
    ("rss", '(<atom:link [^>]*rel="self"[^>]*/>)', r"\1\1", "link to itself is https.* and https"),
    ("rss", '<atom:link rel="hub"[^>]*/>', "", "link to the hub is missing"),
    ("rss", "<lastBuildDate>.*</lastBuildDate>", "", "the feed has no lastBuildDate"),
    ("rss", "<guid[^>]*>[^<]*1</guid>", "", "item 1 has no id"),
    ("rss", "2026:1<", "2026:2<", "the id tag:portaal.example,2026:2 stands 2 times"),
    ("rss", "2026:1<", "2026:2<", "the article tag:portaal.example,2026:1 is missing"),
    ("rss", "2026:1<", "2026:3<", "2026:3 is no article's of this feed"),
    ("rss", "(<item>.*</item>)(<item>.*</item>)", r"\2\1", "not in the feed's order"),
    ("rss", "(<item>.*</item>)(<item>.*</item>)", r"\1", "it has 1 items, and the feed has 2"),
    ("rss", "(<item>.*</item>)(<item>.*</item>)", r"\1\2\2", "it has 3 items, and the feed has 2"),
    ("rss", 'isPermaLink="false"', 'isPermaLink="true"', "item 1 .* passes its guid off as a link"),
    ("rss", ' isPermaLink="false"', "", "item 1 .* passes its guid off as a link"),
    ("rss", "<title>Artikel 2</title>", "<title> </title>", r"item 2 \(tag:.*:2\) has no title"),
    ("rss", "<link>https://bron.example/1</link>", "<link/>", "item 1 .* has no link"),
    ("rss", "https://bron.example/1<", "/1<", "item 1 .* no absolute http address: /1"),
    ("rss", "https://bron.example/1<", "//bron.example/1<", "no absolute http address"),
    ("rss", "https://bron.example/1<", "javascript:x<", "no absolute http address"),
    ("rss", "https://bron.example/1<", "https://[x<", "no absolute http address"),
    ("rss", "https://bron.example/1<", "https://bron.example/1 2<", "no absolute http address"),
    ("rss", "https://bron.example/1<", "https://bron.example/1|2<", "no absolute http address"),
    ("rss", "https://bron.example/1<", "https://bron.example/1?a[]=2<", "no absolute http address"),
    ("rss", "https://bron.example/x", "/x", "item 1 .* relative address in its text: /x"),
    ("rss", "<pubDate>[^<]*</pubDate>", "", "item 1 has no pubDate"),
    ("rss", "(<pubDate>[^<]*) [+]0000", r"\1", "item 1's pubDate has no offset"),
    ("rss", "(<pubDate>[^<]*) [+]0000", r"\1 -0000", "item 1's pubDate has no offset"),
    ("rss", "<pubDate>[^<]*<", "<pubDate>gisteren<", "item 1's pubDate is no date .*: gisteren"),
    ("atom", "</feed>", "", "not well-formed XML"),
    ("atom", "http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#", "it is no Atom: its root is"),
    ("atom", "<id>tag:portaal.example,2026:feed</id>", "", "the feed's id is missing"),
    ("atom", "2026:feed<", "2026:anders<", "the feed's id is tag:portaal.example,2026:anders, and should be"),
    ("atom", "<title>Cloud</title>", "<title/>", "the feed has no title"),
    ("atom", "<author>.*?</author>", "", "the feed has no author"),
    ("atom", "<updated>.*?</updated>", "", "the feed has no updated"),
    ("atom", "08:00:00[+]00:00", "08:00:00", "the feed's updated has no offset"),
    ("atom", "08:00:00[+]00:00", "25:00:00Z", "the feed's updated is no date"),
    ("atom", "T08:00:00[+]00:00", "", "the feed's updated is no date"),
    ("atom", 'rel="self"', 'rel="related"', "link to itself is missing"),
    ("atom", "<id>[^<]*2026:2</id>", "", "item 2 has no id"),
    ("atom", "<title>Artikel 1</title>", "", "item 1 .* has no title"),
    ("atom", '<link href="https://bron.example/1"/>', "", "item 1 .* has no link"),
    ("atom", "<published>[^<]*</published>", "", "item 1 has no published"),
    ("atom", "(Artikel 2</title>)<updated>[^<]*</updated>", r"\1", "item 2 has no updated"),
    ("atom", "https://bron.example/x", "x", "item 1 .* relative address in its text: x"),
    (
        "atom",
        "<entry>",
        '<entry xml:lang="Nederlands">',
        "item 1 .* is in a language that is none: Nederlands",
    ),
    ("atom", "<entry>", '<entry><link rel="enclosure" href="a.mp3"/>', "no absolute http address: a.mp3"),
    ("rss", "<item>", '<item><enclosure url="/a" length="0" type="a/b"/>', "no absolute http address: /a"),
    ("rss", "<item>", "<item><enclosure/>", "item 1 .* has a picture or an enclosure without an address"),
    ("json", '"id": "tag:p', '"language": "jp", "id": "tag:p', "is in a language that is none: jp"),
    ("json", '"id": "tag:p', '"image": "/a.jpg", "id": "tag:p', "no absolute http address: /a.jpg"),
    ("json", '"id": "tag:p', '"attachments": 3, "id": "tag:p', "enclosure without an address"),
    ("json", "}$", "", "not well-formed JSON"),
    ("json", "Artikel 1", "Artikel\t1", "not well-formed JSON"),
    ("json", "feed/version/1.1|version/1.1", "version/1", "version is .*version/1, and should be"),
    (
        "json",
        "Artikel 1",
        r"\\u0000",
        "the feed's items, number 1's title holds characters that are not allowed",
    ),
    ("json", "Kort 2", r"\\ud800", "the feed's items, number 2's summary holds characters"),
]


@pytest.mark.parametrize("extension, old, new, complaint", DAMAGE)
def test_damage_is_said(extension: str, old: str, new: str, complaint: str) -> None:
    whole = DOCUMENTS[extension].decode().strip()
    damaged = re.sub(old, new, whole, count=1, flags=re.DOTALL)
    assert damaged != whole
    found = complaints(extension, damaged.encode())
    assert any(re.search(complaint, each) for each in found), found


def edited(place: str, value: object) -> bytes:
    """The JSON document with one value changed, or removed for None."""
    document: Any = json.loads(DOCUMENTS["json"])
    *steps, last = (int(step) if step.isdigit() else step for step in place.split("."))
    parent = document
    for step in steps:
        parent = parent[step]
    if value is None:
        del parent[last]
    else:
        parent[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "place, value, complaint",
    [
        ("version", None, "its version is missing"),
        ("title", None, "the feed has no title"),
        ("title", 3, "the feed has no title"),
        ("feed_url", None, "link to itself is missing"),
        ("feed_url", "/feeds/cloud.json", "link to itself is /feeds/cloud.json, and should be https"),
        ("home_page_url", None, "link to its page is missing"),
        ("hubs", None, "link to the hub is missing"),
        ("hubs", "x", "link to the hub is missing"),
        ("items", None, "no list of items"),
        ("items", {}, "no list of items"),
        ("items.0", "x", "an item is no object"),
        ("items.0.id", None, "item 1 has no id"),
        ("items.0.id", "tag:portaal.example,2026:2", "stands 2 times"),
        ("items.1.title", "", r"item 2 \(tag:.*\) has no title"),
        ("items.1.url", None, "item 2 .* has no link"),
        ("items.1.url", "a/b", "item 2 .* no absolute http address: a/b"),
        ("items.1.content_html", None, "neither content_html nor content_text"),
        ("items.1.content_html", '<img alt="" src="/x.png">', "relative address in its text: /x.png"),
        ("items.1.date_published", None, "item 2 has no date_published"),
        ("items.1.date_published", "2026-11-24T08:00:00", "item 2's date_published has no offset"),
        ("items.1.date_modified", "24 november", "item 2's date_modified is no date"),
    ],
)
def test_damage_to_a_json_feed_is_said(place: str, value: object, complaint: str) -> None:
    found = complaints("json", edited(place, value))
    assert any(re.search(complaint, each) for each in found), found


@pytest.mark.parametrize("extension", FORMATS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_document_in_parts_is_judged_as_its_bytes_are(extension: str, data: st.DataObject) -> None:
    whole = FORMATS[extension].write(FEED)
    pieces = [whole.head, *whole.items, whole.tail]
    spare = [
        *pieces,
        b"<!--",
        b"-->",
        b"<x>",
        b"</x>",
        b"{}",
        b", {}",
        b'{"x": [',
        b"]}",
        b"&#1;",
        b"\\u0000",
    ]
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(pieces) - 1))
        piece = bytearray(pieces[place])
        start = data.draw(st.integers(0, len(piece)))
        other = data.draw(st.sampled_from(spare) | st.binary(max_size=3))
        piece[start : start + data.draw(st.sampled_from([0, 1, 30, len(piece)]))] = other
        pieces[place] = bytes(piece)
    items = pieces[1:-1][data.draw(st.integers(0, 1)) :]
    between = b", " if extension == "json" else b""
    parts = Written(pieces[0], items, pieces[-1], between)
    assert parts == pieces[0] + between.join(items) + pieces[-1]
    assert complaints(extension, parts) == complaints(extension, bytes(parts))


@pytest.mark.parametrize("extension", FORMATS)
def test_an_item_that_was_looked_at_is_not_looked_at_again(
    extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complaints(extension, FORMATS[extension].write(FEED)) == []
    monkeypatch.setattr(check, "_faults", lambda *item: pytest.fail("looked at again"))
    assert complaints(extension, FORMATS[extension].write(FEED)) == []


@pytest.mark.parametrize("extension", FORMATS)
def test_the_document_of_another_feed_is_not_fit(extension: str) -> None:
    for other in (
        replace(FEED, slug="recht"),
        replace(FEED, items=FEED.items[:1]),
        replace(FEED, items=FEED.items[::-1]),
        replace(FEED, items=(*FEED.items, item(3))),
        replace(FEED, hub=""),
        replace(FEED, base_url="https://elders.example"),
    ):
        assert complaints(extension, DOCUMENTS[extension], other)


@pytest.mark.parametrize("extension", FORMATS)
def test_the_document_of_another_format_is_not_fit(extension: str) -> None:
    for other, document in DOCUMENTS.items():
        assert bool(complaints(extension, document)) is (other != extension)


@pytest.mark.parametrize("extension", FORMATS)
def test_text_that_only_looks_like_a_relative_link_is_no_fault(extension: str) -> None:
    content = '<p title="a href=\'/x\'">Schrijf <code>&lt;a href="/x"&gt;</code> of src="y", \\u0000</p>'
    article = FEED.items[0].article.model_copy(update={"content": content})
    feed = replace(FEED, items=(FeedItem(article, ()),))
    assert complaints(extension, FORMATS[extension].write(feed), feed) == []


def test_an_unknown_format_is_never_fit() -> None:
    assert complaints("xyz", b"") == ["nothing here knows how to check a document of the kind 'xyz'"]


@pytest.mark.parametrize("extension", FORMATS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_bytes_crash_it(extension: str, data: st.DataObject) -> None:
    document = bytearray(DOCUMENTS[extension])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(document)))
        document[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
    complaints(extension, bytes(document))
    assert complaints(extension, data.draw(st.binary(max_size=50)))


def test_deep_nesting_is_said() -> None:
    for depth in (200, 500, 900, 1_000, 100_000):
        nested = b'{"items": [], "x": ' + b"[" * depth + b"]" * depth + b"}"
        assert complaints("json", nested)
