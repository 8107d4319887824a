"""What a source says in all of its articles alike, such as how to get its newsletter, which is no news."""

from collections import Counter
from collections.abc import Collection, Iterable

from feeds.change import sentences

FEWEST = 5
"""Of fewer articles, all may tell the same news."""
MOST_OF = 0.75
MANY = 40
"""Of a source that shows only what changed, so many are taken for all of its articles."""


def is_everywhere(number: int, shown: int) -> bool:
    """Whether so many of the articles that are shown are as good as all of them."""
    return number >= FEWEST and number >= shown * MOST_OF


def boilerplate(versions: Iterable[tuple[str, str]], shown: int) -> frozenset[str]:
    """The sentences that came into, or went from, as good as all articles that a source shows.

    ``versions`` are the plain texts, old and new, of those that changed.
    """
    times = Counter(sentence for old, new in versions for sentence in {*sentences(old)} ^ {*sentences(new)})
    return frozenset(sentence for sentence, number in times.items() if is_everywhere(number, shown))


def without(text: str, left_out: Collection[str]) -> str:
    """A plain text without these sentences; as it was where there are none."""
    if not left_out:
        return text
    return "\n".join([sentence for sentence in sentences(text) if sentence not in left_out])
