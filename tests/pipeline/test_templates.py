"""The templates as they ship: complete, translated, escaping, and replaceable one by one."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import UndefinedError

from feeds.article import Article
from feeds.feed import FeedItem
from pipeline.edges.templates import LOCALES, TEMPLATES, TemplateMissing, environments, host, shorten
from subscribers.preferences import Fault, Form
from subscribers.signup import SignUpForm
from subscribers.webedition import WebItem, WebSection

PLACEHOLDER = re.compile(r"%\(\w+\)s")
SITE = {
    "name": "Kennis & portal",
    "base_url": "https://kennisportal.example",
    "mails": True,
    "language": "nl",
}
MOMENT = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
ARTICLE = Article(
    uri="tag:example.org,2026:1",
    source="bron",
    url="https://www.bron.example/1",
    title="<b>Kop</b>",
    summary="Samenvatting",
    language="en",
    published=MOMENT,
    updated=MOMENT,
    fingerprint="f",
)
FEEDS = [
    {
        "title": "Atom",
        "url": "https://kennisportal.example/feeds/cloud.atom",
        "type": "application/atom+xml",
    }
]
ITEMS = [FeedItem(ARTICLE, ("Privacy",)), FeedItem(ARTICLE.model_copy(update={"url": "javascript:x"}), ())]
CLOUD = {"slug": "cloud", "name": "Cloud", "description": "Over <wolken>", "count": 1200, "children": []}
PAGES: dict[str, dict[str, object]] = {
    "index": {
        "tree": [CLOUD | {"slug": "it", "children": [CLOUD]}],
        "days": 30,
        "feeds": FEEDS,
        "items": ITEMS,
    },
    "theme": {
        "theme": CLOUD
        | {"description": "Over <wolken>", "parent": {"slug": "it", "name": "IT"}, "children": [CLOUD]},
        "feeds": FEEDS,
        "items": ITEMS,
    },
    "edition": {
        "frequency": "weekly",
        "day": date(2026, 11, 23),
        "sections": [
            WebSection(
                "Cloud & co",
                "theme-cloud",
                (WebItem(ARTICLE, True, ("Privacy",)), WebItem(None, False, ())),
            )
        ],
        "contents": True,
    },
    "preferences": {
        "email": "a•••@example.org",
        "tree": [CLOUD | {"slug": "it", "children": [CLOUD]}],
        "form": Form(frozenset({"cloud"}), "weekly", "nl", "Europe/Amsterdam", "2026-12-01"),
        "faults": {},
        "saved": True,
        "until": date(2026, 12, 1),
        "following": ["Cloud"],
        "frequencies": ["daily", "weekly"],
        "zones": ["Europe/Amsterdam", "Europe/London"],
        "pausable": True,
        "first": "2026-11-24",
        "last": "2027-11-24",
        "consent": "Ja.",
        "unsubscribe_url": "https://kennisportal.example/unsubscribe/T",
    },
    "subscribe": {
        "tree": [CLOUD | {"slug": "it", "children": [CLOUD]}],
        "form": SignUpForm("geen adres", frozenset({"cloud"}), "weekly", "nl"),
        "faults": {"email": Fault.NO_ADDRESS},
        "frequencies": ["daily", "weekly"],
        "consent": "Ja.",
    },
    "asked": {"email": "a@example.org"},
    "toomany": {},
    "confirm": {"email": "a•••@example.org", "themes": ["Cloud"], "frequency": "weekly", "consent": "Ja."},
    "confirmed": {"again": False, "preferences_url": "https://kennisportal.example/preferences/T"},
    "toolate": {},
    "account": {
        "email": "a@example.org",
        "feed": "https://kennisportal.example/feeds/me/T.atom",
        "said": "",
        "fault": "sure",
        "filled_in": "",
    },
    "linksent": {"email": "a•••@example.org"},
    "oldlink": {},
    "nofeed": {},
    "gone": {},
    "address": {"email": "a@example.org"},
    "moved": {"email": "a@example.org"},
    "erased": {},
    "unsubscribe": {
        "email": "a•••@example.org",
        "rarer": ["monthly"],
        "preferences_url": "../preferences/T",
    },
    "unsubscribed": {"email": "a•••@example.org", "preferences_url": "../preferences/1.x"},
    "badlink": {},
    "notfound": {},
}


def extracted() -> Catalog:
    catalog = Catalog()
    for _, _, message, _, _ in extract_from_dir(
        TEMPLATES,
        method_map=[("**.j2", "jinja2.ext:babel_extract")],
        options_map={"**.j2": {"trimmed": "true", "silent": "false"}},
    ):
        catalog.add(message)
    return catalog


def translated(language: str) -> Catalog:
    with (TEMPLATES / f"locale/{language}/LC_MESSAGES/kennisportal.po").open("rb") as texts:
        return read_po(texts, locale=language, abort_invalid=True)


def forms(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def page(name: str, language: str = "nl") -> str:
    return environments()[language].get_template(f"web/{name}.html.j2").render({"site": SITE} | PAGES[name])


def test_everything_a_reader_sees_is_translated_and_nothing_else_is() -> None:
    used = {message.id for message in extracted() if message.id}
    assert len(used) > 50
    for language in LOCALES.keys() - {"en"}:
        known = {message.id: message for message in translated(language) if message.id}
        assert known.keys() == used
        for message in known.values():
            assert all(forms(message.string)), message.id
            assert not message.fuzzy, message.id


def test_a_translation_uses_the_placeholders_of_its_text() -> None:
    for message in translated("nl"):
        names = set(PLACEHOLDER.findall(forms(message.id)[-1]))
        assert set(PLACEHOLDER.findall(forms(message.string)[-1])) == names, message.id
        assert all(set(PLACEHOLDER.findall(form)) <= names for form in forms(message.string)), message.id


@pytest.mark.parametrize(
    "name", sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.j2"))
)
def test_every_template_is_well_formed(name: str) -> None:
    for environment in environments().values():
        environment.get_template(name)


@pytest.mark.parametrize("language", list(LOCALES))
@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_stands_on_its_own_and_says_which_language_it_is_in(name: str, language: str) -> None:
    html = page(name, language)
    assert html.startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    assert html.count("<h1") == html.count("<main") == html.count("<header") == html.count("<footer") == 1
    assert 'href="#content"' in html
    assert 'id="content"' in html
    assert not re.search(r"<script|<img|<link rel=.stylesheet|@import|url\(|javascript:", html)
    assert "Kennis &amp; portal" in html


def test_a_theme_page_lists_its_articles_feeds_and_relatives() -> None:
    html = page("theme")
    assert '<link rel="alternate" type="application/atom+xml" title="Cloud (Atom)"' in html
    assert (
        '<h3 dir="auto" lang="en"><a href="https://www.bron.example/1">&lt;b&gt;Kop&lt;/b&gt;</a></h3>'
        in html
    )
    assert "Over &lt;wolken&gt;" in html
    assert 'href="https://kennisportal.example/themes/it"' in html
    assert "Volgen met een feed" in html


@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_leads_a_reading_app_to_the_feed_of_everything(name: str) -> None:
    address = FEEDS[0]["url"] if name == "index" else "https://kennisportal.example/feeds/all.atom"
    assert re.search(
        rf'<link rel="alternate" type="application/atom\+xml" title="[^"]+" href="{address}">', page(name)
    )


def test_unsubscribing_is_a_button_that_posts_to_the_same_address() -> None:
    html = page("unsubscribe")
    assert '<form method="post"><button type="submit">Ja, meld mij af</button></form>' in html
    assert '<meta name="referrer" content="no-referrer">' in html


def test_dates_and_numbers_are_written_as_the_reader_writes_them() -> None:
    both = environments(zone=ZoneInfo("Europe/Amsterdam"))
    source = "{{ day | long_date }}; {{ moment | short_date }}; {{ 1234 | number }}; {{ 'abc' | listing }}"
    shown = {
        language: environment.from_string(source).render(day=date(2026, 11, 23), moment=MOMENT)
        for language, environment in both.items()
    }
    assert shown["nl"] == "maandag 23 november 2026; 23 november 2026; 1.234; a, b en c"
    assert shown["en"] == "Monday, 23 November 2026; 23 November 2026; 1,234; a, b and c"


def test_a_missing_template_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TemplateMissing) as caught:
        environments()["nl"].get_template("email/digest/nothing.html.j2")
    assert str(caught.value).startswith("template 'email/digest/nothing.html.j2' is missing in ")
    assert "\n" not in str(caught.value)


def test_a_template_missing_inside_another_is_the_one_named(tmp_path: Path) -> None:
    (tmp_path / "outer.txt.j2").write_text("{% include 'inner.txt.j2' %}")
    with pytest.raises(TemplateMissing, match=r"template 'inner\.txt\.j2' is missing"):
        environments(own=tmp_path)["en"].get_template("outer.txt.j2").render()


def test_missing_translations_are_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateMissing, match=r"locale/nl/LC_MESSAGES/kennisportal\.po"):
        environments(tmp_path)


def test_a_directory_of_ones_own_replaces_single_files(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "notfound.html.j2").write_text("Weg: {{ site.name }}")
    environment = environments(own=tmp_path)["nl"]
    assert environment.get_template("web/notfound.html.j2").render(site=SITE) == "Weg: Kennis &amp; portal"
    assert "Deze link werkt niet" in environment.get_template("web/badlink.html.j2").render(site=SITE)


def test_a_file_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    for words in ("first", "second"):
        (tmp_path / "line.txt.j2").write_text(words)
        for environment in environments(own=tmp_path).values():
            assert environment.get_template("line.txt.j2").render() == words


def test_an_unknown_variable_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError, match="nothing"):
        environments()["nl"].from_string("{{ nothing }}").render()


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("kort", 10, "kort"),
        ("een twee drie", 9, "een twee…"),
        ("een, twee", 6, "een…"),
        ("eenlangwoord", 6, "eenla…"),
        ("eén twee", 4, "eén…"),
    ],
)
def test_shortening_ends_at_a_word(text: str, length: int, expected: str) -> None:
    assert shorten(text, length) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.vng.nl/a", "vng.nl"),
        ("http://user:pw@Bron.example:8080/", "bron.example"),
        ("javascript:alert(1)", ""),
        ("//bron.example/x", ""),
        ("https://[::1", ""),
        ("https://bron.example/a b", ""),
        ("https:///pad", ""),
    ],
)
def test_the_host_of_a_web_address(url: str, expected: str) -> None:
    assert host(url) == expected
