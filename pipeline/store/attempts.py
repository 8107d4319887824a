"""When mails that are tried again were planned: no attempt at them can be older than that."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from pipeline.store.tables import DeliveryRow, Wave

_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_wave = Wave.__table__  # type: ignore[attr-defined]


def first_planned(session: Session, ids: Collection[int]) -> dict[int, datetime]:
    """When these deliveries were planned, or those whose place they took, the first that was tried."""
    if not ids:
        return {}
    tried = _delivery.alias("tried")
    alike = sa.and_(
        tried.c.subscriber_id == _delivery.c.subscriber_id,
        # An acceptance moves the cursor of a reader, so what begins at the same place took another's.
        tried.c.from_position == _delivery.c.from_position,
        tried.c.attempts > 0,
    )
    rows = session.execute(
        sa.select(_delivery.c.id, sa.func.min(_wave.c.planned_at))
        .join(tried, alike)
        .join(_wave, _wave.c.id == tried.c.wave_id)
        .where(_delivery.c.id.in_(ids))
        .group_by(_delivery.c.id)
    )
    return {row[0]: row[1] for row in rows}
