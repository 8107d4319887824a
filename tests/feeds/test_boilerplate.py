"""Boilerplate: what changes in all articles alike is told apart from what changes in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.boilerplate import boilerplate, is_everywhere, without
from feeds.change import sentences

TEXT = "De gemeente {} verhuist. Dat kost 4 miljoen euro.\nDe wethouder is er blij mee."
SIGN_UP = "Meld u aan voor onze nieuwsbrief!"


def texts(number: int) -> list[str]:
    return [TEXT.format(f"nummer {place}") for place in range(number)]


@pytest.mark.parametrize("shape", ["{}\n{}", "{} {}"])
def test_a_sentence_that_comes_into_all_articles_or_goes_from_them_is_boilerplate(shape: str) -> None:
    with_it = [shape.format(text, SIGN_UP) for text in texts(6)]
    assert boilerplate(zip(texts(6), with_it, strict=True), 6) == {SIGN_UP}
    assert boilerplate(zip(with_it, texts(6), strict=True), 6) == {SIGN_UP}
    for old, new in zip(texts(6), with_it, strict=True):
        assert sentences(without(new, {SIGN_UP})) == sentences(old)


def test_what_few_articles_or_only_some_of_them_say_is_their_news() -> None:
    same = [(text, f"{text} De storing is voorbij.") for text in texts(4)]
    assert boilerplate(same, 4) == frozenset()
    assert boilerplate(same * 2, 12) == frozenset()
    own = [(text, f"{text} Nu ook in wijk {place}.") for place, text in enumerate(texts(9))]
    assert boilerplate(own, 9) == frozenset()


def test_as_good_as_all_is_three_of_four_and_five_at_least() -> None:
    assert [number for number in range(13) if is_everywhere(number, 12)] == [9, 10, 11, 12]
    assert [number for number in range(5) if is_everywhere(number, number)] == []


@given(st.text(), st.sets(st.text(max_size=9)))
def test_a_text_loses_these_sentences_and_no_other(text: str, left_out: set[str]) -> None:
    assert sentences(without(text, left_out)) == [one for one in sentences(text) if one not in left_out]
    assert without(text, ()) == text
