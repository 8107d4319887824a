"""``kennisportal doctor``."""

from pathlib import Path

import click

from pipeline.app import App
from pipeline.cli.console import config_option, fail, json_option, say, say_json
from pipeline.doctor import examine
from pipeline.doctor.outside import Outside
from pipeline.edges.dns import Resolver
from pipeline.settings import load
from subscribers.senderdns import Finding, Verdict


@click.command()
@click.option(
    "--resolver", default="", metavar="ADDRESS[:PORT]", help="The DNS server to ask, instead of the system's."
)
@click.option(
    "--time-server",
    default="pool.ntp.org",
    show_default=True,
    metavar="ADDRESS[:PORT]",
    help="Whom to ask the time.",
)
@json_option
@config_option
def doctor(config: Path, resolver: str, time_server: str, as_json: bool) -> None:
    """Check config, database, mail servers, DNS, clock and disk, and say what to do about each.

    Exit code 1 if something is wrong.
    """
    found: list[Finding] = []
    app = App(load(config))
    app.config = config
    with app:
        for finding in examine(app, Outside(Resolver(resolver), time_server)):
            found.append(finding)
            if not as_json:
                say(f"{finding.verdict:<9}  {finding.check}: {finding.saw}")
                if finding.advice and finding.verdict is not Verdict.OK:
                    say(f"{'':<9}    {finding.advice}")
    if as_json:
        say_json(
            [
                {"check": one.check, "verdict": one.verdict, "saw": one.saw, "advice": one.advice}
                for one in found
            ]
        )
    wrong = sum(finding.verdict is Verdict.WRONG for finding in found)
    if wrong:
        fail(f"{wrong} of {len(found)} checks found something wrong")
