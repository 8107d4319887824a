"""``kennisportal subscribers``: who reads, and what they asked for."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from pipeline.app import App
from pipeline.cli import console, rosters
from pipeline.cli.console import (
    as_option,
    json_option,
    say,
    say_json,
    say_json_list,
    table,
    with_app,
    yes_option,
)
from pipeline.cli.failure import Failure
from pipeline.cli.rosters import note_given
from pipeline.steps.outlook import Outlook
from subscribers.roster import COLUMNS
from subscribers.subscriber import ADMINISTRATOR, BY_HAND, Reader, State, normal_address


@click.group()
def subscribers() -> None:
    """Who reads, and what they asked for."""


subscribers.add_command(rosters.import_)
subscribers.add_command(rosters.export)
subscribers.add_command(rosters.suppressed)


def _choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for what a subscriber can choose."""
    for option, help in reversed(
        [
            ("--name", "How to greet them."),
            ("--language", "nl or en."),
            ("--timezone", "Like Europe/Amsterdam."),
            ("--frequency", "immediate, daily, weekly or monthly."),
            ("--interests", "Theme slugs, joined by ; or ,"),
        ]
    ):
        command = click.option(option, help=help)(command)
    return command


@subscribers.command()
@click.argument("email")
@_choices
@click.option("--confirmed", is_flag=True, help="They did agree; --consent-note says how you know.")
@click.option("--consent-note", default="", metavar="TEXT", help="How they agreed, kept as proof.")
@as_option
@json_option
@with_app
def add(
    app: App,
    email: str,
    confirmed: bool,
    consent_note: str,
    who: str,
    as_json: bool,
    **choices: str | None,
) -> None:
    """Add one subscriber. Without proof of consent they stay pending, and get no mail."""
    note = note_given(confirmed, consent_note)
    reader = app.enroller().add({"email": email} | _given(choices), note)
    app.audit(who, "subscribers add", f"subscriber {reader.id}")
    if as_json:
        say_json(_document(reader))
        return
    _show(reader)
    if reader.subscriber.state is State.PENDING:
        say(
            "They get no mail yet: there is no proof that they want it. Once they have agreed: "
            f"kennisportal subscribers confirm {reader.subscriber.email} --consent-note '…'"
        )


@subscribers.command()
@click.argument("email")
@click.option("--consent-note", required=True, metavar="TEXT", help="How they agreed, kept as proof.")
@as_option
@with_app
def confirm(app: App, email: str, consent_note: str, who: str) -> None:
    """Record that somebody agreed, who is pending or had left.

    From then on they are mailed.
    """
    reader = app.enroller().confirm(email, consent_note)
    app.audit(who, "subscribers confirm", f"subscriber {reader.id}: {consent_note}")
    say(f"{reader.subscriber.email} is active.")


@subscribers.command("list")
@click.option("--state", type=click.Choice([one.value for one in State]), help="Only those in this state.")
@click.option("--theme", default="", help="Only those who follow this theme.")
@json_option
@with_app
def list_(app: App, state: str | None, theme: str, as_json: bool) -> None:
    """All subscribers."""
    with app.store.read() as work:
        _list(work.subscribers.everyone(State(state) if state else None, theme), as_json)


@subscribers.command()
@click.argument("text")
@json_option
@with_app
def find(app: App, text: str, as_json: bool) -> None:
    """Subscribers whose address or name holds this text."""
    with app.store.read() as work:
        _list(work.subscribers.holding(text), as_json)


@subscribers.command()
@click.argument("email")
@json_option
@with_app
def show(app: App, email: str, as_json: bool) -> None:
    """One subscriber: what to say to them on the telephone.

    It tells their consent, their last editions and the next.
    """
    outlook = app.lookahead().outlook(email)
    spoken = _spoken(app, outlook)
    with app.store.read() as work:
        reader = work.subscribers.by_email(normal_address(email))
        if reader is None:
            told = f" They signed up, and have not confirmed: {spoken}" if outlook.asked else ""
            raise Failure(f"{email} is no subscriber; 'kennisportal subscribers find' looks for one.{told}")
        consents = work.subscribers.consents(reader.id)
    editions = [
        {
            "edition": past.edition,
            "state": str(past.state),
            "reason": past.reason,
            "reply": past.reply,
            "at": past.at,
        }
        for past in outlook.past
    ]
    if as_json:
        more = {"consent": [consent.model_dump() for consent in consents], "editions": editions}
        say_json(_document(reader) | {"spoken": spoken, "next": outlook.next or ""} | more)
        return
    say(spoken)
    _show(reader)
    zone = app.settings.site.zone
    say(
        f"next: {outlook.next.astimezone(zone):%Y-%m-%d %H:%M}" if outlook.next else "next: none by the clock"
    )
    for past in outlook.past:
        why = " ".join(part for part in (past.reason, past.reply) if part)
        say(f"{past.at.astimezone(zone):%Y-%m-%d %H:%M}  {past.edition}: {past.state} {why}".rstrip())
    for consent in consents:
        at = consent.at.astimezone(app.settings.site.zone)
        what = f"{consent.action} {consent.interests}".strip()
        say(f"{at:%Y-%m-%d %H:%M}  {what}, by {consent.source}{f': {consent.text}' if consent.text else ''}")


