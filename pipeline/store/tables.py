"""The tables. Fields that are also domain values come from the data models in ``feeds`` and ``subscribers``.

Table models don't validate: build the data model first, then store it.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import JSON, Field, SQLModel, String

from feeds.article import Article
from feeds.log import Kind
from feeds.moment import Moment
from subscribers.delivery import OPEN, DeliveryState
from subscribers.edition import EditionState
from subscribers.notice import Notice, NoticeState
from subscribers.signup import SignUp
from subscribers.subscriber import Consent, Subscriber

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# Ids of readers, articles and log entries stand in links and cursors: they are never used again.
_NO_REUSE = {"sqlite_autoincrement": True}


def _any_of(column: str, values: Iterable[str]) -> str:
    """What SQLite compares one by one: of a list it would make a table, and anew for each row it checks."""
    return " OR ".join(f"{column} = '{value}'" for value in values)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(_any_of(column, values), name=column)


class SourceState(SQLModel, table=True):
    """What is remembered of a source between two looks at it."""

    __tablename__ = "source"

    name: str = Field(primary_key=True, max_length=100)
    validated: str = ""
    etag: str = ""
    last_modified: str = ""
    first_collected: datetime | None = Field(default=None, sa_type=Moment)
    last_looked: datetime | None = Field(default=None, sa_type=Moment)
    failures: int = 0
    error: str = ""
    title: str = ""
    not_before: datetime | None = Field(default=None, sa_type=Moment)
    gone: str = ""
    bookmark: str = Field(default="", sa_type=Text)
    shown: int = 0
    move_to: str = ""
    move_times: int = 0
    move_origin: str = ""
    history: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    held: str = Field(default="", sa_type=Text)
    last_news: datetime | None = Field(default=None, sa_type=Moment)
    left_out: int = 0
    left_out_why: str = Field(default="", sa_type=Text)


class ArticleRow(Article, table=True):
    __tablename__ = "article"
    __table_args__ = (
        Index("ix_article_visibility_published", "visibility", "published", "id"),
        _NO_REUSE,
    )

    id: int | None = Field(default=None, primary_key=True)


class ArticleAlias(SQLModel, table=True):
    """A name under which an article was seen: its guid in a source, or its canonical URL."""

    __tablename__ = "article_alias"

    alias: str = Field(primary_key=True, max_length=120)
    article_id: int = Field(foreign_key="article.id", index=True)


class ArticleTheme(SQLModel, table=True):
    """An article's place in a theme, ancestors included; evidence only where it is there directly.

    ``published`` repeats the article's, so that a feed is one range of one index.
    """

    __tablename__ = "article_theme"
    __table_args__ = (Index("ix_article_theme_theme_published", "theme", "published", "article_id"),)

    article_id: int = Field(primary_key=True, foreign_key="article.id")
    theme: str = Field(primary_key=True, max_length=60)
    score: int = 0
    evidence: list[str] = Field(default_factory=list, sa_type=JSON)
    published: datetime = Field(sa_type=Moment)


WITHDRAWN = text(f"kind = '{Kind.WITHDRAWN}'")


class LogRow(SQLModel, table=True):
    """The article log. Only ever appended to."""

    __tablename__ = "log"
    __table_args__ = (
        _one_of("kind", Kind),
        Index("ix_log_withdrawn", "at", sqlite_where=WITHDRAWN, postgresql_where=WITHDRAWN),
        _NO_REUSE,
    )

    position: int | None = Field(default=None, primary_key=True)
    article_id: int = Field(foreign_key="article.id", index=True)
    kind: Kind = Field(sa_type=String(20))
    at: datetime = Field(sa_type=Moment)


class LogTheme(SQLModel, table=True):
    __tablename__ = "log_theme"
    __table_args__ = (Index("ix_log_theme_position", "position"),)

    theme: str = Field(primary_key=True, max_length=60)
    position: int = Field(primary_key=True, foreign_key="log.position")


class FeedCursor(SQLModel, table=True):
    """How far a theme's published documents follow the log, and from which config they were made."""

    __tablename__ = "feed_cursor"

    theme: str = Field(primary_key=True, max_length=60)
    position: int = 0
    made_from: str = Field(default="", max_length=64)


class FeedArchive(SQLModel, table=True):
    """A stretch of a theme's history that has documents of its own."""

    __tablename__ = "feed_archive"

    theme: str = Field(primary_key=True, max_length=60)
    number: int = Field(primary_key=True)
    first: int
    last: int
    size: int
    made_from: str = Field(max_length=64)


