"""Rendering: what a letter costs in an edition of 20,000 segments, against one of 200."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from benchmarks.apart import apart
from benchmarks.row import Row
from benchmarks.scale import scaled
from benchmarks.seed import ARTICLES, NOW, SLUGS, TREE
from feeds.article import Article
from feeds.log import Due, Kind
from pipeline.edges.templates import environments
from subscribers.digest import Composer, Digest, Facts
from subscribers.render import Renderer, Sender

MANY, FEW = 20_000, 200
WEB = "https://portaal.example/editions/1.abc"


def rows() -> Iterator[Row]:
    many, memory = apart(per_letter, scaled(MANY))
    few, _ = apart(per_letter, scaled(FEW))
    yield Row("render", many, few, f"a letter in an edition of {FEW}", "ms", memory)


def per_letter(segments: int) -> float:
    """Milliseconds per letter, in an edition of this many segments, with the real templates."""
    random = Random(3)
    articles = {number: _article(number) for number in range(1, ARTICLES + 1)}
    placed = {number: frozenset(random.sample(SLUGS, 3)) for number in articles}
    facts = {number: Facts(article.published, {}) for number, article in articles.items()}
    composer = Composer(TREE, facts)
    digests: list[Digest] = []
    while len(digests) < segments:
        following = frozenset(random.sample(SLUGS, random.randint(1, 5)))
        due = [
            Due(number, Kind.NEW, themes & following)
            for number, themes in placed.items()
            if themes & following
        ]
        if due:
            digests.append(composer.compose(due))
    sender = Sender("Portaal", "https://portaal.example", "Voorbeeldstraat 1, Voorbeeldstad")
    renderer = Renderer(environments(own=None, zone=ZoneInfo("Europe/Amsterdam")), sender, TREE)
    began = time.perf_counter()
    for digest in digests:
        renderer.letter(digest, articles, frequency="weekly", day=NOW.date(), language="nl", web_url=WEB)
    return (time.perf_counter() - began) / segments * 1000


def _article(number: int) -> Article:
    return Article(
        uri=f"tag:portaal.example,2026:{number}",
        source="portaal",
        url=f"https://portaal.example/artikelen/{number}",
        title=f"Artikel {number} over dienstverlening en regie",
        summary="De gemeente bundelt haar dienstverlening en houdt zelf de regie. " * 4,
        author="De redactie",
        published=datetime(2026, 12, 1, tzinfo=UTC) + timedelta(hours=number),
        updated=NOW,
        fingerprint="x",
    )
