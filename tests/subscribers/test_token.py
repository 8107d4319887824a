"""Tokens: what we signed is known again; what anybody else made is not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.token import UNSUBSCRIBE, Tokens

TOKENS = Tokens([b"oldest", b"older", b"current"])
ids = st.integers(0, 2**63 - 1)


@given(ids)
def test_a_token_names_its_subscriber_and_fits_in_a_link(subscriber: int) -> None:
    token = TOKENS.sign(UNSUBSCRIBE, subscriber)
    assert TOKENS.read(UNSUBSCRIBE, token) == subscriber
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", token)


def test_a_token_is_always_the_same() -> None:
    assert TOKENS.sign(UNSUBSCRIBE, 7) == TOKENS.sign(UNSUBSCRIBE, 7)


@given(ids)
def test_a_token_for_one_purpose_serves_no_other(subscriber: int) -> None:
    assert TOKENS.read("preferences", TOKENS.sign(UNSUBSCRIBE, subscriber)) is None


@given(subscriber=ids, other=ids)
def test_a_signature_belongs_to_one_subscriber(subscriber: int, other: int) -> None:
    signature = TOKENS.sign(UNSUBSCRIBE, subscriber).partition(".")[2]
    read = TOKENS.read(UNSUBSCRIBE, f"{other}.{signature}")
    assert read == (subscriber if other == subscriber else None)


@given(subscriber=ids, place=st.integers(0, 63), character=st.characters())
def test_a_changed_token_names_nobody_else(subscriber: int, place: int, character: str) -> None:
    token = TOKENS.sign(UNSUBSCRIBE, subscriber)
    place %= len(token)
    # The last character has bits to spare, so a few of its changes change nothing.
    assert TOKENS.read(UNSUBSCRIBE, token[:place] + character + token[place + 1 :]) in (None, subscriber)


@given(subscriber=ids, length=st.integers(0, 62))
def test_a_truncated_token_is_nobody_s(subscriber: int, length: int) -> None:
    token = TOKENS.sign(UNSUBSCRIBE, subscriber)
    assert TOKENS.read(UNSUBSCRIBE, token[: min(length, len(token) - 1)]) is None


@given(st.text(max_size=100))
def test_no_invented_token_is_anybody_s(token: str) -> None:
    assert TOKENS.read(UNSUBSCRIBE, token) is None


@pytest.mark.parametrize("token", ["", ".", "7", "7.", ".abc", "7.\ud800", "7\n.x", "٧." + "A" * 43])
def test_malformed_tokens_are_nobody_s(token: str) -> None:
    assert TOKENS.read(UNSUBSCRIBE, token) is None


def test_old_keys_verify_the_last_one_signs_and_a_dropped_one_is_over() -> None:
    for_old = Tokens([b"older"]).sign(UNSUBSCRIBE, 7)
    assert TOKENS.read(UNSUBSCRIBE, for_old) == 7
    assert TOKENS.sign(UNSUBSCRIBE, 7) == Tokens([b"current"]).sign(UNSUBSCRIBE, 7)
    assert TOKENS.sign(UNSUBSCRIBE, 7) != for_old
    assert Tokens([b"current"]).read(UNSUBSCRIBE, for_old) is None
    assert Tokens([b"stranger"]).read(UNSUBSCRIBE, TOKENS.sign(UNSUBSCRIBE, 7)) is None