class RetiredTheme(SQLModel, table=True):
    """A theme that was published once and is no longer: whoever asks for it is told that it is gone."""

    __tablename__ = "retired_theme"

    slug: str = Field(primary_key=True, max_length=60)
    at: datetime = Field(sa_type=Moment)


class HubPing(SQLModel, table=True):
    """A document that changed, which the WebSub hub has not heard of yet."""

    __tablename__ = "hub_ping"

    topic: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Moment)
    due: datetime = Field(sa_type=Moment)
    attempts: int = 0
    error: str = Field(default="", sa_type=Text)


class InterestSet(SQLModel, table=True):
    """A choice of themes, shared by everybody who made it."""

    __tablename__ = "interest_set"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=32, unique=True)
    themes: list[str] = Field(default_factory=list, sa_type=JSON)


class SubscriberRow(Subscriber, table=True):
    """``domain`` repeats the address's, since providers are dealt with one by one.

    ``feed_serial`` counts the links made for the reader's own feed: the last one works, and none does
    where it is not positive.
    """

    __tablename__ = "subscriber"
    __table_args__ = (
        Index("ix_subscriber_plan", "frequency", "timezone", "state"),
        Index("ix_subscriber_domain", "domain", "state"),
        _NO_REUSE,
    )

    id: int | None = Field(default=None, primary_key=True)
    address_key: str = Field(max_length=64, unique=True)
    domain: str = Field(max_length=255)
    interest_set_id: int = Field(foreign_key="interest_set.id", index=True)
    feed_serial: int = 0


class ConsentRow(Consent, table=True):
    __tablename__ = "consent"

    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = Field(foreign_key="subscriber.id", index=True)


class Suppression(SQLModel, table=True):
    """An address that gets no mail, known only by its keyed hash."""

    __tablename__ = "suppression"

    address_key: str = Field(primary_key=True, max_length=64)
    reason: str = Field(max_length=200)
    at: datetime = Field(sa_type=Moment)


class SignUpRow(SignUp, table=True):
    """What somebody asked for at our form, until it is confirmed or too old."""

    __tablename__ = "signup"
    __table_args__ = (_NO_REUSE,)

    id: int | None = Field(default=None, primary_key=True)


PENDING = text(f"state = '{NoticeState.PENDING}'")


class NoticeRow(Notice, table=True):
    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_pending", "due", sqlite_where=PENDING, postgresql_where=PENDING),
        Index("ix_notice_about", "kind", "about"),
        _one_of("state", NoticeState),
        _NO_REUSE,
    )

    id: int | None = Field(default=None, primary_key=True)


class FormCount(SQLModel, table=True):
    """How often a form was used by one network, or for one address, each known by a keyed hash."""

    __tablename__ = "form_count"

    name: str = Field(primary_key=True, max_length=64)
    times: int
    since: datetime = Field(sa_type=Moment)


class EditionRow(SQLModel, table=True):
    """``held`` is an administrator's word, until they approve it: also of what is planned of it later."""

    __tablename__ = "edition"
    __table_args__ = (
        UniqueConstraint("frequency", "slot", "n"),
        _one_of("state", EditionState),
    )

    id: int | None = Field(default=None, primary_key=True)
    frequency: str = Field(max_length=10)
    slot: str = Field(max_length=40)
    n: int = 1
    day: date
    state: EditionState = Field(sa_type=String(20))
    held: bool = False
    created_at: datetime = Field(sa_type=Moment)


class Wave(SQLModel, table=True):
    """The readers of an edition for whom it is due at the same instant, planned together."""

    __tablename__ = "wave"

    id: int | None = Field(default=None, primary_key=True)
    edition_id: int = Field(foreign_key="edition.id", index=True)
    due: datetime = Field(sa_type=Moment)
    planned_at: datetime = Field(sa_type=Moment)
    cutoff: int
    candidates: int = 0
    nothing_due: int = 0


class Segment(SQLModel, table=True):
    """Readers whose digest holds the same items in the same sections.

    ``items`` is a list of ``[article, kind, theme, [also…]]``, in reading order.
    """

    __tablename__ = "segment"

    id: int | None = Field(default=None, primary_key=True)
    wave_id: int = Field(foreign_key="wave.id", index=True)
    language: str = Field(max_length=2)
    cutoff: int
    items: list[Any] = Field(default_factory=list, sa_type=JSON)


