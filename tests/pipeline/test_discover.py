"""Finding out what an address offers, and writing it into the config: over HTTP, by the command line."""

import json
from collections.abc import Callable
from difflib import ndiff
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feeds.discover import name_for
from feeds.outlines import MOST, Listed, OutlinesError, read_outlines
from pipeline.cli import cli
from pipeline.settings import load
from pipeline.steps import visit

DATA = Path(__file__).parents[1] / "data"
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Nieuws uit Voorbeeld</title>
<item><title>Een</title><link>https://bron.example/1</link><category>ICT</category><category>Zorg</category></item>
<item><title>Twee</title><link>https://bron.example/2</link><category>ict</category><category>Nieuws</category></item>
<item><title>Drie</title><link>https://bron.example/3</link><category>Nieuws</category></item></channel></rss>"""


@pytest.fixture
def site(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    monkeypatch.setenv("KENNISPORTAL_COLLECT__ALLOW_HOSTS", f'["{httpserver.host}", "127.0.0.1"]')
    monkeypatch.setenv("KENNISPORTAL_COLLECT__HOST_PAUSE", "0s")
    return httpserver


def page(site: HTTPServer, path: str, *links: str) -> None:
    site.expect_request(path).respond_with_data(
        f"<html><head>{''.join(links)}</head></html>", content_type="text/html"
    )


def link(kind: str, href: str, rel: str = "alternate") -> str:
    return f'<link rel="{rel}" type="{kind}" href="{href}">'


def wordpress(site: HTTPServer) -> None:
    posts = (DATA / "wordpress" / "posts.json").read_bytes()
    site.expect_request("/blog/wp-json/wp/v2/posts").respond_with_data(posts, content_type="application/json")


def sitemap(site: HTTPServer) -> None:
    """The sample sitemap, with its pages on this server."""
    here = site.url_for("").rstrip("/")

    def respond(request: Request) -> Response:
        sample = DATA / "sitemap" / "gemeente" / request.path.rpartition("/")[2]
        if not sample.is_file():
            return Response(status=404)
        return Response(sample.read_text(encoding="utf-8").replace("https://bron.example", here))

    for path in ("/start.xml", "/nieuws.xml", "/nieuws/loket", "/nieuws/glasvezel"):
        site.expect_request(path).respond_with_handler(respond)


def added(portal, *words: str) -> dict[str, object]:
    result = portal.run("sources", "add", *words, "--json")
    assert result.exit_code == 0, result.output
    said: dict[str, object] = json.loads(result.stdout)
    return said


def test_a_page_leads_to_its_feed_and_the_config_keeps_its_comments(portal, site: HTTPServer) -> None:
    portal.config.write_text(portal.config.read_text() + "# de laatste regel\n")
    before = portal.config.read_text()
    page(
        site,
        "/",
        link("application/rss+xml", "/comments/feed/"),
        link("text/html", "/en/", "alternate"),
        link("application/rss+xml", "/feed.xml"),
    )
    site.expect_request("/feed.xml").respond_with_data(FEED)
    said = added(portal, site.url_for("/"), "--theme", "cloud", "--every", "1h")
    assert (said["kind"], said["name"], said["articles"]) == ("feed", name_for(site.url_for("/"), []), 3)
    assert [one["title"] for one in said["sample"]] == ["Een", "Twee", "Drie"]
    changes = list(ndiff(before.splitlines(), portal.config.read_text().splitlines()))
    assert not [line for line in changes if line.startswith("-")]
    assert sum(line.startswith("+") for line in changes) == 7
    source = load(portal.config).source[-1]
    assert (source.url, source.themes, source.every.total_seconds()) == (
        site.url_for("/feed.xml"),
        ["cloud"],
        3600,
    )
    collected = json.loads(portal.run("collect", source.name, "--json").stdout)
    assert collected["new"] == 3
    again = portal.run("sources", "add", site.url_for("/"))
    assert again.exit_code == 1
    assert "in the config already" in again.output


def test_a_source_is_added_below_the_last_and_all_else_stays_where_it_is(portal, site: HTTPServer) -> None:
    site.expect_request("/feed.xml").respond_with_data(FEED)
    apart = '[[source]]\nname = "apart"\nkind = "folder"\npath = "apart"\n# tot hier\n'
    before = f"{portal.config.read_text()}\n# Apart.\n\n{apart}"
    after = '\n# Mededelingen.\n\n[[digest]]\nfrequency = "monthly"\nday = "1"\nat = "08:00"\n'
    portal.config.write_text(before + after)
    said = added(portal, site.url_for("/feed.xml"))
    keys = "".join(f'{key} = "{said[key]}"\n' for key in ("name", "kind", "url", "every"))
    assert portal.config.read_text() == f"{before}\n[[source]]\n{keys}{after}"


def test_what_only_looks_like_a_table_is_no_place_for_a_source(portal, site: HTTPServer) -> None:
    site.expect_request("/feed.xml").respond_with_data(FEED)
    looks_like_it = (
        '\n[[theme]]\nslug = "lang"\nname = "Lang"\ndescription = """\n[[source]]\nname = 1\n"""\n'
    )
    portal.config.write_text(portal.config.read_text() + looks_like_it)
    said = added(portal, site.url_for("/feed.xml"))
    text = portal.config.read_text()
    assert text.endswith(looks_like_it)
    assert text.index(said["url"]) < text.index(looks_like_it)


def test_the_address_of_a_feed_is_that_feed(portal, site: HTTPServer) -> None:
    site.expect_request("/feed.xml").respond_with_data(FEED)
    result = portal.run("sources", "test", site.url_for("/feed.xml"))
    assert result.exit_code == 0
    assert "3 articles" in result.stdout


def test_a_feed_is_found_from_where_a_page_says_that_its_addresses_begin(portal, site: HTTPServer) -> None:
    page(site, "/nieuws/overzicht", '<base href="/">', link("application/rss+xml", "nieuws/feed.xml"))
    site.expect_request("/nieuws/feed.xml").respond_with_data(FEED)
    said = added(portal, site.url_for("/nieuws/overzicht"))
    assert said["url"] == site.url_for("/nieuws/feed.xml")


@pytest.mark.parametrize(("status", "there"), [(301, True), (308, True), (302, False), (307, False)])
def test_a_feed_is_asked_where_it_is_said_to_be_unless_it_has_moved_for_good(
    portal, site: HTTPServer, status: int, there: bool
) -> None:
    elsewhere = {"Location": "/feed.xml?until=now#top"}
    site.expect_request("/feed").respond_with_data(status=status, headers=elsewhere)
    site.expect_request("/feed.xml").respond_with_data(FEED)
    said = added(portal, site.url_for("/feed#top"))
    assert said["url"] == site.url_for("/feed.xml?until=now" if there else "/feed")


def test_wordpress_is_found_by_its_api_and_collected(portal, site: HTTPServer) -> None:
    page(site, "/blog/", link("", "/blog/wp-json/", "https://api.w.org/"))
    wordpress(site)
    said = added(portal, site.url_for("/blog/"), "--name", "blog")
    assert said["kind"] == "wordpress"
    assert json.loads(portal.run("collect", "blog", "--json").stdout)["new"] == 1
    assert json.loads(portal.run("collect", "blog", "--force", "--json").stdout)["unchanged"] == 1


def test_a_sitemap_is_found_in_robots_txt_and_collected(portal, site: HTTPServer) -> None:
    page(site, "/")
    site.expect_request("/robots.txt").respond_with_data(
        f"\ufeffSitemap: {site.url_for('/start.xml')}\nUser-agent: *\n"
    )
    sitemap(site)
    said = added(portal, site.url_for("/"), "--name", "gemeente")
    assert (said["kind"], said["articles"]) == ("sitemap", 2)
    assert json.loads(portal.run("collect", "gemeente", "--json").stdout)["new"] == 2
    portal.wait(hours=1)
    assert json.loads(portal.run("collect", "gemeente", "--json").stdout)["failed"] == 0
    assert portal.run("articles", "show", site.url_for("/nieuws/glasvezel")).exit_code == 0


def test_a_password_is_in_the_config_alone(portal, site: HTTPServer) -> None:
    def locked(document: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            known = request.authorization is not None and request.authorization.password == "geheim"
            return Response(document) if known else Response("", 401, {"WWW-Authenticate": "Basic"})

        return answer

    site.expect_request("/").respond_with_handler(locked(link("application/rss+xml", "/feed.xml")))
    site.expect_request("/feed.xml").respond_with_handler(locked(FEED))
    said = added(portal, site.url_for("/").replace("//", "//lezer:geheim@"), "--name", "dicht")
    assert said["url"] == load(portal.config).source[-1].url
    assert json.loads(portal.run("collect", "dicht", "--json").stdout)["new"] == 3
    shown = [
        portal.run(*words).output
        for words in (
            ("sources", "add", str(said["url"])),
            ("sources", "add", str(said["url"]), "--kind", "sitemap"),
            ("sources", "list", "--json"),
            ("sources", "export"),
            ("audit",),
        )
    ]
    assert "geheim" not in "".join(shown)
    assert site.url_for("/feed.xml") in shown[3]


def test_a_kind_can_be_asked_for(portal, site: HTTPServer) -> None:
    page(
        site,
        "/blog/",
        link("application/rss+xml", "/feed.xml"),
        link("", "/blog/wp-json/", "https://api.w.org/"),
    )
    site.expect_request("/feed.xml").respond_with_data(FEED)
    wordpress(site)
    assert added(portal, site.url_for("/blog/"), "--kind", "wordpress")["kind"] == "wordpress"


def test_an_address_that_offers_nothing_says_so_and_changes_nothing(portal, site: HTTPServer) -> None:
    before = portal.config.read_text()
    page(site, "/", link("application/rss+xml", "/weg.xml"))
    result = portal.run("sources", "add", site.url_for("/"))
    assert result.exit_code == 1
    assert "offers no feed, WordPress or sitemap" in result.output
    assert "/weg.xml answered" in result.output
    assert portal.config.read_text() == before


def test_what_would_break_the_config_is_refused_before_anybody_is_asked(portal, site: HTTPServer) -> None:
    before = portal.config.read_text()
    for option, value, why in (
        ("--theme", "onzin", "'onzin' is no theme"),
        ("--name", "map", "there is a source 'map' already"),
        ("--name", "Een naam", "small letters"),
        ("--every", "15x", "'15x' is no duration"),
    ):
        refused = portal.run("sources", "add", site.url_for("/feed.xml"), option, value)
        assert refused.exit_code == 2
        assert f"Invalid value for {option}: " in refused.output
        assert why in refused.output
    assert portal.config.read_text() == before
    assert [path.name for path in portal.root.glob(".*")] == []
    assert site.log == []


OPML = b"""<?xml version="1.0"?><opml version="1.0"><head/><body><outline text="Overheid">
<outline type="rss" text="A" xmlUrl="https://a.example/feed"/>
<outline text="B" title="Bee" xmlURL="https://b.example/feed?x=1&amp;y=2"/></outline>
<outline text="A again" xmlUrl="https://a.example/feed"/><outline xmlUrl="javascript:x"/></body></opml>"""


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("feed://a.example/rss", "http://a.example/rss"),
        ("feed:https://a.example/rss", "https://a.example/rss"),
        (" https://a.example/rss", "https://a.example/rss"),
        ("https://a.example/?a=1&b=2", "https://a.example/?a=1&b=2"),
    ],
)
def test_addresses_in_opml_may_say_that_they_are_feeds(given: str, url: str) -> None:
    document = f'<opml version="1.0"><body><outline xmlUrl="{given}"/></body></opml>'
    assert [one.url for one in read_outlines(document.encode())] == [url]


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("utf-16", "utf-8"),
        ("utf-16", "utf-8-sig"),
        ("utf-8", "utf-16"),
        ("utf-8", "utf-16-le"),
        ("utf-8", "utf-16-be"),
    ],
)
def test_a_list_in_another_encoding_than_it_says_is_read(declared: str, encoding: str) -> None:
    document = (
        f'<?xml version="1.0" encoding="{declared}"?>'
        '<opml version="2.0"><body><outline text="Café" xmlUrl="https://a.example/rss"/></body></opml>'
    )
    assert read_outlines(document.encode(encoding)) == [Listed("Café", "https://a.example/rss")]


