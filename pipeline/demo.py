"""The demo: two weeks of a portal on sample content, through the same steps as everything else.

    week 1   collect ─▶ publish ─▶ sign up readers ─▶ send
    week 2   one article changes, one goes, two come ─▶ collect ─▶ publish ─▶ send

The first week is played a week ago, so that the second one is now. The portal's own web server gives
the sample feeds, so the sources are really fetched.
"""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from email.utils import format_datetime
from importlib.resources import as_file, files
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
import uvicorn

from feeds.article import Visibility
from feeds.error import KennisportalError
from pipeline import jobs
from pipeline.app import App, now
from pipeline.edges import secrets
from pipeline.edges.roster import roster_lines
from pipeline.settings import CONFIG_NAME, load
from pipeline.steps.collect import CollectReport
from pipeline.steps.publish import PublishReport
from pipeline.store import schema
from pipeline.web import build
from subscribers.edition import EditionName
from subscribers.frequency import Frequency
from subscribers.roster import read_rows

MARK = ".kennisportal-demo"
WEEK = timedelta(days=7)
SENT = (Frequency.WEEKLY, Frequency.DAILY)

_PORT = 8000


class DemoError(KennisportalError):
    """The demo can't be played here; the text says why and what to do."""


@dataclass(slots=True)
class Week:
    """What happened in one week; the editions with the numbers of readers they reached."""

    collected: CollectReport
    published: PublishReport
    editions: dict[EditionName, int] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """What the demo did, and where it is."""

    directory: Path
    base_url: str
    articles: int
    readers: int
    weeks: list[Week]
    example: str
    """A reader who got both digests."""


def play(directory: Path) -> Story:
    """Play both weeks in a directory of the demo's own. Raises DemoError for one that holds other things."""
    _clear(directory)
    with _listening() as listener, as_file(files("pipeline") / "sample") as sample:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        _Content(sample, directory, base_url, now() - WEEK).write_first_week()
        settings = load(directory / CONFIG_NAME)
        secrets.create(settings.path(settings.mail.secret_key_file))
        with App(settings, lambda: now() - WEEK) as app:
            schema.upgrade(app.database)
            with _serving(app, listener):
                first = _collect_and_publish(app)
                report = app.enroller().take(read_rows(roster_lines(directory / "subscribers.csv")))
                _send(app, first)
        with App.open(directory / CONFIG_NAME) as app, _serving(app, listener):
            _Content(sample, directory, base_url, now()).write_second_week()
            second = _collect_and_publish(app)
            _send(app, second)
            _write_pages(app, sample)
            with app.store.read() as work:
                articles = len(work.articles.latest(None, 1000))
                example = next(work.subscribers.everyone()).subscriber.email
    return Story(directory, base_url, articles, report.added, [first, second], example)


def _clear(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()) and not (directory / MARK).exists():
        raise DemoError(
            f"{directory} holds something else; give the demo a directory of its own with --output"
        )
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    (directory / MARK).write_text("Made by 'kennisportal demo', which replaces it when it is run again.\n")


class _Content:
    """The sample content, rendered: its dates count back from ``today``."""

    def __init__(self, sample: Path, directory: Path, base_url: str, today: datetime) -> None:
        self._sample = sample
        self._directory = directory
        self._environment = jinja2.Environment(  # noqa: S701 (no HTML: config, Markdown and feeds of our own)
            loader=jinja2.FileSystemLoader(sample),
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
        )
        self._environment.filters |= {"iso": datetime.isoformat, "rfc822": format_datetime}
        self._environment.globals |= {
            "base_url": base_url,
            "feeds_url": f"{base_url}/bron",
            "ago": lambda days, at: _ago(today, days, at),
        }

    def write_first_week(self) -> None:
        self._write("portal.toml.j2", CONFIG_NAME)
        self._write("subscribers.csv", "subscribers.csv")
        for name in ("nieuws.rss", "blog.atom"):
            self._write(name, f"var/public/bron/{name}")
        self._write_articles("articles")

    def write_second_week(self) -> None:
        """One article changes, two are new, and one goes."""
        self._write_articles("week2/articles")
        for slug in (self._sample / "week2" / "withdrawn.txt").read_text(encoding="utf-8").split():
            (self._directory / "content" / "artikelen" / f"{slug}.md").unlink()

    def _write_articles(self, place: str) -> None:
        for file in sorted((self._sample / place).glob("*.md")):
            self._write(f"{place}/{file.name}", f"content/artikelen/{file.name}")

    def _write(self, template: str, to: str) -> None:
        path = self._directory / to
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._environment.get_template(template).render(), encoding="utf-8")


def _ago(today: datetime, days: float, at: str) -> datetime:
    """A time of day some days before ``today``, and never in the future."""
    day = (today - timedelta(days=days)).date()
    return min(datetime.combine(day, time_of_day.fromisoformat(at), UTC), today)


def _collect_and_publish(app: App) -> Week:
    app.rethemer().apply()
    collected = app.collector().collect(app.settings.source, force=True)
    for part in collected.sources:
        if part.error:
            raise DemoError(f"the sample content could not be collected: {part.error}")
    return Week(collected, jobs.publish(app))


def _send(app: App, week: Week) -> None:
    for frequency in SENT:
        name = jobs.plan_by_hand(app, frequency).edition
        report = jobs.send(app, app.desk().ready(name))
        week.editions[name] = report.handed_over


def _write_pages(app: App, sample: Path) -> None:
    """The articles on pages of their own, so that the links lead somewhere."""
    source = (sample / "article.html.j2").read_text(encoding="utf-8")
    with app.store.read() as work:
        articles = [article for _, article in work.articles.latest(None, 1000)]
    for article in articles:
        assert article.visibility == Visibility.VISIBLE
        language = article.language if article.language in app.templates else app.settings.site.language
        page = app.templates[language].from_string(source).render(site=app.settings.site, article=article)
        path = app.public / f"{urlsplit(article.url).path.strip('/')}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", _PORT))
        except OSError:  # somebody else is there; any port will do
            listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield listener


@contextmanager
def _serving(app: App, listener: socket.socket) -> Iterator[None]:
    """The portal's own web server, in a thread."""
    server = uvicorn.Server(uvicorn.Config(build(app), log_level="warning"))
    # It closes what it is given, and the second week needs the same port.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener.dup()]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()
