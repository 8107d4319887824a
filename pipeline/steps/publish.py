"""Publishing::

    themes with news past their feed's cursor ─▶ select ─▶ archive ─▶ build ─▶ check ─▶ switch ─▶ cursor

A theme's documents go live together or not at all. Where nothing happened since the last time, that
is seen from the cursors alone, and no file is touched.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from feeds.characters import one_line, shorten
from feeds.check import check
from feeds.feed import Feed, public_path
from feeds.formats import FORMATS
from feeds.formats.opml import Outline, write_opml
from feeds.history import Archive
from feeds.page import LATELY
from feeds.theme import EVERYTHING, ThemeTree
from pipeline.ports import Clock, Start
from pipeline.ports_publishing import Live, PublishError, PublishWork
from pipeline.steps.archive import archive
from pipeline.steps.reread import Read, compared, read_back
from pipeline.steps.select import AUTHORITY, INSTALLED, Imprint, Selector

INDEX = "feeds/index.opml"
MANIFEST = "feeds/manifest.json"

_AT_ONCE = 5
"""Themes that are brought up to date between two commits."""


@dataclass(slots=True)
class PublishReport:
    """The themes (and ``all``) by what became of them; ``failed`` with the reasons."""

    built: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


class Publisher:
    """Publishes the feeds of a theme tree.

    ``pages`` writes a feed's readable twin and its fragment, by their public paths, given the numbers of
    recent articles per theme. ``compress`` gives a document's compressed forms by theirs.
    """

    def __init__(
        self,
        *,
        read: Start[PublishWork],
        write: Start[PublishWork],
        live: Live,
        tree: ThemeTree,
        imprint: Imprint,
        pages: Callable[[Feed, Mapping[str, int]], Mapping[str, bytes]],
        compress: Callable[[str, bytes], Mapping[str, bytes]],
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._live = live
        self._tree = tree
        self._imprint = imprint
        self._selector = Selector(tree, imprint)
        self._pages = pages
        self._compress = compress
        self._clock = clock

    def publish(self, only: Collection[str] = (), *, force: bool = False) -> PublishReport:
        """Bring what is live up to the log: all themes, or ``only`` these. ``force`` builds regardless."""
        report = PublishReport()
        slugs = [slug for slug in self._slugs() if not only or slug in only]
        with self._read() as work:
            standing = _Standing.of(work)
        retired = [] if only else sorted(standing.cursors.keys() - set(self._slugs()))
        late = slugs if force else self._late(standing, slugs)
        report.unchanged = [slug for slug in slugs if slug not in late]
        if not late and not retired and self._live.has([INDEX, MANIFEST]):
            return report
        self._install()
        with ExitStack() as stack:
            try:
                # Alone from reading on, or another publisher could put something older over something newer.
                stack.enter_context(self._live.alone())
            except PublishError as error:
                report.failed = {slug: [str(error)] for slug in late or retired or [INDEX]}
                return report
            self._bring_up(late, standing, report, force)
            if retired or not late:
                self._take_down(retired, report)
        return report

    def late(self) -> list[str]:
        """The themes whose documents do not show the log as it is."""
        with self._read() as work:
            standing = _Standing.of(work)
        return self._late(standing, list(self._slugs()))

    def check(self, read: Read) -> dict[str, list[str]]:
        """What is wrong with what is out, by theme."""
        faults: dict[str, list[str]] = {}
        with self._read() as work:
            late = self._late(_Standing.of(work), list(self._slugs()))
            for slug in self._slugs():
                if slug in late:
                    faults[slug] = ["it is not up to date"]
                    continue
                archives = work.publication.archives(slug)
                feed, _ = self._selector.current(work, slug)
                feed = replace(feed, older=len(archives))
                news = _news(work, feed) if slug == EVERYTHING else {}
                faults[slug] = read_back(feed, read) + compared(self._pages(feed, news), read)
                for archive in archives:
                    # What was changed since it was full stands in it as it was: only its own words count.
                    faults[slug] += [
                        f"archive {archive.number}, {fault}"
                        for fault in read_back(self._selector.archive(work, slug, archive), read)
                    ]
        faults[EVERYTHING] += compared({INDEX: self._index[INDEX]}, read)
        return faults

    def _slugs(self) -> Iterator[str]:
        yield from (theme.slug for theme in self._tree)
        yield EVERYTHING

    def _outlines(self, parent: str) -> tuple[Outline, ...]:
        return tuple(
            Outline(theme.name, theme.slug, theme.description, self._outlines(theme.slug))
            for theme in self._tree.children(parent)
        )

    def _late(self, standing: "_Standing", slugs: Sequence[str]) -> list[str]:
        late = {slug for slug in slugs if standing.is_behind(slug, self._imprint.made_from)}
        late |= self._live.missing([slug for slug in slugs if slug not in late])
        return [slug for slug in slugs if slug in late]

    def _install(self) -> None:
        """Write down what the ids of feeds begin with; first, so that who may not write builds nothing."""
        with self._write() as work:
            for name, value in ((INSTALLED, self._clock().isoformat()), (AUTHORITY, self._imprint.host)):
                if not work.register.fact(name):
                    work.register.set_fact(name, value)

    def _bring_up(
        self, slugs: Sequence[str], standing: "_Standing", report: PublishReport, force: bool
    ) -> None:
        """Build, check and switch these themes. What fails is reported, and leaves what was live.

        Some at a time are read in one look and written down together. Who dies in between builds the same
        bytes again.
        """
        for first in range(0, len(slugs), _AT_ONCE):
            live = []
            with self._read() as work:
                position = work.log.head()
                for slug in slugs[first : first + _AT_ONCE]:
                    after, _ = standing.cursors.get(slug, (0, ""))
                    try:
                        made = self._build(work, slug, after, position, force)
                    except Unfit as error:
                        report.failed[slug] = error.faults
                    except PublishError as error:
                        report.failed[slug] = [str(error)]
                    else:
                        live.append(made)
                        (report.built if made.changed else report.unchanged).append(slug)
            # Before the cursors move: who dies in between is behind, and comes here again.
            if not self._list(report):
                continue
            with self._write() as work:
                for made in live:
                    work.publication.keep(made.slug, made.archives)
                    work.publication.advance(made.slug, position, self._imprint.made_from)
                    if made.topics:
                        work.publication.ping(made.topics, self._clock())
                work.publication.revive([made.slug for made in live])
                # Their news would be looked for ever further back.
                work.publication.catch_up(report.unchanged, standing.head)

    def _build(self, work: PublishWork, slug: str, after: int, position: int, force: bool) -> "_Generation":
        feed, shown = self._selector.current(work, slug)
        news = _news(work, feed) if slug == EVERYTHING else {}
        archives, newest = archive(
            work,
            self._selector,
            slug,
            made_from=self._imprint.archives_from,
            after=after,
            shown=shown,
            force=force,
            put=self._put,
        )
        feed = replace(feed, older=newest)
        changed = self._put(feed, self._pages(feed, news))
        # Also where it died after the last switch: the documents stand, and nobody was told.
        untold = bool(self._imprint.hub) and (changed or position > after)
        return _Generation(slug, archives, [feed.url(kind) for kind in FORMATS] if untold else [], changed)

    def _put(self, feed: Feed, pages: Mapping[str, bytes] = MappingProxyType({})) -> bool:
        """Put a document live in every format. Raises Unfit, and leaves what was live."""
        documents = _written(feed)
        files: dict[str, bytes] = {public_path(feed, kind): document for kind, document in documents.items()}
        files |= pages
        for path, document in list(files.items()):
            files |= self._compress(path, document)
        return self._live.switch(feed.slug, files, feed.archive, lambda: _require_fit(feed, documents))

    def _take_down(self, slugs: Sequence[str], report: PublishReport) -> None:
        for slug in slugs:
            try:
                self._live.remove(slug)
            except PublishError as error:
                report.failed[slug] = [str(error)]
            else:
                report.removed.append(slug)
        if self._list(report):
            with self._write() as work:
                for slug in report.removed:
                    work.publication.retire(slug, self._clock())

    def _list(self, report: PublishReport) -> bool:
        """The lists of what there is: for readers as OPML, for caches as a manifest. Reports what fails."""
        try:
            for path, form in self._index.items():
                self._live.write(path, form)
            self._live.catalogue(MANIFEST)
        except PublishError as error:
            report.failed[INDEX] = [str(error)]
            return False
        return True

    @cached_property
    def _index(self) -> Mapping[str, bytes]:
        outlines = (Outline(self._imprint.name, EVERYTHING), *self._outlines(""))
        document = write_opml(self._imprint.name, self._imprint.base_url, outlines)
        return {INDEX: document, **self._compress(INDEX, document)}


def _news(work: PublishWork, feed: Feed) -> Mapping[str, int]:
    """How many articles each theme had in the days up to the newest one."""
    if not feed.items:
        return {}
    return work.articles.lately(feed.items[0].article.published - LATELY)


class Unfit(Exception):
    """Documents that must not go live; ``faults`` says what is wrong with them."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def _written(feed: Feed) -> dict[str, bytes]:
    """The document in every format, by its extension. Raises Unfit where one can't be made."""
    documents: dict[str, bytes] = {}
    for kind in FORMATS.values():
        try:
            documents[kind.extension] = kind.write(feed)
        except Exception as error:  # a fault of one theme, or of ours with it, is not the others'
            why = shorten(one_line(f"{type(error).__name__}: {error}"), 200)
            raise Unfit([f"{kind.extension}: it can't be written ({why})"]) from error
    return documents


