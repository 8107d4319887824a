import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.draft import Draft
from feeds.normalise import normalise
from feeds.source import Payload, Reading, Source, SourceError
from feeds.sources.feed import FeedSource

DATA = Path(__file__).parents[2] / "data" / "feed"
SOURCE = Source(name="bron", kind="feed", url="https://bron.example/feed")


def read(document: bytes | str, content_type: str = "") -> Reading:
    raw = document if isinstance(document, bytes) else document.encode()
    return FeedSource().read(SOURCE, Payload({SOURCE.url: raw}, base=SOURCE.url, content_type=content_type))


def sample(name: str) -> Reading:
    return read((DATA / name).read_bytes())


def published(draft: Draft) -> Draft:
    article, _ = normalise(draft, base=SOURCE.url, language="nl")
    assert article is not None
    return article


def rss(item: str) -> str:
    return f'<rss version="2.0"><channel><title>t</title><item>{item}</item></channel></rss>'


def test_rss_gives_everything_an_item_says() -> None:
    reading = sample("rss.xml")
    assert (reading.title, reading.language) == ("Gemeente & Techniek", "nl-NL")
    first = published(reading.drafts[0])
    assert first.key == "bron-101"
    assert first.url == "https://bron.example/een-loket"
    assert first.title == "Eén loket voor inwoners & ondernemers"
    assert first.summary == "Drie gemeenten openen samen één loket."
    assert '<strong>samen</strong> één loket. <a href="https://bron.example/loket">' in first.content
    assert first.author == "Anna de Vries"
    assert first.categories == ("Dienstverlening", "samenwerking")
    assert first.language == "nl-NL"
    assert first.published == datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def test_a_guid_is_the_link_unless_it_says_it_is_none() -> None:
    assert sample("rss.xml").drafts[1].url == "https://bron.example/licenties"
    assert (
        read(rss('<title>x</title><guid isPermaLink="false">https://x.example/1</guid>')).drafts[0].url == ""
    )


def test_a_date_nobody_can_read_costs_the_date_and_is_reported() -> None:
    reading = sample("rss.xml")
    assert reading.drafts[2].published is None
    assert [(p.what, p.lost) for p in reading.problems] == [("https://bron.example/fusie", False)]
    assert "gisteren" in reading.problems[0].why


@pytest.mark.parametrize("date", ["Mon, 01 Jan 0001 00:00:00 +0000", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_before_the_web_is_none(date: str) -> None:
    reading = read(rss(f"<title>x</title><link>https://x.example/</link><pubDate>{date}</pubDate>"))
    assert reading.drafts[0].published is None
    assert not reading.problems[0].lost


def test_atom_keeps_text_as_text_and_reads_terms_and_labels() -> None:
    first = published(sample("atom.xml").drafts[0])
    assert first.title == "Waarom 1 < 2 bij <b>AVG</b>"
    assert first.url == "https://privacy.example/1"
    assert first.categories == ("Privacy (AVG)", "avg")
    assert first.author == "Redactie Privacy"
    assert first.published == datetime(2026, 11, 19, 9, tzinfo=UTC)
    assert first.language == "nl"


def test_atom_links_resolve_against_xml_base() -> None:
    content = published(sample("atom.xml").drafts[0]).content
    assert 'href="https://privacy.example/artikelen/bijlage"' in content


def test_an_entry_has_its_own_language() -> None:
    second = sample("atom.xml").drafts[1]
    assert second.language == "en"
    assert second.summary == ""
    assert "What to report" in second.content


SOUND = '<link rel="enclosure" href="https://bron.example/1.mp3" type="audio/mpeg"/>'


@pytest.mark.parametrize(
    "id, links, url",
    [
        ("https://bron.example/1", "", "https://bron.example/1"),
        ("https://bron.example/1", '<link href="https://bron.example/een"/>', "https://bron.example/een"),
        ("https://bron.example/1", SOUND, "https://bron.example/1.mp3"),
        ("tag:bron.example,2026:1", "", ""),
        ("1", "", ""),
    ],
)
@pytest.mark.parametrize("odd", ["", '<z xmlns="urn:z"/>'])
def test_an_atom_entry_without_a_link_is_at_its_id_if_that_is_an_address(
    id: str, links: str, url: str, odd: str
) -> None:
    entry = f"<entry><id>{id}</id><title>Een</title>{links}{odd}</entry>"
    reading = read(f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Bron</title>{entry}</feed>')
    assert [(draft.key, draft.url) for draft in reading.drafts] == [(id, url)]


@pytest.mark.parametrize(
    "given, url",
    [
        ({"id": "https://bron.example/1"}, "https://bron.example/1"),
        ({"id": "https://bron.example/1", "external_url": "https://e.example/"}, "https://e.example/"),
        ({"id": "1", "attachments": [{"url": "https://bron.example/1.mp3"}]}, "https://bron.example/1.mp3"),
        ({"id": "1"}, ""),
    ],
)
def test_an_item_of_json_feed_without_a_url_is_at_its_id_or_at_what_is_heard(
    given: dict[str, object], url: str
) -> None:
    items = [given | {"title": "Een"}]
    (draft,) = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})).drafts
    assert draft.url == url


