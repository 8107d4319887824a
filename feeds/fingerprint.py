"""The fingerprint of what a reader reads: the same for as long as the words are."""

import re
import unicodedata
from hashlib import sha256

from feeds.article import Draft

# Words and figures, and the signs that change what a figure says.
_WORDS = re.compile(r"\w+|[€$£¥%°+=<>]")


def fingerprint(draft: Draft) -> str:
    """SHA-256 (64 hexadecimal digits) over the words of title, summary and content, in their order.

    Takes a normalised draft. Whitespace, markup, attributes, punctuation, capitals and the date leave
    it as it was.
    """
    fields = (draft.title, draft.summary, draft.text)
    return sha256("\n".join(_words(text) for text in fields).encode("utf-8", "surrogatepass")).hexdigest()


def _words(text: str) -> str:
    return " ".join(_WORDS.findall(unicodedata.normalize("NFC", text).casefold()))
