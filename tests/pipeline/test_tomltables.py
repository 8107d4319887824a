"""A config file is changed by its tables: all that is not changed stays where and as it is."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.edges.themeconfig import merged, renamed, without
from pipeline.edges.tomltables import parts

PIECES = st.sampled_from(
    [
        "# Een kop.\n",
        "\n",
        "[site]\n",
        "[[theme]] # een\n",
        "  [[ theme ]]\n",
        "[theme.weights]\navg = 2\n",
        'a = "x" # [site]\n',
        'b = """\n[[theme]]\n# tekst\n"""\n',
        "c = [\n[1],\n]\n",
        "d = 1\r\n",
    ]
)


def is_valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@given(st.lists(PIECES, max_size=8).map("".join).filter(is_valid))
def test_the_parts_are_the_whole(text: str) -> None:
    found = parts(text)
    assert "".join(map(str, found)) == text
    themes = tomllib.loads(text).get("theme", [])
    assert sum(part.of("theme") is not None for part in found) == (len(themes) if type(themes) is list else 0)


CONFIG = """\
# Het portaal.
[site]
name = "Portaal"
base_url = "https://portaal.example"

# De thema's.

[[theme]]
slug = "cloud"
name = "Cloud"  # zoals men zegt
keywords = ["cloud"]
[theme.weights]
cloud = 2
# tot hier de wolken

# De bronnen.

[[source]]
name = "bron"
kind = "folder"
path = "bron"
themes = ["cloud"]
# Meer thema's.
[[theme]]
slug = "avg"
name = "AVG"
parent = "cloud"

# Het einde.
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "kennisportal.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def written(config: Path) -> str:
    return config.read_text(encoding="utf-8")


def changed(text: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


def test_a_theme_gets_another_name_and_nothing_else_moves(config: Path) -> None:
    renamed(config, "cloud", "wolken").replace()
    assert written(config) == changed(
        CONFIG,
        ('slug = "cloud"', 'slug = "wolken"'),
        ('keywords = ["cloud"]\n', 'keywords = ["cloud"]\nformerly = ["cloud"]\n'),
        ('themes = ["cloud"]', 'themes = ["wolken"]'),
        ('parent = "cloud"', 'parent = "wolken"'),
    )


def test_a_theme_goes_with_what_is_within_it_and_the_headings_stay(config: Path) -> None:
    without(config, "cloud").replace()
    start, end = CONFIG.index("[[theme]]"), CONFIG.index("\n# De bronnen")
    assert written(config) == changed(
        CONFIG[:start] + CONFIG[end:],
        ('themes = ["cloud"]', "themes = []"),
        ('parent = "cloud"', 'parent = ""'),
    )


def test_a_theme_that_takes_in_another_keeps_its_place(config: Path) -> None:
    merged(config, "avg", "cloud").replace()
    text = written(config)
    assert text.endswith("# Meer thema's.\n\n# Het einde.\n")
    assert 'keywords = ["cloud"]\ncategories = ["AVG"]\nformerly = ["avg"]\n[theme.weights]\n' in text


@pytest.mark.parametrize(
    "theirs", ["weights = { avg = 3, cloud = 9 }\n", "[theme.weights]\navg = 3\ncloud = 9\n"]
)
@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ("[theme.weights]\ncloud = 2\n", {"cloud": 2, "avg": 3}),
        ("weights = { cloud = 2 }  # wolken\n", {"cloud": 2, "avg": 3}),
        ("weights.cloud = 2\n", {"cloud": 2, "avg": 3}),
        ("", {"avg": 3}),
    ],
)
def test_words_come_with_their_weights_and_those_that_a_theme_has_keep_theirs(
    config: Path, ours: str, expected: dict[str, int], theirs: str
) -> None:
    text = changed(
        CONFIG,
        ("[theme.weights]\ncloud = 2\n", ours),
        ('parent = "cloud"\n', f'parent = "cloud"\nkeywords = ["cloud", "avg", "privacy"]\n{theirs}'),
    )
    config.write_text(text, encoding="utf-8")
    (theme,) = merged(config, "avg", "cloud").settings.theme
    assert theme.weights == expected
    assert theme.keywords == ["cloud", "avg", "privacy"]


def test_what_sources_call_a_theme_stays_that_when_it_is_renamed_or_taken_in(config: Path) -> None:
    config.write_text(changed(CONFIG, ('name = "AVG"', 'name = "Gegevens"')), encoding="utf-8")
    assert renamed(config, "avg", "privacy").settings.theme[1].categories == ["avg"]
    assert merged(config, "avg", "cloud").settings.theme[0].categories == ["avg", "Gegevens"]
    assert renamed(config, "cloud", "wolken").settings.theme[0].categories == []


def test_what_is_within_a_theme_goes_with_it_also_where_other_tables_stand_in_between(config: Path) -> None:
    start, end = CONFIG.index("[theme.weights]"), CONFIG.index("# tot hier")
    weights, text = CONFIG[start:end], CONFIG[:start] + CONFIG[end:]
    apart = changed(text, ('path = "bron"\n', f'path = "bron"\n{weights}'))
    config.write_text(apart, encoding="utf-8")
    without(config, "cloud").replace()
    assert "weights" not in written(config)
    assert [theme["slug"] for theme in tomllib.loads(written(config))["theme"]] == ["avg"]


LISTS = (
    (
        'keywords = ["cloud"]\n',
        'keywords = [\n  "cloud",  # ook in het Engels\n  # geen weer\n  "datacentrum",\n]\n',
    ),
    ('themes = ["cloud"]\n', 'themes = [\n  "cloud",  # meestal\n]\n'),
    ('name = "AVG"\n', 'name = "AVG"\nkeywords = ["avg", "cloud"]\n'),
)


def test_comments_in_a_list_stay_where_it_gets_or_loses_something(config: Path) -> None:
    before = changed(CONFIG, *LISTS)
    config.write_text(before, encoding="utf-8")
    merged(config, "avg", "cloud").replace()
    assert '  # geen weer\n  "datacentrum",\n  "avg",\n]\n' in written(config)
    config.write_text(before, encoding="utf-8")
    renamed(config, "cloud", "wolken").replace()
    assert '  "wolken",  # meestal\n' in written(config)
    config.write_text(changed(before, ('  "cloud",  # meestal\n', '  "cloud",\n  "avg",  # soms\n')))
    without(config, "cloud", ["avg"]).replace()
    assert 'themes = [\n  "avg",  # soms\n]\n' in written(config)
