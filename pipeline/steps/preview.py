"""Previewing: what an edition's mails look like, before or after it is planned, moving nothing.

A frequency is planned for real in a transaction that is then undone, so what is shown is what
planning at this moment would give.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlsplit
from uuid import uuid4

from feeds.article import Visibility
from feeds.error import KennisportalError
from feeds.theme import ThemeTree
from pipeline.ports import Clock, EditionWork, Start
from pipeline.steps.plan import Planner, PlanReport, slot_now
from pipeline.steps.window import load_window
from subscribers.delivery import OPEN, DeliveryState
from subscribers.digest import Composer, Digest
from subscribers.dkim import Signer
from subscribers.edition import Edition, EditionName, Group, Verdict, decide
from subscribers.frequency import PERIODS, Schedule
from subscribers.message import Newsletter, Recipient, Template
from subscribers.render import Letter, Renderer
from subscribers.slot import Slot, fill
from subscribers.subscriber import PAUSABLE, Reader
from subscribers.timetable import Timetable
from subscribers.token import EDITION, PREFERENCES, UNSUBSCRIBE, Tokens

_NEVER_LEFT = (DeliveryState.SKIPPED, DeliveryState.CANCELLED)


class PreviewError(KennisportalError):
    """There is nothing to show; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose mail to show: one reader's, a made-up reader's, every segment's, or else the largest one's.

    ``language`` is that of the made-up reader, or of the segments to choose from.
    """

    subscriber: str = ""
    themes: tuple[str, ...] = ()
    language: str = ""
    all: bool = False


@dataclass(frozen=True, slots=True)
class Specimen:
    """A mail as it would go out. ``readers`` is how many get this one; 0 for a made-up reader's."""

    edition: EditionName
    language: str
    readers: int
    digest: Digest
    letter: Letter
    recipient: Recipient

    @property
    def html(self) -> str:
        return fill(self.letter.html, self._slots, html=True)

    @property
    def text(self) -> str:
        return fill(self.letter.text, self._slots, html=False)

    @property
    def _slots(self) -> dict[Slot, str]:
        return {
            Slot.GREETING_NAME: self.recipient.greeting_name,
            Slot.EMAIL: self.recipient.email,
            Slot.UNSUBSCRIBE: self.recipient.unsubscribe_url,
            Slot.PREFERENCES: self.recipient.preferences_url,
        }


class _Undo(Exception):
    """Ends a transaction without keeping anything of it."""


