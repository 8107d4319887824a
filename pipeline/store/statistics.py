"""Figures about readers, editions and themes, for ``kennisportal stats``."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, cast, func, select
from sqlmodel import Session, col

from pipeline.store.subscribers import Subscribers
from pipeline.store.tables import ArticleTheme, DeliveryRow, EditionRow
from subscribers.edition import EditionName
from subscribers.frequency import Frequency


class Statistics:
    """The statistics of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def editions(self, limit: int) -> list[dict[str, Any]]:
        """The last editions with their deliveries by state, the latest first."""
        rows = self._session.execute(
            select(EditionRow).order_by(col(EditionRow.id).desc()).limit(limit)
        ).scalars()
        return [self._edition(row) for row in rows]

    def articles_by_month(self, since: datetime) -> dict[str, dict[str, int]]:
        """Articles of each theme by the month (UTC) in which they were published, since a moment."""
        published = col(ArticleTheme.published)
        if self._session.get_bind().dialect.name == "sqlite":
            month: Any = func.strftime("%Y-%m", published)
        else:
            month = func.to_char(func.timezone("UTC", published), "YYYY-MM")
        rows = self._session.execute(
            select(col(ArticleTheme.theme), month, cast(func.count(), Integer))
            .where(published >= since)
            .group_by(col(ArticleTheme.theme), month)
            .order_by(col(ArticleTheme.theme), month)
        )
        found: dict[str, dict[str, int]] = {}
        for theme, when, number in rows:
            found.setdefault(theme, {})[when] = number
        return found

    def followers(self) -> dict[str, int]:
        """Active subscribers who follow each theme by name."""
        return Subscribers(self._session, b"").followers()

    def _edition(self, row: EditionRow) -> dict[str, Any]:
        counts = {
            str(state): number
            for state, number in self._session.execute(
                select(col(DeliveryRow.state), func.count())
                .where(col(DeliveryRow.edition_id) == row.id)
                .group_by(col(DeliveryRow.state))
            )
        }
        sent = sum(counts.get(state, 0) for state in ("accepted", "rejected"))
        return {
            "edition": str(EditionName(Frequency(row.frequency), row.slot, row.n)),
            "state": str(row.state),
            "deliveries": counts,
            "accepted_rate": counts.get("accepted", 0) / sent if sent else None,
        }
