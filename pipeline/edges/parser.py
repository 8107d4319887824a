"""Another process that reads documents, so that two cores collect: one fetches and stores, one reads."""

import pickle
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream

from feeds.document import Document, Found, unpack
from feeds.source import SourceError
from feeds.theme import Theme

ENOUGH = 32
"""Documents after which it is worth to begin a process, which takes as long as reading fifty."""


@asynccontextmanager
async def parsing(themes: Iterable[Theme]) -> AsyncIterator[Callable[[Document], Awaitable[Found | None]]]:
    """Reads documents in another process for as long as the block lasts, once there are many.

    Gives None where that process is not there: then read it here. Raises SourceError as reading does.
    """
    async with anyio.create_task_group() as tasks:
        parser = _Parser(pickle.dumps(list(themes), pickle.HIGHEST_PROTOCOL), tasks)
        yield parser.read
        tasks.cancel_scope.cancel()  # it keeps nothing that would have to be put away


@dataclass(slots=True)
class _Job:
    done: anyio.Event = field(default_factory=anyio.Event)
    answer: Any = None


class _Parser:
    def __init__(self, themes: bytes, tasks: anyio.abc.TaskGroup) -> None:
        self._themes = themes
        self._tasks = tasks
        self._offered = 0
        self._input: anyio.abc.ByteSendStream | None = None
        self._turn = anyio.Lock(fast_acquire=True)  # one document goes in after the other
        self._jobs: deque[_Job] = deque()
        """What it was given and has not answered, in their order."""

    async def read(self, document: Document) -> Found | None:
        self._offered += 1
        if self._offered == ENOUGH:
            self._tasks.start_soon(self._run)
        if self._input is None:
            return None
        job = _Job()
        self._jobs.append(job)
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with self._turn:
                await self._input.send(pickle.dumps(document, pickle.HIGHEST_PROTOCOL))
            await job.done.wait()
        if isinstance(job.answer, SourceError):
            raise job.answer
        return job.answer and unpack(job.answer)

    async def _run(self) -> None:
        command = [sys.executable, "-m", "pipeline.parse"]
        try:
            process = await anyio.open_process(command, stderr=None)
        except OSError:  # there is no room for it, and it is not needed
            return
        async with process:
            assert process.stdin is not None
            assert process.stdout is not None
            answers = BufferedByteReceiveStream(process.stdout)
            with suppress(anyio.BrokenResourceError, anyio.IncompleteRead, anyio.EndOfStream):
                await process.stdin.send(self._themes)
                await answers.receive_exactly(1)  # it is ready
                self._input = process.stdin
                while True:
                    length = int.from_bytes(await answers.receive_exactly(4))
                    answer = pickle.loads(await answers.receive_exactly(length))  # noqa: S301  (it is ours)
                    job = self._jobs.popleft()
                    job.answer = answer
                    job.done.set()
            # It has died: for lack of memory, or of a document that broke more than its reader.
            self._input = None
            for job in self._jobs:
                job.done.set()
