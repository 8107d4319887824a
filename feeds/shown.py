"""What a source shows, made ready to be recognised and kept: all that can be told of it by itself.

reading ─▶ normalised ─▶ each once ─▶ language ─▶ words ─▶ fingerprint ─▶ names ─▶ places in themes, if asked
"""

from collections.abc import Mapping
from dataclasses import dataclass

from feeds.characters import one_line, turns
from feeds.classify import Classifier, Placement, only_repeats
from feeds.draft import Draft
from feeds.fingerprint import fingerprint
from feeds.identity import aliases, distinct, former_aliases, text_alias
from feeds.normalise import normalise
from feeds.source import Reading, Source
from feeds.spoken import with_languages
from feeds.words import tokens, words


@dataclass(frozen=True, slots=True)
class Shown:
    """An article as its source shows it now.

    ``draft`` is normalised, ``mark`` its fingerprint. ``names`` are its aliases, the strongest first;
    ``by_words`` is the one that it has by its words, if they are enough. ``places`` are its places in
    themes for as long as no editor has a say in them; None where nobody asked for them. By its ``former``
    names it may be known, and it gets none of them.
    """

    draft: Draft
    mark: str
    names: tuple[str, ...]
    by_words: str | None
    places: Mapping[str, Placement] | None = None
    former: tuple[str, ...] = ()

    @property
    def known_as(self) -> tuple[str, ...]:
        """What it is known by once it is stored."""
        return (*self.names, self.by_words) if self.by_words else self.names


def make_ready(
    reading: Reading, source: Source, language: str, classifier: Classifier | None = None
) -> list[Shown]:
    """What a reading shows, each article once; what was wrong with any of it joins its problems.

    ``language`` is for what declares none, and is in none that can be told. With a ``classifier`` each is
    given its places.
    """
    fit = []
    for draft in reading.drafts:
        normal, problems = normalise(draft, base=reading.base, language=reading.language)
        reading.problems.extend(problems)
        if normal is not None:
            fit.append(normal)
    shown = with_languages(distinct(fit, reading.problems), language)
    return [_show(draft, source, classifier) for draft in shown]


def _show(draft: Draft, source: Source, classifier: Classifier | None) -> Shown:
    title, summary, text = tokens(draft.title), tokens(draft.summary), tokens(draft.text)
    mark = fingerprint((title, summary, text))
    places = None
    if classifier is not None:
        read = tokens(one_line(draft.text)) if turns(draft.text) else text
        classification = classifier.classify_words(
            title=words(title),
            text=words(read if only_repeats(draft.summary, draft.text) else [*summary, *read]),
            categories=draft.categories,
            source=source.name,
            source_themes=source.themes,
            language=draft.language,
            editor={},
        )
        places = classifier.place(classification)
    return Shown(
        draft,
        mark,
        aliases(draft, source.name),
        text_alias(draft, source.name, mark),
        places,
        former_aliases(draft, source.name),
    )