def test_rdf_is_read_with_dublin_core() -> None:
    reading = sample("rdf.xml")
    draft = published(reading.drafts[0])
    assert draft.key == draft.url == "https://kamer.example/stuk/7"
    assert draft.published == datetime(2026, 11, 17, 11, tzinfo=UTC)
    assert draft.author == "Ministerie"
    assert draft.categories == ("bestuur",)
    assert reading.language == "nl"


def test_json_feed_is_read_item_by_item() -> None:
    reading = sample("feed.json")
    first, second = map(published, reading.drafts)
    assert (first.key, first.title, first.author) == ("12", "Van <b> naar cloud", "Bram")
    assert first.categories == ("cloud", "beheer")
    assert second.url == "https://elders.example/13"
    assert second.content == "<p>Eerste alinea.</p><p>Tweede &lt; derde.</p>"
    assert second.author == "Chris, Dana"
    assert second.published == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert [problem.what for problem in reading.problems] == ["item 3"]


@pytest.mark.parametrize(
    "odd",
    [
        {"attachments": [{"mime_type": "audio/mpeg"}, None]},
        {"tags": "ict"},
        {"tags": [None, {"x": 1}, "ict", 3]},
        {"author": "Jan"},
        {"author": 3},
        {"authors": [None, {"name": "Jan"}, "Jan"]},
        {"authors": {"name": "Jan"}},
        {"image": {"url": "https://bron.example/i.jpg"}},
        {"language": ["nl"]},
        {"date_published": True},
    ],
)
def test_what_a_json_feed_gets_wrong_beside_the_point_costs_no_item(odd: dict[str, object]) -> None:
    item = {"id": "1", "url": "https://bron.example/1", "title": "Een"} | odd
    feed = {"version": "https://jsonfeed.org/version/1", "items": [item], "author": odd.get("author")}
    reading = FeedSource().read(SOURCE, Payload({SOURCE.url: json.dumps(feed).encode()}, base=SOURCE.url))
    (draft,) = reading.drafts
    assert (draft.title, reading.problems) == ("Een", [])
    assert draft.categories in ((), ("ict",))
    assert draft.author in ("", "Jan", "Jan, Jan")


@pytest.mark.parametrize(
    "given",
    [
        "2026-11-20T09:00:00+01:00",
        "Fri, 20 Nov 2026 08:00:00 GMT",
        "Fri, 20 Nov 2026 09:00:00 +0100",
        "20 Nov 2026 09:00 CET",
        "20-11-2026 08:00",
    ],
)
def test_a_json_feed_has_its_dates_read_as_those_of_other_feeds(given: str) -> None:
    items = [{"id": "1", "url": "https://bron.example/1", "title": "Een", "date_published": given}]
    reading = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}))
    assert reading.drafts[0].published == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert reading.problems == []


@pytest.mark.parametrize(
    "given",
    [
        "gisteren",
        "31-02-2026 10:00",
        "Fri, 20 Nov 99999 08:00:00 GMT",
        "1764000000",
        "1732900000",
        "1732900000.5",
    ],
)
def test_a_date_in_a_json_feed_that_nobody_can_read_costs_the_date(given: str) -> None:
    items = [{"id": "1", "url": "https://bron.example/1", "title": "Een", "date_published": given}]
    reading = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}))
    assert reading.drafts[0].published is None
    assert given in reading.problems[0].why


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=windows-1252", "; charset=iso-8859-1"])
def test_a_json_feed_in_the_encoding_of_windows_is_read_in_it(charset: str) -> None:
    items = [{"id": "1", "url": "https://bron.example/1", "title": "Eén “loket” – €5"}]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Café", "items": items}
    document = json.dumps(feed, ensure_ascii=False).encode("cp1252")
    reading = read(document, f"application/feed+json{charset}")
    assert (reading.title, reading.drafts[0].title) == ("Café", "Eén “loket” – €5")


def test_line_ends_within_the_texts_of_a_json_feed_cost_nothing() -> None:
    items = [{"id": "1", "url": "https://bron.example/1", "title": "Een@twee", "content_text": "Een@@Twee"}]
    document = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items})
    (draft,) = read(document.replace("@", "\n")).drafts
    assert (published(draft).title, draft.content) == ("Een twee", "<p>Een</p><p>Twee</p>")


