"""Segments, written as planning finds them: each digest once per language."""

import json
from collections.abc import Iterable
from hashlib import blake2b

from sqlalchemy import column, func, insert, literal_column, select, table
from sqlmodel import Session

from pipeline.store.deliveries import as_items
from pipeline.store.tables import Segment
from subscribers.digest import Digest, Item

_stored = Segment.__table__  # type: ignore[attr-defined]
# Without types, so that the items go in as the text they are already.
_written = table("segment", *(column(name) for name in ("id", "wave_id", "language", "cutoff", "items")))


class Segments:
    """The segments of one wave. Of those written it keeps 16 bytes and an id each, and no digest."""

    def __init__(self, session: Session, wave: int, cutoff: int) -> None:
        self._session = session
        self._wave = wave
        self._cutoff = cutoff
        self._ids: dict[bytes, int] = {}
        self._texts: dict[Item, str] = {}
        self.count = 0

    def close(self) -> None:
        """Forget what was written, once all is: its memory is needed for what comes next."""
        self._ids, self._texts = {}, {}

    def put(self, digests: Iterable[tuple[str, Digest]]) -> list[int]:
        """Store what was not stored yet, as (language, items); gives all their ids in that order."""
        keys, fresh = [], {}
        for language, digest in digests:
            items = ", ".join([self._texts.get(item) or self._text(item) for item in digest])
            key = blake2b(f"{language}{items}".encode(), digest_size=16).digest()
            keys.append(key)
            if key not in self._ids:
                fresh[key] = {
                    "wave_id": self._wave, "language": language, "cutoff": self._cutoff,
                    "items": f"[{items}]",
                }  # fmt: skip
        if fresh:
            self.count += len(fresh)
            ids = self._reserve(len(fresh))
            self._ids.update(zip(fresh, ids, strict=True))
            rows = [{"id": id, **row} for id, row in zip(ids, fresh.values(), strict=True)]
            self._session.connection().execute(insert(_written), rows)
        return [self._ids[key] for key in keys]

    def _text(self, item: Item) -> str:
        self._texts[item] = json.dumps(as_items((item,)))[1:-1]
        return self._texts[item]

    def _reserve(self, number: int) -> list[int]:
        """Ids that nobody else will use: asking for them back row by row would take far longer."""
        if self._session.get_bind().dialect.name == "postgresql":
            sequence = func.nextval(func.pg_get_serial_sequence("segment", "id"))
            rows = select(sequence).select_from(func.generate_series(literal_column("1"), number))
            return list(self._session.execute(rows).scalars())
        # Nobody else writes to SQLite meanwhile.
        last = self._session.execute(select(func.max(_stored.c.id))).scalar() or 0
        return list(range(last + 1, last + 1 + number))
