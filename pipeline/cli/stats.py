"""``kennisportal stats``: readers, editions and themes in numbers."""

from datetime import timedelta

import click

from pipeline.app import App
from pipeline.cli.console import json_option, numbers, say, say_json, table, with_app

_EDITIONS = 10


@click.command()
@click.option(
    "--months", type=click.IntRange(1, 120), default=6, show_default=True, help="How far to look back."
)
@json_option
@with_app
def stats(app: App, months: int, as_json: bool) -> None:
    """How many readers by state, frequency and theme, how editions went, and what themes hold."""
    since = (app.clock() - timedelta(days=30 * (months - 1))).replace(day=1, hour=0, minute=0, second=0)
    with app.store.read() as work:
        frequencies = work.vitals.frequencies()
        states = work.subscribers.count()
        followers = work.statistics.followers()
        editions = work.statistics.editions(_EDITIONS)
        articles = work.statistics.articles_by_month(since)
    by_frequency: dict[str, dict[str, int]] = {}
    for (frequency, state), number in frequencies.items():
        by_frequency.setdefault(frequency, {})[state] = number
    if as_json:
        say_json(
            {
                "subscribers": {"states": states, "frequencies": by_frequency, "themes": followers},
                "editions": editions,
                "articles": articles,
            }
        )
        return
    say(f"Subscribers: {numbers(states)}.")
    for frequency, counts in sorted(by_frequency.items()):
        say(f"  {frequency}: {numbers(counts)}")
    shown = sorted({month for counts in articles.values() for month in counts})[-months:]
    table(
        ("theme", "readers", *shown),
        [
            (
                theme.slug,
                followers.get(theme.slug, 0),
                *(articles.get(theme.slug, {}).get(one, 0) for one in shown),
            )
            for theme in app.tree
        ],
    )
    table(
        ("edition", "state", "accepted", "mails"),
        [
            (
                one["edition"],
                one["state"],
                "" if one["accepted_rate"] is None else f"{one['accepted_rate']:.1%}",
                numbers(one["deliveries"]),
            )
            for one in editions
        ],
    )