# Literal, so that SQLite sees that a query asks for no more than an index with this condition holds.
IN_HAND = text("worker <> ''")
UNCERTAIN = text(f"state = '{DeliveryState.UNCERTAIN}'")
SUPERSEDED = text("superseded_by IS NOT NULL")
STANDING = text(f"({_any_of('state', OPEN)})")


class DeliveryRow(SQLModel, table=True):
    """One subscriber in one edition."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("edition_id", "subscriber_id"),
        Index(
            "uq_delivery_open",
            "subscriber_id",
            unique=True,
            sqlite_where=STANDING,
            postgresql_where=STANDING,
        ),
        Index("ix_delivery_state", "edition_id", "state", "id"),
        Index("ix_delivery_in_hand", "worker", sqlite_where=IN_HAND, postgresql_where=IN_HAND),
        Index("ix_delivery_uncertain", "changed_at", sqlite_where=UNCERTAIN, postgresql_where=UNCERTAIN),
        Index(
            "ix_delivery_superseded_by",
            "superseded_by",
            "subscriber_id",
            sqlite_where=SUPERSEDED,
            postgresql_where=SUPERSEDED,
        ),
        _one_of("state", DeliveryState),
        _NO_REUSE,
    )

    id: int | None = Field(default=None, primary_key=True)
    edition_id: int = Field(foreign_key="edition.id")
    wave_id: int = Field(foreign_key="wave.id")
    segment_id: int | None = Field(default=None, foreign_key="segment.id", index=True)
    subscriber_id: int = Field(foreign_key="subscriber.id", index=True)
    domain: str = Field(default="", max_length=255)
    state: DeliveryState = Field(sa_type=String(20))
    reason: str = Field(default="", max_length=30)
    reply: str = Field(default="", sa_type=Text)
    from_position: int = 0
    cutoff: int = 0
    attempts: int = 0
    first_attempt: datetime | None = Field(default=None, sa_type=Moment)
    retry_at: datetime | None = Field(default=None, sa_type=Moment)
    worker: str = Field(default="", max_length=40)
    superseded_by: int | None = None
    changed_at: datetime = Field(sa_type=Moment)


class DomainRow(SQLModel, table=True):
    """What is known of a mail provider, by the domain of its addresses.

    ``hold_until`` is set by us while a provider defers; ``paused`` lasts until an administrator ends it.
    ``strikes`` counts deferrals since the last acceptance, ``refusals`` rejections for policy, and
    ``reports`` those that came back by mail.
    """

    __tablename__ = "mail_domain"

    name: str = Field(primary_key=True, max_length=255)
    paused: bool = False
    reason: str = Field(default="", sa_type=Text)
    hold_until: datetime | None = Field(default=None, sa_type=Moment)
    strikes: int = 0
    refusals: int = 0
    reports: int = 0
    last_accepted: datetime | None = Field(default=None, sa_type=Moment)
    last_reply: str = Field(default="", sa_type=Text)
    last_reply_at: datetime | None = Field(default=None, sa_type=Moment)


class PaceRow(SQLModel, table=True):
    """A token bucket that all senders share, by the name of what it limits."""

    __tablename__ = "pace"

    name: str = Field(primary_key=True, max_length=255)
    tokens: float
    at: datetime = Field(sa_type=Moment)


class FeedbackRow(SQLModel, table=True):
    """What came back about a mail, as it came. ``key`` is the message's hash: the same one counts once."""

    __tablename__ = "feedback"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(max_length=64, unique=True)
    at: datetime = Field(sa_type=Moment)
    kind: str = Field(max_length=20)
    status: str = Field(default="", max_length=20)
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)
    subscriber_id: int | None = Field(default=None, foreign_key="subscriber.id", index=True)
    reply: str = Field(default="", sa_type=Text)
    original: bytes


class BounceRow(SQLModel, table=True):
    """What came back for a reader, as ``subscribers.bounces.Bounces`` has it."""

    __tablename__ = "bounce"

    subscriber_id: int = Field(primary_key=True, foreign_key="subscriber.id")
    hard_at: datetime | None = Field(default=None, sa_type=Moment, index=True)
    rests_until: datetime | None = Field(default=None, sa_type=Moment, index=True)
    soft: float = 0.0
    soft_at: datetime | None = Field(default=None, sa_type=Moment)
    last: int | None = None
