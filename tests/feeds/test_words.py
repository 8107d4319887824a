import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.words import tokens, words

TEXTS = st.text() | st.text(st.characters(max_codepoint=127)) | st.text("aB1_% +é€\u0301\n", max_size=20)


@settings(max_examples=500)
@given(TEXTS)
def test_ascii_and_other_texts_have_their_tokens_by_the_same_rule(text: str) -> None:
    folded = unicodedata.normalize("NFC", text).casefold()
    assert tokens(text) == re.findall(r"\w+|[€$£¥%°+=<>]", folded)
    assert list(words(tokens(text))) == re.findall(r"\w+", folded)


@pytest.mark.parametrize(
    "text, found",
    [
        ("De Gemeente, 5% meer.", ["de", "gemeente", "5", "%", "meer"]),
        ("Cafe\u0301 & CAFÉ", ["café", "café"]),
        ("a+b", ["a", "+", "b"]),
        ("snake_case e-mail", ["snake_case", "e", "mail"]),
    ],
)
def test_words_figures_and_the_signs_beside_them(text: str, found: list[str]) -> None:
    assert tokens(text) == found
