"""The journal: the little that must be known after the database was put back from a backup.

It stands outside the database, one line of JSON per event, and says who left, by the keyed hash of their
address, and up to where each frequency was sent. What is written, and when, follows from one rule:
**the journal may know more than the database, never less**.

- Who leaves is written before that is committed. So nobody was told that they are out whom the journal
  does not know; where the commit fails after all, only a restore would heed the line.
- Who comes back is written after that is committed, for the same reason.
- A send is written before the first mail of it is handed over.
- Ids that stand in links are written before the rows are committed that bear them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

KEPT = timedelta(days=400)
"""How long the journal knows who left: a backup that is older can't be restored without missing some."""

MOVED = "moved"
"""Why an address is left alone whose reader has another one since."""
CHANGED = "changed"
"""Not gone: a reader who changed what decides by which edition they are served."""
FEED = "feed"
"""Not gone: a reader whose own feed got another link, or lost it."""


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody left: ``how`` is a state of ``subscribers.subscriber.LEFT``, MOVED, CHANGED or FEED.

    ``key`` is the address's keyed hash. ``suppression`` is why the address gets no mail, where it gets none.
    """

    key: str
    how: str
    at: datetime
    suppression: str = ""


@dataclass(frozen=True, slots=True)
class Back:
    """Somebody who had left came back of their own will, or was let back in."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """Mail of an edition begins to leave. ``frozen`` is when its contents were settled.

    ``cutoff`` is the position up to which it serves; ``delivery`` the highest id of a delivery by then.
    """

    edition: str
    cutoff: int
    frozen: datetime
    at: datetime
    delivery: int

    @property
    def frequency(self) -> str:
        return self.edition.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Marks:
    """The highest ids that may have been given out, by table."""

    ids: Mapping[str, int]


Event = Left | Back | Sent | Marks

_KINDS: dict[str, type[Left] | type[Back] | type[Sent] | type[Marks]] = {
    "left": Left,
    "back": Back,
    "sent": Sent,
    "marks": Marks,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_MOMENTS = ("at", "frozen")


@dataclass(slots=True)
class Record:
    """What a journal comes to. ``since`` is when it was begun, and so from when on it knows everybody."""

    since: datetime | None = None
    left: dict[str, Left] = field(default_factory=dict)
    changed: dict[str, Left] = field(default_factory=dict)
    feeds: dict[str, Left] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Go on from one more event."""
        match event:
            case Left(key=key, how=how):
                # Several lines may tell of one leaving; a suppression outlives what is said after it.
                before = self.left.get(key)
                if how == CHANGED:
                    self.changed[key] = event
                elif how == FEED:
                    self.feeds[key] = event
                elif before is not None and before.suppression and not event.suppression:
                    self.left[key] = replace(event, suppression=before.suppression)
                else:
                    self.left[key] = event
            case Back(key=key):
                self.left.pop(key, None)
            case Sent(frequency=frequency):
                last = self.sent.get(frequency)
                if last is None:
                    self.sent[frequency] = event
                else:
                    later = event if event.cutoff >= last.cutoff else last
                    self.sent[frequency] = replace(later, delivery=max(event.delivery, last.delivery))
            case Marks(ids=ids):
                for table, id in ids.items():
                    self.marks[table] = max(id, self.marks.get(table, 0))

    def compacted(self, now: datetime) -> list[Event]:
        """The events that come to the same, without those that are too old to matter."""
        before = now - KEPT
        known = (*self.left.values(), *self.changed.values(), *self.feeds.values())
        standing = [one for one in known if one.at > before]
        return [*sorted(standing, key=lambda one: one.at), *self.sent.values(), Marks(self.marks)]


def write_since(since: datetime) -> str:
    """The first line of a journal."""
    return json.dumps({"since": since.isoformat()}) + "\n"


def write(event: Event) -> str:
    """An event as a line."""
    values = {"event": _NAMES[type(event)]} | asdict(event)
    values |= {name: values[name].isoformat() for name in _MOMENTS if name in values}
    return json.dumps(values, ensure_ascii=True, separators=(",", ":")) + "\n"


def read(texts: Iterable[str]) -> Record:
    """What journals come to, taken together, in the order of what they tell.

    A last line without its end was torn by a crash before anything came of it, and is left out. Raises
    ValueError for any other line that can't be read.
    """
    begun: list[datetime] = []
    events: list[Event] = []
    for text in texts:
        lines = text.split("\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                values = json.loads(line)
                if "since" in values:
                    begun.append(datetime.fromisoformat(values["since"]))
                else:
                    events.append(_event(values))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"line {number} can't be read ({error})") from None
    record = Record(since=max(begun) if begun else None)
    for event in _in_order(events):
        record.take(event)
    return record


def _in_order(events: Sequence[Event]) -> list[Event]:
    """By their moments; what has none comes wherever it likes."""
    return [event for event in events if isinstance(event, Marks)] + sorted(
        (event for event in events if not isinstance(event, Marks)), key=lambda event: event.at
    )


def _event(values: dict[str, Any]) -> Event:
    kind = _KINDS[values.pop("event")]
    values |= {name: datetime.fromisoformat(values[name]) for name in _MOMENTS if name in values}
    return kind(**values)
