"""``kennisportal sources``: where articles come from."""

import sys
from datetime import UTC, datetime

import click
from pydantic import ValidationError

from feeds.source import Source, is_due
from pipeline.app import App
from pipeline.cli.console import json_option, say, say_json, table, warn, with_app


@click.group()
def sources() -> None:
    """Where articles come from."""


@sources.command("list")
@json_option
@with_app
def list_(app: App, as_json: bool) -> None:
    """Every source, when it was last looked at, and how that went."""
    with app.store.read() as work:
        memories = {source.name: work.sources.memory(source.name) for source in app.settings.source}
    now = app.clock()
    rows = [
        {
            "name": source.name,
            "kind": source.kind,
            "address": source.path if source.kind == "folder" else source.shown,
            "last_looked": memory.last_looked.astimezone(UTC).isoformat() if memory.last_looked else "",
            "due": is_due(source, memory, now),
            "failures": memory.failures,
            "error": memory.error,
        }
        for source in app.settings.source
        for memory in [memories[source.name]]
    ]
    if as_json:
        say_json(rows)
        return
    table(
        ("source", "kind", "address", "last looked", "state"),
        [
            (
                row["name"],
                row["kind"],
                row["address"],
                _local(app, str(row["last_looked"])),
                row["error"] or ("due" if row["due"] else "well"),
            )
            for row in rows
        ],
    )


@sources.command()
@click.argument("address", metavar="URL|SOURCE")
@json_option
@with_app
def test(app: App, address: str, as_json: bool) -> None:
    """Fetch a feed, or a source of the config, and show what would be collected. Stores nothing."""
    source = next((source for source in app.settings.source if source.name == address), None)
    if source is None:
        try:
            source = Source.model_validate({"name": "test", "kind": "feed", "url": address})
        except ValidationError as error:
            raise click.BadParameter(str(error.errors()[0]["msg"]), param_hint="URL") from None
    reading, drafts = app.collector().test(source)
    if as_json:
        say_json(
            {
                "title": reading.title,
                "articles": [
                    {
                        "id": draft.key,
                        "title": draft.title,
                        "url": draft.url,
                        "published": draft.published,
                        "summary": draft.summary,
                        "categories": draft.categories,
                        "language": draft.language,
                    }
                    for draft in drafts
                ],
                "problems": [
                    {"what": problem.what, "why": problem.why, "lost": problem.lost}
                    for problem in reading.problems
                ],
            }
        )
    else:
        table(
            ("published", "title", "address"),
            [
                (draft.published.date() if draft.published else "–", draft.title, draft.url)
                for draft in drafts
            ],
        )
        for problem in reading.problems:
            warn(str(problem))
        say(f"{len(drafts)} articles, {len(reading.problems)} problems.")
    if not drafts and reading.problems:
        sys.exit(1)


def _local(app: App, moment: str) -> str:
    if not moment:
        return "never"
    return f"{datetime.fromisoformat(moment).astimezone(app.settings.site.zone):%Y-%m-%d %H:%M}"
