"""Publishing one changed theme of a portal with 100,000 articles, nothing at all, and an answer of 304.

The build is held against feedgen alone, making the same documents in RSS and Atom from the same articles at
hand: no JSON, no pages, no database, no check, no disk. Compression is left out of ours.

``publish`` is what a portal that runs needs for a change: it keeps what the other 49 articles of a feed
became, and feedgen by itself makes all of them again. ``publish-cold`` is the first build of a process,
which has everything to make, templates to compile and statements to prepare; it is held against feedgen's
first. The 304 is held against Starlette's own static files.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from feedgen.feed import FeedGenerator
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from benchmarks.apart import apart
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import NOW, SLUGS, add_archive
from feeds.feed import Feed, FeedItem
from feeds.log import Kind
from feeds.theme import EVERYTHING
from pipeline.app import App
from pipeline.edges import secrets
from pipeline.settings import load
from pipeline.store import schema
from pipeline.web import build

ARTICLES = 100_000
ROUNDS = 20
REQUESTS = 5_000
THEME = "t00"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        _prepare(Path(directory))
        ours, memory = apart(publishing, directory)
        theirs, _ = apart(writing, directory)
        yield Row("publish", ours, theirs, "feedgen alone", "s", memory)
        first, memory = apart(publishing_first, directory)
        theirs, _ = apart(writing_first, directory)
        yield Row("publish-cold", first, theirs, "feedgen alone", "s", memory)
        idle, memory = apart(idling, directory)
        yield Row("publish-idle", idle, ours, "publish", "s", memory)
        ours, memory = apart(serving, directory)
        theirs, _ = apart(serving_plainly, directory)
        yield Row("serve-304", ours, theirs, "Starlette's static files", "answers/s", memory)


def _prepare(root: Path) -> None:
    """A portal of 40 themes, published once with all its archives."""
    themes = "".join(f'[[theme]]\nslug = "{slug}"\nname = "Thema {slug}"\n' for slug in SLUGS)
    config = root / "kennisportal.toml"
    config.write_text(
        f'[site]\nname = "Portaal"\nbase_url = "https://portaal.example"\n{themes}', encoding="utf-8"
    )
    settings = load(config)
    secrets.create(settings.path(settings.mail.secret_key_file))
    with App(settings) as app:
        schema.upgrade(app.database)
        with app.database.engine.connect().execution_options(writes=True) as connection, connection.begin():
            add_archive(connection, scaled(ARTICLES))
    with _open(root) as app:
        report = app.publisher().publish()
        assert not report.failed, report.failed


@contextmanager
def _open(root: Path | str) -> Iterator[App]:
    with App.open(Path(root, "kennisportal.toml"), lambda: NOW) as app:
        yield app


def publishing(directory: str, rounds: int = ROUNDS) -> float:
    """Seconds to publish a theme with one changed article, and the feed of everything with it."""
    with _open(directory) as app:
        publisher = app.publisher()
        publisher._compress = lambda path, document: {}
        if rounds > 1:
            publisher.publish()  # takes the compressed forms away
        seconds = []
        for number in range(rounds):
            with app.store.write() as work:
                ((id, article),) = work.articles.latest(THEME, 1)
                work.articles.revise(id, article.model_copy(update={"title": f"Titel {rounds}.{number}"}))
                work.log.append(id, Kind.UPDATED, [THEME], NOW + timedelta(seconds=number))
            began = time.perf_counter()
            report = publisher.publish()
            seconds.append(time.perf_counter() - began)
            assert sorted(report.built) == [EVERYTHING, THEME]
    return sorted(seconds)[len(seconds) // 2]


def publishing_first(directory: str) -> float:
    """The same for the first build of a process."""
    return publishing(directory, rounds=1)


def writing(directory: str, rounds: int = ROUNDS) -> float:
    """Seconds that feedgen needs for the same articles in the same themes, in RSS and in Atom."""
    with _open(directory) as app, app.store.read() as work:
        selector = app.publisher()._selector
        feeds = [selector.current(work, slug)[0] for slug in (THEME, EVERYTHING)]
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        documents = [(feed, write(feed)) for feed in feeds for write in (_rss, _atom)]
        seconds.append(time.perf_counter() - began)
    for feed, document in documents:
        assert all(item.article.uri.encode() in document for item in feed.items)
    return sorted(seconds)[len(seconds) // 2]


def writing_first(directory: str) -> float:
    """The same for the first time in a process."""
    return writing(directory, rounds=1)


def _rss(feed: Feed) -> bytes:
    made = _generator(feed, "rss", "application/rss+xml")
    made.description(feed.description or feed.title)
    made.load_extension("dc", atom=False)
    for item in feed.items:
        entry = _entry(made, item)
        entry.description(item.article.summary)
        entry.dc.dc_creator(item.article.author)
    document: bytes = made.rss_str()
    return document


def _atom(feed: Feed) -> bytes:
    made = _generator(feed, "atom", "application/atom+xml")
    made.subtitle(feed.description)
    for item in feed.items:
        entry = _entry(made, item)
        entry.summary(item.article.summary)
        entry.author(name=item.article.author)
    document: bytes = made.atom_str()
    return document


def _generator(feed: Feed, extension: str, media_type: str) -> Any:
    made = FeedGenerator()
    made.id(feed.uri)
    made.title(feed.title)
    made.author(name=feed.author)
    made.language(feed.language)
    made.updated(feed.updated)
    made.link(href=feed.url(extension), rel="self", type=media_type)
    made.link(href=feed.page_url, rel="alternate", type="text/html")
    return made


def _entry(made: Any, item: FeedItem) -> Any:
    article = item.article
    entry = made.add_entry(order="append")
    entry.guid(article.uri, permalink=False)
    entry.title(article.title)
    entry.link(href=article.url, rel="alternate")
    entry.published(article.published)
    entry.updated(article.updated)
    entry.content(article.content, type="html")
    for theme in item.themes:
        entry.category(term=theme)
    return entry


def idling(directory: str) -> float:
    """Seconds to find that there is nothing to do."""
    with _open(directory) as app:
        publisher = app.publisher()
        publisher.publish()
        seconds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert not publisher.publish().built
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)[len(seconds) // 2]


def serving(directory: str) -> float:
    """Answers of 304 per second."""
    with _open(directory) as app:
        return asyncio.run(_answers(build(app)))


def serving_plainly(directory: str) -> float:
    """The same from a plain copy of the feed."""
    with _open(directory) as app:
        files = StaticFiles(directory=app.public, follow_symlink=True)
        return asyncio.run(_answers(Starlette(routes=[Mount("/", files)])))


async def _answers(application: Callable[[Any, Any, Any], Awaitable[None]]) -> float:
    tag = ""
    status = 0

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # nobody goes away
        raise AssertionError

    async def send(message: Any) -> None:
        nonlocal tag, status
        if message["type"] == "http.response.start":
            status = message["status"]
            tag = dict(message["headers"])[b"etag"].decode()

    def scope() -> dict[str, Any]:
        headers = [(b"if-none-match", tag.encode())] if tag else []
        path = f"/feeds/{THEME}.atom"
        return {
            "type": "http", "method": "GET", "path": path, "root_path": "", "headers": headers,
            "query_string": b"", "scheme": "http", "server": ("portaal.example", 80),
        }  # fmt: skip

    await application(scope(), receive, send)
    began = time.perf_counter()
    for _ in range(REQUESTS):
        await application(scope(), receive, send)
        assert status == 304
    return REQUESTS / (time.perf_counter() - began)
