"""Collecting: feeds of 30 entries, each on a host of its own, seen for the first time and unchanged.

The first time is held against the ``reader`` library on the same feeds, with a SQLite file of its own;
unchanged feeds against a bare httpx2 loop over the same addresses. Memory must not grow with the sources.
"""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import feedparser_sgmllib
import httpx2

from benchmarks.apart import apart
from benchmarks.feeds import ENTRIES, FEEDS, WORDS, write_feeds
from benchmarks.feedserver import serving
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import NOW, TREE
from pipeline.app import App
from pipeline.edges import secrets
from pipeline.settings import load
from pipeline.store import schema

MANY = 4
"""So many times the sources, for which memory is measured beside that for the usual number."""
ROUNDS = 5
"""Looks at unchanged feeds; the first of them, which opens things, is left out."""


def rows() -> Iterator[Row]:
    number = scaled(FEEDS)
    with _portal(number) as (directory, port):
        theirs, _ = apart(reader_collecting, directory, port, number)
        ours, least = apart(collecting, directory)
        yield Row("collect", ours, theirs, "the reader library", "feeds/s", least)
        bare, _ = apart(asking, directory, port, number)
        ours, memory = apart(asking_again, directory)
        yield Row("collect-304", ours, bare, "a bare httpx2 loop", "feeds/s", memory)
    with _portal(MANY * number) as (directory, _):
        _, memory = apart(collecting, directory)
        yield Row(
            "collect-memory", memory, least, f"{number} sources instead of {MANY * number}", "MB", memory
        )


@contextmanager
def _portal(number: int) -> Iterator[tuple[str, int]]:
    """The directory of a portal with so many sources, and the port at which their feeds are."""
    with tempfile.TemporaryDirectory() as directory:
        documents = Path(directory, "feeds")
        documents.mkdir()
        write_feeds(documents, number)
        with serving(documents) as port:
            write_config(Path(directory), port, number)
            yield directory, port


def address(number: int, port: int) -> str:
    """A feed's address, on a host that has nothing else."""
    return f"http://127.{number // 250 + 1}.{number % 250 + 1}.1:{port}/{number}.xml"


def write_config(root: Path, port: int, number: int) -> None:
    """A portal of 40 themes, each with rules, that collects these feeds."""
    themes = "".join(
        f'[[theme]]\nslug = "{theme.slug}"\nname = "{theme.name}"\nparent = "{theme.parent}"\n'
        f"keywords = {json.dumps(WORDS[place * 2 : place * 2 + 3])}\n"
        f"categories = {json.dumps(WORDS[-1 - place :][:1])}\n"
        for place, theme in enumerate(TREE)
    )
    sources = "".join(
        f'[[source]]\nname = "bron-{feed}"\nkind = "feed"\nurl = "{address(feed, port)}"\n'
        for feed in range(number)
    )
    hosts = [urlsplit(address(feed, port)).hostname for feed in range(number)]
    config = root / "kennisportal.toml"
    config.write_text(
        '[site]\nname = "Portaal"\nbase_url = "https://portaal.example"\n'
        f"[collect]\nallow_hosts = {json.dumps(hosts)}\n{themes}{sources}",
        encoding="utf-8",
    )
    settings = load(config)
    secrets.create(settings.path(settings.mail.secret_key_file))
    with App(settings) as app:
        schema.upgrade(app.database)


def collecting(directory: str) -> float:
    """Feeds per second when all are new."""
    with App.open(Path(directory, "kennisportal.toml"), lambda: NOW) as app:
        began = time.perf_counter()
        report = app.collector().collect(app.settings.source)
        seconds = time.perf_counter() - began
        assert report.total("new") == ENTRIES * len(report.sources), report.sources[0]
    return len(report.sources) / seconds


def asking_again(directory: str) -> float:
    """Feeds per second when none has changed."""
    moment = NOW
    with App.open(Path(directory, "kennisportal.toml"), lambda: moment) as app:
        seconds = []
        for _ in range(ROUNDS):
            moment += timedelta(days=2)
            began = time.perf_counter()
            report = app.collector().collect(app.settings.source)
            seconds.append(time.perf_counter() - began)
            assert report.total("unchanged") == ENTRIES * len(report.sources)
            assert not report.failed
    return len(report.sources) * (ROUNDS - 1) / sum(seconds[1:])


def asking(directory: str, port: int, number: int) -> float:
    """Addresses per second for somebody who asks, and does nothing with the answer."""
    with httpx2.Client(trust_env=False) as client:
        addresses = [address(feed, port) for feed in range(number)]
        etags = [client.get(url).headers["ETag"] for url in addresses]
        began = time.perf_counter()
        for _ in range(ROUNDS - 1):
            for url, etag in zip(addresses, etags, strict=True):
                assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
        return number * (ROUNDS - 1) / (time.perf_counter() - began)


def reader_collecting(directory: str, port: int, number: int) -> float:
    """Feeds per second for ``reader``."""
    warnings.simplefilter("ignore")
    # It brings a feedparser of its own that looks for this module under its old name.
    sys.modules["sgmllib"] = feedparser_sgmllib
    from reader import make_reader

    with closing(make_reader(str(Path(directory, "reader.sqlite")))) as reader:
        for feed in range(number):
            reader.add_feed(address(feed, port))
        began = time.perf_counter()
        reader.update_feeds()
        seconds = time.perf_counter() - began
        assert reader.get_entry_counts().total == number * ENTRIES
    return number / seconds
