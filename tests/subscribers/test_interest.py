"""Interests: the same choice is the same set, however it was made."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.theme import Theme, ThemeTree
from subscribers.interest import UnknownTheme, interest_set, set_key

SLUGS = ["cloud", "it", "privacy", "avg", "ai"]
TREE = ThemeTree(
    [
        Theme(slug="it", name="IT"),
        Theme(slug="cloud", name="Cloud", parent="it"),
        Theme(slug="privacy", name="Privacy"),
        Theme(slug="avg", name="AVG", parent="privacy"),
        Theme(slug="ai", name="AI"),
    ]
)
choices = st.lists(st.sampled_from(SLUGS))


def test_a_choice_is_sorted_trimmed_and_named_once() -> None:
    assert interest_set([" privacy", "cloud", "privacy ", "", "  "], TREE) == ("cloud", "privacy")
    assert interest_set([], TREE) == ()


def test_a_child_is_kept_beside_its_parent() -> None:
    assert interest_set(["it", "cloud"], TREE) == ("cloud", "it")


@pytest.mark.parametrize("slug", ["Cloud", "weg", "cl oud", "all"])
def test_an_unknown_theme_is_named_with_those_that_exist(slug: str) -> None:
    with pytest.raises(
        UnknownTheme, match=f"'{slug}' does not exist; choose from: it, cloud, privacy, avg, ai"
    ):
        interest_set(["cloud", slug], TREE)


@given(choices)
def test_choosing_again_or_in_another_order_changes_nothing(slugs: list[str]) -> None:
    chosen = interest_set(slugs, TREE)
    assert interest_set(chosen, TREE) == chosen
    assert interest_set(reversed(slugs), TREE) == chosen
    assert set(chosen) == set(slugs)


@given(choices, choices)
def test_two_sets_share_a_key_only_when_they_are_equal(one: list[str], other: list[str]) -> None:
    first, second = interest_set(one, TREE), interest_set(other, TREE)
    assert (set_key(first) == set_key(second)) is (first == second)
    assert re.fullmatch(r"[0-9a-f]{32}", set_key(first))
