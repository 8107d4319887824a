"""The web edition: a segment's digest as a page, with nothing left out and nothing personal on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from feeds.article import Article, Visibility
from feeds.log import Kind
from feeds.theme import ThemeTree
from subscribers.digest import Digest


@dataclass(frozen=True, slots=True)
class WebItem:
    """One article; ``article`` is None where it has been withdrawn. ``also`` are names of themes."""

    article: Article | None
    updated: bool
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WebSection:
    """The items of one theme, under its name. ``left`` counts those that can still be read."""

    theme: str
    anchor: str
    items: tuple[WebItem, ...]

    @property
    def left(self) -> int:
        return sum(item.article is not None for item in self.items)


def anchor(theme: str) -> str:
    """The id of a theme's section on the page, which mails link to."""
    return f"theme-{theme}"


def web_sections(digest: Digest, articles: Mapping[int, Article], tree: ThemeTree) -> list[WebSection]:
    """The digest as it was planned, whatever the themes are now; ``articles`` holds all of it."""
    sections: dict[str, list[WebItem]] = {}
    for item in digest:
        article = articles[item.article]
        sections.setdefault(item.theme, []).append(
            WebItem(
                article if article.visibility == Visibility.VISIBLE else None,
                item.kind is Kind.UPDATED,
                tuple(tree.name(slug) for slug in item.also),
            )
        )
    return [WebSection(tree.name(theme), anchor(theme), tuple(items)) for theme, items in sections.items()]
