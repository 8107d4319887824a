"""Articles as feeds show them: with their themes and their source's title, in one look each.

A feed has nearly the same articles from one build to the next. Their rows are read in full, as the driver
has them, and what a row says is worked out once.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Boolean, Dialect, Text, bindparam, cast, func, literal_column, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import Session

from feeds.article import Article, Visibility
from feeds.feed import KEPT, Placed
from feeds.moment import Moment
from pipeline.store.articles import batches
from pipeline.store.prepared import Prepared, reading
from pipeline.store.tables import ArticleRow, ArticleTheme, SourceState

_article: sa.Table = ArticleRow.__table__  # type: ignore[attr-defined]
_place: sa.Table = ArticleTheme.__table__  # type: ignore[attr-defined]
_source: sa.Table = SourceState.__table__  # type: ignore[attr-defined]
_inside = _place.alias()

_FIELDS = tuple(Article.model_fields)
_JSON = [name for name in _FIELDS if isinstance(_article.c[name].type, JSON)]
_MOMENTS = [name for name in _FIELDS if isinstance(_article.c[name].type, Moment)]
_FLAGS = [name for name in _FIELDS if isinstance(_article.c[name].type, Boolean)]

_IN_THEME = _place.c.theme.concat(" ").concat(cast(_place.c.score, Text))
_PLACES = sa.select(func.aggregate_strings(_IN_THEME, literal_column("','"))).where(  # type: ignore[arg-type]
    _place.c.article_id == _article.c.id
)
_SOURCE_TITLE = sa.select(_source.c.title).where(_source.c.name == _article.c.source)
_SHOWN = sa.select(
    _article.c.id,
    *(
        cast(column, Text) if isinstance(column.type, JSON) else type_coerce(column, NullType)
        for column in (_article.c[name] for name in _FIELDS)
    ),
    _PLACES.scalar_subquery(),
    _SOURCE_TITLE.scalar_subquery(),
)
_VISIBLE = _SHOWN.where(_article.c.visibility == str(Visibility.VISIBLE)).limit(bindparam("limit"))
_LATEST = Prepared(_VISIBLE.order_by(_article.c.published.desc(), _article.c.id.desc()))
_LATEST_INSIDE = Prepared(
    _VISIBLE.join(_inside, _inside.c.article_id == _article.c.id)
    .where(_inside.c.theme == bindparam("theme"))
    .order_by(_inside.c.published.desc(), _inside.c.article_id.desc())
)


class Shelf:
    """The articles of one transaction, as feeds show them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def latest(self, theme: str | None, limit: int) -> list[Placed]:
        """The visible articles of a theme (of all for None), the newest publication first."""
        asked = {"limit": limit} if theme is None else {"limit": limit, "theme": theme}
        query = _LATEST if theme is None else _LATEST_INSIDE
        return self._placed(query.rows(self._session, asked))

    def newest(self, themes: Collection[str], limit: int) -> list[Placed]:
        """The visible articles of any of these themes, the newest publication first; each once."""
        dates: dict[int, datetime] = {}
        for theme in sorted(themes):
            # A range of one index each, rather than all articles of all of them.
            rows = self._session.execute(
                sa.select(_place.c.article_id, _place.c.published)
                .join(_article, _article.c.id == _place.c.article_id)
                .where(_place.c.theme == theme, _article.c.visibility == str(Visibility.VISIBLE))
                .order_by(_place.c.published.desc(), _place.c.article_id.desc())
                .limit(limit)
            )
            dates.update((id, published) for id, published in rows)
        ids = [id for id, _ in sorted(dates.items(), key=lambda one: (one[1], one[0]), reverse=True)[:limit]]
        found = self.get(ids)
        return [found[id] for id in ids]

    def get(self, ids: Collection[int]) -> dict[int, Placed]:
        """These articles by id, in whatever state they are."""
        found: dict[int, Placed] = {}
        for batch in batches(sorted(ids)):
            rows = self._session.execute(_SHOWN.where(_article.c.id.in_(batch)))
            found.update((placed.id, placed) for placed in self._placed(map(tuple, rows)))
        return found

    def _placed(self, rows: Iterable[tuple[Any, ...]]) -> list[Placed]:
        dialect = self._session.connection().dialect
        return [_read(row, dialect) for row in rows]


@lru_cache(maxsize=KEPT)
def _read(row: tuple[Any, ...], dialect: Dialect) -> Placed:
    """What a row of ``_SHOWN`` says; the article was checked on its way in."""
    id, *fields, places, source_title = row
    values = dict(zip(_FIELDS, fields, strict=True))
    values |= {name: json.loads(values[name]) for name in _JSON}
    values |= {name: reading(dialect)(values[name]) for name in _MOMENTS}
    values |= {name: bool(values[name]) for name in _FLAGS}
    article = Article.model_construct(**values | {"visibility": Visibility(values["visibility"])})
    return Placed(id, article, _scores(places or ""), source_title or "")


def _scores(places: str) -> Mapping[str, int]:
    named = (place.split() for place in places.split(",") if place)
    return {theme: int(score) for theme, score in named}
