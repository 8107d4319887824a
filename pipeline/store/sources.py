"""What is remembered of each source."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from feeds.draft import Problem
from feeds.health import Look, remember
from feeds.source import Memory, Move, Reading, Validators
from pipeline.store.articles import batches
from pipeline.store.tables import SourceState

Row = dict[str, Any]


# Not through the mapper, which takes longer over a row than the database.
_source = SourceState.__table__  # type: ignore[attr-defined]
_BLANK: Row = SourceState(name="").model_dump()
_ADD = insert(_source)
_REPLACE = (
    update(_source)
    .where(_source.c.name == bindparam("key"))
    .values({name: bindparam(name) for name in _BLANK if name != "name"})
)


_AS_IT_IS = (
    *("validated", "first_collected", "last_looked", "failures", "error", "title", "not_before", "gone"),
    *("shown", "held", "last_news", "left_out", "left_out_why"),
)
_BRIEFLY = select(
    *(_source.c[name] for name in ("name", "etag", "last_modified", "move_to", "move_times", "move_origin")),
    *(_source.c[name] for name in _AS_IT_IS),
)


class Sources:
    """The sources' memory in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[str, Row | None] = {}
        """What was looked up, or written, in this transaction."""

    def memory(self, name: str) -> Memory:
        """What is remembered of a source, but for its bookmark; blank for one never looked at."""
        return _memory(self._state(name) or _BLANK)

    def memories(self, names: Sequence[str]) -> dict[str, Memory]:
        """The same of these sources, of which there may be thousands."""
        found = {name: Memory() for name in names}
        for batch in batches(names):
            rows = self._session.connection().execute(_BRIEFLY.where(_source.c.name.in_(batch)))
            found.update({row["name"]: _memory(dict(row)) for row in rows.mappings()})
        return found

    def bookmark(self, name: str) -> str:
        """Where its kind left off with a source; "" for one never looked at."""
        query = select(_source.c.bookmark).where(_source.c.name == name)
        return self._session.connection().execute(query).scalar() or ""

    def history(self, name: str) -> tuple[Look, ...]:
        """What the last looks at a source showed, the oldest first."""
        return _history(self._state(name) or _BLANK)

    def recall(self, names: Sequence[str]) -> None:
        """Look up at once what is remembered of the few sources that are asked for next."""
        for batch in batches(names):
            rows = self._session.connection().execute(select(_source).where(_source.c.name.in_(batch)))
            known = {row["name"]: dict(row) for row in rows.mappings()}
            self._rows |= {name: known.get(name) for name in batch}

    def unchanged(self, names: Sequence[str], at: datetime) -> None:
        """These sources were looked at and have nothing else than the last time."""
        for batch in batches(names):
            self._session.connection().execute(
                update(_source)
                .where(_source.c.name.in_(batch))
                .values(last_looked=at, failures=0, error="", not_before=None, gone="", held="")
            )
            for name in batch:
                self._rows.pop(name, None)

    def succeeded(
        self,
        name: str,
        at: datetime,
        reading: Reading,
        validated: str,
        look: Look,
        lost: Sequence[Problem],
    ) -> None:
        """A look at a source went well. What the reading left for next time is of the address ``validated``.

        Its title is the first that it gave itself. What was ``lost`` are articles that were left out.
        """
        known = self._state(name)
        state = known or _BLANK
        self._keep(
            name,
            known,
            first_collected=state["first_collected"] or at,
            last_looked=at,
            failures=0,
            error="",
            not_before=at + reading.wait if reading.wait else None,
            gone="",
            etag=reading.validators.etag,
            last_modified=reading.validators.last_modified,
            bookmark=reading.bookmark,
            validated=validated,
            shown=look.shown,
            last_news=at if look.new else state["last_news"],
            history=remember(_history(state), look),
            held="",
            left_out=len(lost),
            left_out_why=str(lost[0]) if lost else "",
            title=state["title"] or reading.title,
        )

    def forget(self, name: str) -> None:
        """Forget what a source said for next time, so that all of it is read again."""
        self._keep(name, self._state(name), etag="", last_modified="", bookmark="")

    def hold(self, name: str, at: datetime, reason: str) -> None:
        """What a source shows is held back, for a reason; nothing of it is remembered."""
        self._keep(name, self._state(name), last_looked=at, failures=0, error="", held=reason)

    def moving(self, name: str, move: Move) -> None:
        """What is known of a source's move to another address."""
        self._keep(name, self._state(name), move_to=move.to, move_times=move.times, move_origin=move.origin)

    def failed(
        self, name: str, at: datetime, error: str, not_before: datetime | None = None, gone: str = ""
    ) -> None:
        """A look at a source failed; it is left alone until ``not_before``, and at ``gone`` for good."""
        known = self._state(name)
        failures = (known or _BLANK)["failures"] + 1
        self._keep(
            name, known, not_before=not_before, gone=gone, last_looked=at, failures=failures, error=error
        )

    def _state(self, name: str) -> Row | None:
        if name not in self._rows:
            self.recall([name])
        return self._rows[name]

    def _keep(self, name: str, known: Row | None, **changed: object) -> None:
        """Remember of a source what is known, but for what changed."""
        self._rows[name] = row = {**(known or _BLANK), "name": name, **changed}
        if known is None:
            self._session.connection().execute(_ADD, row)
        else:
            self._session.connection().execute(_REPLACE, {**row, "key": name})


def _memory(row: Row) -> Memory:
    return Memory(
        validators=Validators(row["etag"], row["last_modified"]),
        move=Move(row["move_to"], row["move_times"], row["move_origin"]),
        **{name: row[name] for name in _AS_IT_IS},
    )


def _history(row: Row) -> tuple[Look, ...]:
    return tuple(Look(**past) for past in row["history"])
