"""What a reader gets to see: letters made of digests, with the templates as they ship."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_string
from email.header import decode_header
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.article import Article
from feeds.log import Kind
from feeds.theme import Theme, ThemeTree
from pipeline.edges.templates import environments
from subscribers.digest import Digest, Item
from subscribers.render import BUDGET, Letter, Renderer, Sender
from subscribers.slot import CLOSE, OPEN, Slot, fill

DAY = date(2026, 11, 23)
ENVIRONMENTS = environments()
TREE = ThemeTree(
    [
        Theme(slug="dienst", name="Dienstverlening"),
        Theme(slug="privacy", name="Privacy & AVG"),
        Theme(slug="cloud", name="Cloud"),
    ]
)
SENDER = Sender("Kennisportal", "https://kennisportal.example", "Stichting Kennisportal\nPlein 1\nUtrecht")
WEB = "https://kennisportal.example/editions/7.Zm9v?a=1&b=2"
PERSONAL = {
    Slot.GREETING_NAME: "Anna",
    Slot.EMAIL: "anna@example.org",
    Slot.UNSUBSCRIBE: "https://kennisportal.example/unsubscribe/T?a=1&b=2",
    Slot.PREFERENCES: "https://kennisportal.example/preferences/P&b=2",
}


class Page(HTMLParser):
    """The elements, links and visible text of a document."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.headings: list[tuple[str, str]] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("h1", "h2", "h3"):
            self.headings.append((tag, ""))
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open:
            tag, text = self.headings[-1]
            self.headings[-1] = (tag, text + data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def links(self) -> list[str | None]:
        return [attributes.get("href") for attributes in self.named("a")]


def article(number: int, **fields: object) -> Article:
    moment = datetime(2026, 11, 20, 9, tzinfo=UTC)
    return Article.model_validate(
        {
            "uri": f"tag:example.org,2026:{number}",
            "source": "bron",
            "url": f"https://www.bron.example/{number}?x=1&y=2",
            "title": f"Artikel {number}",
            "summary": f"Samenvatting van {number}.",
            "author": "M. de Boer",
            "language": "nl",
            "published": moment,
            "updated": moment,
            "fingerprint": "f",
        }
        | fields
    )


def letter(digest: Digest, articles: dict[int, Article], language: str = "nl") -> Letter:
    renderer = Renderer(ENVIRONMENTS, SENDER, TREE)
    return renderer.letter(digest, articles, frequency="weekly", day=DAY, language=language, web_url=WEB)


def single(language: str = "nl", kind: Kind = Kind.NEW, **fields: object) -> Letter:
    return letter((Item(1, kind, "privacy"),), {1: article(1, **fields)}, language)


THREE = (
    Item(1, Kind.NEW, "dienst", ("privacy", "cloud")),
    Item(2, Kind.UPDATED, "dienst"),
    Item(3, Kind.NEW, "privacy"),
    Item(4, Kind.NEW, "cloud"),
)
ARTICLES = {number: article(number) for number in range(1, 5)}


def test_headings_name_the_digest_then_its_themes_then_its_articles() -> None:
    page = Page(letter(THREE, ARTICLES).html)
    assert page.headings == [
        ("h1", "Uw weekoverzicht"),
        ("h2", "Dienstverlening"),
        ("h3", "Artikel 1"),
        ("h3", "Artikel 2"),
        ("h2", "Privacy & AVG"),
        ("h3", "Artikel 3"),
        ("h2", "Cloud"),
        ("h3", "Artikel 4"),
    ]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_html_and_text_hold_the_same_titles_and_links(language: str) -> None:
    made = letter(THREE, ARTICLES, language)
    page = Page(made.html)
    for number in ARTICLES:
        assert f"Artikel {number}" in made.text
        assert f"Samenvatting van {number}." in made.text
        assert f"Samenvatting van {number}." in page.text
    ends = {f"{Slot.PREFERENCES}?without={slug}" for slug in ("dienst", "privacy", "cloud")}
    assert {link for link in page.links if link} == {
        *re.findall(r"https://\S+", made.text),
        Slot.UNSUBSCRIBE,
        Slot.PREFERENCES,
        *ends,
    }
    assert all(f"\n{end}\n" in made.text for end in ends)


def test_a_table_of_contents_stands_above_three_sections_and_not_above_two() -> None:
    assert "In dit overzicht" in letter(THREE, ARTICLES).html
    assert "- Dienstverlening (2)\n- Privacy & AVG (1)\n- Cloud (1)\n" in letter(THREE, ARTICLES).text
    two = letter(THREE[:3], ARTICLES)
    assert "In dit overzicht" not in two.html + two.text


def test_an_update_is_labelled_and_says_what_changed() -> None:
    made = single(kind=Kind.UPDATED, change="De datum is nu 1 juli.")
    assert made.subject == "Bijgewerkt: Artikel 1"
    assert "Bijgewerkt: Artikel 1" in made.text
    assert ">Bijgewerkt</span>" in made.html
    assert "Wat er is veranderd: De datum is nu 1 juli." in made.text
    assert "De datum is nu 1 juli." in made.html


def test_what_changed_is_marked_as_being_in_the_language_of_the_article() -> None:
    for language, marked in (("he", ' lang="he"'), ("nl", "")):
        changed = article(1, change="“השתנה (1)!”", language=language)
        html = letter((Item(1, Kind.UPDATED, "cloud"),), {1: changed}).html
        assert f'<b>Wat er is veranderd:</b> <span dir="auto"{marked}>“השתנה (1)!”</span>' in html


def test_a_new_article_says_nothing_of_earlier_changes() -> None:
    made = single(change="De datum is nu 1 juli.")
    assert "1 juli" not in made.html + made.text
    assert "Bijgewerkt" not in Page(made.html).text


def test_a_pinned_article_is_labelled_as_featured_and_no_other_is() -> None:
    made = letter(THREE, ARTICLES | {2: article(2, pinned=True)})
    above = made.html[made.html.index("Artikel 1</a>") : made.html.index("Artikel 2</a>")]
    assert re.findall(r'<span class="label-text[^>]*>(.+?)</span>', above) == ["Uitgelicht", "Bijgewerkt"]
    assert "\nUitgelicht: Bijgewerkt: Artikel 2\n" in made.text
    assert Page(made.html).text.count("Uitgelicht") == made.text.count("Uitgelicht") == 1


def test_an_item_names_the_other_themes_it_is_in() -> None:
    made = letter(THREE, ARTICLES)
    assert "Ook in: Privacy &amp; AVG, Cloud" in made.html
    assert "Ook in: Privacy & AVG, Cloud" in made.text


def test_a_passage_in_another_language_is_marked_and_one_in_the_same_is_not() -> None:
    assert [tag.get("lang") for tag in Page(single(language="en").html).named("h3")] == ["nl"]
    assert "lang" not in Page(single(language="nl").html).named("h3")[0]
    odd = Page(letter((Item(1, Kind.NEW, "cloud"),), {1: article(1, language='x" onload="y')}).html)
    assert "lang" not in odd.named("h3")[0]


def test_names_of_themes_are_marked_where_they_are_in_another_language_than_the_mail() -> None:
    renderer = Renderer(ENVIRONMENTS, replace(SENDER, language="nl"), TREE)
    many = {number: article(number, summary="kort " * 50) for number in range(600)}
    digest = (THREE[0], *(Item(number, Kind.NEW, "privacy") for number in range(5, 600)), THREE[3])
    for language, marked in (("en", True), ("nl", False)):
        made = renderer.letter(digest, many, frequency="weekly", day=DAY, language=language, web_url=WEB)
        # In the contents, above and below its section, in the foot, at an article that is in it too, and
        # where not all of its articles fit.
        assert made.html.count("Privacy &amp; AVG") == 6
        assert made.html.count('<span lang="nl">Privacy &amp; AVG</span>') == (6 if marked else 0)
        assert "lang=" not in made.text
        assert len(made.html.encode()) < BUDGET


def test_an_article_is_written_in_the_direction_of_its_own_script() -> None:
    hebrew = article(1, title="שלום (1) עולם", summary="שלום, עולם!", language="he")
    page = Page(letter((Item(1, Kind.NEW, "cloud"),), {1: hebrew}).html)
    assert [tag["dir"] for tag in page.named("h3")] == ["auto"]
    summary = [tag for tag in page.named("p") if tag.get("class") == "summary"]
    assert [(tag["dir"], tag["lang"]) for tag in summary] == [("auto", "he")]


def test_an_author_in_another_script_takes_no_date_along() -> None:
    for author, apart in (("יוסי כהן", "יוסי כהן\u200e"), ("محمد علي", "محمد علي\u200e"), ("Jan", "Jan")):
        made = single(author=author, url="https://kennisportal.example/1")
        assert f">{apart} · 20 november 2026<" in made.html
        assert f"\n{apart} - 20 november 2026\n" in made.text


def test_a_theme_in_another_script_takes_no_number_along() -> None:
    tree = ThemeTree(
        Theme(slug=slug, name=name) for slug, name in zip("abc", ("שלטון", "Cloud", "AVG"), strict=True)
    )
    digest = tuple(Item(number, Kind.NEW, slug) for number, slug in enumerate("abc", 1))
    made = Renderer(ENVIRONMENTS, SENDER, tree).letter(
        digest, ARTICLES, frequency="weekly", day=DAY, language="nl", web_url=WEB
    )
    assert ">שלטון\u200e <span" in made.html
    assert ">Cloud <span" in made.html


def test_the_subject_is_the_first_new_article_and_how_many_more_there_are() -> None:
    updated_first = (THREE[1], THREE[0], THREE[2])
    assert letter(updated_first, ARTICLES).subject == "Artikel 1, en 2 andere artikelen"
    assert letter(updated_first[:2], ARTICLES, "en").subject == "Artikel 1, and one other article"
    assert single().subject == "Artikel 1"


def test_a_long_title_is_cut_at_a_word_so_that_the_count_stays_visible() -> None:
    articles = ARTICLES | {1: article(1, title="gemeentelijke samenwerking " * 18)}
    subject = letter(THREE, articles).subject
    assert subject.endswith("…, en 3 andere artikelen")
    assert len(subject) <= 120


def test_a_long_summary_is_cut_at_a_word() -> None:
    shown = re.search(r"(woord\s)+woord…", single(summary="woord " * 100).text)
    assert shown
    assert 270 < len(shown[0]) <= 280


def test_what_hides_in_the_inbox_line_is_the_next_titles() -> None:
    page = letter(THREE, ARTICLES).html
    assert "Artikel 2 · Artikel 3 · Artikel 4" in page.split("<h1")[0]
    assert "Samenvatting van 1." in single().html.split("<h1")[0]


def test_a_letter_stays_under_the_budget_and_says_where_the_rest_is() -> None:
    digest = tuple(Item(number, Kind.NEW, "dienst" if number < 100 else "cloud") for number in range(300))
    articles = {number: article(number, summary="é & " * 100) for number in range(300)}
    made = letter(digest, articles)
    page = Page(made.html)
    shown = sum(tag == "h3" for tag, _ in page.headings)
    filled = fill(
        made.html, {slot: "&" * 250 if slot is Slot.EMAIL else "x" * 300 for slot in Slot}, html=True
    )
    assert 30 < shown < 300
    assert BUDGET * 0.85 < len(filled.encode()) < BUDGET
    assert f"Nog {300 - shown} artikelen pasten niet in deze mail." in page.text
    # Both themes get half of the room, though the first alone could fill it.
    assert f"Nog {100 - (shown + 1) // 2} artikelen over Dienstverlening" in page.text
    assert f"Nog {200 - shown // 2} artikelen over Cloud" in page.text
    assert f"{WEB}#theme-cloud" in page.links
    assert page.links.count(WEB) == made.text.count(f"{WEB}\n") == 2
    assert made.text.count("https://www.bron.example/") == shown


def test_however_many_themes_there_are_some_articles_are_shown_within_the_budget() -> None:
    tree = ThemeTree(Theme(slug=f"t{number}", name=f"{'&' * 90} {number}") for number in range(400))
    web = f"https://{'kennis' * 9}.example/{'&' * 200}"
    digest = tuple(Item(number, Kind.NEW, f"t{number}") for number in range(400))
    articles = {number: article(number) for number in range(400)}
    made = Renderer(ENVIRONMENTS, SENDER, tree).letter(
        digest, articles, frequency="daily", day=DAY, language="nl", web_url=web
    )
    assert len(made.html.encode()) < BUDGET
    assert sum(tag == "h3" for tag, _ in Page(made.html).headings) > 5


def test_lines_on_what_did_not_fit_are_counted_with_the_address_they_lead_to() -> None:
    tree = ThemeTree(Theme(slug=f"t{number}", name=f"Thema {number}") for number in range(60))
    digest = tuple(Item(number, Kind.NEW, f"t{number % 60}") for number in range(600))
    digest = tuple(sorted(digest, key=lambda item: tree.place(item.theme)))
    articles = {number: article(number, summary="kort " * 50) for number in range(600)}
    for web in (WEB, f"https://kennisportal.example/editions/{'&' * 150}"):
        made = Renderer(ENVIRONMENTS, SENDER, tree).letter(
            digest, articles, frequency="daily", day=DAY, language="nl", web_url=web
        )
        cut = [link for link in Page(made.html).links if link and link.startswith(f"{web}#theme-t")]
        assert len(cut) == made.text.count(f"{web}#theme-t") > 15
        assert len(made.html.encode()) < BUDGET - 3_000


def test_the_link_to_the_preferences_below_each_section_is_counted_with_the_site_s_address() -> None:
    base = f"https://kennisportal.{'provincie-' * 5}digitaal.example/nieuwsbrieven/kennisportal"
    own = {
        Slot.GREETING_NAME: "&" * 200,
        Slot.EMAIL: f"{'&' * 60}@x.example",
        Slot.UNSUBSCRIBE: f"{base}/unsubscribe/{'T' * 52}",
        Slot.PREFERENCES: f"{base}/preferences/{'T' * 52}",
    }
    tree = ThemeTree(Theme(slug=f"t{number}", name=f"Txx{number}") for number in range(20))
    digest = tuple(Item(number, Kind.NEW, f"t{number // 20}") for number in range(400))
    articles = {number: article(number, title=f"{'&' * 60}{number}", summary="") for number in range(400)}
    made = Renderer(ENVIRONMENTS, Sender("Kennisportal", base, "Plein 1"), tree).letter(
        digest, articles, frequency="weekly", day=DAY, language="nl", web_url=f"{base}/editions/{'T' * 52}"
    )
    assert BUDGET * 0.9 < len(fill(made.html, own, html=True).encode()) < BUDGET


def test_letters_made_of_the_same_pieces_each_lead_to_their_own_web_edition() -> None:
    renderer = Renderer(ENVIRONMENTS, SENDER, TREE)
    digest = tuple(Item(number, Kind.NEW, "dienst") for number in range(300))
    articles = {number: article(number, summary="é & " * 100) for number in range(300)}
    own, others = (f"https://kennisportal.example/editions/{token}" for token in ("7.eigen", "8.ander"))
    for here, elsewhere in ((own, others), (others, own)):
        made = renderer.letter(digest, articles, frequency="weekly", day=DAY, language="nl", web_url=here)
        for part in (made.html, made.text):
            assert part.count(here) == 3  # at the top, after the section, at the end
            assert elsewhere not in part


def test_the_web_edition_is_linked_above_the_first_article() -> None:
    made = letter(THREE, ARTICLES)
    assert made.html.index("Bekijk dit overzicht in uw browser") < made.html.index("Artikel 1</a>")
    assert f"Bekijk dit overzicht in uw browser:\n{WEB}\n" in made.text.partition("Beste")[0]


@pytest.mark.parametrize("slot", [Slot.UNSUBSCRIBE, Slot.PREFERENCES])
def test_unsubscribing_and_choosing_are_possible_above_the_first_article_and_below_the_last(
    slot: Slot,
) -> None:
    made = letter(THREE, ARTICLES)
    for part, link in ((made.html, f'href="{slot}"'), (made.text, f"{slot}\n")):
        places = [found.start() for found in re.finditer(link, part)]
        assert len(places) == 2
        assert places[0] < part.index("Uw weekoverzicht" if part is made.html else "Beste")
        assert places[1] > part.index("Artikel 4")


def test_the_footer_says_who_sends_it_from_where_and_why() -> None:
    made = letter(THREE, ARTICLES)
    for shown in (Page(made.html).text, made.text):
        assert "Stichting Kennisportal, Plein 1, Utrecht" in shown
        assert "Dienstverlening, Privacy & AVG en Cloud." in " ".join(shown.split())


def test_filling_personalises_both_parts_and_leaves_no_slot() -> None:
    made = letter(THREE, ARTICLES)
    html, text = fill(made.html, PERSONAL, html=True), fill(made.text, PERSONAL, html=False)
    assert OPEN not in html + text
    assert CLOSE not in html + text
    assert "Beste Anna," in html
    assert "Beste Anna," in text
    for slot in (Slot.UNSUBSCRIBE, Slot.PREFERENCES):
        assert Page(html).links.count(PERSONAL[slot]) == 2
        assert text.count(f"{PERSONAL[slot]}\n") == 2
    for slug in ("dienst", "privacy", "cloud"):
        end = f"{PERSONAL[Slot.PREFERENCES]}?without={slug}"
        assert Page(html).links.count(end) == text.count(f"{end}\n") == 1


def test_who_gave_no_name_is_greeted_as_a_reader() -> None:
    renderer = Renderer(ENVIRONMENTS, SENDER, TREE)
    assert renderer.greeting_name("", "nl") == "lezer"
    assert renderer.greeting_name(" \n", "en") == "reader"
    assert renderer.greeting_name("Anna\r\nBcc: x", "nl") == "Anna Bcc: x"


def test_a_value_is_escaped_and_brings_in_no_slot_of_its_own() -> None:
    values = {Slot.GREETING_NAME: f"<b>{Slot.EMAIL}", Slot.EMAIL: "a@example.org"}
    assert fill(f"{Slot.GREETING_NAME}!", values, html=True) == "&lt;b&gt;EMAIL!"


def test_nothing_is_loaded_from_anywhere_and_dark_and_narrow_rules_stay() -> None:
    page = letter(THREE, ARTICLES).html
    assert not re.search(r"<(img|script|link|iframe|object)\b|@import|url\(", page)
    assert page.count("<style") == 2  # ours, and the one only Outlook reads
    assert "prefers-color-scheme: dark" in page
    assert "max-width: 480px" in page


def test_every_layout_table_is_marked_as_one() -> None:
    tables = Page(letter(THREE, ARTICLES).html).named("table")
    assert tables
    assert all(table.get("role") == "presentation" for table in tables)


def test_an_address_that_is_no_web_address_becomes_no_link() -> None:
    made = single(url="javascript:alert(1)", title="Kop")
    assert "javascript" not in made.html + made.text
    assert "Kop" in made.html


def test_a_theme_that_left_the_config_still_gets_its_section() -> None:
    made = letter((Item(1, Kind.NEW, "weg"),), ARTICLES)
    assert ("h2", "weg") in Page(made.html).headings


def test_letters_with_the_same_article_share_what_was_made_of_it() -> None:
    renderer = Renderer(ENVIRONMENTS, SENDER, TREE)

    def render(digest: Digest) -> Letter:
        return renderer.letter(digest, ARTICLES, frequency="weekly", day=DAY, language="nl", web_url=WEB)

    render(THREE[:2])
    assert render(THREE) == letter(THREE, ARTICLES)
    assert render(THREE[:2]) == letter(THREE[:2], ARTICLES)


def test_an_empty_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="empty digest"):
        letter((), {})


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            [
                "=?UTF-8?Q?=0D=0ABcc:_x?=",
                "=",
                "?",
                "\r\nBcc: x",
                "</h3><script>",
                '" onclick="',
                "\u202e",
                "\ud800",
                *Slot,
                OPEN,
                CLOSE,
                "{{ 7 * 7 }}",
                "%(site)s",
                "<!--[if mso]>",
                "-->",
                "&lt;b&gt;",
                "\x85",
                "\u2028",
            ]
        ),
    ),
    min_size=1,
    max_size=8,
).map("".join)


