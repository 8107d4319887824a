"""Changing the config file for its owner: their comments and their order stay as they are."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT

from feeds.theme import Theme
from pipeline.edges.owner import keep_owner
from pipeline.settings import ConfigError, Settings, load

_HEADER = re.compile(r"\s*\[\[\s*([\w-]+)\s*\]\]\s*(?:#.*)?|\s*\[([\w.\"' -]+)\]\s*(?:#.*)?")
"""The line that begins a table; the name of one of several is its first group."""


def add_tables(path: Path, name: str, tables: Sequence[Mapping[str, Any]]) -> Settings:
    """Add ``[[name]]`` tables after the last there is; gives the settings as they are then.

    Raises ConfigError, and changes nothing, where the file would not be a valid config.
    """
    text = read(path)
    said = tomllib.loads(text)
    lines = text.splitlines(keepends=True)
    place = _after_last(lines, name)
    if place is None and name in said:
        raise ConfigError(f"{path}: {name} is no list of [[{name}]] tables; write it so, and try again")
    wanted = {**said, name: [*said.get(name, []), *tables]}
    added = tomlkit.dumps(tomlkit.document().append(name, _tables(tables))).strip()
    for there in (place, len(lines)):
        if there is not None and _says(whole := _inserted(lines, there, added), wanted):
            return replace(path, whole)
    raise ConfigError(f"{path}: there is no place in it for [[{name}]]; add it by hand:\n\n{added}")


def _after_last(lines: Sequence[str], name: str) -> int | None:
    """Where the last table of this name ends, with the comment that follows its keys; None without one.

    What stands apart from it is about something else, such as a heading over what comes next.
    """
    place, within = None, False
    for number, line in enumerate(lines):
        if header := _HEADER.fullmatch(line.rstrip()):
            within = header[1] == name
        if within and line.strip() and (place == number or not line.lstrip().startswith("#")):
            place = number + 1
    return place


def _inserted(lines: Sequence[str], place: int, added: str) -> str:
    """The lines with a text between them, and an empty line on both sides of it."""
    before, after = "".join(lines[:place]), "".join(lines[place:])
    apart = "\n" if after.strip() and not after.startswith("\n") else ""
    return f"{before.rstrip()}\n\n{added}\n{apart}{after}"


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def proposal(starter: str, title: str, sources: Sequence[Mapping[str, Any]], themes: Sequence[Theme]) -> str:
    """The starter config with another name, sources and, if there are any, themes."""
    document = tomlkit.parse(starter)
    document["site"]["name"] = title
    document["source"] = _tables(sources)
    if themes:
        document["theme"] = _tables(
            [{"slug": theme.slug, "name": theme.name, "categories": theme.categories} for theme in themes]
        )
    return tomlkit.dumps(document)


def _tables(values: Sequence[Mapping[str, Any]]) -> AoT:
    places = tomlkit.aot()
    for one in values:
        table = tomlkit.table()
        for key, value in one.items():
            table.add(key, value)
        table.add(tomlkit.nl())
        places.append(table)
    return places


def read(path: Path) -> str:
    """What a config file holds, its last line ended so that others can follow. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: the config can't be read: {error.strerror}") from None
    return text if text.endswith("\n") else f"{text}\n"


def replace(path: Path, text: str) -> Settings:
    """Put a new config in the place of the old one, once it has shown to be valid."""
    place = path.resolve()  # where a link leads
    fresh = place.with_name(f".{path.name}.new")
    try:
        ends = "\r\n" if b"\r\n" in place.read_bytes() else "\n"
        fresh.write_text(text, encoding="utf-8", newline=ends)
        keep_owner(fresh, place.stat())
        settings = load(fresh)
        fresh.replace(place)
    except ConfigError as error:
        raise ConfigError(str(error).replace(str(fresh), str(path))) from None
    finally:
        fresh.unlink(missing_ok=True)
    return settings
