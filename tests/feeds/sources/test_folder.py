from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.draft import Problem
from feeds.normalise import normalise
from feeds.source import Payload, Reading, Source
from feeds.sources.folder import FolderSource

DATA = Path(__file__).parents[2] / "data" / "folder" / "artikelen"
SOURCE = Source(name="eigen", kind="folder", path="artikelen", url="https://portaal.example/artikelen")


def read(documents: dict[str, bytes | str], source: Source = SOURCE) -> Reading:
    raw = {name: text if isinstance(text, bytes) else text.encode() for name, text in documents.items()}
    return FolderSource().read(source, Payload(raw))


def sample() -> Reading:
    return read({file.relative_to(DATA).as_posix(): file.read_bytes() for file in DATA.rglob("*.*")})


def test_every_good_file_is_a_draft_under_its_path_and_drafts_are_left_out() -> None:
    assert [draft.key for draft in sample().drafts] == [
        "2026/zonder-kop.md", "artikel.md", "met-kop.html", "pagina.html",
    ]  # fmt: skip


def test_bad_files_are_problems_that_name_them_and_say_what_to_do() -> None:
    problems = {problem.what: problem.why for problem in sample().problems}
    assert set(problems) == {"kapot.md", "geen-tekst.md"}
    assert "line 3" in problems["kapot.md"]
    assert "save it as UTF-8" in problems["geen-tekst.md"]


def test_front_matter_and_markdown_become_an_article() -> None:
    draft = next(draft for draft in sample().drafts if draft.key == "artikel.md")
    article, problems = normalise(draft, base="", language="nl")
    assert article is not None
    assert problems == []
    assert article.title == "Eén balie & veel vragen"
    assert article.url == "https://portaal.example/artikelen/balie"
    assert (article.author, article.categories) == ("Eva, Fatima", ("Dienstverlening", "Balie"))
    assert article.published == datetime(2026, 11, 20, tzinfo=UTC)
    assert "<em>alinea</em> met &lt;script&gt;" in article.content
    assert 'href="https://portaal.example/verder"' in article.content


def test_categories_and_tags_count_alike_whichever_the_makers_of_the_site_write() -> None:
    reading = read(
        {
            "a.md": "---\ncategories: [Cloud]\ntags: AVG, Cloud\n---\n# A",
            "b.md": "---\ncategory: Beleid\ntags: [.NET, C#]\n---\n# B",
        }
    )
    assert [draft.categories for draft in reading.drafts] == [("Cloud", "AVG"), ("Beleid", ".NET", "C#")]


@pytest.mark.parametrize(
    "line, shown",
    [
        ("draft: true", False),
        ('draft: "true"', False),
        ("draft: yes", False),
        ("published: false", False),
        ("published: 'False'", False),
        ("draft: false", True),
        ("draft:", True),
        ("published: true", True),
        ("published: 2026-11-20", True),
    ],
)
def test_what_says_that_it_is_not_to_be_published_yet_is_not(line: str, shown: bool) -> None:
    reading = read({"a.md": f"---\ntitle: A\n{line}\n---\nTekst"})
    assert (len(reading.drafts), reading.problems) == (int(shown), [])


def test_a_heading_serves_as_title_and_the_files_name_as_address() -> None:
    draft = sample().drafts[0]
    assert (draft.title, draft.url) == ("Een kop als titel", "https://portaal.example/artikelen/zonder-kop")
    assert "Een kop" not in draft.content


def test_a_slug_loses_what_is_no_character() -> None:
    reading = read({"a.md": '---\nslug: "een\\ud800"\n---\n# A', "b.md": "# B"})
    assert [draft.url.rpartition("/")[2] for draft in reading.drafts] == ["een", "b"]


def test_a_page_speaks_for_itself() -> None:
    draft = next(draft for draft in sample().drafts if draft.key == "pagina.html")
    assert (draft.title, draft.language, draft.summary) == ("The heading", "en", "What it &lt; says")
    assert draft.published == datetime(2026, 11, 18, 8, tzinfo=UTC)
    assert "The text." in draft.content
    assert "menu" not in draft.content


def test_html_may_have_front_matter() -> None:
    draft = next(draft for draft in sample().drafts if draft.key == "met-kop.html")
    assert draft.url == "https://elders.example/pagina"
    assert draft.published == datetime(2026, 11, 17, 9, tzinfo=UTC)


def test_without_any_url_a_file_is_a_problem() -> None:
    reading = read({"a.md": "# A"}, Source(name="eigen", kind="folder", path="artikelen"))
    assert reading.drafts == []
    assert "https://" in reading.problems[0].why


def test_two_files_with_one_address_are_told_apart() -> None:
    reading = read({"a/x.md": "# A", "b/x.md": "# B"})
    assert [draft.key for draft in reading.drafts] == ["a/x.md"]
    assert reading.problems[0].what == "b/x.md"


@pytest.mark.parametrize(
    "head, said",
    [
        ("a: !!python/object/apply:os.getcwd []", "YAML"),
        ("title: x\ndate: 2026-13-45", "YAML"),
        ("title: Raad: ja of nee", "line 2); put quotes around a text with a colon in it"),
        ("title: x\nlive: !!bool perhaps", "YAML"),
        ("title: x\ndate: !!timestamp soon", "YAML"),
        ("title: x\ncategories: [!!int '']", "YAML"),
        (f"title: 0x{'f' * 5_000}", "'title'"),
        ("- just\n- a list", "key: value"),
        ("title: {a: b}", "'title'"),
        ("title: " + "[" * 10_000, "YAML"),
        ("title: " + "x" * 30_000, "shorten"),
        ("a: &a [x]\ncategories: [*a]\ntitle: x", "'categories'"),
        ("slug: x", "no title"),
    ],
)
def test_strange_front_matter_costs_one_file(head: str, said: str) -> None:
    reading = read({"a.md": f"---\n{head}\n---\ntekst", "b.md": "# B"})
    assert [draft.key for draft in reading.drafts] == ["b.md"]
    assert said in reading.problems[0].why


def test_front_matter_in_toml_is_named_as_such() -> None:
    reading = read({"a.md": '+++\ntitle = "A"\n+++\ntekst', "b.md": "# B"})
    assert [draft.key for draft in reading.drafts] == ["b.md"]
    assert "TOML" in reading.problems[0].why


def test_a_date_that_is_none_costs_the_date() -> None:
    reading = read({"a.md": "---\ntitle: A\ndate: morgen\n---\n"})
    assert reading.drafts[0].published is None
    assert "2026-11-24" in reading.problems[0].why


def test_what_could_not_be_read_from_disk_stays_a_problem() -> None:
    problem = Problem("a.md", "no permission")
    assert FolderSource().read(SOURCE, Payload({}, problems=(problem,))).problems == [problem]