@settings(max_examples=120, deadline=None)
@given(title=HOSTILE, other=HOSTILE, language=st.sampled_from(["nl", "en"]))
def test_no_title_breaks_out_of_header_markup_or_slots(title: str, other: str, language: str) -> None:
    plain = letter(THREE[:1], ARTICLES, language)
    hostile = ARTICLES[1].model_copy(update={"title": title, "summary": other, "author": title})
    made = letter(THREE[:1], {1: hostile}, language)
    assert 0 < len(made.subject) <= 120
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", made.subject)
    assert decode_header(made.subject) == [(made.subject, None)]
    parsed = message_from_string(f"Subject: {made.subject}\n\n")
    assert parsed.items() == [("Subject", made.subject)]
    for slot in Slot:
        assert made.html.count(slot) == plain.html.count(slot)
        assert made.text.count(slot) == plain.text.count(slot)
    for part in (fill(made.html, PERSONAL, html=True), fill(made.text, PERSONAL, html=False)):
        assert OPEN not in part
        assert CLOSE not in part
        part.encode()
    page = Page(made.html)
    # A summary or author with nothing printable in it has no paragraph; all else is as ever.
    shape, usual = ([tag for tag, _ in tags if tag != "p"] for tags in (page.tags, Page(plain.html).tags))
    assert shape == usual
    assert all("onclick" not in attributes for _, attributes in page.tags)
