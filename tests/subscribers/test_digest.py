"""Composing a digest: each article once, in the theme where its reader would look for it."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from feeds.log import Due, Kind
from feeds.theme import Theme, ThemeTree
from subscribers.digest import Composer, Digest, Facts, Item

TREE = ThemeTree(
    [
        Theme(slug="it", name="IT"),
        Theme(slug="bedrijf", name="Bedrijf"),
        Theme(slug="cloud", name="Cloud", parent="it"),
        Theme(slug="privacy", name="Privacy", parent="it"),
        Theme(slug="avg", name="AVG", parent="privacy"),
    ]
)
ORDER = ["it", "cloud", "privacy", "avg", "bedrijf"]
MOMENT = datetime(2026, 12, 7, tzinfo=UTC)


def facts(age: int = 0, **scores: int) -> Facts:
    return Facts(MOMENT - timedelta(hours=age), scores)


def due(article: int, *themes: str, kind: Kind = Kind.NEW) -> Due:
    return Due(article, kind, frozenset(themes))


def compose(items: list[Due], known: dict[int, Facts]) -> Digest:
    return Composer(TREE, known).compose(items)


def one(themes: set[str], following: set[str], **scores: int) -> Item:
    [item] = compose([due(1, *themes & following)], {1: facts(**scores)})
    return item


def test_sections_come_in_the_order_of_the_tree_children_below_their_parent() -> None:
    items = [due(number, theme) for number, theme in enumerate(reversed(ORDER))]
    digest = compose(items, {number: facts() for number in range(5)})
    assert [item.theme for item in digest] == ORDER


def test_an_article_stands_in_the_deepest_theme_its_reader_follows() -> None:
    everywhere = {"it", "privacy", "avg"}
    assert one(everywhere, everywhere, it=9).theme == "avg"
    assert one(everywhere, {"it", "privacy"}, it=9).theme == "privacy"
    assert one(everywhere, {"it"}).theme == "it"


def test_between_equally_deep_themes_the_score_decides_and_then_the_tree() -> None:
    both = {"cloud", "privacy"}
    assert one(both, both, cloud=1, privacy=2).theme == "privacy"
    assert one(both, both, cloud=2, privacy=2).theme == "cloud"
    assert one(both, both).theme == "cloud"


def test_also_in_names_followed_themes_that_the_section_does_not_imply() -> None:
    themes = {"it", "privacy", "avg", "cloud", "bedrijf"}
    assert one(themes, themes).also == ("cloud", "bedrijf")
    assert one(themes, themes - {"bedrijf"}).also == ("cloud",)
    assert one({"privacy", "avg", "it"}, themes).also == ()


def test_in_a_section_what_is_new_comes_before_what_changed_and_then_the_newest() -> None:
    items = [due(1, "it", kind=Kind.UPDATED), due(2, "it"), due(3, "it"), due(4, "it", kind=Kind.UPDATED)]
    ages = {1: facts(0), 2: facts(5), 3: facts(2), 4: facts(9)}
    digest = compose(items, ages)
    assert [item.article for item in digest] == [3, 2, 1, 4]
    assert [item.kind for item in digest] == [Kind.NEW, Kind.NEW, Kind.UPDATED, Kind.UPDATED]


def test_a_pinned_article_comes_first_in_its_section_and_moves_no_section() -> None:
    items = [due(1, "it"), due(2, "it", kind=Kind.UPDATED), due(3, "it"), due(4, "avg"), due(5, "avg")]
    ages = {number: facts(number) for number in range(1, 6)}
    for number in (2, 5):
        ages[number] = Facts(ages[number].published, {}, pinned=True)
    digest = compose(items, ages)
    assert [item.article for item in digest] == [2, 1, 3, 5, 4]


def test_articles_of_one_moment_keep_one_order() -> None:
    items = [due(number, "it") for number in (3, 1, 2)]
    digest = compose(items, {number: facts() for number in (1, 2, 3)})
    assert [item.article for item in digest] == [1, 2, 3]


def test_a_theme_that_left_the_config_comes_last() -> None:
    digest = compose([due(1, "weg"), due(2, "avg")], {1: facts(), 2: facts()})
    assert [item.theme for item in digest] == ["avg", "weg"]
    assert one({"weg", "it"}, {"weg", "it"}).theme == "it"


def test_nothing_due_is_an_empty_digest() -> None:
    assert compose([], {}) == ()


SLUGS = [*ORDER, "weg", "oud"]
some = st.frozensets(st.sampled_from(SLUGS), min_size=1)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Due], frozenset[str], dict[int, Facts]]:
    """What is due to a reader: every article in at least one theme they follow, as a window gives it."""
    following = draw(some)
    kinds = st.sampled_from([Kind.NEW, Kind.UPDATED])
    inside = st.frozensets(st.sampled_from(sorted(following)), min_size=1)
    themes = draw(st.lists(inside, max_size=12))
    items = [Due(number, draw(kinds), found) for number, found in enumerate(themes)]
    known = {
        number: Facts(
            MOMENT - timedelta(hours=draw(st.integers(0, 3))),
            draw(st.dictionaries(st.sampled_from(SLUGS), st.integers(0, 5))),
        )
        for number in range(len(items))
    }
    return items, following, known


def depth(slug: str) -> int:
    return len(TREE.ancestors(slug)) if slug in TREE else 0


@given(cases(), st.randoms())
def test_any_digest_holds_each_article_once_in_a_best_theme_in_order(
    case: tuple[list[Due], frozenset[str], dict[int, Facts]], random: Random
) -> None:
    items, following, known = case
    digest = compose(items, known)
    by_article = {item.article: item for item in digest}
    assert len(by_article) == len(digest) == len(items)
    for item in items:
        placed = by_article[item.article]
        assert placed.kind is item.kind
        assert placed.theme in item.themes & following
        assert depth(placed.theme) == max(map(depth, item.themes & following))
        assert set(placed.also) <= (item.themes & following) - {placed.theme}
        assert not set(placed.also) & set(TREE.ancestors(placed.theme) if placed.theme in TREE else ())
    sections = [theme for theme, _ in groupby(digest, lambda item: item.theme)]
    assert len(sections) == len(set(sections)), "a section is in two pieces"
    assert [TREE.place(theme) for theme in sections] == sorted(TREE.place(theme) for theme in sections)
    random.shuffle(items)
    assert compose(items, known) == digest, "the order in which articles were due must not matter"
