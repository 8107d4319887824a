"""Keeping what is costly to begin from one use to the next, for a while."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T
    end: ExitStack
    since: float


class Keeper(Generic[T]):
    """Lends things of some kinds, each to one user at a time; those nobody uses end after ``seconds``.

    With 0 seconds nothing is kept. What its user fails with is not lent again.
    """

    def __init__(self, make: Callable[..., AbstractContextManager[T]], seconds: float = 0) -> None:
        self._make = make
        self.seconds = seconds
        self._idle: dict[Hashable, list[_Kept[T]]] = {}
        self._lock = Lock()

    @contextmanager
    def lend(self, kind: Hashable) -> Iterator[T]:
        """One of this kind, made by ``make(kind)`` unless there is one."""
        self.sweep()
        with self._lock:
            found = self._idle.get(kind)
            kept = found.pop() if found else None
        if kept is None:
            with ExitStack() as stack:
                value = stack.enter_context(self._make(kind))
                kept = _Kept(value, stack.pop_all(), 0.0)
        with ExitStack() as stack:
            stack.push(kept.end)
            yield kept.value
            if self.seconds:
                stack.pop_all()
                with self._lock:
                    self._idle.setdefault(kind, []).append(_Kept(kept.value, kept.end, time.monotonic()))

    def sweep(self) -> None:
        """End those that nobody has used for long enough."""
        before = time.monotonic() - self.seconds
        with self._lock:
            old = [one for kept in self._idle.values() for one in kept if one.since <= before]
            self._idle = {kind: [one for one in kept if one not in old] for kind, kept in self._idle.items()}
        for one in old:
            one.end.close()

    def close(self) -> None:
        """End all that nobody uses."""
        self.seconds = 0
        self.sweep()
