"""Which language a text is in, where nobody says: as CLD3 finds, the model that Chrome has used for pages."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import gcld3

from feeds.draft import Draft
from feeds.language import language_tag

ENOUGH = 200
"""Characters from which a language can be told; in fewer, a name or a line of code has too much to say."""
_SURE = 0.9
_READ = 1_000  # bytes of a text
_RENAMED = {"iw": "he"}
"""Hebrew, which CLD3 knows by a subtag that was given up in 1989."""
_OF_EACH = 200
"""Characters of each article that are read to find what all of them are in."""

_identifier = gcld3.NNetLanguageIdentifier(0, _READ)


def spoken(text: str) -> str:
    """The tag of the language that a text is in; empty where that is not certain."""
    if len(text) < ENOUGH:
        return ""
    found = _identifier.FindLanguage(text)
    if not found.is_reliable or found.probability < _SURE:
        return ""
    return language_tag(_RENAMED.get(found.language, found.language))


def with_languages(drafts: Sequence[Draft], otherwise: str) -> list[Draft]:
    """Normalised drafts of one source, those that declare no language with the one that they are in.

    That is the one of their own text, if it is long enough to tell; or else of all of them together, if
    that is; or else ``otherwise``.
    """
    silent = [draft for draft in drafts if not draft.language]
    if not silent:
        return list(drafts)
    usual = spoken(_beginnings(silent)) or otherwise
    return [
        draft if draft.language else replace(draft, language=spoken(_said(draft)) or usual)
        for draft in drafts
    ]


def _said(draft: Draft) -> str:
    return f"{draft.title}. {draft.text or draft.summary}"


def _beginnings(drafts: Iterable[Draft]) -> str:
    return " ".join(_said(draft)[:_OF_EACH] for draft in drafts)
