"""Publishing::

    themes with news past their feed's cursor ─▶ select ─▶ build every format ─▶ check ─▶ switch ─▶ cursor

A theme's documents go live together or not at all. Where nothing happened since the last time, that
is seen from the cursors alone, and no file is touched.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from feeds.check import check
from feeds.feed import Feed, FeedItem
from feeds.formats import FORMATS
from feeds.formats.opml import Outline, write_opml
from feeds.identity import tag_uri
from feeds.theme import EVERYTHING, ThemeTree
from pipeline.ports import Clock, Live, PublishError, PublishWork, Start

_INSTALLED = "installed"


@dataclass(frozen=True, slots=True)
class Imprint:
    """What the config says about publishing.

    ``made_from`` names the config, the templates and the version: with it, all documents change.
    """

    name: str
    base_url: str
    host: str
    language: str
    entries: int
    hub: str
    made_from: str


@dataclass(slots=True)
class PublishReport:
    """The themes (and ``all``) by what became of them; ``failed`` with the reasons."""

    built: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


class Publisher:
    """Publishes the feeds of a theme tree.

    ``page`` writes a feed's readable twin, given the numbers of articles per theme.
    """

    def __init__(
        self,
        *,
        read: Start[PublishWork],
        write: Start[PublishWork],
        live: Live,
        tree: ThemeTree,
        imprint: Imprint,
        page: Callable[[Feed, Mapping[str, int]], bytes],
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._live = live
        self._tree = tree
        self._imprint = imprint
        self._page = page
        self._clock = clock

    def publish(self, only: Collection[str] = (), *, force: bool = False) -> PublishReport:
        """Bring what is live up to the log: all themes, or ``only`` these. ``force`` builds regardless."""
        report = PublishReport()
        slugs = [slug for slug in self._slugs() if not only or slug in only]
        with self._read() as work:
            late = [slug for slug in slugs if force or self._is_late(work, slug)]
            retired = [] if only else sorted(work.publication.published() - set(slugs))
            installed = work.register.fact(_INSTALLED)
        if not installed:
            with self._write() as work:
                if not work.register.fact(_INSTALLED):
                    work.register.set_fact(_INSTALLED, self._clock().isoformat())
        report.unchanged = [slug for slug in slugs if slug not in late]
        for slug in late:
            self._bring_up(slug, report)
        for slug in retired:
            self._live.remove(slug)
            with self._write() as work:
                work.publication.forget(slug)
            report.removed.append(slug)
        if late:
            outlines = (Outline(self._imprint.name, EVERYTHING), *self._outlines(""))
            document = write_opml(self._imprint.name, self._imprint.base_url, outlines)
            self._live.write("feeds/index.opml", document)
        return report

    def late(self) -> list[str]:
        """The themes whose documents do not show the log as it is."""
        with self._read() as work:
            return [slug for slug in self._slugs() if self._is_late(work, slug)]

    def check(self, read: Callable[[str], bytes | None]) -> dict[str, list[str]]:
        """What is wrong with the documents that are out, by theme; ``read`` gives one by its public path."""
        faults: dict[str, list[str]] = {}
        with self._read() as work:
            for slug in self._slugs():
                if self._is_late(work, slug):
                    faults[slug] = ["it is not up to date"]
                    continue
                feed = self._feed(work, slug)
                faults[slug] = []
                for extension in FORMATS:
                    document = read(f"feeds/{slug}.{extension}")
                    if document is None:
                        faults[slug].append(f"{extension}: it is missing")
                    else:
                        faults[slug] += [
                            f"{extension}: {fault}" for fault in check(extension, document, feed)
                        ]
        return faults

    def _slugs(self) -> Iterator[str]:
        yield from (theme.slug for theme in self._tree)
        yield EVERYTHING

    def _outlines(self, parent: str) -> tuple[Outline, ...]:
        return tuple(
            Outline(theme.name, theme.slug, theme.description, self._outlines(theme.slug))
            for theme in self._tree.children(parent)
        )

    def _is_late(self, work: PublishWork, slug: str) -> bool:
        position, made_from = work.publication.cursor(slug)
        head, _ = work.log.last_change(_named(slug))
        return head > position or made_from != self._imprint.made_from or not self._live.stands(slug)

    def _bring_up(self, slug: str, report: PublishReport) -> None:
        """Build, check and switch one theme. What fails is reported, and leaves what was live."""
        try:
            # Alone from reading on, or another publisher could put something older over something newer.
            with self._live.alone():
                self._build(slug, report)
        except PublishError as error:
            report.failed[slug] = [str(error)]

    def _build(self, slug: str, report: PublishReport) -> None:
        with self._read() as work:
            position = work.log.head()
            feed = self._feed(work, slug)
            counts = work.articles.count() if slug == EVERYTHING else {}
        documents = {kind.extension: kind.write(feed) for kind in FORMATS.values()}
        faults = [
            f"{extension}: {fault}"
            for extension, document in documents.items()
            for fault in check(extension, document, feed)
        ]
        if faults:
            report.failed[slug] = faults
            return
        page = "index.html" if slug == EVERYTHING else f"themes/{slug}.html"
        files = {f"feeds/{slug}.{extension}": document for extension, document in documents.items()}
        changed = self._live.switch(slug, files | {page: self._page(feed, counts)})
        with self._write() as work:
            work.publication.advance(slug, position, self._imprint.made_from)
        (report.built if changed else report.unchanged).append(slug)

    def _feed(self, work: PublishWork, slug: str) -> Feed:
        """The theme's feed as the log has it now. Nothing in it depends on when it is made."""
        _, updated = work.log.last_change(_named(slug))
        installed = datetime.fromisoformat(work.register.fact(_INSTALLED))
        latest = work.articles.latest(_named(slug), self._imprint.entries)
        places = work.articles.themes([id for id, _ in latest])
        items = tuple(
            FeedItem(
                article,
                tuple(
                    theme.name
                    for theme in self._tree
                    if theme.slug in places[id] and places[id][theme.slug].score
                ),
                work.sources.memory(article.source).title,
            )
            for id, article in latest
        )
        theme = None if slug == EVERYTHING else self._tree[slug]
        return Feed(
            slug=slug,
            uri=tag_uri(self._imprint.host, installed.date(), "feed", slug),
            title=f"{self._imprint.name}: {theme.name}" if theme else self._imprint.name,
            description=theme.description if theme else "",
            language=self._imprint.language,
            base_url=self._imprint.base_url,
            author=self._imprint.name,
            updated=updated or installed,
            items=items,
            hub=self._imprint.hub,
        )


def _named(slug: str) -> str | None:
    """A theme as the store names it, where everything is None."""
    return None if slug == EVERYTHING else slug
