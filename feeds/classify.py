"""Which themes an article belongs to, and why: by its source, its categories, its words, and an editor.

text ─▶ words ─▶ stems ─▶ looked up among the keywords' first stems ─▶ evidence ─▶ scores ─▶ places
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import snowballstemmer

from feeds.theme import Theme, ThemeTree

TITLE_WEIGHT = 3
TEXT_CAP = 3
"""However often a word stands in the text, it counts no more than one in the title."""
CATEGORY_WEIGHT = 5
SOURCE_WEIGHT = 3

_STEMMERS = {"nl": "dutch", "en": "english"}
_DEFAULT = "nl"
_WORD = re.compile(r"\w+")
_WORDS = 50_000
"""Words whose stems are kept at a time."""


class Reason(StrEnum):
    SOURCE = "source"
    CATEGORY = "category"
    KEYWORD = "keyword"
    EXCLUDED = "excluded"
    EDITOR = "editor"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason why an article is in a theme, or is not: what matched, where, and how much it weighs."""

    theme: str
    reason: Reason
    matched: str
    where: str
    weight: int

    def __str__(self) -> str:
        if self.reason is Reason.EXCLUDED:
            return f"excluded by {self.matched!r} in {self.where}"
        if self.reason is Reason.EDITOR:
            return f"{self.matched} by an editor"
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
        self._themes = list(tree)
        self._categories: dict[str, list[str]] = {}
        for theme in tree:
            for label in {theme.slug, theme.name, *theme.categories}:
                self._categories.setdefault(_label(label), []).append(theme.slug)
        self._phrases: dict[str, _Phrases] = {}

    def classify(
        self,
        *,
        title: str,
        text: str,
        categories: Sequence[str],
        source: str,
        source_themes: Sequence[str],
        language: str,
        editor: Mapping[str, bool],
    ) -> Classification:
        """Every theme whose evidence reaches its threshold. ``text`` is plain, without the title.

        ``editor`` says of some themes whether the article is in them, whatever the rules say.
        """
        evidence = [
            Evidence(theme, Reason.SOURCE, source, "the config", SOURCE_WEIGHT) for theme in source_themes
        ]
        for category in categories:
            for theme in self._categories.get(_label(category), ()):
                evidence.append(Evidence(theme, Reason.CATEGORY, category, "its categories", CATEGORY_WEIGHT))
        excluded: list[Evidence] = []
        for item in self._phrase_evidence(title, text, categories, language):
            (excluded if item.reason is Reason.EXCLUDED else evidence).append(item)
        scores: dict[str, int] = {}
        for item in evidence:
            scores[item.theme] = scores.get(item.theme, 0) + item.weight
        barred = {item.theme for item in excluded}
        scores = {
            theme: score
            for theme, score in scores.items()
            if theme not in barred and score >= self._tree[theme].threshold
        }
        evidence += excluded
        for theme, belongs in editor.items():
            if theme in self._tree:
                evidence.append(Evidence(theme, Reason.EDITOR, "put here" if belongs else "kept out", "", 0))
                if belongs:
                    scores[theme] = max(scores.get(theme, 0), self._tree[theme].threshold)
                else:
                    scores.pop(theme, None)
        return Classification(scores, evidence)

    def place(self, classification: Classification) -> dict[str, Placement]:
        """Where the article stands: its own themes and, with no score of their own, all above them."""
        reasons: dict[str, list[str]] = {slug: [] for slug in classification.scores}
        for item in classification.evidence:
            if item.theme in reasons:
                reasons[item.theme].append(str(item))
        places = {
            slug: Placement(score, tuple(reasons[slug])) for slug, score in classification.scores.items()
        }
        for slug in classification.scores:
            for above in self._tree.ancestors(slug):
                places.setdefault(above, Placement(0, (f"holds {slug}",)))
        return places

    def _phrase_evidence(
        self, title: str, text: str, categories: Sequence[str], language: str
    ) -> Iterator[Evidence]:
        spoken = language.split("-")[0].lower()
        spoken = spoken if spoken in _STEMMERS else _DEFAULT
        if spoken not in self._phrases:
            self._phrases[spoken] = _Phrases(self._themes, spoken)
        phrases = self._phrases[spoken]
        in_title, in_text = phrases.count(title), phrases.count(text)
        in_categories = phrases.count("\n".join(categories)) if phrases.exclude else Counter()
        for number in sorted(in_title.keys() | in_text.keys() | in_categories.keys()):
            rule = phrases.rules[number]
            if rule.excludes:
                for where, found in (
                    ("the title", in_title),
                    ("the text", in_text),
                    ("its categories", in_categories),
                ):
                    if found[number]:
                        yield Evidence(rule.theme, Reason.EXCLUDED, rule.phrase, where, 0)
                        break
                continue
            if in_title[number]:
                weight = TITLE_WEIGHT * rule.weight
                yield Evidence(rule.theme, Reason.KEYWORD, rule.phrase, "the title", weight)
            if times := in_text[number]:
                weight = min(times, TEXT_CAP) * rule.weight
                yield Evidence(rule.theme, Reason.KEYWORD, rule.phrase, "the text", weight)


@dataclass(frozen=True, slots=True)
class _Rule:
    theme: str
    phrase: str
    weight: int
    excludes: bool


class _Phrases:
    """The words and phrases of all themes in one language, found in a text in one go over its words."""

    def __init__(self, themes: Iterable[Theme], language: str) -> None:
        self._stem_of = _Stems(_stemmer(language))
        self.rules: list[_Rule] = []
        self.exclude = False
        self._starting: dict[str, list[tuple[int, list[str]]]] = {}
        for theme in themes:
            rules = [
                _Rule(theme.slug, phrase, theme.weights.get(phrase, 1), False) for phrase in theme.keywords
            ]
            rules += [_Rule(theme.slug, phrase, 0, True) for phrase in theme.exclude]
            for rule in rules:
                if stems := self._stems(rule.phrase):
                    self._starting.setdefault(stems[0], []).append((len(self.rules), stems))
                    self.rules.append(rule)
                    self.exclude |= rule.excludes

    def count(self, text: str) -> Counter[int]:
        """How often each rule's phrase stands in a text, by the rule's number."""
        found: Counter[int] = Counter()
        stems = self._stems(text)
        if self._starting.keys().isdisjoint(stems):
            return found
        for place, stem in enumerate(stems):
            for number, phrase in self._starting.get(stem, ()):
                if len(phrase) == 1 or stems[place : place + len(phrase)] == phrase:
                    found[number] += 1
        return found

    def _stems(self, text: str) -> list[str]:
        return [self._stem_of[word] for word in _WORD.findall(_fold(text))]


class _Stems(dict[str, str]):
    """The stem of each word, found once: a few thousand words make up nearly all of a text."""

    def __init__(self, stemmer: Any) -> None:
        self._stemmer = stemmer

    def __missing__(self, word: str) -> str:
        if len(self) >= _WORDS:
            self.clear()
        stem: str = self._stemmer.stemWord(word)
        self[word] = stem
        return stem


@lru_cache
def _stemmer(language: str) -> Any:
    return snowballstemmer.stemmer(_STEMMERS[language])


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _label(text: str) -> str:
    return " ".join(_fold(text).split())
