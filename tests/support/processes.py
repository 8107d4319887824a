"""Commands as processes of their own, as a service manager would run them; what they say is kept."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

KENNISPORTAL = [sys.executable, "-m", "pipeline"]


class Service:
    """A command that stays."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [*KENNISPORTAL, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | environment,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self, within: float = 10) -> int:
        """SIGTERM; gives the exit code, which must come in time."""
        self.process.terminate()
        return self.process.wait(within)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@contextmanager
def serving(words: Sequence[str], environment: Mapping[str, str] = {}) -> Iterator[Service]:
    service = Service(words, environment)
    try:
        yield service
    finally:
        service.send(signal.SIGCONT)
        service.close()


def wait_until(condition: Callable[[], object], seconds: float = 60) -> float:
    """For so long that only a fault can be the reason it does not come true; gives how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def helpers_of(process: int) -> list[int]:
    """The processes that a process has begun, and that are there still."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if int(fields["PPid"]) == process:
            found.append(int(fields["Pid"]))
    return found
