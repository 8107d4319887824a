"""``kennisportal bounces``: what comes back."""

from pathlib import Path

import click

from pipeline.app import App
from pipeline.cli.console import json_option, numbers, say, say_json, warn, with_app
from pipeline.edges.mailbox import messages


@click.group()
def bounces() -> None:
    """What comes back: reports from mail servers, and mails from who wants to leave."""


@bounces.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@json_option
@with_app
def ingest(app: App, path: Path | None, as_json: bool) -> None:
    """Take in a message on stdin, or a Maildir or mbox at PATH. Nothing is removed; twice counts once."""
    report = app.ingester().ingest(messages(path))
    if as_json:
        say_json({"taken": report.kinds, "repeated": report.repeated, "paused": report.paused})
    else:
        say(f"Taken in: {numbers(report.kinds)}; {report.repeated} had been before.")
    for domain, reason in report.paused.items():
        warn(f"{domain} is paused ({reason}); mend that, then: kennisportal domains resume {domain}")
