"""Normalising: from what a source says to what can always be published and mailed.

What leaves here holds no markup but the clean HTML of ``content``, no address but absolute http(s) and
mailto ones, and no character that XML or a mail could choke on.
"""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

from feeds.address import untracked, web_address
from feeds.characters import one_line, shorten
from feeds.dates import aware
from feeds.draft import TITLE_LENGTH, Draft, Enclosure, Problem
from feeds.language import language_tag
from feeds.markup import clean_html, plain_text, text_of_clean

SUMMARY_LENGTH = 600
"""A longer summary is cut; without content, it was the content."""
EXCERPT_LENGTH = 300
MADE_TITLE_LENGTH = 80
CONTENT_LENGTH = 500_000
AUTHOR_LENGTH = 200
CATEGORY_LENGTH = 100
CATEGORIES = 50
KEY_LENGTH = 2000
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""The web is not older; an earlier date is a clock or a default gone wrong."""

ENCLOSURES = 10
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")
_SENTENCE = re.compile(r".+?[.!?…](?=\s|$)", re.DOTALL)


def normalise(draft: Draft, *, base: str, language: str) -> tuple[Draft | None, list[Problem]]:
    """A draft fit to publish, or None where nothing could be saved; and what was wrong with it.

    ``title``, ``summary``, ``author`` and ``categories`` come in as HTML or plain text and go out
    plain; ``content`` goes out as clean HTML. Relative addresses resolve against ``base``, or where
    that is empty against the article's own; all but those of enclosures lose what tracks readers.
    ``language`` is for drafts that declare none; what is none at all becomes empty.
    """
    url = web_address(draft.url, base)
    if url is None:
        given = f"the link {shorten(one_line(draft.url), 100)!r} is" if draft.url.strip() else "there is"
        what = _name(replace(draft, url="", key="" if draft.key == draft.url else draft.key))
        return None, [Problem(what, f"{given} no http or https address; it was left out")]
    url = untracked(url)
    problems: list[Problem] = []
    raw = draft.content
    if len(raw) > CONTENT_LENGTH:
        raw = raw[:CONTENT_LENGTH].rpartition("<")[0] or raw[:CONTENT_LENGTH]
        why = f"its text is longer than {CONTENT_LENGTH:,} characters; the rest was cut off"
        problems.append(Problem(_name(draft), why, lost=False))
    content = clean_html(raw, base or url)
    text = text_of_clean(content)
    summary = plain_text(draft.summary[:CONTENT_LENGTH])
    if not content and len(summary) > SUMMARY_LENGTH:
        content = clean_html(draft.summary[:CONTENT_LENGTH], base or url)
        text = text_of_clean(content)
        summary = ""
    summary = shorten(one_line(summary), SUMMARY_LENGTH) or shorten(_beginning(text), EXCERPT_LENGTH)
    title = shorten(one_line(plain_text(draft.title[:CONTENT_LENGTH])), TITLE_LENGTH)
    if not any(unicodedata.category(character)[0] in "LNPS" for character in title):
        title = _first_sentence(summary)  # nothing in it can be seen
        if not title:
            return None, [Problem(_name(draft), "it has no title and no text; it was left out")]
        problems.append(
            Problem(_name(draft), "it has no title; its first sentence serves as one", lost=False)
        )
    published = _published(draft.published)
    if published is None:
        problems.append(
            Problem(_name(draft), "it has no date; the day it was found serves as one", lost=False)
        )
    return (
        Draft(
            key=one_line(draft.key)[:KEY_LENGTH] or url,
            url=url,
            title=title,
            summary=summary,
            content=content,
            author=shorten(_plain(draft.author), AUTHOR_LENGTH),
            language=language_tag(draft.language) or language_tag(language),
            categories=_categories(draft.categories),
            published=published,
            image=untracked(web_address(draft.image, base or url) or ""),
            enclosures=_enclosures(draft.enclosures, base or url),
            text=text,
        ),
        problems,
    )


def _name(draft: Draft) -> str:
    """What to call it in a problem: what an administrator can find it by."""
    for name in (draft.url, draft.key, _plain(draft.title)):
        if name := one_line(name):
            return shorten(name, 200)
    return "an article without title, link or id"


def _plain(markup: str) -> str:
    return one_line(plain_text(markup[: TITLE_LENGTH * 20]))


def _beginning(text: str) -> str:
    return one_line(text[: EXCERPT_LENGTH * 2])  # more than an excerpt needs, and not all of a long text


def _first_sentence(text: str) -> str:
    match = _SENTENCE.match(text)
    return shorten(match[0] if match else text, MADE_TITLE_LENGTH)


def _published(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        moment = aware(moment)
    except OverflowError:  # the offset leads out of the calendar
        return None
    return moment if moment >= EARLIEST else None


def _enclosures(enclosures: tuple[Enclosure, ...], base: str) -> tuple[Enclosure, ...]:
    found: dict[str, Enclosure] = {}
    for enclosure in enclosures[:ENCLOSURES]:
        if address := web_address(enclosure.url, base):
            kind = enclosure.type.strip().lower()
            kind = kind if _MEDIA_TYPE.fullmatch(kind) else ""
            found.setdefault(address, Enclosure(address, kind, min(max(0, enclosure.length), 2**53)))
    return tuple(found.values())


def _categories(categories: tuple[str, ...]) -> tuple[str, ...]:
    plain = (shorten(_plain(category), CATEGORY_LENGTH) for category in categories[: CATEGORIES * 2])
    known = {category.casefold(): category for category in reversed([name for name in plain if name])}
    return tuple(reversed(known.values()))[:CATEGORIES]
