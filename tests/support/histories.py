"""What random histories of a portal are made of: readers' themes, a portal on a database, workers that die.

A history runs the real store and steps. What stands in here is a letter that names its articles and nothing
else, a clock that moves when told to, and processes that are killed when a history says so.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from sqlmodel import SQLModel

from feeds.article import Article
from feeds.classify import Placement
from feeds.log import Kind
from feeds.theme import Theme, ThemeTree
from pipeline.ports import Lookout, Transport
from pipeline.steps.deliver import Deliverer, MailRules
from pipeline.steps.letters import Stationery
from pipeline.store.session import Database
from pipeline.store.tables import DeliveryRow, Wave
from pipeline.store.work import Store
from subscribers.edition import EditionName, balanced
from subscribers.message import Newsletter, message_id
from subscribers.pace import Limits
from subscribers.render import Letter
from subscribers.token import Tokens

TREE = ThemeTree(
    [
        Theme(slug="a", name="A"),
        Theme(slug="a1", name="A1", parent="a"),
        Theme(slug="a2", name="A2", parent="a"),
        Theme(slug="b", name="B"),
        Theme(slug="c", name="C"),
    ]
)
SLUGS = [theme.slug for theme in TREE]
ZONES = ["Pacific/Pago_Pago", "America/Curacao", "Europe/Amsterdam", "Pacific/Auckland", "Pacific/Kiritimati"]
NEWSLETTER = Newsletter("a@x.example", "", "X", "x.example", "https://x.example")
TOKENS = Tokens([b"secret"])

some_themes = st.sets(st.sampled_from(SLUGS), min_size=1, max_size=3)
places = st.integers(0, 1000)

_COUNTS = sa.select(DeliveryRow.edition_id, DeliveryRow.state, sa.func.count()).group_by(
    DeliveryRow.edition_id, DeliveryRow.state
)
_CANDIDATES = sa.select(
    Wave.edition_id, sa.func.sum(Wave.candidates), sa.func.sum(Wave.nothing_due)
).group_by(Wave.edition_id)


class Renderer:
    """Stands in for the templates: the letter names its articles, and that is all."""

    def letter(self, digest, articles, *, frequency: str, day: date, language: str, web_url: str) -> Letter:
        body = " ".join(f"{item.article}:{item.kind}" for item in digest)
        return Letter("subject", body, body)

    def greeting_name(self, name: str, language: str) -> str:
        return name


class Claims:
    """Workers that die when the machine says so."""

    def __init__(self, worker: str, dead: set[str]) -> None:
        self.worker = worker
        self._dead = dead

    def is_dead(self, worker: str) -> bool:
        return worker in self._dead

    def check(self) -> None: ...

    def sending(self) -> AbstractContextManager[None]:
        return nullcontext()


class Killed(BaseException):
    """The process is gone: not even ``finally`` may do anything."""


def empty(database: Database) -> None:
    """Take out what the history before this one left."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        with database.engine.connect() as connection, connection.begin():
            connection.execute(table.delete())


class History(RuleBasedStateMachine):
    """A portal of which nothing has happened yet. Each step keeps everybody accounted for."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        empty(self.database)
        self.store = Store(self.database, b"suppression")
        self.now = datetime(2026, 10, 21, 9, 0, tzinfo=UTC)
        self.articles: list[int] = []
        self.placed: dict[int, frozenset[str]] = {}
        self.numbers = count()
        self.dead: set[str] = set()
        self.start_worker()

    def write_article(self, themes: set[str]) -> int:
        """An article that is in these themes and not in the log yet."""
        number = next(self.numbers)
        article = Article(
            uri=f"tag:x.example,2026:{number}",
            source="s",
            url=f"https://x.example/{number}",
            title=f"Article {number}",
            published=self.now - timedelta(hours=number % 5),
            updated=self.now,
            fingerprint="x",
        )
        with self.store.write() as work:
            (id,) = work.articles.add([(article, {})])
        self.articles.append(id)
        self.place(id, themes)
        return id

    def place(self, id: int, themes: set[str]) -> None:
        placed = frozenset(name for slug in themes for name in (slug, *TREE.ancestors(slug)))
        with self.store.write() as work:
            work.articles.place(id, self.now, {slug: Placement(1, ()) for slug in placed})
        self.placed[id] = placed

    def start_worker(self) -> None:
        self.claims = Claims(f"worker{next(self.numbers)}", self.dead)

    def deliverer(self, transport: Transport, uncertain_after: timedelta | None = None) -> Deliverer:
        return Deliverer(
            read=self.alive(self.store.read),
            write=self.alive(self.store.write),
            lookout=Lookout(self.alive(self.store.read), lambda: True),
            clock=lambda: self.now,
            claims=self.claims,
            transport=transport,
            stationery=Stationery(
                renderer=Renderer,  # type: ignore[arg-type]
                newsletter=NEWSLETTER,
                signer=None,
                tokens=TOKENS,
                secret=b"secret",
                host="x.example",
                envelope_sender="a@x.example",
            ),
            rules=MailRules(timedelta(hours=24), uncertain_after, Limits()),
        )

    def alive(self, start):
        """A way to begin work that a killed process no longer has."""
        worker = self.claims.worker

        @contextmanager
        def begin():
            if worker in self.dead:
                raise Killed
            with start() as work:
                yield work

        return begin

    def rows(self, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
        """Straight from the tables: after each step all of this is looked at."""
        with self.database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def check_everybody_is_accounted_for(self) -> None:
        counts: dict[int, dict[str, int]] = {}
        for edition, state, number in self.rows(_COUNTS):
            counts.setdefault(edition, {})[state] = number
        for edition, candidates, nothing_due in self.rows(_CANDIDATES):
            assert balanced(candidates, nothing_due, counts.pop(edition, {})), edition
        assert not counts


def articles_in(message: bytes) -> tuple[str, list[tuple[int, Kind]]]:
    """The Message-ID of a mail, and the articles in it."""
    parsed = message_from_bytes(message, policy=policy.default)
    text = parsed.get_body(("plain",)).get_content().split()
    return parsed["Message-ID"], [(int(a), Kind(k)) for a, k in (item.split(":") for item in text)]


def own_message_id(edition: EditionName | str, reader: int) -> str:
    """The one Message-ID under which a reader gets their mail of an edition."""
    return f"<{message_id('x.example', str(edition), reader, b'secret')}>"


@contextmanager
def opened(url: str, directory: Path) -> Iterator[Database]:
    """A database for histories: power loss is not part of them, while thousands of commits are."""
    database = Database(url, directory)
    if database.engine.dialect.name == "sqlite":
        sa.event.listen(
            database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF")
        )
        SQLModel.metadata.create_all(database.engine)
    yield database
    database.close()
