"""Which themes an article belongs to, and why: by its source, its categories and its words."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import snowballstemmer

from feeds.theme import ThemeTree

TITLE_WEIGHT = 3
TEXT_WEIGHT = 1
TEXT_CAP = 3
"""However often a word stands in the text, it counts no more than one in the title."""
THRESHOLD = 3
"""A keyword in the title is enough; in the text alone it takes three."""
CATEGORY_WEIGHT = 5
SOURCE_WEIGHT = 3

_STEMMERS = {"nl": "dutch", "en": "english"}
_WORD = re.compile(r"\w+")


class Reason(StrEnum):
    SOURCE = "source"
    CATEGORY = "category"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason why an article is in a theme: what matched, where, and how much it weighs."""

    theme: str
    reason: Reason
    matched: str
    where: str
    weight: int

    def __str__(self) -> str:
        return f"{self.reason} {self.matched!r} in {self.where} (+{self.weight})"


@dataclass(frozen=True, slots=True)
class Classification:
    """The themes an article is directly in, with their scores, and all evidence weighed."""

    scores: dict[str, int]
    evidence: list[Evidence]


@dataclass(frozen=True, slots=True)
class Placement:
    """An article's place in one theme: how strongly, and why, in words."""

    score: int
    evidence: tuple[str, ...]


class Classifier:
    """The rules of a theme tree, stemmed once and applied to many articles."""

    def __init__(self, tree: ThemeTree) -> None:
        self._tree = tree
        self._categories: dict[str, list[str]] = {}
        for theme in tree:
            for label in {theme.slug, theme.name, *theme.categories}:
                self._categories.setdefault(_label(label), []).append(theme.slug)

    def classify(
        self,
        *,
        title: str,
        text: str,
        categories: Sequence[str],
        source: str,
        source_themes: Sequence[str],
        language: str,
    ) -> Classification:
        """Every theme whose evidence reaches the threshold. ``text`` is plain, without the title."""
        evidence = [
            Evidence(theme, Reason.SOURCE, source, "the config", SOURCE_WEIGHT) for theme in source_themes
        ]
        for category in categories:
            for theme in self._categories.get(_label(category), ()):
                evidence.append(
                    Evidence(
                        theme,
                        Reason.CATEGORY,
                        category,
                        "its categories",
                        CATEGORY_WEIGHT,
                    )
                )
        evidence.extend(self._keywords(title, text, language))
        scores: dict[str, int] = {}
        for item in evidence:
            scores[item.theme] = scores.get(item.theme, 0) + item.weight
        return Classification({t: s for t, s in scores.items() if s >= THRESHOLD}, evidence)

    def place(self, classification: Classification) -> dict[str, Placement]:
        """Where the article stands: its own themes and, with no score of their own, all above them."""
        places = {}
        for slug, score in classification.scores.items():
            reasons = tuple(str(item) for item in classification.evidence if item.theme == slug)
            places[slug] = Placement(score, reasons)
        for slug in classification.scores:
            for above in self._tree.ancestors(slug):
                places.setdefault(above, Placement(0, (f"holds {slug}",)))
        return places

    def _keywords(self, title: str, text: str, language: str) -> Iterable[Evidence]:
        in_title = _Stems(title, language)
        in_text = _Stems(text, language)
        for theme in self._tree:
            for keyword in theme.keywords:
                if in_title.count(keyword):
                    yield Evidence(theme.slug, Reason.KEYWORD, keyword, "the title", TITLE_WEIGHT)
                if times := in_text.count(keyword):
                    weight = min(times, TEXT_CAP) * TEXT_WEIGHT
                    yield Evidence(theme.slug, Reason.KEYWORD, keyword, "the text", weight)


class _Stems:
    """A text as its stems, each with a space on both sides, so that a phrase is a plain substring."""

    def __init__(self, text: str, language: str) -> None:
        self._language = language
        self._joined = _spaced(_stems(text, language))

    def count(self, keyword: str) -> int:
        phrase = _phrase(keyword, self._language)
        return self._joined.count(phrase) if phrase else 0


def _stems(text: str, language: str) -> list[str]:
    words = [word for word in _WORD.findall(_fold(text)) if word != "_"]
    stemmed: list[str] = _stemmer(language).stemWords(words)
    return stemmed


@lru_cache(maxsize=10_000)
def _phrase(keyword: str, language: str) -> str:
    return _spaced(_stems(keyword, language))


def _spaced(stems: list[str]) -> str:
    return "".join(f" {stem} " for stem in stems)


@lru_cache
def _stemmer(language: str) -> Any:
    return snowballstemmer.stemmer(_STEMMERS.get(language.split("-")[0].lower(), "dutch"))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _label(text: str) -> str:
    return " ".join(_fold(text).split())
