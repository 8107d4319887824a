"""The words of a text without their capitals: what fingerprints and the rules of themes both go by."""

import re
import unicodedata
from collections.abc import Sequence

_SIGNS = frozenset("€$£¥%‰°+±=<>≤≥≠×-")
"""What changes the meaning of a figure beside it."""
_MINUS = r"(?<![^\s(])-(?=\d)"
"""A hyphen right before a figure that follows nothing else."""
_BESIDE = "".join(sorted(_SIGNS - {"-"}))
_FIGURE = r"\d+(?:[.,]\d+)+"
"""One in which a point or a comma stands: 1.000 and 1,000 are as far apart as a thousand and one."""
_SIGNED = r"(?<!\w)[^\W\d_]\w*\+\+(?![^\W\d]|\+)|(?<!\w)[^\W\d_]#(?![^\W\d])|(?<![^\s(\"'“‘])\.(?i:net)(?!\w)"
"""Names of which the word alone is another: C++, C# and .NET."""
TOKEN = re.compile(rf"{_FIGURE}|{_SIGNED}|\w+|[{_BESIDE}]|{_MINUS}")
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Where a word may be broken or not, such as a soft hyphen: nobody sees it, and it parts no words."""
_LONG = 1_000
_MARK = rf"[^\w\s\x00-\x7f\u2013\u2212{_BESIDE}]"
_HEAP = re.compile(rf"({_MARK}{{30}}){_MARK}+")
"""More marks on a letter than any script has (UAX 15, stream-safe): ordering them takes their square."""
_TELLING = re.compile(r"[.,+#-](?:[\d+nN]|(?<=#))")
"""Where punctuation may be more than what parts words; begun by a set, which is looked for fastest."""
_ASCII_SIGNS = tuple(sorted(sign for sign in _SIGNS - {"-"} if sign.isascii()))
_KEPT = {"_", *_ASCII_SIGNS}
_BETWEEN = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in _KEPT)}


def tokens(text: str) -> list[str]:
    """The words and figures of a text, and the signs beside figures, in their order.

    Composed (Unicode NFC) and folded, so that neither capitals nor the way of writing an accent tells.
    """
    if not text.isascii() or _TELLING.search(text):
        return TOKEN.findall(fold(text))
    text = text.lower().translate(_BETWEEN)  # to the same end, in half the time
    for sign in _ASCII_SIGNS:
        if sign in text:
            text = text.replace(sign, f" {sign} ")
    return text.split()


def words(tokens: Sequence[str]) -> Sequence[str]:
    """These tokens without the signs."""
    return tokens if _SIGNS.isdisjoint(tokens) else [token for token in tokens if token not in _SIGNS]


def fold(text: str) -> str:
    return composed(text).casefold()


def composed(text: str) -> str:
    """Accents with their letters (Unicode NFC), a minus written as a hyphen, and nothing unseen in words."""
    for sign in _UNSEEN:
        if sign in text:
            text = text.replace(sign, "")
    if len(text) > _LONG and max(map(len, text.split(" "))) > _LONG:
        text = _HEAP.sub(r"\1", text)
    return unicodedata.normalize("NFC", text).replace("\u2212", "-").replace("\u2013", "-")
