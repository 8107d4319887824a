"""Documents that are made to be read for minutes: each is read in a moment, or refused in one line."""

from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest

from feeds.markup import plain_text
from feeds.source import Payload, Reading, Source, SourceError
from feeds.sources import amended
from feeds.sources.feed import ENTRIES, FeedSource
from feeds.sources.lenient import shorten_to

SOURCE = Source(name="bron", kind="feed", url="https://bron.example/feed")
ODD = '<?xml version="1.0"?><rss version="2.0" xmlns:z="urn:z"><channel><z:z/><title>Bron</title>'
"""How a feed begins that feedparser reads."""


def read(document: str | bytes) -> Reading:
    document = document.encode() if isinstance(document, str) else document
    return FeedSource().read(SOURCE, Payload({SOURCE.url: document}, base=SOURCE.url))


def item(more: str = "", number: int = 1) -> str:
    return f"<item><title>Bericht</title><link>https://bron.example/{number}</link>{more}</item>"


@pytest.mark.parametrize("begin", ["", ODD])
def test_of_many_categories_the_first_are_kept(begin: str) -> None:
    categories = "".join(f"<category>c{n}</category>" for n in range(30_000))
    plain = '<?xml version="1.0"?><rss version="2.0"><channel><title>Bron</title>'
    (draft,) = read(f"{begin or plain}{item(categories)}</channel></rss>").drafts
    assert draft.categories == tuple(f"c{n}" for n in range(amended.TAGS))


def test_an_address_is_sought_in_the_beginning_of_an_authors_name_only() -> None:
    (draft,) = read(f"{ODD}{item('<author>' + 'a&#46;' * 200_000 + '</author>')}</channel></rss>").drafts
    assert len(draft.author) <= amended.AUTHOR


