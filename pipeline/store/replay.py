"""Bringing a database that was put back from a backup up to what its journal knows, in one transaction::

    who left ─▶ stays left                       what may have been sent ─▶ is not sent again
    ids and positions go on above all that were ever given out: an epoch of their own
    what was published before the last send ─▶ backfill, when it is collected again

Nobody gets anything twice, and whoever left gets nothing. The price is a miss, and it has bounds: what was
published between the backup and the last send, for those who had not had it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from pipeline.ports import SERVED_UNTIL_FACT
from pipeline.store.articles import batches
from pipeline.store.journaling import EDITIONS, PEOPLE
from pipeline.store.tables import (
    DeliveryRow,
    EditionRow,
    FeedCursor,
    LogRow,
    NoticeRow,
    Segment,
    SourceState,
    SubscriberRow,
    Suppression,
    Wave,
)
from pipeline.store.tables_running import Tick
from pipeline.store.work import Work
from subscribers.delivery import DeliveryState
from subscribers.edition import Cancel, EditionName, EditionState
from subscribers.journal import Left, Record, Sent
from subscribers.notice import NoticeState
from subscribers.subscriber import LANGUAGES, State

_NUMBERED = (*PEOPLE, *EDITIONS, LogRow)
_MAY_HAVE_LEFT = (DeliveryState.PLANNED, DeliveryState.DEFERRED, DeliveryState.IN_FLIGHT)
_SLACK = timedelta(hours=1)
"""A database's last sign of life may be so much older than the backup."""

_APART = 1_000
"""Links to one reader's own feed that may have been made since."""


@dataclass(slots=True)
class ReplayReport:
    """What a replay came to.

    ``alive`` is the database's last sign of life, about when the backup was made. ``left`` readers had left
    since, ``suppressed`` addresses were no longer to be mailed, ``cancelled`` mails and ``notices`` may
    have been sent, ``moved`` readers may have been served further. ``served_until`` is when the contents of
    the last send were settled, where that was later.
    """

    alive: datetime | None
    left: int = 0
    suppressed: int = 0
    cancelled: int = 0
    notices: int = 0
    moved: int = 0
    position: int = 0
    served_until: datetime | None = None


def last_sign_of_life(session: Session) -> datetime | None:
    """When a database, also one of an earlier version, was last written to, going by what is in it."""
    there = set(sa.inspect(session.connection()).get_table_names())
    columns: tuple[Any, ...] = (
        LogRow.at,
        DeliveryRow.changed_at,
        Tick.at,
        SourceState.last_looked,
        NoticeRow.at,
    )
    moments = [
        session.exec(select(func.max(column))).one()
        for column in columns
        if column.class_.__tablename__ in there
    ]
    return max((moment for moment in moments if moment is not None), default=None)


def replay(work: Work, record: Record, now: datetime) -> ReplayReport:
    """Bring the database of this transaction up to a journal."""
    session = work.session
    report = ReplayReport(last_sign_of_life(session))
    _leave(work, record.left.values(), now, report)
    unknown = [sent for sent in record.sent.values() if sent.delivery > _last(session, DeliveryRow)]
    for sent in record.sent.values():
        report.cancelled += _cancel(work, sent, now)
    for sent in unknown:
        report.moved += _serve(session, col(SubscriberRow.frequency) == sent.frequency, sent.cutoff)
    _close_feeds(session, record, report.alive)
    if unknown:
        report.moved += _serve_changed(session, record, report.alive, max(one.cutoff for one in unknown))
    report.notices = _withhold_notices(session)
    report.position = max((sent.cutoff for sent in record.sent.values()), default=0)
    _raise(session, record.marks | {"log": report.position})
    for sent in unknown:
        _close(work, sent, record, now)
    frozen = max((sent.frozen for sent in unknown), default=None)
    if frozen is not None:
        report.served_until = frozen
        work.register.set_fact(SERVED_UNTIL_FACT, frozen.isoformat())
    # Everything is read, and every feed built, anew: what stands outside is from another time.
    session.execute(sa.update(SourceState).values(validated="", etag="", last_modified="", bookmark=""))
    session.execute(sa.update(FeedCursor).values(made_from=""))
    work.register.audit(now, "restore", "replayed", f"{report.left} left, {report.cancelled} mails withheld")
    return report


def unheard_of(session: Session, now: datetime) -> Record:
    """What to replay where there is no journal: that everybody was sent everything, until now.

    Who left can't be known.
    """
    far = 1_000_000
    head = _last(session, LogRow) + far
    marks = {_name(table): _last(session, table) + far for table in (*PEOPLE, *EDITIONS)}
    record = Record(marks=marks)
    for frequency in session.exec(select(SubscriberRow.frequency).distinct()):
        name = f"{frequency}/{now.date().isoformat()}"
        record.sent[str(frequency)] = Sent(name, head, now, now, marks["delivery"])
    return record


def _leave(work: Work, gone: Iterable[Left], now: datetime, report: ReplayReport) -> None:
    by_key = {left.key: left for left in gone}
    rows: dict[str, SubscriberRow] = {}
    for batch in batches(list(by_key)):
        found = work.session.exec(select(SubscriberRow).where(col(SubscriberRow.address_key).in_(batch)))
        rows.update({row.address_key: row for row in found})
    for key, left in by_key.items():
        row = rows.get(key)
        if row is not None and row.confirmed_at is not None and row.confirmed_at > left.at:
            continue  # came back since
        if left.suppression and work.session.get(Suppression, key) is None:
            work.session.add(Suppression(address_key=key, reason=left.suppression, at=left.at))
            report.suppressed += 1
        state = State(left.how) if left.how in list(State) else State.UNSUBSCRIBED
        if row is None or row.id is None or row.state in (state, State.ERASED):
            continue
        if state is State.ERASED:
            work.personal.erase(row.id, now)
        else:
            work.subscribers.leave(row.id, state, state, now)
        report.left += 1


