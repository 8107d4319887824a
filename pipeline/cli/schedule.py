"""``kennisportal schedule``: which edition goes out when, and having one go out otherwise."""

from datetime import date, datetime

import click

from pipeline.app import App
from pipeline.cli.console import as_option, json_option, say, say_json, table, with_app
from subscribers.frequency import Frequency


@click.group()
def schedule() -> None:
    """Which edition goes out when; moving and skipping one."""


_frequency = click.argument(
    "frequency", type=click.Choice([str(one) for one in Frequency if one is not Frequency.IMMEDIATE])
)
_slot = click.argument("slot", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")


@schedule.command()
@click.option("--weeks", type=click.IntRange(1, 104), default=8, show_default=True)
@json_option
@with_app
def show(app: App, weeks: int, as_json: bool) -> None:
    """The editions of the next weeks, in the time of [site] timezone. Readers elsewhere go by their own."""
    coming = app.calendar().coming(weeks)
    if as_json:
        say_json(
            [
                {"edition": one.name, "at": one.at.isoformat() if one.at else None, "why": one.turn.why}
                for one in coming
            ]
        )
        return
    zone = app.settings.site.zone
    table(
        ("edition", "goes out", "why"),
        [
            (one.name, f"{one.at.astimezone(zone):%a %Y-%m-%d %H:%M}" if one.at else "not", one.turn.why)
            for one in coming
        ],
    )


@schedule.command()
@_frequency
@_slot
@as_option
@with_app
def skip(app: App, frequency: str, slot: datetime, who: str) -> None:
    """Let an edition pass. What it would have brought comes with the next one."""
    app.calendar().skip(Frequency(frequency), slot.date())
    app.audit(who, "schedule skip", f"{frequency}/{slot.date()}")
    say(f"{frequency}/{slot.date()} is skipped; 'kennisportal schedule restore' takes that back.")


@schedule.command()
@_frequency
@_slot
@click.option("--to", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DATE", help="The day.")
@as_option
@with_app
def move(app: App, frequency: str, slot: datetime, to: datetime, who: str) -> None:
    """Have an edition go out on another day.

    That lies between the editions beside it. The edition keeps its name.
    """
    app.calendar().move(Frequency(frequency), slot.date(), to.date())
    app.audit(who, "schedule move", f"{frequency}/{slot.date()} to {to.date()}")
    say(f"{frequency}/{slot.date()} goes out on {to.date()}.")


@schedule.command()
@_frequency
@_slot
@as_option
@with_app
def restore(app: App, frequency: str, slot: datetime, who: str) -> None:
    """Have an edition go out as the config says again."""
    turn = app.calendar().restore(Frequency(frequency), slot.date())
    app.audit(who, "schedule restore", f"{frequency}/{slot.date()}")
    say(f"{frequency}/{slot.date()} {_told(turn.day, turn.why)}.")


def _told(day: date | None, why: str) -> str:
    because = f", since it is {why}" if why else ""
    return f"goes out on {day} again{because}" if day else f"does not go out{because}"
