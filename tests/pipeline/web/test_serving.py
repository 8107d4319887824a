"""How feeds are served: compressed, to any site, with the hub, and honest about what moved or went."""

import gzip
import json

import brotli
import pytest

FORMS = [
    "/",
    "/themes/cloud",
    "/feeds/cloud.atom",
    "/feeds/cloud.json",
    "/feeds/cloud.html",
    "/feeds/index.opml",
]


@pytest.mark.parametrize("path", FORMS)
def test_a_document_comes_in_the_encoding_that_was_asked_for(site, path: str) -> None:
    plain = site.ask(path)
    assert plain.headers["content-encoding"] is None
    undo = {"gzip": gzip.decompress, "br": brotli.decompress}
    tags = {plain.headers["etag"]}
    for accepted, encoding in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("*", "br"),
        ("gzip;q=1, *;q=0", "gzip"),
        ("gzip;q=1.0, br;q=0.1", "gzip"),
        ("identity;q=0.5, gzip, br;q=0.4", "gzip"),
        ("GZIP", "gzip"),
    ]:
        answer = site.ask(path, headers={"Accept-Encoding": accepted})
        assert answer.headers["content-encoding"] == encoding, accepted
        assert answer.headers["content-type"] == plain.headers["content-type"]
        assert undo[encoding](answer.body) == plain.body
        assert answer.headers["vary"] == "Accept-Encoding"
        again = site.ask(path, headers={"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        tags.add(answer.headers["etag"])
    assert len(tags) == 3, "each form has a tag of its own"
    for accepted in (
        "identity",
        "identity, gzip;q=0.5",
        "gzip;q=0",
        "*;q=0",
        "br;q=nonsense",
        "br;q=nan",
        "",
    ):
        assert site.ask(path, headers={"Accept-Encoding": accepted}).headers["content-encoding"] is None


def test_a_part_is_given_to_who_asks_for_one_in_bytes_and_all_of_it_to_who_asks_otherwise(site) -> None:
    whole = site.ask("/feeds/cloud.atom")
    part = site.ask("/feeds/cloud.atom", headers={"Range": "bytes=0-9"})
    assert (part.status, part.body) == (206, whole.body[:10])
    stale = site.ask("/feeds/cloud.atom", headers={"Range": "bytes=0-9", "If-Range": '"older"'})
    assert (stale.status, stale.body) == (200, whole.body)
    for asked in ("lines=1-2", "bytes", "bytes=a-b", "bytes=", "nonsense"):
        answer = site.ask("/feeds/cloud.atom", headers={"Range": asked})
        assert (answer.status, answer.body) == (200, whole.body), asked


def test_a_head_tells_of_all_of_it_whatever_part_it_asks_for(site) -> None:
    whole = site.ask("/feeds/cloud.atom")
    head = site.ask("/feeds/cloud.atom", "HEAD", {"Range": "bytes=0-9"})
    assert (head.status, head.headers["content-length"]) == (200, str(len(whole.body)))


def test_a_build_that_is_cleared_away_under_a_reader_gives_way_to_the_newest(site, monkeypatch) -> None:
    tags = []

    def vanishing(*form: object) -> str:
        tags.append(form)
        if len(tags) == 1:
            raise FileNotFoundError
        return '"tag"'

    monkeypatch.setattr("pipeline.web.files._etag", vanishing)
    answer = site.ask("/feeds/cloud.atom")
    assert (answer.status, answer.headers["etag"]) == (200, '"tag"')


def test_a_tag_is_the_contents_own(site, portal) -> None:
    before = {path: site.ask(path).headers["etag"] for path in FORMS}
    assert portal.run("feeds", "build", "--force").exit_code == 0
    assert {path: site.ask(path).headers["etag"] for path in FORMS} == before


def test_pages_of_other_sites_may_read_feeds_and_fragments_but_not_pages(site) -> None:
    for path in ("/feeds/cloud.json", "/feeds/cloud.atom", "/feeds/cloud.html"):
        assert site.ask(path).headers["access-control-allow-origin"] == "*"
    for path in ("/", "/themes/cloud"):
        assert site.ask(path).headers["access-control-allow-origin"] is None


def test_a_fragment_is_a_list_for_another_page(site) -> None:
    answer = site.ask("/feeds/cloud.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "De gemeente gaat naar de cloud" in answer.text
    assert 'href="https://portaal.example/themes/cloud"' in answer.text
    assert not any(part in answer.text for part in ("<html", "<style", "<script"))


def test_the_hub_is_named_in_a_header_of_feeds_and_archives_alone(portal, serving) -> None:
    config = portal.config.read_text()
    portal.config.write_text(
        config.replace("[publish]", '[publish]\nhub = "https://hub.example/"\nentries = 1')
    )
    for number in range(3):
        portal.write(f"a{number}", f"De cloud {number}")
    with serving() as site:
        for path in ("/feeds/cloud.rss", "/feeds/all.json", "/feeds/cloud/1.atom"):
            this = f'<https://portaal.example{path}>; rel="self"'
            assert site.ask(path).headers["link"] == f'<https://hub.example/>; rel="hub", {this}'
        for path in ("/", "/themes/cloud", "/feeds/index.opml", "/feeds/cloud.html"):
            assert site.ask(path).headers["link"] is None


def test_the_manifest_is_json(site) -> None:
    answer = site.ask("/feeds/manifest.json")
    assert answer.headers["content-type"] == "application/json"
    assert "feeds/cloud.atom" in str(json.loads(answer.body))


def without_cloud(portal, more: str = "") -> None:
    config = portal.config.read_text()
    start = config.index('[[theme]]\nslug = "cloud"')
    end = config.index("[[", start + 2)
    portal.config.write_text(config[:start] + more + config[end:])


PATHS = [
    "/themes/cloud",
    "/feeds/cloud.atom",
    "/feeds/cloud.json",
    "/feeds/cloud/1.atom",
    "/feeds/cloud.html",
]


def test_a_theme_that_ended_is_gone_and_one_that_never_was_is_not_found(portal, serving) -> None:
    portal.write("wolk", "De gemeente gaat naar de cloud")
    with serving() as site:
        assert site.ask("/feeds/cloud.atom").status == 200
    without_cloud(portal)
    with serving() as site:
        for path in PATHS:
            answer = site.ask(path)
            assert answer.status == 410, path
        assert "Dit thema is er niet meer" in answer.text
        assert site.ask("/feeds/wolken.atom").status == 404
    portal.config.write_text(portal.config.read_text() + '[[theme]]\nslug = "cloud"\nname = "Weer wolken"\n')
    with serving() as site:
        assert site.ask("/feeds/cloud.atom").status == 200


def test_a_renamed_theme_sends_its_readers_on(portal, serving) -> None:
    portal.write("wolk", "De gemeente gaat naar de cloud")
    with serving():
        pass
    without_cloud(
        portal, '[[theme]]\nslug = "wolken"\nname = "Wolken"\nkeywords = ["cloud"]\nformerly = ["cloud"]\n'
    )
    with serving() as site:
        for path in PATHS:
            answer = site.ask(path)
            there = path.replace("cloud/1", "cloud").replace("cloud", "wolken")
            assert (answer.status, answer.headers["location"]) == (301, f"https://portaal.example{there}")
            now = site.ask(there)
            assert now.status == 200
            # Pages of other sites are let past it, and nobody keeps it for good: the old slug may come back.
            for name in ("access-control-allow-origin", "cache-control"):
                assert answer.headers[name] == now.headers[name], (path, name)
