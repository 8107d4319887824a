"""``kennisportal demo``."""

import shutil
import sys
from pathlib import Path
from shlex import quote

import click

from pipeline.cli.console import numbers, say, table
from pipeline.demo import Story, Week, play
from pipeline.settings import CONFIG_NAME


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="A directory for the demo alone; what it made there before is replaced.",
)
def demo(output: Path) -> None:
    """Play the whole pipeline on Dutch sample content, in a directory of its own."""
    story = play(output)
    table(("", "last week", "this week"), _rows(story))
    say(f"\n{story.articles} articles and {story.readers} readers. Look around:")
    for what, where in (
        ("config", story.directory / CONFIG_NAME),
        ("feeds", story.directory / "var" / "public" / "feeds"),
        ("mails", story.directory / "var" / "mail"),
    ):
        say(f"  {what:8}{where}")
    option = f"--config {quote(str(story.directory / CONFIG_NAME))}"
    program = "kennisportal" if shutil.which("kennisportal") else sys.argv[0]
    say("\nTry next:")
    for command in (
        f"{program} web {option}",
        f"{program} digest preview weekly --themes gemeenten,security {option} --open",
        f"{program} explain {story.example} {option}",
        f"{program} themes list {option}",
        f"{program} digest list {option}",
    ):
        say(f"  {command}")
    if output == Path("demo"):
        say(f"\n'make serve' shows it in a browser: {story.base_url}/")


def _rows(story: Story) -> list[tuple[str, str, str]]:
    first, second = story.weeks
    return [
        ("collected", _collected(first), _collected(second)),
        ("feeds", _published(first), _published(second)),
        *(
            (f"{name.frequency} digest", _sent(first, frequency), _sent(second, frequency))
            for name in first.editions
            for frequency in [name.frequency]
        ),
    ]


def _collected(week: Week) -> str:
    return numbers({name: week.collected.total(name) for name in ("new", "updated", "withdrawn")})


def _published(week: Week) -> str:
    return numbers({"built": len(week.published.built), "unchanged": len(week.published.unchanged)})


def _sent(week: Week, frequency: str) -> str:
    return next(
        f"{readers} mails ({name})" for name, readers in week.editions.items() if name.frequency == frequency
    )