def test_an_address_without_its_scheme_is_looked_for_by_https_and_then_by_http(
    portal, site: HTTPServer
) -> None:
    site.expect_request("/feed.xml").respond_with_data(FEED)
    said = added(portal, site.url_for("/feed.xml").removeprefix("http://"))
    assert said["url"] == site.url_for("/feed.xml")


def test_opml_comes_in_and_goes_out(portal, tmp_path: Path) -> None:
    listed = tmp_path / "feeds.opml"
    listed.write_bytes(OPML)
    said = json.loads(portal.run("sources", "import", str(listed), "--json").stdout)
    assert [(one["name"], one["url"]) for one in said["added"]] == [
        ("a.example", "https://a.example/feed"),
        ("b.example", "https://b.example/feed?x=1&y=2"),
    ]
    assert json.loads(portal.run("sources", "import", str(listed), "--json").stdout)["known"] == 2
    out = portal.run("sources", "export").stdout_bytes
    assert [one.url for one in read_outlines(out)] == [
        "https://a.example/feed",
        "https://b.example/feed?x=1&y=2",
    ]


def test_a_config_may_end_and_begin_as_any_editor_writes_it(portal, tmp_path: Path) -> None:
    listed = tmp_path / "feeds.opml"
    listed.write_bytes(OPML)
    last = '[[source]]\r\nname = "laatste"\r\nkind = "feed"\r\nurl = "https://z.example/" # of all'
    head = portal.config.read_bytes().replace(b"\n", b"\r\n")
    portal.config.write_bytes(b"\xef\xbb\xbf" + head + last.encode())
    result = portal.run("sources", "import", str(listed))
    assert result.exit_code == 0, result.stderr
    held = portal.config.read_bytes()
    assert last.encode() + b"\r\n" in held
    assert b"\n" not in held.replace(b"\r\n", b"")


