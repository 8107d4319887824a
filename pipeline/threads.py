"""Jobs done by threads of the process that puts them in: the queue of a portal that is one process.

Nothing waits in it that the clock would not put in again, so it may be lost with the process.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

_DELIVER = "deliver"


class ThreadQueue:
    """Does what is put in while it is ``working``; at other times that is left to whoever works.

    Mail is sent in a thread of its own, an edition at a time.
    """

    def __init__(self) -> None:
        self._tasks: Mapping[str, Callable[..., None]] = {}
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._waiting: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def put(self, task: str) -> None:
        """Have a task done once more, unless that waits or is under way already."""
        self._submit((task,), {})

    def deliver(self, edition: str, ready: int) -> None:
        """Have an edition sent of which so many deliveries are ready."""
        if ready:
            self._submit((_DELIVER, edition), {"edition": edition, "limit": None})

    @contextmanager
    def working(self, tasks: Mapping[str, Callable[..., None]]) -> Iterator[None]:
        """Do what is put in while the block lasts; at its end, what is under way is finished."""
        self._lanes = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in tasks}
        self._tasks = tasks
        try:
            yield
        finally:
            self._tasks = {}
            for lane in self._lanes.values():
                lane.shutdown(cancel_futures=True)

    def _submit(self, job: tuple[str, ...], arguments: dict[str, Any]) -> None:
        work = self._tasks.get(job[0])
        with self._lock:
            if work is None or job in self._waiting:
                return
            self._waiting.add(job)

        def run() -> None:
            try:
                work(**arguments)
            finally:
                with self._lock:
                    self._waiting.discard(job)

        self._lanes[job[0]].submit(run)
