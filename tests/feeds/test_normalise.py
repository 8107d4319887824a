from datetime import UTC, datetime, timedelta, timezone

import lxml.etree
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.address import untracked, web_address
from feeds.characters import fit, shorten
from feeds.draft import TITLE_LENGTH, URL_LENGTH, Draft
from feeds.markup import clean_html, plain_text, text_of_clean
from feeds.normalise import normalise

BASE = "https://bron.example/map/feed.xml"
DATE = datetime(2026, 11, 24, 8, tzinfo=UTC)


def content(markup: str) -> Draft:
    return Draft("k", "https://bron.example/a", "Titel", content=markup, published=DATE)


def made(**fields: object) -> Draft:
    draft = Draft(
        **{"key": "k", "url": "https://bron.example/a", "title": "Titel", "published": DATE} | fields
    )  # type: ignore[arg-type]
    article, _ = normalise(draft, base=BASE, language="nl")
    assert article is not None
    return article


PIECES = [
    "<p>", "</p>", "<b", ">", '"', "'", "=", "é", "<!--", "-->", "<script>", "</script>", "<h1>", "\r", "\t",
    "<img src='/x.png' width=1>", "<img style='width:1px' src=//x>", '<a href="java&#1;script:alert(1)">',
    "&#0;", "&#xE000;", "&amp;lt;", "&lt;script&gt;", "\x00", "\x85",
    "\ud800", "\ufffe", "\U0001fffe", "\ue001",
    "<svg><style>", "<table><a>", "<math><mi>", "<noscript><img src=x>", "<template>",
    "<p title='&quot;&gt;<img src=x>'>",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join) | st.text(
    st.characters(), max_size=40
)
DATES = st.none() | st.datetimes() | st.datetimes(timezones=st.just(timezone(timedelta(hours=14))))
DRAFTS = st.builds(
    Draft,
    key=HOSTILE,
    url=HOSTILE | st.sampled_from(["/a", "https://x.example/é?a=\x01 b"]),
    title=HOSTILE,
    summary=HOSTILE,
    content=HOSTILE,
    author=HOSTILE,
    language=HOSTILE,
    categories=st.tuples(HOSTILE, HOSTILE),
    published=DATES,
)


def test_every_character_that_can_be_printed_is_fit() -> None:
    printable = "".join(filter(str.isprintable, map(chr, range(0x110000))))
    assert fit(printable + "\n") == printable + "\n"


def test_what_stands_in_an_attribute_is_no_text() -> None:
    assert plain_text('<p title="Een &lt; twee" lang="nl">Drie</p>') == "Drie"


@settings(max_examples=300, deadline=None)
@given(DRAFTS)
@example(content('<a href="java&#1;script:alert(1)"><table><a>'))  # settles at the second reading
@example(content("<h1><a><table><h2><a>"))  # at the third
@example(content("<a>" + "<li><h2>" * 100 + "<li><h1><a>tekst"))  # and this one too late
@example(content("<pre>" + "\n" * 20 + "een</pre>"))
def test_whatever_goes_in_what_comes_out_can_be_published(draft: Draft) -> None:
    article, problems = normalise(draft, base=BASE, language="nl")
    if article is None:
        assert any(problem.lost for problem in problems)
        return
    assert not any(problem.lost for problem in problems)
    element = lxml.etree.Element("x")
    for text in (article.key, article.url, article.title, article.summary, article.content, article.author,
                 article.language, *article.categories):  # fmt: skip
        element.text = text  # raises for what XML can't hold
        assert not any("\ue000" <= character <= "\uf8ff" for character in text)
        text.encode()
    for line in (article.title, article.summary, article.author, *article.categories):
        assert line == " ".join(line.split())
    assert 0 < len(article.title) <= TITLE_LENGTH
    assert article.url.startswith(("http://", "https://"))
    assert article.url.isascii()
    assert len(article.url) <= URL_LENGTH
    assert article.published is None or article.published.utcoffset() == timedelta(0)
    assert "<script" not in article.content
    assert "javascript:" not in article.content
    assert clean_html(article.content, BASE) == article.content


@settings(max_examples=200, deadline=None)
@given(HOSTILE)
def test_plain_text_takes_anything(markup: str) -> None:
    text = plain_text(markup)
    assert text == text.strip()
    text.encode()


TAME = [
    "<p>",
    "</p>",
    "<br/>",
    "<br />",
    "</b>",
    "<em>",
    "&amp;lt;",
    "&notit;",
    "&#150;",
    "&#65534;",
    "x",
    "\n ",
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(TAME) | st.text(max_size=3)).map("".join))
def test_tame_markup_says_what_it_says_to_who_reads_all_of_it(markup: str) -> None:
    assert plain_text(markup) == plain_text(f"{markup}<!-- which is not tame -->")


