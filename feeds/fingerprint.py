"""The fingerprint of what a reader reads: the same for as long as the words are."""

from collections.abc import Sequence
from hashlib import sha256


def fingerprint(fields: Sequence[Sequence[str]]) -> str:
    """SHA-256 (64 hexadecimal digits) over the words of title, summary and text, in their order.

    Takes the tokens of each, of a normalised draft, as ``feeds.words`` has them. Whitespace, markup,
    attributes, punctuation but that within figures, capitals and the date leave it as it was.
    """
    whole = "\n".join([" ".join(field) for field in fields])
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
