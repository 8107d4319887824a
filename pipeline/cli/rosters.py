"""Lists of people as CSV files, in and out: more of ``kennisportal subscribers``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click

from pipeline.app import App
from pipeline.cli.console import (
    as_option,
    fail,
    json_option,
    numbers,
    say,
    say_json,
    warn,
    with_app,
)
from pipeline.edges.roster import roster_lines, write_roster
from subscribers.roster import COLUMNS, SUPPRESSION_COLUMNS, csv_lines, read_rows, roster_row
from subscribers.subscriber import LEFT, State

_Row = tuple[int, Mapping[str, str]]

existing = click.Path(exists=True, dir_okay=False, path_type=Path)
_out = click.Path(dir_okay=False, path_type=Path, allow_dash=True)


def note_given(confirmed: bool, note: str) -> str:
    """The proof that an administrator gives for others; empty where they give none."""
    if confirmed and not note.strip():
        raise click.UsageError("--confirmed needs --consent-note TEXT: the proof of consent is kept")
    return note.strip() if confirmed else ""


@click.command("import")
@click.argument("file", type=existing, metavar="CSV")
@click.option("--confirmed", is_flag=True, help="They all did agree; --consent-note says how you know.")
@click.option("--consent-note", default="", metavar="TEXT", help="How they agreed, kept as proof.")
@click.option(
    "--map", "maps", multiple=True, metavar="THEIRS=OURS", help="What a column means; '' leaves it out."
)
@click.option("--dry-run", is_flag=True, help="Only tell what would become of every row.")
@as_option
@json_option
@with_app
def import_(
    app: App,
    file: Path,
    confirmed: bool,
    consent_note: str,
    maps: tuple[str, ...],
    dry_run: bool,
    who: str,
    as_json: bool,
) -> None:
    """Import subscribers from a CSV file.

    Its columns: email, name, language, timezone, frequency, interests, consented_at, consent_source,
    consent_text; only email and interests must be there. A row that can't be used is named with its
    line and the reason, and the rest goes on.
    """
    proof, renamed = note_given(confirmed, consent_note), _renamed(maps)
    rows = _whole(file, partial(read_rows, renamed=renamed))
    enroller = app.enroller()
    report = (enroller.rehearse if dry_run else enroller.take)(rows, proof)
    counts = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "kept": report.kept,
    }
    if not dry_run:
        app.audit(who, "subscribers import", f"{file.name}: {numbers(counts)}")
    if as_json:
        say_json(
            counts
            | {
                "pending": report.pending,
                "reasons": report.reasons,
                "refused": [{"line": line, "why": why} for line, why in report.refused],
            }
        )
    else:
        say(f"{'Nothing is kept. ' if dry_run else ''}Subscribers: {numbers(counts)}.")
        if report.reasons:
            say(f"Left out: {numbers(report.reasons)}.")
        if report.kept:
            say(f"{report.kept} of them chose by themselves since, and keep that.")
        if report.pending:
            say(
                f"{report.pending} of them get no mail yet, for want of proof of consent: give the file the "
                "column consented_at, or import it with --confirmed --consent-note '…' where they did agree."
            )
    _tell(file, report.refused)


@click.command()
@click.argument("file", type=_out, default="-", metavar="[CSV]")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([one.value for one in State if one is not State.ERASED]),
    help="Only those in this state; otherwise all who are not gone.",
)
@click.option("--theme", default="", help="Only those who follow this theme.")
@as_option
@with_app
def export(app: App, file: Path, states: tuple[str, ...], theme: str, who: str) -> None:
    """Write subscribers to a CSV file that can be imported again.

    The proof of their consent is in it.
    """
    chosen = [State(state) for state in states] or [state for state in State if state not in LEFT]
    with app.store.read() as work:
        rows = (roster_row(*one) for one in work.rosters.with_proof(chosen, theme))
        number = write_roster(file, csv_lines(COLUMNS, rows))
    app.audit(who, "subscribers export", f"{number} subscribers")
    warn(f"{number} subscribers written. These are personal data: keep the file to yourself.")


@click.command("suppressed")
@click.argument("file", type=_out, default="-", metavar="[CSV]")
@as_option
@with_app
def suppressed(app: App, file: Path, who: str) -> None:
    """Write the addresses that get no mail to a CSV file.

    It is what 'suppress --from' takes in.

    Of who was erased or never was a subscriber there is only the keyed hash of the address, which means
    something to this portal alone.
    """
    with app.store.read() as work:
        number = write_roster(file, csv_lines(SUPPRESSION_COLUMNS, work.rosters.suppressions()))
    app.audit(who, "subscribers suppressed", f"{number} addresses")
    warn(f"{number} suppressed addresses written.")


def suppress_all(app: App, file: Path, reason: str, who: str, *, as_json: bool) -> None:
    """Suppress every address in a file."""
    rows = _whole(file, partial(read_rows, columns=SUPPRESSION_COLUMNS))
    report = app.enroller().suppress_all(rows, reason)
    counts = {"added": report.added, "unchanged": report.unchanged}
    app.audit(who, "subscribers suppress", f"{file.name}: {numbers(counts)}")
    if as_json:
        refused = [{"line": line, "why": why} for line, why in report.refused]
        say_json(counts | {"refused": refused})
    else:
        say(f"Suppressed: {numbers(counts)}.")
    _tell(file, report.refused)


def _whole(file: Path, read: Callable[[Iterable[str]], Iterable[_Row]]) -> Iterable[_Row]:
    """The rows of a file, once all of it was read: one that is no CSV further down is refused as a whole."""
    for _ in read(roster_lines(file)):
        pass
    return read(roster_lines(file))


def _tell(file: Path, refused: Sequence[tuple[int, str]]) -> None:
    """Name every row that was left out, and fail where there is any."""
    for line, why in refused:
        warn(f"{file}:{line}: {why}")
    if refused:
        fail(f"{len(refused)} rows of {file} were left out; mend them and import the file again")


def _renamed(maps: tuple[str, ...]) -> dict[str, str]:
    """Which of our columns theirs are."""
    renamed = {}
    for one in maps:
        theirs, sign, ours = (part.strip().lower() for part in one.partition("="))
        if not sign or not theirs or (ours and ours not in COLUMNS):
            raise click.UsageError(
                f"--map {one!r} must be like 'E-mailadres=email'; ours are {', '.join(COLUMNS)}, "
                "and nothing leaves a column out"
            )
        renamed[theirs] = ours
    return renamed
