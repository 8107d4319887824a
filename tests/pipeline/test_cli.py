"""The command line as a user meets it: what it says when something is wrong, and its exit codes."""

import json
import re
import shlex

import pytest
from click.testing import CliRunner

from pipeline.cli import cli


def one_line(text: str) -> str:
    """The only line on stderr."""
    (line,) = text.strip().splitlines()
    return line


def ready(portal, *titles: str) -> None:
    for number, title in enumerate(titles or ("De gemeente", "De cloud")):
        portal.write(f"a{number}", title)
    assert portal.run("collect").exit_code == 0
    options = ("--confirmed", "--consent-note", "op papier")
    assert (
        portal.run("subscribers", "add", "l1@voorbeeld.example", "--interests", "cloud", *options).exit_code
        == 0
    )


# What goes wrong: one line that names the thing and says what to do, and the exit code.


@pytest.mark.parametrize(
    "before, after, says",
    [
        ("[publish]", "[publish", "kennisportal.toml: this is not valid TOML"),
        (
            'slug = "cloud"',
            'slug = "Cloud!"',
            r":\d+: theme\[2\].slug: use small letters, digits and hyphens",
        ),
        ('name = "Cloud"', "name = 5", r":\d+: theme\[2\].name: this is text; put it in quotes"),
        ("[publish]", '[publish]\nentries = "veel"', r":\d+: publish.entries: write a whole number"),
        (
            'parent = "overheid"',
            'parent = "nergens"',
            r":\d+: .*'nergens', which is no theme",
        ),
        (
            'kind = "folder"',
            'kind = "mailbox"',
            r":\d+: source\[0\].kind: 'mailbox' is no kind",
        ),
        (
            'directory = "public"',
            'directori = "public"',
            r":\d+: publish.directori: .*unknown",
        ),
        ('base_url = "https://portaal.example"', "", r":\d+: site.base_url: .*missing"),
        (
            "https://portaal.example",
            "portaal.example",
            r":\d+: site.base_url: .*no web address",
        ),
        ("maildir://mail", "pigeon://mail", r":\d+: mail.transport: .*smtp://"),
        ("overzicht@portaal.example", "overzicht", r":\d+: mail.from: .*no e-mail address"),
        ('frequency = "weekly"', 'frequency = "yearly"', r":\d+: digest\[0\].frequency: "),
        (
            'frequency = "weekly"',
            'frequency = "weekly"\nday = "zondag"',
            r":\d+: digest\[0\]",
        ),
        ('host_pause = "0s"', 'host_pause = "soon"', r":\d+: collect.host_pause: .*'15m'"),
        ('path = "artikelen"', "", r":\d+: source\[0\]"),
    ],
)
def test_a_broken_config_names_the_line_the_key_and_what_to_do(
    portal, before: str, after: str, says: str
) -> None:
    text = portal.config.read_text()
    assert before in text
    if before.startswith("path"):
        text = text.replace('url = "https://portaal.example/artikelen"', "")
    portal.config.write_text(text.replace(before, after, 1))
    result = portal.run("status")
    assert result.exit_code == 1
    assert re.search(says, one_line(result.stderr))
    assert result.stdout == ""


def test_the_line_it_names_is_the_line_it_means(portal) -> None:
    portal.config.write_text(portal.config.read_text().replace('slug = "cloud"', 'slug = "Cloud!"'))
    number = int(re.search(r"kennisportal\.toml:(\d+):", portal.run("status").stderr)[1])
    assert portal.config.read_text().splitlines()[number - 1] == 'slug = "Cloud!"'


