"""The portal's own house: config, secrets, database, clock, disk."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from feeds.size import size_text
from pipeline.app import App
from pipeline.doctor.outside import Outside
from pipeline.edges import ntp
from pipeline.edges.journal import JournalError
from pipeline.ports import StoreError
from pipeline.store import schema
from pipeline.store.session import WAL_IS_SAFE, sqlite
from subscribers.senderdns import Finding, Verdict

_OFF = timedelta(seconds=2)
_FAR_OFF = timedelta(minutes=1)
_ROOM = 5
"""Times the reserve: with less room it is time to see to it."""


def house(app: App, outside: Outside) -> Iterator[Finding]:
    yield from _config(app)
    yield from _secrets(app)
    try:
        yield from _database(app)
    except StoreError as error:
        yield Finding(
            "database", Verdict.WRONG, str(error), "see that it runs and that [database] url is right"
        )
    yield from _clocks(app, outside.time_server)
    yield from _disk(app)


def _config(app: App) -> Iterator[Finding]:
    settings = app.settings
    what = f"{len(settings.theme)} themes, {len(settings.source)} sources, {len(settings.digest)} digests"
    yield Finding("config", Verdict.OK, f"{app.config}: {what}")
    if settings.digest and not settings.mail.postal_address:
        yield Finding(
            "postal address",
            Verdict.WARNING,
            "there is none",
            "the law wants one in every mail: [mail] postal_address",
        )
    urls = [*settings.mail.transports, settings.bounces.imap, settings.database.url]
    private = [*(url for url in urls if urlsplit(url).password), settings.alerts.webhook]
    # What comes from the environment is in no file that others could read.
    held = app.config.read_text(encoding="utf-8") if app.config else ""
    if app.config and any(one in held for one in private if one) and _may_read(app.config, stat.S_IROTH):
        yield Finding(
            "config", Verdict.WARNING, "it holds a password and others may read it", f"chmod 640 {app.config}"
        )


def _secrets(app: App) -> Iterator[Finding]:
    files = [app.settings.path(app.settings.mail.secret_key_file)]
    if app.settings.mail.dkim:
        files.append(app.settings.path(app.settings.mail.dkim.key_file))
    for file in files:
        check = f"secret {file.name}"
        if not file.is_file():
            yield Finding(
                check, Verdict.WRONG, f"{file} is missing", "put it back from where you keep a copy"
            )
        elif _may_read(file, stat.S_IRGRP | stat.S_IROTH):
            yield Finding(
                check, Verdict.WRONG, f"{file} can be read by others", f"chmod 600 {quote(str(file))}"
            )
        else:
            yield Finding(check, Verdict.OK, f"{file}, for its owner alone")
    journal = app.settings.path(app.settings.database.journal)
    if not journal.is_file():
        yield Finding("journal", Verdict.OK, f"{journal} is begun when the first reader comes")
        return
    try:
        since = app.journal.record().since
    except JournalError as error:
        yield Finding(
            "journal", Verdict.WRONG, str(error), "let our user write it: who leaves stands there first"
        )
    else:
        if since:
            yield Finding("journal", Verdict.OK, f"{journal}, since {since:%Y-%m-%d}")


def _database(app: App) -> Iterator[Finding]:
    with app.database.refusals(), app.database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            version = f"SQLite {sqlite.sqlite_version}"
            if WAL_IS_SAFE:
                yield Finding("database", Verdict.OK, version)
            else:
                yield Finding(
                    "database",
                    Verdict.WARNING,
                    f"{version} may damage a database that two write to, so nobody reads beside a writer",
                    "install the package pysqlite3, or a Python with SQLite 3.51.3 or newer",
                )
            found = str(connection.execute(text("PRAGMA quick_check")).scalar())
            if found == "ok":
                yield Finding("integrity", Verdict.OK, "quick_check finds nothing")
            else:
                yield Finding("integrity", Verdict.WRONG, found, "restore a backup: kennisportal restore")
            file = Path(app.database.url.database or "")
            if _may_read(file, stat.S_IROTH):
                yield Finding(
                    "database",
                    Verdict.WARNING,
                    "it holds people's addresses and others may read it",
                    f"chmod 600 {quote(str(file))}",
                )
        else:
            yield Finding(
                "database",
                Verdict.OK,
                f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar()}",
            )
    try:
        schema.require(app.database)
        yield Finding("schema", Verdict.OK, f"revision {schema.head()}")
    except StoreError as error:
        yield Finding("schema", Verdict.WRONG, str(error), "kennisportal db upgrade")


def _clocks(app: App, time_server: str) -> Iterator[Finding]:
    """The database server's clock, where it has one of its own, and ours."""
    if app.database.url.get_backend_name() != "sqlite":
        with suppress(SQLAlchemyError), app.database.engine.connect() as connection:
            theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            yield _judge_clock("database clock", app.clock() - theirs, "the database server's")
    yield _clock(app, time_server)


def _clock(app: App, time_server: str) -> Finding:
    """Against a time server's, or what was written before."""
    off = ntp.ahead(time_server)
    if off is not None:
        return _judge_clock("clock", timedelta(seconds=off), f"that of {time_server}")
    last = None
    with suppress(StoreError), app.store.read() as work:  # the database is looked at above
        _, last = work.log.last_change(None)
    if last is not None and last > app.clock() + _OFF:
        return Finding(
            "clock",
            Verdict.WRONG,
            f"the log's last entry is of {last:%Y-%m-%d %H:%M} UTC, which is still to come",
            "set the clock, and have it kept by NTP",
        )
    return Finding(
        "clock", Verdict.UNKNOWN, f"{app.clock():%Y-%m-%d %H:%M:%S} UTC; {time_server} does not answer"
    )


def _judge_clock(check: str, ahead: timedelta, whose: str) -> Finding:
    saw = f"{ahead.total_seconds():+.1f} s beside {whose}"
    if abs(ahead) < _OFF:
        return Finding(check, Verdict.OK, saw)
    verdict = Verdict.WRONG if abs(ahead) >= _FAR_OFF else Verdict.WARNING
    return Finding(check, verdict, saw, "have the clocks kept by NTP")


def _disk(app: App) -> Iterator[Finding]:
    if app.disk is None:
        return
    free, shortage = app.disk.free(), app.disk.shortage()
    if shortage:
        yield Finding("disk", Verdict.WRONG, shortage, "make room: nothing is sent until then")
    elif free < _ROOM * app.disk.reserve:
        yield Finding("disk", Verdict.WARNING, f"{size_text(free)} free", "make room before sending stops")
    else:
        yield Finding("disk", Verdict.OK, f"{size_text(free)} free")


def _may_read(file: Path, who: int) -> bool:
    return bool(file.stat().st_mode & who)
