"""``kennisportal digest``: editions, from plan to report."""

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, datetime, time
from pathlib import Path
from typing import Any

import click

from pipeline import jobs
from pipeline.app import App
from pipeline.cli import editions, sending
from pipeline.cli.bounces import warn_of_spikes
from pipeline.cli.console import (
    as_option,
    confirm,
    fail,
    json_option,
    numbers,
    say,
    say_json,
    table,
    warn,
    with_app,
    yes_option,
)
from pipeline.cli.editions import EditionType, say_open, status_document
from pipeline.cli.failure import Failure
from pipeline.steps.deliver import DeliverReport
from pipeline.steps.plan import PlanReport
from pipeline.steps.preview import Choice, Specimen
from subscribers.delivery import Accepted, DeliveryState, Outcome, Uncertain
from subscribers.edition import EditionName
from subscribers.frequency import Frequency
from subscribers.roster import themes_in
from subscribers.subscriber import AddressError, normal_address


@click.group()
def digest() -> None:
    """Editions: plan, look, send, account for."""


for _command in (
    editions.list_,
    editions.status,
    editions.reconcile,
    editions.settle,
    editions.report,
    editions.approve,
    editions.hold,
    editions.pause,
    editions.resume,
    editions.cancel,
):
    digest.add_command(_command)


class _Target(click.ParamType[EditionName | Frequency]):
    """An edition's name, or a frequency."""

    name = "EDITION|FREQUENCY"

    def convert(self, value: Any, param: Any, ctx: Any) -> EditionName | Frequency:
        if value in list(Frequency):
            return Frequency(value)
        try:
            return EditionName.parse(value)
        except ValueError as error:
            self.fail(f"{error}, or give a frequency: {', '.join(Frequency)}", param, ctx)


