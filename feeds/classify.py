"""Which themes an article belongs to, and why: by its source, its categories, its words, and an editor.

text ─▶ words ─▶ those whose stem begins a keyword ─▶ evidence ─▶ scores ─▶ places
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import snowballstemmer

from feeds.characters import one_line
from feeds.theme import Theme, ThemeTree
from feeds.words import fold, tokens, words

TITLE_WEIGHT = 3
TEXT_CAP = 3
"""However often a word stands in the text, it counts no more than one in the title."""
CATEGORY_WEIGHT = 5
SOURCE_WEIGHT = 3

_STEMMERS = {"nl": "dutch", "en": "english"}
_DEFAULT = "nl"
_WORDS = 50_000
"""Words that are kept at a time, with what they begin."""


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
            for label in {_label(name) for name in (theme.slug, theme.name, *theme.categories)}:
                self._categories.setdefault(label, []).append(theme.slug)
        self._above = {
            theme.slug: [
                (above, Placement(0, (f"holds {theme.slug}",))) for above in tree.ancestors(theme.slug)
            ]
            for theme in tree
        }
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
        return self.classify_words(
            title=words(tokens(title)),
            text=words(tokens(text)),
            categories=categories,
            source=source,
            source_themes=source_themes,
            language=language,
            editor=editor,
        )

    def classify_words(
        self,
        *,
        title: Sequence[str],
        text: Sequence[str],
        categories: Sequence[str],
        source: str,
        source_themes: Sequence[str],
        language: str,
        editor: Mapping[str, bool],
    ) -> Classification:
        """The same, for who knows the words already, as ``feeds.words`` has them."""
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
                reasons[item.theme].append(_told(item))
        places = {
            slug: Placement(score, tuple(reasons[slug])) for slug, score in classification.scores.items()
        }
        for slug in classification.scores:
            for above, placement in self._above[slug]:
                places.setdefault(above, placement)
        return places

    def _phrase_evidence(
        self, title: Sequence[str], text: Sequence[str], categories: Sequence[str], language: str
    ) -> Iterator[Evidence]:
        spoken = language.split("-")[0].lower()
        spoken = spoken if spoken in _STEMMERS else _DEFAULT
        if spoken not in self._phrases:
            self._phrases[spoken] = _Phrases(self._themes, spoken)
        phrases = self._phrases[spoken]
        in_title, in_text = phrases.count(title), phrases.count(text)
        in_categories = phrases.count(words(tokens("\n".join(categories)))) if phrases.exclude else {}
        for number in sorted(in_title.keys() | in_text.keys() | in_categories.keys()):
            rule = phrases.rules[number]
            if rule.excludes:
                for where, found in (
                    ("the title", in_title),
                    ("the text", in_text),
                    ("its categories", in_categories),
                ):
                    if number in found:
                        yield Evidence(rule.theme, Reason.EXCLUDED, rule.phrase, where, 0)
                        break
                continue
            if number in in_title:
                yield rule.in_title
            if number in in_text:
                yield rule.in_text[min(in_text[number], TEXT_CAP) - 1]


def only_repeats(summary: str, text: str) -> bool:
    """Whether a summary of one line is how the text begins, so that its words count once."""
    wanted = summary.rstrip("…")
    beginning = one_line(text[: 2 * len(wanted)])
    return (beginning if len(beginning) >= len(wanted) else one_line(text)).startswith(wanted)


class _Rule:
    """A keyword of a theme, and the evidence it can give."""

    def __init__(self, theme: str, phrase: str, weight: int, *, excludes: bool = False) -> None:
        self.theme = theme
        self.phrase = phrase
        self.weight = weight
        self.excludes = excludes
        self.in_title = Evidence(theme, Reason.KEYWORD, phrase, "the title", TITLE_WEIGHT * weight)
        self.in_text = [
            Evidence(theme, Reason.KEYWORD, phrase, "the text", times * weight)
            for times in range(1, TEXT_CAP + 1)
        ]


class _Phrases:
    """The words and phrases of all themes in one language, found in a text in one go over its words."""

    def __init__(self, themes: Iterable[Theme], language: str) -> None:
        self._stemmer = _stemmer(language)
        self.rules: list[_Rule] = []
        self.exclude = False
        starting: dict[str, list[_Start]] = {}
        for theme in themes:
            rules = [_Rule(theme.slug, phrase, theme.weights.get(phrase, 1)) for phrase in theme.keywords]
            rules += [_Rule(theme.slug, phrase, 0, excludes=True) for phrase in theme.exclude]
            own: dict[tuple[bool, tuple[str, ...]], _Rule] = {}
            for rule in rules:
                if stems := self._stems(words(tokens(rule.phrase))):
                    # A word counts once, whether the config names its plural too or not.
                    same = own.setdefault((rule.excludes, tuple(stems)), rule)
                    own[rule.excludes, tuple(stems)] = max(same, rule, key=lambda one: one.weight)
            for (excludes, phrase), rule in own.items():
                starting.setdefault(phrase[0], []).append((len(self.rules), list(phrase)))
                self.rules.append(rule)
                self.exclude |= excludes
        self._begun_by = _BegunBy(self._stemmer, starting)

    def count(self, found: Sequence[str]) -> dict[int, int]:
        """How often each rule's phrase stands in these words, by the rule's number, where it does at all."""
        counts: dict[int, int] = {}
        begun_by = self._begun_by
        for word in filter(begun_by.__getitem__, found):
            for number, phrase in begun_by[word]:
                if len(phrase) > 1:
                    return self._count_by_place(found)
                counts[number] = counts.get(number, 0) + 1
        return counts

    def _count_by_place(self, found: Sequence[str]) -> dict[int, int]:
        """The same, where some phrases are of several words, one of which is in the text."""
        counts: dict[int, int] = {}
        for place, word in enumerate(found):
            if not (begun := self._begun_by[word]):
                continue
            longest = max(len(phrase) for _, phrase in begun)
            here = self._stems(found[place : place + longest])
            for number, phrase in begun:
                if here[: len(phrase)] == phrase:
                    counts[number] = counts.get(number, 0) + 1
        return counts

    def _stems(self, found: Sequence[str]) -> list[str]:
        return [self._stemmer.stemWord(word) for word in found]


_Start = tuple[int, list[str]]
"""A rule's number, and the stems of its phrase."""


class _BegunBy(dict[str, Sequence[_Start]]):
    """What each word may begin, found once: a few thousand words make up nearly all of a text."""

    def __init__(self, stemmer: Any, starting: Mapping[str, Sequence[_Start]]) -> None:
        self._stemmer = stemmer
        self._starting = starting

    def __missing__(self, word: str) -> Sequence[_Start]:
        if len(self) >= _WORDS:
            self.clear()
        begun = self._starting.get(self._stemmer.stemWord(word), ())
        self[word] = begun
        return begun


@lru_cache
def _stemmer(language: str) -> Any:
    return snowballstemmer.stemmer(_STEMMERS[language])


@lru_cache(maxsize=5_000)
def _told(evidence: Evidence) -> str:
    return str(evidence)


@lru_cache(maxsize=5_000)
def _label(text: str) -> str:
    return " ".join(fold(text).split())
