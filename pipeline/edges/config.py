"""Changing the config file for its owner: their comments and their order stay as they are."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT

from feeds.theme import Theme
from pipeline.edges.owner import keep_owner
from pipeline.edges.tomltables import parts
from pipeline.settings import ConfigError, Settings, load


def add_tables(path: Path, name: str, tables: Sequence[Mapping[str, Any]]) -> Settings:
    """Add ``[[name]]`` tables after the last there is; gives the settings as they are then.

    Raises ConfigError, and changes nothing, where the file would not be a valid config.
    """
    text = read(path)
    added = tomlkit.dumps(tomlkit.document().append(name, _tables(tables))).strip()
    found = parts(text)
    last = None
    for part in found:
        if part.of(name) is not None or (last is not None and part.is_about(name)):
            last = part
    if last is not None:
        apart = "\n" if last.behind and not last.behind.startswith("\n") else ""
        last.behind = f"\n{added}\n{apart}{last.behind}"
        return replace(path, "".join(map(str, found)))
    if name in tomllib.loads(text):
        raise ConfigError(f"{path}: {name} is no list of [[{name}]] tables; write it so, and try again")
    return replace(path, f"{text.rstrip()}\n\n{added}\n")


def proposal(
    starter: str,
    title: str,
    sources: Sequence[Mapping[str, Any]],
    themes: Sequence[Theme],
    allow_hosts: Sequence[str],
) -> str:
    """The starter config with another name, sources, hosts to allow and, if there are any, themes."""
    document = tomlkit.parse(starter)
    document["site"]["name"] = title
    document["collect"]["allow_hosts"].extend(allow_hosts)
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
    except OSError as error:
        why = f"the config can't be written: {error.strerror}; mend that, and do it again"
        raise ConfigError(f"{path}: {why}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return settings
