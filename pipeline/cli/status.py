"""``kennisportal status``: how it goes, on one screen."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import click

from feeds.size import size_text
from pipeline.app import App
from pipeline.cli.console import json_option, numbers, say, say_json, with_app
from pipeline.steps.calendar import Coming
from pipeline.upkeep import examiner
from subscribers.alarm import standing
from subscribers.condition import COMPLAINTS_MOST, Condition, EditionCondition, SourceCondition

_MOST = 10
"""Lines of a kind that still fit on the screen with the others."""


@click.command()
@json_option
@with_app
def status(app: App, as_json: bool) -> None:
    """What is due, what is sick, what is being sent, and which alarms stand."""
    condition = examiner(app).examine()
    coming = app.calendar().next()
    if as_json:
        say_json(_document(condition, coming))
        return
    zone = app.settings.site.zone
    parts = (_articles(condition, zone), _mail(condition), _next(condition, coming, zone), _house(condition))
    for part in parts:
        for line in part:
            say(line)


def _articles(condition: Condition, zone: ZoneInfo) -> Iterator[str]:
    last = condition.last_entry
    when = f"{last.astimezone(zone):%Y-%m-%d %H:%M}" if last else "never"
    yield f"Log: {condition.head} entries, the last {when}."
    sources = condition.sources
    due = [name for name, one in sources.items() if one.due]
    yield f"Sources: {len(sources)}, of which due now: {_some(due)}."
    troubles = [f"  sick: {one.error}{_left_alone(one, zone)}" for one in sources.values() if one.error]
    troubles += [
        f"  slow: source {name} wants fewer requests{_left_alone(one, zone)}"
        for name, one in sources.items()
        if one.left_alone_until and not one.error
    ]
    troubles += [f"  held back: {one.held}" for one in sources.values() if one.held]
    troubles += [
        f"  silent: source {name} has shown nothing new for {one.silent_days} days, longer than usual"
        for name, one in sources.items()
        if one.silent_days
    ]
    yield from troubles[:_MOST]
    if len(troubles) > _MOST:
        yield f"  and {len(troubles) - _MOST} more; 'kennisportal sources list' shows them"
    yield f"Feeds to build: {_some(list(condition.late))}."


def _left_alone(source: SourceCondition, zone: ZoneInfo) -> str:
    until = source.left_alone_until
    return f"; it is left alone until {until.astimezone(zone):%Y-%m-%d %H:%M}, as asked" if until else ""


def _mail(condition: Condition) -> Iterator[str]:
    yield f"Subscribers: {numbers(condition.readers)}."
    rate = condition.complaint_rate
    if rate is not None:
        verdict = "below" if rate < COMPLAINTS_MOST else "NOT below"
        yield (
            f"Complaints: {condition.complaints} of {condition.accepted} mails in 30 days, {rate:.3%}; that "
            f"is {verdict} the {COMPLAINTS_MOST:.1%} that providers bear."
        )
    for one in condition.closed[:_MOST]:
        why = f"paused: {one.reason}" if one.paused else f"held back: {one.last_reply}"
        yield f"Mail to {one.domain} is {why}."
    for domain, number in condition.spikes.items():
        yield f"At {domain}, {number} readers bounced within a day: nobody there is suppressed for it."
    for edition in condition.editions:
        yield f"Edition {edition.name} is {edition.state}: {numbers(edition.deliveries)}{_pace(edition)}."
    if not condition.editions:
        yield "No edition is open."
    for name, number in condition.uncertain.items():
        yield f"Uncertain: {number} of {name}; 'kennisportal digest settle {name}' settles them."


def _next(condition: Condition, coming: Sequence[Coming], zone: ZoneInfo) -> Iterator[str]:
    if coming:
        slots = ", ".join(
            f"{one.name} on {one.at.astimezone(zone):%a %Y-%m-%d %H:%M}" for one in coming if one.at
        )
        yield f"Next: {slots}."
    if (clock := condition.clock) is not None:
        ticked = f"{clock.ticked.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        yield f"Clock: last asked for what is due at {ticked}, by {clock.leader or 'a scheduler'}."
    else:
        yield "Clock: nobody has asked for what is due yet; 'kennisportal run' does."
    if (queue := condition.queue) is not None:
        oldest = (
            f", the oldest since {queue.oldest.astimezone(zone):%Y-%m-%d %H:%M:%S}" if queue.oldest else ""
        )
        yield (
            f"Queue: {queue.waiting} jobs wait{oldest}; {queue.under_way} are under way, {queue.later} are "
            f"tried again later; workers that live: {queue.workers}."
        )


def _house(condition: Condition) -> Iterator[str]:
    if (disk := condition.disk) is not None:
        yield f"Disk: {size_text(disk.free)} free; nothing is sent with less than {size_text(disk.reserve)}."
    alarms = list(standing(condition).values())
    yield f"Alarms: {len(alarms) or 'none'}."
    for alarm in alarms[:_MOST]:
        yield f"  {alarm.name}: {' '.join(alarm.text.split())}"
    if len(alarms) > _MOST:
        yield f"  and {len(alarms) - _MOST} more; --json has them all"


def _pace(edition: EditionCondition) -> str:
    if not edition.ready:
        return ""
    if not edition.rate:
        return f"; {edition.ready} could leave now, and none does"
    return f"; {edition.rate:.1f} a second, {edition.seconds_left} s to go for {edition.ready}"


def _some(names: list[str]) -> str:
    """Names, and how many more there are."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return (", ".join(names[:_MOST]) or "none") + more


