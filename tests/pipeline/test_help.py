"""The help: every command is told of, in a line that fits on a terminal, and none costs the others' time."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from pipeline.cli import cli


def groups(command: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """The words that lead to a group and to those below it."""
    yield path
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        if isinstance(below, click.Group):
            yield from groups(below, *path, name)


@pytest.mark.parametrize("path", list(groups(cli)), ids=" ".join)
def test_a_group_tells_each_of_its_commands_in_one_whole_line(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    _, _, listed = result.stdout.partition("  -h, --help" if not path else "Commands:\n")
    commands = [line for line in listed.splitlines()[1 if not path else 0 :] if line.startswith("  ")]
    assert commands
    for line in commands:
        assert line.endswith("."), f"{line.strip()}: cut off, or in two lines"
        assert len(line) <= 80


def test_every_command_is_found_by_its_name() -> None:
    context = click.Context(cli)
    names = cli.list_commands(context)
    assert len(names) == len(set(names))
    assert [cli.get_command(context, name).name for name in names] == names
    result = CliRunner().invoke(cli, ["nonsense"])
    assert (result.exit_code, "No such command 'nonsense'" in result.stderr) == (2, True)


def test_who_misspells_a_command_is_told_which_it_may_be() -> None:
    for words, meant in ((["colect"], "collect"), (["sources", "lst"], "list")):
        result = CliRunner().invoke(cli, words)
        assert (result.exit_code, f"Did you mean {meant!r}?" in result.stderr) == (2, True)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_needs_no_portal_waits_for_none_of_its_parts(option: str) -> None:
    program = (
        "import sys; from pipeline.cli import cli\n"
        f"cli([{option!r}], standalone_mode=False)\n"
        "print(sorted({'sqlalchemy', 'pydantic', 'pipeline.app'} & sys.modules.keys()), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout
    assert result.stderr == "[]\n"
