"""Collectors that are killed at any moment, and several at a time: each article is in the log once."""

import json
import os
import random
import re
import signal
import subprocess
import time
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest
from processes import KENNISPORTAL, helpers_of, wait_until
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feeds.log import Kind

pytestmark = pytest.mark.each_database

FEEDS, ENTRIES, DEATHS = 60, 20, 25
ALL = FEEDS * ENTRIES
PAUSE = 0.02
"""Seconds that each feed takes to be had, one after another: nobody has them all in less than a second."""


@pytest.fixture
def collecting(portal, httpserver: HTTPServer) -> list[str]:
    """The command that collects from so many feeds that a second process helps to read them."""
    portal.go_live()
    published = format_datetime(portal.now - timedelta(hours=1))

    def feed(request: Request) -> Response:
        items = "".join(
            f"<item><title>De cloud, deel {n}</title><link>https://bron.example{request.path}/{n}</link>"
            f"<pubDate>{published}</pubDate><description>Tekst van {request.path} {n}.</description></item>"
            for n in range(ENTRIES)
        )
        time.sleep(PAUSE)
        return Response(f'<rss version="2.0"><channel><title>Bron</title>{items}</channel></rss>')

    httpserver.expect_request(re.compile(r"/\d+")).respond_with_handler(feed)
    with portal.config.open("a") as config:
        for n in range(FEEDS):
            url = f"http://127.0.0.1:{httpserver.port}/{n}"
            config.write(f'[[source]]\nname = "bron-{n}"\nkind = "feed"\nurl = "{url}"\n')
    return ["collect", "--force", "--json", "--config", str(portal.config)]


def assert_each_is_there_once(portal) -> None:
    with portal.open() as app, app.store.read() as work:
        ids = [id for batch in work.articles.all_ids() for id in batch]
        told = [[entry.kind for entry, _ in work.log.of_article(id)] for id in ids]
        urls = {article.url for article in work.articles.get(ids).values()}
    assert told == [[Kind.NEW]] * ALL
    assert len(urls) == ALL
    assert portal.run("db", "check").exit_code == 0
    again = json.loads(portal.run("collect", "--force", "--json").stdout)
    assert (again["new"], again["updated"], again["unchanged"], again["failed"]) == (0, 0, ALL, 0)


def test_deaths_of_a_collector_lose_nothing_and_repeat_nothing(portal, lives, collecting: list[str]) -> None:
    chance = random.Random(20261126)
    left: list[int] = []
    for death in range(DEATHS):
        process = lives.begin(*collecting)
        if death % 2:  # however fast the machine is, some must die while two read
            wait_until(partial(helpers_of, process))
            time.sleep(chance.uniform(0, 0.3))
        else:
            time.sleep(chance.uniform(0, 1))
        left += helpers_of(process)
        os.kill(process, signal.SIGKILL)
        assert lives.end() == -signal.SIGKILL, "it was done before it could be killed"
    lives.begin(*collecting)
    assert lives.end() == 0
    assert left, "nobody helped to read"
    wait_until(lambda: not any(Path(f"/proc/{helper}").exists() for helper in left))
    assert_each_is_there_once(portal)


def test_several_that_collect_at_a_time_tell_of_each_article_once(portal, collecting: list[str]) -> None:
    processes = [
        subprocess.Popen([*KENNISPORTAL, *collecting], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    reports = [json.loads(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(report["new"] for report in reports) == ALL
    assert_each_is_there_once(portal)
