"""Importing a roster of a million, against a bare Core insert of the same rows into the same two tables."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select

from benchmarks import databases
from benchmarks.apart import apart
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import NOW, TREE
from pipeline.edges.roster import roster_lines
from pipeline.steps.enrol import Enroller
from pipeline.store.session import Database
from pipeline.store.tables import ConsentRow, InterestSet, SubscriberRow
from pipeline.store.work import Store
from subscribers.roster import read_rows

READERS = 1_000_000
AGAINST = "Core inserts of the same rows, with their consent"
_BATCH = 10_000

_subscriber = SubscriberRow.__table__  # type: ignore[attr-defined]
_consent = ConsentRow.__table__  # type: ignore[attr-defined]
_sets = InterestSet.__table__  # type: ignore[attr-defined]


def rows() -> Iterator[Row]:
    with TemporaryDirectory() as directory, databases.sqlite() as url:
        roster = Path(directory) / "lezers.csv"
        _write(roster, scaled(READERS))
        ours, memory = apart(importing, url, str(roster))
        with databases.sqlite() as other:
            baseline, _ = apart(inserting, url, other)
        yield Row("import", ours, baseline, AGAINST, "rows/s", memory)


def _write(roster: Path, readers: int) -> None:
    """As Excel in Dutch does: semicolons, a BOM, names with accents."""
    slugs = [theme.slug for theme in TREE]
    with roster.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("email;name;frequency;interests\r\n")
        for number in range(readers):
            interests = "|".join(sorted({slugs[number % len(slugs)], slugs[number * 7 % len(slugs)]}))
            frequency = ("daily", "weekly")[number % 2]
            email = f"lezer{number}@voorbeeld{number % 3000}.example"
            file.write(f"{email};Zoë Lezer {number};{frequency};{interests}\r\n")


def importing(url: str, roster: str) -> float:
    """Rows of the roster that become readers, a second."""
    with closing(Database(url)) as database:
        write = Store(database, b"key").write
        enroller = Enroller(write, write, TREE, lambda: NOW, language="nl", timezone="Europe/Amsterdam")
        began = time.perf_counter()
        report = enroller.take(read_rows(roster_lines(Path(roster))), "op papier")
        took = time.perf_counter() - began
        if report.refused:
            raise RuntimeError(f"the roster was not taken whole: {report.refused[0]}")
        return report.added / took


def inserting(source: str, url: str) -> float:
    """The same rows a second, read from where they are and not counted, put into an empty database."""
    took, count = 0.0, 0
    with closing(Database(source)) as full, closing(Database(url)) as empty:
        with full.read() as session:
            sets = [dict(row) for row in session.execute(select(_sets)).mappings()]
        with empty.write() as session:
            session.execute(insert(_sets), sets)
        after = 0
        while True:
            with full.read() as session:
                readers, proof = (
                    [
                        dict(row)
                        for row in session.execute(
                            select(table).where(key > after).order_by(key).limit(_BATCH)
                        ).mappings()
                    ]
                    for table, key in ((_subscriber, _subscriber.c.id), (_consent, _consent.c.subscriber_id))
                )
            if not readers:
                return count / took
            began = time.perf_counter()
            with empty.write() as session:
                session.execute(insert(_subscriber), readers)
                session.execute(insert(_consent), proof)
            took += time.perf_counter() - began
            count, after = count + len(readers), readers[-1]["id"]
