"""A portal with many readers, made in seconds: rows straight into the tables, by the thousand.

Everything is drawn from one seed, so that every run measures the same portal.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from random import Random
from typing import Any

from sqlalchemy import Connection, Table, insert, text
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlmodel import SQLModel

from feeds.article import Visibility
from feeds.log import Kind
from feeds.theme import Theme, ThemeTree
from pipeline.store.session import Database
from pipeline.store.tables import ArticleRow, ArticleTheme, InterestSet, LogRow, LogTheme, SubscriberRow
from subscribers.frequency import Frequency
from subscribers.interest import set_key
from subscribers.subscriber import State

NOW = datetime(2026, 12, 7, 7, 0, tzinfo=UTC)
TREE = ThemeTree(
    Theme(slug=f"t{n:02}", name=f"Thema {n}", parent="" if n % 5 == 0 else f"t{n - n % 5:02}")
    for n in range(40)
)
SLUGS = sorted(theme.slug for theme in TREE)
ARTICLES = 60
"""A busy week."""

_BATCH = 5_000
_TEXT = "De gemeente bundelt haar dienstverlening en haar gegevens, en houdt zelf de regie. "


def seed(url: str, readers: int) -> None:
    """Fill an empty portal database: 40 themes, a week of articles, readers of the weekly digest.

    A reader follows one to five themes. Most were served up to the beginning of the week; some signed
    up in the course of it, and a few have been rejected since long before.
    """
    with (
        closing(Database(url)) as database,
        database.engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        add_articles(connection)
        add_readers(connection, readers)
    count_rows(url)


def count_rows(url: str) -> None:
    """As PostgreSQL does by itself after a while. For SQLite nobody does it, so nor is it done here."""
    with closing(Database(url)) as database, database.engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))


def add_articles(connection: Connection) -> None:
    """A month of articles in the log, the last week of them new to most readers."""
    _add_articles(connection, 4 * ARTICLES, _TEXT * 30)


def add_archive(connection: Connection, number: int) -> None:
    """A portal's whole past: so many articles in the log, one an hour."""
    _add_articles(connection, number, f"<p>{_TEXT * 30}</p>")


def _add_articles(connection: Connection, total: int, content: str) -> None:
    random = Random(1)
    numbers = range(1, total + 1)
    placed = {}
    for number in numbers:
        direct = random.sample(SLUGS, random.choice([1, 1, 2]))
        placed[number] = {name for slug in direct for name in (slug, *TREE.ancestors(slug))}
    fill(
        connection,
        ArticleRow,
        (
            {
                "id": number,
                "uri": f"tag:portaal.example,2026:{number}",
                "source": "portaal",
                "url": f"https://portaal.example/artikelen/{number}",
                "title": f"Artikel {number} over dienstverlening en regie",
                "summary": _TEXT * 3,
                "content": content,
                "author": "De redactie",
                "language": "nl",
                "categories": [],
                "published": NOW - timedelta(hours=total - number),
                "updated": NOW,
                "fingerprint": "x",
                "revision": 1,
                "change": "",
                "versions": [],
                "visibility": Visibility.VISIBLE,
                "pinned": False,
                "editor": {},
                "image": "",
                "enclosures": [],
                "kept_out": False,
                "corrections": {},
            }
            for number in numbers
        ),
    )
    fill(
        connection,
        ArticleTheme,
        (
            {"article_id": number, "theme": slug, "score": 1, "evidence": [], "published": NOW}
            for number in numbers
            for slug in sorted(placed[number])
        ),
    )
    fill(
        connection,
        LogRow,
        ({"position": number, "article_id": number, "kind": Kind.NEW, "at": NOW} for number in numbers),
    )
    fill(
        connection,
        LogTheme,
        ({"theme": slug, "position": number} for number in numbers for slug in sorted(placed[number])),
    )


def add_readers(connection: Connection, readers: int, cursor: int | None = None) -> None:
    """So many readers; most have had the last edition, unless they all stand at ``cursor``."""
    random = Random(2)
    sets: dict[tuple[str, ...], int] = {}
    choices = []
    for _ in range(readers):
        chosen = tuple(sorted(random.sample(SLUGS, random.randint(1, 5))))
        choices.append(sets.setdefault(chosen, len(sets) + 1))
    fill(
        connection,
        InterestSet,
        ({"id": id, "key": set_key(chosen), "themes": list(chosen)} for chosen, id in sets.items()),
    )
    rows = (_reader(number, set, random) for number, set in enumerate(choices, 1))
    fill(connection, SubscriberRow, rows if cursor is None else (row | {"cursor": cursor} for row in rows))


def _reader(number: int, interest_set: int, random: Random) -> dict[str, Any]:
    week = 3 * ARTICLES
    kind = random.random()
    cursor = week if kind < 0.97 else random.randrange(week, week + ARTICLES) if kind < 0.99 else 0
    domain = f"provider{number % 50}.example"
    return {
        "id": number,
        "email": f"lezer{number}@{domain}",
        "domain": domain,
        "name": "",
        "language": "en" if random.random() < 0.03 else "nl",
        "timezone": "Europe/Amsterdam",
        "frequency": Frequency.WEEKLY,
        "state": State.ACTIVE,
        "cursor": cursor,
        "confirmed_at": NOW - timedelta(days=30),
        "created_at": NOW - timedelta(days=30),
        "paused_until": None,
        "address_key": f"{random.getrandbits(256):064x}",
        "interest_set_id": interest_set,
        "feed_serial": 0,
    }


def fill(connection: Connection, model: type[SQLModel], rows: Iterable[dict[str, Any]]) -> None:
    """Put rows in a model's table."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
        return
    for batch in _batches(rows):
        connection.execute(insert(table), batch)


def _copy(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """PostgreSQL's own way for many rows: a million of them would take it minutes one by one."""
    from psycopg.types.json import Json

    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        return
    # COPY knows nothing of the defaults that the library would fill in.
    defaults = {
        column.name: column.default.arg
        for column in table.c
        if isinstance(column.default, ScalarElementColumnDefault) and column.name not in first
    }
    columns = ", ".join(f'"{name}"' for name in (*first, *defaults))
    driver: Any = connection.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy,
    ):
        for row in chain([first], remaining):
            values = (*row.values(), *defaults.values())
            copy.write_row([Json(value) if isinstance(value, list | dict) else value for value in values])


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
