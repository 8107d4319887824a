"""``kennisportal init``: a portal that works as it stands."""

import json
from importlib.resources import files
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

import click

from feeds.characters import one_line
from feeds.markup import plain_text
from feeds.propose import propose_themes
from feeds.source import NotPublic
from pipeline.app import App, now
from pipeline.cli.console import say, table
from pipeline.cli.failure import Failure
from pipeline.cli.sources import working
from pipeline.edges import secrets
from pipeline.edges.config import proposal
from pipeline.settings import CONFIG_NAME, ConfigError, Settings, load
from pipeline.store import schema


@click.command()
@click.argument(
    "directory", type=click.Path(file_okay=False, path_type=Path), default=Path(), metavar="[DIR]"
)
@click.option("--from", "url", metavar="URL", help="Propose sources and themes from what this site offers.")
def init(directory: Path, url: str | None) -> None:
    """Write a commented config, a secret key, a database and an example article into DIR."""
    config = directory / CONFIG_NAME
    if config.exists():
        _complete(config)
        return
    if url is not None:
        _propose(directory, url)
        return
    starter = files("pipeline") / "starter"
    (directory / "artikelen").mkdir(parents=True, exist_ok=True)
    example = directory / "artikelen" / "welkom.md"
    if not example.exists():
        text = (starter / "artikelen" / "welkom.md").read_text(encoding="utf-8")
        example.write_text(text.replace("{today}", now().date().isoformat()), encoding="utf-8")
    config.write_text((starter / CONFIG_NAME).read_text(encoding="utf-8"), encoding="utf-8")
    settings = load(config)
    _found(settings)
    here = "" if directory == Path() else f"cd {quote(str(directory))} && "
    say(
        f"A portal is in {directory.resolve()}.\n"
        f"  {config}: themes, sources, digests; every key is explained\n"
        f"  {example}: an example article\n"
        f"  {settings.mail.secret_key_file}: signs the links in mails; keep it private, and back it up\n"
        f"Next: {here}kennisportal collect && kennisportal feeds build && kennisportal web\n"
        "Then: kennisportal subscribers add you@example.com --interests gemeenten --confirmed "
        "--consent-note 'it is me' && kennisportal digest send weekly"
    )


def _propose(directory: Path, url: str) -> None:
    """A config for the portal of a site: its sources, and a theme for each of its categories."""
    host = urlsplit(url).hostname or url
    with App(Settings.model_validate({"site": {"name": host, "base_url": "http://127.0.0.1:8000"}})) as app:
        try:
            found = working(app.collector(), app.collector().discover(url))
        except NotPublic as error:
            raise Failure(
                f"{error.what}; if that is meant, allow it in the environment, as there is no config yet: "
                f"KENNISPORTAL_COLLECT__ALLOW_HOSTS='{json.dumps([error.host])}' kennisportal init …"
            ) from None
        allowed = app.settings.collect.allow_hosts
    if not found:
        raise Failure(f"{url} offers no feed, WordPress or sitemap that can be read; give another page of it")
    sources = [
        {"name": source.name, "kind": source.kind, "url": source.url, "every": "15m"} for source, *_ in found
    ]
    title = next((plain for _, reading, _ in found if (plain := one_line(plain_text(reading.title)))), host)
    themes = propose_themes(draft.categories for *_, drafts in found for draft in drafts)
    starter = (files("pipeline") / "starter" / CONFIG_NAME).read_text(encoding="utf-8")
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / CONFIG_NAME
    config.write_text(proposal(starter, title[:100], sources, themes, allowed), encoding="utf-8")
    try:
        settings = load(config)
    except ConfigError:
        config.unlink()
        raise
    _found(settings)
    table(("source", "kind", "address"), [(one["name"], one["kind"], one["url"]) for one in sources])
    table(("theme", "name"), [(theme.slug, theme.name) for theme in themes])
    here = "" if directory == Path() else f"cd {quote(str(directory))} && "
    say(f"A portal is in {directory.resolve()}. Read {config}, and change what you want otherwise.")
    say(f"Next: {here}kennisportal collect && kennisportal feeds build && kennisportal web")


def _complete(config: Path) -> None:
    """Make the key or the database that a config lacks; a portal that lacks nothing is left alone.

    A key is made only while nobody is known: with another one, who left would be mailed again.
    """
    settings = load(config)
    key = settings.path(settings.mail.secret_key_file)
    with App(settings) as app:
        empty = schema.is_empty(app.database)
        known = not empty and app.knows_anybody()
    if key.exists() and not empty:
        raise Failure(f"{config} is there already; edit it, or choose another directory")
    if known:
        raise Failure(
            f"{key} is missing, and the database knows people by it: put the key back from a backup, for "
            "with a new one those who left would be mailed again"
        )
    _found(settings)
    say(f"The portal of {config} is complete.")


def _found(settings: Settings) -> None:
    secrets.create(settings.path(settings.mail.secret_key_file))
    with App(settings) as app:
        schema.upgrade(app.database)
