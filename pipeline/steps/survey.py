"""Looking over the stored articles: what the rules of the themes do, and what others would do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from feeds.article import Article, Visibility
from feeds.classify import Classifier, Reason
from feeds.source import Source
from feeds.theme import ThemeTree
from pipeline.ports import CollectWork, Start
from pipeline.steps.placing import House, classify, place

SAMPLE = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a theme: a keyword, a category, or a word that excludes."""

    theme: str
    kind: str
    words: str


@dataclass(slots=True)
class Coverage:
    """How far the rules reach: ``nowhere`` are some of the articles that no rule puts anywhere."""

    articles: int = 0
    uncovered: int = 0
    nowhere: list[tuple[int, str]] = field(default_factory=list)
    unused: list[Rule] = field(default_factory=list)


@dataclass(slots=True)
class Trial:
    """What other rules would do to one theme: who would join and leave, in numbers and with samples."""

    joining: int = 0
    leaving: int = 0
    joiners: list[tuple[int, str]] = field(default_factory=list)
    leavers: list[tuple[int, str]] = field(default_factory=list)


class Surveyor:
    """Goes over every article that is out, a batch at a time."""

    def __init__(
        self, start: Start[CollectWork], house: House, tree: ThemeTree, sources: Sequence[Source]
    ) -> None:
        self._start = start
        self._house = house
        self._tree = tree
        self._themes = {source.name: source.themes for source in sources}

    def coverage(self) -> Coverage:
        """Which articles no rule puts in a theme, the newest first, and which rules never fire."""
        found = Coverage()
        fired: set[Rule] = set()
        with self._start() as work:
            for id, article in self._out(work):
                found.articles += 1
                result = classify(self._house, article, self._themes.get(article.source, []))
                fired |= {
                    Rule(item.theme, str(item.reason), _folded(item.matched)) for item in result.evidence
                }
                if not result.scores:
                    found.uncovered += 1
                    found.nowhere.append((id, article.title))
        found.nowhere = found.nowhere[-SAMPLE:][::-1]
        found.unused = [
            rule for rule in self._rules() if replace(rule, words=_folded(rule.words)) not in fired
        ]
        return found

    def trial(self, tree: ThemeTree, sources: Sequence[Source]) -> dict[str, Trial]:
        """What these rules would change, per theme, in the places that the articles have now."""
        house = replace(self._house, classifier=Classifier(tree))
        themes = {source.name: source.themes for source in sources}
        found: dict[str, Trial] = {}
        with self._start() as work:
            for ids in work.articles.all_ids():
                articles = work.articles.get(ids)
                places = work.articles.themes(ids)
                for id, article in articles.items():
                    if article.visibility != Visibility.VISIBLE:
                        continue
                    new = place(house, article, themes.get(article.source, [])).keys()
                    for slug in new - places[id].keys():
                        one = found.setdefault(slug, Trial())
                        one.joining += 1
                        one.joiners = [*one.joiners, (id, article.title)][-SAMPLE:]
                    for slug in places[id].keys() - new:
                        one = found.setdefault(slug, Trial())
                        one.leaving += 1
                        one.leavers = [*one.leavers, (id, article.title)][-SAMPLE:]
        return dict(sorted(found.items(), key=lambda pair: tree.place(pair[0])))

    def _out(self, work: CollectWork) -> Iterator[tuple[int, Article]]:
        for ids in work.articles.all_ids():
            for id, article in work.articles.get(ids).items():
                if article.visibility == Visibility.VISIBLE:
                    yield id, article

    def _rules(self) -> Iterator[Rule]:
        for theme in self._tree:
            yield from (Rule(theme.slug, Reason.KEYWORD, word) for word in theme.keywords)
            yield from (Rule(theme.slug, Reason.CATEGORY, name) for name in theme.categories)
            yield from (Rule(theme.slug, Reason.EXCLUDED, word) for word in theme.exclude)


def _folded(words: str) -> str:
    return " ".join(words.casefold().split())
