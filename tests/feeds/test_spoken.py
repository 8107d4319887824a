"""What a source leaves unsaid about its language is told from its texts, where these are long enough."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from feeds.draft import Draft
from feeds.language import language_tag
from feeds.shown import make_ready
from feeds.source import Reading, Source
from feeds.spoken import ENOUGH, spoken, with_languages

DUTCH = (
    "De gemeente heeft een nieuw loket geopend voor inwoners die een vergunning willen aanvragen. "
    "Dat meldt de wethouder in een brief aan de raad. Het loket is ook in het weekend bereikbaar, en "
    "wie geen computer heeft, kan bellen."
)
ENGLISH = (
    "The council has opened a new desk for residents who want to apply for a permit. The alderman "
    "announced this in a letter. The desk is open at weekends too, and those without a computer can "
    "pick up the phone instead."
)
SOURCE = Source(name="bron", kind="feed", url="https://bron.example/feed")


def draft(text: str, language: str = "", title: str = "Loket") -> Draft:
    return Draft(key="1", url="https://bron.example/1", title=title, text=text, language=language)


def languages(*drafts: Draft, otherwise: str = "nl") -> list[str]:
    return [draft.language for draft in with_languages(drafts, otherwise)]


def test_a_long_text_speaks_for_itself() -> None:
    assert languages(draft(ENGLISH), draft(DUTCH), otherwise="fr") == ["en", "nl"]


def test_what_is_declared_is_believed() -> None:
    assert languages(draft(ENGLISH, "nl-BE")) == ["nl-BE"]


def test_a_short_text_is_in_the_language_of_the_others() -> None:
    short = draft("", title="Zero trust roadmap")
    assert languages(draft(ENGLISH), short) == ["en", "en"]
    headlines = [draft("", title=sentence) for sentence in ENGLISH.split(". ")]
    assert languages(*headlines) == ["en"] * len(headlines)


def test_a_short_text_by_itself_is_in_the_language_of_the_site() -> None:
    assert languages(draft("", title="Zero trust roadmap"), otherwise="nl") == ["nl"]
    assert languages(draft("x = 1; " * 100, title="x"), otherwise="nl") == ["nl"]


def test_a_source_that_says_nothing_is_read_in_its_language() -> None:
    one = replace(draft(""), content=f"<p>{ENGLISH}</p>")
    shown = make_ready(Reading([one]), SOURCE, "nl")
    assert [article.draft.language for article in shown] == ["en"]
    shown = make_ready(Reading([one], language="de"), SOURCE, "nl")
    assert [article.draft.language for article in shown] == ["de"]


def test_a_language_has_the_tag_that_it_has_today() -> None:
    hebrew = "העירייה פתחה דלפק חדש לתושבים שרוצים לבקש היתר. כך הודיע סגן ראש העיר במכתב למועצה. " * 3
    assert languages(draft(hebrew, title="דלפק")) == ["he"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=ENOUGH, max_size=ENOUGH * 3))
def test_of_any_text_a_language_that_there_is_or_none_is_told_and_always_the_same(text: str) -> None:
    tag = spoken(text)
    assert tag == language_tag(tag) == spoken(text)
