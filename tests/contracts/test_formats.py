"""What every format of a feed promises, tried on ordinary feeds and on the nastiest text."""

import html
import io
import json
import unicodedata
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

import feedparser
import lxml.etree
import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from feeds.article import Article
from feeds.check import check
from feeds.draft import Draft, Enclosure
from feeds.feed import Feed, FeedItem, Tombstone
from feeds.formats import FORMATS, Format
from feeds.normalise import normalise
from feeds.source import Payload, Source
from feeds.sources.feed import FeedSource

GRAMMARS = Path(__file__).parents[1] / "data" / "grammars"
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
    "with something changed": feed(
        article(1, change="“Nu kost het 3 < 4.”"), article(2, change="“Nu ook dit.”", content="")
    ),
    "with something withdrawn": feed(
        article(1), tombstones=(Tombstone("tag:portaal.example,2026-11-20:8", MORNING),), older=2
    ),
    "of the past": feed(article(1), article(2), archive=2, older=1),
    "of the very past": feed(article(1), archive=1),
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
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_what_is_kept_of_an_item_gives_the_bytes_that_a_fresh_one_gives(
    format: Format, data: st.DataObject
) -> None:
    items = [item for each in FEEDS.values() for item in each.items]
    shown = data.draw(st.lists(st.sampled_from(items), max_size=5, unique_by=lambda one: one.article.uri))
    words = {"language": st.sampled_from(["nl", "en", ""]), "changed": st.sampled_from(["Nieuw:", "New:"])}
    made = replace(feed(), items=tuple(shown), **data.draw(st.fixed_dictionaries(words)))
    afresh = replace(made, items=tuple(replace(item) for item in shown))
    assert format.write(made) == format.write(afresh)
    assert check(format.extension, format.write(made), made) == []


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
        change = html.escape(item.article.change, quote=False)
        note = f"<p><b>What changed:</b> {change}</p>\n" if change else ""
        if item.article.content:
            assert got.content == note + item.article.content
        if item.article.summary:
            alone = note and not item.article.content
            assert got.summary == (
                f"What changed: {item.article.change} {item.article.summary}"
                if alone
                else item.article.summary
            )
        assert got.image == item.article.image
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


def test_an_archive_leads_back_and_to_the_current_document() -> None:
    past = feed(article(1), archive=2, older=1)
    for format in (FORMATS["rss"], FORMATS["atom"]):
        document = lxml.etree.fromstring(format.write(past))
        links = {
            link.get("rel"): link.get("href")
            for link in document.iter("{http://www.w3.org/2005/Atom}link")
            if link.getparent() is document or link.getparent().tag == "channel"
        }
        assert links["self"] == f"{BASE}/feeds/cloud/2.{format.extension}"
        assert links["current"] == f"{BASE}/feeds/cloud.{format.extension}"
        assert links["prev-archive"] == f"{BASE}/feeds/cloud/1.{format.extension}"
        assert len(list(document.iter("{http://purl.org/syndication/history/1.0}archive"))) == 1
    assert json.loads(FORMATS["json"].write(past))["next_url"] == f"{BASE}/feeds/cloud/1.json"


