"""Reading feeds both ways: without feedparser where that is possible, and with it, to the same end.

``python tests/support/both_ways.py FOLDER`` does so with every file in a folder, and fails where they differ.
"""

import sys
from dataclasses import fields
from pathlib import Path
from unittest.mock import patch

from feeds.source import Payload, Reading, Source, SourceError
from feeds.sources import feed
from feeds.sources.plainxml import Document, read_plain_xml

SOURCE = Source(name="bron", kind="feed", url="https://bron.example/feed")


def readings(document: bytes, content_type: str = "") -> tuple[Reading, Reading] | None:
    """What both ways give; None where only feedparser reads it."""
    payload = Payload({SOURCE.url: document}, base=SOURCE.url, content_type=content_type)
    taken = []

    def read(document: bytes, charset: str) -> Document | None:
        taken.append(read_plain_xml(document, charset))
        return taken[0]

    with patch.object(feed, "read_plain_xml", read):
        short = feed.FeedSource().read(SOURCE, payload)
    if taken == [None]:
        return None
    with patch.object(feed, "read_plain_xml", lambda document, charset: None):
        return short, feed.FeedSource().read(SOURCE, payload)


def main(folder: Path) -> None:
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".rss", ".atom", ".xml", ".rdf")]
    short, wrong = 0, []
    for path in files:
        try:
            both = readings(path.read_bytes())
        except SourceError as error:
            both = None
            sys.stdout.write(f"{path.name}: {error}\n")
        if both is None:
            continue
        short += 1
        if both[0] != both[1]:
            differing = [
                f.name for f in fields(Reading) if getattr(both[0], f.name) != getattr(both[1], f.name)
            ]
            wrong.append(f"{path.name}: {', '.join(differing)} differ")
    sys.stdout.write(f"{len(files)} feeds, {short} read without feedparser, {len(wrong)} differently\n")
    sys.exit("\n".join(wrong) if wrong or not files else None)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
