"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
from functools import lru_cache
from typing import Any

from feeds.draft import Enclosure
from feeds.feed import KEPT, Feed, FeedItem
from feeds.formats.wording import UNKNOWN_TYPE, entry_of, heading
from feeds.written import Written

VERSION = "https://jsonfeed.org/version/1.1"


class JsonFeed:
    """What is empty is left out, and keys are sorted."""

    name = "JSON Feed"
    extension = "json"
    media_type = "application/feed+json"

    def write(self, feed: Feed) -> Written:
        """The whole document, UTF-8."""
        words = heading(feed)
        before = {
            "authors": [{"name": words.author}],
            "description": words.description,
            "feed_url": feed.url(self.extension),
            "home_page_url": feed.page_url,
            "hubs": [{"type": "WebSub", "url": feed.hub}] if feed.hub else [],
        }
        after = {
            "language": feed.language,
            "next_url": feed.older_url(self.extension),
            "title": words.title,
            "version": VERSION,
        }
        return Written(
            _object(before).removesuffix(b"}") + b', "items": [',
            (_item(item, feed.language, feed.changed) for item in feed.items),
            b"], " + _object(after).removeprefix(b"{") + b"\n",
            between=b", ",
        )


@lru_cache(maxsize=KEPT)
def _item(item: FeedItem, language: str, changed: str) -> bytes:
    entry = entry_of(item, language, changed)
    return _object(
        {
            "id": entry.uri,
            "url": entry.url,
            "title": entry.title,
            "summary": entry.summary,
            "content_html": entry.content,
            # An item must have one of the two.
            "content_text": "" if entry.content else entry.summary or entry.title,
            "date_published": entry.published.isoformat(),
            "date_modified": entry.updated.isoformat(),
            "authors": [{"name": entry.author}] if entry.author else [],
            "tags": list(entry.themes),
            "language": entry.language,
            "image": entry.image,
            "attachments": [_attachment(enclosure) for enclosure in entry.enclosures],
        }
    )


def _attachment(enclosure: Enclosure) -> dict[str, Any]:
    sized = {"size_in_bytes": enclosure.length} if enclosure.length else {}
    return {"url": enclosure.url, "mime_type": enclosure.type or UNKNOWN_TYPE} | sized


def _object(values: dict[str, Any]) -> bytes:
    filled = {key: value for key, value in values.items() if value}
    return json.dumps(filled, ensure_ascii=False, sort_keys=True).encode()
