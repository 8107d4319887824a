"""How a portal is doing, as one value, from which alarms are decided and which ``status`` shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from subscribers.edition import EditionState
from subscribers.provider import Provider

COMPLAINTS_WITHIN = timedelta(days=30)
COMPLAINTS_MOST = 0.001
"""Complaints per accepted mail from which providers turn against a sender."""


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """One source. ``silent_days`` is how long it has shown nothing new, where that is unlike its habit.

    ``left_alone_until`` is what its server asked for, while that is still to come.
    """

    due: bool = False
    failures: int = 0
    error: str = ""
    gone: bool = False
    held: str = ""
    silent_days: int = 0
    left_alone_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EditionCondition:
    """One open edition. ``ready`` deliveries could leave now; ``moved`` is when any was last settled.

    ``rate`` is in mails a second over the last minutes, 0 where none left.
    """

    name: str
    state: EditionState
    deliveries: Mapping[str, int]
    ready: int = 0
    due: datetime | None = None
    planned: datetime | None = None
    moved: datetime | None = None
    rate: float = 0.0

    @property
    def seconds_left(self) -> int | None:
        """How long what is ready takes at this rate; None where that can't be said."""
        return round(self.ready / self.rate) if self.rate and self.ready else None


@dataclass(frozen=True, slots=True)
class JobCondition:
    """One of the jobs of the clock: when it last went well, and what is wrong since then, if anything."""

    succeeded: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ClockCondition:
    """The clock: when it last asked for something that was due, and who leads since when."""

    ticked: datetime
    leader: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueCondition:
    """Jobs that several processes share: so many ``waiting`` that could begin, the ``oldest`` since when.

    ``later`` are those that failed and wait to be tried again; ``workers`` the processes heard of lately.
    """

    waiting: int = 0
    under_way: int = 0
    oldest: datetime | None = None
    later: int = 0
    workers: int = 0


@dataclass(frozen=True, slots=True)
class DiskCondition:
    """Bytes on the database's disk; ``shortage`` says what is wrong, in one line, or is empty."""

    free: int
    reserve: int
    shortage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All of it at one moment. ``articles`` are the visible ones of each theme, ``late`` the feeds with
    how many log entries they are behind.

    ``clock`` is None where none has ever ticked, ``queue`` where one process does everything.
    """

    at: datetime
    head: int = 0
    last_entry: datetime | None = None
    articles: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, SourceCondition] = field(default_factory=dict)
    late: Mapping[str, int] = field(default_factory=dict)
    readers: Mapping[str, int] = field(default_factory=dict)
    editions: tuple[EditionCondition, ...] = ()
    uncertain: Mapping[str, int] = field(default_factory=dict)
    closed: tuple[Provider, ...] = ()
    spikes: Mapping[str, int] = field(default_factory=dict)
    complaints: int = 0
    accepted: int = 0
    jobs: Mapping[str, JobCondition] = field(default_factory=dict)
    clock: ClockCondition | None = None
    queue: QueueCondition | None = None
    disk: DiskCondition | None = None

    @property
    def complaint_rate(self) -> float | None:
        """Complaints per accepted mail of the last 30 days; None where there was no mail."""
        return self.complaints / self.accepted if self.accepted else None
