"""A feed among the sources of the portal, for every test that needs one."""

import pytest
from collecting import FEED, Feed
from pytest_httpserver import HTTPServer


@pytest.fixture
def feed(portal, httpserver: HTTPServer) -> Feed:
    with portal.config.open("a") as config:
        config.write(FEED.format(url=f"http://127.0.0.1:{httpserver.port}/feed"))
    return Feed(portal, httpserver)
