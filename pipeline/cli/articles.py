"""``kennisportal articles``: what has been collected."""

import click

from feeds.article import Article
from pipeline.app import App
from pipeline.cli import editing
from pipeline.cli.console import as_option, json_option, say, say_json, table, with_app
from pipeline.cli.finding import find


@click.group()
def articles() -> None:
    """What has been collected, and an editor's decisions about it."""


for _command in (
    editing.hold,
    editing.release,
    editing.withdraw,
    editing.restore,
    editing.correct,
    editing.retheme,
    editing.merge,
    editing.split,
):
    articles.add_command(_command)


@articles.command("list")
@click.option("--theme", help="Only those in this theme.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@with_app
def list_(app: App, theme: str | None, limit: int, as_json: bool) -> None:
    """The newest articles, as the feeds show them."""
    if theme is not None and theme not in app.tree:
        raise click.BadParameter(
            f"{theme!r} is no theme; 'kennisportal themes list' has them", param_hint="--theme"
        )
    with app.store.read() as work:
        found = work.articles.latest(theme, limit)
        places = work.articles.themes([id for id, _ in found])
    if as_json:
        say_json([_brief(id, article) | {"themes": sorted(places[id])} for id, article in found])
        return
    table(
        ("id", "published", "source", "pinned", "title", "themes"),
        [
            (
                id,
                article.published.astimezone(app.settings.site.zone).date(),
                article.source,
                "pinned" if article.pinned else "",
                article.title,
                ", ".join(sorted(places[id], key=app.tree.place)),
            )
            for id, article in found
        ],
    )


@articles.command()
@click.argument("article")
@json_option
@with_app
def show(app: App, article: str, as_json: bool) -> None:
    """One article, and everything that happened to it.

    It is found by its number, its tag: id or its address.
    """
    id, found = find(app, article)
    with app.store.read() as work:
        places = work.articles.themes([id])[id]
        story = work.log.of_article(id)
    log = [
        {"position": entry.position, "kind": str(entry.kind), "at": at, "themes": sorted(entry.themes)}
        for entry, at in story
    ]
    if as_json:
        content = {"summary": found.summary, "content": found.content, "change": found.change}
        say_json(_brief(id, found) | content | {"themes": sorted(places), "log": log})
        return
    for name, value in _brief(id, found).items():
        say(f"{name}: {value}")
    say(f"themes: {', '.join(sorted(places, key=app.tree.place)) or 'none'}")
    say(f"summary: {found.summary}")
    table(
        ("position", "at", "kind", "themes"),
        [
            (
                entry.position,
                f"{at.astimezone(app.settings.site.zone):%Y-%m-%d %H:%M}",
                entry.kind,
                ", ".join(sorted(entry.themes)),
            )
            for entry, at in story
        ],
    )


@articles.command()
@click.argument("article")
@click.option("--off", is_flag=True, help="Let it take its usual place again.")
@as_option
@with_app
def pin(app: App, article: str, off: bool, who: str) -> None:
    """Put an article first in digests, and label it as featured.

    So it stands in those that are planned from now on.
    """
    id, found = find(app, article)
    with app.store.write() as work:
        work.articles.pin(id, not off)
        work.register.audit(app.clock(), who, "articles unpin" if off else "articles pin", f"article {id}")
    say(f"{'No longer pinned' if off else 'Pinned'}: {found.title}")


def _brief(id: int, article: Article) -> dict[str, object]:
    return {
        "id": id,
        "uri": article.uri,
        "title": article.title,
        "url": article.url,
        "source": article.source,
        "language": article.language,
        "published": article.published,
        "updated": article.updated,
        "revision": article.revision,
        "visibility": str(article.visibility),
        "pinned": article.pinned,
        "held": article.kept_out,
        "corrected": sorted(article.corrections),
        "image": article.image,
    }
