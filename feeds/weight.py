"""How much a change of wording means: nothing, a correction of the language, or something to tell readers.

When in doubt it means something: only what is surely the same to a reader is held back.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from feeds.classify import only_repeats
from feeds.words import TOKEN, composed

TOKENS = 4_000
"""Comparing takes time by the product of both sides; a longer stretch that differs is not looked into."""
PAIRS = 1_000_000
"""Nor is one of few words over and over, of which each stands for many others."""
VERSIONS = 12
"""How many versions of an article are remembered, to know a source that goes back and forth."""
SHORTEST_TYPO = 5

T = TypeVar("T")
_SENTENCE = re.compile(r"[.!…][\"'”’»)\]]*\s*$")
"""How one ends that says something by itself; what a question says is in what follows it."""
SHORTEST_SENTENCE = 4
"""Words; fewer are a name or a figure in a list, with a full stop after it."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEGATIONS = _words(
    "niet geen nooit niemand niets nergens noch zonder wel behalve tenzij not no never nobody none nothing "
    "nor neither without unless except cannot don t doesn didn won isn aren wasn weren hasn haven"
)
_NUMBERS = _words(
    "nul één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien "
    "zeventien achttien negentien twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd "
    "duizend miljoen miljard half halve helft kwart dubbel zero one two three four five six seven eight "
    "nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty "
    "forty fifty sixty seventy eighty ninety hundred thousand million billion twice double"
)
_FILLERS = _words("de het een die dat deze dit er the a an that which this")


class Weight(StrEnum):
    """What a change of an article's words amounts to."""

    NONE = "none"
    COSMETIC = "cosmetic"
    SUBSTANTIVE = "substantive"


def weigh(old: str, new: str) -> Weight:
    """Compares two plain texts, word by word.

    Cosmetic are capitals, accents, words joined or split, articles such as "de", a slip of one letter in
    a longer word, and whole sentences that changed places. Figures, names and negations never are.
    """
    before, after = TOKEN.findall(composed(old)), TOKEN.findall(composed(new))
    if before == after:
        return Weight.NONE
    if _moved(old, new):
        return Weight.COSMETIC
    before, after = _differing(before, after)
    if max(len(before), len(after)) > TOKENS or _pairs(before, after) > PAIRS:
        return Weight.SUBSTANTIVE
    runs = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    alike = all(_alike(before[a:b], after[c:d]) for kind, a, b, c, d in runs if kind != "equal")
    return Weight.COSMETIC if alike else Weight.SUBSTANTIVE


def is_reworded(old: str, new: str) -> bool:
    """Whether two texts have other words, however little that means; not whether these stand elsewhere."""
    before, after = (Counter(TOKEN.findall(composed(text))) for text in (old, new))
    return before != after


def told_by(*versions: tuple[str, str]) -> list[str]:
    """What versions of an article say, each given as a summary and a text, to be weighed against each other.

    Where all summaries are but how their texts begin, they are left out: a letter more moves the word at
    which such a one is cut.
    """
    if all(not text or only_repeats(summary, text) for summary, text in versions):
        return [text or summary for summary, text in versions]
    return [f"{summary}\n{text}" for summary, text in versions]


def goes_back_and_forth(versions: Sequence[str], new: str) -> bool:
    """Whether the step from the last of these versions to the new one was taken before.

    ``versions`` are fingerprints, the oldest first.
    """
    return bool(versions) and (versions[-1], new) in pairwise(versions)


def _moved(old: str, new: str) -> bool:
    """Whether the same paragraphs stand in another order.

    What is no sentence, such as a figure in a table or a name in a list, says something by its place.
    """
    before, after = _differing(_paragraphs(old), _paragraphs(new))
    return Counter(before) == Counter(after) and all(is_sentence for _, is_sentence in before)


def _paragraphs(text: str) -> list[tuple[tuple[str, ...], bool]]:
    """The words of each paragraph, and whether it is a sentence, or several, going by its length and end."""
    lines = text.split("\n")
    found = ((tuple(TOKEN.findall(composed(line))), bool(_SENTENCE.search(line))) for line in lines)
    return [(words, ends and len(words) >= SHORTEST_SENTENCE) for words, ends in found if words]


def _differing(before: list[T], after: list[T]) -> tuple[list[T], list[T]]:
    """What is left of both once what they begin and end with alike is taken off."""
    start, end, shorter = 0, 0, min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


def _pairs(before: Sequence[str], after: Sequence[str]) -> int:
    """In how many ways a word of one side may stand for the same word of the other."""
    times = Counter(before)
    return sum(times[word] for word in after)


def _alike(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether these words say the same as those in their place."""
    if [_folded(word) for word in before] == [_folded(word) for word in after]:
        return not _NUMBERS & ({*map(str.casefold, before)} ^ {*map(str.casefold, after)})
    if any(_weighty(word) for word in (*before, *after)):
        return False
    if "".join(map(_folded, before)) == "".join(map(_folded, after)):
        return True
    before = [word for word in before if word.casefold() not in _FILLERS]
    after = [word for word in after if word.casefold() not in _FILLERS]
    return len(before) == len(after) and all(map(_is_slip, before, after))


def _weighty(word: str) -> bool:
    """Whether a change of this word alone is worth telling: a figure, a name, a negation."""
    plain = word.casefold()
    is_figure = not word.isalpha() or plain in _NUMBERS
    return is_figure or word[0].isupper() or plain in _NEGATIONS


def _is_slip(old: str, new: str) -> bool:
    """Whether two words differ by one letter: left out, put in, taken for another, or swapped."""
    old, new = _folded(old), _folded(new)
    if old == new:
        return True
    if min(len(old), len(new)) < SHORTEST_TYPO or abs(len(old) - len(new)) > 1 or old[0] != new[0]:
        return False
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    old, new = old[start:], new[start:]
    swapped = len(old) > 1 and len(new) > 1 and (old[0], old[1]) == (new[1], new[0]) and old[2:] == new[2:]
    return swapped or old[1:] == new[1:] or old[1:] == new or old == new[1:]


def _folded(word: str) -> str:
    """Without capitals and accents; "≠" is no "=" with an accent."""
    if word == "≠":
        return word
    parts = unicodedata.normalize("NFD", word.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