def test_a_list_may_have_a_namespace_and_names_each_feed_once(portal, tmp_path: Path) -> None:
    listed = tmp_path / "feeds.opml"
    listed.write_text(
        '<OPML xmlns="http://opml.org/spec2"><body><outline xmlUrl="https://A.example/feed"/><outline '
        'text="groep"><outline xmlUrl="https://a.example/feed#nieuws"/></outline></body></OPML>'
    )
    said = json.loads(portal.run("sources", "import", str(listed), "--json").stdout)
    assert [one["name"] for one in said["added"]] == ["a.example"]
    listed.write_bytes(OPML)
    said = json.loads(portal.run("sources", "import", str(listed), "--json").stdout)
    assert ([one["name"] for one in said["added"]], said["known"]) == (["b.example"], 1)


def test_a_list_that_is_too_long_is_refused_rather_than_cut_off(portal, tmp_path: Path) -> None:
    listed = tmp_path / "feeds.opml"
    outlines = "".join(f'<outline xmlUrl="https://a.example/{number}"/>' for number in range(MOST + 1))
    listed.write_text(f"<opml><body>{outlines}</body></opml>")
    before = portal.config.read_bytes()
    result = portal.run("sources", "import", str(listed))
    assert result.exit_code == 1
    assert "more than 5,000 feeds" in result.stderr
    assert portal.config.read_bytes() == before


