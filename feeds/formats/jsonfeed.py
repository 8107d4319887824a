"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
from typing import Any

from feeds.article import Enclosure
from feeds.feed import Feed
from feeds.formats.wording import UNKNOWN_TYPE, Entry, entries, heading

VERSION = "https://jsonfeed.org/version/1.1"


class JsonFeed:
    """What is empty is left out, and keys are sorted."""

    name = "JSON Feed"
    extension = "json"
    media_type = "application/feed+json"

    def write(self, feed: Feed) -> bytes:
        """The whole document, UTF-8."""
        words = heading(feed)
        document = {
            "version": VERSION,
            "title": words.title,
            "description": words.description,
            "language": feed.language,
            "home_page_url": feed.page_url,
            "feed_url": feed.url(self.extension),
            "next_url": feed.older_url(self.extension),
            "hubs": [{"type": "WebSub", "url": feed.hub}] if feed.hub else [],
            "authors": [{"name": words.author}],
        }
        items = [_item(entry) for entry in entries(feed)]
        text = json.dumps(_filled(document) | {"items": items}, ensure_ascii=False, sort_keys=True)
        return text.encode() + b"\n"


def _item(entry: Entry) -> dict[str, Any]:
    return _filled(
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


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
