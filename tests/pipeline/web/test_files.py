"""What is published is served, conditionally, and nothing else ever is."""

import os
from email.utils import formatdate, parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st

PUBLISHED = {
    "/": ("text/html; charset=utf-8", "<h1>Nieuw op Proefportaal</h1>"),
    "/themes/overheid": ("text/html; charset=utf-8", "<h1>Overheid</h1>"),
    "/themes/cloud": ("text/html; charset=utf-8", "<h1>Cloud</h1>"),
    "/feeds/index.opml": ("text/x-opml; charset=utf-8", "<opml"),
} | {
    f"/feeds/{slug}.{extension}": (f"{media_type}; charset=utf-8", "De gemeente gaat naar de cloud")
    for slug in ("all", "overheid", "gemeenten", "cloud")
    for extension, media_type in {
        "rss": "application/rss+xml",
        "atom": "application/atom+xml",
        "json": "application/feed+json",
    }.items()
}

HOSTILE = [
    "/..%2f..%2fkennisportal.toml",
    "/../kennisportal.toml",
    "/feeds/../../kennisportal.toml",
    "/feeds/..%2f..%2fvar%2fsecret.key",
    "/%2e%2e/var/secret.key",
    "/feeds/../index.html",
    "/..\\kennisportal.toml",
    "/..%5cvar%5csecret.key",
    "/.live/all/feeds/all.atom",
    "/.live/cloud/feeds/cloud.rss",
    "/.builds",
    "/feeds/.hidden.rss",
    "/feeds",
    "/feeds/",
    "/feeds//all.rss",
    "//feeds/all.rss",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/feeds/all.rss%00",
    "/feeds/all%00.rss",
    "/%00",
    "/feeds/all.rss/",
    "/feeds/all.RSS",
    "/index.html",
    "/themes/cloud.html",
    "/themes/%ff%fe",
    "/themes/%ed%a0%80",
    f"/feeds/{'a' * 300}.rss",
    f"/{'a/' * 3000}b",
    "/themes/nergens",
]


def test_every_feed_and_page_is_served_as_what_it_is(site) -> None:
    for path, (media_type, content) in PUBLISHED.items():
        answer = site.ask(path)
        assert (answer.status, answer.headers["content-type"]) == (200, media_type), path
        assert content in answer.text, path
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert answer.headers["cache-control"] == "public, max-age=300"


def test_every_feed_that_a_page_offers_is_there(site) -> None:
    for slug in ("overheid", "gemeenten", "cloud"):
        page = site.ask(f"/themes/{slug}").text
        for extension in ("rss", "atom", "json"):
            assert f'href="https://portaal.example/feeds/{slug}.{extension}"' in page


def test_who_has_the_newest_is_told_so_without_a_body(site) -> None:
    for path in PUBLISHED:
        first = site.ask(path)
        tag, date = first.headers["etag"], first.headers["last-modified"]
        later = formatdate(parsedate_to_datetime(date).timestamp() + 60, usegmt=True)
        earlier = formatdate(parsedate_to_datetime(date).timestamp() - 60, usegmt=True)
        for headers in (
            {"If-None-Match": tag},
            {"If-None-Match": f'"other", W/{tag}'},
            {"If-None-Match": "*"},
            {"If-Modified-Since": date},
            {"If-Modified-Since": later},
            {"If-None-Match": tag, "If-Modified-Since": earlier},
        ):
            again = site.ask(path, headers=headers)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), (path, headers)
            assert again.headers["cache-control"] == "public, max-age=300"
        for headers in (
            {"If-None-Match": '"other"'},
            {"If-None-Match": '"other"', "If-Modified-Since": later},
            {"If-Modified-Since": earlier},
            {"If-Modified-Since": "yesterday"},
        ):
            assert site.ask(path, headers=headers).status == 200, (path, headers)


def test_a_head_gives_the_headers_of_a_get_and_no_body(site) -> None:
    for path in [*PUBLISHED, "/healthz", "/readyz", "/nergens"]:
        full, head = site.ask(path), site.ask(path, "HEAD")
        assert (head.status, head.body) == (full.status, b"")
        same = ("content-type", "content-length", "etag", "last-modified", "cache-control")
        assert [head.headers[name] for name in same] == [full.headers[name] for name in same], path


def test_a_changed_feed_gets_another_tag(site, portal) -> None:
    before = site.ask("/feeds/cloud.atom")
    portal.wait(hours=1)
    portal.write("nog-een", "Weg uit de cloud")
    assert portal.run("collect").exit_code == 0
    assert portal.run("feeds", "build").exit_code == 0
    after = site.ask("/feeds/cloud.atom", headers={"If-None-Match": before.headers["etag"]})
    assert after.status == 200
    assert "Weg uit de cloud" in after.text
    assert after.headers["etag"] != before.headers["etag"]


def test_an_unknown_address_gets_a_page_in_the_language_of_the_site(site) -> None:
    answer = site.ask("/nergens")
    assert answer.status == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert '<html lang="nl">' in answer.text
    assert "<h1>Deze pagina bestaat niet</h1>" in answer.text


def test_no_address_leads_out_of_what_is_published(site) -> None:
    absent = site.ask("/nergens").body
    for path in HOSTILE:
        answer = site.ask(path)
        assert (answer.status, answer.body) == (404, absent), path


def test_no_link_on_disk_leads_out_either(site, portal) -> None:
    secret = portal.root / "geheim.html"
    secret.write_text("geheim")
    feeds = site.app.public / "feeds"
    (feeds / "buiten.html").symlink_to(secret)
    (site.app.public / "buiten").symlink_to(portal.root)
    (feeds / "rond.html").symlink_to("rond.html")
    (feeds / "nergens.html").symlink_to("weg")
    os.mkfifo(feeds / "buis.html")
    for path in ("/feeds/buiten", "/buiten/geheim", "/feeds/rond", "/feeds/nergens", "/feeds/buis"):
        answer = site.ask(path)
        assert answer.status == 404, path
        assert "geheim" not in answer.text.replace(path, "")


def test_before_anything_is_published_there_is_a_page_that_says_so(site) -> None:
    (site.app.public / "index.html").unlink()
    assert site.ask("/").status == 404


def test_what_is_published_can_only_be_read(site) -> None:
    before = site.files(), site.tables()
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        for path in ("/", "/feeds/all.rss", "/themes/cloud", "/healthz", "/readyz"):
            answer = site.ask(path, method, body=b"x")
            assert answer.status == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert (site.files(), site.tables()) == before


SEGMENTS = st.sampled_from(
    [
        "feeds",
        "themes",
        "unsubscribe",
        "healthz",
        "readyz",
        "all.rss",
        "cloud.atom",
        "cloud",
        "..",
        ".live",
        "",
    ]
)
PATHS = st.lists(st.one_of(SEGMENTS, st.text("aZ0.%2f~-_", max_size=6)), max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)


def test_no_get_or_head_of_any_path_changes_anything(site) -> None:
    leave = site.join("lezer1@voorbeeld.example")
    assert site.plan() == 1
    paths = st.one_of(
        st.sampled_from([*PUBLISHED, *HOSTILE, leave, f"{leave}/", f"{leave}?x=1", leave[:-1]]), PATHS
    )
    before = site.tables(), site.files()

    @settings(max_examples=150, deadline=None)
    @given(path=paths, method=st.sampled_from(["GET", "HEAD"]))
    def look(path: str, method: str) -> None:
        assert site.ask(path, method).status in (200, 404), path
        # A request changes the database before its answer is sent, or not at all.
        assert site.tables() == before[0]

    look()
    assert (site.tables(), site.files()) == before
