"""What every kind of source promises, tried on its samples and on nonsense."""

from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from hypothesis import given, settings
from hypothesis import strategies as st
from visiting import Respond, answers, visit

from feeds.identity import aliases
from feeds.normalise import normalise
from feeds.source import (
    HttpRequest,
    Memory,
    NotModified,
    Payload,
    Reading,
    Request,
    Source,
    SourceError,
    SourceKind,
    Validators,
)
from feeds.sources import KINDS
from feeds.sources.feed import FeedSource

DATA = Path(__file__).parents[1] / "data"


def source(kind: SourceKind) -> Source:
    return Source(name="bron", kind=kind.name, url="https://bron.example/feed", path="artikelen")


def look(kind: SourceKind, respond: Respond) -> Reading:
    reading = visit(kind, source(kind), respond)
    assert isinstance(reading, Reading)
    return reading


def samples() -> list[ParameterSet]:
    """Every file or folder in ``tests/data/<kind>`` is one source."""
    return [
        pytest.param(kind, answers(path), id=f"{name}-{path.name}")
        for name, kind in KINDS.items()
        for path in sorted((DATA / name).iterdir())
    ]


every_kind = pytest.mark.parametrize("kind", [pytest.param(kind, id=name) for name, kind in KINDS.items()])


@every_kind
def test_a_kind_has_samples_and_is_registered_under_its_name(kind: SourceKind) -> None:
    assert KINDS[kind.name] is kind
    assert any((DATA / kind.name).iterdir())


@pytest.mark.parametrize("kind, respond", samples())
def test_drafts_have_distinct_keys_and_can_be_published(kind: SourceKind, respond: Respond) -> None:
    reading = look(kind, respond)
    assert reading.drafts
    keys = [draft.key for draft in reading.drafts]
    assert all(keys)
    assert len(set(keys)) == len(keys)
    for draft in reading.drafts:
        article, problems = normalise(draft, base=reading.base, language="nl")
        assert article is not None or any(problem.lost for problem in problems)
        assert len(aliases(article or draft, "bron")) == 3


@pytest.mark.parametrize("kind, respond", samples())
def test_reading_twice_gives_the_same(kind: SourceKind, respond: Respond) -> None:
    assert look(kind, respond) == look(kind, respond)


@every_kind
def test_what_cannot_be_fetched_ends_the_visit_with_that_reason(kind: SourceKind) -> None:
    with pytest.raises(SourceError, match="it is away"):
        look(kind, lambda request: SourceError("it is away"))


@every_kind
def test_an_unchanged_source_is_not_read(kind: SourceKind) -> None:
    assert visit(kind, source(kind), lambda request: NotModified(), Memory(Validators("a"))) == NotModified()


@every_kind
def test_a_request_names_what_the_config_lacks(kind: SourceKind) -> None:
    lacking = Source.model_construct(name="bron", kind=kind.name, url="", path="")
    with pytest.raises(SourceError, match="bron"):
        next(kind.visit(lacking, Memory()))


WORDS = r"""
<urlset> <url> <loc>https://bron.example/x</loc> <lastmod>2026-13 [{"link":"x","modified":"2026-01-01"}]
<rss> <item> <entry> <title> </title> &#99999999999; <![CDATA[ <feed> &e; <guid> <link>http://[</link>
<?xml~version="1.0"~encoding="undefined"?> <!DOCTYPE~x~[<!ENTITY~e~'eeee'>]> <pubDate>0</pubDate>
{"version":"https://jsonfeed.org/version/1", "items":[ {"id":1,"title":"\ud800"} ]}
--- date:~2026-13-45 title:~&a~[*a] #~x url:~http://[
"""
SCRAPS = st.sampled_from([word.replace("~", " ").encode() for word in WORDS.split()] + [b"\n", b"\n---\n"])
DOCUMENTS = st.binary(max_size=300) | st.lists(SCRAPS | st.binary(max_size=8), max_size=12).map(b"".join)


@every_kind
@settings(max_examples=150, deadline=None)
@given(document=DOCUMENTS)
def test_no_bytes_crash_a_kind(kind: SourceKind, document: bytes) -> None:
    def respond(request: Request) -> Payload:
        names = [request.url] if isinstance(request, HttpRequest) else ["a.md", "map/b.html", "c.txt"]
        return Payload(dict.fromkeys(names, document), base="https://bron.example/")

    refusal, drafts = "bron", []
    try:
        drafts = look(kind, respond).drafts
    except SourceError as error:
        refusal = str(error)
    assert "bron" in refusal
    assert "\n" not in refusal
    for draft in drafts:
        assert draft.key
        normalise(draft, base="https://bron.example/", language="nl")


@pytest.mark.parametrize("sample", sorted((DATA / "feed").iterdir()), ids=lambda path: path.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_feed_is_read_or_refused_in_one_line(sample: Path, data: st.DataObject) -> None:
    document = bytearray(sample.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(document)))
    try:
        reading = FeedSource().read(source(FeedSource()), Payload(documents={"x": bytes(document[:cut])}))
    except SourceError:
        return
    for draft in reading.drafts:
        normalise(draft, base="https://bron.example/", language="nl")
