"""Sitemaps: which pages are read, which are left alone, and what a page is as an article."""

import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trafilatura
from visiting import Respond, answers, page, visit

from feeds.source import (
    HttpRequest,
    Memory,
    NotModified,
    OutOfTime,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
)
from feeds.sources import sitemap
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
        answer = document if name == "sitemap.xml" else answers.get(name, PAGE)
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


@pytest.mark.parametrize("packed", [unchanged, gzip.compress])
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


@pytest.mark.parametrize(
    "document, why",
    [
        (b"<html><body>Onderhoud</body></html>", "no sitemap"),
        (b"", "no sitemap"),
        (b"\x1f\x8bstuk", "damaged"),
        (gzip.compress(b" " * (sitemap.UNPACKED + 1)), "larger than"),
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
