"""The command line. A command parses, makes one call, and prints; a file holds one group of them.

Exit codes: 0 done, 1 failed (one line on stderr says what and what to do), 2 used wrongly.
"""

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import click

_COMMANDS = {
    "To begin": {
        "init": "Write a config, a key, a database and an example article.",
        "demo": "Play two weeks of a portal on Dutch sample content.",
        "doctor": "Check config, database, mail servers, DNS, clock and disk.",
    },
    "Articles": {
        "sources": "Where articles come from.",
        "collect": "Collect new and changed articles from sources that are due.",
        "articles": "What has been collected, and an editor's decisions about it.",
        "themes": "The editorial subjects, and why an article is in them.",
        "feeds": "What is published.",
    },
    "Readers and their mail": {
        "subscribers": "Who reads, and what they asked for.",
        "digest": "Editions: plan, look, send, account for.",
        "schedule": "Which edition goes out when; moving and skipping one.",
        "explain": "Why a reader did or did not get an article.",
        "bounces": "What comes back from mail servers, and from who wants to leave.",
        "domains": "How mail providers take our mail; leaving one alone.",
    },
    "To keep it running": {
        "run": "Collect, publish, send and serve, until it is stopped.",
        "web": "Serve what is published, and the links in mails.",
        "worker": "Collect, publish, plan and send what a scheduler asks for.",
        "scheduler": "Say what is due and when, for workers to do.",
        "status": "What is due, sick and being sent, and which alarms stand.",
        "stats": "Readers, editions and themes in numbers.",
        "audit": "What was decided by command, and by whom; the latest first.",
        "keys": "The secret keys that sign the links in mails.",
        "db": "The database's schema.",
        "backup": "Copy the database while it is in use, and check the copy.",
        "restore": "Put a backup back; nobody is mailed twice, or after leaving.",
    },
}
"""What there is, in the order in which somebody meets it, and how ``--help`` tells it in one line."""

_SHARED = {"web": "run", "worker": "run", "scheduler": "run", "restore": "backup"}
"""Those that stand in another's file."""


class _Kennisportal(click.Group):
    """Finds a command in its file, and turns every expected error into one line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in _COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command = getattr(_imported(f"pipeline.cli.{_SHARED.get(name, name)}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # which knows of those alone that were imported
            raise click.NoSuchCommand(error.command_name, None, self.list_commands(ctx), ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for title, commands in _COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), short) for name, short in commands.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # with the last of them, whoever reads our output has seen enough; click ends quietly
        except Exception as error:
            from pipeline.cli.failure import failure_of  # which needs what --help does without

            raise failure_of(error) from error


def _imported(module: str) -> ModuleType:
    if module in sys.modules:
        return sys.modules[module]
    # All that comes with it stays. To look through it again and again meanwhile takes a sixth of the time.
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


@click.group(cls=_Kennisportal, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kennisportal")
def cli() -> None:
    """Collect articles, publish a feed per theme, and send every subscriber a digest of their themes."""


def main() -> None:
    cli(prog_name="kennisportal")
