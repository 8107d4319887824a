"""Files stay small enough to hold in the head, and what is shipped is what stands here."""

import re
from pathlib import Path

import pytest

from pipeline.app import App
from pipeline.settings import load
from pipeline.store import schema

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(path for room in ("feeds", "subscribers", "pipeline") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_fits_in_the_head(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= 450 or file.parent.name == "versions", f"{lines} lines; split it by meaning"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_by_hash_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index-url|--extra-index|--find-links", text)
    pinned = re.findall(
        r"^[a-z0-9][\w.\[\]-]*==[^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+", text, re.MULTILINE
    )
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 20


def test_the_migrations_make_what_the_tables_declare(tmp_path: Path) -> None:
    config = tmp_path / "kennisportal.toml"
    config.write_text('[site]\nname = "P"\nbase_url = "https://p.example"\n')
    with App(load(config)) as app:
        schema.upgrade(app.database)
        assert schema.differences(app.database) == []
