"""A source's one document, from its bytes to what it shows: work that another process can do as well."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

from feeds.classify import Classifier, Placement
from feeds.draft import Draft
from feeds.shown import Shown, make_ready
from feeds.source import DocumentKind, Payload, Reading, Source

Found = tuple[Reading, list[Shown]]
"""What was read, and what it shows."""


@dataclass(frozen=True, slots=True)
class Document:
    """What came from a source, yet to be read. ``placed`` says whether its articles are given their places.

    ``language`` is for sources that declare none.
    """

    source: Source
    payload: Payload
    language: str
    placed: bool


def read_document(kind: DocumentKind, document: Document, classifier: Classifier) -> Found:
    """What a document shows. Its drafts are in there, and not in the reading. Raises SourceError."""
    reading = kind.read(document.source, document.payload)
    shown = make_ready(reading, document.source, document.language, classifier if document.placed else None)
    return replace(reading, drafts=[]), shown


def pack(found: Found) -> Any:
    """The same in tuples, which take no time to write down and read back."""
    reading, shown = found
    return reading, [
        (
            _values(one.draft),
            one.mark,
            one.names,
            one.by_words,
            None
            if one.places is None
            else [(slug, place.score, place.evidence) for slug, place in one.places.items()],
            one.former,
        )
        for one in shown
    ]


def unpack(packed: Any) -> Found:
    """What was packed."""
    reading, shown = packed
    return reading, [
        Shown(
            Draft(*draft),
            mark,
            names,
            by_words,
            None if places is None else {slug: _placement(score, why) for slug, score, why in places},
            former,
        )
        for draft, mark, names, by_words, places, former in shown
    ]


@lru_cache(maxsize=5_000)
def _placement(score: int, evidence: tuple[str, ...]) -> Placement:
    """The same few reasons put most articles where they are."""
    return Placement(score, evidence)


_values = attrgetter(*(field.name for field in fields(Draft)))
