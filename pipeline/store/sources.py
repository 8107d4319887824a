"""What is remembered of each source."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from feeds.health import Look, remember
from feeds.source import Memory, Move, Reading, Validators
from pipeline.store.articles import batches
from pipeline.store.tables import SourceState


class Sources:
    """The sources' memory in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def memory(self, name: str) -> Memory:
        """What is remembered of a source; blank for one never looked at."""
        return _memory(self._row(name))

    def memories(self, names: Sequence[str]) -> dict[str, Memory]:
        """What is remembered of these sources, as ``memory`` has it."""
        found = {name: Memory() for name in names}
        for batch in batches(names):
            rows = self._session.exec(select(SourceState).where(col(SourceState.name).in_(batch)))
            found.update({row.name: _memory(row) for row in rows})
        return found

    def unchanged(self, names: Sequence[str], at: datetime) -> None:
        """These sources were looked at and have nothing else than the last time."""
        for batch in batches(names):
            self._session.exec(
                update(SourceState)
                .where(col(SourceState.name).in_(batch))
                .values(last_looked=at, failures=0, error="", not_before=None, gone="", held="")
            )

    def succeeded(self, name: str, at: datetime, reading: Reading, validated: str, look: Look) -> None:
        """A look at a source went well. What the reading left for next time is of the address ``validated``.

        Its title is the first that it gave itself.
        """
        state = self._row(name)
        state.first_collected = state.first_collected or at
        state.last_looked = at
        state.failures = 0
        state.error = ""
        state.not_before = None
        state.gone = ""
        state.etag = reading.validators.etag
        state.last_modified = reading.validators.last_modified
        state.bookmark = reading.bookmark
        state.validated = validated
        state.shown = look.shown
        if look.new:
            state.last_news = at
        state.history = remember(_history(state), look)
        state.held = ""
        state.title = state.title or reading.title
        self._session.add(state)

    def forget(self, name: str) -> None:
        """Forget what a source said for next time, so that all of it is read again."""
        state = self._row(name)
        state.etag = state.last_modified = state.bookmark = ""
        self._session.add(state)

    def hold(self, name: str, at: datetime, reason: str) -> None:
        """What a source shows is held back, for a reason; nothing of it is remembered."""
        state = self._row(name)
        state.last_looked = at
        state.failures = 0
        state.error = ""
        state.held = reason
        self._session.add(state)

    def moving(self, name: str, move: Move) -> None:
        """What is known of a source's move to another address."""
        state = self._row(name)
        state.move_to, state.move_times, state.move_origin = move.to, move.times, move.origin
        self._session.add(state)

    def failed(
        self, name: str, at: datetime, error: str, not_before: datetime | None = None, gone: str = ""
    ) -> None:
        """A look at a source failed; it is left alone until ``not_before``, and at ``gone`` for good."""
        state = self._row(name)
        state.not_before = not_before
        state.gone = gone
        state.last_looked = at
        state.failures += 1
        state.error = error
        self._session.add(state)

    def _row(self, name: str) -> SourceState:
        return self._session.get(SourceState, name) or SourceState(name=name)


def _memory(row: SourceState) -> Memory:
    return Memory(
        Validators(row.etag, row.last_modified),
        row.validated,
        row.first_collected,
        row.last_looked,
        row.failures,
        row.error,
        row.title,
        row.not_before,
        row.gone,
        row.bookmark,
        row.shown,
        Move(row.move_to, row.move_times, row.move_origin),
        _history(row),
        row.held,
        row.last_news,
    )


def _history(row: SourceState) -> tuple[Look, ...]:
    return tuple(Look(**past) for past in row.history)
