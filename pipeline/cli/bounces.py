"""``kennisportal bounces``: what comes back."""

from datetime import datetime
from pathlib import Path

import click

from pipeline import jobs
from pipeline.app import App
from pipeline.cli import console
from pipeline.cli.console import as_option, json_option, numbers, say, say_json, warn, with_app, yes_option
from pipeline.cli.failure import Failure
from pipeline.edges.mailbox import messages
from pipeline.steps.feedback import IngestReport


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
    _report(report, as_json)


@bounces.command()
@json_option
@with_app
def poll(app: App, as_json: bool) -> None:
    """Take in what came to [bounces] imap, and remove it there.

    What we can make nothing of is kept too, but stays there, marked as seen, for somebody to read.
    """
    if not app.settings.bounces.imap:
        raise Failure(
            "[bounces] imap names no mailbox; write it like 'imaps://user:password@mail.example/INBOX'"
        )
    _report(jobs.poll_bounces(app), as_json)


@bounces.command()
@click.option("--domain", required=True, help="The provider that had a bad day, such as outlook.com.")
@click.option(
    "--since", required=True, type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="From when on."
)
@yes_option
@as_option
@json_option
@with_app
def undo(app: App, domain: str, since: datetime, yes: bool, who: str, as_json: bool) -> None:
    """Take back what hard bounces at a domain led to since a day.

    Who rests is mailed again from the next edition on, and who was suppressed for it too; a complaint and
    unsubscribing stand. Days are those of the site's time zone.
    """
    moment = since.replace(tzinfo=app.settings.site.zone)
    console.confirm(f"Take back all hard bounces at {domain} since {moment:%Y-%m-%d %H:%M}?", yes)
    undone = app.ingester().undo(domain.lower(), moment)
    app.audit(who, "bounces undo", f"{domain} since {moment.isoformat()}: {numbers(undone)}")
    if as_json:
        say_json(undone)
    else:
        say(f"Mailed again from now on: {numbers(undone)}.")


def warn_of_spikes(spikes: dict[str, int]) -> None:
    """Tell of domains that have a bad day."""
    for domain, number in spikes.items():
        warn(
            f"{number} readers at {domain} bounced within a day, so it must be the domain: nobody was "
            "suppressed, they rest for a week; once it is well again: "
            f"kennisportal bounces undo --domain {domain} --since DATE"
        )


def _report(report: IngestReport, as_json: bool) -> None:
    if as_json:
        found = {"rested": report.bounces.rested, "suppressed": report.bounces.suppressed}
        taken = {"taken": report.kinds, "repeated": report.repeated, "paused": report.paused}
        say_json(taken | found | {"spikes": report.bounces.spikes})
    else:
        say(f"Taken in: {numbers(report.kinds)}; {report.repeated} had been before.")
        if report.bounces.rested or report.bounces.suppressed:
            rested, suppressed = report.bounces.rested, report.bounces.suppressed
            say(f"{rested} readers rest for a while, {suppressed} get no mail any more.")
    for domain, reason in report.paused.items():
        warn(f"{domain} is paused ({reason}); mend that, then: kennisportal domains resume {domain}")
    warn_of_spikes(report.bounces.spikes)
