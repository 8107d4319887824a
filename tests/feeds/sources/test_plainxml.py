"""Feeds read without feedparser give what it would give, to the last field."""

from pathlib import Path

import pytest
from both_ways import readings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.sources.plainxml import read_plain_xml

DATA = Path(__file__).parents[2] / "data" / "feed"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
RSS = (
    HEAD + '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:slash="http://purl.org/rss/1.0/modules/slash/" '
    'xmlns:wfw="http://wellformedweb.org/CommentAPI/" xmlns:vreemd="https://vreemd.example/" '
    'xmlns:title="https://titel.example/">'
    "<channel>{}</channel></rss>"
)
ATOM = (
    HEAD + '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" '
    'xmlns:vreemd="https://vreemd.example/" xml:lang="{}">{}</feed>'
)

TEXTS = st.sampled_from(
    [
        *(
            "De gemeente",
            "  Een\n twee ",
            "",
            "a &lt; b &amp;amp; c",
            "&lt;b&gt;vet&lt;/b&gt;",
            "caf\u00e9",
            "\u00c3\u00a9",
        ),
        *(
            "<![CDATA[<p>Een <em>alinea</em> &amp; meer</p>]]>",
            "<![CDATA[a]]><![CDATA[b]]>",
            "&#8364; 5",
            "x\x85y",
        ),
        *(
            "<!-- c -->na",
            "voor<!-- c -->na",
            "&lt;onbekend&gt;",
            "AT&amp;T &amp;nbsp; &amp;xyz;",
            "\ud55c\uad6d\uc5b4",
            "a@b.example",
        ),
    ]
)
LINKS = st.sampled_from(
    [
        *("https://bron.example/a?b=1&amp;c=2", "https://bron.example/x/", " https://bron.example/y \n"),
        *(
            "/relatief",
            "https://bron.example//dubbel",
            "http:///leeg",
            "javascript:x",
            "https://bron.example/a%20b//c#d",
            "https://bron.example:8080/a,b;c?d=&amp;amp;e",
            "http://localhost:4000/a",
            "https://bron.example/?a=&amp;lt;b",
            "https://b\u00fccher.example/a",
        ),
    ]
)
DATES = st.sampled_from(
    [
        *(
            "Tue, 24 Nov 2026 09:00:00 +0100",
            "Tue, 24 Nov 2026 09:00:00 GMT",
            "Wed, 24 Nov 2026 23:59:59 -1130",
        ),
        *(
            "24 Nov 2026",
            "Tue, 31 Feb 2026 09:00:00 GMT",
            "Tue, 24 Nov 2026 09:00:60 GMT",
            "2026-11-24T09:00:00Z",
        ),
        *("2026-11-24", "Tue, 24 Nov 2026 09:00:00 EST", "Tue, 24 November 2026 9:00 +0100"),
        *("2026-11-24T09:00:00.123+01:00", "2026-11-24T24:00:00Z", "0001-01-01T00:00:00+14:00", "gisteren"),
    ]
)


def element(name: str, text: st.SearchStrategy[str], *attributes: str) -> st.SearchStrategy[str]:
    return st.builds("<{0}{1}>{2}</{0}>".format, st.just(name), st.sampled_from(attributes or ("",)), text)


