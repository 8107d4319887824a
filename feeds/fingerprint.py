"""The fingerprint of what a reader reads: the same for as long as the words are."""

from collections.abc import Sequence
from hashlib import sha256

from feeds.article import Draft
from feeds.words import tokens


def fingerprint(draft: Draft) -> str:
    """SHA-256 (64 hexadecimal digits) over the words of title, summary and content, in their order.

    Takes a normalised draft. Whitespace, markup, attributes, punctuation, capitals and the date leave
    it as it was.
    """
    return fingerprint_of([tokens(text) for text in (draft.title, draft.summary, draft.text)])


def fingerprint_of(fields: Sequence[Sequence[str]]) -> str:
    """The same, over the tokens of title, summary and text."""
    whole = "\n".join([" ".join(field) for field in fields])
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
