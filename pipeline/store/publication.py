"""How far what is published follows the log."""

from sqlmodel import Session, select

from pipeline.store.tables import FeedCursor


class Publication:
    """The feeds' cursors in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def cursor(self, theme: str) -> tuple[int, str]:
        """The position a theme's documents were made at, and from which config; (0, "") for never."""
        row = self._session.get(FeedCursor, theme)
        return (row.position, row.made_from) if row else (0, "")

    def advance(self, theme: str, position: int, made_from: str) -> None:
        """A theme's documents now show the log up to this position."""
        row = self._session.get(FeedCursor, theme) or FeedCursor(theme=theme)
        row.position = position
        row.made_from = made_from
        self._session.add(row)

    def published(self) -> set[str]:
        """Every theme that has documents out."""
        return set(self._session.exec(select(FeedCursor.theme)))

    def forget(self, theme: str) -> None:
        """Drop the cursor of a theme that is no longer published."""
        row = self._session.get(FeedCursor, theme)
        if row is not None:
            self._session.delete(row)
