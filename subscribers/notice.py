"""Notices: mails to one person about their own subscription, such as the link that confirms it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from css_inline import CSSInliner
from jinja2 import Environment
from sqlmodel import JSON, Field, SQLModel, String

from feeds.moment import Moment
from subscribers.piece import as_subject, one_line
from subscribers.render import Letter, Sender

_ROOM = "email/notice/"


class NoticeKind(StrEnum):
    """What a notice is about; each is a folder of templates in ``email/notice/``."""

    CONFIRM = "confirm"  # to an address that somebody signed up: is this you?
    WELCOME = "welcome"  # to who confirmed, with the latest articles
    LINK = "link"  # to a reader who wants to do what a forwarded mail must not allow
    MOVE = "move"  # to the new address of a reader: is this you?
    MOVED = "moved"  # to the address that they had


class NoticeState(StrEnum):
    PENDING = "pending"  # to be sent, or to be tried again
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"  # not wanted any more by the time it could go


class Notice(SQLModel):
    """One notice. ``about`` is the id of the sign-up or the reader; from ``due`` on it is to be sent.

    ``address`` is where it goes, where that is not the reader's own address.
    """

    kind: NoticeKind = Field(sa_type=String(20))
    about: int
    details: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    state: NoticeState = Field(default=NoticeState.PENDING, sa_type=String(20))
    address: str = Field(default="", max_length=320)
    reply: str = ""
    attempts: int = 0
    at: datetime = Field(sa_type=Moment)
    due: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice to be sent, by its id."""

    id: int
    notice: Notice


LEASE = timedelta(minutes=15)
"""After which a notice that somebody set out to send is sent again: they must have died meanwhile."""


FRESH = timedelta(hours=1)
"""For how long a link works that lets a reader do anything at all."""

MOVING = timedelta(days=1)
"""For how long a new address can be confirmed."""


class NoticeRenderer:
    """Writes notices, in any of the languages of ``environments``."""

    def __init__(self, environments: Mapping[str, Environment], sender: Sender) -> None:
        self._environments = environments
        self._site = Sender(
            one_line(sender.name),
            one_line(sender.base_url).rstrip("/"),
            "\n".join(one_line(line) for line in sender.postal_address.splitlines()),
            sender.language,
        )
        self._inliner = CSSInliner(load_remote_stylesheets=False, minify_css=True)

    def letter(self, kind: NoticeKind, language: str, **context: object) -> Letter:
        """The notice as a letter without slots. Raises jinja2.TemplateError."""

        def made(name: str) -> str:
            template = self._environments[language].get_template(f"{_ROOM}{kind}/{name}.j2")
            return template.render(context, site=self._site)

        subject = as_subject(one_line(made("subject.txt")))
        return Letter(subject, made("body.txt"), self._inliner.inline(made("body.html")))
