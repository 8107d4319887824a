"""Explaining: why a reader did or did not get an article, or where their digest is.

One sentence that can be read out on the telephone, then the facts it rests on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from feeds.article import Article, Visibility
from feeds.classify import Placement
from feeds.error import KennisportalError
from feeds.log import Due, Entry, Kind
from feeds.theme import ThemeTree
from pipeline.ports import Clock, Start
from pipeline.steps.outlook import LAST, Lookahead, OutlookArticles, OutlookLog, OutlookWork, is_beyond
from subscribers.delivery import OPEN, DeliveryState, Past
from subscribers.frequency import Frequency
from subscribers.subscriber import Reader, State, normal_address

_ALL = 100_000
_WITHDRAWN = "did not get this, because it was withdrawn"
_BACK = "and what comes back is not mailed"
_BEYOND = "no mail server of ours takes an address beyond ASCII (SMTPUTF8)"


class ExplainArticles(OutlookArticles, Protocol):
    def look_up(self, text: str) -> int | None: ...
    def get(self, ids: Collection[int]) -> dict[int, Article]: ...
    def themes(self, ids: Collection[int]) -> dict[int, dict[str, Placement]]: ...


class ExplainLog(OutlookLog, Protocol):
    def of_article(self, article: int) -> list[tuple[Entry, datetime]]: ...


class ExplainWork(OutlookWork, Protocol):
    """What explaining needs of a transaction."""

    @property
    def articles(self) -> ExplainArticles: ...
    @property
    def log(self) -> ExplainLog: ...


class ExplainError(KennisportalError):
    """Nobody or nothing by that name; the text says so and what to do."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer in one sentence; ``facts`` by name, fit for JSON."""

    sentence: str
    facts: dict[str, object] = field(default_factory=dict)


