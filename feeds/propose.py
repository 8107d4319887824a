"""Themes for a new portal, from what its sources call their subjects."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from feeds.theme import RESERVED, Theme

MOST = 12
FEWEST = 2
"""Articles in a category that make it a subject."""
_NO_SUBJECT = frozenset(
    {"uncategorized", "geen categorie", "overig", "nieuws", "news", "blog", "algemeen", "general"}
)

_SPOKEN = ((re.compile(r"(?<=[\w+])\+"), "plus"), (re.compile(r"(?<=\w)[#♯]"), "sharp"))
"""Signs that make another word of a name, as C++ and C# are."""


def propose_themes(articles: Iterable[Sequence[str]]) -> list[Theme]:
    """A theme for each category that several articles have, the most frequent ones, by name."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for categories in articles:
        for category in {category.casefold(): category for category in categories}.values():
            names.setdefault(category.casefold(), category)
            counts[category.casefold()] += 1
    themes: dict[str, Theme] = {}
    for label, times in counts.most_common():
        slug = _slug(label)
        if slug in themes:  # the same in another spelling
            themes[slug].categories.append(names[label])
        if times < FEWEST or label in _NO_SUBJECT or not slug or slug in RESERVED or slug in themes:
            continue
        themes[slug] = Theme(slug=slug, name=names[label], categories=[names[label]])
        if len(themes) == MOST:
            break
    return sorted(themes.values(), key=lambda theme: theme.name.casefold())


def _slug(name: str) -> str:
    for sign, word in _SPOKEN:
        name = sign.sub(f" {word} ", name)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