@pytest.mark.parametrize(
    "more, why",
    [
        pytest.param("<a>" * 600_000, "more than 500,000 tags", id="nested"),
        pytest.param("<a" * 600_000, "more than 500,000 tags", id="never closed"),
        pytest.param("&" * 2_000_001, "more than 2,000,000 ampersands", id="ampersands"),
        pytest.param(
            "<z:a " + " ".join(f'a{n}="b"' for n in range(50_000)) + "/>", "attributes", id="attributes"
        ),
        pytest.param(
            "R & D<z:a " + " ".join(f'a{n}="b"' for n in range(50_000)) + "/>",
            "attributes",
            id="attributes behind a fault",
        ),
    ],
)
def test_what_would_take_minutes_is_refused(more: str, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        read(f"{ODD}{item()}{more}</channel></rss>")


def test_of_a_hundred_thousand_entries_in_an_odd_feed_the_first_are_read() -> None:
    reading = read(ODD + "".join(item(number=n) for n in range(100_000)) + "</channel></rss>")
    assert len(reading.drafts) == ENTRIES
    assert [problem.why for problem in reading.problems] == [
        "it has 100000 entries; only the first 2000 were read"
    ]


def test_a_shortened_document_is_still_well_formed() -> None:
    document = f"{ODD}{item(number=1)}{item(number=2)} {item(number=3)}<ttl>5</ttl></channel></rss>".encode()
    assert shorten_to(document, 2) == (
        f"{ODD}{item(number=1)}{item(number=2)}<ttl>5</ttl></channel></rss>".encode(),
        3,
    )
    assert shorten_to(document, 3) == (document, 3)


@pytest.mark.parametrize("begin", [ODD, ODD.replace("<z:z/>", "")], ids=["odd", "plain"])
def test_of_a_feed_that_broke_off_no_entry_is_read_in_part(begin: str) -> None:
    document = f"{begin}{item()}{item(number=2)}"
    for place in range(len(begin), len(document)):
        read_of_it = [draft.url[-1] for draft in read(document[:place]).drafts]
        assert read_of_it == (["1"] if place >= len(begin + item()) else [])


def test_a_page_is_told_from_a_feed_by_how_it_begins() -> None:
    with pytest.raises(SourceError, match="is a web page"):
        read("\n <!DOCTYPE html><html><body>" + "<p>x" * 400_000)


@pytest.mark.parametrize(
    "references, read_as",
    [("&#55357;&#56898;", "🙂"), ("&#xD83D;&#xde42;", "🙂"), ("&#55357;", ""), ("&#56898;&#xD83D;", "")],
)
def test_references_to_halves_of_a_character_cost_no_entry(references: str, read_as: str) -> None:
    text = f"<title>Feest{references}</title><description>Hoera{references}</description>"
    reading = read(f"{ODD}<item><link>https://bron.example/2</link>{text}</item>{item()}</channel></rss>")
    assert [draft.title for draft in reading.drafts] == [f"Feest{read_as}", "Bericht"]
    assert reading.drafts[0].summary == f"Hoera{read_as}"


@pytest.mark.parametrize("begin", ["", "R&D "], ids=["otherwise well-formed", "malformed"])
@pytest.mark.parametrize(
    "number",
    ["99999999", "1114112", "x110000", "X00fFfFfFf", "x00000D83D", "0000055357", "9" * 5_000, "9" * 20 + " "],
)
def test_a_reference_to_no_character_costs_no_entry(number: str, begin: str) -> None:
    text = f"<title>Feest&#{number};</title><description>{begin}Hoera&#x00000021;</description>"
    reading = read(f"{ODD}<item><link>https://bron.example/2</link>{text}</item>{item()}</channel></rss>")
    assert [draft.title.rstrip(" ;") for draft in reading.drafts] == ["Feest", "Bericht"]
    assert plain_text(reading.drafts[0].summary) == f"{begin}Hoera!"


@pytest.mark.parametrize("declared", ["", ' encoding="UTF-8"'])
def test_a_character_that_was_cut_in_two_leaves_all_others_as_they_are(declared: str) -> None:
    text = "<description>Één café in Zeeuws-Vlaanderen, ideeën@</description>"
    begin = ODD.replace(' version="1.0"', f' version="1.0"{declared}', 1)
    document = f"{begin}{item(text)}</channel></rss>".encode().replace(b"@", "é".encode()[:1])
    reading = read(document)
    assert reading.drafts[0].summary == "Één café in Zeeuws-Vlaanderen, ideeën\ufffd"
    assert "some of it is not the UTF-8 that the rest is" in reading.problems[0].why


def test_an_encoding_that_is_declared_wrongly_throughout_is_still_found() -> None:
    text = "<description>Één café in Zeeuws-Vlaanderen, ideeën</description>"
    (draft,) = read(f"{ODD}{item(text)}</channel></rss>".encode("latin-1")).drafts
    assert draft.summary == "Één café in Zeeuws-Vlaanderen, ideeën"


@pytest.mark.parametrize("declared", ["utf-16", "UTF-16LE", "iso-10646-ucs-2"])
def test_a_feed_that_only_says_it_is_utf_16_is_read(declared: str) -> None:
    for title in ("Coöperatie in België", "Coöperaties in België"):
        document = (
            f'<?xml version="1.0" encoding="{declared}"?><rss version="2.0"><channel><title>Bron</title>'
        )
        document += item().replace("Bericht", title) + "</channel></rss>"
        assert [draft.title for draft in read(document).drafts] == [title]


@pytest.mark.parametrize(
    "given, hour",
    [
        ("Sat, 28 Mar 2026 10:00:00 CET", 9),
        ("Sat, 28 Mar 2026 10:00:00 CEST", 8),
        ("za, 28 mrt 2026 10:00:00 +0100", 9),
        ("Zaterdag, 28 Maart 2026 10:00:00 GMT", 10),
        ("zat 28 mrt 2026 10:00:00 CET", 9),
    ],
)
@pytest.mark.parametrize("begin", [ODD, ODD.replace("<z:z/>", "")], ids=["odd", "plain"])
def test_a_date_may_be_in_dutch_and_in_a_zone_of_europe(begin: str, given: str, hour: int) -> None:
    (draft,) = read(f"{begin}{item(f'<pubDate>{given}</pubDate>')}</channel></rss>").drafts
    assert draft.published == datetime(2026, 3, 28, hour, tzinfo=UTC)


@pytest.mark.parametrize("more", ["", "<br>"], ids=["else well-formed", "malformed besides"])
def test_an_ampersand_that_begins_no_reference_is_just_that(more: str) -> None:
    text = "R&D; R&D, AT&T en Q & A&#233; &copy 2026 &amp; caf&eacute;s"
    links = "<link>https://bron.example/?a=1&copy=2&b=3</link><guid>https://bron.example/?p=1&x=2</guid>"
    escaped = "<description><![CDATA[A&B &amp; c]]></description>"
    reading = read(f"{ODD}<item><title>{text}</title>{links}{escaped}{more}</item></channel></rss>")
    (draft,) = reading.drafts
    assert plain_text(draft.title) == "R&D; R&D, AT&T en Q & Aé © 2026 & cafés"
    assert draft.url == "https://bron.example/?a=1&copy=2&b=3"
    assert plain_text(draft.summary) == "A&B & c"
    assert "malformed" in reading.problems[0].why


def test_an_ampersand_by_itself_is_what_a_feed_is_said_to_have_wrong() -> None:
    reading = read(f"{ODD}{item('<category>R&D</category>')}<!-- a & b --></channel></rss>")
    assert reading.drafts[0].categories == ("R&amp;D",)
    assert "should be &amp;" in reading.problems[0].why
    assert not read(f"{ODD}{item()}<!-- a & b --></channel></rss>").problems


def test_a_feed_in_two_bytes_a_letter_keeps_its_ampersands() -> None:
    begin = ODD.replace(' version="1.0"', ' version="1.0" encoding="utf-16"', 1)
    document = f"{begin}{item('<description>R&amp;D & meer</description>')}</channel></rss>"
    (draft,) = read(document.encode("utf-16")).drafts
    assert plain_text(draft.summary) == "R&D & meer"


@pytest.mark.parametrize("text", ["R&amp;D &lt;3", "<![CDATA[R&D <3]]>", "R&#38;D &#x3c;3"])
@pytest.mark.parametrize("more", ["", "<br>"], ids=["well-formed", "malformed"])
def test_names_and_ids_of_a_malformed_feed_are_those_of_a_well_formed_one(text: str, more: str) -> None:
    names = f"<category>{text}</category><dc:creator>{text}</dc:creator><guid>https://b.example/{text}</guid>"
    begin = ODD.replace("xmlns:z", 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:z')
    (draft,) = read(f"{begin}<item><title>Bericht</title>{names}{more}</item></channel></rss>").drafts
    assert draft.key == draft.url == "https://b.example/R&D <3"
    assert (draft.categories, draft.author) == (("R&amp;D &lt;3",), "R&amp;D &lt;3")


@pytest.mark.parametrize("more", ["", "<br>"], ids=["well-formed", "malformed"])
def test_attributes_of_a_malformed_feed_are_those_of_a_well_formed_one(more: str) -> None:
    entry = (
        "<id>urn:x:1</id><title>Bericht</title><link href='https://b.example/?p=1&#038;taal=nl&amp;copy=2'/>"
        f"<category term='&quot;R&#38;D&quot; &amp;amp;c'/><content type='html'>Tekst</content>{more}"
    )
    (draft,) = read(f'<feed xmlns="http://www.w3.org/2005/Atom"><entry>{entry}</entry></feed>').drafts
    assert draft.url == "https://b.example/?p=1&taal=nl&copy=2"
    assert [plain_text(name) for name in draft.categories] == ['"R&D" &amp;c']


@pytest.mark.parametrize("more", ["", "<br>"], ids=["well-formed", "malformed"])
def test_what_is_escaped_in_the_html_of_a_malformed_feed_stays_so(more: str) -> None:
    text = '<img alt="een &quot;hut&quot;"><code>&amp;apos; &amp;quot; &amp;lt; &amp;amp;</code>'
    (draft,) = read(f"{ODD}{item(f'<description>{escape(text)}</description>{more}')}</channel></rss>").drafts
    assert draft.summary == text


@pytest.mark.parametrize(
    "end", ["<br></item>", "", "</br></item>"], ids=["unclosed within", "unclosed itself", "closed too often"]
)
def test_the_base_and_language_of_an_entry_in_a_malformed_feed_end_with_it(end: str) -> None:
    own = 'xml:base="https://elders.example/map/" xml:lang="en"'
    text = "<title>Bericht</title><description>&lt;a href='x'&gt;z&lt;/a&gt;</description>"
    items = f"<item {own}>{text}<link>een</link>{end}<item>{text}<link>twee</link></item>"
    document = f'<rss xml:base="https://bron.example/" xml:lang="nl"><channel>{items}</channel></rss>'
    first, second = read(document).drafts
    assert (first.url, first.language) == ("https://elders.example/map/een", "en")
    assert (second.url, second.language) == ("https://bron.example/twee", "nl")
    assert 'href="https://bron.example/x"' in second.summary


@pytest.mark.parametrize(
    "flaw, lost",
    [("<x>", False), ("R&D", False), ("&nbsp;", False), ("<description><![CDATA[open</description>", True)],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_malformed_feed_is_read_in_part_where_entries_are_missing(
    flaw: str, lost: bool, encoding: str
) -> None:
    begin = ODD.replace(' version="1.0"', f' version="1.0" encoding="{encoding}"', 1)
    reading = read(f"{begin}{item()}{item(flaw, 2)}{item(number=3)}</channel></rss>".encode(encoding))
    assert len(reading.drafts) == (2 if lost else 3)
    (problem,) = reading.problems
    assert problem.lost == lost
    assert ("all its entries were read" in problem.why) != lost


@pytest.mark.parametrize("more", ["", "<br>"], ids=["well-formed", "malformed"])
@pytest.mark.parametrize("first", [True, False])
def test_the_title_of_a_picture_is_not_the_title_of_its_article(more: str, first: bool) -> None:
    picture = (
        "<image><url>https://bron.example/i.jpg</url><title>Foto</title>"
        "<link>https://elders.example/</link></image>"
    )
    text = "<title>Bericht</title><link>https://bron.example/1</link><description>Tekst</description>"
    own = f"{picture}{text}" if first else f"{text}{picture}"
    (draft,) = read(f"{ODD}<item>{own}{more}</item></channel></rss>").drafts
    assert (draft.title, draft.url, draft.summary) == ("Bericht", "https://bron.example/1", "Tekst")


CAPTION = (
    "<media:content url='https://bron.example/i.jpg'><media:description>Foto: &lt;b>AB&lt;/b>"
    "</media:description></media:content>"
)


@pytest.mark.parametrize(
    "given, summary, content",
    [
        (f"<description>Tekst</description>{CAPTION}", "Tekst", ""),
        (f"{CAPTION}<description>Tekst</description>", "Tekst", ""),
        (f"{CAPTION}<content:encoded>Alles</content:encoded>", "", "Alles"),
        (
            f"<description>Kort</description>{CAPTION}<content:encoded>Alles</content:encoded>",
            "Kort",
            "Alles",
        ),
        (CAPTION, "Foto: <b>AB</b>", ""),
    ],
)
@pytest.mark.parametrize("more", ["", "<br>"], ids=["well-formed", "malformed"])
def test_what_stands_under_a_picture_is_not_what_an_article_says(
    given: str, summary: str, content: str, more: str
) -> None:
    spaces = (
        'xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    )
    (draft,) = read(
        f"{ODD.replace('xmlns:z', f'{spaces} xmlns:z')}{item(given + more)}</channel></rss>"
    ).drafts
    assert (draft.summary, draft.content) == (summary, content)


@pytest.mark.parametrize(
    "given, hour",
    [
        ("20-11-2026", 0),
        ("20-11-2026 10:00", 10),
        ("20-11-2026, 10:00:30", 10),
        ("20.11.2026 10.00 uur", 10),
        ("20 november 2026", 0),
        ("Vrijdag 20 november 2026 om 10:00 uur", 10),
        ("vr 20 nov 2026 10:00", 10),
        ("20-11-2026T10:00:00", 10),
        ("20-11-2026 - 10:00", 10),
        ("vrijdag 20 november 2026 - 10:00", 10),
        ("20-11-2026 10:00 CET", 9),
        ("20-11-2026 10:00:00 +01:30", 8),
        ("20-11-2026 10:00 -0100", 11),
    ],
)
@pytest.mark.parametrize("begin", [ODD, ODD.replace("<z:z/>", "")], ids=["odd", "plain"])
def test_a_date_may_begin_with_its_day(begin: str, given: str, hour: int) -> None:
    reading = read(f"{begin}{item(f'<pubDate>{given}</pubDate>')}</channel></rss>")
    assert reading.problems == []
    published = reading.drafts[0].published
    assert published is not None
    assert published.replace(minute=0, second=0) == datetime(2026, 11, 20, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        *("32-11-2026", "20-13-2026", "20 brumaire 2026", "20-11-2026 25:00", "20-11-2026 vroeg"),
        *("20-11-2026 10:00 Europe/Amsterdam", "vr 20.11.2026 in de ochtend"),
    ],
)
def test_a_date_that_no_calendar_has_is_none(given: str) -> None:
    (draft,) = read(f"{ODD}{item(f'<pubDate>{given}</pubDate>')}</channel></rss>").drafts
    assert draft.published is None
