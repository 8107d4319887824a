"""Publishing one changed theme of a portal with 100,000 articles, nothing at all, and an answer of 304.

The build is held against feedgen alone, writing the same entries of the same themes in RSS and Atom;
compression is left out of it. The 304 is held against Starlette's own static files.
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


def publishing(directory: str) -> float:
    """Seconds to publish a theme with one changed article, and the feed of everything with it."""
    with _open(directory) as app:
        publisher = app.publisher()
        publisher._compress = lambda path, document: {}
        publisher.publish()  # takes the compressed forms away
        seconds = []
        for number in range(ROUNDS):
            with app.store.write() as work:
                ((id, article),) = work.articles.latest(THEME, 1)
                work.articles.revise(id, article.model_copy(update={"title": f"Titel {number}"}))
                work.log.append(id, Kind.UPDATED, [THEME], NOW + timedelta(seconds=number))
            began = time.perf_counter()
            report = publisher.publish()
            seconds.append(time.perf_counter() - began)
            assert sorted(report.built) == [EVERYTHING, THEME]
    return sorted(seconds)[len(seconds) // 2]


def writing(directory: str) -> float:
    """Seconds that feedgen needs for the same articles in the same themes, in RSS and in Atom."""
    with _open(directory) as app, app.store.read() as work:
        feeds = [[article for _, article in work.articles.latest(slug, 50)] for slug in (THEME, None)]
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for articles in feeds:
            for write in (FeedGenerator.rss_str, FeedGenerator.atom_str):
                write(_generator(articles))
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[len(seconds) // 2]


def _generator(articles: list[Any]) -> Any:
    made = FeedGenerator()
    made.id("https://portaal.example/")
    made.title("Portaal")
    made.description("Portaal")
    made.author(name="Portaal")
    made.updated(NOW)
    made.link(href="https://portaal.example/", rel="alternate")
    for article in articles:
        entry = made.add_entry(order="append")
        entry.guid(article.uri, permalink=False)
        entry.title(article.title)
        entry.link(href=article.url, rel="alternate")
        entry.published(article.published)
        entry.updated(article.updated)
        entry.summary(article.summary)
        entry.content(article.content, type="html")
    return made


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
