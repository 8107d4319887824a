"""Publishing: what changed is built, what did not is not touched, and only sound documents go live."""

from datetime import timedelta
from pathlib import Path

import feedparser
import pytest

from feeds.classify import Placement
from pipeline.ports_publishing import PublishError
from pipeline.steps import publish

pytestmark = pytest.mark.each_database


def collect(portal) -> None:
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)


def build(portal, *slugs: str, force: bool = False) -> publish.PublishReport:
    with portal.open() as app:
        app.rethemer().apply()
        return app.publisher().publish(slugs, force=force)


def snapshot(portal) -> dict[str, tuple[bytes, int, int]]:
    """Every published path with its bytes, its inode and the moment it was last written."""
    public = portal.root / "public"
    return {
        path.relative_to(public).as_posix(): (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(public.rglob("*"))
        if path.is_file()
    }


def feed(portal, slug: str, extension: str = "atom") -> feedparser.FeedParserDict:
    path: Path = portal.root / "public" / "feeds" / f"{slug}.{extension}"
    with path.open("rb") as document:
        return feedparser.parse(document)


def test_a_theme_holds_its_childrens_articles_and_all_holds_everything(portal) -> None:
    portal.write("a", "De gemeente")
    portal.write("b", "De cloud")
    portal.write("c", "Iets anders")
    collect(portal)
    report = build(portal)
    assert sorted(report.built) == ["all", "cloud", "gemeenten", "overheid"]
    titles = {
        slug: {entry.title for entry in feed(portal, slug).entries}
        for slug in ("overheid", "gemeenten", "cloud", "all")
    }
    assert titles == {
        "overheid": {"De gemeente"},
        "gemeenten": {"De gemeente"},
        "cloud": {"De cloud"},
        "all": {"De gemeente", "De cloud", "Iets anders"},
    }


def test_publishing_twice_changes_no_byte_and_writes_nothing(portal) -> None:
    portal.write("a", "De gemeente")
    collect(portal)
    build(portal)
    before = snapshot(portal)
    portal.wait(days=3)
    report = build(portal)
    assert report.built == []
    assert snapshot(portal) == before
    assert build(portal, force=True).built == []
    assert snapshot(portal) == before


def test_from_scratch_the_same_data_gives_the_same_bytes(portal) -> None:
    portal.write("a", "De gemeente")
    collect(portal)
    build(portal)
    before = {name: content for name, (content, _, _) in snapshot(portal).items()}
    (portal.root / "public").rename(portal.root / "weg")
    portal.wait(days=3)
    assert len(build(portal).built) == 4
    assert {name: content for name, (content, _, _) in snapshot(portal).items()} == before


def test_only_themes_with_news_are_built(portal) -> None:
    portal.write("a", "De gemeente")
    collect(portal)
    build(portal)
    portal.write("b", "De cloud")
    collect(portal)
    assert sorted(build(portal).built) == ["all", "cloud"]


def test_a_withdrawn_article_leaves_the_feeds_and_an_update_shows(portal) -> None:
    portal.write("a", "De gemeente", "Oude tekst.")
    portal.write("b", "De gemeente twee")
    collect(portal)
    build(portal)
    portal.wait(hours=5)
    portal.remove("b")
    portal.write("a", "De gemeente", "Nieuwe tekst.", portal.now - timedelta(hours=6))
    collect(portal)
    build(portal)
    (entry,) = feed(portal, "gemeenten").entries
    assert "Nieuwe tekst" in entry.content[0].value
    assert entry.published_parsed < entry.updated_parsed


def test_an_article_that_is_stored_as_it_was_is_the_very_same_again(portal) -> None:
    portal.write("a", "De cloud", "Over de cloud.", more="author: J. de Vries\n")
    collect(portal)
    with portal.open() as app:
        with app.store.read() as work:
            (placed,) = work.shelf.latest("cloud", 5)
            assert work.shelf.latest(None, 5) == [placed]
            assert work.shelf.newest(["cloud", "overheid"], 5) == [placed]
            assert work.shelf.get([placed.id]) == {placed.id: placed}
            assert work.articles.get([placed.id]) == {placed.id: placed.article}
            assert work.articles.scores([placed.id]) == {placed.id: placed.scores}
        with app.store.write() as work:
            work.articles.pin(placed.id, True)
        with app.store.write() as work:
            (pinned,) = work.shelf.latest("cloud", 5)
            assert (pinned.article.pinned, placed.article.pinned) == (True, False)
            work.articles.pin(placed.id, False)
        with app.store.write() as work:
            assert work.shelf.latest("cloud", 5) == [placed]
            work.articles.place(placed.id, placed.article.published, {"gemeenten": Placement(2, ())})
        with app.store.read() as work:
            (elsewhere,) = work.shelf.latest("gemeenten", 5)
            assert elsewhere.scores == {"gemeenten": 2}
            assert work.shelf.latest("cloud", 5) == []


def test_an_article_keeps_its_id_through_changes_of_text_and_address(portal) -> None:
    portal.write("a", "De gemeente", "Een.")
    collect(portal)
    build(portal)
    before = {extension: feed(portal, "gemeenten", extension).entries[0].id for extension in ("atom", "rss")}
    portal.write("a", "De gemeente nieuw", "Twee.", more="slug: elders\n")
    collect(portal)
    build(portal)
    after = {extension: feed(portal, "gemeenten", extension).entries[0] for extension in ("atom", "rss")}
    assert {extension: entry.id for extension, entry in after.items()} == before
    assert after["atom"].link == "https://portaal.example/artikelen/elders"
    assert before["atom"].startswith("tag:portaal.example,")


def test_feeds_keep_their_ids_when_the_portal_moves(portal) -> None:
    portal.write("a", "De gemeente")
    collect(portal)
    build(portal)
    before = feed(portal, "gemeenten")
    config = portal.config.read_text()
    portal.config.write_text(config.replace("https://portaal.example", "https://elders.example/kennis"))
    build(portal)
    after = feed(portal, "gemeenten")
    assert after.feed.link == "https://elders.example/kennis/themes/gemeenten"
    assert after.feed.id == before.feed.id
    assert after.entries[0].id == before.entries[0].id


def test_a_slip_that_is_mended_shows_in_the_feeds_though_nobody_is_mailed_about_it(portal) -> None:
    portal.write("a", "De gemeente en haar organsatie", "De wethouder ziet uit naar de verhuizing.")
    collect(portal)
    build(portal)
    portal.write("a", "De gemeente en haar organisatie", "De wethouder ziet uit naar de verhuizing.")
    collect(portal)
    assert "gemeenten" in build(portal).built
    (entry,) = feed(portal, "gemeenten").entries
    assert entry.title == "De gemeente en haar organisatie"
    assert entry.updated == entry.published
    assert portal.run("feeds", "check").exit_code == 0


def test_a_theme_that_an_article_reaches_is_named_in_the_feeds_where_it_was_before(portal) -> None:
    config = portal.config.read_text()
    portal.config.write_text(config.replace('keywords = ["cloud"]', 'categories = ["wolken"]'))

    def named() -> list[str]:
        build(portal)
        assert portal.run("feeds", "check").exit_code == 0
        return [tag.term for tag in feed(portal, "gemeenten").entries[0].tags]

    portal.write("a", "De gemeente")
    collect(portal)
    assert named() == ["Gemeenten"]
    for words in (["--add", "cloud"], ["--reset"], ["--add", "cloud", "--announce"], ["--reset"]):
        assert portal.run("articles", "retheme", "1", *words).exit_code == 0
        assert named() == (["Gemeenten"] if "--reset" in words else ["Gemeenten", "Cloud"])
    for categories, themes in ('["wolken"]', ["Gemeenten", "Cloud"]), ('["iets"]', ["Gemeenten"]):
        portal.write("a", "De gemeente", more=f"categories: {categories}\n")
        collect(portal)
        assert named() == themes
    source = '[[source]]\nname = "map"\n'
    for more, themes in ('themes = ["cloud"]\n', ["Gemeenten", "Cloud"]), ("", ["Gemeenten"]):
        portal.config.write_text(config.replace(source, source + more))
        assert named() == themes


def test_a_new_address_reaches_the_feeds_though_nobody_is_mailed_about_it(portal) -> None:
    portal.write("a", "De gemeente")
    collect(portal)
    build(portal)
    portal.write("a", "De gemeente", more="slug: elders\n")
    collect(portal)
    assert "gemeenten" in build(portal).built
    assert feed(portal, "gemeenten").entries[0].link.endswith("/elders")


def test_a_changed_config_rebuilds_and_a_retired_theme_is_taken_down(portal) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    build(portal)
    config = portal.config.read_text()
    portal.config.write_text(config.replace('name = "Proefportaal"', 'name = "Ander portaal"', 1))
    assert len(build(portal).built) == 4
    head, _, tail = portal.config.read_text().partition('[[theme]]\nslug = "cloud"')
    portal.config.write_text(head + tail[tail.index("[[source]]") :])
    assert build(portal).removed == ["cloud"]
    assert not list((portal.root / "public").rglob("cloud*"))


def test_a_changed_template_and_another_version_rebuild(portal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    build(portal)
    assert not build(portal).built
    own = portal.root / "templates" / "web"
    own.mkdir(parents=True)
    (own / "gone.html.j2").write_text("{# other words #}")
    with portal.open() as app:
        assert sorted(app.publisher().late()) == ["all", "cloud", "gemeenten", "overheid"]
    before = snapshot(portal)
    assert not build(portal).built, "no page that is published shows it"
    assert snapshot(portal) == before
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.0")
    with portal.open() as app:
        assert sorted(app.publisher().late()) == ["all", "cloud", "gemeenten", "overheid"]


def test_deleted_files_come_back(portal) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    build(portal)
    (portal.root / "public" / "feeds" / "cloud.rss").unlink()
    build(portal, force=True)
    assert feed(portal, "cloud", "rss").entries


def test_a_document_that_fails_its_check_leaves_yesterdays(portal, monkeypatch: pytest.MonkeyPatch) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    build(portal)
    before = snapshot(portal)
    portal.write("b", "De cloud twee")
    collect(portal)
    monkeypatch.setattr(publish, "check", lambda extension, document, feed: ["it is not right"])
    report = build(portal)
    assert sorted(report.failed) == ["all", "cloud"]
    assert "it is not right" in report.failed["cloud"][0]
    after = snapshot(portal)
    assert after["feeds/cloud.atom"] == before["feeds/cloud.atom"]
    monkeypatch.undo()
    assert sorted(build(portal).built) == ["all", "cloud"]


def test_a_disk_that_refuses_is_named_and_the_other_themes_go_on(
    portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    with portal.open() as app:
        publisher = app.publisher()
        live = publisher._live

        class Full:
            def __getattr__(self, name: str) -> object:
                return getattr(live, name)

            def switch(self, slug: str, *unit: object) -> bool:
                if slug == "cloud":
                    raise PublishError("the disk is full; free space")
                return bool(live.switch(slug, *unit))

        publisher._live = Full()
        report = publisher.publish()
    assert report.failed == {"cloud": ["the disk is full; free space"]}
    assert sorted(report.built) == ["all", "gemeenten", "overheid"]


def test_something_in_the_way_of_a_theme_keeps_no_other_from_going_live(portal) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    in_the_way = portal.root / "public" / "feeds" / "cloud.rss"
    in_the_way.mkdir(parents=True)
    report = build(portal)
    assert sorted(report.built) == ["all", "gemeenten", "overheid"]
    assert "feeds/cloud.rss can't be published" in report.failed["cloud"][0]
    in_the_way.rmdir()
    assert build(portal).built == ["cloud"]


def test_an_index_lists_every_feed(portal) -> None:
    collect(portal)
    build(portal)
    opml = (portal.root / "public" / "feeds" / "index.opml").read_text()
    for slug in ("all", "overheid", "gemeenten", "cloud"):
        assert f"https://portaal.example/feeds/{slug}.atom" in opml


def test_check_finds_what_somebody_damaged(portal) -> None:
    portal.write("a", "De cloud")
    collect(portal)
    build(portal)
    with portal.open() as app:
        assert not any(app.publisher().check(app.live.published).values())
    path = (portal.root / "public" / "feeds" / "cloud.json").resolve()
    path.write_text(path.read_text().replace("De cloud", ""))
    with portal.open() as app:
        assert [slug for slug, faults in app.publisher().check(app.live.published).items() if faults] == [
            "cloud"
        ]
