"""Sitemaps: which pages are read, which are left alone, and what a page is as an article."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
import trafilatura
from hypothesis import given, settings
from hypothesis import strategies as st
from visiting import Respond, answers, page, visit

from feeds.source import (
    ClosedToRobots,
    HttpRequest,
    Memory,
    NotModified,
    OutOfTime,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    Validators,
)
from feeds.sources import listing, sitemap
from feeds.sources.page import NoArticle, read_page
from feeds.sources.sitemap import SitemapSource

SAMPLE = Path(__file__).parents[2] / "data" / "sitemap" / "gemeente"
SOURCE = Source(name="gemeente", kind="sitemap", url="https://bron.example/sitemap.xml")
PAGE = (SAMPLE / "loket").read_bytes()


def look(
    respond: Respond, memory: Memory | None = None, source: Source = SOURCE
) -> tuple[Reading, list[str]]:
    """What a visit reads, and what it asks for."""
    asked: list[str] = []

    def noted(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        assert request.as_robot
        asked.append(request.url.removeprefix("https://bron.example"))
        return respond(request)

    reading = visit(SitemapSource(), source, noted, memory)
    assert isinstance(reading, Reading)
    return reading, asked


def site(*pages: str, **answers: bytes | SourceError) -> Respond:
    """A sitemap that lists these pages, as ``path`` or ``path lastmod``, and a page for each."""
    urls = ""
    for path, _, changed in (listed.partition(" ") for listed in pages):
        lastmod = f"<lastmod>{changed}</lastmod>" if changed else ""
        urls += f"<url><loc>https://bron.example/{path}</loc>{lastmod}</url>"
    document = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode()

    def respond(request: Request) -> Payload | SourceError:
        assert isinstance(request, HttpRequest)
        name = request.url.rpartition("/")[2]
        answer = answers.get(name, document if name == "sitemap.xml" else PAGE)
        return answer if isinstance(answer, SourceError) else page(request, answer)

    return respond


def test_a_page_becomes_an_article_without_its_menus() -> None:
    reading, asked = look(answers(SAMPLE))
    assert asked == ["/sitemap.xml", "/nieuws.xml", "/nieuws/loket", "/nieuws/glasvezel"]
    loket, glasvezel = reading.drafts
    assert loket.title == "Digitaal loket langer open"
    assert loket.published == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert glasvezel.key == glasvezel.url == "https://bron.example/nieuws/glasvezel"
    assert (glasvezel.title, glasvezel.author) == ("Glasvezel in alle wijken", "Afdeling Communicatie")
    assert glasvezel.published == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert glasvezel.image == "https://bron.example/beeld/glasvezel.jpg"
    assert glasvezel.categories == ("ICT",)
    assert glasvezel.language == "nl"
    assert glasvezel.summary == "De aanleg begint in het voorjaar."
    for part in (
        "<h2>Kosten</h2>",
        "<strong>niets</strong>",
        'href="https://bron.example/besluiten/glasvezel"',
    ):
        assert part in glasvezel.content
    for part in ("Contact", "toegankelijkheid", "<h1>"):
        assert part not in glasvezel.content


def test_only_what_is_new_or_changed_is_read_again() -> None:
    first, _ = look(site("a 2026-11-01", "b 2026-11-02"))
    assert [draft.key[-1] for draft in first.drafts] == ["b", "a"]
    second, asked = look(site("a 2026-11-01", "b 2026-11-03", "c"), Memory(bookmark=first.bookmark))
    assert asked == ["/sitemap.xml", "/b", "/c"]
    _, asked = look(site("a 2026-11-01", "b 2026-11-03", "c"), Memory(bookmark=second.bookmark))
    assert asked == ["/sitemap.xml", "/c"]  # nobody says whether it changed


def test_pages_without_a_date_of_change_are_looked_at_by_turns() -> None:
    pages = [f"p{n}" for n in range(7)]
    memory = Memory(bookmark=look(site(*pages))[0].bookmark)
    seen: list[str] = []
    for _ in range(3):
        reading, asked = look(site(*pages), memory)
        assert len(asked) == 1 + sitemap.AGAIN
        seen += asked[1:]
        memory = Memory(bookmark=reading.bookmark)
    assert set(seen) == {f"/{name}" for name in pages}


@pytest.mark.parametrize(
    "entry, conditional",
    [("a 2026-11-01", True), ("a", False), ("part.xml 2026-11-01", True), ("part.xml", False)],
)
def test_a_sitemap_is_unchanged_as_a_whole_only_where_it_says_what_changed(
    entry: str, conditional: bool
) -> None:
    part = b"<urlset><url><loc>https://bron.example/a</loc><lastmod>2026-11-01</lastmod></url></urlset>"
    plain = site(entry, **{"part.xml": part})

    def respond(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        answer = plain(request)
        assert isinstance(answer, Payload)
        if not request.url.endswith("/sitemap.xml"):
            return answer
        document = answer.documents[request.url]
        if b".xml<" in document:
            document = document.replace(b"url", b"sitemap").replace(b"sitemapset", b"sitemapindex")
        return replace(answer, documents={request.url: document}, validators=Validators(etag='"1"'))

    reading, asked = look(respond)
    assert asked[-1] == "/a"
    assert reading.validators == (Validators(etag='"1"') if conditional else Validators())


def test_a_visit_reads_so_many_pages_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "PAGES", 2)
    pages = [f"p{n} 2026-11-0{n}" for n in range(1, 6)]
    memory, read = Memory(), []
    for _ in range(3):
        reading, asked = look(site(*pages), memory)
        assert asked[0] == "/sitemap.xml"
        read.append([draft.key[-2:] for draft in reading.drafts])
        memory = Memory(bookmark=reading.bookmark)
    assert read == [["p5", "p4"], ["p3", "p2"], ["p1"]]


def test_a_visit_tells_how_many_pages_came_and_not_how_many_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left for the next visit came with this one; and what is read by turns comes once."""
    monkeypatch.setattr(sitemap, "PAGES", 2)
    memory, came = Memory(), []
    for number in (3, 3, 3, 9, 9, 9, 10):
        reading, _ = look(site(*[f"p{n} 2026-11-10" for n in range(number)]), memory)
        came.append(reading.appeared)
        memory = Memory(bookmark=reading.bookmark)
    assert came == [0, 0, 0, 6, 0, 0, 1]


