"""A builder that is killed 200 times, while what it makes is read by everybody."""

import os
import random
import signal
import time
from datetime import timedelta
from functools import lru_cache

from feeds.log import Kind
from feeds.readback import READERS

DEATHS = 200
ARTICLES = 120
FORMATS = ("atom", "rss", "json")


def change(portal, number: int) -> None:
    """News under one theme, so that it and the feed of everything are to be built."""
    with portal.open() as app, app.store.write() as work:
        ((id, article),) = work.articles.latest("cloud", 1)
        work.articles.revise(id, article.model_copy(update={"title": f"Wolk {number}"}))
        work.log.append(id, Kind.UPDATED, ["cloud"], portal.now + timedelta(seconds=number))


def begin(portal) -> int:
    child = os.fork()
    if child == 0:  # nothing of the test run may go on in here
        try:
            with portal.open() as app:
                app.publisher().publish()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def builds(portal, slug: str) -> dict[str, list[str]]:
    """What each document of a theme shows, by its name; each is whole, or this raises."""
    feeds = portal.root / "public" / "feeds"
    found = {}
    for extension in FORMATS:
        found[extension] = titles(extension, (feeds / f"{slug}.{extension}").read_bytes())
        # A link to an archive that is not live yet leads nowhere, and nothing leads to the link.
        for archive in sorted(path for path in (feeds / slug).glob(f"*.{extension}") if path.exists()):
            found[archive.name] = titles(extension, archive.read_bytes())
    return found


@lru_cache(maxsize=200)
def titles(extension: str, document: bytes) -> list[str]:
    """What a whole document shows; most are the same as after the death before."""
    read = READERS[extension](document)
    assert read.faults == []
    return [item.title for item in read.items]


def test_readers_see_whole_documents_of_one_build_whenever_it_dies(portal) -> None:
    for number in range(ARTICLES):
        portal.write(
            f"a{number:03}", f"De cloud {number}", date=portal.now - timedelta(days=2, hours=-number / 9)
        )
    with portal.open() as app:
        app.collector().collect(app.settings.source)
        assert not app.publisher().publish().failed
    chance = random.Random(20261125)
    killed = 0
    seen = set()
    number = 1
    change(portal, number)
    began = time.monotonic()
    assert os.waitpid(begin(portal), 0)[1] == 0
    whole = time.monotonic() - began  # what a build takes on this machine, for deaths at any part of it
    while killed < DEATHS:
        number += 1
        change(portal, number)
        child = begin(portal)
        time.sleep(chance.uniform(0, 1.25 * whole))
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        for slug in ("cloud", "all", "gemeenten", "overheid"):
            shown = builds(portal, slug)
            assert shown["atom"] == shown["rss"] == shown["json"], slug
            archives = [
                {name.split(".")[0] for name in shown if name.endswith(f".{kind}")} for kind in FORMATS
            ]
            assert archives[0] == archives[1] == archives[2], slug
        seen.add(builds(portal, "cloud")["atom"][0])
    assert 1 < len(seen) < number, "some died before the switch, and some after it"
    with portal.open() as app:
        assert not app.publisher().publish().failed
        assert not any(app.publisher().check(app.live.published).values())
    assert builds(portal, "cloud")["atom"][0] == f"Wolk {number}"


def test_two_builders_at_once_leave_the_newest(portal) -> None:
    portal.write("a", "De cloud")
    with portal.open() as app:
        app.collector().collect(app.settings.source)
    for number in range(10):
        change(portal, number)
        children = [begin(portal) for _ in range(2)]
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
        assert builds(portal, "cloud")["rss"] == [f"Wolk {number}"]
    with portal.open() as app:
        assert not any(app.publisher().check(app.live.published).values())
