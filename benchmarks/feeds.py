"""Feeds to collect: Dutch words drawn from a seed, in RSS 2.0 with and without full content, and Atom."""

from datetime import timedelta
from email.utils import format_datetime
from html import escape
from pathlib import Path
from random import Random

from benchmarks.seed import NOW

FEEDS = 500
ENTRIES = 30
_NOUNS = """
gemeente dienstverlening burger inwoner begroting wethouder raad digitaal loket aanvraag vergunning
privacy gegevens beveiliging netwerk cloud leverancier aanbesteding contract samenwerking fusie regio
provincie rijk beleid uitvoering toezicht handhaving zaakgericht werken archief register basis
koppeling standaard open broncode software hardware server opslag model algoritme besluit bezwaar
beroep termijn kosten opbrengst schaal klein groot nieuw oud snel langzaam veilig openbaar intern
extern jaarlijks maandelijks wekelijks medewerker opleiding team directie bestuur projectleider
architect ontwerp test invoering beheer onderhoud storing melding oplossing vraag antwoord
"""
_SMALL = """
de het een van in op met voor door en of maar omdat zodat die dat wordt worden is zijn heeft kan
"""
WORDS, _LINKING = _NOUNS.split(), _SMALL.split()
_COMPOUNDS = [f"{first}{second}" for first in WORDS for second in WORDS]
"""What the text is made of, so that its words are about as many, and as rare, as in a real one."""


def write_feeds(folder: Path, number: int) -> None:
    """So many feeds, as ``0.xml`` and on: a quarter Atom, a quarter RSS with full content, half without.

    An entry of theirs has about 2,560 bytes, 217 words and 13 tags of HTML. Of 60 feeds as they were found on
    the web, the one in the middle has 2,540, 214 and 13.
    """
    for feed in range(number):
        random = Random(feed)
        entries = [_Entry(random, feed, place) for place in range(ENTRIES)]
        text = _atom(feed, entries) if feed % 4 == 0 else _rss(feed, entries, full=feed % 4 == 1)
        Path(folder, f"{feed}.xml").write_text(text, encoding="utf-8")


class _Entry:
    def __init__(self, random: Random, feed: int, place: int) -> None:
        self.title = f"{random.choice(WORDS)} {_sentence(random, 6)[:-1]} {random.randrange(10_000)}"
        self.link = f"https://bron{feed}.example/nieuws/{place}-{random.randrange(10**6)}?utm_source=rss&amp;p={place}"
        self.summary = " ".join(_sentence(random, 12) for _ in range(2))
        self.content = _content(random, f"https://bron{feed}.example", place)
        self.author = f"Redactie {random.choice(WORDS)}"
        self.categories = random.sample(WORDS, 3)
        self.published = NOW - timedelta(hours=4 * place, seconds=random.randrange(9999))


def _content(random: Random, site: str, place: int) -> str:
    """An article's HTML, with the tags that are commonest in feeds about as often as there."""
    one, two, three, four, five, six = (" ".join(_sentence(random, 14) for _ in range(4)) for _ in range(6))
    points = "".join(f"<li>{_sentence(random, 8)}</li>\n" for _ in range(5))
    more, term = random.choice(WORDS), random.choice(WORDS)
    source = f'<a href="https://elders.example/{place}/" target="_blank" rel="noopener">Bron</a>'
    return (
        f'<div class="entry-content"><p><strong>{one}</strong></p>\n'
        f'<figure><img src="{site}/{place}.jpg" alt="Foto" width="600" height="400"></figure>\n'
        f'<p>{two} <a href="{site}/dossier/{place}?utm_source=rss">{more}</a></p>\n'
        f"<h2>{_sentence(random, 4)[:-1]}</h2>\n<p>{three}<br>{four} <code>{term}</code></p>\n"
        f'<p><span style="font-weight: 400;">{five}</span></p>\n<ul>\n{points}</ul>\n'
        f"<p>{six} <em>{source}</em></p>\n"
        f'<p><a href="/meer/{place}">Meer over {more}</a><br></p></div>'
    )


def _sentence(random: Random, words: int) -> str:
    chosen = [random.choice(_COMPOUNDS if place % 3 == 1 else _LINKING) for place in range(words)]
    return " ".join(chosen).capitalize() + "."


def _rss(feed: int, entries: list[_Entry], *, full: bool) -> str:
    items = "".join(
        f"<item><title>{entry.title}</title><link>{entry.link}</link>"
        f'<guid isPermaLink="false">bron{feed}-{place}</guid>'
        f"<pubDate>{format_datetime(entry.published)}</pubDate><dc:creator><![CDATA[{entry.author}]]></dc:creator>"
        + "".join(f"<category>{category}</category>" for category in entry.categories)
        + f"<description><![CDATA[<p>{entry.summary}</p>]]></description>"
        + (f"<content:encoded><![CDATA[{entry.content}]]></content:encoded>" if full else "")
        + "</item>\n"
        for place, entry in enumerate(entries)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
        f"<title>Bron {feed}</title><link>https://bron{feed}.example/</link><description>Nieuws</description>"
        f'<atom:link href="https://bron{feed}.example/feed" rel="self" type="application/rss+xml"/>'
        f"<language>nl-NL</language>{items}</channel></rss>\n"
    )


def _atom(feed: int, entries: list[_Entry]) -> str:
    items = "".join(
        f"<entry><id>tag:bron{feed}.example,2026:{place}</id><title>{entry.title}</title>"
        f'<link rel="alternate" type="text/html" href="{entry.link}"/>'
        f"<published>{entry.published.isoformat()}</published><updated>{entry.published.isoformat()}</updated>"
        f"<author><name>{entry.author}</name></author>"
        + "".join(f'<category term="{category}"/>' for category in entry.categories)
        + f"<summary>{entry.summary}</summary>"
        + f'<content type="html">{escape(entry.content)}</content></entry>\n'
        for place, entry in enumerate(entries)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="nl">'
        f"<id>tag:bron{feed}.example,2026:feed</id><title>Bron {feed}</title>"
        f'<updated>{NOW.isoformat()}</updated><link href="https://bron{feed}.example/"/>{items}</feed>\n'
    )