@settings(max_examples=500, deadline=None)
@given(HOSTILE)
@example('<p title="a > b">x<br>y &amp;lt; z</p>')
@example("<table><tr><td>a<td>b</table>c<pre>\n\nd</pre><ul><li>e<li>f</ul>g")
def test_the_text_of_clean_markup_is_told_without_reading_it_again(markup: str) -> None:
    clean = clean_html(markup, BASE)
    assert text_of_clean(clean) == plain_text(clean)


def test_addresses_lose_what_tracks_readers_and_nothing_else() -> None:
    article = made(
        url="https://bron.example/a?utm_source=rss&id=3&fbclid=9#kop",
        image="/i.jpg?utm_medium=feed",
        content='<p><a href="/b?q=1&amp;UTM_Campaign=x&amp;r=2">b</a> <a href="c?&amp;&amp;d">c</a></p>',
    )
    assert article.url == "https://bron.example/a?id=3#kop"
    assert article.image == "https://bron.example/i.jpg"
    assert 'href="https://bron.example/b?q=1&amp;r=2"' in article.content
    assert 'href="https://bron.example/map/c?&amp;&amp;d"' in article.content
    assert untracked("https://bron.example/#a?utm_source=x") == "https://bron.example/#a?utm_source=x"


def test_links_and_images_resolve_and_dangerous_ones_go() -> None:
    content = (
        '<p onclick="x()"><a href="b.html">b</a><a href="javascript:x">c</a><a href="mailto:a@b.example">d'
        '</a><img src="/i.png" alt="Een kaart"><img src="data:image/png;base64,AA"></p><script>x</script>'
    )
    assert made(content=content).content == (
        '<p><a href="https://bron.example/map/b.html">b</a><a>c</a><a href="mailto:a@b.example">d</a>'
        '<img src="https://bron.example/i.png" alt="Een kaart"></p>'
    )


def test_without_a_base_links_resolve_against_the_article() -> None:
    draft = Draft("k", "https://bron.example/a/", "T", content='<a href="b">b</a>', published=DATE)
    article, _ = normalise(draft, base="", language="nl")
    assert article is not None
    assert article.content == '<a href="https://bron.example/a/b">b</a>'


@pytest.mark.parametrize(
    "image",
    [
        '<img src="https://t.example/p.gif" width="1" height="1">',
        '<img height=0 width=0 src="https://t.example/p.gif">',
        '<img src="https://t.example/p.gif" width="1px">',
        '<img src="https://t.example/p.gif" style="display: none">',
        '<img src="https://t.example/p.gif" style="border:0;width:1px;height:1px">',
        '<img alt="x">',
    ],
)
def test_images_that_only_track_are_removed(image: str) -> None:
    assert made(content=f"<p>Tekst{image}</p>").content == "<p>Tekst</p>"


def test_a_title_is_plain_and_bounded() -> None:
    assert made(title="Kosten &amp; <em>baten</em>\n van  R&D <br>nu").title == "Kosten & baten van R&D nu"
    long = made(title="woord " * 200).title
    assert len(long) <= TITLE_LENGTH
    assert long.endswith("woord…")


def test_a_title_is_made_from_the_first_sentence_and_reported() -> None:
    draft = Draft("k", "/a", "<b> </b>", content="<p>De raad besluit. Daarna meer.</p>", published=DATE)
    article, problems = normalise(draft, base=BASE, language="nl")
    assert article is not None
    assert article.title == "De raad besluit."
    assert [problem.lost for problem in problems] == [False]


def test_an_article_without_any_text_is_lost_with_a_reason() -> None:
    article, problems = normalise(Draft("k", "/a", "", content="<img src=/x.png>"), base=BASE, language="nl")
    assert article is None
    assert "no title and no text" in problems[-1].why


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "mailto:a@b.example",
        "http://[",
        "http://[::1]ü/",
        "http://a@[::1]é:80/",
        "http://bron.example［x］/",
        "https://",
        "ftp://x.example/",
    ],
)
def test_an_article_without_a_usable_link_is_lost_with_a_reason(url: str) -> None:
    article, problems = normalise(Draft("gids-7", url, "Titel"), base=BASE if url else "", language="nl")
    assert article is None
    assert problems[0].lost
    assert problems[0].what in (url, "gids-7")


def test_a_missing_or_impossible_date_is_reported_and_the_article_kept() -> None:
    for published in (
        None,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=9))),
    ):
        article, problems = normalise(
            Draft("k", "/a", "Titel", published=published), base=BASE, language="nl"
        )
        assert article is not None
        assert article.published is None
        assert [problem.lost for problem in problems] == [False]


def test_a_summary_comes_from_the_content_where_there_is_none() -> None:
    article = made(content="<p>Een zin.</p><p>" + "woord " * 200 + "</p>")
    assert article.summary.startswith("Een zin. woord")
    assert len(article.summary) <= 300
    assert article.summary.endswith("woord…")


def test_a_summary_as_long_as_an_article_is_the_article() -> None:
    article = made(summary="<p>" + "woord " * 200 + "</p>")
    assert article.content.startswith("<p>woord")
    assert len(article.summary) <= 300


