"""An article: one published piece, at the revision the log speaks of."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import JSON, Field, SQLModel, String

from feeds.draft import TITLE_LENGTH, URL_LENGTH
from feeds.moment import Moment


class Visibility(StrEnum):
    """Where an article stands: only ``visible`` ones are in feeds and digests."""

    WAITING = "waiting"  # its date is in the future
    VISIBLE = "visible"
    WITHDRAWN = "withdrawn"


class Article(SQLModel):
    """One published piece, at its current revision.

    ``uri`` is a ``tag:`` URI (RFC 4151) that never changes. ``summary`` is plain text, ``content``
    clean HTML. ``updated`` moves only when what a reader reads changed; ``change`` then says how.
    Four are an editor's: ``pinned`` puts the article first in digests, ``editor`` says of themes whether it
    is in them, ``kept_out`` that it is not shown, and ``corrections`` has texts that stand in for the
    source's, whatever rules and sources say. ``image`` is the address of its picture, and
    ``enclosures`` are the fields of an Enclosure each.
    """

    uri: str = Field(max_length=255, unique=True)
    source: str = Field(max_length=100, index=True)
    url: str = Field(max_length=URL_LENGTH)
    title: str = Field(min_length=1, max_length=TITLE_LENGTH)
    summary: str = ""
    content: str = ""
    author: str = Field(default="", max_length=200)
    language: str = Field(default="", max_length=35)
    categories: list[str] = Field(default_factory=list, sa_type=JSON)
    published: datetime = Field(sa_type=Moment)
    updated: datetime = Field(sa_type=Moment)
    fingerprint: str = Field(max_length=64)
    revision: int = 1
    change: str = ""
    versions: list[str] = Field(default_factory=list, sa_type=JSON)
    visibility: Visibility = Field(default=Visibility.VISIBLE, sa_type=String(20))
    pinned: bool = False
    editor: dict[str, bool] = Field(default_factory=dict, sa_type=JSON)
    image: str = Field(default="", max_length=URL_LENGTH)
    enclosures: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    kept_out: bool = False
    corrections: dict[str, str] = Field(default_factory=dict, sa_type=JSON)


class Sighting(StrEnum):
    """What it means that a source shows an article now."""

    NEW = "new"
    EMBARGOED = "embargoed"
    UPDATED = "updated"
    RESTORED = "restored"
    UNCHANGED = "unchanged"


def judge(
    known: Article | None,
    *,
    source: str,
    fingerprint: str,
    published: datetime | None,
    now: datetime,
) -> Sighting:
    """What a sighting means, given what is known of the article.

    The source that first showed an article speaks for it: copies elsewhere change nothing. Text
    decides about an update, never a date, since sources touch dates at will.
    """
    embargoed = published is not None and published > now
    if known is None:
        return Sighting.EMBARGOED if embargoed else Sighting.NEW
    if known.source != source:
        return Sighting.UNCHANGED
    if known.visibility == Visibility.WAITING:
        return Sighting.EMBARGOED if embargoed else Sighting.NEW
    if known.visibility == Visibility.WITHDRAWN:
        return Sighting.EMBARGOED if embargoed else Sighting.RESTORED
    return Sighting.UPDATED if fingerprint != known.fingerprint else Sighting.UNCHANGED
