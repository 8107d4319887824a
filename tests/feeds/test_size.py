"""Sizes, as the config and people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.size import parse_size, size_text


@pytest.mark.parametrize(
    "text, number",
    [("0B", 0), ("1KB", 1_000), (" 200 MB ", 200_000_000), ("1GB", 10**9), ("3TB", 3 * 10**12)],
)
def test_a_size_is_a_number_of_bytes(text: str, number: int) -> None:
    assert parse_size(text) == number


@pytest.mark.parametrize("value", ["", "MB", "1.5GB", "1 mb", "1MiB", 5, None, "1e9B", "-1MB", "٣MB"])
def test_anything_else_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(value)


@given(st.integers(0, 10**15))
def test_a_size_is_told_within_a_hundredth_and_in_few_characters(number: int) -> None:
    amount, unit = size_text(number).split()
    told = float(amount) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert abs(told - number) <= number / 100
    assert len(size_text(number)) <= 9
