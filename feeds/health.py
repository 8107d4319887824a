"""Whether a source still does what it did: what a look at it should be like, going by the looks before.

A broken selector, a login page or an export gone wrong gives articles, too. What they have in common is that
they are unlike what the source showed before.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from feeds.draft import Draft

KEPT = 20
"""Looks that are remembered of a source."""
ENOUGH = 3
"""Looks that make a habit."""
FEW = 3
"""With fewer articles than this, nothing can be said of all of them."""
FLOOD = 50
"""New articles that are never too many."""
_PACE = timedelta(days=1)
"""What came within a shorter time, as when somebody caught up, is no pace."""
QUIETEST = timedelta(days=3)
"""A shorter silence is nobody's worry."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a source showed: how many articles, and how many there were that are new.

    ``texts`` and ``dates`` are the parts of them, from 0 to 1, that have any; ``length`` is the median of
    their texts', in characters. ``alike`` says that they all have the same title or text.
    """

    shown: int
    new: int
    texts: float
    dates: float
    length: int
    alike: bool = False


def look_at(drafts: Sequence[Draft], new: int, appeared: int = 0) -> Look:
    """What these normalised drafts come to, of which so many are ``new``.

    Those that ``appeared`` are new as well, though some are left for a next look; unless most of what was
    looked at was known, as where a site gives all its pages other addresses.
    """
    lengths = [len(draft.text or draft.summary) for draft in drafts]
    number = len(drafts) or 1
    return Look(
        shown=len(drafts),
        new=max(new, appeared) if 2 * new >= len(drafts) else new,
        texts=round(sum(map(bool, lengths)) / number, 2),
        dates=round(sum(draft.published is not None for draft in drafts) / number, 2),
        length=round(median(lengths)) if lengths else 0,
        alike=bool(_all_the_same(drafts)),
    )


def breach(
    history: Sequence[Look], look: Look, drafts: Sequence[Draft], *, partial: bool, due: int = 0
) -> str:
    """How a look is unlike those before it, in words that go after "it"; "" where it is as it should be.

    ``history`` are earlier looks, the oldest first; ``partial`` says that a look shows only what changed,
    so that its volume means nothing; so many new articles are ``due`` at its pace.
    """
    # Once somebody has accepted it, that is how this source is.
    if (same := _all_the_same(drafts)) and not any(past.alike for past in history):
        return same
    if len(history) < ENOUGH:
        return ""
    usual = round(median(past.shown for past in history))
    most_new = max(past.new for past in history[1:]) if len(history) > 1 else 0
    if not partial and not look.shown and usual >= FEW:
        return f"shows nothing, where it usually has {usual} articles"
    many = max(FLOOD, 5 * due)
    if look.new > max(many, 5 * most_new) or (not partial and look.shown > max(many, 5 * usual)):
        return f"shows {look.new} new articles at once, where it had at most {most_new} before"
    if look.shown < FEW:
        return ""
    length = median(past.length for past in history)
    if not look.texts and median(past.texts for past in history) >= 0.5:
        return "has no text in any of its articles, where it usually has"
    if look.length < length / 5 and length >= 300:
        return f"has texts of {look.length} characters, where they usually have {round(length)}"
    if not look.dates and median(past.dates for past in history) >= 0.5:
        return "has no date for any of its articles, where it usually has"
    return ""


def due_at_pace(moments: Sequence[datetime], since: datetime, now: datetime) -> int:
    """How many articles a source has had the time for since it was looked at last.

    ``moments`` are as ``silence`` has them. After we were away for weeks, a busy one shows many at once.
    """
    before = [moment for moment in moments if moment <= since]
    if len(before) <= ENOUGH:
        return 0
    took = max(since - min(before), _PACE)
    return round(len(before) * max(timedelta(0), now - since) / took)


def silence(moments: Sequence[datetime], now: datetime) -> timedelta | None:
    """How long a source has shown nothing new, if that is longer than its habit; None where it is not.

    ``moments`` are when its last articles were published, in any order; with few of them there is no habit.
    """
    ordered = sorted(moment for moment in moments if moment <= now)
    if len(ordered) <= ENOUGH:
        return None
    longest = max(later - earlier for earlier, later in pairwise(ordered))
    since = now - ordered[-1]
    return since if since > max(2 * longest, QUIETEST) else None


def remember(history: Sequence[Look], look: Look) -> list[dict[str, Any]]:
    """The history with one more look, as it is stored."""
    return [asdict(past) for past in (*history, look)][-KEPT:]


def _all_the_same(drafts: Sequence[Draft]) -> str:
    """A login page, or a notice, in the place of every article."""
    if len(drafts) < FEW:
        return ""
    texts = {draft.text for draft in drafts}
    if len(texts) == 1 and len(next(iter(texts))) > 0:
        return f"has the same text in all of its {len(drafts)} articles"
    if len({draft.title for draft in drafts}) == 1:
        return f"has the same title for all of its {len(drafts)} articles"
    return ""
