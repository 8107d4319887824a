"""A feed in feedgen's terms: what RSS and Atom have in common.

feedgen puts "now" wherever a date is not set, so every date is set here.
"""

from typing import Any

from feedgen.feed import FeedGenerator

from feeds.feed import Feed
from feeds.formats.wording import GENERATOR, Entry, heading, moment


def generator(feed: Feed, extension: str, media_type: str) -> Any:
    """A FeedGenerator with everything but the items, in the format that lives at ``extension``."""
    made = FeedGenerator()
    words = heading(feed)
    made.id(feed.uri)
    made.title(words.title)
    made.author(name=words.author)
    made.language(feed.language)
    made.generator(GENERATOR)
    made.updated(moment(feed.updated))
    made.link(href=feed.url(extension), rel="self", type=media_type)
    if feed.hub:
        made.link(href=feed.hub, rel="hub")
    # RSS takes the last link for the channel's own.
    made.link(href=feed.page_url, rel="alternate", type="text/html")
    return made


def add(made: Any, entry: Entry) -> Any:
    """The entry as a FeedEntry at the end of a FeedGenerator, without its summary and enclosures."""
    added = made.add_entry(order="append")
    added.guid(entry.uri, permalink=False)
    added.title(entry.title)
    added.link(href=entry.url, rel="alternate")
    added.published(entry.published)
    added.updated(entry.updated)
    if entry.content:
        added.content(entry.content, type="html")
    for theme in entry.themes:
        added.category(term=theme)
    return added
