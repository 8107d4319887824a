"""The tree of themes: what makes none is refused by the name of the theme at fault."""

import pytest

from feeds.theme import Theme, ThemeError, ThemeTree


def theme(slug: str, parent: str = "", formerly: tuple[str, ...] = ()) -> Theme:
    return Theme(slug=slug, name=slug.title(), parent=parent, formerly=list(formerly))


@pytest.mark.parametrize(
    ("themes", "slug", "why"),
    [
        *([[theme(name)], name, "is a reserved name"] for name in ("all", "index", "manifest", "me")),
        ([theme("a"), theme("b"), theme("a")], "a", "stands twice"),
        ([theme("a", parent="b")], "a", "has the parent 'b', which is no theme"),
        ([theme("a", parent="b"), theme("b", parent="a")], "b", "is its own ancestor"),
        ([theme("a"), theme("b", formerly=("a",))], "b", "can't formerly be 'a', which is a theme"),
    ],
)
def test_themes_that_make_no_tree_are_refused(themes: list[Theme], slug: str, why: str) -> None:
    with pytest.raises(ThemeError, match=f"theme '{slug}' {why}") as refused:
        ThemeTree(themes)
    assert refused.value.slug == slug


def test_parents_stand_before_their_children_and_siblings_as_in_the_config() -> None:
    tree = ThemeTree([theme("b-1", parent="b"), theme("a"), theme("b"), theme("b-2", parent="b")])
    assert [one.slug for one in tree] == ["a", "b", "b-1", "b-2"]
    assert tree.ancestors("b-1") == ("b",)
    assert [one.slug for one in tree.children("b")] == ["b-1", "b-2"]
