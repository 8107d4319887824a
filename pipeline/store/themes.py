"""Themes under their slugs, wherever these stand: with readers, articles, the log and what is planned."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from pipeline.store.tables import (
    ArticleRow,
    ArticleTheme,
    DeliveryRow,
    FeedArchive,
    FeedCursor,
    InterestSet,
    LogRow,
    LogTheme,
    Segment,
    SignUpRow,
    SubscriberRow,
)
from subscribers.delivery import REPLACEABLE, DeliveryState
from subscribers.edition import Cancel
from subscribers.interest import set_key
from subscribers.subscriber import LEFT

_BATCH = 500
_entry = LogRow.__table__  # type: ignore[attr-defined]
_log = LogTheme.__table__  # type: ignore[attr-defined]
_place = ArticleTheme.__table__  # type: ignore[attr-defined]


class Themes:
    """The themes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def followers(self, slug: str) -> tuple[int, int]:
        """How many readers who are not gone follow a theme, and how many of them follow nothing else."""
        stay = col(SubscriberRow.state).not_in(LEFT)
        following = select(func.count()).select_from(SubscriberRow).where(stay, self._follow(slug))
        alone = select(InterestSet.id).where(InterestSet.key == set_key([slug]))
        only = (
            select(func.count())
            .select_from(SubscriberRow)
            .where(stay, col(SubscriberRow.interest_set_id).in_(alone))
        )
        return self._session.exec(following).one(), self._session.exec(only).one()

    def planned(self, slug: str) -> int:
        """How many mails are planned for readers who follow a theme."""
        return self._session.exec(
            select(func.count()).select_from(DeliveryRow).where(*self._planned_for(slug))
        ).one()

    def cancel_planned(self, slug: str, at: datetime) -> int:
        """Cancel those mails; what they hold is still due, by the new choice of themes."""
        result = self._session.execute(
            sa.update(DeliveryRow)
            .where(*self._planned_for(slug))
            .values(state=DeliveryState.CANCELLED, reason=str(Cancel.CHANGED), changed_at=at)
        )
        return int(result.rowcount)  # type: ignore[attr-defined]

    def follow_instead(self, slug: str, others: Collection[str]) -> None:
        """Let everybody who follows a theme follow these instead, beside what they follow already."""
        # A slug has no character that JSON would write differently.
        for one in self._session.exec(select(InterestSet).where(self._names(slug))).all():
            chosen = sorted({*one.themes, *others} - {slug})
            key = set_key(chosen)
            same = self._session.exec(select(InterestSet).where(InterestSet.key == key)).first()
            if same is None:
                one.themes, one.key = chosen, key
                self._session.add(one)
            else:
                self._session.execute(
                    sa.update(SubscriberRow)
                    .where(col(SubscriberRow.interest_set_id) == one.id)
                    .values(interest_set_id=same.id)
                )
                self._session.delete(one)
            self._session.flush()
        for signup in self._session.exec(select(SignUpRow).where(col(SignUpRow.interests).contains(slug))):
            asked = signup.interests.split(";")
            if slug in asked:
                signup.interests = ";".join(sorted({*asked, *others} - {slug}))
                self._session.add(signup)

    def log_under(self, slug: str, other: str, *, placed: bool = False) -> None:
        """Let all news of a theme be news of another too; with ``placed``, where the article is in it now.

        Its archives are stretches of its news, so they are made anew, with what came in between.
        """
        there = sa.select(_log.c.position).where(_log.c.theme == other)
        query = sa.select(sa.literal(other), _log.c.position).where(
            _log.c.theme == slug, _log.c.position.not_in(there)
        )
        if placed:
            inside = sa.select(_entry.c.position).join(_place, _place.c.article_id == _entry.c.article_id)
            query = query.where(_log.c.position.in_(inside.where(_place.c.theme == other)))
        self._session.execute(sa.insert(_log).from_select(["theme", "position"], query))
        for table in (FeedArchive, FeedCursor):
            self._session.execute(sa.delete(table).where(col(table.theme) == other))

    def place_in(self, slug: str, other: str) -> None:
        """Put every article of a theme in another too, as strongly and for the same reasons."""
        there = sa.select(_place.c.article_id).where(_place.c.theme == other)
        columns = [sa.literal(other) if column.name == "theme" else column for column in _place.c]
        query = sa.select(*columns).where(_place.c.theme == slug, _place.c.article_id.not_in(there))
        names = [column.name for column in _place.c]
        self._session.execute(sa.insert(_place).from_select(names, query))

    def forget(self, slug: str) -> None:
        """No article is in a theme any more, and no news is news of it."""
        for table in (_place, _log):
            self._session.execute(sa.delete(table).where(table.c.theme == slug))

    def decide_instead(self, slug: str, other: str) -> None:
        """What editors decided about a theme holds for another."""
        rows = self._session.execute(
            sa.select(col(ArticleRow.id), col(ArticleRow.editor)).where(
                sa.cast(col(ArticleRow.editor), sa.Text).contains(f'"{slug}"')
            )
        ).all()
        for id, editor in rows:
            decided = {other if theme == slug else theme: belongs for theme, belongs in editor.items()}
            self._session.execute(
                sa.update(ArticleRow).where(col(ArticleRow.id) == id).values(editor=decided)
            )

    def show_as(self, slug: str, other: str) -> None:
        """Let editions that were planned, and those that were sent, name another theme for this one."""
        rows = self._session.execute(
            sa.select(col(Segment.id), col(Segment.items)).where(
                sa.cast(col(Segment.items), sa.Text).contains(f'"{slug}"')
            )
        )

        def renamed(theme: Any) -> Any:
            return other if theme == slug else theme

        for batch in _batches(rows):
            for id, items in batch:
                changed = [
                    [article, kind, renamed(theme), [renamed(one) for one in also]]
                    for article, kind, theme, also in items
                ]
                self._session.execute(sa.update(Segment).where(col(Segment.id) == id).values(items=changed))

    @staticmethod
    def _names(slug: str) -> sa.ColumnElement[bool]:
        """Whether a choice of themes has this one."""
        return sa.cast(col(InterestSet.themes), sa.Text).contains(f'"{slug}"')

    def _follow(self, slug: str) -> sa.ColumnElement[bool]:
        return col(SubscriberRow.interest_set_id).in_(sa.select(col(InterestSet.id)).where(self._names(slug)))

    def _planned_for(self, slug: str) -> list[sa.ColumnElement[bool]]:
        readers = sa.select(col(SubscriberRow.id)).where(self._follow(slug))
        return [col(DeliveryRow.subscriber_id).in_(readers), col(DeliveryRow.state).in_(REPLACEABLE)]


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(rows)
    while batch := list(islice(rest, _BATCH)):
        yield batch