@pytest.mark.parametrize("document", [b"", b"<html/>", b"{}", b'<!DOCTYPE x [<!ENTITY a "a">]><opml>&a;'])
def test_what_is_no_opml_is_refused(document: bytes) -> None:
    with pytest.raises(OutlinesError):
        read_outlines(document)


def test_init_proposes_sources_and_themes_of_a_site(site: HTTPServer, tmp_path: Path) -> None:
    page(site, "/", link("application/rss+xml", "/feed.xml"), link("application/atom+xml", "/weg.xml"))
    site.expect_request("/feed.xml").respond_with_data(FEED)
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "portaal"), "--from", site.url_for("/")])
    assert result.exit_code == 0, result.output
    settings = load(tmp_path / "portaal" / "kennisportal.toml")
    assert settings.site.name == "Nieuws uit Voorbeeld"
    assert [(source.kind, source.url) for source in settings.source] == [("feed", site.url_for("/feed.xml"))]
    assert [(theme.slug, theme.categories) for theme in settings.theme] == [("ict", ["ICT"])]
    assert (
        "# of pages and of readers who chose none" in (tmp_path / "portaal" / "kennisportal.toml").read_text()
    )
    config = ["--config", str(tmp_path / "portaal" / "kennisportal.toml")]
    assert CliRunner().invoke(cli, ["collect", *config]).exit_code == 0
    assert CliRunner().invoke(cli, ["feeds", "build", *config]).exit_code == 0


def test_init_proposes_a_feed_once_though_it_is_there_in_two_formats(
    tmp_path: Path, site: HTTPServer
) -> None:
    page(site, "/", link("application/rss+xml", "/rss"), link("application/atom+xml", "/atom"))
    for path in ("/rss", "/atom"):
        site.expect_request(path).respond_with_data(FEED)
    config = tmp_path / "kennisportal.toml"
    result = CliRunner().invoke(cli, ["init", str(tmp_path), "--from", site.url_for("/")])
    assert result.exit_code == 0, result.output
    assert [source.url for source in load(config).source] == [site.url_for("/rss")]


