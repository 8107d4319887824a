"""What is logged is about the portal, and never about anybody."""

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pipeline.edges.logs import masked
from pipeline.tasks import Task, _once
from subscribers.token import BOUNCE, UNSUBSCRIBE, Tokens

TOKENS = Tokens([b"k" * 32])
around = st.sampled_from(["", "<", ">", " ", "'", '"', ": ", "(", "), ", "/unsubscribe/", "\\n", "?t="])
ids = st.integers(1, 10**12)
local = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+_-é", min_size=1, max_size=20)


@given(around, local, around)
def test_no_address_gets_through_whatever_stands_around_it(before: str, name: str, after: str) -> None:
    text = masked(f"550 5.1.1 {before}{name}@voorbeeld.example{after} unknown")
    assert "@" not in text
    assert "voorbeeld" not in text
    assert text.startswith("550 5.1.1 ")
    assert text.endswith(" unknown")


@given(around, ids)
def test_no_token_gets_through_whatever_stands_around_it(before: str, id: int) -> None:
    token = TOKENS.sign(UNSUBSCRIBE, id)
    signature = token.partition(".")[2]
    assert signature not in masked(f"{before}{token}")
    assert signature not in masked(f"{before}{token} and more")
    assert "@" not in masked(TOKENS.address(BOUNCE, id, "terug.example"))


@pytest.mark.parametrize(
    "text", ["weekly/2026-12-07", "took 1.25 s", "10.0.0.1", "5.7.1 no", "v3.11.7", "domain=outlook.example"]
)
def test_what_tells_of_nobody_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_what_goes_wrong_tick_after_tick_is_said_once_and_again_after_it_went_well(portal) -> None:
    faults = [RuntimeError("vol"), RuntimeError("vol"), ValueError("anders"), None, RuntimeError("vol")]

    def work(app, stopping) -> None:
        if fault := faults.pop(0):
            raise fault

    with portal.open() as app, structlog.testing.capture_logs() as said:
        told: dict[type[Exception], float] = {}
        while faults:
            _once(app, lambda: False, "collect", Task(work, every=1), told)
    assert [line["error"] for line in said if line["event"] == "task failed"] == ["vol", "anders", "vol"]
