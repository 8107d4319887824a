"""What more than one test of the pipeline begins with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import FEED, Feed
from histories import opened
from pytest_httpserver import HTTPServer

from pipeline.store.session import Database


@pytest.fixture
def feed(portal, httpserver: HTTPServer) -> Feed:
    """A feed among the sources of the portal."""
    with portal.config.open("a") as config:
        config.write(FEED.format(url=f"http://127.0.0.1:{httpserver.port}/feed"))
    return Feed(portal, httpserver)


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Iterator[Database]:
    """A database for random histories."""
    with opened(database_url, tmp_path) as database:
        yield database
