"""A feed's history: complete by its archives, which hardly ever change."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import feedparser
import pytest

from pipeline.steps.publish import PublishReport

pytestmark = pytest.mark.each_database

ENTRIES = 50


def write_many(portal, first: int, last: int) -> None:
    for number in range(first, last):
        day = portal.now - timedelta(days=300, hours=-number)
        portal.write(f"a{number:03}", f"De cloud, deel {number}", date=day)


def publish(portal, *, force: bool = False) -> PublishReport:
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
        report = app.publisher().publish(force=force)
    assert not report.failed
    return report


def documents(portal, slug: str = "cloud", extension: str = "atom") -> Iterator[feedparser.FeedParserDict]:
    """The current document and all archives, as a reader finds them by following the links."""
    address = f"https://portaal.example/feeds/{slug}.{extension}"
    while address:
        path = portal.root / "public" / address.removeprefix("https://portaal.example/")
        found = feedparser.parse(path.read_bytes())
        yield found
        address = next((link.href for link in found.feed.links if link.rel == "prev-archive"), "")


def titles(portal, slug: str = "cloud", extension: str = "atom") -> list[list[str]]:
    return [[entry.title for entry in found.entries] for found in documents(portal, slug, extension)]


def everything(portal) -> set[str]:
    return {title for part in titles(portal) for title in part}


def archive_files(portal) -> dict[str, tuple[bytes, int]]:
    """The archives of a theme, with their inodes."""
    found: dict[str, tuple[bytes, int]] = {}
    for path in sorted((portal.root / "public" / "feeds" / "cloud").iterdir()):
        found[path.name] = (path.read_bytes(), path.stat().st_ino)
    return found


@pytest.mark.parametrize("extension", ["atom", "rss"])
def test_following_the_archives_gives_everything_ever_published(portal, extension: str) -> None:
    write_many(portal, 0, 230)
    publish(portal)
    parts = titles(portal, extension=extension)
    assert [len(part) for part in parts] == [ENTRIES, 100, 100]
    assert {title for part in parts for title in part} == {f"De cloud, deel {n}" for n in range(230)}
    with portal.open() as app, app.store.read() as work:
        slots = work.log.slots("cloud", 0, 1000)
        stored = work.articles.get([slot.article for slot in slots])
    in_the_log = [stored[slot.article].title for slot in slots]
    archived = [title for part in reversed(parts[1:]) for title in reversed(part)]
    assert archived == in_the_log[:200], "in the order in which they became known"


def test_json_feed_leads_to_the_archives_too(portal) -> None:
    write_many(portal, 0, 120)
    publish(portal)
    feeds = portal.root / "public" / "feeds"
    current = json.loads((feeds / "cloud.json").read_bytes())
    assert current["next_url"] == "https://portaal.example/feeds/cloud/1.json"
    last = json.loads((feeds / "cloud" / "1.json").read_bytes())
    assert "next_url" not in last
    assert len(last["items"]) == 100


def test_a_feed_that_shows_all_it_has_needs_no_archive(portal) -> None:
    write_many(portal, 0, ENTRIES)
    publish(portal)
    assert titles(portal) == [[f"De cloud, deel {n}" for n in reversed(range(ENTRIES))]]
    assert not (portal.root / "public" / "feeds" / "cloud").exists()


def test_what_falls_off_the_current_document_is_in_an_archive_by_then(portal) -> None:
    for last in (40, 60, 80, 100, 120, 140):
        write_many(portal, last - 40 if last == 40 else last - 20, last)
        publish(portal)
        assert everything(portal) == {f"De cloud, deel {n}" for n in range(last)}


def test_a_full_archive_stays_as_it_is_when_news_comes_and_when_an_article_changes(portal) -> None:
    write_many(portal, 0, 110)
    publish(portal)
    before = archive_files(portal)
    portal.wait(hours=1)
    portal.write(
        "a003", "De cloud, deel 3", text="Het kost nu 500 euro.", date=portal.now - timedelta(days=299)
    )
    write_many(portal, 110, 120)
    publish(portal)
    after = archive_files(portal)
    assert {name: before[name] for name in before if name.startswith("1.")} == {
        name: after[name] for name in after if name.startswith("1.")
    }
    texts = [
        entry.content[0].value
        for found in documents(portal)
        for entry in found.entries
        if entry.title == "De cloud, deel 3"
    ]
    assert ["500 euro" in text for text in texts] == [True, False], "the new text first, the old one after it"


def test_only_a_withdrawal_rewrites_a_full_archive(portal) -> None:
    write_many(portal, 0, 210)
    publish(portal)
    before = archive_files(portal)
    portal.wait(hours=1)
    portal.remove("a003")
    publish(portal)
    after = archive_files(portal)
    assert "De cloud, deel 3" not in everything(portal)
    assert len(everything(portal)) == 209
    assert {name for name in before if before[name] != after[name]} == {
        f"1.{extension}{form}" for extension in ("atom", "rss", "json") for form in ("", ".br", ".gz")
    }


def test_what_is_restored_comes_back_once(portal) -> None:
    write_many(portal, 0, 110)
    publish(portal)
    portal.remove("a003")
    publish(portal)
    write_many(portal, 3, 4)
    portal.wait(hours=1)
    publish(portal)
    assert sum(part.count("De cloud, deel 3") for part in titles(portal)) == 1


def test_publishing_again_writes_no_archive_and_force_gives_the_same_bytes(portal) -> None:
    write_many(portal, 0, 110)
    publish(portal)
    before = archive_files(portal)
    assert not publish(portal).built
    publish(portal, force=True)
    assert archive_files(portal) == before


def test_a_lost_archive_is_missed_by_check_and_comes_back_by_force(portal) -> None:
    write_many(portal, 0, 110)
    publish(portal)
    lost: Path = portal.root / "public" / "feeds" / "cloud" / "1.rss"
    lost.resolve().unlink()
    with portal.open() as app:
        assert app.publisher().check(app.live.published)["cloud"] == ["archive 1, rss: it is missing"]
    publish(portal, force=True)
    with portal.open() as app:
        assert not app.publisher().check(app.live.published)["cloud"]


def test_a_retired_theme_takes_its_archives_along(portal) -> None:
    write_many(portal, 0, 110)
    publish(portal)
    config = portal.config.read_text()
    start = config.index('[[theme]]\nslug = "cloud"')
    end = config.index("[[", start + 2)
    portal.config.write_text(config[:start] + config[end:])
    assert publish(portal).removed == ["cloud"]
    left = [path.as_posix() for path in (portal.root / "public").rglob("*cloud*")]
    assert [path for path in left if not path.endswith("/feeds/cloud")] == []
    assert not list((portal.root / "public" / "feeds" / "cloud").iterdir())


def test_atom_tells_what_was_withdrawn_until_the_news_is_90_days_older(portal) -> None:
    def stones() -> int:
        return (portal.root / "public" / "feeds" / "cloud.atom").read_bytes().count(b"deleted-entry")

    write_many(portal, 0, 3)
    publish(portal)
    portal.remove("a001")
    publish(portal)
    assert stones() == 1
    portal.wait(days=200)
    assert not publish(portal).built, "time alone changes nothing"
    publish(portal, force=True)
    assert stones() == 1
    portal.write("nieuw", "De cloud is er weer")
    publish(portal)
    assert stones() == 0


def test_the_manifest_names_every_document_by_its_build(portal) -> None:
    write_many(portal, 0, 110)
    publish(portal)
    public = portal.root / "public"
    manifest = json.loads((public / "feeds" / "manifest.json").read_bytes())["builds"]
    listed = {path for paths in manifest.values() for path in paths}
    out = {
        path.relative_to(public).as_posix()
        for path in public.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(public).parts)
    }
    lists = {"feeds/manifest.json", "feeds/index.opml"}
    assert listed == {path for path in out if not path.endswith((".gz", ".br"))} - lists
    write_many(portal, 110, 111)
    publish(portal)
    later = json.loads((public / "feeds" / "manifest.json").read_bytes())["builds"]
    changed = {path for build in later.keys() - manifest.keys() for path in later[build]}
    assert "feeds/cloud.atom" in changed
    assert "feeds/cloud/1.atom" not in changed
    assert "feeds/gemeenten.atom" not in changed
