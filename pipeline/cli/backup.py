"""``kennisportal backup`` and ``restore``."""

from pathlib import Path

import click

from feeds.size import size_text
from pipeline.app import App, now
from pipeline.cli.console import config_option, confirm, json_option, say, say_json, with_app, yes_option
from pipeline.cli.failure import Failure
from pipeline.settings import load
from pipeline.store.replay import ReplayReport
from pipeline.upkeep import Restorable, Restorer, back_up

_file = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_file, required=False)
@click.option("--force", is_flag=True, help="Replace FILE where it is there already.")
@json_option
@with_app
def backup(app: App, file: Path | None, force: bool, as_json: bool) -> None:
    """Copy the database to FILE while it is in use, and check the copy.

    Without FILE it goes into a folder beside the database, named after the moment. The secret key and the
    journal are not in it: keep those in another place.
    """
    target, size = back_up(app, file, overwrite=force)
    key = app.settings.path(app.settings.mail.secret_key_file)
    journal = app.settings.path(app.settings.database.journal)
    if as_json:
        say_json({"file": str(target), "bytes": size, "without": [str(key), str(journal)]})
        return
    say(f"{target}: {size_text(size)}, checked.")
    say(
        f"Not in it, and needed with it: {key} (secrets), {journal} (who left since, and what was sent), "
        "the config, and the DKIM key where you sign."
    )


@click.command()
@click.argument("file", type=_file, required=False)
@click.option(
    "--replay", is_flag=True, help="The database was put back by its own tools: only replay the journal."
)
@click.option(
    "--journal",
    "journals",
    type=_file,
    multiple=True,
    help="A journal; several where machines shared the database.",
)
@click.option(
    "--without-journal",
    is_flag=True,
    help="The journal is lost: nobody is sent what was published until now.",
)
@yes_option
@json_option
@config_option
def restore(
    config: Path,
    file: Path | None,
    replay: bool,
    journals: tuple[Path, ...],
    without_journal: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Put the backup FILE in the database's place, so that nobody is mailed twice or after leaving."""
    if (file is None) == (not replay):
        raise click.UsageError(
            "name the backup to put back, or give --replay after the database's own tools did."
        )
    if without_journal and journals:
        raise click.UsageError("--journal and --without-journal can't both be.")
    with App(load(config), now) as app:
        own = app.settings.path(app.settings.database.journal)
        restorer = Restorer(app, [] if without_journal else journals or [own])
        found = restorer.look(file)
        confirm(_question(app, file, found, without_journal), yes)
        kept = None
        if file is None:
            report = restorer.replay()
        else:
            report, kept = restorer.restore(file)
    if as_json:
        say_json(_document(report, kept))
    else:
        _say(report, kept)


def _question(app: App, file: Path | None, found: Restorable, lost: bool) -> str:
    if found.alive is None:
        raise Failure(f"{file or 'the database'} holds nothing yet; there is nothing to restore")
    zone = app.settings.site.zone
    when = f"{found.alive.astimezone(zone):%Y-%m-%d %H:%M}"
    risk = ""
    if lost:
        risk = " Who left since then is not known, and may be mailed again."
    elif found.blind:
        since = f"{found.since.astimezone(zone):%Y-%m-%d %H:%M}" if found.since else "nothing"
        risk = f" The journal begins {since}: who left before that and after the backup may be mailed again."
    what = f"Put back {file}" if file else "Replay the journal on the database"
    return f"{what}, as of {when}? What was entered since is lost.{risk}"


def _document(report: ReplayReport, kept: Path | None) -> dict[str, object]:
    return {
        "as_of": report.alive,
        "left": report.left,
        "suppressed": report.suppressed,
        "withheld": report.cancelled,
        "notices": report.notices,
        "moved": report.moved,
        "position": report.position,
        "backfill_until": report.served_until,
        "kept": str(kept) if kept else None,
    }


def _say(report: ReplayReport, kept: Path | None) -> None:
    say(f"Restored. {report.left} readers and {report.suppressed} addresses that left since stay left.")
    say(
        f"{report.cancelled} mails and {report.notices} notices that may have been sent are not sent again; "
        f"{report.moved} readers go on where the last send ended."
    )
    if report.served_until:
        say(
            f"What was published until {report.served_until:%Y-%m-%d %H:%M} UTC and is collected anew goes "
            "into the feeds, and into no mail: some readers may have had it. That is what they can miss."
        )
    if kept:
        say(f"The database that was there is kept as {kept}; remove it when all is well.")
    say("Next: kennisportal collect && kennisportal feeds build")
