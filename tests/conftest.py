"""A portal to try things on: a real config, database and folder of articles in a directory of its own."""

import gc
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner, Result
from postgresql import Server, running

from pipeline.app import App
from pipeline.cli import cli
from pipeline.edges import secrets
from pipeline.settings import SQLITE, load
from pipeline.store import schema
from pipeline.store.session import Database

CONFIG = """\
[site]
name = "Proefportaal"
base_url = "https://portaal.example"

[database]
url = "DATABASE"

[publish]
directory = "public"

[mail]
from = "Proefportaal <overzicht@portaal.example>"
postal_address = "Voorbeeldstraat 1, Voorbeeldstad"
transport = "maildir://mail"

[collect]
host_pause = "0s"
allow_hosts = ["127.0.0.1"]

[[theme]]
slug = "overheid"
name = "Overheid"

[[theme]]
slug = "gemeenten"
name = "Gemeenten"
parent = "overheid"
keywords = ["gemeente"]

[[theme]]
slug = "cloud"
name = "Cloud"
keywords = ["cloud"]

[[source]]
name = "map"
kind = "folder"
path = "artikelen"
url = "https://portaal.example/artikelen"

[[digest]]
frequency = "weekly"

[[digest]]
frequency = "daily"
"""


def pytest_collection_finish() -> None:
    """All that is imported by now stays: looking through it again and again takes a quarter of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@cache
def migrated_sqlite() -> bytes:
    """A database with the schema in it and nothing else: running all migrations for each test is slow."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "portal.db")
        database = Database(f"sqlite:///{file}")
        schema.upgrade(database)
        database.close()
        return file.read_bytes()


class Portal:
    """``now`` is the portal's clock, for commands too; it moves only when told to."""

    def __init__(self, root: Path, config: str) -> None:
        self.root = root
        self.config = root / "kennisportal.toml"
        self._still: datetime | None = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        self.config.write_text(config, encoding="utf-8")
        self.articles = root / "artikelen"
        self.articles.mkdir()
        settings = load(self.config)
        secrets.create(settings.path(settings.mail.secret_key_file))
        if settings.database.url == SQLITE:
            file = settings.path(SQLITE.removeprefix("sqlite:///"))
            file.touch(0o600)
            file.write_bytes(migrated_sqlite())

    @contextmanager
    def open(self) -> Iterator[App]:
        with App.open(self.config, lambda: self.now) as app:
            yield app

    @property
    def now(self) -> datetime:
        return self._still or datetime.now(UTC)

    @now.setter
    def now(self, moment: datetime) -> None:
        self._still = moment

    def go_live(self) -> None:
        """From here on go by the machine's clock, the only one that other processes know."""
        self._still = None

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def write(
        self, name: str, title: str, text: str = "", date: datetime | str | None = None, more: str = ""
    ) -> None:
        """Put an article in the folder, an hour old where no date is given."""
        when = date if date is not None else self.now - timedelta(hours=1)
        head = f"title: {title!r}\ndate: {when}\n{more}"
        (self.articles / f"{name}.md").write_text(f"---\n{head}---\n{text or title}\n", encoding="utf-8")

    def remove(self, name: str) -> None:
        (self.articles / f"{name}.md").unlink()

    def run(self, *words: str) -> Result:
        """A command line, as a user would give it, at the portal's time."""
        with time_machine.travel(self._still, tick=False) if self._still else nullcontext():
            return CliRunner().invoke(cli, [*words, "--config", str(self.config)])

    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.root / "mail" / "new").glob("*"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked ``each_database`` run once on each kind of database; others on SQLite."""
    if metafunc.definition.get_closest_marker("each_database") and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server. Where none can be started, the tests that need it fail."""
    with running() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database of the test's own, for a config file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield SQLITE
        return
    server: Server = request.getfixturevalue("postgresql")
    with server.migrated() as url:
        yield url


@pytest.fixture
def portal(tmp_path: Path, database_url: str) -> Portal:
    return Portal(tmp_path, CONFIG.replace("DATABASE", database_url))


@pytest.fixture
def other_portal(tmp_path: Path) -> Portal:
    """A second portal, with a database and keys of its own."""
    root = tmp_path / "ander"
    root.mkdir()
    return Portal(root, CONFIG.replace("DATABASE", SQLITE))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium on this machine; without one, the test is skipped and says so."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine; install Debian's package 'chromium' to run this test")
    return path
