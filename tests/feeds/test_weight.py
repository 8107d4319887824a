"""What a change of wording means to a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.characters import one_line, shorten
from feeds.weight import TOKENS, Weight, goes_back_and_forth, is_reworded, told_by, weigh

TEXT = (
    "De gemeente Utrecht koopt geen nieuwe servers.\n"
    "De kosten bedragen 3,5 miljoen euro. De wethouder verwacht in mei een besluit.\n"
    "Het beleid blijft ongewijzigd."
)


@pytest.mark.parametrize("old, new", [("nieuwe servers.", "nieuwe servers!"), ("\n", "\n\n")])
def test_marks_and_blanks_mean_nothing(old: str, new: str) -> None:
    assert weigh(TEXT, TEXT.replace(old, new)) is Weight.NONE


@pytest.mark.parametrize(
    "old, new",
    [
        ("verwacht", "verwahct"),
        ("verwacht", "verwaccht"),
        ("wethouder", "wethoudr"),
        ("servers", "servars"),
        ("De kosten", "De Kosten"),
        ("een besluit", "het besluit"),
        ("Het beleid", "Het bèleid"),
        ("nieuwe servers", "nieuweservers"),
    ],
)
def test_a_slip_of_the_pen_is_cosmetic(old: str, new: str) -> None:
    assert old in TEXT
    assert weigh(TEXT, TEXT.replace(old, new)) is Weight.COSMETIC
    assert weigh(TEXT.replace(old, new), TEXT) is Weight.COSMETIC


def test_paragraphs_that_change_places_are_cosmetic() -> None:
    moved = "\n".join(reversed(TEXT.split("\n")))
    assert weigh(TEXT, moved) is Weight.COSMETIC
    assert not is_reworded(TEXT, moved)
    assert is_reworded(TEXT, TEXT.replace("wethouder", "wethoudr"))


@pytest.mark.parametrize(
    "old, new",
    [
        ("2025\n100\n2026\n200", "2025\n200\n2026\n100"),
        ("Ajax\nPSV", "PSV\nAjax"),
        ("1.\nAjax.\n2.\nPSV Eindhoven.", "1.\nPSV Eindhoven.\n2.\nAjax."),
        ("Voor:\nHet college.\nTegen:\nDe raad.", "Tegen:\nHet college.\nVoor:\nDe raad."),
        (
            "Mag het in Delft?\nNee, daar mag het niet.\nMag het in Gouda?\nJa, daar mag het wel.",
            "Mag het in Delft?\nJa, daar mag het wel.\nMag het in Gouda?\nNee, daar mag het niet.",
        ),
    ],
    ids=["figures", "names", "names with a full stop", "what a sentence is under", "answers"],
)
def test_what_says_something_by_its_place_is_substantive_when_it_changes_places(old: str, new: str) -> None:
    assert weigh(f"{TEXT}\n{old}\n{TEXT}", f"{TEXT}\n{new}\n{TEXT}") is Weight.SUBSTANTIVE


@pytest.mark.parametrize(
    "old, new",
    [
        ("3,5", "3,6"),
        ("3,5", "-3,5"),
        ("3,5", "±3,5"),
        ("3,5", "35"),
        ("3,5", "3.5"),
        ("3,5 miljoen", "3,5 miljard"),
        ("Utrecht", "Utrechr"),
        ("Utrecht", "Zwolle"),
        ("geen nieuwe", "nieuwe"),
        ("koopt geen", "koopt wel"),
        ("blijft", "blijft niet"),
        ("ongewijzigd", "gewijzigd"),
        ("mei", "mex"),
        ("een besluit", "één besluit"),
        ("Het beleid blijft ongewijzigd.", ""),
        ("Het beleid", "Morgen volgt meer. Het beleid"),
        ("wethouder", "burgemeester"),
        ("euro", "euro (+4%)"),
    ],
)
def test_figures_names_negations_and_other_words_are_substantive(old: str, new: str) -> None:
    assert old in TEXT
    assert weigh(TEXT, TEXT.replace(old, new)) is Weight.SUBSTANTIVE
    assert weigh(TEXT.replace(old, new), TEXT) is Weight.SUBSTANTIVE


def test_a_slip_beside_a_changed_figure_is_substantive() -> None:
    assert weigh(TEXT, TEXT.replace("kosten bedragen 3,5", "kosten bedraagen 4,5")) is Weight.SUBSTANTIVE


def test_a_text_that_differs_all_over_is_not_looked_into() -> None:
    assert weigh("woorden " * (TOKENS + 1), "woordne " * (TOKENS + 1)) is Weight.SUBSTANTIVE


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_have_one_weight_whichever_comes_first(old: str, new: str) -> None:
    assert weigh(old, old) is Weight.NONE
    assert (weigh(old, new) is Weight.NONE) == (weigh(new, old) is Weight.NONE)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_figure_ever_changes_unnoticed(old: int, new: int) -> None:
    expected = Weight.NONE if old == new else Weight.SUBSTANTIVE
    assert weigh(f"Het kost {old} euro per jaar.", f"Het kost {new} euro per jaar.") is expected


def test_a_step_that_was_taken_before_is_going_back_and_forth() -> None:
    assert not goes_back_and_forth([], "a")
    assert not goes_back_and_forth(["a"], "b")
    assert not goes_back_and_forth(["a", "b"], "a")
    assert goes_back_and_forth(["a", "b", "a"], "b")
    assert not goes_back_and_forth(["a", "b", "a"], "c")


def test_a_minus_is_one_however_it_is_written() -> None:
    assert weigh("Het vriest -5 graden.", "Het vriest \u22125 graden.") is Weight.NONE
    assert weigh("Het vriest -5 graden.", "Het vriest \u20135 graden.") is Weight.NONE
    assert weigh("Het vriest \u20135 graden.", "Het vriest 5 graden.") is Weight.SUBSTANTIVE


def test_where_a_word_may_be_broken_means_nothing() -> None:
    assert weigh(TEXT, TEXT.replace("Utrecht", "Ut\u00adrecht").replace("3,5", "3,5\u200b")) is Weight.NONE


@pytest.mark.parametrize("old, new", [("≤", "≥"), ("=", "≠"), ("seventy", "seventh"), ("eighty", "eighth")])
def test_signs_and_words_that_are_figures_never_change_unnoticed(old: str, new: str) -> None:
    assert weigh(f"Van {old} 18 jaar.", f"Van {new} 18 jaar.") is Weight.SUBSTANTIVE


def test_few_words_over_and_over_are_not_looked_into() -> None:
    one = " ".join("abc"[n * n % 7 % 3] for n in range(3_900))
    other = " ".join("abc"[n * n % 11 % 3] for n in range(3_900))
    assert weigh(f"x {one} y", f"z {other} q") is Weight.SUBSTANTIVE


def test_a_slip_within_what_a_text_begins_with_is_cosmetic_wherever_that_is_cut() -> None:
    for length in range(20, len(TEXT)):
        versions = TEXT, TEXT.replace("servers", "serrvers")
        old, new = told_by(*((shorten(one_line(text), length), text) for text in versions))
        assert weigh(old, new) is Weight.COSMETIC


@pytest.mark.parametrize(
    "old, new",
    [
        (("Utrecht koopt 3 servers.", TEXT), ("Utrecht koopt 4 servers.", TEXT)),
        ((TEXT.partition("\n")[0], TEXT), (TEXT.partition("\n")[0].replace("geen ", ""), TEXT)),
        (("Kort bericht over 3 servers.", ""), ("Kort bericht over 4 servers.", "")),
        ((one_line(TEXT), ""), ("De gemeente Utrecht koopt…", f"{TEXT}\nEn in juni nog een.")),
    ],
)
def test_what_a_summary_says_counts_where_it_says_something_of_its_own(
    old: tuple[str, str], new: tuple[str, str]
) -> None:
    assert weigh(*told_by(old, new)) is Weight.SUBSTANTIVE


def test_a_summary_that_grew_into_a_text_is_no_change() -> None:
    old, new = told_by((one_line(TEXT), ""), ("De gemeente Utrecht koopt…", TEXT))
    assert weigh(old, new) is Weight.NONE
    old, new = told_by(
        (TEXT.partition("\n")[0], TEXT), (TEXT.partition("\n")[0], TEXT.replace("koopt", "kooptt"))
    )
    assert weigh(old, new) is Weight.COSMETIC
