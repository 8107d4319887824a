import asyncio
import os
from pathlib import Path

import pytest

from feeds.source import FolderRequest, Payload, SourceError
from pipeline.edges.fetch import fetch
from pipeline.edges.folder import read_folder
from pipeline.edges.http import Fetcher

REQUEST = FolderRequest("artikelen", (".md", ".html"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "artikelen"
    (made / "2026").mkdir(parents=True)
    (made / "b.md").write_bytes(b"b")
    (made / "A.HTML").write_bytes(b"a")
    (made / "2026" / "c.md").write_bytes(b"c")
    (made / "notes.txt").write_bytes(b"no")
    (made / ".hidden.md").write_bytes(b"no")
    (made / ".git").mkdir()
    (made / ".git" / "x.md").write_bytes(b"no")
    return made


def test_documents_come_by_their_path_inside_the_folder(folder: Path) -> None:
    got = read_folder(REQUEST, folder.parent)
    assert got == Payload({"A.HTML": b"a", "b.md": b"b", "2026/c.md": b"c"})
    assert list(got.documents) == ["A.HTML", "b.md", "2026/c.md"]
    assert read_folder(FolderRequest(str(folder), REQUEST.suffixes), Path("/nowhere")) == got


def test_links_that_leave_the_folder_are_not_followed(folder: Path) -> None:
    (folder.parent / "secret.md").write_bytes(b"secret")
    (folder / "out.md").symlink_to(folder.parent / "secret.md")
    (folder / "outside").symlink_to(folder.parent)
    (folder / "in.md").symlink_to(folder / "b.md")
    documents = read_folder(REQUEST, folder.parent).documents
    assert documents["in.md"] == b"b"
    assert b"secret" not in documents.values()


def test_what_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "gone.md").symlink_to(folder / "nothing.md")
    (folder / "huge.md").write_bytes(bytes(5_000_001))
    os.mkfifo(folder / "pipe.md")
    Path(os.fsdecode(bytes(folder) + b"/\xff.md")).write_bytes(b"x")
    got = read_folder(REQUEST, folder.parent)
    assert len(got.documents) == 3
    problems = {problem.what: problem.why for problem in got.problems}
    assert set(problems) == {"gone.md", "huge.md", "pipe.md", "?.md"}
    assert "5 MB" in problems["huge.md"]
    assert "ordinary file" in problems["pipe.md"]
    assert "rename" in problems["?.md"]


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="create it, or correct the path"):
        read_folder(REQUEST, tmp_path)


def test_a_request_for_a_folder_is_answered_from_disk(folder: Path) -> None:
    async def main() -> object:
        async with Fetcher(contact="") as fetcher:
            return await fetch(REQUEST, fetcher, folder.parent)

    assert asyncio.run(main()) == read_folder(REQUEST, folder.parent)