def test_the_pages_of_a_sitemap_that_is_read_for_the_first_time_did_not_all_come_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sitemap, "PAGES", 2)
    listed = {"deel1.xml": 3}

    def answer(path: str) -> bytes:
        if path == "sitemap.xml":
            return index(*listed)
        return urlset(*[loc(f"{path[:5]}-{n}") for n in range(listed[path])]) if path in listed else PAGE

    memory, came = Memory(), []
    for change in ({}, {"deel2.xml": 5}, {}, {}, {}, {"deel1.xml": 7, "deel2.xml": 6}, {}):
        listed |= change
        reading, _ = look(documents(answer), memory)
        came.append(reading.appeared)
        memory = Memory(bookmark=reading.bookmark)
    assert came == [0, 0, 0, 0, 0, 5, 0]


def test_pages_that_were_too_many_to_follow_do_not_come_when_others_are_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor do they when somebody changes one of them, and its sitemap with it."""
    monkeypatch.setattr(sitemap, "PAGES", 2)
    monkeypatch.setattr(sitemap, "REMEMBERED", 6)
    changed = {f"deel{n}.xml": f"2026-0{9 - n}-01" for n in range(1, 5)}

    def answer(path: str) -> bytes:
        if path == "sitemap.xml":
            return index(*map(" ".join, changed.items()))
        day = changed.get(path, "")
        return urlset(*[loc(f"{path[:5]}-{n}", lastmod(day)) for n in range(4)]) if day else PAGE

    memory, came, asked = Memory(), [], []
    for change in ({}, {}, {}, {}, {}, {"deel3.xml": "2026-11-20"}, {}):
        changed |= change
        reading, paths = look(documents(answer), memory)
        came.append(reading.appeared)
        asked.append([path for path in paths if "deel" in path])
        memory = Memory(bookmark=reading.bookmark)
    assert came == [0] * 7
    assert {"/deel2-0", "/deel2-3"} <= {path for paths in asked for path in paths}
    assert asked[5] == ["/deel3.xml", "/deel3-0", "/deel3-1"]


def test_pages_that_were_forgotten_do_not_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "REMEMBERED", 3)  # and twice as many pages that were read
    changed: dict[str, str] = {}

    def answer(path: str) -> bytes:
        if path == "sitemap.xml":
            return index(*map(" ".join, changed.items()))
        return urlset(*[loc(f"{path[0]}-{n}") for n in range(3)]) if path in changed else PAGE

    memory, came, asked = Memory(), [], []
    for name, day in (("a.xml", "01"), ("b.xml", "02"), ("c.xml", "03"), ("a.xml", "04")):
        changed[name] = f"2026-11-{day}"
        reading, asked = look(documents(answer), memory)
        came.append(reading.appeared)
        memory = Memory(bookmark=reading.bookmark)
    assert asked[:5] == ["/sitemap.xml", "/a.xml", "/a-0", "/a-1", "/a-2"]
    assert came == [0, 0, 0, 0]


def test_a_page_that_two_sitemaps_list_comes_once() -> None:
    listed = {"alles.xml": 3, "nieuws.xml": 0}

    def answer(path: str) -> bytes:
        if path == "sitemap.xml":
            return index(*listed)
        return urlset(*[loc(f"p{n}") for n in range(listed[path])]) if path in listed else PAGE

    first, _ = look(documents(answer))
    listed |= {"alles.xml": 7, "nieuws.xml": 7}
    reading, _ = look(documents(answer), Memory(bookmark=first.bookmark))
    assert reading.appeared == 4


@pytest.mark.parametrize("counted", [True, False], ids=["other pages were wanted", "nobody counted"])
def test_what_was_there_and_not_counted_did_not_come_now(counted: bool) -> None:
    """As after a change of the config; and a bookmark of an earlier version says nothing of pages left."""
    pages = site(*[f"{part}/{n} 2026-11-10" for part in ("nieuws", "blog") for n in range(60)])
    before = SOURCE.model_copy(update={"pages": ["/nieuws/*"]}) if counted else SOURCE
    reading, _ = look(pages, source=before)
    said = json.loads(reading.bookmark)
    if not counted:
        said = {name: said[name] for name in ("seen", "sitemaps", "unfinished")}
    reading, _ = look(pages, Memory(bookmark=json.dumps(said)))
    assert reading.appeared == 0
    reading, _ = look(pages, Memory(bookmark=reading.bookmark))
    assert reading.appeared == 0


def test_pages_that_the_config_did_not_want_before_are_found_in_sitemaps_that_have_not_changed() -> None:
    """And none of them came when their sitemap changes later."""
    changed = {"a.xml": "2026-11-01", "b.xml": "2026-11-01"}

    def answer(path: str) -> bytes:
        if path == "sitemap.xml":
            return index(*map(" ".join, changed.items()))
        return urlset(loc(f"nieuws/{path[0]}"), loc(f"blog/{path[0]}")) if path in changed else PAGE

    reading, _ = look(documents(answer), source=SOURCE.model_copy(update={"pages": ["/nieuws/*"]}))
    reading, asked = look(documents(answer), Memory(bookmark=reading.bookmark))
    assert {"/blog/a", "/blog/b"} <= {*asked}
    changed["b.xml"] = "2026-11-20"
    reading, _ = look(documents(answer), Memory(bookmark=reading.bookmark))
    assert reading.appeared == 0


def test_only_pages_of_the_same_host_that_the_config_wants_are_read() -> None:
    source = SOURCE.model_copy(update={"pages": ["/nieuws/*", "/blog/??"]})
    _, asked = look(site("", "nieuws/a", "contact", "blog/ab", "blog/abc"), source=source)
    assert asked == ["/sitemap.xml", "/nieuws/a", "/blog/ab"]


def test_a_page_that_cannot_be_had_is_a_problem_and_is_asked_for_again() -> None:
    answers = {"a": SourceError("a is away", status=500), "b": SourceError("b is gone", status=404)}
    reading, _ = look(site("a 2026", "b 2026", "c 2026", **answers))
    assert [draft.key[-1] for draft in reading.drafts] == ["c"]
    assert [problem.lost for problem in reading.problems] == [False, False]
    _, asked = look(site("a 2026", "b 2026", "c 2026"), Memory(bookmark=reading.bookmark))
    assert asked == ["/sitemap.xml", "/a"]


def test_a_host_that_fails_time_after_time_is_left_alone() -> None:
    pages = [f"p{n} 2026" for n in range(9)]
    away = {f"p{n}": SourceError("it is away", status=500) for n in range(9)}
    reading, asked = look(site(*pages, **away))
    assert len(asked) == 1 + sitemap.FAILURES
    _, asked = look(site(*pages), Memory(bookmark=reading.bookmark))
    assert len(asked) == 10


def test_sitemaps_of_an_index_that_have_not_changed_are_not_asked_for() -> None:
    first, _ = look(answers(SAMPLE))
    _, asked = look(answers(SAMPLE), Memory(bookmark=first.bookmark))
    assert asked == ["/sitemap.xml"]


def test_a_page_without_text_is_passed_over_once() -> None:
    reading, _ = look(site("a 2026", a=b"<html><title>Formulier</title><form><input></form></html>"))
    assert (reading.drafts, reading.problems) == ([], [])
    _, asked = look(site("a 2026"), Memory(bookmark=reading.bookmark))
    assert asked == ["/sitemap.xml"]


def unchanged(document: bytes) -> bytes:
    return document


def in_parts(document: bytes) -> bytes:
    return b"".join(gzip.compress(line) for line in document.splitlines(keepends=True))


@pytest.mark.parametrize("packed", [unchanged, gzip.compress, in_parts])
@pytest.mark.parametrize(
    "document",
    [
        b"https://bron.example/a\nhttps://bron.example/b\n",
        b"<urlset><url><loc>https://bron.example/a</loc></url>\n<url><loc>https://bron.example/b</loc></url><url><l",
        b"<urlset><url><loc>https://bron.example/a</loc></url><url><loc>https://bron.example/b</loc></url><url><lo",
    ],
)
def test_text_and_compressed_and_truncated_sitemaps_are_read(packed, document: bytes) -> None:
    respond = site(**{"sitemap.xml": b""})

    def answer(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        return page(request, packed(document)) if request.url.endswith(".xml") else respond(request)

    _, asked = look(answer)
    assert asked == ["/sitemap.xml", "/a", "/b"]


@pytest.mark.parametrize("loc", ["/lijst?a=1&b=2", "/lijst?a=1&amp;b=2", "<![CDATA[/lijst?a=1&b=2]]>"])
@pytest.mark.parametrize("declared", ["utf-8", "utf-16"])
def test_a_sitemap_that_software_wrote_carelessly_is_read(loc: str, declared: str) -> None:
    begin = f'<?xml version="1.0" encoding="{declared}"?>'
    document = f"{begin}<urlset><url><loc>{loc}</loc></url><url><loc>/caf\u00e9</loc></url></urlset>"
    respond = site(**{"sitemap.xml": document.encode()})
    assert look(respond)[1] == ["/sitemap.xml", "/lijst?a=1&b=2", "/caf%C3%A9"]


@pytest.mark.parametrize(
    "document, why",
    [
        (b"<html><body>Onderhoud</body></html>", "no sitemap"),
        (b"", "no sitemap"),
        (b"\x1f\x8bstuk", "damaged"),
        (gzip.compress(b" " * (listing.UNPACKED + 1)), "larger than"),
        (gzip.compress(b"https://bron.example/a\n") * (listing.PARTS + 1), "more than 100 parts"),
    ],
)
def test_what_is_no_sitemap_is_refused(document: bytes, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        look(lambda request: page(request, document))  # type: ignore[arg-type]


def test_entities_in_a_sitemap_are_not_expanded() -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "https://bron.example/a"><!ENTITY b "&a;&a;&a;">]>'
        b"<urlset><url><loc>&b;</loc></url></urlset>"
    )
    reading, asked = look(lambda request: page(request, bomb))  # type: ignore[arg-type]
    assert (reading.drafts, asked) == ([], ["/sitemap.xml"])


def test_a_canonical_address_counts_on_the_same_host_only() -> None:
    def url(canonical: bytes) -> str:
        link = b'<link rel="canonical" href="' + canonical + b'">'
        return read_page("https://bron.example/x?utm=1", PAGE.replace(b"</head>", link + b"</head>")).url

    assert url(b"/nieuws/loket") == "https://bron.example/nieuws/loket"
    assert url(b"https://elders.example/loket") == "https://bron.example/x?utm=1"


@pytest.mark.parametrize(
    ("said", "base"),
    [
        ("", "https://bron.example/nieuws/2026/"),
        ('<base target="_blank"><base href="/map/start">', "https://bron.example/map/"),
        ('<base href="https://beeld.example/">', "https://beeld.example/"),
        ('<base href="javascript:0">', "https://bron.example/nieuws/2026/"),
        ('<base href="http://[">', "https://bron.example/nieuws/2026/"),
    ],
)
def test_what_a_page_links_to_is_found_from_where_it_says_or_from_itself(said: str, base: str) -> None:
    links = '<a href="loket/open">Meer</a> <a href="http://[">ook</a> <img src="beeld/a.jpg"></p>'
    head = f'{said}<link rel="canonical" href="loket"></head>'
    document = PAGE.decode().replace("</head>", head).replace("</p>", links)
    read = read_page("https://bron.example/nieuws/2026/loket?utm=1", document.encode())
    assert f'<a href="{base}loket/open">Meer</a>' in read.content
    assert f'src="{base}beeld/a.jpg"' in read.content
    own = base.startswith("https://bron.example/")
    assert read.url == (f"{base}loket" if own else "https://bron.example/nieuws/2026/loket?utm=1")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["http://[", "//"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@type", "@graph", "name", "author", "keywords"]), inner)
    ),
    max_leaves=8,
)
SAID = st.sampled_from(
    ["og:image", "og:title", "og:locale", "author", "article:tag", "date", "article:published_time"]
)


@given(
    meta=st.dictionaries(SAID, st.text(max_size=30) | st.sampled_from(["http://[", "https://a]b/", "x:"])),
    linked=ANYTHING,
    place=st.text(max_size=20) | st.just("https://[bron.example"),
)
@settings(max_examples=60, deadline=None)
def test_nothing_that_a_page_says_of_itself_costs_its_text(
    meta: dict[str, str], linked: object, place: str
) -> None:
    article = json.dumps({"@type": "Article", "author": linked, "keywords": linked, "headline": linked})
    head = f'<script type="application/ld+json">{article}</script><link rel=canonical href="{escape(place)}">'
    head += "".join(f'<meta property="{name}" content="{escape(said)}">' for name, said in meta.items())
    draft = read_page(
        "https://bron.example/x", PAGE.replace(b"</head>", head.encode("utf-8", "replace") + b"</head>")
    )
    assert "loket" in draft.content


@pytest.mark.parametrize(
    "author, name",
    [("Jan Jansen", "Jan Jansen"), (["Jan", {"name": "Piet"}], "Jan, Piet"), ({"@type": "Person"}, "")],
)
def test_an_author_is_named_in_each_of_the_ways_of_schema_org(author: object, name: str) -> None:
    linked = json.dumps({"@type": "NewsArticle", "author": author})
    head = f'<script type="application/ld+json">{linked}</script></head>'
    document = PAGE.replace(b"</head>", head.encode())
    assert read_page("https://bron.example/x", document).author == name


@pytest.mark.parametrize("document", [b"", b"\x00" * 50, b"<", b"<html>" + b"a" * 4_000_000])
def test_what_is_no_page_is_no_article(document: bytes) -> None:
    with pytest.raises(NoArticle):
        read_page("https://bron.example/", document)


def test_the_memory_of_pages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "REMEMBERED", 3)
    memory = Memory()
    for start in range(0, 20, 3):
        pages = [f"p{n} 2026-11-24T09:00:{n:02}" for n in range(start, start + 3)]
        reading, _ = look(site(*pages), memory)
        memory = replace(memory, bookmark=reading.bookmark)
    assert memory.bookmark.count("2026-11-24T09") == 6


def test_what_was_read_is_kept_when_the_time_is_up() -> None:
    reading, _ = look(site("a 2026-11-02", "b 2026-11-01", b=OutOfTime("enough")))
    assert [draft.key[-1] for draft in reading.drafts] == ["a"]
    assert reading.problems == []
    _, asked = look(site("a 2026-11-02", "b 2026-11-01"), Memory(bookmark=reading.bookmark))
    assert asked == ["/sitemap.xml", "/b"]


def test_a_page_that_the_extractor_chokes_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def choke(*_: object, **__: object) -> str:
        raise MemoryError

    monkeypatch.setattr(trafilatura, "extract", choke)
    reading, _ = look(site("a 2026", "b 2026"))
    assert (reading.drafts, reading.problems) == ([], [])
    assert reading.bookmark.count("2026") == 2


def urlset(*entries: str) -> bytes:
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(entries)}</urlset>'.encode()


def index(*sitemaps: str) -> bytes:
    """An index of sitemaps, as ``name`` or ``name lastmod``."""
    said = [(name, lastmod(changed)) for name, _, changed in (one.partition(" ") for one in sitemaps)]
    listed = "".join(
        f"<sitemap><loc>https://bron.example/{name}</loc>{more}</sitemap>" for name, more in said
    )
    return f"<sitemapindex>{listed}</sitemapindex>".encode()


def lastmod(changed: str) -> str:
    return f"<lastmod>{changed}</lastmod>" if changed else ""


def loc(path: str, more: str = "") -> str:
    return f"<url>{more}<loc>https://bron.example/{path}</loc></url>"


def documents(answer: Callable[[str], bytes]) -> Respond:
    """A site whose answer to a path is decided by a test."""
    return lambda request: page(request, answer(request.url.removeprefix("https://bron.example/")))  # type: ignore[union-attr]


def test_the_pages_that_are_wanted_are_found_behind_any_number_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sitemap, "REMEMBERED", 5)
    source = SOURCE.model_copy(update={"pages": ["/nieuws/*"]})
    _, asked = look(site(*[f"product/{n}" for n in range(20)], "nieuws/a"), source=source)
    assert asked == ["/sitemap.xml", "/nieuws/a"]


def test_every_page_gets_its_turn_where_all_are_said_to_have_changed_just_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sitemap, "PAGES", 3)
    memory, read = Memory(), []
    for hour in range(10, 16):
        reading, asked = look(site(*[f"p{n} 2026-11-24T{hour}:00" for n in range(9)]), memory)
        memory = Memory(bookmark=reading.bookmark)
        read += asked[1:]
    assert sorted(read) == sorted(2 * [f"/p{n}" for n in range(9)])


def test_a_site_that_moved_is_read_under_its_new_name() -> None:
    def respond(request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        there = request.url.replace("bron.example", "elders.example")
        document = urlset(loc("nieuws/a")).replace(b"bron.example", b"elders.example")
        return Payload({there: document if there.endswith(".xml") else PAGE}, base=there)

    reading, _ = look(respond)
    assert [draft.url for draft in reading.drafts] == ["https://elders.example/nieuws/a"]


def test_a_sitemap_of_another_host_alone_is_refused_and_says_which() -> None:
    document = urlset(loc("a")).replace(b"bron.example", b"elders.example")
    with pytest.raises(SourceError, match=r"other hosts \(elders\.example\)"):
        look(documents(lambda path: document))


def test_a_sitemap_of_which_nothing_is_wanted_says_so() -> None:
    source = SOURCE.model_copy(update={"pages": ["/nieuws/*"]})
    reading, _ = look(site("a", "b"), source=source)
    assert "'pages'" in str(reading.problems[0])


def test_pages_of_which_none_has_a_text_are_worth_a_word() -> None:
    shell = b'<html><body><div id="app"></div></body></html>'
    reading, _ = look(site("a", "b", "c", a=shell, b=shell, c=shell))
    assert reading.drafts == []
    assert "none of the 3 pages" in str(reading.problems[0])


def test_more_undated_pages_than_are_followed_are_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "REMEMBERED", 2)
    assert "more than 2 pages" in str(look(site("a", "b", "c"))[0].problems[0])
    assert look(site("a 2026-11-01", "b 2026-11-02", "c 2026-11-03"))[0].problems == []


def test_a_server_that_asks_to_be_left_alone_keeps_what_it_gave() -> None:
    busy = SourceError("it is busy", wait=timedelta(hours=5), status=429)
    reading, asked = look(site("a", "b", "c", b=busy))
    assert [draft.key[-1] for draft in reading.drafts] == ["a"]
    assert reading.wait == timedelta(hours=5)
    assert asked[-1] == "/b"
    reading, asked = look(site("a", "b", "c"), Memory(bookmark=reading.bookmark))
    assert asked == ["/sitemap.xml", "/b", "/c", "/a"]
    assert reading.wait == timedelta(0)


def test_a_page_that_is_not_for_us_is_asked_for_once() -> None:
    reading, _ = look(site("a 2026", a=SourceError("a is closed", status=403)))
    assert look(site("a 2026"), Memory(bookmark=reading.bookmark))[1] == ["/sitemap.xml"]


def test_pages_that_are_closed_to_robots_keep_no_open_one_from_being_read() -> None:
    closed = {f"p{n}": ClosedToRobots("it is closed to robots") for n in range(6)}
    pages = [f"p{n} 2026" for n in range(8)]
    reading, _ = look(site(*pages, **closed))
    assert [draft.key[-2:] for draft in reading.drafts] == ["p6", "p7"]
    assert len(reading.problems) == 1
    assert look(site(*pages), Memory(bookmark=reading.bookmark))[1] == ["/sitemap.xml"]


def test_the_sitemaps_of_an_index_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "SITEMAPS", 2)
    names = [f"deel{n}.xml" for n in range(5)]

    def answer(path: str) -> bytes:
        if path == "sitemap.xml":
            return index(*names)
        return urlset(loc(f"over-{path[:5]}")) if path in names else PAGE

    memory, read = Memory(), []
    for _ in range(3):
        reading, _ = look(documents(answer), memory)
        memory = Memory(bookmark=reading.bookmark)
        read += [draft.key.rpartition("-")[2] for draft in reading.drafts]
    assert sorted(read) == ["deel0", *[f"deel{n}" for n in range(5)]]


def test_what_was_not_reached_in_a_sitemap_of_an_index_is_reached_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sitemap, "PAGES", 2)
    dated = index("deel.xml").replace(b"</sitemap>", b"<lastmod>2026-11-24</lastmod></sitemap>")
    listed = {
        "sitemap.xml": dated,
        "deel.xml": urlset(*[loc(f"p{n}", "<lastmod>2026</lastmod>") for n in range(5)]),
    }
    memory, read = Memory(), []
    for _ in range(4):
        reading, asked = look(documents(lambda path: listed.get(path, PAGE)), memory)
        memory = Memory(bookmark=reading.bookmark)
        read.append(asked[1:])
    assert read == [["/deel.xml", "/p0", "/p1"], ["/deel.xml", "/p2", "/p3"], ["/deel.xml", "/p4"], []]


def test_an_index_within_an_index_is_named_and_not_followed_for_ever() -> None:
    reading, asked = look(documents(lambda path: index("sitemap.xml", "nog-een.xml")))
    assert asked == ["/sitemap.xml", "/sitemap.xml", "/nog-een.xml"]
    assert "index within an index" in str(reading.problems[0])


def test_what_a_sitemap_says_of_images_and_films_is_not_about_the_page() -> None:
    image = "<image><loc>https://bron.example/foto.jpg</loc><title>Foto</title></image>"
    film = "<video><title>Film</title><publication_date>2001-01-01</publication_date></video>"
    answers = {"sitemap.xml": urlset(loc("a", image + film))}
    reading, asked = look(documents(lambda path: answers.get(path, PAGE)))
    assert asked == ["/sitemap.xml", "/a"]
    assert reading.drafts[0].published is None or reading.drafts[0].published.year > 2001


def test_only_so_many_entries_of_a_sitemap_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LISTED", 3)
    _, asked = look(site(*[f"p{n}" for n in range(9)]))
    assert asked == ["/sitemap.xml", "/p0", "/p1", "/p2"]


@pytest.mark.parametrize(
    "encoding, content_type, meta",
    [
        ("utf-8", "text/html; charset=utf-8", ""),
        ("utf-8", 'text/html; charset="UTF-8"', '<meta charset="iso-8859-1">'),
        ("utf-8", "", ""),
        ("utf-8-sig", "text/html; charset=iso-8859-1", ""),
        ("windows-1252", "text/html; charset=windows-1252", ""),
        ("windows-1252", "text/html; charset=ISO-8859-1", ""),
        ("windows-1252", "text/html; charset=utf-8", '<meta charset="windows-1252">'),
        ("windows-1252", "text/html", '<meta http-equiv="Content-Type" content="text/html; charset=cp1252">'),
        ("windows-1252", "text/html; charset=punycode", ""),
        ("utf-16", "text/html", ""),
        ("iso-8859-15", "text/html; charset=iso-8859-15", ""),
    ],
)
def test_a_page_is_read_in_its_encoding_whoever_says_which(
    encoding: str, content_type: str, meta: str
) -> None:
    title = "Café “Zürich” é" if encoding != "iso-8859-15" else "Café € Zürich"
    head = f"<head>{meta}<title>{title}</title>"
    document = (
        f"<html>{head}</head><body><article><p>{'Een zin met een punt. ' * 30}</p></article></body></html>"
    )
    assert read_page("https://bron.example/a", document.encode(encoding), content_type).title == title


@pytest.mark.parametrize(
    "document",
    [
        PAGE.replace(b"</body>", b"<table>" + b"<tr><td>a</td></tr>" * 30_000 + b"</table></body>"),
        PAGE.replace(b"<body", b"<body " + b" ".join(b"a%d=b" % n for n in range(1_000))),
    ],
)
def test_a_page_that_would_take_minutes_to_look_through_is_no_article(document: bytes) -> None:
    with pytest.raises(NoArticle, match="more elements"):
        read_page("https://bron.example/a", document)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_sitemap_that_broke_off_is_asked_for_its_rest(compress: Callable[[bytes], bytes]) -> None:
    end = b"</urlset>"
    urls = b"".join(
        b"<url><loc>https://bron.example/%d</loc><lastmod>2026-11-2%d</lastmod></url>" % (n, n)
        for n in range(3)
    )
    whole = b"<urlset>" + urls + end

    def respond(document: bytes) -> Respond:
        def answer(request: Request) -> Payload | NotModified | SourceError:
            assert isinstance(request, HttpRequest)
            if not request.url.endswith(".xml"):
                return page(request, PAGE)
            if request.validators != Validators():
                return NotModified()
            return replace(page(request, compress(document)), validators=Validators(etag='"1"'))

        return answer

    first, _ = look(respond(whole[: -len(end) - 30]))
    assert len(first.drafts) == 3
    memory = Memory(first.validators, bookmark=first.bookmark)
    second, asked = look(respond(whole), memory)
    assert asked[0] == "/sitemap.xml"
    assert second.validators == Validators(etag='"1"')


def test_a_sitemap_is_whole_whatever_a_cache_has_to_say_after_it() -> None:
    said = b"<!-- Page Caching using Disk: Enhanced; Served from: bron.example -->\n" * 20
    sitemap = b"<urlset><url><loc>https://bron.example/1</loc><lastmod>2026-11-21</lastmod></url></urlset>"

    def respond(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        if not request.url.endswith(".xml"):
            return page(request, PAGE)
        if request.validators != Validators():
            return NotModified()
        return replace(page(request, sitemap + said), validators=Validators(etag='"1"'))

    first, _ = look(respond)
    memory = Memory(first.validators, bookmark=first.bookmark)
    assert isinstance(visit(SitemapSource(), SOURCE, respond, memory), NotModified)


def test_a_part_of_an_index_that_broke_off_is_read_again_though_it_did_not_change() -> None:
    index = (
        b"<sitemapindex><sitemap><loc>https://bron.example/een.xml</loc><lastmod>2026-11-24</lastmod>"
        b"</sitemap></sitemapindex>"
    )
    urls = [
        b"<url><loc>https://bron.example/%d</loc><lastmod>2026-11-2%d</lastmod></url>" % (n, n)
        for n in (1, 2)
    ]

    def respond(*parts: bytes) -> Respond:
        documents = {"sitemap.xml": index, "een.xml": b"".join([b"<urlset>", *parts])}

        def answer(request: Request) -> Payload:
            assert isinstance(request, HttpRequest)
            return page(request, documents.get(request.url.rpartition("/")[2], PAGE))

        return answer

    first, _ = look(respond(urls[0]))
    assert [draft.key for draft in first.drafts] == ["https://bron.example/1"]
    second, asked = look(respond(*urls, b"</urlset>"), Memory(first.validators, bookmark=first.bookmark))
    assert asked == ["/sitemap.xml", "/een.xml", "/2"]
    _, asked = look(respond(*urls, b"</urlset>"), Memory(second.validators, bookmark=second.bookmark))
    assert asked == ["/sitemap.xml"]
