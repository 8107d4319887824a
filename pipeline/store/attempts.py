"""When mails that are tried again were planned: no attempt at them can be older than that."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from pipeline.store.tables import SUPERSEDED, DeliveryRow, Wave

_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_wave = Wave.__table__  # type: ignore[attr-defined]

_planned = sa.select(
    _delivery.c.id,
    _delivery.c.subscriber_id,
    _delivery.c.wave_id,
    _delivery.c.superseded_by,
    _wave.c.planned_at,
).join(_wave, _wave.c.id == _delivery.c.wave_id)


def first_planned(session: Session, ids: Collection[int]) -> dict[int, datetime]:
    """When these open deliveries were planned, or those whose place they took, the first that was tried."""
    rows = session.execute(_planned.where(_delivery.c.id.in_(ids))).all() if ids else []
    found = {row.id: row.planned_at for row in rows}
    of_reader = {row.subscriber_id: row.id for row in rows}
    while rows:
        # From each to the one before it, along an index: its reader may have had a thousand others.
        takers = {row.subscriber_id: row.wave_id for row in rows}
        before = session.execute(
            _planned.where(
                SUPERSEDED,
                _delivery.c.superseded_by.in_(set(takers.values())),
                _delivery.c.subscriber_id.in_(takers),
                _delivery.c.attempts > 0,
            )
        )
        rows = [row for row in before if row.superseded_by == takers[row.subscriber_id]]
        for row in rows:
            id = of_reader[row.subscriber_id]
            found[id] = min(found[id], row.planned_at)
    return found