@subscribers.command()
@click.argument("email")
@_choices
@as_option
@json_option
@with_app
def edit(app: App, email: str, who: str, as_json: bool, **choices: str | None) -> None:
    """Change what a subscriber asked for."""
    given = _given(choices)
    if not given:
        raise click.UsageError(
            "give at least one of --name, --language, --timezone, --frequency, --interests"
        )
    reader = app.enroller().edit(email, given)
    app.audit(who, "subscribers edit", f"subscriber {reader.id}: {', '.join(sorted(given))}")
    if as_json:
        say_json(_document(reader))
    else:
        _show(reader)


@subscribers.command()
@click.argument("email")
@as_option
@json_option
@with_app
def unsubscribe(app: App, email: str, who: str, as_json: bool) -> None:
    """Stop mailing somebody who asks you for it. 'confirm' brings them back, and so does the form."""
    reader = app.enroller().known(email)
    app.enroller().unsubscribe(reader.id, ADMINISTRATOR)
    app.audit(who, "subscribers unsubscribe", f"subscriber {reader.id}")
    _say_state(app.enroller().known(email), as_json)


@subscribers.command()
@click.argument("email")
@click.option(
    "--until",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="The day on which mail begins again.",
)
@as_option
@json_option
@with_app
def pause(app: App, email: str, day: datetime, who: str, as_json: bool) -> None:
    """Mail somebody nothing until a day.

    What they miss comes after that.
    """
    reader = app.enroller().pause(email, day.date())
    app.audit(who, "subscribers pause", f"subscriber {reader.id}: until {day:%Y-%m-%d}")
    _say_state(reader, as_json)


@subscribers.command()
@click.argument("email")
@as_option
@json_option
@with_app
def resume(app: App, email: str, who: str, as_json: bool) -> None:
    """End somebody's pause."""
    reader = app.enroller().pause(email, None)
    app.audit(who, "subscribers resume", f"subscriber {reader.id}")
    _say_state(reader, as_json)


@subscribers.command()
@click.argument("email", required=False)
@click.option("--from", "file", type=rosters.existing, metavar="CSV", help="All addresses in this file.")
@click.option("--reason", default=BY_HAND, show_default=True, help="Where the file gives none.")
@as_option
@json_option
@with_app
def suppress(app: App, email: str | None, file: Path | None, reason: str, who: str, as_json: bool) -> None:
    """Never mail an address again, or all of those in a list.

    That stands, whoever imports them.
    """
    if (email is None) == (file is None):
        raise click.UsageError("give one address, or --from and a file of them")
    if file is not None:
        rosters.suppress_all(app, file, reason, who, as_json=as_json)
        return
    assert email is not None
    app.enroller().suppress(email, reason)
    app.audit(who, "subscribers suppress", reason)
    if as_json:
        say_json({"added": 1, "unchanged": 0, "refused": []})
    else:
        say(f"{normal_address(email)} gets no mail any more.")


@subscribers.command()
@click.argument("email")
@yes_option
@as_option
@with_app
def unsuppress(app: App, email: str, yes: bool, who: str) -> None:
    """Lift a suppression. A subscriber at the address stays unsubscribed until they ask again."""
    console.confirm(f"Lift the suppression of {email}?", yes)
    state = app.enroller().unsuppress(email)
    app.audit(who, "subscribers unsuppress", "")
    is_now = f"; as a subscriber they are {state}" if state else ""
    say(f"{normal_address(email)} is no longer suppressed{is_now}.")