def test_what_is_neither_a_source_nor_an_address_is_said_to_be(portal) -> None:
    said = portal.run("sources", "test", "neiuws")
    assert (said.exit_code, "no source of the config" in said.output) == (1, True)
    assert (
        "https://bestaat-niet.invalid can't be reached"
        in portal.run("sources", "add", "bestaat-niet.invalid").output
    )
    assert portal.run("sources", "add", "https://bron.example/", "--kind", "rss").exit_code == 2


def test_init_from_a_site_without_anything_leaves_nothing(site: HTTPServer, tmp_path: Path) -> None:
    page(site, "/")
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "portaal"), "--from", site.url_for("/")])
    assert result.exit_code == 1
    assert not (tmp_path / "portaal").exists()


def test_init_from_a_private_host_says_how_to_allow_it_and_remembers_it(
    site: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.expect_request("/").respond_with_data(FEED)
    monkeypatch.delenv("KENNISPORTAL_COLLECT__ALLOW_HOSTS")
    url = site.url_for("/").replace("localhost", "127.0.0.1")
    refused = CliRunner().invoke(cli, ["init", str(tmp_path), "--from", url])
    assert refused.exit_code == 1
    assert "private or local address (127.0.0.1)" in refused.stderr
    advice = """KENNISPORTAL_COLLECT__ALLOW_HOSTS='["127.0.0.1"]'"""
    assert advice in refused.stderr
    assert "[collect]" not in refused.stderr
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("KENNISPORTAL_COLLECT__ALLOW_HOSTS", '["127.0.0.1"]')
    assert CliRunner().invoke(cli, ["init", str(tmp_path), "--from", url]).exit_code == 0
    monkeypatch.delenv("KENNISPORTAL_COLLECT__ALLOW_HOSTS")
    config = tmp_path / "kennisportal.toml"
    assert load(config).collect.allow_hosts == ["127.0.0.1"]
    assert "# hosts that may be at a private address" in config.read_text()
    assert CliRunner().invoke(cli, ["collect", "--config", str(config)]).exit_code == 0


@pytest.mark.parametrize(
    "url, name",
    [
        ("https://www.voorbeeld.example/feed", "voorbeeld.example"),
        ("https://B\u00fccher.example/", "bcher.example"),
        ("https://a.example/2", "a.example-2"),
        ("https://[::1]:8000/", "1"),
    ],
)
def test_a_source_is_called_after_its_host(url: str, name: str) -> None:
    assert name_for(url, ["a.example"]) == name


def test_a_visit_that_takes_too_long_ends_with_what_it_has(
    portal, site: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sitemap(site)
    site.expect_request("/robots.txt").respond_with_data("", 404)
    added(portal, site.url_for("/start.xml"), "--name", "gemeente")
    moments = iter([0.0, 1.0, 2.0, 3.0, 1_000.0])  # the beginning, two sitemaps, and two pages
    with monkeypatch.context() as patch:
        slow = vars(visit.anyio) | {"current_time": lambda: next(moments)}
        patch.setattr(visit, "anyio", SimpleNamespace(**slow))
        first = json.loads(portal.run("collect", "gemeente", "--json").stdout)
    assert (first["new"], first["failed"]) == (1, 0)
    portal.wait(minutes=20)
    assert json.loads(portal.run("collect", "gemeente", "--json").stdout)["new"] == 1


def test_a_source_of_another_kind_at_the_same_address_remembers_nothing(portal, site: HTTPServer) -> None:
    wordpress(site)
    site.expect_request("/blog/").respond_with_data(FEED)
    added(portal, site.url_for("/blog/"), "--name", "blog")
    portal.run("collect", "blog")
    portal.config.write_text(portal.config.read_text().replace('kind = "feed"', 'kind = "wordpress"'))
    portal.wait(minutes=20)
    assert json.loads(portal.run("collect", "blog", "--json").stdout)["failed"] == 0


def test_a_config_behind_a_link_is_changed_where_it_is(portal, site: HTTPServer) -> None:
    site.expect_request("/feed.xml").respond_with_data(FEED)
    real = portal.root / "elders.toml"
    portal.config.rename(real)
    real.chmod(0o640)
    portal.config.symlink_to(real)
    added(portal, site.url_for("/feed.xml"))
    assert portal.config.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "/feed.xml" in real.read_text()