def test_a_wrong_environment_variable_is_named(portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENNISPORTAL_PUBLISH__ENTRIES", "veel")
    assert "$KENNISPORTAL_PUBLISH__ENTRIES" in one_line(portal.run("status").stderr)
    monkeypatch.setenv("KENNISPORTAL_PUBLISH__ENTRIES", "7")
    assert portal.run("status").exit_code == 0


def test_without_a_config_it_says_how_to_make_one(portal) -> None:
    portal.config.unlink()
    result = portal.run("collect")
    assert result.exit_code == 1
    assert "kennisportal init" in one_line(result.stderr)


def test_a_missing_key_and_a_missing_database_are_named(portal) -> None:
    (portal.root / "var" / "secret.key").rename(portal.root / "sleutel")
    result = portal.run("subscribers", "list")
    assert (result.exit_code, "secret.key" in one_line(result.stderr)) == (1, True)
    (portal.root / "sleutel").rename(portal.root / "var" / "secret.key")
    (portal.root / "var" / "kennisportal.db").unlink()
    result = portal.run("subscribers", "list")
    assert (result.exit_code, "kennisportal db upgrade" in one_line(result.stderr)) == (1, True)
    assert portal.run("db", "upgrade").exit_code == 0
    assert portal.run("db", "check").exit_code == 0
    assert portal.run("subscribers", "list").exit_code == 0


def test_a_theme_that_somebody_follows_cannot_just_disappear(portal) -> None:
    ready(portal)
    text = portal.config.read_text()
    portal.config.write_text(text.replace('slug = "cloud"', 'slug = "wolk"'))
    result = portal.run("collect")
    assert result.exit_code == 1
    assert re.search(
        "no theme 'cloud' any more.*kennisportal themes rename cloud NEW", one_line(result.stderr)
    )


def test_a_missing_template_is_named_before_anything_is_sent(portal) -> None:
    ready(portal)
    own = portal.root / "templates" / "email" / "digest"
    own.mkdir(parents=True)
    (own / "item.html.j2").write_text("{% include 'email/digest/weg.html.j2' %}")
    result = portal.run("digest", "send", "daily", "--yes")
    result = portal.run("digest", "send", "weekly", "--yes")
    assert result.exit_code == 1
    assert "weg.html.j2" in one_line(result.stderr)
    (own / "item.html.j2").write_text("{% if %}")
    result = portal.run("digest", "send", "weekly", "--yes")
    assert re.search(r"item\.html\.j2:1: the template is wrong", one_line(result.stderr))
    assert portal.mails() == []
    (own / "item.html.j2").unlink()
    assert portal.run("digest", "send", "weekly", "--yes").exit_code == 0
    assert len(portal.mails()) == 1


def test_a_mail_server_that_is_down_loses_nothing(portal) -> None:
    ready(portal)
    config = portal.config.read_text()
    portal.config.write_text(config.replace("maildir://mail", "smtp://127.0.0.1:1"))
    result = portal.run("digest", "send", "weekly", "--yes")
    assert result.exit_code == 1
    assert re.search(r"mail server 127\.0\.0\.1:1 .*send again", one_line(result.stderr))
    portal.config.write_text(config)
    result = portal.run("digest", "send", "weekly", "--yes", "--json")
    assert json.loads(result.stdout)["deliveries"] == {"accepted": 1}
    assert len(portal.mails()) == 1


def test_bad_rows_of_a_roster_are_named_with_file_and_line(portal) -> None:
    roster = portal.root / "lezers.csv"
    roster.write_text("email,interests\nnee,cloud\nl2@voorbeeld.example,wolken\nl3@voorbeeld.example,cloud\n")
    result = portal.run("subscribers", "import", str(roster), "--confirmed", "--consent-note", "papier")
    assert result.exit_code == 1
    lines = result.stderr.strip().splitlines()
    assert lines[0].startswith(f"{roster}:2: 'nee' is no e-mail address")
    assert lines[1].startswith(f"{roster}:3: theme 'wolken' does not exist")
    assert "2 rows" in lines[2]
    assert "1 added" in result.stdout


def test_a_malformed_source_fails_alone(portal) -> None:
    portal.write("goed", "De gemeente")
    (portal.articles / "slecht.md").write_bytes(b"\xff\xfe niet leesbaar")
    result = portal.run("collect", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["new"] == 1
    assert report["per_source"][0]["problems"][0]["what"] == "slecht.md"
    assert "map: slecht.md: it is not UTF-8" in result.stderr


@pytest.mark.parametrize(
    "words, says",
    [
        (("collect", "nergens"), "'nergens' is no source; the config has: map"),
        (("feeds", "build", "nergens"), "'nergens' is no theme; the config has: overheid"),
        (("digest", "status", "weekly"), "write it like 'weekly/2026-12-07'"),
        (("digest", "send", "soms"), "or give a frequency: immediate"),
        (("digest", "plan", "weekly", "--at", "morgen"), "write it like 2026-12-07"),
        (("digest", "plan", "weekly", "--at", "9999-12-31"), "nearer to ours"),
        (("digest", "plan", "daily", "--at", "0001-01-01T00:00+14:00"), "nearer to ours"),
        (("subscribers", "import", "/nergens.csv"), "does not exist"),
        (("articles", "list", "--theme", "nergens"), "no theme"),
    ],
)
def test_wrong_use_is_exit_code_2(portal, words: tuple[str, ...], says: str) -> None:
    result = portal.run(*words)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(
    "words, says",
    [
        (("digest", "status", "weekly/2026-01-05"), "there is no edition"),
        (("digest", "reconcile", "weekly/2026-01-05"), "there is no edition"),
        (("explain", "niemand@voorbeeld.example"), "is no subscriber"),
        (("explain", "geen-adres"), "no e-mail address"),
        (("subscribers", "show", "niemand@voorbeeld.example"), "is no subscriber"),
        (("subscribers", "add", "a@voorbeeld.example", "--interests", "wolken"), "choose from"),
        (("themes", "explain", "999"), "no article"),
        (("digest", "preview", "weekly"), "nobody would get a mail"),
        (("digest", "test", "weekly", "--to", "a@voorbeeld.example"), "nobody is due anything"),
    ],
)
def test_what_is_not_there_is_exit_code_1(portal, words: tuple[str, ...], says: str) -> None:
    result = portal.run(*words)
    assert result.exit_code == 1
    assert says in one_line(result.stderr)


def test_a_send_without_a_terminal_wants_a_yes(portal) -> None:
    ready(portal)
    result = portal.run("digest", "send", "weekly")
    assert result.exit_code == 2
    assert re.search(r"Send weekly/\S+ to 1 readers, .*“De cloud”.*--yes", " ".join(result.stderr.split()))
    assert json.loads(portal.run("digest", "list", "--json").stdout) == []


def test_sending_the_rest_of_an_edition_asks_for_no_more_than_the_rest(portal) -> None:
    ready(portal)
    for email in ("l2@voorbeeld.example", "l3@voorbeeld.example"):
        portal.run(
            "subscribers", "add", email, "--interests", "cloud", "--confirmed", "--consent-note", "op papier"
        )
    assert portal.run("digest", "send", "weekly", "--limit", "1", "--yes").exit_code == 0
    (edition,) = json.loads(portal.run("digest", "list", "--json").stdout)
    for target in ("weekly", edition["edition"]):
        result = portal.run("digest", "send", target)
        assert f"Send {edition['edition']} to 2 readers, most" in " ".join(result.stderr.split())
    portal.run("digest", "pause", edition["edition"])
    result = portal.run("digest", "send", "weekly")
    assert (result.exit_code, "it is paused" in result.stderr) == (1, True)


# What goes right, told by machine.


def test_every_report_is_one_json_document(portal) -> None:
    ready(portal)
    plan = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)
    assert plan | {"edition": ""} == {
        "edition": "",
        "candidates": 1,
        "segments": 1,
        "planned": 1,
        "nothing_due": 0,
        "skipped": {},
        "superseded": 0,
        "resumed": False,
    }
    again = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)
    assert (again["edition"], again["resumed"]) == (plan["edition"], True)
    edition = plan["edition"]
    preview = json.loads(portal.run("digest", "preview", edition, "--json").stdout)
    assert preview[0]["subject"] == "De cloud"
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert (status["state"], status["candidates"], status["deliveries"]) == ("planned", 1, {"planned": 1})
    sent = json.loads(portal.run("digest", "send", edition, "--yes", "--json").stdout)
    assert sent["sent"] == {"accepted": 1}
    balance = json.loads(portal.run("digest", "reconcile", edition, "--json").stdout)
    assert (balance["balanced"], balance["uncertain"]) == (True, [])
    build = json.loads(portal.run("feeds", "build", "--json").stdout)
    assert (build["built"], build["unchanged"], build["failed"]) == (4, 0, 0)
    assert json.loads(portal.run("feeds", "build", "--json").stdout)["unchanged"] == 4
    for words in (
        ("status",),
        ("sources", "list"),
        ("themes", "list"),
        ("themes", "explain", "1"),
        ("articles", "list"),
        ("articles", "show", "1"),
        ("feeds", "list"),
        ("feeds", "check"),
        ("subscribers", "list"),
        ("subscribers", "find", "voorbeeld"),
        ("subscribers", "show", "l1@voorbeeld.example"),
        ("digest", "list"),
        ("explain", "l1@voorbeeld.example"),
        ("explain", "l1@voorbeeld.example", "1"),
        ("sources", "test", "map"),
        ("db", "check"),
    ):
        result = portal.run(*words, "--json")
        assert result.exit_code == 0, (words, result.output)
        assert json.loads(result.stdout)
        assert not re.search(r"\d-\d\d \d\d:\d\d", result.stdout), "a moment is written as in RFC 3339"
        plain = portal.run(*words)
        assert plain.exit_code == 0
        assert plain.stdout.strip()


