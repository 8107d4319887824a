import re
from datetime import UTC, date, datetime
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import address, identity
from feeds.address import web_address
from feeds.draft import Draft, Problem
from feeds.fingerprint import fingerprint
from feeds.identity import (
    WORDS,
    address_alias,
    aliases,
    canonical_url,
    distinct,
    recognise,
    recognise_texts,
    shared_addresses,
    tag_uri,
    text_alias,
    unlike,
)


@pytest.mark.parametrize(
    "url, canonical",
    [
        (
            "HTTPS://Bron.Example:443/a/../b?utm_source=rss&b=2&UTM_Medium=x&a=1#deel",
            "https://bron.example/b?b=2&a=1",
        ),
        ("https://bron.example/?fbclid=1&gclid=2&mc_cid=3&mc_eid=4", "https://bron.example/"),
        ("https://bron.example", "https://bron.example/"),
        ("https://bron.example/#!/artikel/1", "https://bron.example/#!/artikel/1"),
        ("https://bron.example/%7Ejan", "https://bron.example/~jan"),
        ("https://bron.example/?id=1&ref=2", "https://bron.example/?id=1&ref=2"),
        ("http://[", "http://["),
        ("", ""),
    ],
)
def test_links_to_one_page_have_one_address(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@given(st.text(max_size=60))
def test_any_text_has_a_canonical_form(url: str) -> None:
    canonical_url(url)
    canonical_url(f"https://{url}")


PARTS = st.sampled_from(["a", "B-c", "d.html", "~x", "..", ".", "%7e", "", "é", "a b", "x_y"])
QUERIES = st.sampled_from(["", "?", "?a=1", "?b=2&a=1", "?utm_source=x&id=3", "?id=", "?a&b=1", "?a=1&&b=2"])
HOSTS = [
    "bron.example",
    "Bron.example",
    "xn--bcher-kva.example",
    "bron.example:80",
    "b..example",
    "1.2.3.4",
    "b-",
]


@settings(max_examples=400)
@given(st.sampled_from(HOSTS), st.lists(PARTS, max_size=4), QUERIES, st.sampled_from(["", "#deel", "#!/x"]))
def test_an_address_that_looks_plain_is_so_by_all_rules(
    host: str, path: list[str], query: str, fragment: str
) -> None:
    url = f"https://{host}/{'/'.join(path)}{query}{fragment}"
    with patch.object(identity, "PLAIN", re.compile(r"(?!)")):
        long_way = canonical_url(url)
    assert canonical_url(url) == long_way
    with patch.object(address, "PLAIN", re.compile(r"(?!)")):
        resolved = web_address(url, "https://elders.example/x")
    assert web_address(url, "https://elders.example/x") == resolved
    with patch.object(identity, "PLAIN", re.compile(r"(?!)")):
        names = aliases(Draft("k", url, "Titel"), "bron")
    assert aliases(Draft("k", url, "Titel"), "bron") == names


@settings(max_examples=400)
@given(
    st.sampled_from(HOSTS),
    st.lists(PARTS, max_size=3),
    st.lists(PARTS, max_size=3),
    QUERIES,
    st.sampled_from(["", "/", "//"]),
)
def test_a_path_that_looks_plain_is_so_by_all_rules(
    host: str, there: list[str], path: list[str], query: str, start: str
) -> None:
    base, given = f"https://{host}/{'/'.join(there)}", f"{start}{'/'.join(path)}{query}"
    with patch.object(address, "PLAIN", re.compile(r"(?!)")):
        resolved = web_address(given, base)
    assert web_address(given, base) == resolved


@given(st.lists(st.sampled_from(["een", "é", "1_2", " ", "-", "<b>", "\n", "x y"]), max_size=30).map("".join))
def test_an_article_has_a_name_by_its_words_where_there_are_enough_of_them(text: str) -> None:
    found = len(re.findall(r"\w+", f"Titel {text}"))
    named = text_alias(Draft("k", "https://bron.example/", "Titel", content=text), "bron", "f" * 64)
    assert (named is not None) == (found >= WORDS)


def test_a_tag_uri_is_valid_and_the_same_for_the_same_names() -> None:
    uri = tag_uri("Portaal.Example:8000", date(2026, 11, 24), "bron", "guid")
    assert re.fullmatch(r"tag:portaal\.example,2026-11-24:[0-9a-f]{40}", uri)
    assert uri == tag_uri("portaal.example", date(2026, 11, 24), "bron", "guid")
    assert uri != tag_uri("portaal.example", date(2026, 11, 24), "brong", "uid")


def test_aliases_are_short_and_begin_with_the_sources_own_id() -> None:
    draft = Draft("k" * 5000, "https://bron.example/" + "x" * 1900, "T", "woord " * 20)
    names = [*aliases(draft, "b" * 100), text_alias(draft, "b" * 100, fingerprint([])) or ""]
    assert [name.partition(":")[0] for name in names] == ["guid", "url", "page", "text"]
    assert names[0].startswith("guid:b")
    assert max(map(len, names)) <= 100


def test_words_too_few_to_tell_an_article_by_make_no_name() -> None:
    assert text_alias(Draft("k", "https://bron.example/", "Storing verholpen"), "bron", "f" * 64) is None


def test_the_same_path_and_title_on_another_host_is_the_same_page_of_a_source() -> None:
    old = aliases(Draft("1", "https://oud.example/a/b?p=1", "De Titel"), "bron")
    new = aliases(Draft("2", "https://nieuw.example/a/b?p=1", "De titel"), "bron")
    other = aliases(Draft("2", "https://nieuw.example/a/b?p=1", "Andere titel"), "bron")
    assert old[2] == new[2]
    elsewhere = aliases(Draft("2", "https://nieuw.example/a/c?p=1", "De titel"), "bron")
    assert len({old[2], other[2], elsewhere[2]}) == 3
    assert old[:2] != new[:2]


@pytest.mark.parametrize("end", ["", "?p=1"])
def test_a_slash_at_the_end_of_a_path_makes_no_other_page(end: str) -> None:
    bare, ended, front = (
        aliases(Draft(path, f"https://bron.example{path}{end}", "Titel"), "bron")
        for path in ("/a", "/a/", "/")
    )
    assert bare[2] == ended[2] != front[2]


MONDAY, TUESDAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    "sighted, found, dates, expected",
    [
        ("new", [None, None, None], [TUESDAY] * 3, [1, 2, 3]),  # everything has a new id and address: a move
        ("known", [None, None, 9], [TUESDAY] * 3, [None, None, 9]),  # not everything: a notice given again
        ("known", [None, None, 9], [MONDAY, TUESDAY, TUESDAY], [1, None, 9]),  # of the same day: the same
        ("known", [None, None, 1], [MONDAY, MONDAY, MONDAY], [None, 2, 1]),  # taken already
    ],
)
def test_words_alone_tell_an_article_only_where_the_source_moved_or_the_date_agrees(
    sighted: str, found: list[int | None], dates: list[datetime], expected: list[int | None]
) -> None:
    sightings = [("new", "new", "new"), ("new", "new", "new"), (sighted, "new", "new")]
    known = {"een": 1, "twee": 2, "drie": 3, "known": 9}
    published = dict.fromkeys((1, 2, 3), MONDAY)
    texts = ["een", "twee", "drie"]
    assert recognise_texts(sightings, texts, dates, found, known, published) == expected


