"""Other themes, with their readers brought along: more of ``kennisportal themes``."""

from collections.abc import Callable
from pathlib import Path

import click

from feeds.theme import left_behind
from pipeline.app import App
from pipeline.cli.console import as_option, confirm, fail, say, with_lost_themes, yes_option
from pipeline.edges.themeconfig import ThemeConfig, merged, renamed, without
from subscribers.interest import UnknownTheme, interest_set


@click.command()
@click.argument("slug")
@click.argument("new")
@yes_option
@as_option
@with_lost_themes
def rename(app: App, slug: str, new: str, yes: bool, who: str) -> None:
    """Give a theme another slug. Its readers stay, and its old addresses lead to the new ones."""
    if slug in app.tree and new in app.tree:
        fail(
            f"there is a theme {new!r} already; to put them together: kennisportal themes merge {slug} {new}"
        )
    change = _change(app, slug, [new], lambda path: renamed(path, slug, new))
    _ask(app, slug, f"Rename the theme {slug} to {new}", yes, cancels=False)
    app.recaster().rename(slug, new, _replacing(change))
    _done(app, who, f"rename {slug}", new)


@click.command()
@click.argument("slug")
@click.argument("into")
@yes_option
@as_option
@with_lost_themes
def merge(app: App, slug: str, into: str, yes: bool, who: str) -> None:
    """Let the theme INTO take in another, with its readers.

    Its articles, words and addresses come as well.

    A word comes with its weight, unless INTO has it already. INTO keeps its own threshold, and excludes what
    it did before: what of the other's rules is left behind is said first.
    """
    _other(app, slug, [into])
    change = _change(app, slug, [into], lambda path: merged(path, slug, into))
    if slug in app.tree:
        for rule in left_behind(app.tree[slug], app.tree[into]):
            say(rule)
    _ask(app, slug, f"Merge the theme {slug} into {into}", yes)
    app.recaster().merge(slug, into, (change.settings if change else app.settings).tree, _replacing(change))
    _done(app, who, f"merge {slug}", into)


@click.command()
@click.argument("slug")
@click.option("--into", required=True, metavar="SLUGS", help="The themes that take its place, joined by ,")
@yes_option
@as_option
@with_lost_themes
def split(app: App, slug: str, into: str, yes: bool, who: str) -> None:
    """Let several themes take the place of one. They must be in the config, with their rules.

    Who followed it follows all of them, and can choose again by the link in any mail.
    """
    others = interest_set(into.split(","), app.tree)
    _other(app, slug, others)
    change = _change(app, slug, others, lambda path: without(path, slug, others))
    _ask(app, slug, f"Split the theme {slug} into {', '.join(others)}", yes)
    settings = change.settings if change else app.settings
    with App(settings, app.clock) as later:
        later.rethemer().apply()
    app.recaster().split(slug, others, settings.tree, _replacing(change))
    _done(app, who, f"split {slug}", ", ".join(others))


@click.command()
@click.argument("slug")
@yes_option
@as_option
@with_lost_themes
def retire(app: App, slug: str, yes: bool, who: str) -> None:
    """Take a theme out. Its readers keep the rest of what they chose; its addresses answer 410."""
    change = _change(app, slug, [], lambda path: without(path, slug))
    _ask(app, slug, f"Retire the theme {slug}", yes)
    app.recaster().retire(slug, _replacing(change))
    _done(app, who, f"retire {slug}", "")


def _other(app: App, slug: str, others: tuple[str, ...] | list[str]) -> None:
    for other in others:
        if other == slug:
            fail(f"{slug!r} can't take its own place; name another theme")
        if other not in app.tree:
            raise UnknownTheme(f"theme {other!r} does not exist; add it to the config first")


def _change(
    app: App, slug: str, others: tuple[str, ...] | list[str], make: Callable[[Path], ThemeConfig]
) -> ThemeConfig | None:
    """The config to come; None where its owner has taken the theme out already."""
    assert app.config is not None
    if slug in app.tree:
        return make(app.config)
    for other in others:
        if other not in app.tree:
            raise UnknownTheme(f"the config has neither {slug!r} nor {other!r}; mend it first")
    return None


def _ask(app: App, slug: str, what: str, yes: bool, *, cancels: bool = True) -> None:
    found = app.recaster().affected(slug)
    if slug not in app.tree and not found.readers:
        fail(f"there is no theme {slug!r}, and nobody follows it")
    say(f"{found.readers} readers follow {slug}, {found.alone} of them nothing else.")
    if found.planned and cancels:
        say(f"{found.planned} mails are planned for them, and will be cancelled; what they hold comes later.")
    with app.backend.alone("scheduler") as idle:
        if not idle:
            say(
                "What runs now will take no choices from readers, and collect, plan and publish nothing more "
                "until it is started again."
            )
    confirm(f"{what}?", yes)


def _replacing(change: ThemeConfig | None) -> Callable[[], None]:
    return change.replace if change else lambda: None


def _done(app: App, who: str, what: str, new: str) -> None:
    app.audit(who, f"themes {what.partition(' ')[0]}", f"{what.partition(' ')[2]} {new}".strip())
    say("Done. Start again what is running, then: kennisportal collect, kennisportal feeds build.")
