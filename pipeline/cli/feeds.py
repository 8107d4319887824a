"""``kennisportal feeds``: what is published."""

import click

from feeds.formats import FORMATS
from feeds.theme import EVERYTHING
from pipeline.app import App
from pipeline.cli.console import fail, json_option, numbers, say, say_json, table, warn, with_app

_SHOWN = 10
"""Faults that are named of one feed: where a rule of ours has changed, there are thousands alike."""


@click.group()
def feeds() -> None:
    """What is published."""


@feeds.command()
@click.argument("slugs", nargs=-1, metavar="[THEME]...")
@click.option("--force", is_flag=True, help="Build all, whether anything changed or not.")
@json_option
@with_app
def build(app: App, slugs: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Publish every theme that has news, or only those named."""
    for slug in slugs:
        if slug not in app.tree and slug != EVERYTHING:
            listed = ", ".join(theme.slug for theme in app.tree)
            raise click.BadParameter(f"{slug!r} is no theme; the config has: {listed}", param_hint="THEME")
    app.rethemer().apply()
    report = app.publisher().publish(slugs, force=force)
    pinged = app.pinger().ping()
    for why in sorted(set(pinged.waiting.values()) - {""}):
        warn(f"{why}. {len(pinged.waiting)} documents are waiting for it")
    for slug, faults in report.failed.items():
        for fault in faults:
            warn(f"{slug}: {fault}")
    if as_json:
        say_json(
            {
                "built": len(report.built),
                "unchanged": len(report.unchanged),
                "failed": len(report.failed),
                "removed": len(report.removed),
                "pinged": len(pinged.told),
                "pings_waiting": len(pinged.waiting),
                "themes": [{"theme": slug, "result": "built"} for slug in report.built]
                + [{"theme": slug, "result": "unchanged"} for slug in report.unchanged]
                + [{"theme": slug, "result": "removed"} for slug in report.removed]
                + [
                    {"theme": slug, "result": "failed", "faults": faults}
                    for slug, faults in report.failed.items()
                ],
            }
        )
    else:
        counts = {
            "built": len(report.built),
            "unchanged": len(report.unchanged),
            "removed": len(report.removed),
        }
        say(f"Feeds: {numbers(counts)}. They are in {app.public / 'feeds'}")
    if report.failed:
        fail(f"not published, and left as they were: {', '.join(report.failed)}")


@feeds.command("list")
@json_option
@with_app
def list_(app: App, as_json: bool) -> None:
    """Every feed, its addresses, and whether it is up to date."""
    base = app.settings.site.base_url
    late = set(app.publisher().late())
    rows = [
        {
            "theme": slug,
            "name": name,
            "current": slug not in late,
            **{kind.extension: f"{base}/feeds/{slug}.{kind.extension}" for kind in FORMATS.values()},
        }
        for slug, name in [
            *((theme.slug, theme.name) for theme in app.tree),
            (EVERYTHING, app.settings.site.name),
        ]
    ]
    if as_json:
        say_json(rows)
        return
    table(
        ("theme", "name", "state", "Atom (also .rss and .json)"),
        [
            (row["theme"], row["name"], "current" if row["current"] else "to build", row["atom"])
            for row in rows
        ],
    )


@feeds.command()
@json_option
@with_app
def check(app: App, as_json: bool) -> None:
    """Read every published document back and say what is wrong with it."""
    faults = app.publisher().check(app.live.published)
    if as_json:
        say_json([{"theme": slug, "faults": found} for slug, found in faults.items()])
    for slug, found in faults.items():
        for fault in found[:_SHOWN]:
            warn(f"{slug}: {fault}")
        if len(found) > _SHOWN:
            warn(f"{slug}: and {len(found) - _SHOWN} faults more; --json names them all")
    wrong = [slug for slug, found in faults.items() if found]
    if wrong:
        fail(f"wrong or late: {', '.join(wrong)}; 'kennisportal feeds build --force' makes them anew")
    if not as_json:
        say(f"{len(faults)} feeds are sound.")