def _cancel(work: Work, sent: Sent, now: datetime) -> int:
    """Give up the mails of a frequency that may have left by this send; their readers count as served."""
    editions = select(EditionRow.id).where(EditionRow.frequency == sent.frequency)
    open = sa.and_(
        col(DeliveryRow.edition_id).in_(editions),
        col(DeliveryRow.state).in_(_MAY_HAVE_LEFT),
        col(DeliveryRow.cutoff) <= sent.cutoff,
        col(DeliveryRow.id) <= sent.delivery,
    )
    rows = work.session.exec(select(DeliveryRow.subscriber_id, DeliveryRow.cutoff).where(open)).all()
    for reader, cutoff in rows:
        _serve(work.session, col(SubscriberRow.id) == reader, cutoff)
    work.session.execute(
        sa.update(DeliveryRow)
        .where(open)
        .values(state=DeliveryState.CANCELLED, reason=str(Cancel.RESTORED), worker="", changed_at=now)
    )
    return len(rows)


def _serve(session: Session, whom: Any, cutoff: int) -> int:
    """Move the cursors of these readers up to a position; gives how many."""
    result: Any = session.execute(
        sa.update(SubscriberRow).where(whom, col(SubscriberRow.cursor) < cutoff).values(cursor=cutoff)
    )
    return int(result.rowcount)


def _serve_changed(session: Session, record: Record, alive: datetime | None, cutoff: int) -> int:
    """Move up the readers who were served by another frequency than the one the backup knows."""
    keys = _since(alive, record.changed.values())
    return sum(_serve(session, col(SubscriberRow.address_key).in_(batch), cutoff) for batch in batches(keys))


def _close_feeds(session: Session, record: Record, alive: datetime | None) -> None:
    """Let no link to a reader's own feed work that may have been revoked; the next is unlike any before."""
    serial = -(func.abs(SubscriberRow.feed_serial) + _APART)
    for batch in batches(_since(alive, record.feeds.values())):
        session.execute(
            sa.update(SubscriberRow)
            .where(col(SubscriberRow.address_key).in_(batch))
            .values(feed_serial=serial)
        )


def _since(alive: datetime | None, events: Iterable[Left]) -> list[str]:
    return [one.key for one in events if alive is None or one.at > alive - _SLACK]


def _withhold_notices(session: Session) -> int:
    """Mails to single people that were waiting then: they were sent since, or nobody waits for them now."""
    result: Any = session.execute(
        sa.update(NoticeRow)
        .where(col(NoticeRow.state) == NoticeState.PENDING)
        .values(state=NoticeState.CANCELLED, reply="the database was restored from a backup")
    )
    return int(result.rowcount)


def _raise(session: Session, marks: dict[str, int]) -> None:
    """Have new rows get ids above these, where the database counts them by itself."""
    for table in _NUMBERED:
        name, mark = _name(table), marks.get(_name(table), 0)
        key = next(iter(table.__table__.primary_key)).name  # type: ignore[attr-defined]
        mark = max(mark, _last(session, table))
        if not mark:
            continue
        if session.get_bind().dialect.name == "postgresql":
            sequence = func.pg_get_serial_sequence(name, key)
            session.execute(sa.select(func.setval(sequence, mark)))
        elif table.__table__.dialect_options["sqlite"]["autoincrement"]:  # type: ignore[attr-defined]
            values = {"name": name, "mark": mark}
            session.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
            session.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :mark)"), values)


def _close(work: Work, sent: Sent, record: Record, now: datetime) -> None:
    """Let nothing more go out under the name of an edition that the database knows nothing of, or not all.

    Its rows have the ids up to which others were given out, so that the next ones come after those.
    """
    session = work.session
    name = EditionName.parse(sent.edition)
    edition = work.editions.get(name)
    if edition is not None:
        work.deliveries.cancel_edition(edition.id, now)
        work.editions.set_state(edition.id, EditionState.CANCELLED)
    row = EditionRow(
        id=_next(session, EditionRow, record),
        frequency=name.frequency,
        slot=name.slot,
        n=name.n if edition is None else _unused(session, name),
        day=date.fromisoformat(name.slot[:10]),
        state=EditionState.CANCELLED,
        created_at=sent.at,
    )
    wave = Wave(
        id=_next(session, Wave, record), edition_id=row.id or 0, due=sent.at, planned_at=sent.frozen,
        cutoff=sent.cutoff,
    )  # fmt: skip
    segment = Segment(
        id=_next(session, Segment, record), wave_id=wave.id or 0, language=LANGUAGES[0], cutoff=sent.cutoff
    )
    for one in (row, wave, segment):
        session.add(one)
        session.flush()


def _unused(session: Session, name: EditionName) -> int:
    of_slot = select(func.max(EditionRow.n)).where(
        EditionRow.frequency == name.frequency, EditionRow.slot == name.slot
    )
    return (session.exec(of_slot).one() or 0) + 1


def _next(session: Session, table: Any, record: Record) -> int:
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(_name(table), "id")
        return int(session.execute(sa.select(func.nextval(sequence))).scalar_one())
    return max(_last(session, table), record.marks.get(_name(table), 0)) + 1


def _name(table: Any) -> str:
    return str(table.__tablename__)


def _last(session: Session, table: Any) -> int:
    (key,) = table.__table__.primary_key
    return session.execute(sa.select(func.max(key))).scalar() or 0
