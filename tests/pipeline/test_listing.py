"""Lists on a terminal and for programs: whole, and streamed, as a portal may have a million readers."""

import json

import pytest
from rosters import rows_of

from pipeline.cli import console

pytestmark = pytest.mark.each_database
ROSTER = """email,name,interests
lezer1@voorbeeld.example,Lezer Één,cloud
lezer2@elders.example,Tweede lezer,gemeenten;cloud
lezer3@voorbeeld.example,,gemeenten
"""


@pytest.fixture
def listed(portal):
    """A portal with three readers."""
    with portal.open() as app:
        assert app.enroller().take(rows_of(ROSTER.encode()), "op papier").added == 3
    return portal


@pytest.mark.parametrize(
    "text, found",
    [
        ("ÉÉN", ["lezer1"]),
        ("één", ["lezer1"]),
        ("VOORBEELD.example", ["lezer1", "lezer3"]),
        ("TWEEDE", ["lezer2"]),
        ("%", []),
        ("", ["lezer1", "lezer2", "lezer3"]),
    ],
)
def test_who_is_looked_for_is_found_whatever_the_capitals(listed, text: str, found: list[str]) -> None:
    shown = json.loads(listed.run("subscribers", "find", text, "--json").stdout)
    assert [reader["email"].partition("@")[0] for reader in shown] == found


def test_a_list_for_programs_is_as_if_it_were_written_at_once(listed) -> None:
    for words in (["list"], ["list", "--theme", "cloud"], ["list", "--state", "paused"]):
        output = listed.run("subscribers", *words, "--json").stdout
        assert output == json.dumps(json.loads(output), ensure_ascii=False, indent=2) + "\n"


def test_a_table_of_any_length_has_one_heading_and_every_row(listed, monkeypatch) -> None:
    whole = listed.run("subscribers", "list").stdout
    monkeypatch.setattr(console, "_TOGETHER", 2)
    output = listed.run("subscribers", "list").stdout
    assert [line.split() for line in output.splitlines()] == [line.split() for line in whole.splitlines()]
    assert [line.split()[0] for line in output.splitlines()] == [
        "email",
        "lezer1@voorbeeld.example",
        "lezer2@elders.example",
        "lezer3@voorbeeld.example",
    ]
    assert listed.run("subscribers", "list", "--state", "paused").stdout.split() == whole.split()[:5]
