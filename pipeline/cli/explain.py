"""``kennisportal explain``."""

import click

from pipeline.app import App
from pipeline.cli.console import json_option, say, say_json, with_app


@click.command()
@click.argument("email")
@click.argument("article", required=False, default="")
@json_option
@with_app
def explain(app: App, email: str, article: str, as_json: bool) -> None:
    """Why a reader did or did not get an article (its number, tag: id or address).

    Without an article: their last editions, and what comes next.
    """
    found = app.explainer().explain(email, article)
    if as_json:
        say_json({"sentence": found.sentence} | found.facts)
        return
    say(found.sentence)
    for name, value in found.facts.items():
        say(f"\n{name}")
        for line in _lines(value):
            say(f"  {line}")


def _lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}: {_flat(part)}" for key, part in value.items()]
    if isinstance(value, list):
        return [_flat(part) for part in value] or ["none"]
    return [str(value)]


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(part)}" for key, part in value.items() if part not in ("", []))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
