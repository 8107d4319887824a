"""The channels on which alarms are told: a mail to the administrators, a webhook."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

import httpx2

from feeds.characters import one_line, shorten
from pipeline.edges.http import ROBOT
from pipeline.edges.post import post
from pipeline.ports import Clock
from subscribers.alarm import ChannelError, Told, Word, headline, report
from subscribers.delivery import Accepted, Outcome, Parcel, TransportUnavailable

_SECONDS = 10.0
"""What a webhook gets for all of its answer."""


class MailChannel:
    """Mails to administrators, by the portal's own transport."""

    def __init__(
        self,
        site: str,
        sender: str,
        to: Sequence[str],
        post: Callable[[], AbstractContextManager[Callable[[Parcel], Outcome]]],
        clock: Clock,
    ) -> None:
        self._site = site
        self._sender = sender
        self._to = list(to)
        self._post = post
        self._clock = clock

    def tell(self, words: Sequence[tuple[Word, Told]]) -> None:
        """Send one mail to each administrator. Raises ChannelError where none of them gets it."""
        envelope = self._sender.rpartition("<")[2].removesuffix(">")
        refused = []
        try:
            with self._post() as post:
                for to in self._to:
                    outcome = post(Parcel(0, envelope, to, self._message(to, words)))
                    if not isinstance(outcome, Accepted):
                        refused.append(shorten(one_line(outcome.reply), 120))
        except TransportUnavailable as error:
            raise ChannelError(str(error)) from None
        if len(refused) == len(self._to):
            raise ChannelError(f"the mail server did not take the alarm: {refused[0]}")

    def _message(self, to: str, words: Sequence[tuple[Word, Told]]) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = headline(self._site, words)
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = f"<{uuid.uuid4().hex}@{self._sender.rpartition('@')[2].removesuffix('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(report(words), cte="quoted-printable")
        return message.as_bytes()


class Webhook:
    """A POST of JSON to an address of the config's own, which may be on this machine."""

    def __init__(self, site: str, url: str) -> None:
        self._site = site
        self._url = url

    def tell(self, words: Sequence[tuple[Word, Told]]) -> None:
        """Post what is said, also as one ``text``, as chat rooms want it. Raises ChannelError."""
        document = {
            "text": f"{headline(self._site, words)}\n{report(words)}",
            "site": self._site,
            "alarms": [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "word": word,
                    "text": one.text,
                    "since": one.since.isoformat(),
                }
                for word, one in words
            ],
        }
        where = f"the webhook at {urlsplit(self._url).hostname}"  # its path may be a secret
        try:
            status = post(self._url, ROBOT, _SECONDS, json=document)
        except TimeoutError:
            raise ChannelError(f"{where} did not answer in {_SECONDS:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ChannelError(f"{where} can't be reached ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise ChannelError(f"{where} answered {status}; check [alerts] webhook")
