"""Where editions stand, and what an administrator decides about them: more of ``kennisportal digest``."""

from typing import Any

import click

from pipeline import jobs
from pipeline.app import App
from pipeline.cli.console import (
    as_option,
    confirm,
    fail,
    json_option,
    numbers,
    say,
    say_json,
    table,
    user,
    with_app,
    yes_option,
)
from pipeline.steps.desk import Account
from subscribers.delivery import DeliveryState
from subscribers.edition import EditionName, EditionState


class EditionType(click.ParamType[EditionName]):
    name = "EDITION"

    def convert(self, value: Any, param: Any, ctx: Any) -> EditionName:
        try:
            return EditionName.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("list")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
@with_app
def list_(app: App, limit: int, as_json: bool) -> None:
    """The last editions."""
    accounts = app.desk().recent(limit)
    if as_json:
        say_json([status_document(account) for account in accounts])
        return
    table(
        ("edition", "state", "candidates", "deliveries"),
        [(one.edition, one.state, one.candidates, numbers(one.deliveries)) for one in accounts],
    )


@click.command()
@click.argument("edition", type=EditionType())
@json_option
@with_app
def status(app: App, edition: EditionName, as_json: bool) -> None:
    """Where an edition stands, in numbers of readers."""
    account = app.desk().account(edition)
    if as_json:
        say_json(status_document(account))
        return
    say(f"{edition}: {account.state}")
    say(f"  {account.candidates} candidates, {account.nothing_due} of them due nothing")
    say(f"  {numbers(account.deliveries)}")
    for name, reasons in (("skipped", account.skipped), ("cancelled", account.cancelled)):
        if reasons:
            say(f"  {name}: {numbers(reasons)}")
    say_open(account)


@click.command()
@click.argument("edition", type=EditionType())
@json_option
@with_app
def reconcile(app: App, edition: EditionName, as_json: bool) -> None:
    """Whether everybody an edition looked at is accounted for.

    Exit code 1 if not.
    """
    account = app.desk().account(edition)
    if as_json:
        say_json(
            {
                "edition": str(edition),
                "balanced": account.balanced,
                "candidates": account.candidates,
                "accounted": account.accounted,
                "uncertain": account.uncertain,
            }
        )
    else:
        say(f"{edition}: {account.candidates} candidates, {account.accounted} accounted for.")
        for email in account.uncertain:
            say(f"  uncertain: {email}")
        if account.uncertain:
            say(f"Settle them: kennisportal digest settle {edition} --as accepted|resend")
    if not account.balanced:
        fail(
            f"{edition} does not balance: {account.candidates} candidates, {account.accounted} accounted "
            "for; keep the database as it is and report this"
        )


@click.command()
@click.argument("edition", type=EditionType())
@click.option("--as", "how", type=click.Choice(["accepted", "resend"]), required=True)
@click.option("--by", "who", default=user, metavar="NAME", help="Who you are, for the audit log.")
@yes_option
@json_option
@with_app
def settle(app: App, edition: EditionName, how: str, who: str, yes: bool, as_json: bool) -> None:
    """Decide about mails of which nobody knows if they arrived.

    Those that a crash left in flight are among them.
    """
    jobs.abandon_dead(app)
    account = app.desk().account(edition)
    uncertain, cancelled = len(account.uncertain), account.state is EditionState.CANCELLED
    if how == "resend" and uncertain:
        what = f"Send {uncertain} mails of {edition} again"
        if cancelled:
            what = f"{edition} is cancelled. Have what {uncertain} mails of it held come with the next one"
        confirm(f"{what}? Whoever has theirs gets it twice.", yes)
    settled = app.desk().settle(edition, resend=how == "resend")
    app.audit(who, "digest settle", f"{edition} as {how}: {settled}")
    if as_json:
        say_json({"edition": str(edition), "settled": settled, "as": how})
        return
    say(f"{edition}: {settled} uncertain deliveries settled as {how}.")
    if how == "resend" and settled and cancelled:
        say(f"{edition} stays cancelled; what they held comes with their readers' next edition.")
    elif how == "resend" and settled:
        say(f"Next: kennisportal digest send {edition}")


