"""``kennisportal articles …``: what an editor does to an article by hand."""

import click

from pipeline.app import App
from pipeline.cli.console import as_option, confirm, say, with_app, yes_option
from pipeline.cli.finding import find
from pipeline.steps.editing import CORRECTED


@click.command()
@click.argument("article")
@as_option
@with_app
def hold(app: App, article: str, who: str) -> None:
    """Keep an article out of feeds and digests until 'articles release'."""
    id, found = find(app, article)
    app.editor().take_out(id, "articles hold", who)
    say(f"Held: {found.title}")


@click.command()
@click.argument("article")
@as_option
@with_app
def release(app: App, article: str, who: str) -> None:
    """Let an article out that was held.

    It goes to feeds, and to digests if it was never out before.
    """
    id, found = find(app, article)
    app.editor().bring_back(id, "articles release", who)
    say(f"Released: {found.title}")


@click.command()
@click.argument("article")
@as_option
@yes_option
@with_app
def withdraw(app: App, article: str, who: str, yes: bool) -> None:
    """Take an article back.

    It goes out of feeds, with a tombstone, and out of everything not yet sent.
    """
    id, found = find(app, article)
    confirm(f"Withdraw {found.title!r}? Feed readers are told that it is gone.", yes)
    app.editor().take_out(id, "articles withdraw", who)
    say(f"Withdrawn: {found.title}")


@click.command()
@click.argument("article")
@as_option
@with_app
def restore(app: App, article: str, who: str) -> None:
    """Bring an article back that was withdrawn.

    It goes to the feeds, and is not mailed again.
    """
    id, found = find(app, article)
    app.editor().bring_back(id, "articles restore", who)
    say(f"Restored: {found.title}")


@click.command()
@click.argument("article")
@click.option("--title")
@click.option("--summary")
@click.option("--url")
@click.option("--author")
@click.option("--announce", is_flag=True, help="Tell readers, as an update.")
@as_option
@with_app
def correct(
    app: App,
    article: str,
    title: str | None,
    summary: str | None,
    url: str | None,
    author: str | None,
    announce: bool,
    who: str,
) -> None:
    """Put your words in the place of the source's, for good.

    "" gives the source its own back.
    """
    given = dict(zip(CORRECTED, (title, summary, url, author), strict=True))
    corrections = {name: text for name, text in given.items() if text is not None}
    if not corrections:
        raise click.UsageError("say what to correct: --title, --summary, --url or --author")
    id, _ = find(app, article)
    corrected = app.editor().correct(id, corrections, who, tell=announce)
    say(f"Corrected: {corrected.title}")


@click.command()
@click.argument("article")
@click.option("--add", "added", multiple=True, metavar="THEME", help="It is in this theme; repeatable.")
@click.option(
    "--remove", "removed", multiple=True, metavar="THEME", help="It is not in this one; repeatable."
)
@click.option("--reset", is_flag=True, help="Leave it to the rules again.")
@click.option("--announce", is_flag=True, help="Mail it to readers of the themes it reaches by this.")
@as_option
@with_app
def retheme(
    app: App,
    article: str,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    reset: bool,
    announce: bool,
    who: str,
) -> None:
    """Decide yourself which themes an article is in.

    The rules do not change that again.
    """
    for slug in (*added, *removed):
        if slug not in app.tree:
            raise click.BadParameter(f"{slug!r} is no theme; 'kennisportal themes list' has them")
    if reset == bool(added or removed) or set(added) & set(removed):
        raise click.UsageError("give --add and --remove, each with other themes, or --reset alone")
    decisions = None if reset else dict.fromkeys(added, True) | dict.fromkeys(removed, False)
    id, found = find(app, article)
    themes = app.editor().put(id, decisions, who, tell=announce)
    say(f"{found.title} is now in: {', '.join(sorted(themes, key=app.tree.place)) or 'no theme'}")


@click.command()
@click.argument("article")
@click.argument("into")
@as_option
@yes_option
@with_app
def merge(app: App, article: str, into: str, who: str, yes: bool) -> None:
    """Say that ARTICLE is the same as INTO, which stays.

    ARTICLE leaves feeds and digests, and its source's names for it mean INTO from now on.
    """
    id, found = find(app, article)
    other, kept = find(app, into)
    confirm(f"Merge {found.title!r} into {kept.title!r}? The first is withdrawn.", yes)
    app.editor().merge(id, other, who)
    say(f"Merged into {other}: {kept.title}")


@click.command()
@click.argument("article")
@as_option
@yes_option
@with_app
def split(app: App, article: str, who: str, yes: bool) -> None:
    """Make a new article of what the source shows under this one now."""
    id, found = find(app, article)
    confirm(f"Make {found.title!r} a new article, and withdraw what was known as {id}?", yes)
    say(f"Split off as article {app.editor().split(id, who)}: {found.title}")
