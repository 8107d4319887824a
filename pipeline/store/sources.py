"""What is remembered of each source."""

from datetime import datetime

from sqlmodel import Session

from feeds.source import Memory, Validators
from pipeline.store.tables import SourceState


class Sources:
    """The sources' memory in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def memory(self, name: str) -> Memory:
        """What is remembered of a source; blank for one never looked at."""
        return _memory(self._row(name))

    def succeeded(
        self,
        name: str,
        at: datetime,
        validators: Validators | None = None,
        validated: str = "",
        title: str = "",
    ) -> None:
        """A look at a source went well. ``validators`` are those of the address ``validated``.

        It keeps the ones it had where none are given, and the first title it gave itself.
        """
        state = self._row(name)
        state.first_collected = state.first_collected or at
        state.last_looked = at
        state.failures = 0
        state.error = ""
        state.not_before = None
        state.gone = ""
        if validators is not None:
            state.etag = validators.etag
            state.last_modified = validators.last_modified
            state.validated = validated
        state.title = state.title or title
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
    )
