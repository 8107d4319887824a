"""``kennisportal subscribers``: who reads, and what they asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.app import App
from pipeline.cli import console
from pipeline.cli.console import (
    Failure,
    as_option,
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
from pipeline.edges.roster import roster_lines
from pipeline.steps.explain import Outlook
from subscribers.roster import COLUMNS, read_rows
from subscribers.subscriber import Reader, State, normal_address


@click.group()
def subscribers() -> None:
    """Who reads, and what they asked for."""


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
    note = _note(confirmed, consent_note)
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
    """Record that somebody did agree, who is pending or left and is back; from then on they are mailed."""
    reader = app.enroller().confirm(email, consent_note)
    app.audit(who, "subscribers confirm", f"subscriber {reader.id}: {consent_note}")
    say(f"{reader.subscriber.email} is active.")


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CSV")
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
    note, renamed = _note(confirmed, consent_note), _renamed(maps)
    for _ in read_rows(roster_lines(file), renamed):
        pass  # a file that is no CSV further down is refused before any of it is taken
    enroller = app.enroller()
    report = (enroller.rehearse if dry_run else enroller.take)(read_rows(roster_lines(file), renamed), note)
    counts = {"added": report.added, "updated": report.updated, "unchanged": report.unchanged}
    if not dry_run:
        app.audit(who, "subscribers import", f"{file.name}: {numbers(counts)}")
    for line, why in report.refused:
        warn(f"{file}:{line}: {why}")
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
        if report.pending:
            say(
                f"{report.pending} of them get no mail yet, for want of proof of consent: give the file the "
                "column consented_at, or import it with --confirmed --consent-note '…' where they did agree."
            )
    if report.refused:
        fail(f"{len(report.refused)} rows of {file} were left out; mend them and import the file again")


@subscribers.command("list")
@click.option("--state", type=click.Choice([one.value for one in State]), help="Only those in this state.")
@click.option("--theme", default="", help="Only those who follow this theme.")
@json_option
@with_app
def list_(app: App, state: str | None, theme: str, as_json: bool) -> None:
    """All subscribers."""
    with app.store.read() as work:
        readers = list(work.subscribers.everyone(State(state) if state else None, theme))
    _list(readers, as_json)


@subscribers.command()
@click.argument("text")
@json_option
@with_app
def find(app: App, text: str, as_json: bool) -> None:
    """Subscribers whose address or name holds this text."""
    with app.store.read() as work:
        _list(
            [
                reader
                for reader in work.subscribers.everyone()
                if text.casefold() in f"{reader.subscriber.email} {reader.subscriber.name}".casefold()
            ],
            as_json,
        )


@subscribers.command()
@click.argument("email")
@json_option
@with_app
def show(app: App, email: str, as_json: bool) -> None:
    """One subscriber: what to say to them on the telephone, their consent, last editions and the next."""
    outlook = app.explainer().outlook(email)
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
@click.option("--reason", default="by hand", show_default=True)
@as_option
@with_app
def suppress(app: App, email: str, reason: str, who: str) -> None:
    """Never mail an address again, whoever imports it."""
    app.enroller().suppress(email, reason)
    app.audit(who, "subscribers suppress", reason)
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
    """All that is kept about one person, as JSON, for a request for access (GDPR article 15)."""
    reader = app.enroller().known(email)
    app.audit(who, "subscribers export-data", f"subscriber {reader.id}")
    say_json(app.accounts().data(reader.id))


@subscribers.command()
@click.argument("email")
@yes_option
@as_option
@with_app
def erase(app: App, email: str, yes: bool, who: str) -> None:
    """Forget a person (GDPR article 17), but for a keyed hash that keeps them from being mailed again."""
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
    """The link to a reader's own feed, which holds exactly the themes they follow. It is theirs alone."""
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


def _spoken(app: App, outlook: Outlook) -> str:
    """One or two sentences in the reader's language."""
    environment = app.templates[outlook.language or app.settings.site.language]
    names = ("state", "reason", "last", "waiting", "until", "due", "next", "asked")
    context = {name: getattr(outlook, name) for name in names}
    return " ".join(environment.get_template("desk/spoken.txt.j2").render(context).split())


def _note(confirmed: bool, note: str) -> str:
    if confirmed and not note.strip():
        raise click.UsageError("--confirmed needs --consent-note TEXT: the proof of consent is kept")
    return note.strip() if confirmed else ""


def _given(choices: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in choices.items() if value is not None and name in COLUMNS}


def _list(readers: list[Reader], as_json: bool) -> None:
    if as_json:
        say_json([_document(reader) for reader in readers])
        return
    table(
        ("email", "state", "frequency", "language", "interests"),
        [
            (
                reader.subscriber.email,
                reader.subscriber.state,
                reader.subscriber.frequency,
                reader.subscriber.language,
                ", ".join(reader.interests),
            )
            for reader in readers
        ],
    )


def _show(reader: Reader) -> None:
    for name, value in _document(reader).items():
        say(f"{name}: {', '.join(value) if isinstance(value, list) else value}")


def _document(reader: Reader) -> dict[str, object]:
    who = reader.subscriber
    return {
        "id": reader.id,
        "email": who.email,
        "name": who.name,
        "state": str(who.state),
        "language": who.language,
        "timezone": who.timezone,
        "frequency": str(who.frequency),
        "interests": list(reader.interests),
        "confirmed_at": who.confirmed_at or "",
        "cursor": who.cursor,
    }