ITEM_PARTS = st.one_of(
    element("title", TEXTS),
    element("link", LINKS),
    element("guid", LINKS | TEXTS, "", ' isPermaLink="false"', ' isPermaLink="true"', ' isPermaLink="FALSE"'),
    element("pubDate", DATES),
    element("description", TEXTS),
    element("content:encoded", TEXTS),
    element("category", TEXTS, "", ' domain="d"', ' domain=""'),
    element("dc:creator", TEXTS),
    element("author", TEXTS),
    element("dc:date", DATES),
    element("source", TEXTS, ' url="https://elders.example/"'),
    element("slash:comments", TEXTS),
    element("onbekend", TEXTS, "", ' a="b"'),
    element("media:content", st.just(""), ' url="https://bron.example/a.jpg" medium="image"'),
    element("media:title", TEXTS),
    st.builds(
        '<media:content url="https://bron.example/b.jpg" medium="image">{}</media:content>'.format,
        element("media:title", TEXTS, ' type="html"') | element("media:description", TEXTS) | TEXTS,
    ),
    element("vreemd:soort", TEXTS, "", ' a="b"', ' xml:lang="en"', ' base="https://x.example/"'),
    element("title:detail", TEXTS),
    element("dc:subject", TEXTS),
    element("wfw:commentRss", LINKS),
    element("author", TEXTS | st.sampled_from(["a@bron.example (Anna B)", "a@bron.example", "(A) B"])),
    st.just('<enclosure url="https://bron.example/a.mp3" type="audio/MPEG" length="12"/>'),
    st.just('<media:thumbnail url="https://bron.example/t.jpg" width="9"/>'),
)
CHANNEL_PARTS = st.one_of(
    element("title", TEXTS),
    element("link", LINKS),
    element("language", st.sampled_from(["nl", "nl_NL", ""])),
    element("description", TEXTS),
    element("category", TEXTS, "", ' domain="d"'),
    element("managingEditor", TEXTS),
    element("author", TEXTS),
    element("dc:language", st.sampled_from(["nl", "en-GB", ""])),
    element("vreemd:soort", TEXTS, "", ' a="b"'),
    st.just('<site xmlns="com-wordpress:feed-additions:1">123</site>'),
    st.just('<atom:link href="https://bron.example/osd.xml" rel="search"/>'),
    st.just('<atom:link href="https://bron.example/feed" rel="self"/>'),
    st.just(
        "<image><title>Beeld</title><url>https://bron.example/i.png</url><link>https://x.example/</link></image>"
    ),
)
ITEMS = st.lists(ITEM_PARTS, max_size=9).map(lambda parts: f"<item>{''.join(parts)}</item>")
USUAL_ITEM = st.tuples(
    element("title", TEXTS), element("link", LINKS), element("description", TEXTS), element("pubDate", DATES)
).map(lambda parts: f"<item>{''.join(parts)}</item>")
RSS_FEEDS = st.lists(CHANNEL_PARTS | ITEMS | USUAL_ITEM, max_size=6).map(
    lambda parts: RSS.format("".join(parts))
)

ENTRY_PARTS = st.one_of(
    element(
        "id", LINKS | st.sampled_from(["tag:bron.example,2026:1", "urn:uuid:1-2", "los", "a:b:c", "%41"])
    ),
    element("title", TEXTS, "", ' type="html"', ' type="text"', ' type="xhtml"', ' xml:lang="en"'),
    element("summary", TEXTS, "", ' type="html"'),
    element("content", TEXTS, "", ' type="html"', ' type="text/plain"', ' src="https://bron.example/"'),
    element(
        "content",
        TEXTS,
        ' type="html" xml:base="https://bron.example/a/"',
        ' type="html" xml:base="/a/"',
        ' type="html" xml:lang="en_GB"',
        ' type="html" xml:lang=""',
    ),
    element("summary", TEXTS, ' xml:base="https://bron.example/a/"', ' xml:lang="en"'),
    element("vreemd:soort", TEXTS, "", ' a="b"'),
    element("thr:total", TEXTS),
    st.just('<link rel="replies" href="/reacties" thr:count="2"/>'),
    element("published", DATES),
    element("updated", DATES),
    st.builds('<link href="{}"{}/>'.format, LINKS, st.sampled_from(["", ' rel="alternate"', ' rel="self"'])),
    st.builds("<author>{}{}</author>".format, element("name", TEXTS), element("email", TEXTS) | st.just("")),
    st.builds(
        '<category term="{}"{}/>'.format,
        st.sampled_from(["a", "", "b c"]),
        st.sampled_from(["", ' label="L"']),
    ),
)
USUAL_ENTRY = st.builds(
    '<id>tag:bron.example,2026:1</id><link href="{}"/>{}'.format,
    LINKS,
    st.lists(ENTRY_PARTS, max_size=5).map("".join),
)
ENTRIES = (st.lists(ENTRY_PARTS, max_size=8).map("".join) | USUAL_ENTRY).map("<entry>{}</entry>".format)
FEED_PARTS = st.one_of(
    element("title", TEXTS),
    element("updated", DATES),
    st.builds("<author>{}</author>".format, element("name", TEXTS)),
    st.just('<link href="https://bron.example/"/>'),
)
ATOM_FEEDS = st.builds(
    ATOM.format, st.sampled_from(["nl", "en_GB", ""]), st.lists(FEED_PARTS | ENTRIES, max_size=6).map("".join)
)

