"""The tables on how the portal itself runs: what was due when, what is known of it, and who did what."""

from datetime import date, datetime

from sqlmodel import BigInteger, Field, SQLModel, Text

from feeds.moment import Moment
from subscribers.alarm import Told


class Tick(SQLModel, table=True):
    """A slot of a schedule that was acted on: its uniqueness makes a double tick harmless."""

    __tablename__ = "tick"

    schedule: str = Field(primary_key=True, max_length=60)
    slot: str = Field(primary_key=True, max_length=60)
    at: datetime = Field(sa_type=Moment)


class SlotChange(SQLModel, table=True):
    """A slot that goes out on another day than the config says, or on none."""

    __tablename__ = "slot_change"

    frequency: str = Field(primary_key=True, max_length=20)
    slot: date = Field(primary_key=True)
    day: date | None = None
    at: datetime = Field(sa_type=Moment)


class Fact(SQLModel, table=True):
    """Single values about the installation itself."""

    __tablename__ = "fact"

    name: str = Field(primary_key=True, max_length=60)
    value: str = Field(sa_type=Text)


class LoneWrite(SQLModel, table=True):
    """How many transactions that write alone were committed, in one row; kept on PostgreSQL only.

    Whoever sends reads it for nearly each message, to know whether anything changed.
    """

    __tablename__ = "lone_write"

    id: int = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)


class AlarmRow(Told, table=True):
    __tablename__ = "alarm"

    name: str = Field(primary_key=True, max_length=200)
    channel: str = Field(primary_key=True, max_length=20)


class AuditRow(SQLModel, table=True):
    """Who did what, by command."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Moment)
    who: str = Field(max_length=100)
    action: str = Field(max_length=60)
    what: str = Field(default="", sa_type=Text)
