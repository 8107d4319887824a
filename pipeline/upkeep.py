"""What looks after a portal rather than being part of it: backups and what they need, put together.

Beside ``pipeline/app.py``, which puts together what a portal does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote

from sqlalchemy.engine import make_url

from feeds.characters import one_line, shorten
from pipeline.app import App
from pipeline.edges.alerts import MailChannel, Webhook
from pipeline.edges.journal import read_journals
from pipeline.ports import StoreError
from pipeline.settings import Settings
from pipeline.settings_mail import bare
from pipeline.steps.alarms import Channel, Watchman
from pipeline.steps.examine import Examiner
from pipeline.store import backup as copies
from pipeline.store import schema
from pipeline.store.backup import BackupError
from pipeline.store.replay import ReplayReport, last_sign_of_life, replay, unheard_of
from pipeline.store.session import Database
from pipeline.store.vitals import job_fact, job_value
from pipeline.store.work import Store
from subscribers.condition import DiskCondition, JobCondition
from subscribers.journal import Record


def database_file(settings: Settings) -> Path | None:
    """Where the SQLite database is; None where it is a PostgreSQL."""
    url = make_url(settings.database.url)
    return settings.root / str(url.database) if url.get_backend_name() == "sqlite" else None


def back_up(app: App, target: Path | None, *, overwrite: bool) -> tuple[Path, int]:
    """Copy the database, to a file named after this moment where none is given; gives it and its size.

    Raises BackupError; on PostgreSQL it says how it is done there.
    """
    file = database_file(app.settings)
    if file is None:
        raise BackupError(f"PostgreSQL has its own tools for this; run: {_dump(app)}")
    if target is None:
        target = file.parent / "backups" / f"kennisportal-{app.clock():%Y%m%dT%H%M%SZ}.db"
    return target, copies.copy(file, target, overwrite=overwrite)


def _dump(app: App) -> str:
    url = make_url(app.settings.database.url)._replace(drivername="postgresql", password=None)
    return f"pg_dump --format=custom --file=kennisportal.dump {quote(url.render_as_string())}"


def examiner(app: App) -> Examiner:
    """What looks at how the portal is doing."""

    def disk() -> DiskCondition | None:
        found = app.disk
        return DiskCondition(found.free(), found.reserve, found.shortage()) if found else None

    return Examiner(
        app.store.read, app.settings.source, app.publisher().late, disk, app.backend.waiting, app.clock
    )


def watchman(app: App) -> Watchman:
    """What raises alarms, on the channels that the config names."""
    alerts, site = app.settings.alerts, app.settings.site
    channels: dict[str, Channel] = {}
    if alerts.to:
        sender = app.settings.mail.plain_sender or alerts.to[0]
        to = [bare(one) for one in alerts.to]
        channels["mail"] = MailChannel(site.name, sender, to, app.posting, app.clock)
    if alerts.webhook:
        channels["webhook"] = Webhook(site.name, alerts.webhook)
    return Watchman(app.store.write, examiner(app), channels, app.clock)


@contextmanager
def noted(app: App, job: str) -> Iterator[None]:
    """Remember of a job of the clock that it went well, or since when it fails and why.

    That it went well again is written down once a minute, since jobs run every few seconds.
    """
    with app.store.read() as work:
        before = work.vitals.jobs().get(job, JobCondition())
    now = app.clock()
    try:
        yield
    except Exception as error:
        failing = before.failing_since or now
        _note(app, job, JobCondition(before.succeeded, failing, shorten(one_line(str(error)), 300)))
        raise
    recent = before.succeeded is not None and now - before.succeeded < _NOTE_EVERY
    if before.failing_since is not None or not recent:
        _note(app, job, JobCondition(now))


def _note(app: App, job: str, condition: JobCondition) -> None:
    with suppress(StoreError), app.store.write() as work:
        work.register.set_fact(job_fact(job), job_value(condition))


_NOTE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Restorable:
    """A backup and the journal to replay on it, both read and found whole.

    ``alive`` is the backup's last sign of life; ``blind`` says that who left before ``since``, the
    beginning of the journal, may be mailed again.
    """

    alive: datetime | None
    since: datetime | None

    @property
    def blind(self) -> bool:
        return self.since is None or (self.alive is not None and self.since > self.alive)


class Restorer:
    """Puts back a backup, or brings one up to date that the database's own tools put back.

    ``journals`` are read all; none at all means that the journal is lost.
    """

    def __init__(self, app: App, journals: Sequence[Path]) -> None:
        self._app = app
        self._journals = list(journals)

    def look(self, backup: Path | None) -> Restorable:
        """What there is to restore; the database itself is looked at where no backup is named."""
        if backup is not None and database_file(self._app.settings) is None:
            raise BackupError(
                "this portal has a PostgreSQL; put the dump back with pg_restore, and run "
                "'kennisportal restore --replay' then, before anything else"
            )
        since = self._record().since if self._journals else None
        if backup is None:
            schema.require(self._app.database)
            with self._app.database.read() as session:
                return Restorable(last_sign_of_life(session), since)
        copies.check(backup)
        with copies.reading(backup) as session:
            return Restorable(last_sign_of_life(session), since)

    def restore(self, backup: Path) -> tuple[ReplayReport, Path]:
        """Put a backup in the database's place; gives what it came to and where the old one is kept."""
        file = database_file(self._app.settings)
        assert file is not None
        self._app.close()
        kept = file.with_name(f"{file.name}.before-{self._app.clock():%Y%m%dT%H%M%SZ}")
        with copies.replacing(file, backup, kept) as fresh:
            database = Database(f"sqlite:///{fresh.resolve()}")
            try:
                schema.upgrade(database)
                report = self._replay(database)
                database.scrub()
            finally:
                database.close()
        return report, kept

    def replay(self) -> ReplayReport:
        """Bring the database as it stands up to the journal."""
        return self._replay(self._app.database)

    def _replay(self, database: Database) -> ReplayReport:
        now = self._app.clock()
        with Store(database, self._app.secrets.suppression).write() as work:
            record = self._record() if self._journals else unheard_of(work.session, now)
            return replay(work, record, now)

    def _record(self) -> Record:
        return read_journals(self._journals)