USUAL_TEXTS = st.sampled_from(
    [
        "De gemeente",
        "a &lt; b &amp;amp; c",
        "&lt;b&gt;vet&lt;/b&gt;",
        "<![CDATA[<p>Een &amp; twee</p>]]>",
        "café 한국",
    ]
)
USUAL_LINKS = st.sampled_from(["https://bron.example/a?b=1&amp;c=2", " https://bron.example/x/\n"])


def usually(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Most of the parts, each once, in any order."""
    return st.permutations([part | st.just("") | part for part in parts]).flatmap(
        lambda drawn: st.tuples(*drawn).map("".join)
    )


USUAL_ITEMS = usually(
    element("title", USUAL_TEXTS),
    element("link", USUAL_LINKS),
    element("guid", USUAL_TEXTS, ' isPermaLink="false"') | element("guid", USUAL_LINKS),
    element("pubDate", st.just("Tue, 24 Nov 2026 09:00:00 +0100")),
    element("description", USUAL_TEXTS),
    element("content:encoded", USUAL_TEXTS),
    element("category", USUAL_TEXTS, "", ' domain="d"'),
    element("category", USUAL_TEXTS),
    element("dc:creator", USUAL_TEXTS),
    st.just('<enclosure url="https://bron.example/a.mp3" type="audio/mpeg" length="12"/>'),
).map("<item>{}</item>".format)
USUAL_ENTRIES = usually(
    element("title", USUAL_TEXTS, "", ' type="html"'),
    element("id", st.just("tag:bron.example,2026:1")),
    element("summary", USUAL_TEXTS, "", ' type="html"'),
    element("content", USUAL_TEXTS, ' type="html"'),
    element("published", st.just("2026-11-24T09:00:00+01:00")),
    element("updated", st.just("2026-11-25T09:00:00Z")),
    st.just("<author><name>Redactie</name><email>a@bron.example</email></author>"),
    st.just('<category term="a" label="A"/>'),
).map('<entry><link href="https://bron.example/a"/>{}</entry>'.format)
USUAL_FEEDS = st.lists(USUAL_ITEMS, min_size=1, max_size=3).map(
    lambda items: RSS.format("<title>Bron</title><language>nl</language>" + "".join(items))
) | st.lists(USUAL_ENTRIES, min_size=1, max_size=3).map(
    lambda entries: ATOM.format("nl", "<title>Bron</title>" + "".join(entries))
)

ORDINARY_ITEM = (
    "<item><title>De wolk</title><link>https://bron.example/a</link>"
    '<guid isPermaLink="false">1</guid><pubDate>Tue, 24 Nov 2026 09:00:00 +0100</pubDate>'
    "<dc:creator>Redactie</dc:creator><category>ICT</category><description>Kort</description>"
    "<content:encoded><![CDATA[<p>Lang</p>]]></content:encoded></item>"
)
ORDINARY_ENTRY = (
    '<entry><id>tag:bron.example,2026:1</id><title>De wolk</title><link href="https://bron.example/a"/>'
    "<published>2026-11-24T09:00:00+01:00</published><updated>2026-11-24T10:00:00Z</updated>"
    '<author><name>Redactie</name></author><content type="html">&lt;p&gt;Lang&lt;/p&gt;</content></entry>'
)


@settings(max_examples=1500, deadline=None)
@given(RSS_FEEDS | ATOM_FEEDS | USUAL_FEEDS)
@example(RSS.format(ORDINARY_ITEM))
@example(ATOM.format("nl", ORDINARY_ENTRY))
@example(RSS.format("<item><guid>https://bron.example/a</guid><content:encoded>x</content:encoded></item>"))
def test_both_ways_lead_to_the_same(text: str) -> None:
    both = readings(text.encode("utf-8", "surrogatepass"))
    assert both is None or both[0] == both[1]


BASED = 'xml:base="https://elders.example/b/"'
ENTRY = (
    '<entry><id>{0}</id><title{1}>Een</title><link href="https://bron.example/a"/>'
    '<content type="html"{2}>&lt;img src="b.jpg" class="c"&gt;</content></entry>'
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            ATOM.format(
                "nl", ENTRY.format("1", "", f" {BASED}") + ENTRY.format("https://a.example/2", "", "")
            ),
            id="contents of which only the first has one",
        ),
        pytest.param(ATOM.format("nl", ENTRY.format("tag:a", f" {BASED}", "")), id="a title"),
        pytest.param(
            ATOM.format("nl", 2 * ENTRY.format("los", "", f" {BASED}")), id="an id that is relative"
        ),
        pytest.param(
            ATOM.format("nl", 2 * ENTRY.format("a_b:c", "", f" {BASED}")), id="one that looks like none"
        ),
        pytest.param(ATOM.format("nl", f"<updated {BASED}/>" + ENTRY.format("los", "", "")), id="the feed"),
        pytest.param(RSS.format(f"<language {BASED}>nl</language>{ORDINARY_ITEM}"), id="a language"),
        pytest.param(RSS.format(f"<atom:link {BASED}/>{ORDINARY_ITEM}"), id="a link of the channel"),
    ],
)
def test_a_base_counts_for_all_that_feedparser_has_it_count_for(text: str) -> None:
    text = text.replace("<p>Lang</p>", "<img src='b.jpg' class='c'>")
    both = readings(text.encode())
    assert both is None or both[0] == both[1]


def test_a_category_that_stands_twice_with_its_domain_does_so_both_ways() -> None:
    twice = 2 * '<category domain="d">Betaald</category>'
    both = readings(RSS.format(f"<item><link>https://bron.example/a</link>{twice}</item>").encode())
    assert both is not None
    assert both[0] == both[1]


@pytest.mark.parametrize("bound", ["", ' xmlns:los="los"'])
def test_a_prefix_that_is_bound_to_nothing_is_left_to_feedparser(bound: str) -> None:
    text = RSS.format(f"<x:soort>1</x:soort><vreemd:soort{bound}/>{ORDINARY_ITEM}")
    assert readings(text.encode()) is None


@pytest.mark.parametrize("path", sorted(DATA.glob("*.xml")), ids=lambda path: path.name)
def test_samples_are_read_the_same_both_ways(path: Path) -> None:
    both = readings(path.read_bytes())
    assert both is None or both[0] == both[1]


@pytest.mark.parametrize("text", [RSS.format(ORDINARY_ITEM), ATOM.format("nl", ORDINARY_ENTRY)])
def test_ordinary_feeds_need_no_feedparser(text: str) -> None:
    read = read_plain_xml(text.encode())
    assert read is not None
    assert len(read.entries) == 1


@pytest.mark.parametrize("before", ["", "\ufeff", "\n ", "\ufeff\n"])
@pytest.mark.parametrize(
    "content_type", ["", "text/xml", "text/xml; charset=utf-8", "text/xml; charset=latin-1"]
)
def test_a_feed_that_declares_nothing_is_read_as_its_server_says(before: str, content_type: str) -> None:
    text = before + RSS.format(ORDINARY_ITEM.replace("wolk", "caf\u00e9")).removeprefix(HEAD)
    both = readings(text.encode(), content_type)
    assert both is None if "latin-1" in content_type else both is not None and both[0] == both[1]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b" " + HEAD.encode() + b"<rss version='2.0'><channel/></rss>",
        b"<rss version='2.0' xmlns:a='a:'><channel xmlns:a='b:'/></rss>",
        HEAD.encode()
        + b"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss version='2.0'><channel><title>&a;</title></channel></rss>",
        b"<?xml version='1.0' encoding='latin-1'?><rss version='2.0'><channel/></rss>",
        HEAD.encode() + b"<rss version='2.0'><channel></rss>",
        HEAD.encode() + b"<rss version='0.91'><channel/></rss>",
        HEAD.encode() + b"<html/>",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_feedparser(document: bytes) -> None:
    assert read_plain_xml(document) is None
