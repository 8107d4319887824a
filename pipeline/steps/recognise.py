"""Recognising: which stored articles a look at a source shows::

shown ─▶ by its names ─▶ by its words ─┬▶ the article that it is
                                       └▶ none: new, or told apart from one that it shares a name with
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

from feeds.article import Article
from feeds.draft import Draft, Problem
from feeds.identity import aliases, recognise, recognise_texts, shared_addresses, unlike
from feeds.markup import plain_text
from feeds.shown import Shown
from feeds.source import Source
from pipeline.ports import CollectWork


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a look shows, each with the id and the article that it is; None twice for what is new.

    ``known`` are the names that some article has already. ``problems`` tell of what was left out.
    """

    sightings: Sequence[tuple[Shown, int | None, Article | None]]
    known: Set[str]
    problems: list[Problem]


def all_names(shown: Iterable[Shown]) -> set[str]:
    """The names by which all that a source shows may be known."""
    return {name for one in shown for name in (*one.known_as, *one.former)}


def look_up(work: CollectWork, source: Source, shown: Sequence[Shown]) -> Recognised:
    """Find what a source shows among the articles that there are."""
    names = [(*one.names, *one.former) for one in shown]
    known = work.articles.find(all_names(shown))
    stored = work.articles.get(set(known.values()))
    shared = shared_addresses(one.draft.url for one in shown)
    others: set[int] = set()

    def may_be(place: int, id: int) -> bool:
        article, address = stored[id], names[place][1]
        # By an address of its own: others tell of it in words of their own.
        if article.source != source.name and known.get(address) == id and address not in shared:
            return True
        other = _is_another(shown[place].draft, article)
        if other:
            others.add(place)
        return not other

    def as_stored(id: int) -> tuple[str, ...]:
        return aliases(Draft("", stored[id].url, stored[id].title), stored[id].source)[1:]

    found = recognise(names, known, as_stored, may_be)
    ids = recognise_texts(
        names,
        [one.by_words for one in shown],
        [one.draft.published for one in shown],
        found,
        known,
        {id: article.published for id, article in stored.items()},
    )
    sightings: list[tuple[Shown, int | None, Article | None]] = []
    problems: list[Problem] = []
    for place, (one, id) in enumerate(zip(shown, ids, strict=True)):
        left_out = id is None and one.names[0] in known
        if id is None and place in others:
            one = _told_apart(one, source)
            known |= (apart := work.articles.find(one.names[-1:]))
            stored |= work.articles.get(apart.values())
            id = known.get(one.names[-1])
            left_out = id is not None and id in ids
        if left_out:
            why = "another entry of this source is the same article; this one was left out"
            problems.append(Problem(one.draft.url, why, lost=False))
            continue
        sightings.append((one, id, None if id is None else stored[id]))
    return Recognised(sightings, known.keys(), problems)


def _is_another(draft: Draft, article: Article) -> bool:
    text = f"{article.title} {article.summary} {plain_text(article.content)}"
    return unlike((draft.title, f"{draft.title} {draft.summary} {draft.text}"), (article.title, text))


def _told_apart(one: Shown, source: Source) -> Shown:
    """An article whose id is another's: its permanent one is made of more, and so is one more name.

    By its other names it may not be found again: after a merge and a split, all of them may be others'.
    """
    draft = replace(one.draft, key=f"{one.draft.key} {one.draft.url}")
    return replace(one, draft=draft, names=(*one.names, aliases(draft, source.name)[0]))