def test_atom_tells_what_was_withdrawn_and_the_others_do_not() -> None:
    stone = Tombstone("tag:portaal.example,2026-11-20:8", MORNING)
    grieving = feed(article(1), tombstones=(stone,))
    atom = lxml.etree.fromstring(FORMATS["atom"].write(grieving))
    (deleted,) = atom.iter("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    assert dict(deleted.attrib) == {"ref": stone.uri, "when": "2026-11-24T08:00:00+00:00"}
    assert stone.uri.encode() not in FORMATS["rss"].write(grieving)
    assert stone.uri.encode() not in FORMATS["json"].write(grieving)


XML_GRAMMARS = {
    "{http://www.w3.org/2005/Atom}feed": lxml.etree.RelaxNG(lxml.etree.parse(GRAMMARS / "atom.rng")),
    "rss": lxml.etree.RelaxNG(lxml.etree.parse(GRAMMARS / "rss.rng")),
}
LANGUAGES_THAT_THERE_ARE = Locale("en").languages
JSON_FEED_SCHEMA = Draft202012Validator(
    json.loads((GRAMMARS / "jsonfeed.json").read_text()), format_checker=FormatChecker()
)


def grammar_faults(document: bytes) -> list[str]:
    """What RFC 4287's grammar, ours of RSS or JSON Feed's schema finds in a document.

    And, as the W3C's validator does, languages that there aren't.
    """
    if document.startswith(b"{"):
        found = json.loads(document)
        faults = [error.message for error in JSON_FEED_SCHEMA.iter_errors(found)]
        parts = [part for part in (found, *found["items"]) if isinstance(part, dict)]
        tags = [part["language"] for part in parts if "language" in part]
    else:
        root = lxml.etree.fromstring(document)
        grammar = XML_GRAMMARS[root.tag]
        grammar.validate(root)
        faults = [entry.message for entry in grammar.error_log]
        tags = root.xpath("//@xml:lang | //*[local-name()='language']/text()")
    odd = [tag for tag in tags if tag.partition("-")[0].lower() not in LANGUAGES_THAT_THERE_ARE]
    return faults + [f"{tag} is no language" for tag in odd]


@every_format
@every_feed
def test_a_document_is_valid_by_its_grammar(format: Format, feed: Feed) -> None:
    assert grammar_faults(format.write(feed)) == []


@pytest.mark.parametrize(
    ("extension", "old", "new"),
    [
        ("atom", b"<author><name>Portaal</name></author>", b"<author><nom>Portaal</nom></author>"),
        ("atom", b"<updated>2026-11-24T08:00:00+00:00</updated>", b""),
        ("atom", b"<updated>2026-11-24T08", b"<updated>24 nov 08"),
        ("atom", b'href="https://portaal.example/themes/cloud"', b""),
        ("atom", b"<published>", b"<published/><published>"),
        ("atom", b'xml:lang="nl"', b'xml:lang="nederlands in het algemeen"'),
        ("rss", b"<pubDate>Tue, ", b"<pubDate>di, "),
        ("rss", b' isPermaLink="false"', b""),
        ("rss", b"<title>Portaal: Cloud</title>", b""),
        ("rss", b"<language>nl</language>", b"<language>het Nederlands</language>"),
        ("rss", b"<category>Cloud</category>", b"<category/>"),
        ("json", b'"title": "Portaal: Cloud"', b'"title": 3'),
        ("json", b'"items": [', b'"items": [3, '),
        ("json", b'"date_published": "2026', b'"date_published": "in 2026'),
        ("json", b'"content_html"', b'"content"'),
        ("atom", b'xml:lang="nl"', b'xml:lang="zz"'),
        ("rss", b"<language>nl</language>", b"<language>cz</language>"),
        ("json", b'"language": "nl"', b'"language": "jp"'),
        ("rss", b"artikel?a=1", b"artikel?a[]=1"),
        ("json", b"artikel?a=1", b"artikel?a|1"),
    ],
)
def test_the_grammars_find_what_is_wrong(extension: str, old: bytes, new: bytes) -> None:
    document = FORMATS[extension].write(feed(article(1)))
    assert document.count(old) >= 1
    assert grammar_faults(document.replace(old, new, 1))


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
    assert grammar_faults(document) == []
    assert format.write(made) == document
    (found,) = read(document)
    assert visible(found.title) == visible(title) or not visible(title)
    assert found.title.strip()


ADDRESSES = st.sampled_from(
    [
        "https://bron.example/a",
        "//bron.example/é?a=1&b=<2>",
        "https://bron.example/a?b[]=1|2#c[d]",
        "http://wie:wat@[2001:db8::1]:8080/a",
        "/pad/naar iets",
        "javascript:x",
        "",
        "https://[::1",
    ]
) | NASTY.map("https://bron.example/".__add__)
LANGUAGES = st.sampled_from(
    [
        "",
        "nl",
        "EN_us",
        "fr-BE-x-eigen",
        "geen taal",
        "Nederlands (België)",
        "jp",
        "cz",
        "zz-" + "a" * 40,
        "nds-NL",
    ]
)
DRAFTS = st.builds(
    Draft,
    key=NASTY,
    url=ADDRESSES,
    title=NASTY,
    summary=NASTY,
    content=NASTY | NASTY.map("<p>{}</p><img src='/a.png'>".format),
    author=NASTY,
    language=LANGUAGES,
    categories=st.lists(NASTY, max_size=3).map(tuple),
    published=st.none() | st.datetimes(timezones=st.just(UTC)),
    image=ADDRESSES,
    enclosures=st.lists(
        st.builds(
            Enclosure,
            url=ADDRESSES,
            type=st.sampled_from(["audio/mpeg", "", "AUDIO/MPEG; codecs=x", "geen soort"]) | NASTY,
            length=st.integers(-5, 2**70),
        ),
        max_size=3,
    ).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(draft=DRAFTS, change=NASTY, themes=st.lists(NASTY, max_size=2), language=LANGUAGES)
def test_whatever_the_collector_lets_through_is_valid_in_every_format(
    draft: Draft, change: str, themes: list[str], language: str
) -> None:
    found, _ = normalise(draft, base="https://bron.example/feed", language=language)
    if found is None:
        return
    kept = article(
        1,
        url=found.url,
        title=found.title,
        summary=found.summary,
        content=found.content,
        author=found.author,
        language=found.language,
        published=found.published or MORNING,
        image=found.image,
        enclosures=[asdict(enclosure) for enclosure in found.enclosures],
        change=change,
    )
    made = replace(feed(), items=(FeedItem(kept, tuple(themes)),))
    for extension, format in FORMATS.items():
        document = format.write(made)
        assert check(extension, document, made) == []
        assert grammar_faults(document) == []
