"""Sending notices to single people::

    due ─▶ claimed ─▶ written, from what holds at this moment ─▶ handed over ─▶ settled

One that was handed over and not written down is sent once more, as the very same message.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from feeds.article import Article, Visibility
from feeds.theme import ThemeTree
from pipeline.ports import Clock, LogStore, Start
from pipeline.steps.window import load_window
from subscribers.delivery import (
    FIRST_RETRY,
    Deferred,
    DeliveryState,
    Outcome,
    Parcel,
    TransportUnavailable,
    Uncertain,
    settle,
)
from subscribers.digest import Composer, Facts
from subscribers.dkim import Signer
from subscribers.message import Newsletter, Recipient, Template, message_id
from subscribers.notice import FRESH, Notice, NoticeKind, NoticeRenderer, NoticeState, Pending
from subscribers.render import Letter
from subscribers.signup import SignUp
from subscribers.subscriber import LIFTED_BY_CONFIRMING, Reader, State, masked
from subscribers.token import ACCOUNT, ADDRESS, CONFIRM, PREFERENCES, UNSUBSCRIBE, Tokens

_AT_ONCE = 20
_ARTICLES = 12
"""Articles in a welcome, the newest."""


class NoticeStore(Protocol):
    def claim(self, now: datetime, limit: int) -> list[Pending]: ...
    def settle(self, id: int, state: NoticeState, reply: str, due: datetime | None = None) -> None: ...
    def release(self, ids: Collection[int], due: datetime) -> None: ...


class SignUpLook(Protocol):
    def get(self, id: int) -> SignUp | None: ...


class ReaderLook(Protocol):
    def by_id(self, id: int) -> Reader | None: ...
    def suppression(self, email: str) -> str | None: ...
    def turn_back(self, id: int, cursor: int, to: int) -> None: ...


class ArticleLook(Protocol):
    def get(self, ids: Collection[int]) -> dict[int, Article]: ...
    def facts(self, ids: Collection[int]) -> tuple[dict[int, Facts], set[int]]: ...


class NoticeWork(Protocol):
    """What sending notices needs of a transaction."""

    @property
    def articles(self) -> ArticleLook: ...
    @property
    def log(self) -> LogStore: ...
    @property
    def subscribers(self) -> ReaderLook: ...
    @property
    def signups(self) -> SignUpLook: ...
    @property
    def notices(self) -> NoticeStore: ...


@dataclass(slots=True)
class NotifyReport:
    """How many notices came to which state; ``failed`` says, by id, what those not written ran into."""

    settled: dict[str, int] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """What notices are written with. ``newsletter`` sends digests, ``plain`` single mails."""

    renderer: NoticeRenderer
    newsletter: Newsletter
    plain: Newsletter
    envelope_sender: str
    plain_envelope_sender: str
    signer: Signer | None
    tokens: Tokens
    secret: bytes
    host: str


@dataclass(frozen=True, slots=True)
class _Draft:
    to: str
    language: str
    letter: Letter
    reader: int | None = None


class Notifier:
    """Sends notices. ``post`` opens a way to hand over single messages, for as long as its block lasts."""

    def __init__(
        self,
        *,
        write: Start[NoticeWork],
        post: Callable[[], AbstractContextManager[Callable[[Parcel], Outcome]]],
        desk: Callable[[], Desk],
        tree: ThemeTree,
        clock: Clock,
        retry_for: timedelta,
        expires: timedelta,
    ) -> None:
        self._write = write
        self._post = post
        self._desk = desk
        self._tree = tree
        self._clock = clock
        self._retry_for = retry_for
        self._expires = expires

    def send(self) -> NotifyReport:
        """Send whatever is due. Raises TransportUnavailable; what was not sent then is due again soon."""
        report = NotifyReport()
        while claimed := self._claim():
            desk = self._desk()
            with self._post() as hand_over:
                while claimed:
                    try:
                        self._send(desk, hand_over, claimed[0], report)
                    except TransportUnavailable:
                        with self._write() as work:
                            due = self._clock() + FIRST_RETRY
                            work.notices.release([pending.id for pending in claimed], due)
                        raise
                    claimed.pop(0)
        return report

    def _claim(self) -> list[Pending]:
        with self._write() as work:
            return work.notices.claim(self._clock(), _AT_ONCE)

    def _send(
        self, desk: Desk, hand_over: Callable[[Parcel], Outcome], pending: Pending, report: NotifyReport
    ) -> None:
        now = self._clock()
        try:
            with self._write() as work:
                draft = self._draft(work, desk, pending)
                if draft is None or _is_unwanted(work, pending.notice.kind, draft.to):
                    self._settle(work, pending, NoticeState.CANCELLED, "", report)
                    return
            parcel = _parcel(desk, draft, pending, now)
        except Exception as error:
            # A template can fail in any way there is; the others still go, and this one when it is mended.
            report.failed[pending.id] = f"{type(error).__name__}: {error}"
            return
        outcome = hand_over(parcel)
        if isinstance(outcome, Uncertain):
            outcome = Deferred(outcome.reply)
        settled = settle(outcome, pending.notice.attempts, pending.notice.at, now, self._retry_for)
        with self._write() as work:
            match settled.state:
                case DeliveryState.ACCEPTED:
                    self._settle(work, pending, NoticeState.ACCEPTED, settled.reply, report)
                case DeliveryState.DEFERRED | DeliveryState.PLANNED:
                    due = settled.retry_at or now + FIRST_RETRY
                    self._settle(work, pending, NoticeState.PENDING, settled.reply, report, due)
                case _:
                    self._settle(work, pending, NoticeState.REJECTED, settled.reply, report)

    def _settle(
        self,
        work: NoticeWork,
        pending: Pending,
        state: NoticeState,
        reply: str,
        report: NotifyReport,
        due: datetime | None = None,
    ) -> None:
        work.notices.settle(pending.id, state, reply, due)
        details = pending.notice.details
        if state in (NoticeState.REJECTED, NoticeState.CANCELLED) and "cutoff" in details:
            # What the welcome would have brought is still to come, then by the next digest.
            work.subscribers.turn_back(pending.notice.about, details["cutoff"], details["after"])
        report.settled[state] = report.settled.get(state, 0) + 1

    def _draft(self, work: NoticeWork, desk: Desk, pending: Pending) -> _Draft | None:
        """The notice as it should read now; None where nobody wants it any more."""
        notice = pending.notice
        match notice.kind:
            case NoticeKind.CONFIRM:
                return self._confirm(work, desk, notice)
            case NoticeKind.WELCOME:
                return self._welcome(work, desk, notice)
            case NoticeKind.LINK:
                return self._link(work, desk, notice)
            case NoticeKind.MOVE | NoticeKind.MOVED:
                return self._move(work, desk, pending)

    def _confirm(self, work: NoticeWork, desk: Desk, notice: Notice) -> _Draft | None:
        signup = work.signups.get(notice.about)
        if signup is None or signup.confirmed_at is not None:
            return None
        letter = desk.renderer.letter(
            notice.kind,
            signup.language,
            url=f"{desk.plain.base_url}/confirm/{desk.tokens.sign(CONFIRM, notice.about)}",
            themes=self._names(signup.interests.split(";")),
            frequency=str(signup.frequency),
            days=self._expires.days,
            asked=signup.at,
        )
        return _Draft(signup.email, signup.language, letter)

    def _welcome(self, work: NoticeWork, desk: Desk, notice: Notice) -> _Draft | None:
        reader = work.subscribers.by_id(notice.about)
        if reader is None or reader.subscriber.state is not State.ACTIVE:
            return None
        who = reader.subscriber
        base, tokens = desk.newsletter.base_url, desk.tokens
        letter = desk.renderer.letter(
            notice.kind,
            who.language,
            email=who.email,
            themes=self._names(reader.interests),
            frequency=str(who.frequency),
            sections=self._latest(work, reader, notice.details) if notice.details else [],
            preferences_url=f"{base}/preferences/{tokens.sign(PREFERENCES, reader.id)}",
            unsubscribe_url=f"{base}/unsubscribe/{tokens.sign(UNSUBSCRIBE, reader.id)}",
        )
        return _Draft(who.email, who.language, letter, reader.id)

    def _link(self, work: NoticeWork, desk: Desk, notice: Notice) -> _Draft | None:
        until = notice.at + FRESH
        reader = work.subscribers.by_id(notice.about)
        if reader is None or reader.subscriber.state is State.ERASED or self._clock() > until:
            return None
        who = reader.subscriber
        url = f"{desk.plain.base_url}/account/{desk.tokens.sign_until(ACCOUNT, reader.id, until)}"
        return _Draft(who.email, who.language, desk.renderer.letter(notice.kind, who.language, url=url))

    def _move(self, work: NoticeWork, desk: Desk, pending: Pending) -> _Draft | None:
        notice = pending.notice
        reader = work.subscribers.by_id(notice.about)
        if reader is None or reader.subscriber.state is State.ERASED or not notice.address:
            return None
        language = reader.subscriber.language
        context = {"email": masked(reader.subscriber.email)}
        if notice.kind is NoticeKind.MOVE:
            context = {"url": f"{desk.plain.base_url}/address/{desk.tokens.sign(ADDRESS, pending.id)}"}
        letter = desk.renderer.letter(notice.kind, language, **context)
        return _Draft(notice.address, language, letter)

    def _latest(self, work: NoticeWork, reader: Reader, span: dict[str, int]) -> list[dict[str, object]]:
        """The newest articles of a reader's themes in a stretch of the log, by theme."""
        window, facts = load_window(work.log, work.articles, span["after"], span["cutoff"], reader.interests)
        due = window.due(frozenset(reader.interests), span["after"], frozenset())
        newest = sorted(due, key=lambda one: (-facts[one.article].published.timestamp(), one.article))
        digest = Composer(self._tree, facts).compose(newest[:_ARTICLES])
        articles = work.articles.get({item.article for item in digest})
        return [
            {"theme": self._names([theme])[0], "articles": [articles[item.article] for item in run]}
            for theme, run in groupby(
                (item for item in digest if articles[item.article].visibility == Visibility.VISIBLE),
                lambda item: item.theme,
            )
        ]

    def _names(self, slugs: Sequence[str]) -> list[str]:
        return [self._tree[slug].name if slug in self._tree else slug for slug in slugs]


def _is_unwanted(work: NoticeWork, kind: NoticeKind, address: str) -> bool:
    """Whether an address is suppressed by now, and not in a way that the very notice may lift."""
    reason = work.subscribers.suppression(address)
    lifted = kind is NoticeKind.CONFIRM and reason in LIFTED_BY_CONFIRMING
    return reason is not None and not lifted


def _parcel(desk: Desk, draft: _Draft, pending: Pending, now: datetime) -> Parcel:
    sender = desk.plain if draft.reader is None else desk.newsletter
    base = sender.base_url
    recipient = Recipient(
        email=draft.to,
        greeting_name="",
        unsubscribe_url=f"{base}/unsubscribe/{desk.tokens.sign(UNSUBSCRIBE, draft.reader)}"
        if draft.reader is not None
        else "",
        preferences_url="",
        message_id=message_id(desk.host, f"notice {pending.notice.kind}", pending.id, desk.secret),
    )
    message = Template(draft.letter, sender, draft.language, desk.signer).message(
        recipient, pending.notice.at
    )
    envelope = desk.plain_envelope_sender if draft.reader is None else desk.envelope_sender
    return Parcel(0, envelope, draft.to, message)
