"""``kennisportal keys``: the secret keys that sign links."""

import click

from pipeline.app import App
from pipeline.cli.console import as_option, confirm, say, with_app, yes_option
from pipeline.edges import secrets


@click.group()
def keys() -> None:
    """The secret keys that sign the links in mails."""


@keys.command()
@yes_option
@as_option
@with_app
def rotate(app: App, yes: bool, who: str) -> None:
    """Sign with a new key. The links in old mails go on working.

    Do so when somebody may have seen the key file, and now and then.
    """
    path = app.settings.path(app.settings.mail.secret_key_file)
    confirm(f"Add a key to {path}? Whatever is running must be restarted to know it.", yes)
    number = secrets.rotate(path)
    app.audit(who, "keys rotate", f"{number} keys")
    say(
        f"{path} has {number} keys for signing; the last one signs. Copy the file to every machine of yours, "
        "and restart what is running there, before the next mail leaves."
    )
