import pickle
from pathlib import Path

import pytest

from feeds.classify import Classifier
from feeds.document import Document, pack, read_document, unpack
from feeds.source import Payload, Reading, Source
from feeds.sources.feed import FeedSource
from feeds.theme import Theme, ThemeTree

FEEDS = sorted((Path(__file__).parents[1] / "data" / "feed").iterdir())
SOURCE = Source(name="bron", kind="feed", url="https://bron.example/feed", themes=["nieuws"])
THEMES = [
    Theme(slug="alles", name="Alles"),
    Theme(slug="nieuws", name="Nieuws", parent="alles", keywords=["gemeente", "article", "feed"]),
]


def document(path: Path, *, placed: bool) -> Document:
    payload = Payload({SOURCE.url: path.read_bytes()}, base=SOURCE.url)
    return Document(SOURCE, payload, "nl", placed)


@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.name)
def test_what_a_document_shows_is_the_same_after_a_journey(path: Path, placed: bool) -> None:
    found = read_document(FeedSource(), document(path, placed=placed), Classifier(ThemeTree(THEMES)))
    reading, shown = found
    assert isinstance(reading, Reading)
    assert shown
    assert reading.drafts == []
    assert all((one.places is None) is not placed for one in shown)
    assert unpack(pickle.loads(pickle.dumps(pack(found)))) == found


def test_an_article_that_is_given_its_places_is_above_them_too() -> None:
    _, shown = read_document(FeedSource(), document(FEEDS[0], placed=True), Classifier(ThemeTree(THEMES)))
    assert shown[0].places is not None
    assert set(shown[0].places) == {"alles", "nieuws"}


def test_a_source_that_calls_its_language_by_name_has_the_sites() -> None:
    feed = b"""<rss version="2.0"><channel><title>Bron</title><language>Nederlands (Belgie)</language><item>
    <title>Een</title><link>https://bron.example/1</link></item></channel></rss>"""
    payload = Payload({SOURCE.url: feed}, base=SOURCE.url)
    _, (one,) = read_document(
        FeedSource(), Document(SOURCE, payload, "nl", placed=False), Classifier(ThemeTree(THEMES))
    )
    assert one.draft.language == "nl"
