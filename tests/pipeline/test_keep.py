"""Keeping what is costly to begin, for a while, and never what somebody failed with."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.keep import Keeper


class Things:
    """Counts what was begun and what has ended, by kind."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []

    @contextmanager
    def make(self, kind: int) -> Iterator[list[int]]:
        self.begun.append(kind)
        try:
            yield [kind]
        finally:
            self.ended.append(kind)


def test_one_after_another_uses_the_same_and_two_at_a_time_do_not() -> None:
    things = Things()
    keeper = Keeper(things.make, seconds=60)
    with keeper.lend(4) as first:
        pass
    with keeper.lend(4) as second, keeper.lend(4) as third:
        assert second is first
        assert third is not first
    with keeper.lend(8):
        pass
    assert (things.begun, things.ended) == ([4, 4, 8], [])
    keeper.close()
    assert sorted(things.ended) == [4, 4, 8]


def test_what_somebody_failed_with_is_ended_and_not_lent_again() -> None:
    things = Things()
    keeper = Keeper(things.make, seconds=60)
    with pytest.raises(RuntimeError, match="broken"), keeper.lend(4):
        raise RuntimeError("broken")
    assert things.ended == [4]
    with keeper.lend(4):
        assert things.begun == [4, 4]
    keeper.close()


def test_without_a_time_to_keep_nothing_is_kept() -> None:
    things = Things()
    with Keeper(things.make).lend(4):
        assert things.ended == []
    assert things.ended == [4]


def test_what_nobody_used_for_long_enough_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    things = Things()
    keeper = Keeper(things.make, seconds=20)
    moment = 100.0
    monkeypatch.setattr("pipeline.keep.time.monotonic", lambda: moment)
    with keeper.lend(4):
        pass
    moment = 119.0
    keeper.sweep()
    assert things.ended == []
    moment = 121.0
    keeper.sweep()
    assert things.ended == [4]
