"""The config: every mistake is one line that names the file, the line and the key, or the variable."""

import os
import re
import sys
from pathlib import Path

import pytest

from pipeline.settings import ConfigError, load

CONFIG = """\
[site]
name = "Proefportaal"
base_url = "https://portaal.example"

[database]
url = "sqlite:///var/kennisportal.db"
reserve = "200MB"

[collect]
contact = ""

[publish]
hub = ""

[web]
form_origins = []
metrics_from = []

[alerts]
to = []
webhook = ""

[log]
format = "json"
level = "info"

[mail]
from = "Proefportaal <overzicht@portaal.example>"
transactional_from = ""
bounce_domain = ""
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.upper().startswith("KENNISPORTAL_"):
            monkeypatch.delenv(name)
    path = tmp_path / "kennisportal.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def refused(config: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(config)
    message = str(caught.value)
    assert message.isprintable()  # so it is one line
    return message


def put(config: Path, key: str, value: str) -> int:
    """Give a key another value, in TOML; gives the number of its line."""
    lines = config.read_text(encoding="utf-8").splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith(f"{key} = ")]
    lines[place] = f"{key} = {value}"
    config.write_text("\n".join(lines), encoding="utf-8")
    return place + 1


A_FILE = r"write three slashes and its path, like 'sqlite:///var/kennisportal\.db'"

WRONG = [
    ("database", "url", '"foo"', r"no database address; write it like 'sqlite:///var/kennisportal\.db'"),
    ("database", "url", '""', r"no database address; write it like 'sqlite:///"),
    ("database", "url", '"sqlite://host:port/a"', r"no database address; write it like 'sqlite:///"),
    ("database", "url", '"mysql://root:geheim@db/portaal"', r"must begin with sqlite:/// or postgresql\+psy"),
    ("database", "url", '"postgresql://db/portaal"', r"must begin with sqlite:/// or postgresql\+psycopg://"),
    ("database", "url", '"sqlite://var/kennisportal.db"', A_FILE),
    ("database", "url", '"sqlite://"', A_FILE),
    ("database", "url", '"sqlite:///:memory:"', A_FILE),
    ("database", "url", '"sqlite:///a.db?mode=ro"', A_FILE),
    ("database", "reserve", '"200"', r"is no size; write a number and a unit, like '200MB' or '1GB'"),
    ("database", "reserve", "200", r"is no size; write a number and a unit"),
    ("database", "reserve", '"-1MB"', r"is no size; write a number and a unit"),
    (
        "web",
        "metrics_from",
        '["overal"]',
        r"'overal' is no address or network; write it like '10\.0\.0\.0/8'",
    ),
    ("web", "metrics_from", '["10.0.0.1/8"]', r"'10\.0\.0\.1/8' is no address or network"),
    (
        "alerts",
        "webhook",
        '"chat.example/geheim"',
        r"no web address; leave it empty, or write it like 'https",
    ),
    ("log", "format", '"xml"', r"'console' or 'json'"),
    ("log", "level", '"loud"', r"'debug', 'info', 'warning' or 'error'"),
    ("publish", "hub", '"hub.example"', r"leave it empty, or write it like 'https://hub\.example/'"),
    ("publish", "hub", '"ftp://hub.example/"', r"'ftp://hub\.example/' is no web address"),
    ("publish", "hub", '"https://hub.example/ x"', r"is no web address"),
    ("publish", "hub", '"https://hub.example/\\n"', r"is no web address"),
    ("publish", "hub", '"https://wie:geheim@hub.example/"', r"names the hub to everybody, so no"),
    ("collect", "contact", '"één@portaal.example"', r"write one line of plain ASCII, like 'https://"),
    ("collect", "contact", '"a\\r\\nX-Evil: 1"', r"write one line of plain ASCII, like 'https://"),
    ("mail", "transactional_from", '"Portaal <post@>"', r"'post@' is no e-mail address"),
    ("mail", "bounce_domain", '"geen domein"', r"no mail domain; write it like 'outlook\.example'"),
    (
        "web",
        "form_origins",
        '["https://www.portaal.example/aanmelden"]',
        r"is no origin; write it like 'https:",
    ),
    ("web", "form_origins", '["*"]', r"'\*' is no origin; write it like 'https://www\.portaal\.example'"),
    ("web", "form_origins", '["null"]', r"'null' is no origin"),
]


@pytest.mark.parametrize("section, key, value, advice", WRONG)
def test_a_wrong_value_is_refused_with_its_line_its_key_and_what_to_do(
    config: Path, section: str, key: str, value: str, advice: str
) -> None:
    number = put(config, key, value)
    message = refused(config)
    assert message.startswith(f"{config}:{number}: {section}.{key}: ")
    assert re.search(advice, message)
    assert "geheim" not in message


@pytest.mark.parametrize(
    "section, key, value, becomes",
    [
        ("database", "url", "sqlite:////srv/portaal.db", "sqlite:////srv/portaal.db"),
        ("publish", "hub", "https://hub.example/?topic=a", "https://hub.example/?topic=a"),
        ("publish", "hub", "https://münchen.example/", "https://xn--mnchen-3ya.example/"),
        ("collect", "contact", "https://portaal.example/over", "https://portaal.example/over"),
    ],
)
def test_a_right_value_is_taken(config: Path, section: str, key: str, value: str, becomes: str) -> None:
    put(config, key, f'"{value}"')
    assert getattr(getattr(load(config), section), key) == becomes


@pytest.mark.parametrize(
    "url", ["htps://gemeente.example/rss", "gemeente.example/rss", "http://[1/rss", "/rss"]
)
def test_a_source_whose_url_is_none_is_refused_with_its_line(config: Path, url: str) -> None:
    text = f'{config.read_text()}\n[[source]]\nname = "nieuws"\nkind = "feed"\nurl = "{url}"\n'
    config.write_text(text)
    message = refused(config)
    assert re.match(rf"{config}:{len(text.splitlines())}: source\[\d\]\.url: ", message)
    assert f"{url!r} is no web address; write it like" in message


def test_a_password_in_a_wrong_url_of_a_source_is_not_shown(config: Path) -> None:
    with config.open("a") as more:
        more.write('\n[[source]]\nname = "n"\nkind = "feed"\nurl = "htps://wij:geheim@gemeente.example"\n')
    assert "geheim" not in refused(config)


def test_a_postgresql_is_taken_only_where_there_is_something_to_speak_to_it(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = put(config, "url", '"postgresql+psycopg://portaal:geheim@db/portaal"')
    with monkeypatch.context() as without:
        without.setattr(sys, "path", [])
        without.delitem(sys.modules, "psycopg", raising=False)
        message = refused(config)
    assert message.startswith(f"{config}:{number}: database.url: ")
    assert "pip install 'kennisportal[postgresql]'" in message
    assert "geheim" not in message
    (tmp_path / "psycopg.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load(config).database.url.startswith("postgresql+psycopg://")


@pytest.mark.parametrize(
    "name, value, says",
    [
        (
            "COLLECT__ALLOW_HOSTS",
            "intranet.example",
            r"no JSON list; write it like '\[\"intranet\.example\"\]'",
        ),
        ("COLLECT__ALLOW_HOSTS", "", r"valid list"),
        ("collect__allow_hosts", "intranet.example", r"no JSON list; write it like"),
        ("SITE", "x", r"set its keys one by one, like KENNISPORTAL_SITE__"),
        ("THEME", "cloud", r"write \[\[theme\]\] tables in the config"),
        ("SOURCE", '[{"name": "a"}]', r"this key is missing; add it"),
        ("SOURCE__0__NAME", "a", r"valid list"),
        ("DATABASE__URL", "foo", r"no database address"),
        ("MAIL__BOUNCE_DOMAIN", "geen domein", r"no mail domain; write it like"),
        ("SITE__NAAM", "x", r"unknown; remove it or mend its name"),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_do(
    config: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv("KENNISPORTAL_SITE__LANGUAGE", "nl")
    monkeypatch.setenv("KENNISPORTAL_COLLECT__CONTACT", "intranet.example")
    monkeypatch.setenv(f"KENNISPORTAL_{name}", value)
    message = refused(config)
    assert message.startswith(f"$KENNISPORTAL_{name}: ")
    assert re.search(says, message)


def test_a_list_can_be_given_in_a_variable(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENNISPORTAL_COLLECT__ALLOW_HOSTS", '["intranet.example"]')
    assert load(config).collect.allow_hosts == ["intranet.example"]


def test_paths_start_beside_the_config_whatever_the_environment_says(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KENNISPORTAL_ROOT", "/elders")
    settings = load(config)
    assert settings.path("var") == config.parent / "var"
    assert settings.root == config.parent


def test_a_root_in_the_config_is_an_unknown_key(config: Path) -> None:
    config.write_text('root = "/elders"\n' + CONFIG, encoding="utf-8")
    assert refused(config) == f"{config}:1: root: this key is unknown; remove it or mend its name"
