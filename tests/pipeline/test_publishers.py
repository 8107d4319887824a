"""Random histories of publishers, held against a plain account of what each article is and says.

The machine below publishes, edits, moves and breaks through made-up publishers, and has them looked at by
the real collector and store. Beside it stands what a reader would say: which articles there are, whether they
are the same as before, and whether what changed in them is worth telling.

Left out is what nobody could tell apart: an article of which the id, the address, the path with the title,
and the words or the date have all changed between two looks; and two that have the same title and id at other
addresses, which is how one article looks that was rewritten and moved.
"""

import os
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from histories import empty
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from publishers import KINDS, Door, Known, Piece, Publisher, copied, fresh

from feeds.classify import Classifier
from feeds.identity import address_alias
from feeds.log import Kind
from feeds.markup import plain_text
from feeds.sources import KINDS as SOURCE_KINDS
from feeds.theme import Theme, ThemeTree
from feeds.words import tokens
from pipeline.steps.absorb import House
from pipeline.steps.collect import Collector, CollectReport
from pipeline.steps.editing import Editor
from pipeline.steps.settle import SourceReport
from pipeline.store.session import Database
from pipeline.store.work import Store

HUNT = int(os.environ.get("KENNISPORTAL_TEST_HISTORIES", "0"))
"""So many new histories; without it a few that are always the same, for who changes something else."""
EXAMPLES = HUNT or 16

numbers = st.integers(0, 1000)
FIRST = (Kind.NEW, Kind.BACKFILL)


class Killed(Exception):
    """The process is gone before it committed."""


