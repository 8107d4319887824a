"""Deliveries, as administrators ask about them and decide about them."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, update
from sqlmodel import Session, col, func, select

from feeds.log import Kind
from pipeline.store.tables import UNCERTAIN, DeliveryRow, EditionRow, Segment, SubscriberRow
from subscribers.delivery import OPEN, DeliveryState, Past, Refusal
from subscribers.digest import Digest, Item
from subscribers.edition import Cancel, EditionName
from subscribers.frequency import Frequency

_RECENT = 10
"""Editions that are looked through for what a provider did not take."""


class Deliveries:
    """The deliveries of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def left(self, edition: int, now: datetime) -> int:
        """How many deliveries of an edition could be claimed now."""
        query = select(func.count()).where(DeliveryRow.edition_id == edition, _ready(now))
        return self._session.exec(query).one()

    def cancel_edition(self, edition: int, now: datetime) -> int:
        """Cancel whatever of an edition has not been handed over."""
        # By what they are and not by their ids, of which a statement takes only so many.
        result = self._session.execute(
            update(DeliveryRow)
            .where(
                col(DeliveryRow.edition_id) == edition,
                col(DeliveryRow.state).in_([DeliveryState.PLANNED, DeliveryState.DEFERRED]),
            )
            .values(state=DeliveryState.CANCELLED, reason=str(Cancel.CANCELLED), changed_at=now)
        )
        return int(result.rowcount)  # type: ignore[attr-defined]

    def uncertain(self, edition: int) -> list[tuple[int, str, datetime]]:
        """The uncertain deliveries of an edition: id, address, since when."""
        rows = self._session.exec(
            select(DeliveryRow.id, SubscriberRow.email, DeliveryRow.changed_at)
            .join(SubscriberRow, col(SubscriberRow.id) == DeliveryRow.subscriber_id)
            .where(
                DeliveryRow.edition_id == edition,
                DeliveryRow.state == DeliveryState.UNCERTAIN,
            )
            .order_by(col(DeliveryRow.id))
        )
        return [(id, email, since) for id, email, since in rows if id is not None]

    def any_uncertain(self, before: datetime) -> bool:
        """Whether there is an uncertain delivery that nobody settled by hand before a moment."""
        found = select(DeliveryRow.id).where(UNCERTAIN, col(DeliveryRow.changed_at) <= before).limit(1)
        return self._session.exec(found).first() is not None

    def uncertain_since(self, before: datetime) -> list[int]:
        """Uncertain deliveries that nobody settled by hand before a moment."""
        rows = self._session.exec(
            select(DeliveryRow.id)
            .where(UNCERTAIN, col(DeliveryRow.changed_at) <= before)
            .with_for_update(skip_locked=True)  # another worker is settling those
        )
        return [id for id in rows if id is not None]

    def accept(self, ids: Collection[int]) -> None:
        """Settle uncertain deliveries as accepted, which they were, if ever, when they became uncertain."""
        self._session.execute(
            update(DeliveryRow).where(col(DeliveryRow.id).in_(list(ids))).values(state=DeliveryState.ACCEPTED)
        )
        self._advance(ids)

    def again(self, ids: Collection[int], now: datetime) -> None:
        """Settle uncertain deliveries by planning them anew; claiming checks them like any other."""
        self._session.execute(
            update(DeliveryRow)
            .where(col(DeliveryRow.id).in_(list(ids)))
            .values(
                state=DeliveryState.PLANNED,
                reply="",
                attempts=0,
                first_attempt=None,
                retry_at=None,
                changed_at=now,
            )
        )

    def count(self, edition: int) -> dict[str, int]:
        """How many deliveries of an edition are in which state."""
        rows = self._session.exec(
            select(DeliveryRow.state, func.count())
            .where(DeliveryRow.edition_id == edition)
            .group_by(DeliveryRow.state)
        )
        return {str(state): number for state, number in rows}

    def reasons(self, edition: int, state: DeliveryState) -> dict[str, int]:
        """Why deliveries of an edition are skipped or cancelled, in numbers."""
        rows = self._session.exec(
            select(DeliveryRow.reason, func.count())
            .where(DeliveryRow.edition_id == edition, DeliveryRow.state == state)
            .group_by(DeliveryRow.reason)
        )
        return dict(rows.all())

    def by_domain(self, edition: int) -> dict[str, dict[str, int]]:
        """How many deliveries of an edition are in which state, by the domain of their readers."""
        rows = self._session.exec(
            select(DeliveryRow.domain, DeliveryRow.state, func.count())
            .where(DeliveryRow.edition_id == edition)
            .group_by(DeliveryRow.domain, DeliveryRow.state)
            .order_by(func.count().desc(), DeliveryRow.domain)
        )
        counts: dict[str, dict[str, int]] = {}
        for domain, state, number in rows:
            counts.setdefault(domain, {})[str(state)] = number
        return counts

    def replies(self, edition: int, limit: int) -> list[tuple[str, str, int]]:
        """What servers said to mails that they did not take: state, reply, how often; the commonest first."""
        refused = (DeliveryState.REJECTED, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)
        rows = self._session.exec(
            select(DeliveryRow.state, DeliveryRow.reply, func.count())
            .where(DeliveryRow.edition_id == edition, col(DeliveryRow.state).in_(refused))
            .group_by(DeliveryRow.state, DeliveryRow.reply)
            .order_by(func.count().desc(), DeliveryRow.reply)
            .limit(limit)
        )
        return [(str(state), reply, number) for state, reply, number in rows]

    def refusals(self, domain: str, limit: int) -> list[Refusal]:
        """Mails of the last editions that a provider did not take, the latest first."""
        refused = (DeliveryState.REJECTED, DeliveryState.DEFERRED)
        recent = select(EditionRow.id).order_by(col(EditionRow.id).desc()).limit(_RECENT)
        rows = self._session.execute(
            select(DeliveryRow, EditionRow)
            .join(EditionRow, col(EditionRow.id) == DeliveryRow.edition_id)
            .where(
                col(DeliveryRow.edition_id).in_(recent),
                col(DeliveryRow.state).in_(refused),
                DeliveryRow.domain == domain,
                DeliveryRow.reply != "",
            )
            .order_by(col(DeliveryRow.changed_at).desc(), col(DeliveryRow.id).desc())
            .limit(limit)
        )
        return [
            Refusal(
                str(EditionName(Frequency(edition.frequency), edition.slot, edition.n)),
                delivery.subscriber_id,
                delivery.changed_at,
                delivery.reply,
            )
            for delivery, edition in rows
        ]

    def span(self, edition: int) -> tuple[datetime | None, datetime | None]:
        """When the first and the last mail of an edition were accepted."""
        row = self._session.exec(
            select(func.min(DeliveryRow.changed_at), func.max(DeliveryRow.changed_at)).where(
                DeliveryRow.edition_id == edition, DeliveryRow.state == DeliveryState.ACCEPTED
            )
        ).one()
        return row[0], row[1]

    def open(self, edition: int) -> int:
        """How many deliveries of an edition are not settled yet."""
        query = select(func.count()).where(
            DeliveryRow.edition_id == edition, col(DeliveryRow.state).in_(OPEN)
        )
        return self._session.exec(query).one()

    def any_open(self, edition: int) -> bool:
        """Whether any delivery of an edition is not settled yet."""
        query = select(DeliveryRow.id).where(
            DeliveryRow.edition_id == edition, col(DeliveryRow.state).in_(OPEN)
        )
        return self._session.exec(query.limit(1)).first() is not None

    def segment(self, id: int) -> tuple[str, Digest]:
        """A segment's language, and what it holds."""
        language, items = self._session.exec(
            select(Segment.language, Segment.items).where(Segment.id == id)
        ).one()
        return language, _digest(items)

    def segments(self, edition: int) -> list[tuple[int, str, int]]:
        """The segments of an edition: id, language, number of readers; the largest first."""
        readers = func.count(col(DeliveryRow.id))
        rows = self._session.exec(
            select(Segment.id, Segment.language, readers)
            .join(DeliveryRow, col(DeliveryRow.segment_id) == Segment.id)
            .where(DeliveryRow.edition_id == edition)
            .group_by(col(Segment.id), Segment.language)
            .order_by(readers.desc(), col(Segment.id))
        )
        return [(id, language, number) for id, language, number in rows if id is not None]

    def of_reader(self, subscriber: int, limit: int) -> list[Past]:
        """A reader's last deliveries, the newest first."""
        rows = self._session.execute(
            select(DeliveryRow, EditionRow, Segment.items)
            .join(EditionRow, col(EditionRow.id) == DeliveryRow.edition_id)
            .outerjoin(Segment, col(Segment.id) == DeliveryRow.segment_id)
            .where(DeliveryRow.subscriber_id == subscriber)
            .order_by(col(DeliveryRow.id).desc())
            .limit(limit)
        )
        past = []
        for delivery, edition, items in rows:
            past.append(
                Past(
                    str(EditionName(Frequency(edition.frequency), edition.slot, edition.n)),
                    DeliveryState(delivery.state),
                    delivery.reason,
                    delivery.reply,
                    delivery.changed_at,
                    _digest(items or []),
                    delivery.cutoff,
                )
            )
        return past

    def standing(self, edition: int, subscriber: int) -> tuple[DeliveryState, int] | None:
        """How this reader's delivery in this edition stands, and its cutoff; None where there is none."""
        found = self._session.exec(
            select(DeliveryRow.state, DeliveryRow.cutoff).where(
                DeliveryRow.edition_id == edition, DeliveryRow.subscriber_id == subscriber
            )
        ).first()
        return None if found is None else (DeliveryState(found[0]), found[1])

    def segment_of(self, edition: int, subscriber: int) -> int | None:
        """The segment a reader is in, in this edition."""
        return self._session.exec(
            select(DeliveryRow.segment_id).where(
                DeliveryRow.edition_id == edition,
                DeliveryRow.subscriber_id == subscriber,
            )
        ).first()

    def _advance(self, deliveries: Iterable[int]) -> None:
        """Move the cursors of these deliveries' readers to the cutoff, never backwards."""
        ids = list(deliveries)
        if not ids:
            return
        cutoff = (
            select(func.max(DeliveryRow.cutoff))
            .where(
                col(DeliveryRow.subscriber_id) == SubscriberRow.id,
                col(DeliveryRow.id).in_(ids),
            )
            .scalar_subquery()
        )
        readers = select(DeliveryRow.subscriber_id).where(col(DeliveryRow.id).in_(ids))
        self._session.execute(
            update(SubscriberRow)
            .where(col(SubscriberRow.id).in_(readers), col(SubscriberRow.cursor) < cutoff)
            .values(cursor=cutoff)
        )


def as_items(digest: Digest) -> list[object]:
    """A digest as a segment stores it."""
    return [[item.article, str(item.kind), item.theme, list(item.also)] for item in digest]


def _digest(items: Iterable[list[object]]) -> Digest:
    return tuple(
        Item(int(str(article)), Kind(str(kind)), str(theme), tuple(also))  # type: ignore[arg-type]
        for article, kind, theme, also in items
    )


def _ready(now: datetime) -> ColumnElement[bool]:
    planned = col(DeliveryRow.state) == DeliveryState.PLANNED
    waited = and_(
        col(DeliveryRow.state) == DeliveryState.DEFERRED,
        col(DeliveryRow.retry_at) <= now,
    )
    return or_(planned, waited)