def _whose(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose whose mail is meant."""
    for option, help in (
        ("--language", "With --themes, otherwise the site's; or of the segments: nl or en."),
        ("--themes", "A made-up reader who follows these themes."),
        ("--subscriber", "This reader's own."),
    ):
        command = click.option(option, default="", help=help)(command)
    return command


@digest.command()
@click.argument("frequency", type=click.Choice([one.value for one in Frequency]))
@click.option("--at", metavar="ISO", help="The date the edition is named after; otherwise the current slot.")
@as_option
@json_option
@with_app
def plan(app: App, frequency: str, at: str | None, who: str, as_json: bool) -> None:
    """Freeze an edition: who gets what. Planning a slot again gives the edition that is open."""
    report = jobs.plan_by_hand(app, Frequency(frequency), _moment(app, at) if at else None)
    app.audit(who, "digest plan", str(report.edition))
    if as_json:
        say_json(_planned(report))
    else:
        _say_plan(report)
        if report.planned:
            say(f"Next: kennisportal digest preview {report.edition}, or digest send {report.edition}")


@digest.command()
@click.argument("target", type=_Target())
@_whose
@click.option("--all", "every", is_flag=True, help="Every segment's.")
@click.option("--open", "show", is_flag=True, help="Open it in a browser.")
@json_option
@with_app
def preview(
    app: App,
    target: EditionName | Frequency,
    subscriber: str,
    themes: str,
    language: str,
    every: bool,
    show: bool,
    as_json: bool,
) -> None:
    """Show an edition's mails, or what they would be. Moves nothing.

    One that is not planned yet is shown as if it were planned now.
    """
    report, specimens = _specimens(app, target, _choice(app, subscriber, themes, language, every))
    if not specimens:
        raise Failure(f"nobody would get a mail in {report.edition if report else target} now")
    written = [_written(app, number, specimen) for number, specimen in enumerate(specimens, 1)]
    if as_json:
        say_json(
            [
                {
                    "edition": str(specimen.edition),
                    "language": specimen.language,
                    "readers": specimen.readers,
                    "articles": len(specimen.digest),
                    "subject": specimen.letter.subject,
                    "html": str(path),
                    "text": str(path.with_suffix(".txt")),
                }
                for specimen, path in zip(specimens, written, strict=True)
            ]
        )
    else:
        table(
            ("edition", "language", "readers", "articles", "subject", "page"),
            [
                (
                    specimen.edition,
                    specimen.language,
                    specimen.readers,
                    len(specimen.digest),
                    specimen.letter.subject,
                    path,
                )
                for specimen, path in zip(specimens, written, strict=True)
            ],
        )
        if len(specimens) == 1:
            say(f"\n{specimens[0].text}")
    if show:
        click.launch(str(written[0]))


@digest.command()
@click.argument("target", type=_Target())
@click.option("--to", required=True, metavar="EMAIL", help="Who gets the test mail.")
@_whose
@with_app
def test(
    app: App,
    target: EditionName | Frequency,
    to: str,
    subscriber: str,
    themes: str,
    language: str,
) -> None:
    """Send a test mail: one segment's, as it would go out. Freezes nothing, moves nothing."""
    address = normal_address(to)
    _, specimens = _specimens(app, target, _choice(app, subscriber, themes, language, False))
    if not specimens:
        raise Failure("nobody is due anything, so there is no mail to test; --themes makes one up")
    outcome = jobs.send_alone(app, address, app.previewer().message(specimens[0], address))
    _insist(address, outcome)
    say(f"Sent to {address}: {specimens[0].letter.subject}")


@digest.command()
@click.argument("edition", type=EditionType())
@click.option(
    "--to", "email", required=True, metavar="EMAIL", help="A reader who had a mail in this edition."
)
@yes_option
@as_option
@with_app
def resend(app: App, edition: EditionName, email: str, yes: bool, who: str) -> None:
    """Send one reader their mail of an edition once more.

    It is a new message, and their cursor stays.
    """
    specimen = app.previewer().again(edition, normal_address(email))
    address = specimen.recipient.email
    confirm(f"Send {address} once more: {specimen.letter.subject}?", yes)
    outcome = jobs.send_alone(app, address, app.previewer().message(specimen, address))
    reader = app.enroller().known(address).id
    app.audit(who, "digest resend", f"{edition} to subscriber {reader}: {outcome.reply}")
    _insist(address, outcome)
    say(f"Sent to {address}: {specimen.letter.subject} ({outcome.reply})")


@digest.command()
@click.argument("target", type=_Target())
@click.option("--limit", type=click.IntRange(1), help="At most this many, and the rest another time.")
@yes_option
@as_option
@json_option
@with_app
def send(
    app: App, target: EditionName | Frequency, limit: int | None, yes: bool, who: str, as_json: bool
) -> None:
    """Send an edition now. A frequency is planned first; an edition that broke off is resumed."""
    if not yes:
        confirm(_intention(app, target, limit), yes)
    name = jobs.plan_by_hand(app, target).edition if isinstance(target, Frequency) else target
    edition = app.desk().ready(name)
    app.audit(who, "digest send", str(name))
    report, stopped = sending.send(app, edition, limit, quiet=as_json)
    account = app.desk().account(name)
    if as_json:
        say_json(status_document(account) | {"sent": report.settled, "cancelled_now": report.cancelled})
    else:
        say(f"{name}: {numbers(report.settled)} now; it is {account.state}.")
        say_open(account)
    for domain, reason in report.paused.items():
        warn(f"{domain} is paused ({reason}); mend that, then: kennisportal domains resume {domain}")
    warn_of_spikes(report.spikes)
    _complain(name, report, stopped)


def _insist(address: str, outcome: Outcome) -> None:
    """Fail unless a mail of its own was taken."""
    if isinstance(outcome, Uncertain):
        fail(f"{address}: nobody knows whether it arrived; look before you send it again: {outcome.reply}")
    if not isinstance(outcome, Accepted):
        fail(f"{address}: the mail server did not take it: {outcome.reply}")


def _complain(name: EditionName, report: DeliverReport, stopped: bool) -> None:
    """Fail where something stands in the way that an administrator must know of."""
    if report.broken and not report.handed_over:
        raise next(iter(report.broken.values()))
    if report.broken:
        fault = next(iter(report.broken.values()))
        fail(
            f"{len(report.broken)} letters of {name} could not be made ({type(fault).__name__}: {fault}); "
            f"mend the template, and 'kennisportal digest send {name}' sends them; the others went"
        )
    if stopped:
        fail(f"told to stop; 'kennisportal digest send {name}' goes on with {name}")
    if report.settled and not report.settled.get(DeliveryState.ACCEPTED):
        fail(f"no mail of {name} was accepted; 'kennisportal digest status {name}' tells more")


def _moment(app: App, text: str) -> datetime:
    """A moment in ISO 8601; a date alone is its last second, local time where no offset is given."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date or moment; write it like 2026-12-07 or 2026-12-07T08:00", param_hint="--at"
        ) from None
    if len(text) <= len("2026-12-07"):
        moment = datetime.combine(moment, time(23, 59, 59))
    if not MINYEAR < moment.year < MAXYEAR:
        raise click.BadParameter(
            f"{text!r} is at an end of time; give a date nearer to ours", param_hint="--at"
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=app.settings.site.zone)


def _specimens(
    app: App, target: EditionName | Frequency, choice: Choice
) -> tuple[PlanReport | None, list[Specimen]]:
    if isinstance(target, EditionName):
        return None, app.previewer().of_edition(target, choice)
    return app.previewer().of_frequency(app.timetable(target), app.settings.site.timezone, choice)


def _choice(app: App, subscriber: str, themes: str, language: str, every: bool) -> Choice:
    options = {"--subscriber": subscriber, "--themes": themes, "--all": every}
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other; give one of them")
    if language and language not in app.templates:
        raise click.BadParameter(
            f"{language!r} is not one of {', '.join(app.templates)}", param_hint="--language"
        )
    try:
        address = normal_address(subscriber) if subscriber else ""
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--subscriber") from None
    if themes and not language:
        language = app.settings.site.language
    return Choice(address, themes_in(themes, app.tree), language, every)


def _written(app: App, number: int, specimen: Specimen) -> Path:
    """The specimen as files to look at: a page and its plain text."""
    directory = app.settings.path("var/preview")
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{specimen.edition}-{number}-{specimen.language}".replace("/", "-").replace(":", "")
    page = directory / f"{name}.html"
    page.write_text(specimen.html, encoding="utf-8")
    page.with_suffix(".txt").write_text(specimen.text, encoding="utf-8")
    return page


def _intention(app: App, target: EditionName | Frequency, limit: int | None) -> str:
    """What sending would do now, in one line: slot, readers, subject."""
    name, specimens, readers = target, list[Specimen](), None
    if isinstance(name, Frequency):
        report, specimens = _specimens(app, name, Choice())
        assert report is not None
        name, readers = report.edition, None if report.resumed else report.planned
    if readers is None:  # some of what stands already may have been sent before, or wait for a word
        edition = app.desk().ready(name)
        with app.store.read() as work:
            readers = work.deliveries.left(edition.id, app.clock())
        specimens = app.previewer().of_edition(name, Choice()) if readers else []
    some = f", {limit} of them now" if limit is not None and limit < readers else ""
    return f"Send {name} to {readers} readers{some}{_subject(specimens)}?"


def _subject(specimens: list[Specimen]) -> str:
    return f", most of them under the subject “{specimens[0].letter.subject}”" if specimens else ""


def _planned(report: PlanReport) -> dict[str, object]:
    return {
        "edition": str(report.edition),
        "candidates": report.candidates,
        "segments": report.segments,
        "planned": report.planned,
        "nothing_due": report.nothing_due,
        "skipped": report.skipped,
        "superseded": report.superseded,
        "resumed": report.resumed,
    }


def _say_plan(report: PlanReport) -> None:
    already = ", planned before" if report.resumed else ""
    say(
        f"{report.edition}{already}: {report.candidates} candidates, {report.planned} mails in "
        f"{report.segments} segments, {report.nothing_due} due nothing."
    )
    if report.skipped:
        say(f"  skipped: {numbers(report.skipped)}")
    if report.superseded:
        say(f"  {report.superseded} take the place of mails of an earlier edition that never left")