def test_themes_explain_shows_each_match_with_its_evidence(portal) -> None:
    portal.write(
        "a", "Gemeenten in beweging", "Over de cloud en nog eens de cloud.", more="categories: [Overheid]\n"
    )
    portal.run("collect")
    shown = portal.run("themes", "explain", "https://portaal.example/artikelen/a?utm_source=mail").stdout
    assert "keyword 'gemeente' in the title (+3)" in shown
    assert "category 'Overheid' in its categories (+5)" in shown
    assert "keyword 'cloud' in the text (+2)" in shown
    assert "cloud: not in, for want of points (3 are needed)" in shown


def test_a_pin_is_shown_written_down_and_taken_off_again(portal) -> None:
    ready(portal)
    address = "https://portaal.example/artikelen/a1"
    assert portal.run("articles", "pin", address, "--as", "Redactie").stdout == "Pinned: De cloud\n"
    shown = json.loads(portal.run("articles", "list", "--json").stdout)
    assert {article["title"]: article["pinned"] for article in shown} == {
        "De gemeente": False,
        "De cloud": True,
    }
    assert "pinned" in portal.run("articles", "list", "--theme", "cloud").stdout.splitlines()[1].split()
    assert "pinned: True" in portal.run("articles", "show", address).stdout.splitlines()
    assert portal.run("articles", "pin", address, "--off", "--as", "Redactie").exit_code == 0
    article = json.loads(portal.run("articles", "show", address, "--json").stdout)
    assert article["pinned"] is False
    with portal.open() as app, app.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT who, action, what FROM audit ORDER BY id").all()
    said = f"article {article['id']}"
    assert rows[-2:] == [("Redactie", "articles pin", said), ("Redactie", "articles unpin", said)]