class Explainer:
    """Answers for one portal. Times are told in ``zone``, the administrator's own."""

    def __init__(
        self,
        read: Start[ExplainWork],
        ahead: Lookahead,
        tree: ThemeTree,
        zone: ZoneInfo,
        clock: Clock,
    ) -> None:
        self._read = read
        self._ahead = ahead
        self._tree = tree
        self._zone = zone
        self._clock = clock

    def explain(self, email: str, article: str = "") -> Explanation:
        """Raises ExplainError where there is no such subscriber or article."""
        with self._read() as work:
            reader = work.subscribers.by_email(normal_address(email))
            if reader is None:
                raise ExplainError(f"{email} is no subscriber; 'kennisportal subscribers find' looks for one")
            if article:
                return self._why(work, reader, article)
            return self._how(work, reader)

    def _how(self, work: ExplainWork, reader: Reader) -> Explanation:
        """A reader's last editions and the next."""
        past = work.deliveries.of_reader(reader.id, LAST)
        due = self._ahead.due(work, reader)
        who = reader.subscriber
        last = next((one for one in past if one.state is DeliveryState.ACCEPTED), None)
        got = (
            f"got their last digest on {self._day(last.at)} ({last.edition})"
            if last
            else "has had no digest yet"
        )
        waiting = next((one for one in past if one.state in OPEN), None)
        if (state := who.state_at(self._clock())) is not State.ACTIVE:
            comes = f"gets none now, being {state}"
        elif waiting is not None:
            reply = f" ({waiting.reply})" if waiting.reply else ""
            comes = f"has one in {waiting.edition} with {_count(len(waiting.digest))}, {waiting.state}{reply}"
        elif is_beyond(work, reader):
            comes = f"gets none now, since {_BEYOND}"
        else:
            comes = (
                f"is due {_count(len(due))}, in the {who.frequency} edition{self._next(work, reader, due)}"
            )
        return Explanation(
            f"{who.email} {got}, and {comes}.",
            self._facts(reader)
            | {
                "editions": [self._told(one) for one in past],
                "due": self._titles(work, due),
            },
        )

    def _why(self, work: ExplainWork, reader: Reader, named: str) -> Explanation:
        id = work.articles.look_up(named)
        if id is None:
            raise ExplainError(
                f"{named!r} is no article we know; give its number, its tag: id, or its address "
                "('kennisportal articles list' has them)"
            )
        article = work.articles.get([id])[id]
        story = work.log.of_article(id)
        places = sorted(work.articles.themes([id])[id], key=self._tree.place)
        mails = work.deliveries.of_reader(reader.id, _ALL)
        past = [one for one in mails if any(item.article == id for item in one.digest)]
        due = self._ahead.due(work, reader, mails)
        reason = (
            self._got(past, id, story)
            or self._is_out_of_reach(reader, article)
            or self._comes(work, reader, past, due, id)
            or self._does_not_follow(reader, places)
            or self._went_wrong(past)
            or self._passed_by(reader, story)
        )
        return Explanation(
            f"{reader.subscriber.email} {reason}: “{article.title}”.",
            self._facts(reader)
            | {
                "article": {
                    "id": id,
                    "uri": article.uri,
                    "url": article.url,
                    "title": article.title,
                    "source": article.source,
                    "visibility": article.visibility,
                    "revision": article.revision,
                    "published": self._moment(article.published),
                    "themes": places,
                },
                "log": [
                    {
                        "position": entry.position,
                        "kind": str(entry.kind),
                        "at": self._moment(at),
                        "themes": sorted(entry.themes),
                    }
                    for entry, at in story
                ],
                "editions": [self._told(one) for one in past],
            },
        )

    # Each gives the reason if it is the one, and else nothing. The first that does answers.

    def _got(self, past: Sequence[Past], id: int, story: Sequence[tuple[Entry, datetime]]) -> str:
        for one in past:
            if one.state is DeliveryState.ACCEPTED and not _was_out(story, one.at):
                item = next(item for item in one.digest if item.article == id)
                how = "as an update" if item.kind is Kind.UPDATED else "as new"
                where = self._tree.name(item.theme)
                return f"got this on {self._day(one.at)} in {one.edition}, {how}, under {where}"
        return ""

    def _is_out_of_reach(self, reader: Reader, article: Article) -> str:
        if article.visibility == Visibility.WITHDRAWN:
            return "did not get this, because it has been withdrawn"
        if article.visibility == Visibility.WAITING:
            return f"did not get this yet, because it appears only on {self._day(article.published)}"
        if (state := reader.subscriber.state_at(self._clock())) is not State.ACTIVE:
            return f"did not get this, because they get no mail, being {state}"
        return ""

    def _comes(
        self, work: ExplainWork, reader: Reader, past: Sequence[Past], due: Sequence[Due], id: int
    ) -> str:
        for one in past:
            if one.state in OPEN:
                reply = f" ({one.reply})" if one.reply else ""
                return f"has this in {one.edition}, which is {one.state}{reply} for them"
        for item in due:
            if item.article == id:
                if is_beyond(work, reader):
                    return f"did not get this, because {_BEYOND}"
                how = "as an update" if item.kind is Kind.UPDATED else "as new"
                edition = f"{reader.subscriber.frequency} edition{self._next(work, reader, due)}"
                return f"is to get this {how} in the {edition}"
        return ""

    def _does_not_follow(self, reader: Reader, places: Sequence[str]) -> str:
        if set(reader.interests) & set(places):
            return ""
        where = self._names(places) or "no theme"
        return f"did not get this, because it is in {where} and they follow {self._names(reader.interests)}"

    def _went_wrong(self, past: Sequence[Past]) -> str:
        for one in past:
            if one.state is DeliveryState.ACCEPTED:
                return f"{_WITHDRAWN} when their mail in {one.edition} left, {_BACK}"
            why = one.reply or one.reason
            return f"did not get this, because their mail in {one.edition} was {one.state}" + (
                f" ({why})" if why else ""
            )
        return ""

    def _passed_by(self, reader: Reader, story: Sequence[tuple[Entry, datetime]]) -> str:
        """It is in a theme they follow, and yet was in no mail of theirs."""
        introduced = [(entry, at) for entry, at in story if entry.kind is Kind.NEW]
        if not introduced:
            return (
                "did not get this, because it was history when we first looked at its source, "
                "and history goes into feeds only"
            )
        entry, at = introduced[-1]
        if not entry.themes & set(reader.interests):
            return (
                "did not get this, because it came into a theme of theirs only after it had appeared, "
                "and such moves are not mailed"
            )
        back = [moment for other, moment in story if other.kind is Kind.RESTORED and moment >= at]
        joined = reader.subscriber.confirmed_at
        if back and joined and joined <= back[-1]:
            return f"{_WITHDRAWN} when their digest was made, {_BACK}"
        return (
            f"did not get this, because it appeared on {self._day(at)}, "
            "before the point from which they are served; they joined or chose its theme later"
        )

    def _next(self, work: ExplainWork, reader: Reader, due: Sequence[Due]) -> str:
        """Which edition takes what the reader is due."""
        who = reader.subscriber
        schedule = self._ahead.schedule(reader)
        if schedule is None:
            return f", which has no [[digest]]: 'kennisportal digest send {who.frequency}' sends it"
        if self._ahead.is_thin(reader, due):
            return f" that comes once there are {schedule.min_articles} articles for them"
        if who.frequency is Frequency.IMMEDIATE and self._ahead.waits_for_news(work):
            return ", with the next article that appears"
        if who.frequency is Frequency.IMMEDIATE:
            return ", as soon as the log has been quiet for a while"
        at = self._ahead.next_due(work, reader, with_news=True)
        return f" of {self._moment(at)}" if at else ""

    def _facts(self, reader: Reader) -> dict[str, object]:
        who = reader.subscriber
        return {
            "subscriber": {
                "id": reader.id,
                "email": who.email,
                "state": str(who.state),
                "language": who.language,
                "timezone": who.timezone,
                "frequency": str(who.frequency),
                "interests": list(reader.interests),
                "cursor": who.cursor,
                "confirmed_at": self._moment(who.confirmed_at) if who.confirmed_at else "",
            }
        }

    def _told(self, one: Past) -> dict[str, object]:
        return {
            "edition": one.edition,
            "state": str(one.state),
            "reason": one.reason,
            "reply": one.reply,
            "at": self._moment(one.at),
            "articles": len(one.digest),
        }

    def _titles(self, work: ExplainWork, due: Sequence[Due]) -> list[str]:
        articles = work.articles.get({one.article for one in due})
        return [f"{articles[one.article].title} ({one.kind})" for one in due]

    def _names(self, slugs: Sequence[str]) -> str:
        return ", ".join(self._tree.name(slug) for slug in slugs)

    def _day(self, moment: datetime) -> str:
        local = moment.astimezone(self._zone)
        return f"{local.day} {local:%B %Y}"

    def _moment(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).isoformat(timespec="seconds")


def _was_out(story: Sequence[tuple[Entry, datetime]], at: datetime) -> bool:
    """Whether the article was withdrawn at a moment, and so left out of what was sent then."""
    kinds = [entry.kind for entry, moment in story if moment <= at]
    last = [kind for kind in kinds if kind in (Kind.WITHDRAWN, Kind.RESTORED)]
    return bool(last) and last[-1] is Kind.WITHDRAWN


def _count(number: int) -> str:
    return {0: "nothing", 1: "one article"}.get(number, f"{number} articles")
