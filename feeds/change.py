"""What changed in an article, in one line: the first sentence that was not there before."""

import re
from difflib import SequenceMatcher

from feeds.characters import one_line, shorten

LENGTH = 240
_TEXT = 100_000
_SENTENCES = 400
"""Comparing takes time by the product of both sides; beyond these, the texts are looked at in part."""

_BETWEEN = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’)])\s+|\n+")


def what_changed(old_text: str, new_text: str) -> str:
    """The first added or changed sentences, in quotes, at most 240 characters; "" where there are none.

    Both are plain text. Sentences that only went, moved, or changed in blanks count as no change.
    """
    old, new = sentences(old_text[:_TEXT]), sentences(new_text[:_TEXT])
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    known = set(old)
    before = old[start : len(old) - end][:_SENTENCES]
    after = new[start : len(new) - end][:_SENTENCES]
    for kind, _, _, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind in ("insert", "replace"):
            fresh = [sentence for sentence in after[first:last] if sentence not in known]
            if fresh:
                return f"“{shorten(' '.join(fresh), LENGTH - 2)}”"
    return ""


def sentences(text: str) -> list[str]:
    """The sentences of a plain text, each on one line."""
    found = (one_line(part) for part in _BETWEEN.split(text))
    return [sentence for sentence in found if sentence]