def test_an_update_by_the_source_keeps_the_pin(portal) -> None:
    ready(portal)
    address = "https://portaal.example/artikelen/a1"
    portal.run("articles", "pin", address)
    portal.wait(hours=1)
    portal.write(
        "a1", "De cloud", "De cloud is nu een heel andere wolk, met andere regels en een andere prijs."
    )
    assert portal.run("collect").exit_code == 0
    article = json.loads(portal.run("articles", "show", address, "--json").stdout)
    assert (article["revision"], article["pinned"]) == (2, True)


def test_pinning_what_is_not_there_says_so(portal) -> None:
    result = portal.run("articles", "pin", "999")
    assert result.exit_code == 1
    assert "'999' is no article we know" in one_line(result.stderr)


@pytest.mark.parametrize(
    "command, options",
    [
        (("test", "weekly", "--to", "redactie@portaal.example"), "--subscriber and --themes exclude"),
        (("preview", "weekly", "--all"), "--subscriber and --themes and --all exclude"),
    ],
)
def test_options_that_exclude_each_other_are_named_and_no_others(portal, command, options: str) -> None:
    result = portal.run("digest", *command, "--subscriber", "a@voorbeeld.example", "--themes", "cloud")
    assert result.exit_code == 2
    assert f"Error: {options} each other; give one of them" in result.stderr


def test_a_test_mail_goes_to_one_address_and_moves_nothing(portal) -> None:
    ready(portal)
    result = portal.run("digest", "test", "weekly", "--to", "redactie@portaal.example")
    assert result.exit_code == 0, result.output
    (mail,) = portal.mails()
    assert b"To: redactie@portaal.example" in mail
    assert json.loads(portal.run("digest", "list", "--json").stdout) == []
    made_up = portal.run("digest", "preview", "weekly", "--themes", "gemeenten", "--language", "en")
    assert "De gemeente" in made_up.stdout
    portal.config.write_text(portal.config.read_text().replace("[site]", '[site]\nlanguage = "en"'))
    for more, language in (((), "en"), (("--language", "nl"), "nl")):
        made_up = portal.run("digest", "preview", "weekly", "--themes", "gemeenten", "--json", *more)
        assert [one["language"] for one in json.loads(made_up.stdout)] == [language]
    own = portal.run("digest", "preview", "weekly", "--subscriber", "l1@voorbeeld.example")
    assert "De cloud" in own.stdout
    assert json.loads(portal.run("explain", "l1@voorbeeld.example", "--json").stdout)["due"] == [
        "De cloud (new)"
    ]


