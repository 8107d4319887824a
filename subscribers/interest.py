"""Interests: the themes a reader follows, as sets that many readers share."""

import hashlib
from collections.abc import Iterable

from feeds.error import KennisportalError
from feeds.theme import ThemeTree


class UnknownTheme(KennisportalError, ValueError):
    """Somebody follows a theme that the config does not have."""


def interest_set(slugs: Iterable[str], tree: ThemeTree) -> tuple[str, ...]:
    """A reader's choice in its one canonical form: sorted, each once.

    A child beside its parent is kept, though the parent implies it: it says in which section the
    reader would rather see an article. Raises UnknownTheme.
    """
    chosen = sorted({slug.strip() for slug in slugs} - {""})
    for slug in chosen:
        if slug not in tree:
            known = ", ".join(theme.slug for theme in tree)
            raise UnknownTheme(f"theme {slug!r} does not exist; choose from: {known}")
    return tuple(chosen)


def set_key(slugs: Iterable[str]) -> str:
    """The name under which equal sets are one row: 32 hex digits."""
    return hashlib.sha256("\n".join(slugs).encode()).hexdigest()[:32]
