"""Driving a visit: fetching what it asks for, one thing after another, until it has what it came for."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from feeds.source import NotModified, OutOfTime, Payload, Request, SourceError

T = TypeVar("T")

Fetch = Callable[[Request], Awaitable[Payload | NotModified]]


LONGEST = 120.0
"""Seconds after which a visit gets nothing more to read: others wait for the end of the run."""


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    value: T


async def drive(
    visit: Generator[Request, Payload | NotModified, T], fetch: Fetch, turn: anyio.CapacityLimiter
) -> T:
    """What a visit returns; what it raises. Reading an answer takes a ``turn`` in a thread."""
    ends = anyio.current_time() + LONGEST
    step = _advance(visit, None)
    while not isinstance(step, _End):
        answer: Payload | NotModified | SourceError
        try:
            if anyio.current_time() > ends:
                raise OutOfTime("it takes too long at the pace its host wants; the next look goes on")
            answer = await fetch(step)
        except SourceError as error:
            answer = error
        if isinstance(answer, Payload):
            step = await anyio.to_thread.run_sync(_advance, visit, answer, limiter=turn)
        else:
            step = _advance(visit, answer)
    return step.value


def _advance(
    visit: Generator[Request, Payload | NotModified, T], answer: Payload | NotModified | SourceError | None
) -> Request | _End[T]:
    """Let a visit go on until its next request, or its end."""
    try:
        if answer is None:
            return next(visit)
        return visit.throw(answer) if isinstance(answer, SourceError) else visit.send(answer)
    except StopIteration as end:
        return _End(end.value)
