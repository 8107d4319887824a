"""Absorbing what a source showed into the log, in one transaction::

drafts ─▶ recognise ─▶ judge ─┬▶ new: placed in themes ─▶ an arrival, to be stored with others
                              ├▶ known: stored ─▶ placed in themes ─▶ logged
                              └▶ what a complete source no longer shows ─▶ withdrawn
"""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from feeds.article import Article, Sighting, Visibility, judge
from feeds.boilerplate import MANY, boilerplate, is_everywhere, without
from feeds.change import what_changed
from feeds.draft import Draft, Problem
from feeds.identity import aliases, canonical_url, tag_uri
from feeds.log import Kind, kind_of_first_sight
from feeds.markup import plain_text
from feeds.shown import Shown
from feeds.source import Reading, Source, SourceError
from feeds.weight import VERSIONS, Weight, goes_back_and_forth, is_reworded, told_by, weigh
from pipeline.ports import CollectWork
from pipeline.steps.announce import announce, served_until
from pipeline.steps.arrivals import Arrival, Arrivals
from pipeline.steps.placing import House, are_others_named, place, retheme
from pipeline.steps.recognise import Recognised, look_up

FAR_AHEAD = timedelta(days=366)
"""Nobody waits so long for an article: its date is more likely wrong."""
_AROUND = ("title", "summary", "author", "image", "enclosures")
"""What readers see of an article besides its text, and what may change without it."""


@dataclass(slots=True)
class Outcome:
    """What a look at one source came to, in numbers of articles.

    ``backfill`` and ``waiting`` say how many of the ``new`` were history, and are not out yet;
    ``polished`` how many of the ``unchanged`` have words that changed and mean the same.
    """

    new: int = 0
    backfill: int = 0
    waiting: int = 0
    updated: int = 0
    restored: int = 0
    unchanged: int = 0
    polished: int = 0
    withdrawn: int = 0
    problems: list[Problem] = field(default_factory=list)


def absorb(
    work: CollectWork,
    house: House,
    source: Source,
    reading: Reading,
    shown: Sequence[Shown],
    *,
    complete: bool,
    force: bool,
    now: datetime,
    arrivals: Arrivals,
) -> Outcome:
    """Store and log what is changed, back or gone. ``shown`` is what the reading shows.

    What is new joins the ``arrivals``, of which there are none yet. ``complete`` says that what is not
    shown is gone. Raises SourceError when such a source had articles and shows none, unless forced: a folder
    that isn't mounted looks just like that.
    """
    found = look_up(work, source, shown)
    absorber = _Absorber(work, house, source, now, complete, _boilerplate(work, source, found, reading))
    problems = absorber.outcome.problems
    problems += [*reading.problems, *found.problems]
    for one, id, known in found.sightings:
        if one.draft.published is not None and one.draft.published > now + FAR_AHEAD:
            why = f"its date, {one.draft.published:%Y-%m-%d}, is far ahead; until then it is not shown"
            problems.append(Problem(one.draft.url, why, lost=False))
        try:
            absorber.take(one, id, known)
        except ValidationError as error:
            fault = error.errors()[0]
            why = f"its {fault['loc'][0]} can't be kept ({fault['msg']}); it was left out"
            problems.append(Problem(one.draft.url, why))
    named: dict[str, int] = {}
    for article, own in absorber.seen:
        for alias in own:
            # A name that is taken keeps its meaning.
            if alias not in found.known:
                named.setdefault(alias, article)
    work.articles.know_as(named)
    arrivals.expect(absorber.arrivals(found.known | named.keys()))
    if complete:
        seen = {*arrivals.store(), *(article for article, _ in absorber.seen)}
        absorber.withdraw_all_but(seen | _unread(work, source, reading, problems), force)
    return absorber.outcome


def _unread(work: CollectWork, source: Source, reading: Reading, problems: Iterable[Problem]) -> set[int]:
    """Articles that are still there, though what the source says of them can't be used."""
    keys = {draft.key for draft in reading.drafts} | {problem.what for problem in problems}
    names = {aliases(Draft(key=key, url="", title=""), source.name)[0] for key in keys}
    return set(work.articles.find(names).values())


def _boilerplate(work: CollectWork, source: Source, found: Recognised, reading: Reading) -> frozenset[str]:
    """The sentences that changed in as good as all articles of a source that were known already.

    What it shows of other sources' articles is not compared with its own words.
    """
    known = [(one, its) for one, _, its in found.sightings if its is not None and its.source == source.name]
    changed = [(one.draft, article) for one, article in known if one.mark != article.fingerprint]
    shown = len(known)
    if reading.partial and is_everywhere(len(changed), shown):
        # It is silent about those that did not change.
        shown = max(shown, min(len(work.articles.of_source(source.name)), MANY))
    if not is_everywhere(len(changed), shown):
        return frozenset()
    texts = (
        (plain_text(article.content) or article.summary, plain_text(draft.content) or draft.summary)
        for draft, article in changed
    )
    return boilerplate(texts, shown)


