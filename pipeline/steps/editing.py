"""What an editor does to articles by hand. It stays, whatever their sources show afterwards.

an article ─▶ changed as the editor says ─▶ stored ─▶ logged, so that feeds and digests follow
"""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from feeds.address import web_address
from feeds.article import Article, Visibility
from feeds.change import what_changed
from feeds.characters import one_line
from feeds.error import KennisportalError
from feeds.identity import address_alias, tag_uri
from feeds.log import Kind
from feeds.source import Source
from pipeline.ports import Clock, CollectWork, Start
from pipeline.steps.announce import announce
from pipeline.steps.placing import House, are_others_named, place, retheme

CORRECTED = ("title", "summary", "url", "author")


class EditingError(KennisportalError):
    """What an editor asked for can't be done; the text says why, and what can."""


class Editor:
    """The editor's desk. Each method is one transaction, signed in the audit log by ``who``."""

    def __init__(
        self, start: Start[CollectWork], house: House, sources: Sequence[Source], clock: Clock
    ) -> None:
        self._start = start
        self._house = house
        self._themes = {source.name: source.themes for source in sources}
        self._clock = clock

    def take_out(self, id: int, action: str, who: str) -> None:
        """Take an article out of feeds, and of digests not yet sent, until it is brought back."""
        with self._start() as work:
            now, article = self._clock(), self._article(work, id)
            if article.kept_out:
                raise EditingError(f"article {id} is out already; 'articles release' brings it back")
            was_out = article.visibility == Visibility.VISIBLE
            work.articles.revise(
                id, article.model_copy(update={"visibility": Visibility.WITHDRAWN, "kept_out": True})
            )
            if was_out:
                work.log.append(id, Kind.WITHDRAWN, work.articles.themes([id])[id], now)
            work.register.audit(now, who, action, f"article {id}: {article.title}")

    def bring_back(self, id: int, action: str, who: str) -> None:
        """Let an article out again: as new if it never was, else into the feeds alone."""
        with self._start() as work:
            now, article = self._clock(), self._article(work, id)
            if article.visibility == Visibility.VISIBLE:
                raise EditingError(f"article {id} is not held or withdrawn")
            waits = article.published > now
            visibility = Visibility.WAITING if waits else Visibility.VISIBLE
            work.articles.revise(id, article.model_copy(update={"visibility": visibility, "kept_out": False}))
            if not waits:
                announce(work, id, Kind.NEW, work.articles.themes([id])[id], now)
            work.register.audit(now, who, action, f"article {id}: {article.title}")

    def correct(self, id: int, corrections: Mapping[str, str], who: str, *, tell: bool) -> Article:
        """Put an editor's words in the place of the source's; an empty text gives the source its own back.

        With ``tell`` it is an update that digests mention; the feeds follow in any case. A text given back
        shows again when its source is next read.
        """
        corrections = {name: one_line(text) for name, text in corrections.items()}
        if corrections.get("url") and web_address(corrections["url"], "") != corrections["url"]:
            raise EditingError(f"{corrections['url']!r} is no web address; write it like https://…")
        with self._start() as work:
            now, article = self._clock(), self._article(work, id)
            given = {name: text for name, text in corrections.items() if text}
            standing = {name: text for name, text in article.corrections.items() if name not in corrections}
            changes: dict[str, object] = {"corrections": standing | given, **given}
            if tell:
                before = f"{article.title}\n{article.summary}"
                after = f"{given.get('title', article.title)}\n{given.get('summary', article.summary)}"
                revision = article.revision + 1
                changes |= {"updated": now, "revision": revision, "change": what_changed(before, after)}
            try:
                corrected = Article.model_validate(article.model_dump() | changes)
            except ValidationError as error:
                fault = error.errors()[0]
                raise EditingError(f"its {fault['loc'][0]} can't be that: {fault['msg']}") from None
            if given.keys() != corrections.keys():
                work.sources.forget(article.source)  # so that its own words come back on the next look
            work.articles.revise(id, corrected)
            old = work.articles.themes([id])[id]
            new = place(self._house, corrected, self._themes.get(article.source, []))
            work.articles.place(id, article.published, new)
            if article.visibility == Visibility.VISIBLE:
                kept = retheme(work, id, old, new, now)
                work.log.append(id, Kind.UPDATED if tell else Kind.RETHEMED, kept, now)
            work.register.audit(
                now, who, "articles correct", f"article {id}: {', '.join(sorted(corrections))}"
            )
            return corrected

    def put(self, id: int, decisions: Mapping[str, bool] | None, who: str, *, tell: bool) -> set[str]:
        """Decide about themes: in, or kept out; None takes all decisions back. Gives where it then is.

        With ``tell`` it is new to readers of the themes that it reaches by this.
        """
        with self._start() as work:
            now, article = self._clock(), self._article(work, id)
            editor = {} if decisions is None else {**article.editor, **decisions}
            work.articles.decide(id, editor)
            article = article.model_copy(update={"editor": editor})
            old = work.articles.themes([id])[id]
            new = place(self._house, article, self._themes.get(article.source, []))
            work.articles.place(id, article.published, new)
            if article.visibility == Visibility.VISIBLE:
                reached = new.keys() - old.keys()
                if tell and reached:
                    work.log.append(id, Kind.NEW, reached, now)
                    if lost := old.keys() - new.keys():
                        work.log.append(id, Kind.RETHEMED, lost, now)
                else:
                    retheme(work, id, old, new, now)
                if (kept := old.keys() & new.keys()) and are_others_named(old, new):
                    work.log.append(id, Kind.RETHEMED, kept, now)
            told = ", ".join(f"{'+' if belongs else '-'}{slug}" for slug, belongs in editor.items())
            work.register.audit(now, who, "articles retheme", f"article {id}: {told or 'by the rules'}")
            return set(new)

    def merge(self, id: int, into: int, who: str) -> None:
        """Two articles are one: the first goes out, and its source's names for it mean the second."""
        if id == into:
            raise EditingError("an article can't be merged into itself; name two")
        with self._start() as work:
            now, article = self._clock(), self._article(work, id)
            if self._article(work, into).kept_out:
                raise EditingError(
                    f"article {into} is kept out, so neither would be left; "
                    f"'kennisportal articles release {into}' first, or merge it into another"
                )
            work.articles.rename(id, into)
            was_out = article.visibility == Visibility.VISIBLE
            work.articles.revise(
                id, article.model_copy(update={"visibility": Visibility.WITHDRAWN, "kept_out": True})
            )
            if was_out:
                work.log.append(id, Kind.WITHDRAWN, work.articles.themes([id])[id], now)
            work.register.audit(now, who, "articles merge", f"article {id} into {into}")

    def split(self, id: int, who: str) -> int:
        """What its source shows under an article now is another one: it becomes that, as new; gives its id.

        The article itself goes out, and keeps its permanent id and its earlier addresses.
        """
        with self._start() as work:
            now, article = self._clock(), self._article(work, id)
            if article.visibility == Visibility.WITHDRAWN:
                raise EditingError(f"article {id} is not out, so there is nothing to split off")
            today = now.astimezone(self._house.zone).date()
            fresh = article.model_copy(
                update={
                    "uri": tag_uri(self._house.host, today, article.source, article.uri, "split"),
                    "published": now,
                    "updated": now,
                    "revision": 1,
                    "change": "",
                    "versions": [],
                }
            )
            places = work.articles.themes([id])[id]
            if work.articles.look_up(fresh.uri) is not None:
                raise EditingError(f"article {id} was split today already; its other half is another article")
            (other,) = work.articles.add([(fresh, places)])
            earlier = work.articles.names(id) - {address_alias(article.url)}
            moved = {name for name in earlier if not name.startswith("url:")} | {address_alias(article.url)}
            work.articles.rename(id, other, moved)
            work.articles.revise(
                id, article.model_copy(update={"visibility": Visibility.WITHDRAWN, "kept_out": True})
            )
            if article.visibility == Visibility.VISIBLE:
                work.log.append(id, Kind.WITHDRAWN, places, now)
                work.log.append(other, Kind.NEW, places, now)
            work.register.audit(now, who, "articles split", f"article {id}: {other}")
            return other

    def _article(self, work: CollectWork, id: int) -> Article:
        return work.articles.get([id])[id]