def _require_fit(feed: Feed, documents: Mapping[str, bytes]) -> None:
    faults = [
        f"{extension}: {fault}"
        for extension, document in documents.items()
        for fault in check(extension, document, feed)
    ]
    if faults:
        raise Unfit(faults)


@dataclass(frozen=True, slots=True)
class _Generation:
    """A theme's documents that went live, and the archives that did before them.

    ``topics`` are the documents that the hub is to hear of; ``changed`` tells whether they are others than
    before.
    """

    slug: str
    archives: Sequence[Archive]
    topics: Sequence[str]
    changed: bool


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far the feeds follow the log, and what it holds past the one that is furthest behind."""

    head: int
    cursors: Mapping[str, tuple[int, str]]
    news: Mapping[str, int]

    def is_behind(self, slug: str, made_from: str) -> bool:
        """Whether a theme's documents do not show all of the log, or were made from something else."""
        position, made = self.cursors.get(slug, (0, ""))
        return made != made_from or position < (self.head if slug == EVERYTHING else self.news.get(slug, 0))

    @classmethod
    def of(cls, work: PublishWork) -> "_Standing":
        head = work.log.head()
        cursors = work.publication.cursors()
        behind = min((position for position, _ in cursors.values()), default=0)
        return cls(head, cursors, work.log.last_positions(behind) if behind < head else {})
