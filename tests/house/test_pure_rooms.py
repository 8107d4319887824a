"""``feeds/`` and ``subscribers/`` decide; they look at no clock, open nothing and keep no connection.

What import rules can't see is looked for here: single names of modules that are otherwise fine.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = sorted([*(ROOT / "feeds").rglob("*.py"), *(ROOT / "subscribers").rglob("*.py")])

CALLS = {
    "open",
    "input",
    "print",
    "exec",
    "eval",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
}
IMPORTS = {
    "random",
    "secrets",
    "uuid",
    "tempfile",
    "sqlalchemy.orm",
    "sqlmodel.Session",
    "sqlmodel.create_engine",
}


def impurities(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & CALLS
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & IMPORTS
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= ({module} | {f"{module}.{alias.name}" for alias in node.names}) & IMPORTS
    return found


@pytest.mark.parametrize("file", PURE, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_pure_room_asks_the_world_for_nothing(file: Path) -> None:
    assert impurities(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "datetime.now(UTC)",
        "import random",
        "from sqlmodel import Session",
        "import sqlalchemy.orm",
    ],
)
def test_the_check_sees_what_it_looks_for(source: str) -> None:
    assert impurities(source)
