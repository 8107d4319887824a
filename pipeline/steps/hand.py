"""What one worker has in hand: claims that wait, messages under way, and what came of them.

In the database all of it is in flight, and at most ``SIZE``; that many a crash can leave uncertain.
"""

import time
from collections import Counter, deque
from collections.abc import Callable

from subscribers.delivery import Claim, Outcome, Uncertain
from subscribers.pace import Limits
from subscribers.provider import tells_of_trouble

SIZE = 32
"""The most a worker has in hand."""
GROUP = 24
"""How many are settled and claimed together, while the connections are busy with the others."""
PATIENCE = 0.2
"""Seconds for which what is finished waits for others to be settled together with it."""


class Hand:
    """Keeps account; decides nothing about mail."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[Claim] = deque()
        self._under_way: dict[int, Claim] = {}
        self._busy: Counter[str] = Counter()
        self._finished_at = 0.0
        self._hurries = False
        self.finished: list[tuple[Claim, Outcome]] = []
        self.cancelled: dict[int, str] = {}
        """Deliveries not to be made after all, and why."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def open(self) -> int:
        """How many are not finished."""
        return len(self._waiting) + len(self._under_way)

    @property
    def held(self) -> int:
        """How many the database has in flight for us."""
        return self.open + len(self.finished) + len(self.cancelled)

    @property
    def is_due(self) -> bool:
        """Whether it is time to write down what is finished."""
        done = len(self.finished) + len(self.cancelled)
        if not done:
            return False
        return (
            done >= GROUP
            or self._hurries
            or not (self._waiting or self._under_way)
            or time.monotonic() >= self._finished_at + PATIENCE
        )

    def take(self, claims: list[Claim]) -> None:
        self._waiting.extend(claims)

    def next(self) -> Claim | None:
        """The first that waits whose provider has room, now under way."""
        for place, claim in enumerate(self._waiting):
            most = self._limits.of(claim.domain).connections
            if not most or self._busy[claim.domain] < most:
                del self._waiting[place]
                self._under_way[claim.id] = claim
                self._busy[claim.domain] += 1
                return claim
        return None

    def finish(self, id: int, outcome: Outcome) -> None:
        """A message that was under way came to this."""
        self._hurries = self._hurries or tells_of_trouble(outcome)
        if not self.finished:
            self._finished_at = time.monotonic()
        self.finished.append((self._end(id), outcome))

    def lose(self, why: str) -> None:
        """Nobody can say what became of those that are still under way."""
        for id in list(self._under_way):
            self.finish(id, Uncertain(why))

    def put_back(self, id: int) -> None:
        """Nothing of it was handed over: it is the next to go."""
        self._waiting.appendleft(self._end(id))

    def cancel(self, id: int, reason: str) -> None:
        """It must not be made after all."""
        self._end(id)
        self.cancelled[id] = reason

    def give_up(self, which: Callable[[Claim], bool] = lambda claim: True) -> list[Claim]:
        """Those that wait, all or some: they are no longer in hand."""
        given = [claim for claim in self._waiting if which(claim)]
        self._waiting = deque(claim for claim in self._waiting if claim not in given)
        return given

    def forget_finished(self) -> None:
        """They are written down."""
        self._hurries = False
        self.finished.clear()
        self.cancelled.clear()

    def domains(self) -> Counter[str]:
        """How many are in hand of each domain that wait or are under way."""
        return Counter(claim.domain for claim in [*self._waiting, *self._under_way.values()])

    def _end(self, id: int) -> Claim:
        claim = self._under_way.pop(id)
        self._busy[claim.domain] -= 1
        return claim