def _told(draft: Draft) -> dict[str, Any]:
    """What a source says of an article, in the article's fields; a date is not among them."""
    return {
        "url": draft.url,
        "title": draft.title,
        "summary": draft.summary,
        "content": draft.content,
        "author": draft.author,
        "language": draft.language,
        "categories": list(draft.categories),
        "image": draft.image,
        "enclosures": [asdict(enclosure) for enclosure in draft.enclosures],
    }


class _Absorber:
    """One source's turn in one transaction."""

    def __init__(
        self,
        work: CollectWork,
        house: House,
        source: Source,
        now: datetime,
        complete: bool,
        boilerplate: frozenset[str],
    ) -> None:
        self._work = work
        self._house = house
        self._source = source
        self._memory = work.sources.memory(source.name)
        self._now = now
        self._complete = complete
        self._boilerplate = boilerplate
        self._today = now.astimezone(house.zone).date()
        self._new: list[tuple[Article, Shown]] = []
        self.outcome = Outcome()
        self.seen: list[tuple[int, tuple[str, ...]]] = []
        """The known articles that were shown, and the names by which."""

    def take(self, one: Shown, id: int | None, known: Article | None) -> None:
        """Act on one sighting. Raises ValidationError before anything is stored."""
        if known is not None and id is not None and self._is_orphan(known):
            self._work.articles.adopt(id, self._source.name)
            known = known.model_copy(update={"source": self._source.name})
        draft, mark, names = one.draft, one.mark, one.known_as
        sighting = judge(
            known, source=self._source.name, fingerprint=mark, published=draft.published, now=self._now
        )
        if known is None or id is None:
            self._new.append((self._made(draft, mark, sighting), one))
            return
        if known.kept_out and known.source == self._source.name:
            # It stays out, and is up to date when it is let out again.
            self._work.articles.revise(id, self._revised(known, draft, fingerprint=mark))
            self.outcome.unchanged += 1
            self.seen.append((id, names))
            return
        match sighting:
            case Sighting.UPDATED:
                self._update(id, known, draft, mark)
            case Sighting.NEW | Sighting.RESTORED | Sighting.EMBARGOED:
                self._show(id, known, draft, mark, sighting)
            case Sighting.UNCHANGED:
                self._keep(id, known, draft)
        self.seen.append((id, names))

    def _is_orphan(self, article: Article) -> bool:
        """Whether no source speaks for it any more, as when its own has got another name in the config.

        Or when it went from one folder to another: what was taken out of the one is there by the other.
        """
        if article.source == self._source.name:
            return False
        went = self._complete and article.visibility == Visibility.WITHDRAWN and not article.kept_out
        return went or article.source not in self._house.sources

    def arrivals(self, taken: Set[str]) -> list[Arrival]:
        """What was taken and not known before, to be known by those of its names that are not ``taken``."""
        first, served = self._memory.first_collected, served_until(self._work) if self._new else None
        found = []
        for article, one in self._new:
            places = one.places
            if places is None:
                places = place(self._house, article, self._source.themes, one.draft.text)
            kind = None
            if article.visibility == Visibility.WAITING:
                self.outcome.waiting += 1
            else:
                kind = kind_of_first_sight(
                    one.draft.published,
                    first or self._now,
                    first is None or self._first_since_restore,
                    served,
                )
                self.outcome.backfill += kind is Kind.BACKFILL
            found.append(Arrival(article, places, [name for name in one.known_as if name not in taken], kind))
        self.outcome.new += len(found)
        return found

    @property
    def _first_since_restore(self) -> bool:
        """Whether this is the first look at a source that was known, since the database was restored."""
        return self._memory.first_collected is not None and not self._memory.validated

    def withdraw_all_but(self, seen: Collection[int], force: bool) -> None:
        """Take out what the source speaks for and no longer shows."""
        standing = self._work.articles.of_source(self._source.name)
        gone = standing.keys() - seen
        if gone and not seen and not force:
            raise SourceError(
                f"source {self._source.name}: it shows nothing, and had {len(standing)} articles; "
                f"check its path, or run 'kennisportal collect {self._source.name} --force' "
                "to withdraw them all"
            )
        places = self._work.articles.themes(gone)
        for id in sorted(gone):
            self._work.articles.show(id, Visibility.WITHDRAWN)
            if standing[id] == Visibility.VISIBLE:
                self._work.log.append(id, Kind.WITHDRAWN, places[id], self._now)
        self.outcome.withdrawn += len(gone)

    def _made(self, draft: Draft, mark: str, sighting: Sighting) -> Article:
        """The article that a draft is from now on."""
        return Article(
            uri=tag_uri(self._house.host, self._today, self._source.name, draft.key),
            source=self._source.name,
            published=draft.published or self._now,
            updated=draft.published or self._now,
            fingerprint=mark,
            visibility=Visibility.WAITING if sighting is Sighting.EMBARGOED else Visibility.VISIBLE,
            **_told(draft),
        )

    def _update(self, id: int, known: Article, draft: Draft, mark: str) -> None:
        """Other words: news, unless they mean the same, stand in all articles, or come again and again."""
        told = _told(draft) | known.corrections  # what an editor corrected is not what changed
        old, new = plain_text(known.content), plain_text(draft.content)
        before, after = told_by((known.summary, old), (told["summary"], new))
        whole = f"{known.title}\n{before}", f"{told['title']}\n{after}"
        before, after = without(before, self._boilerplate), without(after, self._boilerplate)
        weight = weigh(f"{known.title}\n{before}", f"{told['title']}\n{after}")
        # While it was away it may have changed, of which nobody was told.
        versions = list(known.versions)
        if versions[-1:] != [known.fingerprint]:
            versions.append(known.fingerprint)
        seen = {"fingerprint": mark, "versions": [*versions, mark][-VERSIONS:]}
        again = goes_back_and_forth(versions, mark)
        if weight is not Weight.SUBSTANTIVE or again:
            # The feeds mend a slip too, but don't follow each turn of what goes round and round.
            kind = Kind.RETHEMED if not again and is_reworded(*whole) else None
            self._store(id, self._revised(known, draft, **seen), kind)
            self.outcome.unchanged += 1
            self.outcome.polished += 1
            return
        article = self._revised(
            known,
            draft,
            updated=self._now,
            revision=known.revision + 1,
            change=what_changed(before, after),
            **seen,
        )
        # What changed since the backup that we come from may have been told already.
        self._store(id, article, Kind.RETHEMED if self._first_since_restore else Kind.UPDATED)
        self.outcome.updated += 1

    def _show(self, id: int, known: Article, draft: Draft, mark: str, sighting: Sighting) -> None:
        """An article that was not out: it comes, it is back, or its date is (still) to come."""
        waiting = sighting is Sighting.EMBARGOED
        changed = mark != known.fingerprint
        published = known.published
        if known.visibility == Visibility.WAITING and draft.published is not None:
            published = draft.published  # nobody has seen the other one
        article = self._revised(
            known,
            draft,
            published=published,
            updated=self._now if changed and sighting is Sighting.RESTORED else known.updated,
            fingerprint=mark,
            visibility=Visibility.WAITING if waiting else Visibility.VISIBLE,
        )
        places = place(self._house, article, self._source.themes)
        self._work.articles.revise(id, article)
        self._work.articles.place(id, article.published, places)
        if not waiting:
            announce(self._work, id, Kind.NEW, places, self._now)
        if sighting is Sighting.RESTORED:
            self.outcome.restored += 1
        elif waiting and not changed and published == known.published:
            self.outcome.unchanged += 1
        elif waiting:
            self.outcome.updated += 1
        else:
            self.outcome.new += 1

    def _keep(self, id: int, known: Article, draft: Draft) -> None:
        """Nothing a reader reads has changed; what stands around it may have."""
        self.outcome.unchanged += 1
        if known.source != self._source.name:
            return
        shown = _told(draft) | known.corrections
        if all(shown[name] == getattr(known, name) for name in (*_AROUND, "url", "categories")):
            return
        seen = self._revised(known, draft)
        moved = canonical_url(seen.url) != canonical_url(known.url)
        around = any(getattr(seen, name) != getattr(known, name) for name in _AROUND)
        if not moved and not around and seen.categories == known.categories:
            return
        # The feeds must tell what it looks like now, and nobody needs a mail about it.
        self._store(id, seen, Kind.RETHEMED if moved or around else None)

    def _revised(self, known: Article, draft: Draft, **values: object) -> Article:
        """The article as the draft has it, validated. Its first date stays: sources touch dates at will."""
        return Article.model_validate(known.model_dump() | _told(draft) | known.corrections | values)

    def _store(self, id: int, article: Article, kind: Kind | None = None) -> None:
        """Revise a visible article, and log the themes it reached or lost, and as ``kind`` those it kept.

        Without one, these are logged only where feeds name others beside them now.
        """
        old = self._work.articles.themes([id])[id]
        new = place(self._house, article, self._source.themes)
        self._work.articles.revise(id, article)
        self._work.articles.place(id, article.published, new)
        kept = retheme(self._work, id, old, new, self._now)
        if kind is None and kept and are_others_named(old, new):
            kind = Kind.RETHEMED
        if kind is not None:
            self._work.log.append(id, kind, kept, self._now)
