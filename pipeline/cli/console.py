"""What every command shares: its options, its portal, and how it speaks."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import wraps
from itertools import islice
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.table import Table

from feeds.draft import Problem
from pipeline.app import App
from pipeline.cli.failure import Failure
from pipeline.settings import CONFIG_NAME

_WIDE = 200  # columns where nobody is looking: a table in a log must not be folded

_TOGETHER = 1_000
"""Rows of a table that are lined up with each other."""

_ALIKE = 3
"""So many problems of one kind have a line each."""

Command = TypeVar("Command", bound=Callable[..., Any])


def in_few_lines(problems: Iterable[Problem]) -> list[str]:
    """A line for each problem, and one for all that are the same of many articles and cost none of them."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.why, problem.what if problem.lost else ""), []).append(problem)
    lines: list[str] = []
    for same in alike.values():
        if len(same) > _ALIKE:
            lines.append(f"{same[0].what} and {len(same) - 1} others: {same[0].why}")
        else:
            lines += map(str, same)
    return lines


def config_option(command: Command) -> Command:
    """``--config FILE``, also as ``$KENNISPORTAL_CONFIG``."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="KENNISPORTAL_CONFIG",
        default=CONFIG_NAME,
        show_default=True,
        help="The config file.",
    )(command)


def with_app(command: Command) -> Command:
    """Opens the portal of ``--config`` and hands it in first."""

    @wraps(command)
    def opened(config: Path, **options: Any) -> Any:
        with App.open(config) as app:
            return command(app, **options)

    return config_option(opened)  # type: ignore[return-value]


def with_lost_themes(command: Command) -> Command:
    """As ``with_app``, also where readers follow a theme that the config no longer has."""

    @wraps(command)
    def opened(config: Path, **options: Any) -> Any:
        with App.open(config, lost_themes=True) as app:
            return command(app, **options)

    return config_option(opened)  # type: ignore[return-value]


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Report as one JSON document.")(command)


def yes_option(command: Command) -> Command:
    return click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")(command)


def as_option(command: Command) -> Command:
    """``--as NAME``: who this is, for the audit log."""
    return click.option("--as", "who", default=user, metavar="NAME", help="Who you are, for the audit log.")(
        command
    )


def confirm(question: str, yes: bool) -> None:
    """Go on only where somebody says so: by ``--yes``, or asked on a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is no terminal to ask on: give --yes to do it.")
    if not click.confirm(question, err=True):
        raise Failure("nothing was done")


def say(text: str) -> None:
    click.echo(text)


def warn(text: str) -> None:
    """A line on stderr about something that went wrong while the rest goes on."""
    click.echo(" ".join(text.split()), err=True)


def say_json(document: object) -> None:
    """One JSON document; moments as in RFC 3339, which ``str`` does not write them as."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_in_json))


def say_json_list(documents: Iterable[object]) -> None:
    """One JSON document as well, a list that may be too long to have in memory."""
    begun = False
    for document in documents:
        text = json.dumps(document, ensure_ascii=False, indent=2, default=_in_json)
        click.echo((",\n" if begun else "[\n") + indent(text, "  "), nl=False)
        begun = True
    click.echo("\n]" if begun else "[]")


def _in_json(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows in columns, numbers to the right; of very many, some are shown while others are still to come."""
    width = None if sys.stdout.isatty() else _WIDE
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    remaining = iter(rows)
    listed, is_first = list(islice(remaining, _TOGETHER)), True
    while listed or is_first:
        shown = Table(box=None, pad_edge=False, header_style="bold", show_header=is_first)
        for number, column in enumerate(columns):
            numeric = bool(listed) and all(isinstance(row[number], int) for row in listed)
            shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in listed:
            shown.add_row(*[_cell(value) for value in row])
        console.print(shown)
        listed, is_first = list(islice(remaining, _TOGETHER)), False


def numbers(counts: Mapping[str, int]) -> str:
    """``3 accepted, 1 deferred``; "nothing" for nothing."""
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing"


def fail(text: str) -> NoReturn:
    raise Failure(text)


def _cell(value: object) -> str:
    return "".join(c if c.isprintable() else " " for c in str(value))


def user() -> str:
    """Who is at the keyboard, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