@subscribers.command("export-data")
@click.argument("email")
@as_option
@with_app
def export_data(app: App, email: str, who: str) -> None:
    """All that is kept about one person, as JSON.

    It is what to give who asks for access (GDPR article 15).
    """
    reader = app.enroller().known(email)
    app.audit(who, "subscribers export-data", f"subscriber {reader.id}")
    say_json(app.accounts().data(reader.id))


@subscribers.command()
@click.argument("email")
@yes_option
@as_option
@with_app
def erase(app: App, email: str, yes: bool, who: str) -> None:
    """Forget a person (GDPR article 17).

    A keyed hash of their address is kept, so that they are never mailed again.
    """
    with app.store.read() as work:
        is_reader = work.subscribers.by_email(normal_address(email)) is not None
    if not is_reader:
        console.confirm(f"{email} is no subscriber. Erase what was asked for in their name?", yes)
        if app.accounts().forget(email):
            app.audit(who, "subscribers erase", "an address that was asked for")
            say("Erased. No import brings it back; 'subscribers suppress' keeps forms from mailing it.")
            return
    reader = app.enroller().known(email)
    address = reader.subscriber.email
    console.confirm(f"Erase all that is kept about {address}? This can't be undone.", yes)
    app.accounts().erase(reader.id)
    app.audit(who, "subscribers erase", f"subscriber {reader.id}")
    say(f"Erased. Subscriber {reader.id} is nobody now, and the address gets no mail.")


@subscribers.command("feed")
@click.argument("email")
@click.option("--renew", is_flag=True, help="Make another link; the one before stops working.")
@click.option("--revoke", is_flag=True, help="Let no link work any more.")
@as_option
@json_option
@with_app
def own_feed(app: App, email: str, renew: bool, revoke: bool, who: str, as_json: bool) -> None:
    """The link to a reader's own feed.

    It holds exactly the themes that they follow, and is theirs alone.
    """
    if renew and revoke:
        raise click.UsageError("--renew and --revoke exclude each other")
    id, serial = app.enroller().own_feed(email, renew=renew, revoke=revoke)
    if renew or revoke:
        app.audit(who, f"subscribers feed --{'renew' if renew else 'revoke'}", f"subscriber {id}")
    address = f"{app.settings.site.base_url}/feeds/me/{app.tokens.sign_feed(id, serial)}.atom"
    if as_json:
        say_json({"id": id, "feed": address if serial > 0 else ""})
    elif serial > 0:
        say(address)
    else:
        say(f"No link to the own feed of {normal_address(email)} works any more.")


def _spoken(app: App, outlook: Outlook) -> str:
    """One or two sentences in the reader's language."""
    environment = app.templates[outlook.language or app.settings.site.language]
    names = ("state", "reason", "last", "waiting", "until", "beyond", "due", "thin", "next", "asked")
    context = {name: getattr(outlook, name) for name in names}
    return " ".join(environment.get_template("desk/spoken.txt.j2").render(context).split())


def _given(choices: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in choices.items() if value is not None and name in COLUMNS}


def _list(readers: Iterable[Reader], as_json: bool) -> None:
    if as_json:
        say_json_list(map(_document, readers))
        return
    table(
        ("email", "state", "frequency", "language", "interests"),
        (
            (
                reader.subscriber.email,
                reader.subscriber.state,
                reader.subscriber.frequency,
                reader.subscriber.language,
                ", ".join(reader.interests),
            )
            for reader in readers
        ),
    )


def _show(reader: Reader) -> None:
    for name, value in _document(reader).items():
        say(f"{name}: {', '.join(value) if isinstance(value, list) else value}")


def _say_state(reader: Reader, as_json: bool) -> None:
    if as_json:
        say_json(_document(reader))
        return
    who = reader.subscriber
    until = f" until {day:%Y-%m-%d}" if (day := _back_on(reader)) else ""
    say(f"{who.email} is {who.state}{until}.")


def _back_on(reader: Reader) -> date | None:
    """The day, where they live, on which a pause of theirs ends."""
    who = reader.subscriber
    if who.state is not State.PAUSED or who.paused_until is None:
        return None
    return who.paused_until.astimezone(ZoneInfo(who.timezone)).date()


def _document(reader: Reader) -> dict[str, object]:
    who = reader.subscriber
    return {
        "id": reader.id,
        "email": who.email,
        "name": who.name,
        "state": str(who.state),
        "paused_until": _back_on(reader) or "",
        "language": who.language,
        "timezone": who.timezone,
        "frequency": str(who.frequency),
        "interests": list(reader.interests),
        "confirmed_at": who.confirmed_at or "",
        "cursor": who.cursor,
    }
