"""Which themes an article is in, by rules in two languages, and how an editor overrules them."""

import pytest
from pydantic import ValidationError

from feeds.classify import Classification, Classifier
from feeds.theme import Theme, ThemeTree


def classify(*themes: Theme, **article: object) -> Classification:
    given = {
        "title": "",
        "text": "",
        "categories": [],
        "source": "bron",
        "source_themes": [],
        "language": "nl",
        "editor": {},
    }
    return Classifier(ThemeTree(themes)).classify(**(given | article))  # type: ignore[arg-type]


def theme(**rules: object) -> Theme:
    return Theme.model_validate({"slug": "thema", "name": "Thema"} | rules)


def test_words_are_found_by_their_stem_in_the_language_of_the_article() -> None:
    rules = theme(keywords=["gemeente", "service"])
    assert classify(rules, title="Gemeenten fuseren").scores == {"thema": 3}
    assert classify(rules, title="Better services", language="en-GB").scores == {"thema": 3}
    assert classify(rules, title="Provincie").scores == {}


def test_a_language_is_no_letter_and_a_platform_no_common_word() -> None:
    rules = theme(keywords=["C++", "C#", ".NET"])
    assert classify(rules, title="Vitamine C, net zo goed").scores == {}
    for title in ("Wij zoeken C++17", "C#: wat nu?", "Naar .Net 8"):
        assert classify(rules, title=title).scores == {"thema": 3}, title
    assert classify(theme(keywords=["net"]), title="Naar .NET 8").scores == {}


def test_in_the_text_it_takes_three_and_more_do_not_count() -> None:
    rules = theme(keywords=["cloud"])
    assert classify(rules, text="cloud cloud").scores == {}
    assert classify(rules, text="cloud cloud cloud").scores == {"thema": 3}
    assert classify(rules, text="cloud " * 50, title="De cloud").scores == {"thema": 6}


def test_a_phrase_is_its_words_in_a_row() -> None:
    rules = theme(keywords=["digitale overheid"])
    assert classify(rules, title="De Digitale  overheden").scores == {"thema": 3}
    assert classify(rules, title="Digitale dienst van de overheid").scores == {}
    assert classify(rules, title="Digitale").scores == {}


def test_a_word_counts_once_whether_its_plural_is_named_too_or_not() -> None:
    rules = theme(keywords=["Cloud", "gemeente", "gemeenten", "cloud"], weights={"gemeenten": 2})
    assert classify(rules, title="Gemeenten in de cloud").scores == {"thema": 9}
    assert classify(rules, text="cloud cloud").scores == {}


class Counting:
    """A stemmer that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def stemWord(self, word: str) -> str:
        self.asked += 1
        return word


def test_what_follows_a_word_is_stemmed_once_however_many_phrases_begin_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stemmer = Counting()
    monkeypatch.setattr("feeds.classify._stemmer", lambda language: stemmer)
    rules = theme(keywords=[f"gemeente {number} in de provincie Drenthe" for number in range(342)])
    assert classify(rules, text="de gemeente " * 1_000).scores == {}
    of_rules, of_the_text = 342 * 6, 1_000 * 6
    assert stemmer.asked < of_rules + of_the_text + 10


def test_a_weight_makes_a_keyword_count_for_more() -> None:
    rules = theme(keywords=["privacy", "avg"], weights={"avg": 4}, threshold=8)
    assert classify(rules, title="Privacy", text="avg").scores == {}
    assert classify(rules, title="Privacy", text="avg avg").scores == {"thema": 11}


@pytest.mark.parametrize(
    "article", [{"text": "over een vacature"}, {"title": "De cloud: vacatures"}, {"categories": ["Vacature"]}]
)
def test_an_exclusion_keeps_it_out_wherever_it_stands(article: dict[str, object]) -> None:
    rules = theme(keywords=["cloud"], exclude=["vacature"])
    result = classify(rules, **({"title": "De cloud"} | article))
    assert result.scores == {}
    assert str(result.evidence[-1]).startswith("excluded by 'vacature' in ")


def test_an_editor_wins_over_every_rule() -> None:
    rules = theme(keywords=["cloud"], exclude=["vacature"])
    put = classify(rules, title="Vacature", editor={"thema": True, "oud": True})
    kept_out = classify(rules, title="De cloud", editor={"thema": False})
    assert (put.scores, kept_out.scores) == ({"thema": 3}, {})
    assert [str(item) for item in kept_out.evidence] == [
        "keyword 'cloud' in the title (+3)",
        "kept out by an editor",
    ]


def test_a_category_counts_once_however_many_names_of_the_theme_it_is() -> None:
    gemeenten = Theme(slug="gemeenten", name="Gemeenten", categories=["Gemeenten", "GEMEENTEN"])
    assert classify(gemeenten, categories=["Gemeenten"]).scores == {"gemeenten": 5}


def test_categories_and_the_source_count_and_parents_hold_their_children() -> None:
    tree = ThemeTree(
        [Theme(slug="ict", name="ICT"), Theme(slug="cloud", name="Cloud", parent="ict", categories=["IaaS"])]
    )
    classifier = Classifier(tree)
    result = classifier.classify(
        title="", text="", categories=["iaas"], source="bron", source_themes=["cloud"], language="", editor={}
    )
    assert result.scores == {"cloud": 8}
    places = classifier.place(result)
    assert places["ict"].evidence == ("holds cloud",)
    assert places["cloud"].evidence == (
        "source 'bron' in the config (+3)",
        "category 'iaas' in its categories (+5)",
    )


@pytest.mark.parametrize("weights", [{"wolk": 2}, {"cloud": 0}, {"cloud": 101}])
def test_a_weight_is_of_a_keyword_and_within_reason(weights: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="weights"):
        theme(keywords=["cloud"], weights=weights)