def test_a_character_of_a_json_feed_that_was_cut_in_two_leaves_all_others_as_they_are() -> None:
    items = [{"id": "1", "url": "https://bron.example/1", "title": "Één café, ideeën@"}]
    document = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}, ensure_ascii=False)
    assert read(document.encode().replace(b"@", "é".encode()[:1])).drafts[0].title == "Één café, ideeën\ufffd"


OLDER = {
    "RSS 0.90": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>Bron</title></channel>'
    "<item><title>Een</title><link>https://bron.example/1</link></item></rdf:RDF>",
    "RSS 0.91": '<rss version="0.91"><channel><title>Bron</title>'
    "<item><title>Een</title><link>https://bron.example/1</link></item></channel></rss>",
    "RSS 0.92": '<rss version="0.92"><channel><title>Bron</title>'
    "<item><title>Een</title><link>https://bron.example/1</link></item></channel></rss>",
    "Atom 0.3": '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>Bron</title><entry><title>Een'
    '</title><link rel="alternate" type="text/html" href="https://bron.example/1"/><id>tag:bron,2004:1</id>'
    "<issued>2026-11-20T10:00:00Z</issued></entry></feed>",
    "JSON Feed 1": '{"version": "https://jsonfeed.org/version/1", "title": "Bron", "items": '
    '[{"id": "1", "url": "https://bron.example/1", "title": "Een"}]}',
}


@pytest.mark.parametrize("name", OLDER)
def test_every_older_kind_of_feed_is_read(name: str) -> None:
    reading = FeedSource().read(SOURCE, Payload({SOURCE.url: OLDER[name].encode()}, base=SOURCE.url))
    assert reading.title == "Bron"
    assert [(draft.title, draft.url) for draft in reading.drafts] == [("Een", "https://bron.example/1")]


def test_addresses_resolve_against_the_base_of_their_entry() -> None:
    document = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://bron.example/map/"><title>Bron</title>'
        '<entry xml:base="deel/"><id>urn:1</id><title>Een</title><link href="een.html"/>'
        '<link rel="enclosure" href="geluid.mp3" type="audio/mpeg"/>'
        '<summary type="html">&lt;a href="x.html"&gt;z&lt;/a&gt;</summary></entry></feed>'
    )
    reading = FeedSource().read(SOURCE, Payload({SOURCE.url: document.encode()}, base=SOURCE.url))
    (draft,) = reading.drafts
    assert draft.url == "https://bron.example/map/deel/een.html"
    assert draft.enclosures[0].url == "https://bron.example/map/deel/geluid.mp3"


def test_a_base_that_is_no_address_costs_no_other_entry() -> None:
    document = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>Bron</title>'
        '<entry><id>urn:1</id><title>Een</title><link href="https://bron.example/1"/></entry>'
        '<entry><id>urn:2</id><title>Twee</title><link href="https://bron.example/2"/>'
        '<content type="html" xml:base="http://bron[.example/">&lt;a href="x"&gt;&lt;/a&gt;</content></entry>'
        "</feed>"
    )
    reading = FeedSource().read(SOURCE, Payload({SOURCE.url: document.encode()}, base=SOURCE.url))
    assert [draft.url for draft in reading.drafts] == ["https://bron.example/1", "https://bron.example/2"]


@pytest.mark.parametrize(
    "base, link, resolved",
    [
        ("https://elders.example/map/", "https://elders.example/p", "https://elders.example/map/b"),
        ("/map/", "https://bron.example/p", "https://bron.example/map/b"),
        ("http://bron[.example/", "https://bron.example/p", "https://bron.example/b"),
        ("javascript:void(0)", "https://bron.example/p", "https://bron.example/b"),
    ],
)
@pytest.mark.parametrize("of_content", [False, True], ids=["of an entry", "of a content"])
def test_a_base_counts_for_what_is_within_it_and_for_nothing_after(
    base: str, link: str, resolved: str, of_content: bool
) -> None:
    given = f'xml:base="{base}"'
    based, plain = (
        f'<entry {"" if of_content else own}><id>urn:{number}</id><title>Bericht</title><link href="/p"/>'
        f'<content type="html" {own if of_content else ""}>&lt;a href="b"&gt;z&lt;/a&gt;</content></entry>'
        for number, own in enumerate((given, ""))
    )
    document = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Bron</title>{based}{plain}</feed>'
    reading = FeedSource().read(SOURCE, Payload({SOURCE.url: document.encode()}, base=SOURCE.url))
    first, second = (published(draft) for draft in reading.drafts)
    assert first.url == ("https://bron.example/p" if of_content else link)
    assert first.content == f'<a href="{resolved}">z</a>'
    assert second.url == "https://bron.example/p"
    assert second.content == '<a href="https://bron.example/b">z</a>'


