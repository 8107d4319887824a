"""``kennisportal collect``."""

import click

from feeds.source import Source
from pipeline.app import App
from pipeline.cli.console import fail, json_option, numbers, say, say_json, table, warn, with_app
from pipeline.steps.collect import CollectReport
from pipeline.steps.settle import SourceReport

_NUMBERS = ("new", "updated", "unchanged", "withdrawn", "restored", "backfill", "waiting", "polished")


@click.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--force",
    is_flag=True,
    help="Look at all, due or not, as if for the first time; an empty folder then withdraws its articles.",
)
@click.option("--dry-run", is_flag=True, help="Work everything out and keep nothing.")
@json_option
@with_app
def collect(app: App, names: tuple[str, ...], force: bool, dry_run: bool, as_json: bool) -> None:
    """Collect new and changed articles from the sources that are due."""
    sources = _sources(app, names)
    rethemed = 0 if dry_run else app.rethemer().apply()
    report = app.collector().collect(sources, force=force, dry_run=dry_run, progress=_said)
    if as_json:
        say_json(_document(report, rethemed))
    else:
        _summary(app, report, rethemed, dry_run)
    if report.held:
        held = [part.name for part in report.sources if part.held]
        fail(f"{len(held)} of {len(report.sources)} sources are held back: {', '.join(held)}")
    if report.failed:
        failed = [part.name for part in report.sources if part.error]
        fail(f"{len(failed)} of {len(report.sources)} sources failed: {', '.join(failed)}")
    lost = sum(problem.lost for part in report.sources for problem in part.outcome.problems)
    if lost:
        problems = "one of the problems" if lost == 1 else f"{lost} of the problems"
        fail(f"{problems} above left something out, until it is mended there; the rest was collected")


def _sources(app: App, names: tuple[str, ...]) -> list[Source]:
    known = {source.name: source for source in app.settings.source}
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise click.BadParameter(f"{name!r} is no source; the config has: {listed}", param_hint="SOURCE")
    return [source for source in app.settings.source if not names or source.name in names]


def _said(part: SourceReport) -> None:
    if part.error or part.held:
        warn(part.error or part.held)
    for problem in part.outcome.problems:
        warn(f"{part.name}: {problem}")


def _summary(app: App, report: CollectReport, rethemed: int, dry_run: bool) -> None:
    if not report.sources:
        say(
            "No source is due now; --force looks regardless."
            if app.settings.source
            else "There are no sources."
        )
    else:
        columns = ("new", "updated", "unchanged", "withdrawn")
        table(
            ("source", *columns),
            [
                (part.name, *[getattr(part.outcome, name) for name in columns])
                if not part.error and not part.held
                else (part.name, "failed" if part.error else "held back", "", "", "")
                for part in report.sources
            ],
        )
    also = numbers(
        {
            "released": report.released,
            "restored": report.total("restored"),
            "with words that changed and mean the same": report.total("polished"),
            "in other themes": rethemed,
            "of the new are history (in feeds, not in mail)": report.total("backfill"),
            "of the new wait for their date": report.total("waiting"),
        }
    )
    if also != "nothing":
        say(f"Also: {also}.")
    if dry_run:
        say("This was a dry run: nothing was kept.")


def _document(report: CollectReport, rethemed: int) -> dict[str, object]:
    return (
        {"sources": len(report.sources), "failed": report.failed, "held": report.held}
        | {name: report.total(name) for name in _NUMBERS}
        | {
            "released": report.released,
            "rethemed": rethemed,
            "per_source": [
                {"name": part.name}
                | {name: getattr(part.outcome, name) for name in _NUMBERS}
                | {
                    "failed": bool(part.error),
                    "error": part.error,
                    "held": part.held,
                    "problems": [
                        {"what": problem.what, "why": problem.why, "lost": problem.lost}
                        for problem in part.outcome.problems
                    ],
                }
                for part in report.sources
            ],
        }
    )