class Previewer:
    """Shows mails of editions that are planned, or would be."""

    def __init__(
        self,
        *,
        read: Start[EditionWork],
        write: Start[EditionWork],
        planner: Callable[[Start[EditionWork]], Planner],
        tree: ThemeTree,
        renderer: Callable[[], Renderer],
        newsletter: Newsletter,
        tokens: Tokens,
        signer: Signer | None,
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._planner = planner
        self._tree = tree
        self._renderer = renderer
        self._newsletter = newsletter
        self._tokens = tokens
        self._signer = signer
        self._clock = clock

    def of_edition(self, name: EditionName, choice: Choice) -> list[Specimen]:
        """Mails of an edition as it was planned. Raises PreviewError."""
        with self._read() as work:
            return self._chosen(work, self._edition(work, name), choice, kept=True)

    def of_frequency(
        self, timetable: Timetable, zone: str, choice: Choice
    ) -> tuple[PlanReport, list[Specimen]]:
        """What planning a frequency by hand would report now, and its mails. Raises PreviewError.

        No mails where nobody is due anything.
        """
        with self._undone() as work:
            schedule = timetable.schedule
            slot, day = slot_now(timetable, self._clock(), zone)
            if choice.themes:
                name = EditionName(schedule.frequency, slot)
                return PlanReport(name), [self._made_up(work, schedule, name, day, choice)]
            report = self._planner(lambda: nullcontext(work)).by_hand(schedule, slot, day)
            edition = work.editions.get(report.edition)
            assert edition is not None
            if not report.planned and not choice.subscriber:
                return report, []
            return report, self._chosen(work, edition, choice, kept=report.resumed)

    def again(self, name: EditionName, email: str) -> Specimen:
        """A reader's own mail of an edition, to be sent once more: the same, but another message.

        Some servers throw away a message that they have seen. Raises PreviewError where the reader got none,
        may get none, or is to get it yet.
        """
        with self._read() as work:
            edition = self._edition(work, name)
            specimen = self._readers_own(work, edition, email, kept=True)
            reader = work.subscribers.by_email(email)
            assert reader is not None
            standing = work.deliveries.standing(edition.id, reader.id)
            assert standing is not None
            state, cutoff = standing
        if reader.subscriber.state not in PAUSABLE:
            raise PreviewError(f"{email} is {reader.subscriber.state} and gets no mail")
        if state in OPEN:
            raise PreviewError(
                f"their mail of {name} is {state}, so it may still come; 'kennisportal digest send {name}' "
                "goes on with it, and 'kennisportal digest settle' decides about what is uncertain"
            )
        if state in _NEVER_LEFT and reader.subscriber.cursor < cutoff:
            raise PreviewError(
                f"their mail of {name} was {state} before it left; what it held comes with their next one"
            )
        base = self._newsletter.base_url
        recipient = replace(
            specimen.recipient,
            email=reader.subscriber.email,
            unsubscribe_url=f"{base}/unsubscribe/{self._tokens.sign(UNSUBSCRIBE, reader.id)}",
            preferences_url=f"{base}/preferences/{self._tokens.sign(PREFERENCES, reader.id)}",
            message_id=f"{uuid4().hex}@{urlsplit(base).hostname}",
        )
        return replace(specimen, recipient=recipient)

    def message(self, specimen: Specimen, to: str) -> bytes:
        """A specimen as a mail to somebody who looks it over. Its unsubscribe link unsubscribes nobody."""
        return Template(specimen.letter, self._newsletter, specimen.language, self._signer).message(
            replace(specimen.recipient, email=to), self._clock()
        )

    def _edition(self, work: EditionWork, name: EditionName) -> Edition:
        edition = work.editions.get(name)
        if edition is None:
            raise PreviewError(
                f"there is no edition {name}; 'kennisportal digest list' shows those there are"
            )
        return edition

    @contextmanager
    def _undone(self) -> Iterator[EditionWork]:
        try:
            with self._write() as work:
                yield work
                raise _Undo
        except _Undo:
            pass

    def _chosen(self, work: EditionWork, edition: Edition, choice: Choice, *, kept: bool) -> list[Specimen]:
        """``kept`` tells whether the edition's segments will still be there, to be looked at on the web."""
        if choice.themes:
            raise PreviewError("--themes shows what is due now; give a frequency instead of an edition")
        if choice.subscriber:
            return [self._readers_own(work, edition, choice.subscriber, kept)]
        segments = work.deliveries.segments(edition.id)
        if choice.language:
            segments = [segment for segment in segments if segment[1] == choice.language]
        renderer = self._renderer()
        specimens = []
        for id, language, readers in segments:
            _, digest = work.deliveries.segment(id)
            shown = self._specimen(
                work, renderer, edition.name, edition.day, language, digest, readers, self._web_url(id, kept)
            )
            if shown is not None:
                specimens.append(shown)
                if not choice.all:
                    break
        return specimens

    def _readers_own(self, work: EditionWork, edition: Edition, email: str, kept: bool) -> Specimen:
        reader = work.subscribers.by_email(email)
        if reader is None:
            raise PreviewError(f"{email} is no subscriber; 'kennisportal subscribers find' looks for one")
        segment = work.deliveries.segment_of(edition.id, reader.id)
        if segment is None:
            raise PreviewError(
                f"{email} gets no mail in {edition.name}; 'kennisportal explain {email}' says why"
            )
        own = self._specimen(
            work,
            self._renderer(),
            edition.name,
            edition.day,
            *work.deliveries.segment(segment),
            1,
            self._web_url(segment, kept),
            reader,
        )
        if own is None:
            raise PreviewError(f"all that {email} would get in {edition.name} has been withdrawn")
        return own

    def _made_up(
        self, work: EditionWork, schedule: Schedule, name: EditionName, day: date, choice: Choice
    ) -> Specimen:
        """The mail of somebody who would have followed these themes for a period."""
        cursor = work.log.position_at(self._clock() - PERIODS[schedule.frequency])
        head = work.log.head()
        window, facts = load_window(work.log, work.articles, cursor, head, choice.themes)
        group = Group(0, frozenset(choice.themes), cursor, choice.language)
        verdict, digest = decide(group, window, Composer(self._tree, facts), min_articles=1)
        if verdict is not Verdict.PLAN:
            raise PreviewError(
                f"nothing new in {', '.join(choice.themes)} since a {name.frequency} period ago"
            )
        home = self._newsletter.base_url
        made_up = self._specimen(work, self._renderer(), name, day, choice.language, digest, 0, home)
        assert made_up is not None, "what is due is visible"
        return made_up

    def _web_url(self, segment: int, kept: bool) -> str:
        """Where a segment is on the web: the front page for one that only exists while it is looked at."""
        base = self._newsletter.base_url
        return f"{base}/editions/{self._tokens.sign(EDITION, segment)}" if kept else base

    def _specimen(
        self,
        work: EditionWork,
        renderer: Renderer,
        name: EditionName,
        day: date,
        language: str,
        digest: Digest,
        readers: int,
        web_url: str,
        reader: Reader | None = None,
    ) -> Specimen | None:
        """A mail; None where every article in it has been withdrawn, so that it won't be sent."""
        articles = work.articles.get({item.article for item in digest})
        left = tuple(item for item in digest if articles[item.article].visibility == Visibility.VISIBLE)
        if not left:
            return None
        letter = renderer.letter(
            left, articles, frequency=name.frequency, day=day, language=language, web_url=web_url
        )
        base = self._newsletter.base_url
        greeting = renderer.greeting_name(reader.subscriber.name if reader else "", language)
        recipient = Recipient(
            email=reader.subscriber.email if reader else "reader@example.com",
            greeting_name=greeting,
            unsubscribe_url=f"{base}/unsubscribe/preview",
            preferences_url=f"{base}/preferences/preview",
            message_id=f"preview.{uuid4().hex}@{urlsplit(base).hostname}",
        )
        return Specimen(name, language, readers, left, letter, recipient)
