"""``kennisportal status``."""

import click

from feeds.health import silence
from feeds.source import is_due
from pipeline.app import App
from pipeline.cli.console import json_option, numbers, say, say_json, with_app


@click.command()
@json_option
@with_app
def status(app: App, as_json: bool) -> None:
    """What is due, what is sick, what is being sent."""
    now = app.clock()
    with app.store.read() as work:
        known = work.sources.memories([source.name for source in app.settings.source])
        memories = {source.name: (source, known[source.name]) for source in app.settings.source}
        silent = {
            name: quiet.days for name in memories if (quiet := silence(work.articles.recent(name), now))
        }
        editions = [
            (str(edition.name), work.deliveries.count(edition.id)) for edition in work.editions.open()
        ]
        readers = work.subscribers.count()
        head, last = work.log.last_change(None)
    due = [name for name, (source, memory) in memories.items() if is_due(source, memory, now)]
    sick = {name: memory.error for name, (_, memory) in memories.items() if memory.error}
    held = {name: memory.held for name, (_, memory) in memories.items() if memory.held}
    late = app.publisher().late()
    closed = app.providers().closed()
    if as_json:
        say_json(
            {
                "log": {"head": head, "last": last},
                "sources": {"due": due, "sick": sick, "held": held, "silent_days": silent},
                "feeds": {"late": late},
                "subscribers": readers,
                "domains": [
                    {"domain": one.domain, "paused": one.paused, "until": one.hold_until, "why": one.reason}
                    for one in closed
                ],
                "editions": [{"edition": name, "deliveries": counts} for name, counts in editions],
            }
        )
        return
    when = f"{last.astimezone(app.settings.site.zone):%Y-%m-%d %H:%M}" if last else "never"
    say(f"Log: {head} entries, the last {when}.")
    say(f"Sources: {len(memories)}, of which due now: {', '.join(due) or 'none'}.")
    for error in sick.values():
        say(f"  sick: {error}")
    for reason in held.values():
        say(f"  held back: {reason}")
    for name, days in silent.items():
        say(f"  silent: source {name} has shown nothing new for {days} days, which is longer than usual")
    say(f"Feeds to build: {', '.join(late) or 'none'}.")
    say(f"Subscribers: {numbers(readers)}.")
    for one in closed:
        why = f"paused: {one.reason}" if one.paused else f"held back: {one.last_reply}"
        say(f"Mail to {one.domain} is {why}.")
    for name, counts in editions:
        say(f"Edition {name} is open: {numbers(counts)}.")
    if not editions:
        say("No edition is open.")
