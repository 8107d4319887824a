"""Changing the themes of a config file: their owner's comments and order stay as they are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Array

from feeds.words import fold
from pipeline.edges.config import read, replace
from pipeline.edges.tomltables import parts
from pipeline.settings import ConfigError, Settings, check

_TAKEN_IN = ("keywords", "categories")


class ThemeConfig:
    """A config file with other themes, which ``replace`` puts in its place. ``settings`` is what it says.

    Raises ConfigError, as ``load`` does, where it would not be a valid config.
    """

    def __init__(self, path: Path, change: Callable[["_Themes"], None]) -> None:
        self._path = path
        themes = _Themes(path, read(path))
        change(themes)
        self._text = str(themes)
        self.settings: Settings = check(path, self._text)

    def replace(self) -> None:
        replace(self._path, self._text)


def renamed(path: Path, slug: str, new: str) -> ThemeConfig:
    """The config in which a theme has another slug, and says what it was."""

    def change(themes: "_Themes") -> None:
        theme = themes.pick(slug)
        before = dict(theme)
        theme["slug"] = new
        themes.keep_labels(theme, before)
        themes.drop(theme, "formerly", new)  # it may get a slug back that it had before
        themes.extend(theme, "formerly", [slug])
        themes.point(slug, [new])

    return ThemeConfig(path, change)


def merged(path: Path, slug: str, into: str) -> ThemeConfig:
    """The config in which a theme takes in another: its words and what they weigh, what sources call it, its
    children and addresses. What both say of a word, a threshold and exclusions are its own.
    """

    def change(themes: "_Themes") -> None:
        theme, other = themes.pick(slug), themes.pick(into)
        known = {fold(word) for word in other.get("keywords", [])}
        for key in _TAKEN_IN:
            themes.extend(other, key, theme.get(key, []))
        themes.keep_labels(other, theme)
        weights = themes.weights(slug)
        kept = {fold(word): word for word in other.get("keywords", []) if fold(word) not in known}
        themes.weigh(other, {kept[fold(w)]: weight for w, weight in weights.items() if fold(w) in kept})
        themes.extend(other, "formerly", [*theme.get("formerly", []), slug])
        if other.get("parent") == slug:
            other["parent"] = theme.get("parent", "")
        themes.remove(slug)
        themes.point(slug, [into])

    return ThemeConfig(path, change)


def without(path: Path, slug: str, instead: Sequence[str] = ()) -> ThemeConfig:
    """The config without a theme; sources that put all they have in it put it in these instead."""

    def change(themes: "_Themes") -> None:
        above = themes.pick(slug).get("parent", "")
        themes.remove(slug)
        themes.point(slug, instead, above)

    return ThemeConfig(path, change)


class _Themes:
    """The ``[[theme]]`` tables of a config, and what elsewhere in it refers to them."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._parts = parts(text)
        for name in ("theme", "source"):
            if any(isinstance(part.document.get(name), Array) for part in self._parts):
                raise ConfigError(
                    f"{path}: {name} is no list of [[{name}]] tables; write it so, and try again"
                )

    def __str__(self) -> str:
        return "".join(map(str, self._parts))

    def pick(self, slug: str) -> Any:
        for theme in self._tables("theme"):
            if theme.get("slug") == slug:
                return theme
        raise ConfigError(f"{self._path}: there is no [[theme]] with slug {slug!r}")

    def remove(self, slug: str) -> None:
        """Take out a theme and the tables within it; the comments between it and the next one stay."""
        within = False
        for part in self._parts:
            theme = part.of("theme")
            if theme is not None:
                within = theme.get("slug") == slug
            if within and part.is_about("theme"):  # also where other tables stand in between
                part.document = tomlkit.document()

    def point(self, slug: str, others: Sequence[str], above: str | None = None) -> None:
        """Let children and sources refer to these themes; children to ``above`` where it is given."""
        parent = others[0] if above is None else above
        for theme in self._tables("theme"):
            if theme.get("parent") == slug:
                theme["parent"] = parent
        for source in self._tables("source"):
            named = source.get("themes", [])
            if slug not in named:
                continue
            fresh = [theme for theme in others if theme not in named]
            if fresh:
                named[named.index(slug)] = fresh[0]
                named.extend(fresh[1:])
            self.drop(source, "themes", slug)

    def extend(self, theme: Any, key: str, values: Sequence[str]) -> None:
        """Add these to a list of a theme, each once, however it is capitalised."""
        known = theme.get(key)
        fresh = {fold(value): value for value in reversed(values)}
        for value in known or ():
            fresh.pop(fold(value), None)
        added = list(reversed(fresh.values()))
        if known is not None:
            known.extend(added)  # in its place: it may be written over several lines, with comments
        elif added:
            theme[key] = added

    def keep_labels(self, theme: Any, other: Mapping[str, Any]) -> None:
        """Let what sources put into a category by the slug or name of the other be in this one."""
        known = {fold(label) for label in (theme["slug"], theme["name"], *theme.get("categories", []))}
        labels = {fold(label): str(label) for label in (other["slug"], other["name"])}
        self.extend(theme, "categories", [label for key, label in labels.items() if key not in known])

    def weights(self, slug: str) -> Any:
        """What the keywords of a theme weigh, where that stands: in its own table, or in one within it."""
        within = False
        for part in self._parts:
            theme = part.of("theme")
            if theme is not None:
                within = theme.get("slug") == slug
            inner = theme if theme is not None else part.document.get("theme", {})
            if within and "weights" in inner:
                return inner["weights"]
        return {}

    def weigh(self, theme: Any, weights: Mapping[str, int]) -> None:
        """Say of keywords of a theme what they weigh."""
        if weights and not (known := self.weights(theme["slug"])):
            known = theme["weights"] = tomlkit.inline_table()
        for word, weight in weights.items():
            known[word] = weight

    def drop(self, table: Any, key: str, value: str) -> None:
        """Take a value out of a list of a table, where it is in it."""
        values = table.get(key, [])
        while value in values:
            values.remove(value)

    def _tables(self, name: str) -> Iterator[Any]:
        return (table for part in self._parts if (table := part.of(name)) is not None)
