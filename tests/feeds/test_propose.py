"""Themes that are proposed for a new portal."""

from feeds.propose import propose_themes


def test_subjects_whose_names_differ_in_a_sign_are_themes_each() -> None:
    themes = propose_themes([["C"], ["C++"], ["C#"], ["50+"]] * 2)
    assert {theme.slug: theme.categories for theme in themes} == {
        "c": ["C"],
        "c-plus-plus": ["C++"],
        "c-sharp": ["C#"],
        "50-plus": ["50+"],
    }


def test_a_subject_in_two_spellings_is_one_theme_with_both() -> None:
    (theme,) = propose_themes([["Café's"], ["Café's"], ["Cafe s"]])
    assert (theme.slug, theme.categories) == ("cafe-s", ["Café's", "Cafe s"])
