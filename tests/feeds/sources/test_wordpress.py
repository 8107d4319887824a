"""WordPress: which posts are asked for, page by page, and what a post is as an article."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from visiting import Respond, answers, page, visit

from feeds.normalise import normalise
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
from feeds.sources import wordpress
from feeds.sources.wordpress import WordpressSource, posts_url

SAMPLE = Path(__file__).parents[2] / "data" / "wordpress" / "posts.json"
SOURCE = Source(name="blog", kind="wordpress", url="https://bron.example/")


def look(respond: Respond, bookmark: str = "") -> tuple[Reading, list[dict[str, str]]]:
    """What a visit reads, and the queries it sends."""
    queries: list[dict[str, str]] = []

    def noted(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        queries.append({name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()})
        return respond(request)

    reading = visit(WordpressSource(), SOURCE, noted, Memory(bookmark=bookmark))
    assert isinstance(reading, Reading)
    return reading, queries


def blog(posts: int, *, ends_with_an_error: bool = True) -> Respond:
    """So many posts, each changed a second after the one before it."""

    def respond(request: Request) -> Payload | SourceError:
        assert isinstance(request, HttpRequest)
        query = parse_qs(urlsplit(request.url).query)
        numbers = list(range(posts))
        if "modified_after" in query:
            since = datetime.fromisoformat(query["modified_after"][0])
            numbers = [n for n in numbers if datetime(2026, 11, 24, 9, n // 60, n % 60) > since]
        if "after" in query:
            numbers = []  # they came out long before they changed
        if query["order"] == ["desc"]:
            numbers.reverse()
        start = (int(query["page"][0]) - 1) * wordpress.A_PAGE
        shown = numbers[start : start + wordpress.A_PAGE]
        if start and not shown and ends_with_an_error:
            return SourceError("rest_post_invalid_page_number", status=400)
        return page(request, json.dumps([post(n) for n in shown]).encode())

    return respond


def post(number: int) -> dict[str, object]:
    return {
        "link": f"https://bron.example/{number}",
        "modified": f"2026-11-24T09:{number // 60:02}:{number % 60:02}",
        "title": {"rendered": f"Bericht {number}"},
    }


def test_a_post_becomes_an_article_with_names_for_its_categories() -> None:
    reading, _ = look(answers(SAMPLE))
    (draft,) = reading.drafts
    assert draft.key == "https://bron.example/?p=12"
    article, problems = normalise(draft, base="", language="nl")
    assert article is not None
    assert problems == []
    assert article.title == "Gemeenten & de cloud"
    assert article.categories == ("ICT & data", "cloud")
    assert article.author == "Redactie"
    assert article.image == "https://bron.example/foto.jpg"
    assert article.published == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert 'href="https://bron.example/contact"' in article.content
    assert [problem.what for problem in reading.problems] == ["post 3"]


@pytest.mark.parametrize("ends_with_an_error", [True, False])
def test_all_pages_are_read_and_then_only_what_changed(ends_with_an_error: bool) -> None:
    reading, queries = look(blog(100, ends_with_an_error=ends_with_an_error))
    assert len(reading.drafts) == 100
    assert [query["page"] for query in queries] == ["1", "2", "3"]
    assert reading.bookmark == "2026-11-24T09:01:39"
    again, queries = look(blog(103), reading.bookmark)
    assert [draft.title for draft in again.drafts] == [f"Bericht {n}" for n in (99, 100, 101, 102)]
    assert queries[0]["modified_after"] == "2026-11-24T09:01:38"


def test_what_is_too_much_for_one_visit_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpress, "PAGES", 1)
    first, _ = look(blog(60))
    assert first.drafts[0].title == "Bericht 59"  # the newest first, on the first visit
    bookmark, titles = "2026-11-24T09:00:00", []
    for _ in range(2):
        reading, _ = look(blog(60), bookmark)
        titles += [draft.title for draft in reading.drafts]
        bookmark = reading.bookmark
    assert {f"Bericht {n}" for n in range(60)} == set(titles)


def unheeding(posts: int) -> Respond:
    """The same as ``blog``, before WordPress 5.7."""
    whole = blog(posts)

    def respond(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        return whole(HttpRequest(request.url.replace("modified_after=", "unknown=")))

    return respond


def test_of_a_site_that_does_not_know_what_changed_since_only_the_latest_are_read() -> None:
    reading, queries = look(unheeding(1_000), "2026-11-24T09:15:00")
    assert {f"Bericht {n}" for n in range(900, 1_000)} <= {draft.title for draft in reading.drafts}
    assert reading.bookmark == "2026-11-24T09:16:39"
    asked = [(query.get("orderby"), query["order"], query["page"]) for query in queries]
    assert asked == [
        ("modified", "asc", "1"),
        *(("modified", "desc", page) for page in "123"),
        ("date", "desc", "1"),
    ]


def test_what_is_not_reached_of_such_a_site_is_looked_for_again() -> None:
    whole = unheeding(1_000)

    def respond(request: Request) -> Payload | NotModified | SourceError:
        assert isinstance(request, HttpRequest)
        late = "order=desc" in request.url and "page=2" in request.url
        return OutOfTime("enough") if late else whole(request)

    reading, _ = look(respond, "2026-11-24T09:15:00")
    assert reading.bookmark == "2026-11-24T09:15:00"
    assert reading.drafts


def planned(*, came_out: str, written: str) -> Respond:
    """A site that holds one post, written before it came out."""

    def respond(request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        query = parse_qs(urlsplit(request.url).query)
        shown = came_out > query.get("after", [""])[0] and written > query.get("modified_after", [""])[0]
        return page(request, json.dumps([post(1) | {"modified": written}] if shown else []).encode())

    return respond


@pytest.mark.parametrize(
    "came_out, written",
    [
        pytest.param("2026-11-26T08:00:00", "2026-11-20T10:00:00", id="written before others were changed"),
        pytest.param("2026-11-24T08:20:00", "2026-11-24T08:20:00", id="in the hour that the clock went back"),
    ],
)
def test_a_post_that_comes_out_later_than_it_was_written_is_found(came_out: str, written: str) -> None:
    reading, _ = look(planned(came_out=came_out, written=written), "2026-11-24T09:00:00")
    assert [draft.title for draft in reading.drafts] == ["Bericht 1"]
    assert reading.bookmark == "2026-11-24T09:00:00"


def test_a_bookmark_from_the_first_year_of_all_is_no_fault() -> None:
    def respond(request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        return page(request, b"[]")

    assert isinstance(
        visit(WordpressSource(), SOURCE, respond, Memory(bookmark="0001-01-01T00:00:00")), Reading
    )


def test_a_post_that_says_it_changed_in_another_age_hides_none_that_change_now() -> None:
    posts = [("2", "2026-11-24T09:00:00"), ("1", "3000-01-01T00:00:00")]

    def respond(request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        query = parse_qs(urlsplit(request.url).query)
        since = query.get("modified_after", query.get("after", [""]))[0]
        found = [
            {"link": f"https://bron.example/{name}", "modified": modified, "title": {"rendered": name}}
            for name, modified in posts
            if modified > since and "after" not in query
        ]
        return page(request, json.dumps(found).encode())

    first = visit(WordpressSource(), SOURCE, respond)
    assert isinstance(first, Reading)
    posts.append(("3", "2026-11-24T10:00:00"))
    looked = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    second = visit(WordpressSource(), SOURCE, respond, Memory(bookmark=first.bookmark, last_looked=looked))
    assert isinstance(second, Reading)
    assert "https://bron.example/3" in [draft.url for draft in second.drafts]
    del posts[1]  # it was mended there
    third = visit(WordpressSource(), SOURCE, respond, Memory(bookmark=second.bookmark, last_looked=looked))
    assert isinstance(third, Reading)
    assert third.bookmark == "2026-11-24T10:00:00"


def test_a_site_in_the_encoding_of_windows_is_read_in_it() -> None:
    posts = json.dumps([post(1) | {"title": {"rendered": "Eén “loket”"}}], ensure_ascii=False)

    def respond(request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        return page(request, posts.encode("cp1252"))

    reading, _ = look(respond)
    assert reading.drafts[0].title == "Eén “loket”"


def test_a_site_without_readable_addresses_has_its_api_in_a_query() -> None:
    assert (
        posts_url("https://a.example/blog/?rest_route=/") == "https://a.example/blog/?rest_route=/wp/v2/posts"
    )
    source = SOURCE.model_copy(update={"url": "https://bron.example/?rest_route=/"})
    asked: list[str] = []

    def respond(request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        asked.append(request.url)
        return page(request, b"[]")

    visit(WordpressSource(), source, respond)
    assert asked[0].startswith("https://bron.example/?rest_route=/wp/v2/posts&per_page=50&")


@pytest.mark.parametrize("document", [b"{}", b"<html>", b'{"code":"rest_no_route"}', b"[" * 100_000])
def test_a_site_without_that_api_is_refused(document: bytes) -> None:
    with pytest.raises(SourceError, match="no WordPress API"):
        look(lambda request: page(request, document))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/blog",
        "https://a.example/blog/?x=1",
        "https://a.example/blog/wp-json/",
        "https://a.example/blog/wp-json/wp/v2",
    ],
)
def test_the_posts_are_found_below_the_front_page_or_the_api(url: str) -> None:
    assert posts_url(url) == "https://a.example/blog/wp-json/wp/v2/posts"


class Site:
    """A WordPress by its posts: their numbers, and when each changed last. Editors may be at work in it."""

    def __init__(self, changed: dict[int, str]) -> None:
        self.changed = changed
        self.edits: list[int] = []
        """After each request the next of these is edited; 0 is nobody."""

    def respond(self, request: Request) -> Payload:
        assert isinstance(request, HttpRequest)
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        since, before = query.get("modified_after", ""), query.get("modified_before", "9")
        found = [number for number, moment in self.changed.items() if since < moment < before]
        if "after" in query:
            found = []  # they came out long before they changed
        by_number = query["orderby"] == "id"
        found.sort(key=lambda number: (not by_number and self.changed[number], number))
        start = int(query.get("offset", (int(query.get("page", 1)) - 1) * wordpress.A_PAGE))
        shown = [
            post(number) | {"id": number, "modified": self.changed[number]}
            for number in found[start : start + wordpress.A_PAGE]
        ]
        if self.edits and (edited := self.edits.pop(0)):
            self.changed[edited] = f"2026-11-24T10:00:{len(self.edits):02}"
        return page(request, json.dumps(shown).encode())


SAME_SECOND = st.lists(st.integers(0, 160), max_size=12)


@settings(deadline=None)
@given(SAME_SECOND, st.integers(1, 160))
def test_of_posts_that_changed_in_the_same_second_none_is_passed_over_while_some_are_edited(
    edits: list[int], others: int
) -> None:
    moment = "2026-11-24T09:00:00"
    site = Site(dict.fromkeys(range(1, others + 1), moment) | {161: "2026-11-24T09:00:01"})
    site.edits = [number for number in edits if number <= others]
    reading, _ = look(site.respond, moment)
    read = {draft.title for draft in reading.drafts}
    bookmark = reading.bookmark
    while (again := look(site.respond, bookmark)[0]).bookmark > bookmark:  # those that were edited meanwhile
        read |= {draft.title for draft in again.drafts}
        bookmark = again.bookmark
    read |= {draft.title for draft in again.drafts}
    assert read == {f"Bericht {number}" for number in site.changed}


def test_posts_that_changed_in_the_same_second_are_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpress, "PAGES", 1)
    site = Site(dict.fromkeys(range(1, 121), "2026-11-24T09:00:00"))
    reading, queries = look(site.respond, "2026-11-24T09:00:00")
    assert len(reading.drafts) == 120
    assert [query["offset"] for query in queries if "offset" in query] == ["0", "49", "98"]


def test_posts_without_numbers_are_read_page_by_page() -> None:
    site = Site(dict.fromkeys(range(1, 121), "2026-11-24T09:00:00"))

    def respond(request: Request) -> Payload:
        answer = site.respond(request)
        (document,) = answer.documents.values()
        return page(request, document.replace(b'"id"', b'"nummer"'))

    reading, _ = look(respond, "2026-11-24T09:00:00")
    assert len(reading.drafts) == 120


def test_what_was_read_is_kept_when_the_time_is_up() -> None:
    whole = blog(200)
    asked: list[Request] = []

    def respond(request: Request) -> Payload | NotModified | SourceError:
        asked.append(request)
        return OutOfTime("enough") if len(asked) == 3 else whole(request)

    reading, _ = look(respond, "2026-11-24T09:00:00")
    assert len(reading.drafts) == 99  # the last of the first fifty is the first of the next
    assert reading.bookmark == "2026-11-24T09:01:38"


def test_posts_that_are_edited_while_all_are_read_draw_none_out_of_sight() -> None:
    posts = {number: post(number) for number in range(120)}

    def respond(request: Request) -> Payload | SourceError:
        assert isinstance(request, HttpRequest)
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        found = [one for one in posts.values() if str(one["modified"]) > query.get("modified_after", "3000")]
        found.sort(key=lambda one: str(one["modified"]))
        start = (int(query["page"]) - 1) * wordpress.A_PAGE
        shown = json.dumps(found[start : start + wordpress.A_PAGE]).encode()
        edited = {"modified": "2026-11-24T10:00:00", "title": {"rendered": "Verbeterd"}}
        posts.update({number: posts[number] | edited for number in (3, 4)})
        return page(request, shown)

    reading, _ = look(respond, "2026-11-24T09:00:00")
    titles = [draft.title for draft in reading.drafts]
    assert sorted(titles) == sorted(
        [*(f"Bericht {number}" for number in posts if number not in (3, 4)), "Verbeterd", "Verbeterd"]
    )
