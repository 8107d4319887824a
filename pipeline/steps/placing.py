"""Placing: in which themes an article stands by the rules as they are now, and the log of what moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from feeds.article import Article
from feeds.characters import one_line
from feeds.classify import Classification, Classifier, Placement, only_repeats
from feeds.log import Kind
from feeds.markup import plain_text
from pipeline.ports import CollectWork


@dataclass(frozen=True, slots=True)
class House:
    """What is the same for every source: under which name and calendar ids are minted, and the rules.

    ``sources`` are the names of all there are.
    """

    host: str
    zone: ZoneInfo
    classifier: Classifier
    sources: frozenset[str]


def place(
    house: House, article: Article, source_themes: Sequence[str], text: str | None = None
) -> dict[str, Placement]:
    """Where an article stands in the theme tree, by the rules as they are now.

    ``text`` is its content without markup, where that is known already.
    """
    return house.classifier.place(classify(house, article, source_themes, text))


def classify(
    house: House, article: Article, source_themes: Sequence[str], text: str | None = None
) -> Classification:
    """The article's themes with all evidence. A summary that only repeats the text counts once."""
    text = plain_text(article.content) if text is None else text
    repeats = only_repeats(article.summary, text)
    text = one_line(text)
    return house.classifier.classify(
        title=article.title,
        text=text if repeats else f"{article.summary}\n{text}",
        categories=article.categories,
        source=article.source,
        source_themes=source_themes,
        language=article.language,
        editor=article.editor,
    )


def retheme(
    work: CollectWork,
    id: int,
    old: Mapping[str, Placement],
    new: Mapping[str, Placement],
    now: datetime,
) -> frozenset[str]:
    """Log the themes a visible article reached or lost, if any; gives those it kept."""
    if moved := old.keys() ^ new.keys():
        work.log.append(id, Kind.RETHEMED, moved, now)
    return frozenset(old.keys() & new.keys())


def are_others_named(old: Mapping[str, Placement], new: Mapping[str, Placement]) -> bool:
    """Whether feeds name other themes for an article than before: those that it is in by itself."""
    before, after = ({slug for slug, place in places.items() if place.score} for places in (old, new))
    return before != after