def _document(condition: Condition, coming: Sequence[Coming]) -> dict[str, object]:
    clock, queue = condition.clock, condition.queue
    sources = condition.sources
    return {
        "log": {"head": condition.head, "last": condition.last_entry},
        "sources": {
            "due": [name for name, one in sources.items() if one.due],
            "sick": {name: one.error for name, one in sources.items() if one.error},
            "held": {name: one.held for name, one in sources.items() if one.held},
            "silent_days": {name: one.silent_days for name, one in sources.items() if one.silent_days},
            "left_alone_until": {
                name: one.left_alone_until for name, one in sources.items() if one.left_alone_until
            },
        },
        "feeds": {"late": list(condition.late)},
        "subscribers": condition.readers,
        "domains": [
            {"domain": one.domain, "paused": one.paused, "until": one.hold_until, "why": one.reason}
            for one in condition.closed
        ],
        "spikes": condition.spikes,
        "complaints": {
            "complaints": condition.complaints,
            "accepted": condition.accepted,
            "rate": condition.complaint_rate,
            "most": COMPLAINTS_MOST,
        },
        "editions": [
            {
                "edition": one.name,
                "state": one.state,
                "deliveries": one.deliveries,
                "ready": one.ready,
                "rate": one.rate,
                "seconds_left": one.seconds_left,
            }
            for one in condition.editions
        ],
        "uncertain": condition.uncertain,
        "jobs": {
            name: {"succeeded": job.succeeded, "failing_since": job.failing_since, "error": job.error}
            for name, job in condition.jobs.items()
        },
        "next": [{"edition": one.name, "at": one.at, "why": one.turn.why} for one in coming],
        "clock": None
        if clock is None
        else {"ticked": clock.ticked, "leader": clock.leader, "since": clock.since},
        "queue": None
        if queue is None
        else {
            "waiting": queue.waiting,
            "under_way": queue.under_way,
            "oldest": queue.oldest,
            "later": queue.later,
            "workers": queue.workers,
        },
        "disk": None
        if condition.disk is None
        else {"free": condition.disk.free, "reserve": condition.disk.reserve},
        "alarms": [
            {"name": alarm.name, "kind": alarm.kind, "text": alarm.text}
            for alarm in standing(condition).values()
        ],
    }
