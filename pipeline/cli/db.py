"""``kennisportal db``: the schema."""

from pathlib import Path

import click

from pipeline.app import App
from pipeline.cli.console import config_option, fail, json_option, say, say_json, warn
from pipeline.settings import load
from pipeline.store import schema


@click.group()
def db() -> None:
    """The database's schema."""


@db.command()
@config_option
def upgrade(config: Path) -> None:
    """Bring the database to this version, making it where there is none."""
    with App(load(config)) as app:
        say(f"The database is at revision {schema.upgrade(app.database)}.")


@db.command()
@json_option
@config_option
def check(config: Path, as_json: bool) -> None:
    """Whether the database is what this version expects.

    Exit code 1 if not.
    """
    with App(load(config)) as app:
        schema.require(app.database)
        differences = schema.differences(app.database)
    if as_json:
        say_json({"revision": schema.head(), "differences": differences})
    for difference in differences:
        warn(difference)
    if differences:
        fail(f"the database differs from what this version expects in {len(differences)} places")
    if not as_json:
        say("The database is as it should be.")
