"""``kennisportal audit``: who did what."""

import click

from pipeline.app import App
from pipeline.cli.console import json_option, say_json, table, with_app


@click.command()
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@with_app
def audit(app: App, limit: int, as_json: bool) -> None:
    """What was decided by command, and by whom; the latest first."""
    with app.store.read() as work:
        entries = work.register.audited(limit)
    if as_json:
        say_json([{"at": one.at, "who": one.who, "action": one.action, "what": one.what} for one in entries])
        return
    zone = app.settings.site.zone
    table(
        ("at", "who", "action", "what"),
        [(f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}", one.who, one.action, one.what) for one in entries],
    )
