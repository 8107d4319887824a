"""Mishaps met by hard use, each of which once stopped more than it should."""

import json
import stat

from click.testing import CliRunner
from pytest_httpserver import HTTPServer

from pipeline.cli import cli

OPTIONS = ("--confirmed", "--consent-note", "op papier")


def ready(portal) -> None:
    portal.write("c", "De cloud", "Tekst.")
    portal.write("g", "De gemeente", "Tekst.")
    portal.run("collect")
    for name, theme in (("c1", "cloud"), ("c2", "cloud"), ("g", "gemeenten")):
        portal.run("subscribers", "add", f"{name}@voorbeeld.example", "--interests", theme, *OPTIONS)


def test_a_mail_of_which_nothing_is_left_stops_no_other(portal) -> None:
    ready(portal)
    edition = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"]
    portal.remove("c")
    portal.run("collect", "--force")
    assert portal.run("digest", "preview", edition).exit_code == 0
    asked = portal.run("digest", "send", edition)
    assert (asked.exit_code, "De gemeente" in asked.stderr) == (2, True)
    sent = json.loads(portal.run("digest", "send", edition, "--yes", "--json").stdout)
    assert sent["deliveries"] == {"accepted": 1, "cancelled": 2}
    assert sent["cancelled"] == {"withdrawn": 2}


def test_a_password_in_an_address_is_shown_nowhere(portal, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/page").respond_with_data("<html><body>Geen feed", content_type="text/html")
    with portal.config.open("a") as config:
        address = f"http://wie:geheim@127.0.0.1:{httpserver.port}/page"
        config.write(f'[[source]]\nname = "pagina"\nkind = "feed"\nurl = "{address}"\n')
    outputs = [portal.run(*words) for words in (("collect",), ("status",), ("sources", "list"))]
    shown = "".join(f"{output.stdout}{output.stderr}" for output in outputs)
    assert "is a web page" in shown
    assert "geheim" not in shown


def test_one_source_that_breaks_the_collector_leaves_the_others(portal, httpserver: HTTPServer) -> None:
    items = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><link>https://x.example/{number}</link>"
        f"<title>Titel {number}</title></item>"
        for number, guid in enumerate(["a b", "a  b", "a b "])
    )
    feed = f"<rss version='2.0'><channel><title>X</title>{items}</channel></rss>"
    httpserver.expect_request("/feed").respond_with_data(feed, content_type="application/rss+xml")
    with portal.config.open("a") as config:
        address = f"http://127.0.0.1:{httpserver.port}/feed"
        config.write(f'[[source]]\nname = "x"\nkind = "feed"\nurl = "{address}"\n')
    portal.write("a", "Uit de map")
    for _ in range(2):
        portal.run("collect", "--force")
    titles = {one["title"] for one in json.loads(portal.run("articles", "list", "--json").stdout)}
    assert titles == {"Uit de map", "Titel 0", "Titel 1", "Titel 2"}


def test_an_unclosed_quote_far_down_leaves_the_whole_roster_untaken(portal) -> None:
    roster = portal.root / "lezers.csv"
    rows = [f"l{number}@voorbeeld.example,cloud" for number in range(600)]
    roster.write_text("\n".join(["email,interests", *rows, '"open@voorbeeld.example,cloud', "x,y"]))
    result = portal.run("subscribers", "import", str(roster), *OPTIONS)
    assert (result.exit_code, "begins on line 602" in result.stderr) == (1, True)
    assert json.loads(portal.run("subscribers", "list", "--json").stdout) == []


def test_a_template_that_breaks_is_one_line_with_its_place(portal) -> None:
    ready(portal)
    own = portal.root / "templates" / "email" / "digest"
    own.mkdir(parents=True)
    for mistake in ("{{ 1 / 0 }}", "{{ nergens }}"):
        (own / "item.html.j2").write_text(mistake)
        result = portal.run("digest", "preview", "weekly")
        (line,) = result.stderr.strip().splitlines()
        assert (result.exit_code, "item.html.j2:1" in line) == (1, True)
    (own / "item.html.j2").write_bytes(b"\xff")
    assert len(portal.run("digest", "preview", "weekly").stderr.strip().splitlines()) == 1


def test_init_completes_a_portal_and_never_replaces_a_key_that_people_are_known_by(portal) -> None:
    key = portal.root / "var" / "secret.key"
    key.unlink()
    assert CliRunner().invoke(cli, ["init", str(portal.root)]).exit_code == 0
    assert key.stat().st_mode & 0o777 == 0o600
    (portal.root / "var" / "kennisportal.db").unlink()
    assert CliRunner().invoke(cli, ["init", str(portal.root)]).exit_code == 0
    assert portal.run("subscribers", "suppress", "weg@voorbeeld.example").exit_code == 0
    key.unlink()
    refused = CliRunner().invoke(cli, ["init", str(portal.root)])
    assert (refused.exit_code, "from a backup" in refused.stderr) == (1, True)
    assert not key.exists()


def test_the_database_is_for_its_owner_alone_and_doctor_says_where_it_is_not(portal) -> None:
    database = portal.root / "var" / "kennisportal.db"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert "others may read" not in portal.run("doctor").stdout
    database.chmod(0o644)
    shown = portal.run("doctor").stdout
    assert "others may read" in shown
    assert f"chmod 600 {database}" in shown


def test_a_database_that_can_not_be_opened_is_named_with_what_to_do(portal) -> None:
    database = portal.root / "var" / "kennisportal.db"
    database.unlink()
    database.mkdir()  # as little of a file as one that is another user's
    said = portal.run("status").output
    assert f"{database} refuses: unable to open database file; let the user that runs this" in said


def test_what_doctor_says_to_do_about_a_file_can_be_pasted(portal) -> None:
    key = portal.root / "var" / "geheime sleutel"
    (portal.root / "var" / "secret.key").rename(key)
    key.chmod(0o644)
    portal.config.write_text(
        portal.config.read_text().replace("[mail]\n", f'[mail]\nsecret_key_file = "{key}"\n')
    )
    assert f"chmod 600 '{key}'" in portal.run("doctor").stdout


def test_a_missing_page_template_is_named_as_such(portal) -> None:
    own = portal.root / "templates" / "web"
    own.mkdir(parents=True)
    (own / "theme.html.j2").write_text("{% extends 'web/weg.html.j2' %}")
    result = portal.run("feeds", "build")
    assert (result.exit_code, "weg.html.j2" in result.stderr) == (1, True)
    assert "disk" not in result.stderr


def test_explain_knows_of_a_digest_that_waits(portal) -> None:
    ready(portal)
    edition = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"]
    shown = portal.run("explain", "g@voorbeeld.example").stdout
    assert f"has one in {edition} with one article, planned" in shown
