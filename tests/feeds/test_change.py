import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.change import what_changed

OLD = "De raad besluit in mei. Het kost 5 miljoen.\nKop\nDaarna volgt een evaluatie."


def test_a_changed_sentence_is_quoted() -> None:
    assert what_changed(OLD, OLD.replace("5 miljoen", "7 miljoen")) == "“Het kost 7 miljoen.”"


def test_added_sentences_are_quoted_together() -> None:
    new = OLD.replace("\nKop", " Dat is meer dan gedacht. Waarom?\nKop")
    assert what_changed(OLD, new) == "“Dat is meer dan gedacht. Waarom?”"


def test_only_the_first_place_is_quoted() -> None:
    new = OLD.replace("mei", "juni").replace("een evaluatie", "niets")
    assert what_changed(OLD, new) == "“De raad besluit in juni.”"


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        OLD.replace(". ", ".\n\n "),
        "Daarna volgt een evaluatie. Kop\nDe raad besluit in mei. Het kost 5 miljoen.",
        "De raad besluit in mei.",
        "",
    ],
)
def test_nothing_new_gives_nothing(new: str) -> None:
    assert what_changed(OLD, new) == ""


def test_a_long_sentence_is_cut_at_a_words_end() -> None:
    said = what_changed("", "woord " * 100)
    assert len(said) <= 240
    assert said.endswith("woord…”")


@pytest.mark.parametrize(
    "old, new",
    [("a. b. " * 50_000, "b. a. c. " * 40_000), ("?" * 200_000, "!?" * 200_000), ("", "x" * 10**6)],
)
def test_huge_texts_are_compared_in_part(old: str, new: str) -> None:
    assert len(what_changed(old, new)) <= 240


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_texts_give_one_short_line(old: str, new: str) -> None:
    said = what_changed(old, new)
    assert len(said) <= 240
    assert "\n" not in said
    assert what_changed(new, new) == ""