@given(st.permutations(["een", "een", "een", "twee", "drie"]), st.randoms())
def test_of_notices_in_the_same_words_the_one_of_its_own_day_is_known_after_a_move(
    texts: list[str], chance: Random
) -> None:
    places = [place for place, text in enumerate(texts) if text == "een"]
    own = chance.choice(places)
    dates = [MONDAY if place == own or place not in places else TUESDAY for place in range(len(texts))]
    known = {"een": 1, "twee": 2, "drie": 3}
    published = dict.fromkeys((1, 2, 3), MONDAY)
    found = recognise_texts([("new",) * 3] * 5, texts, dates, [None] * 5, known, published)
    assert found[own] == 1
    assert sorted(id for id in found if id is not None) == [1, 2, 3]


def test_tracking_and_a_move_to_https_keep_the_address_and_another_source_changes_the_id() -> None:
    one = aliases(Draft("1", "http://bron.example/a", "T"), "een")
    two = aliases(Draft("1", "https://bron.example/a?utm_source=x#top", "T"), "twee")
    assert one[1] == two[1]
    assert one[0] != two[0]


def test_front_pages_and_what_several_entries_link_to_are_no_articles_own_address() -> None:
    of_one = ["https://bron.example/a", "https://bron.example/?p=1", "https://bron.example/#!/b"]
    front_pages = ["https://bron.example", "http://andere.example/?utm_source=rss"]
    overviews = ["https://bron.example/nieuws#1", "http://bron.example/nieuws#2"]
    shared = {address_alias(url) for url in (*front_pages, *overviews)}
    assert shared_addresses([*of_one, *front_pages, *overviews]) == shared


