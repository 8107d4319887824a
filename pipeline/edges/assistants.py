"""Processes that help with one task, for as long as the one that began it lives and wants them to."""

import json
import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

_PATIENCE = 10.0
"""Seconds in which they stop once they are told to."""


class Assistants:
    """Runs these commands, until the ``with`` block ends.

    Each is told to stop by the end of its standard input, which also comes when this process dies. What
    each last said, a line of JSON on its standard output, is in ``told``.
    """

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._commands = commands
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []
        self.told: dict[int, Any] = {}

    def __enter__(self) -> "Assistants":
        for number, command in enumerate(self._commands):
            process = subprocess.Popen(  # noqa: S603  (the words are ours)
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._processes.append(process)
            self._readers.append(threading.Thread(target=self._listen, args=[number, process], daemon=True))
            self._readers[-1].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.dismiss()
        for process in self._processes:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join()
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.close()

    def dismiss(self) -> None:
        """Tell them to stop; they finish what they have in hand."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()

    @property
    def busy(self) -> bool:
        return any(process.poll() is None for process in self._processes)

    def _listen(self, number: int, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.told[number] = json.loads(line)
