"""Processes that journeys need: a mail server that keeps a record, and senders that can be killed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[1] / "support"


class Recorder:
    """What the mail server has taken: a recipient and a Message-ID a line."""

    def __init__(self, file: Path, port: int) -> None:
        self._file = file
        self.port = port

    @property
    def size(self) -> int:
        return self._file.stat().st_size

    def taken(self) -> list[tuple[str, str]]:
        lines = self._file.read_text().splitlines()
        return [(recipient, id) for recipient, id in (line.split() for line in lines)]


@pytest.fixture
def recorder(portal, tmp_path: Path) -> Iterator[Recorder]:
    file = tmp_path / "record"
    command = [sys.executable, str(SUPPORT / "recorder.py"), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        text = portal.config.read_text()
        portal.config.write_text(text.replace("maildir://mail", f"smtp://127.0.0.1:{port}"))
        try:
            yield Recorder(file, port)
        finally:
            process.kill()


class Lives:
    """Runs a command in one process after another, all of which can be killed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def begin(self, *words: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def end(self) -> int:
        """Waits until the process is gone; gives its exit code."""
        return int(self._line().split()[1])

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _lives() -> Iterator[Lives]:
    command = [sys.executable, str(SUPPORT / "lives.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield Lives(process)
        process.kill()


lives = pytest.fixture(_lives, name="lives")
other_lives = pytest.fixture(_lives, name="other_lives")
