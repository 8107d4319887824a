"""The command line. A command parses, makes one call, and prints; a file holds one group of them.

Exit codes: 0 done, 1 failed (one line on stderr says what and what to do), 2 used wrongly.
"""

import os
import traceback
from typing import Any

import click
import jinja2
from sqlalchemy.exc import SQLAlchemyError

from feeds.source import SourceError
from pipeline.cli.articles import articles
from pipeline.cli.audit import audit
from pipeline.cli.backup import backup, restore
from pipeline.cli.bounces import bounces
from pipeline.cli.collect import collect
from pipeline.cli.console import Failure
from pipeline.cli.db import db
from pipeline.cli.demo import demo
from pipeline.cli.digest import digest
from pipeline.cli.doctor import doctor
from pipeline.cli.domains import domains
from pipeline.cli.explain import explain
from pipeline.cli.feeds import feeds
from pipeline.cli.init import init
from pipeline.cli.keys import keys
from pipeline.cli.run import run, scheduler, web, worker
from pipeline.cli.schedule import schedule
from pipeline.cli.sources import sources
from pipeline.cli.stats import stats
from pipeline.cli.status import status
from pipeline.cli.subscribers import subscribers
from pipeline.cli.themes import themes
from pipeline.demo import DemoError
from pipeline.edges.journal import JournalError
from pipeline.edges.mailbox import MailboxError
from pipeline.edges.secrets import SecretError
from pipeline.ports import StoreError
from pipeline.ports_publishing import PublishError
from pipeline.ports_running import ClaimsLost
from pipeline.settings import ConfigError
from pipeline.steps.desk import DeskError
from pipeline.steps.editing import EditingError
from pipeline.steps.enrol import EnrolError
from pipeline.steps.explain import ExplainError
from pipeline.steps.preview import PreviewError
from pipeline.store.backup import BackupError
from subscribers.delivery import DiskLow, TransportUnavailable
from subscribers.interest import UnknownTheme
from subscribers.roster import BadRow, RosterError
from subscribers.subscriber import AddressError
from subscribers.timetable import SlotError

_EXPECTED = (
    AddressError,
    BackupError,
    BadRow,
    ClaimsLost,
    ConfigError,
    DemoError,
    DeskError,
    DiskLow,
    EditingError,
    EnrolError,
    ExplainError,
    JournalError,
    MailboxError,
    PreviewError,
    PublishError,
    RosterError,
    SecretError,
    SlotError,
    SourceError,
    StoreError,
    TransportUnavailable,
    UnknownTheme,
)
"""What can go wrong through no fault of the program; each text names the thing and what to do."""


class _Kennisportal(click.Group):
    """Turns every expected error into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _EXPECTED as error:
            raise Failure(str(error)) from error
        except jinja2.TemplateSyntaxError as error:
            where = error.filename or error.name
            raise Failure(f"{where}:{error.lineno}: the template is wrong: {error.message}") from error
        except jinja2.TemplateError as error:
            raise Failure(f"{_where(error)}: the template can't be used: {error.message}") from error
        except SQLAlchemyError as error:
            raise Failure(f"the database can't do this: {getattr(error, 'orig', None) or error}") from error
        except BrokenPipeError:
            raise  # whoever reads our output has seen enough; click ends quietly
        except OSError as error:
            raise Failure(f"{error.filename or 'the system'}: {error.strerror or error}") from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get("KENNISPORTAL_DEBUG"):
                raise
            raise Failure(
                f"{_where(error)}: {type(error).__name__}: {error}; if this is no template of yours, please "
                "report it, with what KENNISPORTAL_DEBUG=1 shows besides"
            ) from error


def _where(error: Exception) -> str:
    """The file and line at which something went wrong; where a template was at work, in the template."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename.endswith(".j2")), frames[-1])
    return f"{frame.filename}:{frame.lineno}"


@click.group(cls=_Kennisportal, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kennisportal")
def cli() -> None:
    """Collect articles, publish a feed per theme, and send every subscriber a digest of their themes."""


for _command in (
    init,
    demo,
    collect,
    sources,
    themes,
    articles,
    feeds,
    subscribers,
    digest,
    explain,
    domains,
    bounces,
    audit,
    keys,
    run,
    web,
    worker,
    scheduler,
    db,
    backup,
    restore,
    doctor,
    stats,
    status,
    schedule,
):
    cli.add_command(_command)


def main() -> None:
    cli(prog_name="kennisportal")