class Publishers(RuleBasedStateMachine):
    database: Database

    def __init__(self) -> None:
        super().__init__()
        empty(self.database)
        self.store = Store(self.database, b"suppression")
        self.now = datetime(2026, 10, 21, 9, 0, tzinfo=UTC)
        self.behind = timedelta(0)
        self.door = Door()
        self.roots = 0
        self.known: dict[int, Known] = {}
        self.seen: dict[tuple[str, int], tuple[Piece, str]] = {}
        """Each publisher's pieces as they were when they were last taken in, and at which url."""
        self.dying = False

    # What the world is like.

    @initialize(kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=3))
    def found(self, kinds: list[str]) -> None:
        for number, kind in enumerate(kinds):
            publisher = Publisher(f"bron{number}", kind)
            self.door.publishers[publisher.name] = publisher
            for _ in range(3):
                self._publish(publisher)

    @property
    def publishers(self) -> list[Publisher]:
        return list(self.door.publishers.values())

    def one(self, number: int, *kinds: str) -> Publisher | None:
        """One of the publishers, of these kinds if any are given."""
        fit = [publisher for publisher in self.publishers if not kinds or publisher.kind in kinds]
        return fit[number % len(fit)] if fit else None

    def _publish(self, publisher: Publisher, **more: object) -> Piece:
        piece = replace(fresh(publisher, self.roots, self.now), **more)
        self.roots += 1
        publisher.pieces[piece.root] = piece
        publisher.shown.insert(0, piece.root)
        return piece

    def _shown(self, place: int, number: int) -> tuple[Publisher, Piece | None]:
        publisher = self.one(place)
        assert publisher is not None
        offered = publisher.offered
        return publisher, offered[number % len(offered)] if offered else None

    def _recognisable(self, publisher: Publisher, piece: Piece) -> bool:
        """Whether anything is left by which somebody could know a piece again."""
        before, url = self.seen.get((publisher.name, piece.root), (None, ""))
        if before is None:
            # Others may have told of it already, at its address of then.
            return piece.root not in self.known or piece.address in self.known[piece.root].addresses
        known = self.known[piece.root]
        if self._is_merged(known):
            # Of what was merged, only an editor knows that it is one: two names must stay for it to be known.
            if publisher.kind == "sitemap":
                return publisher.url(piece) == url
            known_page = piece.address in known.addresses or piece.page == before.page
            return piece.guid == before.guid and known_page
        others = [one.guid for one in publisher.pieces.values() if one.root != piece.root]
        if publisher.kind != "sitemap" and piece.guid == before.guid and piece.guid not in others:
            return True
        if piece.address in known.addresses or piece.page == before.page:
            return True
        return piece.wording in known.wordings and publisher.date(piece) == known.date

    def _is_merged(self, known: Known) -> bool:
        return sum(one is known for one in self.known.values()) > 1

    def _change(self, publisher: Publisher, *pieces: Piece) -> bool:
        """Have these pieces be as they are given, if that leaves all of them to be recognised."""
        if not all(self._recognisable(publisher, piece) for piece in pieces):
            return False
        publisher.pieces |= {piece.root: piece for piece in pieces}
        return True

    def _set(self, publisher: Publisher, name: str, value: object) -> None:
        """Change what all pieces of a publisher have in common, if all can be known again then."""
        before = getattr(publisher, name)
        setattr(publisher, name, value)
        if not all(self._recognisable(publisher, piece) for piece in publisher.pieces.values()):
            setattr(publisher, name, before)

    # What publishers do.

    @rule(place=numbers)
    def publish(self, place: int) -> None:
        self._publish(self.one(place))

    @rule(place=numbers, number=numbers)
    def publish_under_the_same_title(self, place: int, number: int) -> None:
        publisher, piece = self._shown(place, number)
        if piece:
            self._publish(publisher, title=piece.title)

    @rule(place=numbers, number=numbers)
    def use_an_id_again(self, place: int, number: int) -> None:
        publisher = self.one(place, "rss", "atom", "json", "wordpress")
        if publisher and publisher.pieces:
            pieces = list(publisher.pieces.values())
            old = pieces[number % len(pieces)]
            titles = {piece.title for piece in pieces if piece.guid == old.guid}
            known = self.known.get(old.root)
            as_seen = known is not None and self._as_seen(known) and not self._is_merged(known)
            if old.own_link and as_seen and len(titles) == 1:
                if old.root in publisher.shown:
                    publisher.shown.remove(old.root)
                self._publish(publisher, guid=old.guid)

    @rule(place=numbers, number=numbers, style=st.integers(0, 3), slip=st.booleans())
    def touch_up(self, place: int, number: int, style: int, slip: bool) -> None:
        publisher, piece = self._shown(place, number)
        if piece:
            self._change(publisher, replace(piece, style=style, slip=slip, changed=self.now))

    @rule(
        place=numbers,
        number=numbers,
        change=st.fixed_dictionaries(
            {},
            optional={
                "figure": st.integers(3, 5),
                "name": st.sampled_from(["Jansen", "Willemsen"]),
                "negated": st.booleans(),
                "paragraphs": st.integers(0, 4),
            },
        ),
    )
    def rewrite(self, place: int, number: int, change: dict[str, object]) -> None:
        publisher, piece = self._shown(place, number)
        if piece:
            self._change(publisher, replace(piece, **change, changed=self.now))

    @rule(place=numbers, number=numbers)
    def retitle(self, place: int, number: int) -> None:
        publisher, piece = self._shown(place, number)
        if piece:
            title = piece.title.removesuffix(" Vernieuwd")
            title = f"{title} Vernieuwd" if title == piece.title else title
            self._change(publisher, replace(piece, title=title, changed=self.now))

    @rule(place=numbers, number=numbers, times=st.integers(1, 4), data=st.data())
    def flip(self, place: int, number: int, times: int, data: st.DataObject) -> None:
        publisher, piece = self._shown(place, number)
        for figure in [7, 8] * times if piece else ():
            piece = replace(publisher.pieces[piece.root], figure=figure, changed=self.now)
            if self._change(publisher, piece):
                self._look([publisher.name])

    @rule(place=numbers, number=numbers)
    def take_off(self, place: int, number: int) -> None:
        publisher, piece = self._shown(place, number)
        if piece:
            publisher.shown.remove(piece.root)

    @rule(place=numbers, number=numbers)
    def put_back(self, place: int, number: int) -> None:
        publisher = self.one(place)
        away = [root for root in publisher.pieces if root not in publisher.shown]
        if away:
            publisher.shown.insert(0, away[number % len(away)])

    @rule(place=numbers, random=st.randoms(use_true_random=False))
    def reorder(self, place: int, random) -> None:
        random.shuffle(self.one(place).shown)

    @rule(place=numbers, length=st.integers(1, 3))
    def cut_to_the_newest(self, place: int, length: int) -> None:
        publisher = self.one(place)
        publisher.shown.sort(reverse=True)
        del publisher.shown[length:]

    @rule(place=numbers, number=numbers)
    def give_another_id(self, place: int, number: int) -> None:
        publisher, piece = self._shown(place, number)
        if piece:
            self._change(publisher, replace(piece, guid=f"{piece.guid}x", changed=self.now))

    @rule(place=numbers)
    def move_to_https_or_back(self, place: int) -> None:
        publisher = self.one(place)
        self._set(publisher, "scheme", "http" if publisher.scheme == "https" else "https")

    @rule(place=numbers, tracking=st.sampled_from(["", "?utm_source=rss", "?utm_medium=feed&fbclid=1"]))
    def track(self, place: int, tracking: str) -> None:
        self._set(self.one(place), "tracking", tracking)

    @rule(place=numbers)
    def move_to_another_host(self, place: int) -> None:
        publisher = self.one(place)
        host = f"nieuw-{publisher.host}" if publisher.host.count("-") < 2 else f"{publisher.name}.example"
        own = [piece for piece in publisher.pieces.values() if piece.own_link]
        if self._change(publisher, *[replace(piece, host=host) for piece in own]):
            publisher.host = host

    @rule(place=numbers)
    def move_to_other_software(self, place: int) -> None:
        publisher = self.one(place)
        pieces = [
            replace(
                piece,
                guid=f"anders-{piece.guid}",
                path=f"/anders{piece.path}" if piece.own_link else piece.path,
                changed=self.now,
            )
            for piece in publisher.pieces.values()
        ]
        self._change(publisher, *pieces)

    @rule(place=numbers, hours=st.integers(2, 400))
    def date_everything_anew(self, place: int, hours: int) -> None:
        publisher = self.one(place)
        moment = self.now - timedelta(hours=hours)
        pieces = publisher.pieces.values()
        self._change(publisher, *[replace(piece, date=moment, changed=self.now) for piece in pieces])

    @rule(place=numbers)
    def drop_the_dates_or_give_them_back(self, place: int) -> None:
        publisher = self.one(place)
        self._set(publisher, "dateless", not publisher.dateless)

    @rule(place=numbers, number=numbers, into=numbers)
    def syndicate(self, place: int, number: int, into: int) -> None:
        publisher, piece = self._shown(place, number)
        other = self.one(into, "rss", "atom", "json", "wordpress", "folder")
        if piece is None or other is None or other is publisher or piece.root in other.pieces:
            return
        known = self.known.get(piece.root)
        if known is not None and piece.address in known.addresses and not self._is_merged(known):
            other.pieces[piece.root] = copied(other, piece, self.now)
            other.shown.insert(0, piece.root)

    @rule(place=numbers, into=numbers)
    def publish_at_two_publishers_at_once(self, place: int, into: int) -> None:
        publisher, other = self.one(place), self.one(into, "rss", "atom", "json", "wordpress")
        if other is not None and other is not publisher:
            piece = self._publish(publisher)
            other.pieces[piece.root] = copied(other, piece, self.now)
            other.shown.insert(0, piece.root)
            self.now += timedelta(hours=25)
            self._look([publisher.name, other.name], force=True)
            if piece.root not in self.known:  # it was held back, and may be taken in with another link
                for one in (publisher, other):
                    one.shown.remove(piece.root)
                    del one.pieces[piece.root]

    # What editors do.

    def _out(self, number: int) -> Known | None:
        known = list(dict.fromkeys(one for one in self.known.values() if one.visible))
        return known[number % len(known)] if known else None

    def _as_seen(self, known: Known) -> bool:
        """Whether nobody has changed an article since it was last looked at."""
        return all(
            self.seen.get((publisher.name, piece.root)) == (piece, publisher.url(piece))
            for publisher in self.publishers
            for piece in publisher.pieces.values()
            if self.known.get(piece.root) is known
        )

    @property
    def _editor(self) -> Editor:
        sources = [publisher.source for publisher in self.publishers]
        return Editor(self.store.write, self.house, sources, lambda: self.now - self.behind)

    @rule(number=numbers)
    def withdraw_by_hand(self, number: int) -> None:
        if known := self._out(number):
            self._editor.take_out(known.id, "articles withdraw", "iemand")
            known.visible, known.kept_out = False, True

    @rule(number=numbers)
    def release_by_hand(self, number: int) -> None:
        kept = list(dict.fromkeys(one for one in self.known.values() if one.kept_out))
        if kept:
            known = kept[number % len(kept)]
            self._editor.bring_back(known.id, "articles release", "iemand")
            known.visible, known.kept_out = True, False

    @rule(number=numbers, other=numbers)
    def merge_by_hand(self, number: int, other: int) -> None:
        known, into = self._out(number), self._out(other)
        if known is None or into is None or known is into:
            return
        if all(self._as_seen(one) and self._has_own_ids(one) for one in (known, into)):
            self._editor.merge(known.id, into.id, "iemand")
            into.addresses |= known.addresses
            self.known = {root: into if one is known else one for root, one in self.known.items()}

    # Where an id is of two articles in one document, their addresses are their ids, and what was merged has
    # another id when the second comes: by its address alone nobody knows it for the one it was merged into.
    def _has_own_ids(self, known: Known) -> bool:
        return all(
            sum(other.guid == piece.guid for other in publisher.pieces.values()) == 1
            for publisher in self.publishers
            for piece in publisher.pieces.values()
            if self.known.get(piece.root) is known
        )

    # Splitting what was merged gives all names but addresses to one of two: who had which nobody knows.
    @rule(number=numbers)
    def split_by_hand(self, number: int) -> None:
        known = self._out(number)
        if known and not self._is_merged(known) and self._as_seen(known):
            known.id = self._editor.split(known.id, "iemand")
            with self.store.read() as work:
                known.uri = work.articles.get([known.id])[known.id].uri
            known.date, known.updates = self.now - self.behind, 0
            known.versions = [known.piece.wording]
            known.addresses = {known.piece.address}

    # How it is looked at.

    @rule(chosen=st.sets(st.integers(0, 2)), force=st.sampled_from([False, False, True]), again=st.booleans())
    def look(self, chosen: set[int], force: bool, again: bool) -> None:
        self.now += timedelta(hours=25)
        self.behind = timedelta(0)
        names = [publisher.name for number, publisher in enumerate(self.publishers) if number in chosen]
        self._look(names or [publisher.name for publisher in self.publishers], force=force)
        if again:
            self._look(names, force=True)  # all there is, and not only what a site says has changed
            before = self._log()
            self._look(names, force=True)
            assert self._log() == before

    @precondition(lambda self: not self.behind)
    @rule(place=numbers)
    def look_by_a_clock_that_went_back(self, place: int) -> None:
        self.behind = timedelta(hours=1)
        self._look([self.one(place).name])

    @rule(place=numbers)
    def look_and_fail(self, place: int) -> None:
        publisher = self.one(place)
        publisher.fault = "away"
        report = self._look([publisher.name], force=True)
        assert report.failed == 1
        publisher.fault = ""

    @rule(place=numbers, cut=st.floats(0.1, 0.99))
    def look_at_what_broke_off(self, place: int, cut: float) -> None:
        publisher = self.one(place, "rss", "atom", "json", "wordpress", "sitemap")
        if publisher:
            publisher.fault, publisher.cut = "cut", cut
            self.now += timedelta(hours=25)
            self._look([publisher.name])
            publisher.fault = ""

    @rule(place=numbers)
    def look_and_be_killed(self, place: int) -> None:
        self.now += timedelta(hours=25)
        self.dying = True
        before = self._log()
        with pytest.raises(Killed):
            self._collector(lambda part: None).collect([self.one(place).source], force=True)
        self.dying = False
        assert self._log() == before

    @rule(place=numbers)
    def accept(self, place: int) -> None:
        self._look([self.one(place).name], accept=True)

    house = House(
        "portaal.example",
        ZoneInfo("Europe/Amsterdam"),
        Classifier(ThemeTree([Theme(slug="nieuws", name="Nieuws")])),
        frozenset(f"bron{number}" for number in range(3)),
    )

    def _collector(self, progress: Callable[[SourceReport], None]) -> Collector:
        @asynccontextmanager
        async def nobody():
            async def parse(document: object) -> None: ...

            yield parse

        @contextmanager
        def write():
            with self.store.write() as work:
                yield work
                if self.dying:
                    raise Killed

        return Collector(
            start=write,
            view=self.store.read,
            fetching=self.door.open,
            parsing=nobody,
            kinds=SOURCE_KINDS,
            house=self.house,
            language="nl",
            clock=lambda: self.now - self.behind,
        )

    def _look(self, names: list[str], *, force: bool = False, accept: bool = False) -> CollectReport:
        """Look at these sources, and take in by the plainest reading what they showed."""
        self.door.served = {}
        settled: list[SourceReport] = []
        sources = [self.door.publishers[name].source for name in names]
        report = self._collector(settled.append).collect(
            sources, force=force, accept=accept, progress=settled.append
        )
        for part in settled:
            publisher = self.door.publishers[part.name]
            served = self.door.served.get(part.name, [])
            if part.error:
                assert publisher.fault or (publisher.kind == "folder" and not served), part.error
            elif part.held:
                assert not accept
                assert publisher.dateless or not served or len({one.title for one in served}) == 1, part.held
            else:
                self._take_in(publisher, served)
        self._check()
        return report

    def _take_in(self, publisher: Publisher, served: list[Piece]) -> None:
        groups: dict[object, list[Piece]] = {}
        for piece in dict.fromkeys(served):
            groups.setdefault(self.known.get(piece.root, piece.root), []).append(piece)
        for known, pieces in groups.items():
            # Of what was merged, the one at the article's own page speaks for it.
            before = known.piece if isinstance(known, Known) else pieces[0]
            own = [one for one in pieces if one.address == before.address or one.page == before.page]
            piece = (own or pieces)[0]
            if not isinstance(known, Known):
                date = publisher.date(piece) or self.now - self.behind
                known = self.known[piece.root] = Known(publisher.name, piece, date, [piece.wording])
            elif known.source == publisher.name or (publisher.kind == "folder" and known.went):
                known.source = publisher.name
                known.says(piece)
                known.visible = not known.kept_out
            known.addresses.add(piece.address)
            known.wordings.add(piece.wording)
            self.seen[publisher.name, piece.root] = piece, publisher.url(piece)
        if publisher.kind == "folder":
            for known in self.known.values():
                if known.source == publisher.name and known not in groups and known.piece not in served:
                    known.visible = False

    def _log(self) -> list[object]:
        with self.store.read() as work:
            ids = [id for batch in work.articles.all_ids() for id in batch]
            return [entry for id in ids for entry in work.log.of_article(id)]

    def _check(self) -> None:
        with self.store.read() as work:
            all_known = list(dict.fromkeys(self.known.values()))
            for known in all_known:
                if not known.id:
                    alias = address_alias(f"https://{known.piece.address}")
                    found = work.articles.find([alias])
                    assert alias in found, f"{known} is missing"
                    known.id = found[alias]
                    known.uri = work.articles.get([known.id])[known.id].uri
            stored = work.articles.get([known.id for known in all_known])
            latest = work.articles.latest(None, 1000)
            assert {id for id, _ in latest} == {known.id for known in all_known if known.visible}
            assert [id for id, _ in latest] == [id for id, _ in work.articles.latest("nieuws", 1000)]
            dates = [article.published for _, article in latest]
            assert dates == sorted(dates, reverse=True)
            for known in all_known:
                article = stored[known.id]
                assert article.uri == known.uri
                assert article.source == known.source, (article.uri, known)
                assert article.title == known.piece.title
                assert article.published == known.date
                text = " ".join(tokens(plain_text(article.content or article.summary)))
                assert text.endswith(" ".join(tokens(plain_text("\n".join(known.piece.text())))))
                kinds = [entry.kind for entry, _ in work.log.of_article(known.id)]
                assert sum(kind in FIRST for kind in kinds) == 1, kinds
                assert kinds.count(Kind.UPDATED) == known.updates, (kinds, known)


@pytest.mark.each_database
def test_over_any_history_every_article_is_noticed_and_none_repeated(database: Database) -> None:
    machine = type("PublishersHere", (Publishers,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            # A query there is a way to another process and back: fewer of the same histories.
            max_examples=EXAMPLES if database.engine.dialect.name == "sqlite" else max(1, EXAMPLES // 8),
            stateful_step_count=30,
            derandomize=not HUNT,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
