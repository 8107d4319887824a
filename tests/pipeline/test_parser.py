"""Reading documents in a process of its own: a real one."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.article import Article
from feeds.classify import Classifier
from feeds.document import Document, Found, read_document
from feeds.draft import Draft
from feeds.shown import make_ready
from feeds.source import Payload, Reading, Source, SourceError
from feeds.sources.feed import FeedSource
from feeds.theme import Theme, ThemeTree
from pipeline.edges import parser
from pipeline.edges.parser import parsing
from pipeline.steps import placing

FEEDS = sorted((Path(__file__).parents[1] / "data" / "feed").iterdir())
SOURCE = Source(name="bron", kind="feed", url="https://bron.example/feed")
THEMES = [Theme(slug="nieuws", name="Nieuws", keywords=["gemeente", "de raad"], exclude=["sport"])]
CLASSIFIER = Classifier(ThemeTree(THEMES))

Parse = Callable[[Document], Awaitable[Found | None]]


def document(content: bytes) -> Document:
    return Document(SOURCE, Payload({SOURCE.url: content}, base=SOURCE.url), "nl", True)


async def read_elsewhere(parse: Parse, given: Document) -> Found:
    """What the other process reads, as soon as it is there."""
    with anyio.fail_after(60):
        while (found := await parse(given)) is None:
            await anyio.sleep(0.01)
    return found


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "ENOUGH", 1)


def test_it_begins_without_what_takes_long_to_import_and_is_not_needed() -> None:
    code = "import pipeline.parse, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "feeds.sources.feed" in modules
    assert modules.isdisjoint({"sqlalchemy", "sqlmodel", "trafilatura", "anyio", "jinja2"})


@pytest.mark.usefixtures("at_once")
def test_a_document_is_read_elsewhere_to_the_same_end_as_here() -> None:
    async def main() -> None:
        async with parsing(THEMES) as parse:
            for path in FEEDS:
                given = document(path.read_bytes())
                assert await read_elsewhere(parse, given) == read_document(FeedSource(), given, CLASSIFIER)

    anyio.run(main)


@pytest.mark.usefixtures("at_once")
def test_many_at_a_time_are_answered_each_with_its_own() -> None:
    titles: dict[str, str] = {}

    async def main() -> None:
        async def one(title: str) -> None:
            text = f"<rss version='2.0'><channel><title>{title}</title></channel></rss>"
            reading, _ = await read_elsewhere(parse, document(text.encode()))
            titles[title] = reading.title

        async with parsing(THEMES) as parse, anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(one, f"Bron {number}" + "x" * 5_000 * number)

    anyio.run(main)
    assert len(titles) == 40
    assert all(title == found for title, found in titles.items())


@pytest.mark.usefixtures("at_once")
def test_what_a_source_gets_wrong_is_told_as_here_and_the_next_is_read() -> None:
    async def main() -> None:
        async with parsing(THEMES) as parse:
            await read_elsewhere(parse, document(FEEDS[0].read_bytes()))
            with pytest.raises(SourceError) as there:
                await parse(document(b"<html><body>Welkom</body></html>"))
            with pytest.raises(SourceError) as here:
                read_document(FeedSource(), document(b"<html><body>Welkom</body></html>"), CLASSIFIER)
            assert str(there.value) == str(here.value)
            assert await parse(document(FEEDS[0].read_bytes())) is not None

    anyio.run(main)


@pytest.mark.usefixtures("at_once")
def test_where_the_other_process_dies_everything_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[anyio.abc.Process] = []
    opening = anyio.open_process

    async def noted(*words: object, **options: object) -> anyio.abc.Process:
        begun.append(await opening(*words, **options))  # type: ignore[arg-type]
        return begun[-1]

    monkeypatch.setattr(anyio, "open_process", noted)

    async def main() -> None:
        async with parsing(THEMES) as parse:
            await read_elsewhere(parse, document(FEEDS[0].read_bytes()))
            os.kill(begun[0].pid, signal.SIGSTOP)
            async with anyio.create_task_group() as tasks:

                async def unanswered() -> None:
                    assert await parse(document(FEEDS[0].read_bytes())) is None

                for _ in range(3):
                    tasks.start_soon(unanswered)
                await anyio.sleep(0.05)
                os.kill(begun[0].pid, signal.SIGKILL)
            assert await parse(document(FEEDS[0].read_bytes())) is None

    anyio.run(main)
    assert len(begun) == 1


@pytest.mark.usefixtures("at_once")
def test_where_no_other_process_can_begin_everything_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0

    async def refused(*words: object, **options: object) -> None:
        nonlocal begun
        begun += 1
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(anyio, "open_process", refused)

    async def main() -> None:
        async with parsing(THEMES) as parse:
            for _ in range(3):
                assert await parse(document(FEEDS[0].read_bytes())) is None
                await anyio.sleep(0)

    anyio.run(main)
    assert begun == 1


def test_for_a_few_documents_no_process_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anyio, "open_process", None)

    async def main() -> None:
        async with parsing(THEMES) as parse:
            for _ in range(parser.ENOUGH - 1):
                assert await parse(document(FEEDS[0].read_bytes())) is None

    anyio.run(main)


TEXTS = st.lists(st.sampled_from(["De", "gemeente", "raad", "sport", "\u202e", "…", "5%", "é", "\n"])).map(
    " ".join
)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_a_new_article_gets_the_places_that_it_would_get_later(title: str, summary: str, text: str) -> None:
    draft = Draft("k", "https://bron.example/a", f"Titel {title}", summary, f"<p>{text}</p>")
    for one in make_ready(Reading([draft]), SOURCE, "nl", CLASSIFIER):
        values = {
            name: getattr(one.draft, name) for name in ("url", "title", "summary", "content", "language")
        }
        article = Article.model_construct(
            **values, source=SOURCE.name, categories=list(one.draft.categories), editor={}
        )
        house = placing.House("portaal.example", None, CLASSIFIER, frozenset())  # type: ignore[arg-type]
        assert one.places == placing.place(house, article, SOURCE.themes)
        assert one.places == placing.place(house, article, SOURCE.themes, one.draft.text)