@click.command()
@click.argument("edition", type=EditionType())
@as_option
@with_app
def approve(app: App, edition: EditionName, who: str) -> None:
    """Let an edition that awaits approval go out."""
    app.desk().approve(edition)
    app.audit(who, "digest approve", str(edition))
    say(f"{edition} is approved. Next: kennisportal digest send {edition}")


@click.command()
@click.argument("edition", type=EditionType())
@as_option
@with_app
def hold(app: App, edition: EditionName, who: str) -> None:
    """Have an edition of which nothing was sent wait for approval.

    So does what is planned of it later.
    """
    app.desk().hold(edition)
    app.audit(who, "digest hold", str(edition))
    say(f"{edition} waits; 'kennisportal digest approve {edition}' lets it go out.")


@click.command()
@click.argument("edition", type=EditionType())
@json_option
@with_app
def report(app: App, edition: EditionName, as_json: bool) -> None:
    """How an edition went, by provider, and what servers refused.

    Of mails that they did not take it tells what they said.
    """
    outturn = app.desk().outturn(edition)
    if as_json:
        refusals = [
            {"state": state, "reply": reply, "deliveries": number}
            for state, reply, number in outturn.refusals
        ]
        say_json(
            status_document(outturn.account)
            | {
                "first_accepted": outturn.first,
                "last_accepted": outturn.last,
                "domains": outturn.domains,
                "refusals": refusals,
            }
        )
        return
    say(f"{edition}: {outturn.account.state}, {numbers(outturn.account.deliveries)}")
    zone = app.settings.site.zone
    if outturn.first and outturn.last:
        say(
            f"  taken from {outturn.first.astimezone(zone):%Y-%m-%d %H:%M:%S} "
            f"to {outturn.last.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        )
    table(("domain", "deliveries"), [(name, numbers(counts)) for name, counts in outturn.domains.items()])
    if outturn.refusals:
        table(("number", "state", "reply"), [(n, state, reply) for state, reply, n in outturn.refusals])


@click.command()
@click.argument("edition", type=EditionType())
@as_option
@with_app
def pause(app: App, edition: EditionName, who: str) -> None:
    """Stop sending an edition, for now."""
    app.desk().pause(edition)
    app.audit(who, "digest pause", str(edition))
    say(f"{edition} is paused; 'kennisportal digest resume {edition}' goes on with it.")


@click.command()
@click.argument("edition", type=EditionType())
@as_option
@with_app
def resume(app: App, edition: EditionName, who: str) -> None:
    """Go on with an edition that was paused."""
    app.desk().resume(edition)
    app.audit(who, "digest resume", str(edition))
    say(f"{edition} goes on. Next: kennisportal digest send {edition}")


@click.command()
@click.argument("edition", type=EditionType())
@yes_option
@as_option
@with_app
def cancel(app: App, edition: EditionName, yes: bool, who: str) -> None:
    """Drop what an edition has not sent. Its articles come in the next one."""
    confirm(f"Cancel what {edition} has not sent?", yes)
    dropped = app.desk().cancel(edition)
    app.audit(who, "digest cancel", str(edition))
    say(f"{edition}: {dropped} deliveries cancelled. What was due stays due, for the next edition.")


def status_document(account: Account) -> dict[str, object]:
    return {
        "edition": str(account.edition),
        "state": str(account.state),
        "candidates": account.candidates,
        "nothing_due": account.nothing_due,
        "deliveries": account.deliveries,
        "skipped": account.skipped,
        "cancelled": account.cancelled,
    }


def say_open(account: Account) -> None:
    name = account.edition
    if account.deliveries.get(DeliveryState.IN_FLIGHT):
        say(
            f"  In flight is what a sender has in hand, or had when it ended: kennisportal digest send {name}"
        )
    if account.deliveries.get(DeliveryState.DEFERRED):
        say(f"  The deferred are tried again when their time has come: kennisportal digest send {name}")
    if account.uncertain:
        say(f"  Nobody knows whether the uncertain arrived: kennisportal digest reconcile {name}")
