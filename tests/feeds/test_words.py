import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.words import composed, tokens, words

TEXTS = (
    st.text()
    | st.text(st.characters(max_codepoint=127))
    | st.text("aB1_% +-.,(é€\u0301\u2212\u00ad\n", max_size=20)
    | st.lists(st.sampled_from([*"cC1_ +#.(é'“", "C++", "c#", ".NET", ".n"]), max_size=9).map("".join)
)


@settings(max_examples=500)
@given(TEXTS)
def test_ascii_and_other_texts_have_their_tokens_by_the_same_rule(text: str) -> None:
    text = re.sub("[\u00ad\u200b-\u200d\u2060\ufeff]", "", text)
    folded = unicodedata.normalize("NFC", text).casefold()
    folded = re.sub("[\u2212\u2013]", "-", folded)
    named = r"(?<!\w)[^\W\d_]\w*\+\+(?![^\W\d]|\+)|(?<!\w)[^\W\d_]#(?![^\W\d])|(?<![^\s(\"'“‘])\.net(?!\w)"
    spoken = rf"\d+(?:[.,]\d+)+|{named}|\w+"
    found = re.findall(rf"{spoken}|[€$£¥%‰°+±=<>≤≥≠×]|(?<![^\s(])-(?=\d)", folded)
    assert tokens(text) == found
    assert list(words(tokens(text))) == re.findall(spoken, folded)


@pytest.mark.parametrize(
    "text, found",
    [
        ("De Gemeente, 5% meer.", ["de", "gemeente", "5", "%", "meer"]),
        ("Cafe\u0301 & CAFÉ", ["café", "café"]),
        ("Ge\u00admeen\u200bte", ["gemeente"]),
        ("a+b", ["a", "+", "b"]),
        ("€ 1.000,50 of 1,5. Om 9.30, 2", ["€", "1.000,50", "of", "1,5", "om", "9.30", "2"]),
        ("snake_case e-mail", ["snake_case", "e", "mail"]),
        ("-5 (-3) 10-5 - 5 a -b", ["-", "5", "-", "3", "10", "5", "5", "a", "b"]),
        ("C++ of C#, .NET (.Net) '.net'", ["c++", "of", "c#", ".net", ".net", ".net"]),
        ("C++17 en C#12 op ASP.NET", ["c++", "17", "en", "c#", "12", "op", "asp", "net"]),
        ("i+++j, 5++, #c a.net", ["i", "+", "+", "+", "j", "5", "+", "+", "c", "a", "net"]),
        ("\u22125 ±3 à 2×4", ["-", "5", "±", "3", "à", "2", "×", "4"]),
    ],
)
def test_words_figures_and_the_signs_beside_them(text: str, found: list[str]) -> None:
    assert tokens(text) == found


def test_of_marks_without_end_on_one_letter_only_some_are_put_in_order() -> None:
    text = "De e" + "\u0301\u0327" * 50_000 + " gemeente"
    assert tokens(text) == ["de", "\u0229", "gemeente"]
    assert len(composed(text)) < 50
