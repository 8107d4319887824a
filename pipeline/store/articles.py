"""Articles, the names they are known by, and their places in themes."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import TypeVar

from sqlalchemy import bindparam, delete, update
from sqlmodel import Session, col, func, select

from feeds.article import Article, Visibility
from feeds.classify import Placement
from feeds.identity import address_alias
from pipeline.store.ids import reserve
from pipeline.store.insertion import Insertion
from pipeline.store.prepared import Prepared
from pipeline.store.tables import ArticleAlias, ArticleRow, ArticleTheme
from subscribers.digest import Facts

_BATCH = 500
_HABIT = 12  # articles by which to know how often a source has news
_FIELDS = tuple(Article.model_fields)
_FIND = "SELECT alias, article_id FROM article_alias WHERE alias {}"
_article_table = ArticleRow.__table__  # type: ignore[attr-defined]
_OTHERS = ("visibility", "categories", "versions", "editor", "enclosures", "corrections")
_AS_THEY_ARE = tuple(name for name in _FIELDS if name not in _OTHERS)
_INSERT_ARTICLE = Insertion(_article_table, (*_AS_THEY_ARE, *_OTHERS, "id"))
_INSERT_ALIAS = Insertion(ArticleAlias.__table__, ("alias", "article_id"))  # type: ignore[attr-defined]
_INSERT_PLACE = Insertion(
    ArticleTheme.__table__,  # type: ignore[attr-defined]
    ("article_id", "theme", "score", "evidence", "published"),
)
_LATELY = Prepared(
    select(ArticleTheme.theme, func.count())
    .join(ArticleRow, col(ArticleRow.id) == ArticleTheme.article_id)
    .where(ArticleRow.visibility == str(Visibility.VISIBLE), col(ArticleRow.published) > bindparam("since"))
    .group_by(ArticleTheme.theme)
)

T = TypeVar("T")


class Articles:
    """The articles of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, int | None] = {}
        """The aliases that were looked up, or given, in this transaction."""

    def find(self, aliases: Collection[str]) -> dict[str, int]:
        """Which of these aliases are known, and the article each one means."""
        known = self._known
        if unasked := [alias for alias in aliases if alias not in known]:
            known.update(dict.fromkeys(unasked))
            known.update(self._find(sorted(unasked)))
        return {alias: id for alias in aliases if (id := known[alias]) is not None}

    def _find(self, names: Sequence[str]) -> dict[str, int]:
        connection = self._session.connection()
        if connection.dialect.name == "postgresql":
            rows = connection.exec_driver_sql(_FIND.format("= ANY(%s)"), (names,))
        else:
            among = "IN (SELECT value FROM json_each(?))"
            rows = connection.exec_driver_sql(_FIND.format(among), (json.dumps(names),))
        return {name: id for name, id in rows}  # noqa: C416  (dict() takes no rows that mypy knows)

    def get(self, ids: Collection[int]) -> dict[int, Article]:
        """These articles by id, in whatever state they are."""
        found: dict[int, Article] = {}
        for batch in batches(sorted(ids)):
            rows = self._session.exec(select(ArticleRow).where(col(ArticleRow.id).in_(batch)))
            found.update({row.id: _article(row) for row in rows if row.id is not None})
        return found

    def facts(self, ids: Collection[int]) -> tuple[dict[int, Facts], set[int]]:
        """What composing needs of these articles, and which of them are not visible."""
        facts: dict[int, Facts] = {}
        hidden: set[int] = set()
        for batch in batches(sorted(ids)):
            scores = self.scores(batch)
            for id, published, visibility, pinned in self._session.exec(
                select(ArticleRow.id, ArticleRow.published, ArticleRow.visibility, ArticleRow.pinned).where(
                    col(ArticleRow.id).in_(batch)
                )
            ):
                if id is not None:
                    facts[id] = Facts(published, scores[id], pinned)
                    if visibility != Visibility.VISIBLE:
                        hidden.add(id)
        return facts, hidden

    def of_source(self, source: str) -> dict[int, Visibility]:
        """Every article that a source speaks for and has not withdrawn."""
        rows = self._session.exec(
            select(ArticleRow.id, ArticleRow.visibility).where(
                ArticleRow.source == source,
                ArticleRow.visibility != Visibility.WITHDRAWN,
            )
        )
        return {id: Visibility(visibility) for id, visibility in rows if id is not None}

    def recent(self, source: str) -> list[datetime]:
        """When the last articles of a source were published, the newest first."""
        query = select(ArticleRow.published).where(ArticleRow.source == source)
        return list(self._session.exec(query.order_by(col(ArticleRow.published).desc()).limit(_HABIT)))

    def released(self, now: datetime) -> list[int]:
        """Embargoed articles whose moment has come, the oldest first."""
        rows = self._session.exec(
            select(ArticleRow.id)
            .where(
                ArticleRow.visibility == Visibility.WAITING,
                col(ArticleRow.published) <= now,
            )
            .order_by(col(ArticleRow.published), col(ArticleRow.id))
        )
        return [id for id in rows if id is not None]

    def add(self, found: Sequence[tuple[Article, Mapping[str, Placement]]]) -> list[int]:
        """Store new articles, each in its themes; gives their ids, in that order."""
        if not found:
            return []
        ids = reserve(self._session, _article_table, len(found))
        _INSERT_ARTICLE.run(
            self._session,
            [
                (*_as_they_are(article), *map(_plain, _others(article)), id)
                for id, (article, _) in zip(ids, found, strict=True)
            ],
        )
        _INSERT_PLACE.run(
            self._session,
            [
                (id, theme, placement.score, _as_json(placement.evidence), article.published)
                for id, (article, placements) in zip(ids, found, strict=True)
                for theme, placement in placements.items()
            ],
        )
        return ids

    def revise(self, id: int, article: Article) -> None:
        """Replace everything but the article's identity and what an editor decided about it."""
        values = article.model_dump(exclude={"uri", "source", "pinned", "editor"})
        self._session.exec(update(ArticleRow).where(col(ArticleRow.id) == id).values(**values))

    def adopt(self, id: int, source: str) -> None:
        """Have another source speak for an article."""
        self._session.exec(update(ArticleRow).where(col(ArticleRow.id) == id).values(source=source))

    def show(self, id: int, visibility: Visibility) -> None:
        self._session.exec(update(ArticleRow).where(col(ArticleRow.id) == id).values(visibility=visibility))

    def pin(self, id: int, pinned: bool) -> None:
        """Put an article first in digests from now on, or no longer."""
        self._session.exec(update(ArticleRow).where(col(ArticleRow.id) == id).values(pinned=pinned))

    def decide(self, id: int, editor: Mapping[str, bool]) -> None:
        """What an editor decided about an article's themes."""
        self._session.exec(update(ArticleRow).where(col(ArticleRow.id) == id).values(editor=dict(editor)))

    def names(self, id: int) -> set[str]:
        """The names under which an article is known."""
        return set(self._session.exec(select(ArticleAlias.alias).where(ArticleAlias.article_id == id)))

    def rename(self, id: int, other: int, names: Collection[str] | None = None) -> None:
        """Let these names of an article mean another one from now on; all of them where none are given."""
        change = update(ArticleAlias).where(col(ArticleAlias.article_id) == id).values(article_id=other)
        if names is not None:
            change = change.where(col(ArticleAlias.alias).in_(sorted(names)))
        self._session.exec(change)
        self._known.clear()

    def know_as(self, names: Mapping[str, int]) -> None:
        """Let articles be found under these names too, none of which may be known already."""
        _INSERT_ALIAS.run(self._session, list(names.items()))
        self._known.update(names)

    def themes(self, ids: Collection[int]) -> dict[int, dict[str, Placement]]:
        """The places of these articles by theme slug, ancestors included."""
        places: dict[int, dict[str, Placement]] = {id: {} for id in ids}
        for batch in batches(sorted(ids)):
            rows = self._session.exec(select(ArticleTheme).where(col(ArticleTheme.article_id).in_(batch)))
            for row in rows:
                places[row.article_id][row.theme] = Placement(row.score, tuple(row.evidence))
        return places

    def scores(self, ids: Collection[int]) -> dict[int, dict[str, int]]:
        """How strongly these articles are in their themes, by theme slug; 0 for one they are only below."""
        scores: dict[int, dict[str, int]] = {id: {} for id in ids}
        for batch in batches(sorted(ids)):
            rows = self._session.exec(
                select(ArticleTheme.article_id, ArticleTheme.theme, ArticleTheme.score).where(
                    col(ArticleTheme.article_id).in_(batch)
                )
            )
            for article, theme, score in rows:
                scores[article][theme] = score
        return scores

    def place(self, id: int, published: datetime, placements: Mapping[str, Placement]) -> None:
        """Put an article in exactly these themes."""
        self._session.exec(delete(ArticleTheme).where(col(ArticleTheme.article_id) == id))
        _INSERT_PLACE.run(
            self._session,
            [
                (id, theme, placement.score, _as_json(placement.evidence), published)
                for theme, placement in placements.items()
            ],
        )

    def latest(self, theme: str | None, limit: int) -> list[tuple[int, Article]]:
        """The visible articles of a theme (of all for None), the newest publication first."""
        query = select(ArticleRow).where(ArticleRow.visibility == Visibility.VISIBLE)
        if theme is None:
            query = query.order_by(col(ArticleRow.published).desc(), col(ArticleRow.id).desc())
        else:
            query = (
                query.join(ArticleTheme, col(ArticleTheme.article_id) == ArticleRow.id)
                .where(ArticleTheme.theme == theme)
                .order_by(
                    col(ArticleTheme.published).desc(),
                    col(ArticleTheme.article_id).desc(),
                )
            )
        rows = self._session.exec(query.limit(limit))
        return [(row.id, _article(row)) for row in rows if row.id is not None]

    def count(self) -> dict[str, int]:
        """How many visible articles each theme holds."""
        rows = self._session.exec(
            select(ArticleTheme.theme, func.count())
            .join(ArticleRow, col(ArticleRow.id) == ArticleTheme.article_id)
            .where(ArticleRow.visibility == Visibility.VISIBLE)
            .group_by(ArticleTheme.theme)
        )
        return dict(rows.all())

    def lately(self, since: datetime) -> dict[str, int]:
        """How many visible articles that were published after a moment each theme holds."""
        return dict(_LATELY.rows(self._session, {"since": since}))

    def look_up(self, text: str) -> int | None:
        """The article somebody means: by its number, its ``tag:`` id, or any address it is known at."""
        if text.isascii() and text.isdigit() and len(text) < 19:
            return self._session.exec(select(ArticleRow.id).where(ArticleRow.id == int(text))).first()
        if text.startswith("tag:"):
            return self._session.exec(select(ArticleRow.id).where(ArticleRow.uri == text)).first()
        return next(iter(self.find([address_alias(text)]).values()), None)

    def all_ids(self) -> Iterator[Sequence[int]]:
        """Every article's id, in batches, so that memory does not grow with the archive."""
        last = 0
        while True:
            rows = self._session.exec(
                select(ArticleRow.id)
                .where(col(ArticleRow.id) > last)
                .order_by(col(ArticleRow.id))
                .limit(_BATCH)
            ).all()
            batch = [id for id in rows if id is not None]
            if not batch:
                return
            yield batch
            last = batch[-1]


_as_they_are = attrgetter(*_AS_THEY_ARE)
_others = attrgetter(*_OTHERS)


def _plain(value: object) -> object:
    """A list or dictionary as JSON, which nearly always is an empty one, and an enumeration as its word."""
    if isinstance(value, Visibility):
        return value.value
    return json.dumps(value) if value else "[]" if isinstance(value, list) else "{}"


@lru_cache(maxsize=5_000)
def _as_json(evidence: tuple[str, ...]) -> str:
    """The same few reasons put most articles where they are."""
    return json.dumps(evidence)


def _article(row: ArticleRow) -> Article:
    """A row as the value it was stored from; it was checked on its way in."""
    values = {name: getattr(row, name) for name in _FIELDS}
    return Article.model_construct(**values | {"visibility": Visibility(row.visibility)})


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices small enough for one statement's parameters."""
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
