"""``feeds/`` and ``subscribers/`` decide; they look at no clock, open nothing and keep no connection.

What import rules can't see is looked for here: single names of modules that are otherwise fine, under
whatever name they are imported, and methods that read or write wherever they hang.

One exception: pages and letters call ``get_template``, which reads a file. The Jinja environment is
handed to them, and it alone knows where templates come from.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = sorted([*(ROOT / "feeds").rglob("*.py"), *(ROOT / "subscribers").rglob("*.py")])

CALLS = {"open", "input", "print", "exec", "eval", "__import__"}
ATTRIBUTES = {
    "now", "today", "utcnow",
    "read_text", "write_text", "read_bytes", "write_bytes",
    "environ", "getenv",
    "get_template",
}  # fmt: skip
NAMES = {
    "builtins",
    "io.open",
    "importlib.import_module",
    "os",
    "random",
    "secrets",
    "uuid",
    "tempfile",
    "time",
    "sqlalchemy.orm",
    "sqlmodel.Session",
    "sqlmodel.create_engine",
}
"""Modules, and names of modules, that are not to be had under any name; nor is anything in them."""

ALLOWED = {
    ROOT / "feeds" / "page.py": {"get_template"},
    ROOT / "subscribers" / "notice.py": {"get_template"},
    ROOT / "subscribers" / "piece.py": {"get_template"},
}


def impurities(source: str) -> set[str]:
    """What the source takes from the world, each under its full name."""
    tree = ast.parse(source)
    known = dict(imported(tree))
    found = {name for _, name in imported(tree) if forbidden(name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = full_name(node, known)
            found |= {name} if forbidden(name) else {node.attr} & ATTRIBUTES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found |= {known.get(node.func.id, node.func.id)} & CALLS
    return found


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that imports make, with what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}"


def full_name(node: ast.expr, known: dict[str, str]) -> str:
    """The dotted name of an expression, imports resolved; ``?`` for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, known)}.{node.attr}"
    return known.get(node.id, node.id) if isinstance(node, ast.Name) else "?"


def forbidden(name: str) -> bool:
    """Whether it is one of the names, or something in one of them."""
    return any(name == one or name.startswith(f"{one}.") for one in NAMES)


@pytest.mark.parametrize("file", PURE, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_pure_room_asks_the_world_for_nothing(file: Path) -> None:
    assert impurities(file.read_text(encoding="utf-8")) - ALLOWED.get(file, set()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "from io import open as look; look('x')",
        "import io as i; i.open('x')",
        "datetime.now(UTC)",
        "from datetime import datetime as d; d.now()",
        "import datetime as dt; dt.date.today()",
        "from datetime import datetime; clock = datetime.utcnow",
        "from time import time as clock",
        "Path('x').read_text()",
        "Path('x').with_name('y').write_bytes(b'')",
        "here.read_bytes()",
        "here.write_text('x')",
        "import os; os.environ['X']",
        "from os import environ as e",
        "import os as o; o.getenv('X')",
        "import random",
        "import random as r",
        "from random import choice",
        "from sqlmodel import Session",
        "from sqlmodel import Session as S",
        "import sqlmodel as s; s.Session()",
        "import sqlmodel; sqlmodel.create_engine('x')",
        "import sqlalchemy.orm",
        "from sqlalchemy import orm",
        "environment.get_template('x')",
    ],
)
def test_the_check_sees_what_it_looks_for(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize(
    "source",
    [
        "def now(opened): return opened",
        "from datetime import datetime; datetime(2026, 1, 1)",
        "from sqlmodel import Field; Field()",
        "reopen('x'); pattern.match('x')",
        "import timeless; from feeds.random_things import ostrich",
    ],
)
def test_the_check_lets_be_what_is_harmless(source: str) -> None:
    assert impurities(source) == set()