def test_a_declared_language_counts_only_if_it_can_be_one() -> None:
    assert made(language="en_GB").language == "en-GB"
    assert made(language="Nederlands, denk ik").language == "nl"
    assert made(language="cz").language == "nl", "a country's code, and no language's"
    assert made().language == "nl"


def test_categories_are_plain_bounded_and_each_there_once() -> None:
    assert made(categories=("A &amp; B", " a & b ", "", "<b>C</b>", "x" * 300)).categories == (
        "A & B", "C", "x" * 99 + "…",
    )  # fmt: skip
    assert len(made(categories=tuple(str(n) for n in range(500))).categories) == 50


def test_a_page_of_opening_tags_becomes_its_text() -> None:
    assert clean_html("<div>" * 200_000 + "tekst", BASE) == "tekst"
    assert plain_text("<div></b>" * 100_000 + "tekst") == "tekst"


def test_formatting_that_is_left_open_is_not_repeated_without_end() -> None:
    opened = "".join(f"<B\ttitle={number}>" for number in range(400))
    cleaned = clean_html(f"<p>{opened}" + "<p>een" * 6_000, BASE)
    assert cleaned.count("een") == 6_000
    assert len(cleaned) < 300_000


def test_much_formatting_that_is_closed_is_kept() -> None:
    written = '<p><b title="x">een</b> <i>twee</i></p>' * 200
    assert clean_html(written, BASE) == written
    written = written.replace("<b", '<b lang="nl"') * 5
    assert clean_html(written, BASE) == written.replace('<b lang="nl" title="x">', "<b>")


def test_closing_what_was_left_open_counts_as_depth_too() -> None:
    cleaned = clean_html("<div>" * 4_900 + "tekst", BASE)
    assert clean_html(cleaned, BASE) == cleaned


@pytest.mark.parametrize(("number", "kept"), [(100_000, True), (100_001, False)])
def test_of_text_that_is_nothing_but_references_none_is_read(number: int, kept: bool) -> None:
    """It is put together from one to the next, which takes the square of their number."""
    cleaned = clean_html("<p>a" + "&" * number + "b</p>", BASE)
    assert cleaned.count("&amp;") == (number if kept else 0)
    assert plain_text("<x>a" + "&a" * number).startswith("a&a&a" if kept else "a a a")


def test_markup_that_never_settles_becomes_its_text() -> None:
    twisted = "<a>" + "<li><h2>" * 100 + "<li><h1><a>een &amp; <b>twee</b>"
    assert clean_html(twisted, BASE) == "een &amp; twee"


def test_preformatted_text_keeps_its_lines_but_the_empty_ones_it_begins_with() -> None:
    assert clean_html('<pre lang="nl">\n\n\n  een\n\n  twee\n</pre>', BASE) == (
        '<pre lang="nl">  een\n\n  twee\n</pre>'
    )


def test_endless_content_is_cut_and_reported() -> None:
    draft = Draft("k", "/a", "Titel", content="<p>woord</p>" * 100_000, published=DATE)
    article, problems = normalise(draft, base=BASE, language="nl")
    assert article is not None
    assert len(article.content) <= 500_000
    assert "cut off" in problems[0].why


def test_plain_text_has_a_line_per_block() -> None:
    assert plain_text(
        "<h2>Kop</h2><p>Een <b>vet</b>&nbsp;woord<br>en &lt;meer&gt;</p><script>x</script>"
    ) == ("Kop\nEen vet woord\nen <meer>")
    assert plain_text("2 < 3 & 4") == "2 < 3 & 4"


def test_addresses_have_only_the_characters_of_one() -> None:
    assert web_address(" https://gemeente.example/één loket?q=ü#deel 2\n", "") == (
        "https://gemeente.example/%C3%A9%C3%A9n%20loket?q=%C3%BC#deel%202"
    )
    assert web_address("https://münchen.example:8443/", "") == "https://xn--mnchen-3ya.example:8443/"
    assert web_address("https://straße.example/", "") == "https://xn--strae-oqa.example/"
    assert web_address("https://x.example/100%", "") == "https://x.example/100%25"
    assert web_address("//x.example/a%20b", BASE) == "https://x.example/a%20b"


@given(st.text(max_size=50), st.integers(5, 20))
def test_shortening_keeps_within_the_length(text: str, length: int) -> None:
    assert len(shorten(text, length)) <= length


@pytest.mark.parametrize(
    "key, named", [("nieuws/raad.md", "nieuws/raad.md"), ("javascript:alert(1)", "Uit de raad")]
)
def test_an_article_whose_link_is_none_is_named_by_something_else(key: str, named: str) -> None:
    draft = Draft(key=key, url="javascript:alert(1)", title="Uit de <b>raad</b>")
    _, (problem,) = normalise(draft, base="", language="nl")
    assert problem.what == named
    assert "'javascript:alert(1)'" in problem.why
