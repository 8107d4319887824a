"""Segments, written as planning finds them: each digest once per language."""

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    delete,
    text,
)
from sqlmodel import Session

from pipeline.store.deliveries import as_items
from pipeline.store.ids import reserve
from pipeline.store.insertion import Insertion
from pipeline.store.tables import Segment
from subscribers.digest import Digest, Item

_stored = Segment.__table__  # type: ignore[attr-defined]
_plan_segment = Table(
    "plan_segment",
    MetaData(),
    Column("key", LargeBinary(16), primary_key=True),
    Column("id", Integer, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
_OF_KEYS = text("SELECT key, id FROM plan_segment WHERE key = ANY(:keys)")
_INSERT = Insertion(_stored, ("id", "wave_id", "language", "cutoff", "items"))
_INSERT_KNOWN = Insertion(_plan_segment, ("key", "id"))


class Segments:
    """The segments of one wave. Of those written the database keeps 16 bytes and an id each at hand."""

    def __init__(self, session: Session, wave: int, cutoff: int) -> None:
        self._session = session
        self._wave = wave
        self._cutoff = cutoff
        self._texts: dict[Item, str] = {}
        self.count = 0
        _plan_segment.create(session.connection(), checkfirst=True)
        self.close()

    def close(self) -> None:
        """Forget what was written, once all is: its memory is needed for what comes next."""
        self._texts = {}
        self._session.execute(delete(_plan_segment))

    def put(self, digests: Iterable[tuple[str, Digest]]) -> list[int]:
        """Store what was not stored yet, as (language, items); gives all their ids in that order."""
        texts: dict[bytes, tuple[str, str]] = {}
        keys = []
        for language, digest in digests:
            items = ", ".join([self._texts.get(item) or self._text(item) for item in digest])
            keys.append(blake2b(f"{language}{items}".encode(), digest_size=16).digest())
            texts[keys[-1]] = language, items
        ids = self._known(list(texts))
        fresh = [key for key in texts if key not in ids]
        if fresh:
            self.count += len(fresh)
            ids |= zip(fresh, reserve(self._session, _stored, len(fresh)), strict=True)
            _INSERT_KNOWN.run(self._session, [(key, ids[key]) for key in fresh])
            rows = [
                (ids[key], self._wave, texts[key][0], self._cutoff, f"[{texts[key][1]}]") for key in fresh
            ]
            _INSERT.run(self._session, rows)
        return [ids[key] for key in keys]

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """The ids of those stored already."""
        connection = self._session.connection()
        if connection.dialect.name == "postgresql":
            rows = connection.execute(_OF_KEYS, {"keys": keys})
        else:  # which has no lists; the library takes as long to write one out as it takes to look all up
            marks = ", ".join("?" * len(keys))
            sql = f"SELECT key, id FROM plan_segment WHERE key IN ({marks})"  # noqa: S608
            rows = connection.exec_driver_sql(sql, tuple(keys))
        return {bytes(key): id for key, id in rows}

    def _text(self, item: Item) -> str:
        self._texts[item] = json.dumps(as_items((item,)))[1:-1]
        return self._texts[item]
