"""Themes: the editorial subjects, in a tree, and the rules that put an article in them."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feeds.words import fold

EVERYTHING = "all"
"""The feed of all articles. No theme may take this slug, nor the file names beside the feeds."""

THRESHOLD = 3
"""A keyword in the title is enough; in the text alone it takes three."""

RESERVED = frozenset({EVERYTHING, "index", "manifest", "me"})


class Theme(BaseModel):
    """One ``[[theme]]`` of the config.

    ``keywords`` are words or phrases, matched by their stem, and those of ``exclude`` keep an article out;
    ``weights`` says of keywords how much they count, where that is not 1. An article is in the theme when
    its evidence adds up to ``threshold``: a keyword in the title weighs 3, in the text 1 each time and 3
    at most. ``categories`` are what sources call the same subject. Following a theme follows its children.
    ``formerly`` are slugs it had before: who asks for these is sent here.
    """

    model_config = ConfigDict(extra="forbid")

    slug: str = Field(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    name: str = Field(min_length=1, max_length=100)
    parent: str = ""
    description: str = ""
    keywords: list[str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)
    weights: dict[str, int] = Field(default_factory=dict)
    threshold: int = Field(default=THRESHOLD, ge=1, le=100)
    formerly: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _weighs_its_keywords(self) -> "Theme":
        for keyword, weight in self.weights.items():
            if keyword not in self.keywords:
                raise ValueError(f"weights: {keyword!r} is none of its keywords; add it to them")
            if not 1 <= weight <= 100:
                raise ValueError(f"weights: {keyword!r} must weigh from 1 to 100")
        return self


def left_behind(theme: Theme, into: Theme) -> list[str]:
    """What of a theme's rules does not hold in the one that takes in its words, a sentence each."""
    found = []
    if theme.threshold != into.threshold:
        found.append(
            f"{into.slug} keeps its threshold of {into.threshold}; that of {theme.slug} is {theme.threshold}."
        )
    excluded = {fold(word) for word in into.exclude}
    if fresh := [word for word in theme.exclude if fold(word) not in excluded]:
        words = ", ".join(map(repr, fresh))
        found.append(f"What {theme.slug} excludes is not excluded from {into.slug}: {words}.")
    weights = {fold(word): into.weights.get(word, 1) for word in into.keywords}
    for word in theme.keywords:
        theirs = theme.weights.get(word, 1)
        ours = weights.get(fold(word), theirs)
        if theirs != ours:
            found.append(
                f"{word!r} keeps its weight of {ours} in {into.slug}; in {theme.slug} it is {theirs}."
            )
    return found


class ThemeError(ValueError):
    """The themes of a config don't make a tree; ``slug`` names the theme at fault."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


class ThemeTree:
    """The themes in the config's order, each knowing its ancestors.

    Raises ThemeError for a repeated or reserved slug, an unknown parent, or a circle of parents.
    """

    def __init__(self, themes: Iterable[Theme]) -> None:
        self._themes: dict[str, Theme] = {}
        for theme in themes:
            if theme.slug in RESERVED:
                raise ThemeError(
                    theme.slug,
                    f"theme {theme.slug!r} is a reserved name; choose another slug",
                )
            if theme.slug in self._themes:
                raise ThemeError(theme.slug, f"theme {theme.slug!r} stands twice; remove one")
            self._themes[theme.slug] = theme
        for theme in self._themes.values():
            for slug in theme.formerly:
                if slug in self._themes:
                    raise ThemeError(
                        theme.slug, f"theme {theme.slug!r} can't formerly be {slug!r}, which is a theme"
                    )
        self._ancestors = {slug: tuple(self._climb(slug)) for slug in self._themes}
        self._ordered = tuple(self._in_tree_order())
        self._children: dict[str, list[Theme]] = {}
        for theme in self._ordered:
            self._children.setdefault(theme.parent, []).append(theme)
        self._place = {theme.slug: place for place, theme in enumerate(self._ordered)}
        self._former = {slug: theme.slug for theme in reversed(self._ordered) for slug in theme.formerly}

    def __iter__(self) -> Iterator[Theme]:
        """Parents before their children, siblings as the config has them."""
        return iter(self._ordered)

    def __contains__(self, slug: object) -> bool:
        return slug in self._themes

    def __getitem__(self, slug: str) -> Theme:
        return self._themes[slug]

    def __len__(self) -> int:
        return len(self._themes)

    def ancestors(self, slug: str) -> tuple[str, ...]:
        """The parents of a theme, nearest first."""
        return self._ancestors[slug]

    def children(self, slug: str) -> list[Theme]:
        """The themes directly below this one; those at the top for ``""``."""
        return self._children.get(slug, [])

    def place(self, slug: str) -> int:
        """Where a theme stands in tree order; one that is no longer in the config stands last."""
        return self._place.get(slug, len(self._place))

    def current(self, slug: str) -> str:
        """The slug of the theme that had this one before; any other slug comes back as it is."""
        return self._former.get(slug, slug)

    def name(self, slug: str) -> str:
        """The theme's name; its slug where the config no longer has it."""
        return self._themes[slug].name if slug in self._themes else slug

    def _climb(self, slug: str) -> Iterator[str]:
        seen = {slug}
        while parent := self._themes[slug].parent:
            if parent not in self._themes:
                raise ThemeError(slug, f"theme {slug!r} has the parent {parent!r}, which is no theme")
            if parent in seen:
                raise ThemeError(slug, f"theme {slug!r} is its own ancestor; change a parent")
            seen.add(parent)
            yield parent
            slug = parent

    def _in_tree_order(self) -> Iterator[Theme]:
        def below(parent: str) -> Iterator[Theme]:
            for theme in self._themes.values():
                if theme.parent == parent:
                    yield theme
                    yield from below(theme.slug)

        return below("")
