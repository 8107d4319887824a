"""What every format of a feed promises, tried on ordinary feeds and on the nastiest text."""

import io
import json
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import feedparser
import lxml.etree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.article import Article
from feeds.check import check
from feeds.feed import Feed, FeedItem
from feeds.formats import FORMATS, Format
from feeds.normalise import normalise
from feeds.source import Payload, Source
from feeds.sources.feed import FeedSource

BASE = "https://portaal.example"
MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


def article(number: int, **fields: object) -> Article:
    values = {
        "uri": f"tag:portaal.example,2026-11-24:{number}",
        "source": "bron",
        "url": f"https://bron.example/artikel?a={number}&b=2",
        "title": f"Wolken & kosten < {number}",
        "summary": "Wat kost 1 < 2 & meer?",
        "content": '<p>Volledig &amp; <a href="https://bron.example/b">wel</a></p>',
        "author": "J. de Vries",
        "language": "nl",
        "published": MORNING - timedelta(hours=number),
        "updated": MORNING + timedelta(minutes=number, microseconds=5),
        "fingerprint": "f",
    }
    # Constructed without validation, as rows from the database are.
    return Article.model_construct(**values | fields)


def feed(*articles: Article, **fields: object) -> Feed:
    made = Feed(
        slug="cloud",
        uri="tag:portaal.example,2026-11-24:feed",
        title="Portaal: Cloud",
        description="Over wolken",
        language="nl",
        base_url=BASE,
        author="Portaal",
        updated=MORNING,
        items=tuple(FeedItem(each, ("Cloud", "IT & recht"), "De Bron") for each in articles),
        hub="https://hub.example/",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


FEEDS = {
    "of three": feed(article(1), article(2, language="en", author=""), article(3, content="", summary="")),
    "of one without a hub": feed(article(1), hub=""),
    "with sound and pictures": feed(
        article(
            1,
            image="https://bron.example/foto.jpg",
            enclosures=[
                {"url": "https://bron.example/a.mp3", "type": "audio/mpeg", "length": 1234},
                {"url": "https://bron.example/b.pdf", "type": "", "length": 0},
            ],
        )
    ),
    "of everything": feed(article(1, content=""), slug="all", description=""),
    "empty": feed(),
    "empty and bare": feed(description="", hub="", author="", language="", title=""),
}

every_format = pytest.mark.parametrize(
    "format", [pytest.param(each, id=name) for name, each in FORMATS.items()]
)
every_feed = pytest.mark.parametrize("feed", [pytest.param(each, id=name) for name, each in FEEDS.items()])


@dataclass(frozen=True)
class Item:
    id: str
    title: str
    link: str
    published: datetime


def read(document: bytes) -> list[Item]:
    """The items of any document, straight from its JSON or XML."""
    if document.startswith(b"{"):
        return [
            Item(item["id"], item["title"], item["url"], datetime.fromisoformat(item["date_published"]))
            for item in json.loads(document)["items"]
        ]
    items = lxml.etree.fromstring(document).xpath("//*[local-name()='item' or local-name()='entry']")
    return [
        _item(
            {
                lxml.etree.QName(child).localname: child
                for child in item
                if child.get("rel", "alternate") == "alternate"
            }
        )
        for item in items
    ]


def _item(parts: dict[str, lxml.etree._Element]) -> Item:
    return Item(
        id=parts["guid" if "guid" in parts else "id"].text,
        title=parts["title"].text,
        link=parts["link"].text or parts["link"].get("href"),
        published=parsedate_to_datetime(parts["pubDate"].text)
        if "pubDate" in parts
        else datetime.fromisoformat(parts["published"].text),
    )


def expected(feed: Feed) -> list[Item]:
    return [
        Item(item.article.uri, item.article.title, item.article.url, item.article.published)
        for item in feed.items
    ]


@every_format
def test_a_format_is_registered_under_its_extension_and_has_a_name(format: Format) -> None:
    assert FORMATS[format.extension] is format
    assert format.extension.isalnum()
    assert "/" in format.media_type
    assert format.name


@every_format
@every_feed
def test_a_document_is_fit_to_publish(format: Format, feed: Feed) -> None:
    assert check(format.extension, format.write(feed), feed) == []


@every_format
@every_feed
def test_the_same_feed_gives_the_same_bytes(format: Format, feed: Feed) -> None:
    amsterdam = timezone(timedelta(hours=1))
    elsewhere = replace(feed, updated=feed.updated.astimezone(amsterdam))
    assert format.write(feed) == format.write(elsewhere)


@every_format
def test_only_dates_of_the_feed_are_in_it(format: Format) -> None:
    then = datetime(1999, 5, 6, 7, 8, 9, tzinfo=UTC)
    old = feed(article(1, uri="tag:x", published=then, updated=then), uri="tag:y", updated=then)
    assert str(datetime.now(UTC).year) not in format.write(old).decode()


@every_format
@every_feed
def test_items_are_read_back_as_they_were(format: Format, feed: Feed) -> None:
    assert read(format.write(feed)) == expected(feed)


@every_format
@every_feed
def test_our_own_collector_reads_it(format: Format, feed: Feed) -> None:
    source = Source(name="portaal", kind="feed", url=feed.url(format.extension))
    payload = Payload({source.url: format.write(feed)}, base=source.url, content_type=format.media_type)
    reading = FeedSource().read(source, payload)
    assert reading.problems == []
    assert len(reading.drafts) == len(feed.items)
    for draft, item in zip(reading.drafts, feed.items, strict=True):
        assert (draft.key, draft.url) == (item.article.uri, item.article.url)
        assert draft.language == item.article.language
        got, problems = normalise(draft, base=source.url, language="")
        assert got is not None
        assert problems == []
        assert got.title == item.article.title
        assert got.published == item.article.published
        assert got.author in (item.article.author or item.source_title, feed.author)
        assert set(got.categories) == set(item.themes)
        if item.article.content:
            assert got.content == item.article.content
        if item.article.summary:
            assert got.summary == item.article.summary
        if item.article.enclosures:
            first = item.article.enclosures[0]
            assert (got.enclosures[0].url, got.enclosures[0].length) == (first["url"], first["length"])
            assert format.extension == "rss" or len(got.enclosures) == len(item.article.enclosures)
        if format.extension == "json":
            assert got.image == item.article.image


@pytest.mark.parametrize("format", [each for each in FORMATS.values() if "xml" in each.media_type])
@every_feed
def test_feedparser_finds_no_fault_in_it(format: Format, feed: Feed) -> None:
    found = feedparser.parse(io.BytesIO(format.write(feed)))
    assert not found.bozo
    assert found.feed.title == (feed.title or feed.slug)
    assert found.feed.link == feed.page_url
    links = {link.rel: link.href for link in found.feed.links}
    assert links["self"] == feed.url(format.extension)
    assert links.get("hub", "") == feed.hub
    assert [entry.id for entry in found.entries] == [item.article.uri for item in feed.items]
    assert [entry.link for entry in found.entries] == [item.article.url for item in feed.items]
    for entry, item in zip(found.entries, feed.items, strict=True):
        assert [tag.term for tag in entry.tags] == list(item.themes)
        assert entry.author == (item.article.author or item.source_title)


@every_format
def test_an_item_in_another_language_says_so_and_others_do_not(format: Format) -> None:
    def marks(language: str) -> int:
        document = format.write(feed(article(1, language=language, title="x"))).decode()
        return document.count(">fr<") + document.count('"fr"')

    assert marks("fr") == 1
    assert marks("nl") == marks("") == 0


@every_format
def test_without_a_hub_none_is_named(format: Format) -> None:
    assert b"hub" in format.write(feed())
    assert b"hub" not in format.write(feed(hub=""))


PIECES = [
    "<b>", "</title>", "]]>", "<![CDATA[", "&", "&amp;", "&#0;", "&lt;script&gt;", "<!--", '"', "'",
    "\\u0000", "\x00", "\x08", "\x0b", "\x1f", "\x7f", "\x85", "\ud800", "\udfff", "\ufffe", "\uffff",
    "\U0001fffe", "\r", "\r\n", "\t", "\n", "\u2028", "\u202e", "\u200f", "\ufeff", "\ue000", "é", "e\u0301",
    "👩", "🇳🇱", "مرحبا", "שלום", " ",
]  # fmt: skip
NASTY = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=5), max_size=10).map("".join)


def visible(text: str) -> str:
    """What must survive: everything but blanks, and what is no character or only steers them."""
    return "".join(
        character
        for character in text
        if not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )


@every_format
@settings(max_examples=150, deadline=None)
@given(title=NASTY, summary=NASTY, content=NASTY, author=NASTY, theme=NASTY, heading=NASTY)
def test_no_text_breaks_a_document(
    format: Format, title: str, summary: str, content: str, author: str, theme: str, heading: str
) -> None:
    nasty = article(1, title=title, summary=summary, content=content.replace("<", ""), author=author)
    made = replace(
        feed(article(2)),
        title=heading,
        description=summary,
        author=author,
        items=(FeedItem(nasty, (theme,)),),
    )
    document = format.write(made)
    assert check(format.extension, document, made) == []
    assert format.write(made) == document
    (found,) = read(document)
    assert visible(found.title) == visible(title) or not visible(title)
    assert found.title.strip()
