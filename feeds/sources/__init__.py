"""The kinds of source: one file each, one line each here."""

from feeds.source import SourceKind
from feeds.sources.feed import FeedSource
from feeds.sources.folder import FolderSource
from feeds.sources.sitemap import SitemapSource
from feeds.sources.wordpress import WordpressSource

KINDS: dict[str, SourceKind] = {
    kind.name: kind for kind in (FeedSource(), SitemapSource(), WordpressSource(), FolderSource())
}
