"""``kennisportal themes``: the editorial subjects, and why an article is in them."""

from pathlib import Path

import click

from feeds.classify import Classification, Reason
from pipeline.app import App
from pipeline.cli import recasting
from pipeline.cli.console import json_option, say, say_json, table, with_app
from pipeline.cli.finding import find
from pipeline.settings import load
from pipeline.steps.placing import classify


@click.group()
def themes() -> None:
    """The editorial subjects, and why an article is in them."""


for _command in (recasting.rename, recasting.merge, recasting.split, recasting.retire):
    themes.add_command(_command)


@themes.command("list")
@json_option
@with_app
def list_(app: App, as_json: bool) -> None:
    """The theme tree, with the numbers of articles and followers."""
    with app.store.read() as work:
        articles = work.articles.count()
        followers = work.subscribers.followers()
    if as_json:
        say_json(
            [
                {
                    "slug": theme.slug,
                    "name": theme.name,
                    "parent": theme.parent,
                    "articles": articles.get(theme.slug, 0),
                    "followers": followers.get(theme.slug, 0),
                }
                for theme in app.tree
            ]
        )
        return
    table(
        ("theme", "name", "articles", "followers"),
        [
            (
                "  " * len(app.tree.ancestors(theme.slug)) + theme.slug,
                theme.name,
                articles.get(theme.slug, 0),
                followers.get(theme.slug, 0),
            )
            for theme in app.tree
        ],
    )


@themes.command()
@click.argument("article")
@json_option
@with_app
def explain(app: App, article: str, as_json: bool) -> None:
    """Why an article is in its themes, by the rules as they are now.

    It is found by its number, its tag: id or its address.
    """
    id, found = find(app, article)
    source = next((source for source in app.settings.source if source.name == found.source), None)
    result = classify(app.house, found, source.themes if source else [])
    places = app.house.classifier.place(result)
    if as_json:
        say_json(
            {
                "article": id,
                "title": found.title,
                "themes": {slug: place.score for slug, place in places.items()},
                "evidence": [
                    {
                        "theme": item.theme,
                        "reason": str(item.reason),
                        "matched": item.matched,
                        "where": item.where,
                        "weight": item.weight,
                    }
                    for item in result.evidence
                ],
            }
        )
        return
    say(f"{id}: {found.title}")
    for slug in sorted(places, key=app.tree.place):
        if places[slug].score:
            needed = app.tree[slug].threshold
            say(f"  {slug}: in, with {places[slug].score} points ({needed} are needed)")
        else:
            say(f"  {slug}: in, as the parent of another")
        for reason in places[slug].evidence:
            say(f"      {reason}")
    for slug in _near(result):
        reasons = [item for item in result.evidence if item.theme == slug]
        points = f"for want of points ({app.tree[slug].threshold} are needed)"
        barred = any(item.reason in (Reason.EXCLUDED, Reason.EDITOR) for item in reasons)
        say(f"  {slug}: not in{'' if barred else ', ' + points}")
        for item in reasons:
            say(f"      {item}")
    if not result.evidence:
        say("  no rule matches: give a theme a keyword or a category of this article, or its source a theme")


def _near(result: Classification) -> list[str]:
    return sorted({item.theme for item in result.evidence} - result.scores.keys())


@themes.command()
@json_option
@with_app
def coverage(app: App, as_json: bool) -> None:
    """Articles that no rule reaches, and rules that never fire."""
    found = app.surveyor().coverage()
    if as_json:
        say_json(
            {
                "articles": found.articles,
                "uncovered": found.uncovered,
                "nowhere": [{"id": id, "title": title} for id, title in found.nowhere],
                "unused": [
                    {"theme": rule.theme, "kind": rule.kind, "words": rule.words} for rule in found.unused
                ],
            }
        )
        return
    newest = "; the newest of them:" if found.nowhere else "."
    say(f"{found.uncovered} of {found.articles} articles are in no theme by the rules{newest}")
    if found.nowhere:
        table(("id", "title"), found.nowhere)
    say(f"{len(found.unused)} rules never fire{':' if found.unused else '.'}")
    if found.unused:
        table(("theme", "rule", "words"), [(rule.theme, rule.kind, rule.words) for rule in found.unused])


@themes.command("try")
@click.argument("rules", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@json_option
@with_app
def try_(app: App, rules: Path | None, as_json: bool) -> None:
    """What changed rules would do to stored articles. Stores nothing.

    RULES is a copy of the config with the rules to try; without it, it is the config as it is now, before
    the next 'collect' applies it.
    """
    settings = app.settings if rules is None else load(rules)
    trials = app.surveyor().trial(settings.tree, settings.source)
    if as_json:
        say_json(
            {
                slug: {
                    "joining": trial.joining,
                    "leaving": trial.leaving,
                    "joiners": [{"id": id, "title": title} for id, title in trial.joiners],
                    "leavers": [{"id": id, "title": title} for id, title in trial.leavers],
                }
                for slug, trial in trials.items()
            }
        )
        return
    if not trials:
        say("Nothing would change.")
    for slug, trial in trials.items():
        say(f"{slug}: {trial.joining} would join, {trial.leaving} would leave")
        for sign, some in (("+", trial.joiners), ("-", trial.leavers)):
            for id, title in some:
                say(f"  {sign} {id}: {title}")