def test_a_long_description_resolves_against_its_own_base() -> None:
    document = (
        '<rss version="2.0"><channel><title>Bron</title><item xml:base="https://elders.example/map/">'
        "<title>Een</title><link>a</link>"
        f"<description>&lt;a href='b'&gt;z&lt;/a&gt; {'woorden ' * 100}</description></item></channel></rss>"
    )
    (draft,) = FeedSource().read(SOURCE, Payload({SOURCE.url: document.encode()}, base=SOURCE.url)).drafts
    assert 'href="https://elders.example/map/b"' in published(draft).content


def test_an_episode_without_a_page_is_at_what_is_heard() -> None:
    document = (
        b'<rss version="2.0"><channel><title>Bron</title><item><title>Aflevering</title>'
        b'<guid isPermaLink="false">1</guid><enclosure url="https://bron.example/1.mp3" type="audio/mpeg"/>'
        b"</item></channel></rss>"
    )
    (draft,) = FeedSource().read(SOURCE, Payload({SOURCE.url: document}, base=SOURCE.url)).drafts
    assert (draft.key, draft.url) == ("1", "https://bron.example/1.mp3")
    assert draft.enclosures[0].url == draft.url


def test_the_declared_encoding_holds() -> None:
    assert sample("latin1.xml").drafts[0].title == "Coöperatie van patiënten"
    assert sample("latin1.xml").title == "Café coördinatie"


def test_the_documents_own_encoding_goes_before_the_servers() -> None:
    document = '<?xml version="1.0" encoding="utf-8"?>' + rss("<title>één</title>")
    assert read(document, "text/xml; charset=iso-8859-1").drafts[0].title == "één"


def test_a_broken_feed_gives_what_can_be_read_and_says_so() -> None:
    reading = sample("broken.xml")
    first = published(reading.drafts[0])
    assert (first.key, first.title, first.url) == ("k1", "Kosten & baten", "https://kapot.example/1?a=1&b=2")
    assert "malformed" in reading.problems[0].why
    assert reading.problems[0].lost


@pytest.mark.parametrize(
    "document",
    [b"", b" \n", b"<html><body>404</body></html>", b"zomaar tekst", b"\x00\xff\x13", b"{}", b'{"items": []}',
     b"[1", b'{"version": "2", "items": []}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_feed_is_refused_in_one_line_that_names_the_source(document: bytes) -> None:
    with pytest.raises(SourceError, match="source bron") as caught:
        read(document)
    assert "\n" not in str(caught.value)


def test_a_name_of_a_file_is_not_opened() -> None:
    with pytest.raises(SourceError):
        read(str(DATA / "rss.xml"))


def test_an_entity_bomb_does_not_go_off() -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 20))
    document = f'<!DOCTYPE rss [<!ENTITY e0 "ha">{entities}]>' + rss("<title>&e19;</title><guid>x</guid>")
    assert all(len(draft.title) < 1000 for draft in read(document).drafts)


def test_addresses_of_authors_are_not_taken() -> None:
    first = read(rss("<title>x</title><author>jan@x.example (Jan Smit)</author>")).drafts[0]
    assert first.author == "Jan Smit"
    assert read(rss("<title>x</title><author>jan@x.example</author>")).drafts[0].author == ""
    both = "<author><name>Jan Smit</name><email>jan@x.example</email></author>"
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id>{both}</entry></feed>'
    assert read(atom).drafts[0].author == "Jan Smit"


def test_entries_that_share_an_id_are_told_apart_by_their_links() -> None:
    items = "".join(
        f'<item><title>{n}</title><link>https://x.example/{n}</link><guid isPermaLink="false">1</guid></item>'
        for n in (1, 2)
    )
    reading = read(f'<rss version="2.0"><channel>{items}</channel></rss>')
    assert [draft.key for draft in reading.drafts] == ["https://x.example/1", "https://x.example/2"]
    assert "share this id" in reading.problems[0].why


def test_an_entry_that_stands_twice_is_read_once() -> None:
    item = "<item><title>x</title><link>https://x.example/1</link></item>"
    assert len(read(f'<rss version="2.0"><channel>{item}{item}</channel></rss>').drafts) == 1


def test_only_so_many_entries_are_read() -> None:
    items = "".join(f"<item><guid>https://x.example/{n}</guid></item>" for n in range(2_001))
    reading = read(f'<rss version="2.0"><channel>{items}</channel></rss>')
    assert len(reading.drafts) == 2_000
    assert "2001 entries" in reading.problems[0].why
