"""A command that failed: what it says for whatever went wrong."""

import os
import traceback
from typing import Any

import click
import jinja2
from sqlalchemy.exc import SQLAlchemyError

from feeds.error import KennisportalError


class Failure(click.ClickException):
    """The command failed: one line on stderr that says what and what to do, exit code 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"Error: {' '.join(self.message.split())}", err=True)


def failure_of(error: Exception) -> Failure:
    """What went wrong, in one line. With KENNISPORTAL_DEBUG set, a fault of the program is raised again."""
    match error:
        case KennisportalError():
            return Failure(str(error))
        case jinja2.TemplateSyntaxError():
            where = error.filename or error.name
            return Failure(f"{where}:{error.lineno}: the template is wrong: {error.message}")
        case jinja2.TemplateError():
            return Failure(f"{_where(error)}: the template can't be used: {error.message}")
        case SQLAlchemyError():
            return Failure(f"the database can't do this: {getattr(error, 'orig', None) or error}")
        case OSError():
            return Failure(f"{error.filename or 'the system'}: {error.strerror or error}")
    if os.environ.get("KENNISPORTAL_DEBUG"):
        raise error
    return Failure(
        f"{_where(error)}: {type(error).__name__}: {error}; if this is no template of yours, please "
        "report it, with what KENNISPORTAL_DEBUG=1 shows besides"
    )


def _where(error: Exception) -> str:
    """The file and line at which something went wrong; where a template was at work, in the template."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if frame.filename.endswith(".j2")), frames[-1])
    return f"{frame.filename}:{frame.lineno}"