def test_an_edition_can_be_approved_paused_resumed_and_cancelled(portal) -> None:
    config = portal.config.read_text()
    portal.config.write_text(config.replace('frequency = "weekly"', 'frequency = "weekly"\napproval = true'))
    ready(portal)
    edition = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)["edition"]
    refused = portal.run("digest", "send", edition, "--yes")
    assert (refused.exit_code, "digest approve" in refused.stderr) == (1, True)
    assert portal.run("digest", "approve", edition).exit_code == 0
    assert portal.run("digest", "approve", edition).exit_code == 1
    assert portal.run("digest", "pause", edition).exit_code == 0
    assert "digest resume" in portal.run("digest", "send", edition, "--yes").stderr
    assert portal.run("digest", "resume", edition).exit_code == 0
    assert portal.run("digest", "cancel", edition, "--yes").exit_code == 0
    assert portal.mails() == []
    status = json.loads(portal.run("digest", "status", edition, "--json").stdout)
    assert (status["state"], status["cancelled"]) == ("cancelled", {"cancelled": 1})
    second = json.loads(portal.run("digest", "plan", "weekly", "--json").stdout)
    assert (second["edition"], second["planned"]) == (f"{edition}.2", 1)


def test_an_added_reader_without_proof_gets_no_mail_until_confirmed(portal) -> None:
    portal.write("a", "De cloud")
    portal.run("collect")
    added = portal.run("subscribers", "add", "l1@voorbeeld.example", "--interests", "cloud")
    assert "subscribers confirm" in added.stdout
    portal.run("digest", "send", "weekly", "--yes")
    assert portal.mails() == []
    assert (
        portal.run(
            "subscribers", "confirm", "l1@voorbeeld.example", "--consent-note", "aan de balie"
        ).exit_code
        == 0
    )
    portal.run("digest", "send", "weekly", "--yes")
    assert len(portal.mails()) == 1


def test_init_writes_a_portal_that_works_as_it_stands(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*words: str):
        return CliRunner().invoke(cli, list(words))

    assert run("init", str(tmp_path / "portaal")).exit_code == 0
    again = run("init", str(tmp_path / "portaal"))
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    monkeypatch.chdir(tmp_path / "portaal")
    assert (tmp_path / "portaal" / "var" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert run("db", "check").exit_code == 0
    assert json.loads(run("collect", "--json").stdout)["new"] == 1
    assert run("feeds", "build").exit_code == 0
    assert run("feeds", "check").exit_code == 0
    options = ("--interests", "gemeenten", "--confirmed", "--consent-note", "zelf")
    assert run("subscribers", "add", "ik@voorbeeld.example", *options).exit_code == 0
    assert json.loads(run("digest", "send", "weekly", "--yes", "--json").stdout)["sent"] == {"accepted": 1}


def test_what_init_says_to_do_next_can_be_pasted_whatever_its_directory_is_called(tmp_path) -> None:
    name = tmp_path / "Ons 'portaal' & meer"
    said = CliRunner().invoke(cli, ["init", str(name)]).stdout
    [after] = re.findall(r"Next: (.*?) && kennisportal collect", said)
    assert shlex.split(after) == ["cd", str(name)]


def test_what_the_demo_says_to_try_next_can_be_pasted_whatever_its_directory_is_called(tmp_path) -> None:
    said = CliRunner().invoke(cli, ["demo", "--output", str(tmp_path / "Demo's & meer")]).stdout
    tries = [line for line in said.splitlines() if " --config " in line]
    assert len(tries) == 5
    assert all(str(tmp_path / "Demo's & meer" / "kennisportal.toml") in shlex.split(one) for one in tries)
    assert "make serve" not in said, "which shows the demo of the checkout alone"


def test_what_is_the_same_of_many_articles_is_told_in_one_line(portal) -> None:
    for number in range(9):
        portal.write(f"{number}", f"Bericht {number}", date='""')
    portal.write("kapot", "", date="nooit")
    said = portal.run("collect").stderr
    assert said.count("it has no date") == 1
    assert "and 8 others: it has no date" in said
    assert "kapot.md" in said