TOLD = (
    (
        "Kunstveiling brengt miljoenen op",
        "Schilderijen gingen gisteravond bij het veilinghuis onder de hamer.",
    ),
    ("Voetbalclub wint bekerfinale", "Duizenden supporters vierden na afloop feest op het plein."),
    ("Zwembad sluit wegens storing", "Een kapotte pomp laat badgasten twee weken wachten."),
    ("Woningbouw krijgt subsidie", "Het ministerie heeft vandaag plannen bekendgemaakt."),
)
SHARED = st.sampled_from(["een", "twee", ""])
"""What articles have in common with others, or have for themselves."""
LOOKS = st.lists(st.lists(st.sampled_from(range(len(TOLD))), min_size=1, unique=True), max_size=4)


@pytest.mark.parametrize(
    "other", ["http://b.example/1", "https://b.example/1?utm_source=rss", "https://B.example/1"]
)
@pytest.mark.parametrize("more", [[], ["https://b.example/2"]])
def test_an_entry_that_is_shown_twice_is_one_however_its_address_is_written(
    other: str, more: list[str]
) -> None:
    problems: list[Problem] = []
    drafts = [Draft(key="1", url=url, title="Bericht") for url in ("https://b.example/1", other, *more)]
    assert [draft.url for draft in distinct(drafts, problems)] == ["https://b.example/1", *more]
    assert bool(problems) == bool(more)


def test_places_on_a_page_that_share_an_id_are_articles_each() -> None:
    drafts = [Draft(key="1", url=f"https://b.example/live#{n}", title="Bericht") for n in range(3)]
    assert [draft.key for draft in distinct(drafts, [])] == [draft.url for draft in drafts]


@settings(max_examples=300)
@given(st.lists(st.tuples(SHARED, SHARED), min_size=len(TOLD), max_size=len(TOLD)), LOOKS)
def test_articles_keep_their_ids_in_whichever_order_and_company_they_are_shown(
    shared: list[tuple[str, str]], looks: list[list[int]]
) -> None:
    drafts = [
        Draft(key or f"k{number}", f"https://bron.example/{page or number}", title, content=text)
        for number, ((key, page), (title, text)) in enumerate(zip(shared, TOLD, strict=True))
    ]
    known: dict[str, int] = {}
    stored: list[Draft] = []

    def look(shown: list[Draft]) -> dict[str, int]:
        """The ids of what a source shows, as they are found or given."""
        shown = distinct(shown, [])
        names = [aliases(draft, "bron") for draft in shown]

        def may_be(place: int, id: int) -> bool:
            return not unlike(
                (shown[place].title, shown[place].content), (stored[id].title, stored[id].content)
            )

        ids = {}
        found = recognise(names, dict(known), lambda known_as: [address_alias(stored[known_as].url)], may_be)
        for draft, own, id in zip(shown, names, found, strict=True):
            if id is None:
                id = len(stored)
                stored.append(draft)
            ids[draft.title] = id
            for name in own:
                known.setdefault(name, id)
        return ids

    first = look(drafts)
    assert sorted(first.values()) == list(range(len(TOLD)))
    for numbers in looks:
        assert look([drafts[number] for number in numbers]).items() <= first.items()
