"""``kennisportal sources``: where articles come from."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

import click
from pydantic import ValidationError

from feeds.discover import Offer, name_for
from feeds.draft import Draft
from feeds.health import silence
from feeds.identity import canonical_url
from feeds.outlines import OutlinesError, read_outlines, write_outlines
from feeds.source import Reading, Source, SourceError, asked, is_due, left_alone_until
from pipeline.app import App
from pipeline.cli.console import (
    as_option,
    in_few_lines,
    json_option,
    numbers,
    say,
    say_json,
    table,
    warn,
    with_app,
)
from pipeline.cli.failure import Failure
from pipeline.edges.config import add_tables
from pipeline.steps.collect import Collector

_TRIES = 6
"""Offers of an address that are tried, one after another."""
_SAMPLE = 5


@click.group()
def sources() -> None:
    """Where articles come from."""


@sources.command("list")
@json_option
@with_app
def list_(app: App, as_json: bool) -> None:
    """Every source, when it was last looked at, and how that went."""
    with app.store.read() as work:
        memories = work.sources.memories([source.name for source in app.settings.source])
        now = app.clock()
        silent = {
            name: quiet.days if (quiet := silence(work.articles.recent(name), now)) else None
            for name in memories
        }
    rows = [
        {
            "name": source.name,
            "kind": source.kind,
            "address": source.path if source.kind == "folder" else asked(source, memory).shown,
            "last_looked": memory.last_looked.astimezone(UTC).isoformat() if memory.last_looked else "",
            "due": is_due(source, memory, now),
            "failures": memory.failures,
            "error": memory.error,
            "left_alone_until": until.astimezone(UTC).isoformat() if until else "",
            "held": memory.held,
            "silent_days": silent[source.name],
            "left_out": memory.left_out,
            "left_out_why": memory.left_out_why,
        }
        for source in app.settings.source
        for memory in [memories[source.name]]
        for until in [left_alone_until(memory, now)]
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
                _state(app, row),
            )
            for row in rows
        ],
    )


@sources.command()
@click.argument("address", metavar="URL|SOURCE")
@json_option
@with_app
def test(app: App, address: str, as_json: bool) -> None:
    """Fetch a source or an address, and show what comes of it.

    Nothing is stored.
    """
    source = next((source for source in app.settings.source if source.name == address), None)
    if source is None and not {".", ":"} & set(address):
        raise Failure(f"{address!r} is no source of the config, and no address; 'kennisportal sources list'")
    reading, drafts = app.collector().test(source) if source else _first_that_works(app, address, "")[1:]
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
            [(_day(draft), draft.title, draft.url) for draft in drafts],
        )
        for problem in in_few_lines(reading.problems):
            warn(problem)
        say(f"{len(drafts)} articles, {len(reading.problems)} problems.")
    if not drafts and reading.problems:
        sys.exit(1)


@sources.command()
@click.argument("url")
@click.option("--name", default="", help="What to call it; by default after its host.")
@click.option(
    "--kind",
    type=click.Choice(["feed", "wordpress", "sitemap"]),
    help="By default the first of these that works.",
)
@click.option("--theme", "themes", multiple=True, help="A theme that everything from it is in; repeatable.")
@click.option("--every", default="15m", show_default=True, help="How often to look.")
@as_option
@json_option
@with_app
def add(
    app: App,
    url: str,
    name: str,
    kind: str | None,
    themes: tuple[str, ...],
    every: str,
    who: str,
    as_json: bool,
) -> None:
    """Find what an address offers, show some, add it to the config."""
    _check_wishes(app, name, themes, every)
    source, reading, drafts = _first_that_works(app, url, kind or "")
    known = next((one.name for one in app.settings.source if one.url == source.url), None)
    if known:
        raise Failure(f"{source.shown} is in the config already, as source {known!r}")
    values: dict[str, object] = {
        "name": name or name_for(source.url, [one.name for one in app.settings.source]),
        "kind": source.kind,
        "url": source.url,
        "every": every,
    }
    if themes:
        values["themes"] = list(themes)
    _add(app, [values], who)
    if as_json:
        sample = [{"title": draft.title, "url": draft.url} for draft in drafts[:_SAMPLE]]
        say_json(values | {"title": reading.title, "articles": len(drafts), "sample": sample})
        return
    table(("published", "title"), [(_day(draft), draft.title) for draft in drafts[:_SAMPLE]])
    say(f"{len(drafts)} articles now. Added to {app.config} as the {source.kind} {values['name']!r}.")
    say(f"Next: kennisportal collect {values['name']}")


@sources.command()
@click.argument("name", metavar="SOURCE")
@as_option
@json_option
@with_app
def accept(app: App, name: str, who: str, as_json: bool) -> None:
    """Take what a source shows now, however unlike what it showed before."""
    source = next((source for source in app.settings.source if source.name == name), None)
    if source is None:
        raise click.BadParameter(f"{name!r} is no source of the config", param_hint="SOURCE")
    report = app.collector().collect([source], accept=True)
    (part,) = report.sources
    if part.error:
        raise Failure(part.error)
    app.audit(who, "sources accept", name)
    taken = {"new": part.outcome.new, "updated": part.outcome.updated, "unchanged": part.outcome.unchanged}
    if as_json:
        say_json({"source": name} | taken)
    else:
        say(f"Taken from {name}: {numbers(taken)}.")


@sources.command("import")
@click.argument("opml", type=click.File("rb"))
@as_option
@json_option
@with_app
def import_(app: App, opml: BinaryIO, who: str, as_json: bool) -> None:
    """Add the feeds in an OPML file to the config.

    Other feed readers export such a file.
    """
    try:
        listed = read_outlines(opml.read())
    except OutlinesError as error:
        raise Failure(f"{opml.name}: {error}; export your feeds as OPML and give that file") from None
    names = [source.name for source in app.settings.source]
    known = {canonical_url(source.url) for source in app.settings.source}
    added: list[dict[str, object]] = []
    for one in listed:
        if canonical_url(one.url) not in known:
            names.append(name_for(one.url, names))
            added.append({"name": names[-1], "kind": "feed", "url": one.url, "every": "15m"})
    if added:
        _add(app, added, who)
    if as_json:
        say_json({"added": added, "known": len(listed) - len(added)})
    else:
        say(f"{len(added)} sources added to {app.config}, {len(listed) - len(added)} were there already.")


@sources.command()
@with_app
def export(app: App) -> None:
    """Write the sources that are on the web as OPML.

    A feed reader or another portal can take it in.
    """
    with app.store.read() as work:
        listed = [
            (one, work.sources.memory(one.name).title) for one in app.settings.source if one.kind != "folder"
        ]
    click.echo(write_outlines(app.settings.site.name, listed), nl=False)


def working(collector: Collector, offers: Sequence[Offer]) -> list[tuple[Source, Reading, list[Draft]]]:
    """Sources for a whole site: its WordPress, or else all its feeds, or else a sitemap; those that work."""
    for kind in ("wordpress", "feed", "sitemap"):
        found: list[tuple[Source, Reading, list[Draft]]] = []
        for offer in [offer for offer in offers if offer.kind == kind][:_TRIES]:
            name = name_for(offer.url, [source.name for source, *_ in found])
            source = Source(name=name, kind=kind, url=offer.url)
            try:
                reading, drafts = collector.test(source)
            except SourceError:
                continue
            shown = {draft.url for *_, others in found for draft in others}
            if any(draft.url not in shown for draft in drafts):  # many sites have one feed in two formats
                found.append((source, reading, drafts))
        if found:
            return found if kind == "feed" else found[:1]
    return []


def _check_wishes(app: App, name: str, themes: Sequence[str], every: str) -> None:
    """Raises BadParameter for what the config would not take, before anybody is asked for anything."""
    for slug in themes:
        if slug not in app.tree:
            raise click.BadParameter(
                f"{slug!r} is no theme; 'kennisportal themes list' has them", param_hint="--theme"
            )
    if any(source.name == name for source in app.settings.source):
        raise click.BadParameter(f"there is a source {name!r} already", param_hint="--name")
    try:
        Source.model_validate(
            {"name": name or "new", "kind": "feed", "url": "https://new.example", "every": every}
        )
    except ValidationError as error:
        (fault, *_) = error.errors()
        if fault["loc"] == ("name",):
            why = "a name is of small letters, digits, dots and hyphens, like 'nieuws-gemeente'"
            raise click.BadParameter(why, param_hint="--name") from None
        raise click.BadParameter(fault["msg"].removeprefix("Value error, "), param_hint="--every") from None


def _first_that_works(app: App, address: str, kind: str) -> tuple[Source, Reading, list[Draft]]:
    """The first that an address offers and that shows articles. Raises Failure where there is none."""
    offers = [offer for offer in app.collector().discover(address) if kind in ("", offer.kind)]
    faults = []
    for offer in offers[:_TRIES]:
        source = Source(name="found", kind=offer.kind, url=offer.url)
        try:
            reading, drafts = app.collector().test(source)
        except SourceError as error:
            faults.append(str(error))
            continue
        if drafts or reading.problems:
            return source, reading, drafts
        faults.append(f"{source.shown} shows no articles now")
    wanted = f"no {kind}" if kind else "no feed, WordPress or sitemap"
    raise Failure(
        f"{Source(name='found', kind='feed', url=address).shown} offers {wanted} that can be read"
        + (f" ({'; '.join(faults)})" if faults else "")
        + "; give the address of a feed, or of another page of that site"
    )


def _add(app: App, tables: Sequence[Mapping[str, object]], who: str) -> None:
    assert app.config is not None
    add_tables(app.config, "source", tables)
    added = [Source.model_validate(values) for values in tables]
    app.audit(who, "sources add", ", ".join(f"{source.name} ({source.shown})" for source in added))


def _quiet(days: object) -> str:
    return f"nothing new for {days} days, which is longer than usual" if days else ""


def _left_out(number: object, why: object) -> str:
    return f"{number} left out, the first: {why}" if number else ""


def _state(app: App, row: Mapping[str, object]) -> str:
    state = (
        row["error"]
        or row["held"]
        or _quiet(row["silent_days"])
        or _left_out(row["left_out"], row["left_out_why"])
        or ("due" if row["due"] else "well")
    )
    until = str(row["left_alone_until"])
    return f"{state}; left alone until {_local(app, until)}, as its server asks" if until else str(state)


def _day(draft: Draft) -> object:
    return draft.published.date() if draft.published else "–"


def _local(app: App, moment: str) -> str:
    if not moment:
        return "never"
    return f"{datetime.fromisoformat(moment).astimezone(app.settings.site.zone):%Y-%m-%d %H:%M}"
