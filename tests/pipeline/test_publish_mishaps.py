"""What goes wrong with what is published is found, named and mended, and stops nothing else."""

import json
import os

import pytest

from feeds.feed import Feed
from feeds.formats import FORMATS
from pipeline.edges.compress import compressed
from pipeline.steps.publish import PublishReport

pytestmark = pytest.mark.each_database


def publish(portal) -> PublishReport:
    with portal.open() as app:
        app.collector().collect(app.settings.source, force=True)
        return app.publisher().publish()


def without(portal, slug: str) -> None:
    """Take a theme out of the config."""
    config = portal.config.read_text()
    start = config.index(f'[[theme]]\nslug = "{slug}"')
    portal.config.write_text(config[:start] + config[config.index("[[", start + 2) :])


def test_check_looks_at_what_is_packed_at_pages_and_at_lists(portal) -> None:
    portal.write("a", "De cloud")
    publish(portal)
    public = portal.root / "public"
    for path, says in {
        "feeds/cloud.atom.br": "cloud: atom: feeds/cloud.atom.br beside it is another document",
        "feeds/cloud.json.gz": "cloud: json: feeds/cloud.json.gz beside it is another document",
        "themes/cloud.html": "cloud: themes/cloud.html: themes/cloud.html.br beside it is another document",
        "feeds/cloud.html.br": "cloud: feeds/cloud.html: feeds/cloud.html.br beside it is another document",
        "feeds/index.opml.gz": "all: feeds/index.opml: feeds/index.opml.gz beside it is another document",
    }.items():
        whole = (public / path).read_bytes()
        (public / path).resolve().write_bytes(whole[:-9])
        found = portal.run("feeds", "check")
        assert (found.exit_code, says in found.stderr) == (1, True), found.stderr
        assert portal.run("feeds", "build", "--force").exit_code == 0
        assert (public / path).read_bytes() == whole
        assert portal.run("feeds", "check").exit_code == 0
    (public / "feeds" / "cloud.rss.gz").resolve().unlink()
    assert "cloud: rss: feeds/cloud.rss.gz beside it is missing" in portal.run("feeds", "check").stderr


def test_lists_that_are_lost_come_back(portal) -> None:
    portal.write("a", "De cloud")
    publish(portal)
    public = portal.root / "public" / "feeds"
    for name in ("index.opml", "manifest.json"):
        whole = (public / name).read_bytes()
        (public / name).unlink()
        assert not publish(portal).built
        assert (public / name).read_bytes() == whole


def test_a_builder_that_dies_before_it_has_listed_what_is_new_leaves_that_to_the_next(
    portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed() -> set[str]:
        manifest = json.loads((portal.root / "public" / "feeds" / "manifest.json").read_text())
        return set(manifest["builds"])

    def live() -> set[str]:
        return {link.readlink().name for link in (portal.root / "public" / ".live").iterdir()}

    portal.write("a", "De cloud")
    publish(portal)
    for change in (lambda: portal.write("b", "Nog een cloud"), lambda: without(portal, "cloud")):
        portal.wait(hours=1)
        change()
        with portal.open() as app:
            app.collector().collect(app.settings.source, force=True)
        child = os.fork()
        if child == 0:
            with portal.open() as app:
                monkeypatch.setattr(app.live, "catalogue", lambda path: os._exit(9))
                app.publisher().publish()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert listed() != live()
        publish(portal)
        assert listed() == live()


def test_a_theme_whose_documents_cannot_be_written_is_named_and_the_others_go_on(
    portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.write("a", "De cloud")
    portal.write("b", "De gemeente")
    publish(portal)
    portal.write("c", "De gemeente beslist")
    portal.write("d", "De cloud is duur")
    rss = FORMATS["rss"]
    write = type(rss).write

    def broken(self: object, feed: Feed) -> bytes:
        if feed.slug == "cloud":
            raise ValueError("no such thing\nas this")
        return write(rss, feed)

    with monkeypatch.context() as patched:
        patched.setattr(type(rss), "write", broken)
        with portal.open() as app:
            app.collector().collect(app.settings.source, force=True)
            report = app.publisher().publish()
    assert report.failed == {"cloud": ["rss: it can't be written (ValueError: no such thing as this)"]}
    feeds = portal.root / "public" / "feeds"
    assert "De cloud is duur" not in (feeds / "cloud.atom").read_text()
    assert "De gemeente beslist" in (feeds / "gemeenten.atom").read_text()
    assert publish(portal).built == ["cloud"]


def test_check_names_the_feeds_and_some_faults_of_each_and_all_of_them_as_json(portal) -> None:
    portal.write("a", "De cloud")
    publish(portal)
    document = portal.root / "public" / "feeds" / "cloud.json"
    document.resolve().write_text(json.dumps(json.loads(document.read_text()) | {"items": [{}] * 50}))
    for suffix in (".br", ".gz"):
        document.with_name(f"cloud.json{suffix}").resolve().write_bytes(
            compressed("", document.read_bytes())[suffix]
        )
    found = portal.run("feeds", "check")
    *named, more, end = found.stderr.splitlines()
    assert len(named) == 10
    assert more.startswith("cloud: and ")
    assert more.endswith(" faults more; --json names them all")
    assert end == "Error: wrong or late: cloud; 'kennisportal feeds build --force' makes them anew"
    listed = json.loads(portal.run("feeds", "check", "--json").stdout)
    faults = {one["theme"]: one["faults"] for one in listed}
    assert len(faults["cloud"]) == 10 + int(more.split()[2])
    assert faults["gemeenten"] == []
