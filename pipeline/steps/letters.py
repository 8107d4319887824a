"""The letters of one edition: each made when its segment first comes up, then addressed to each reader."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from feeds.article import Article, Visibility
from pipeline.ports import EditionWork, Start
from subscribers.delivery import Claim, Parcel
from subscribers.dkim import Signer
from subscribers.edition import BUNDLE, Edition
from subscribers.message import Newsletter, Recipient, Template, message_id
from subscribers.render import Renderer
from subscribers.token import BOUNCE, EDITION, PREFERENCES, UNSUBSCRIBE, Tokens

_KEPT = BUNDLE + 50
"""Letters kept at a time: those of a bundle, and some for deliveries that were put off."""
_HOPELESS = 10
"""Letters that fail, with none that succeeds, after which it must be the templates."""
_TOO_MANY = 500
"""Letters that fail, whatever succeeds, after which somebody should look before it goes on."""


class LetterFailed(Exception):
    """The letter of one segment can't be made; the cause is what its template ran into."""


@dataclass(frozen=True, slots=True)
class Stationery:
    """All that is the same for every letter of a site.

    ``host`` is the name in message ids, which ``secret`` keeps from being guessed. Bounces go to
    ``envelope_sender``, or, with a ``bounce_domain``, to an address there that names the delivery.
    """

    renderer: Callable[[], Renderer]
    newsletter: Newsletter
    signer: Signer | None
    tokens: Tokens
    secret: bytes
    host: str
    envelope_sender: str
    bounce_domain: str = ""


class Letters:
    """An article withdrawn since planning is left out; so whenever the log has moved, all are made anew."""

    def __init__(self, read: Start[EditionWork], edition: Edition, stationery: Stationery) -> None:
        self._read = read
        self._edition = edition
        self._stationery = stationery
        self._renderer = stationery.renderer()
        self._made: dict[int, Template | None] = {}
        self._articles: dict[int, Article] = {}
        self._head = -1
        self._succeeded = False
        self.broken: dict[int, Exception] = {}
        """Segments whose letter can't be made, and why."""

    def follow(self, head: int) -> None:
        """Take note of the end of the log: what was made up to another one is made anew."""
        if head != self._head:
            self._made.clear()
            self._articles.clear()
            self._renderer = self._stationery.renderer()
            self._head = head

    def has(self, segment: int) -> bool:
        """Whether the segment's letter is at hand."""
        return segment in self._made

    def template(self, segment: int) -> Template | None:
        """The segment's letter, ready to be personalised; None when nothing is left in it.

        Raises LetterFailed; when one after another does and none succeeds, what they failed at.
        """
        if segment in self._made:
            self._made[segment] = self._made.pop(segment)  # what was not asked for longest makes room
        else:
            if len(self._made) >= _KEPT:
                self._made.pop(next(iter(self._made)))
            with self._read() as work:
                self._made[segment] = self._make(work, segment)
        return self._made[segment]

    def parcel(self, template: Template, claim: Claim, now: datetime) -> Parcel:
        """The letter as one reader's message, with its envelope."""
        stationery = self._stationery
        base, tokens, bounces = stationery.newsletter.base_url, stationery.tokens, stationery.bounce_domain
        reader = claim.subscriber
        recipient = Recipient(
            email=claim.email,
            greeting_name=self._renderer.greeting_name(claim.name, template.language),
            unsubscribe_url=f"{base}/unsubscribe/{tokens.sign(UNSUBSCRIBE, reader)}",
            preferences_url=f"{base}/preferences/{tokens.sign(PREFERENCES, reader)}",
            message_id=message_id(stationery.host, str(self._edition.name), reader, stationery.secret),
            unsubscribe_address=tokens.address(UNSUBSCRIBE, reader, bounces) if bounces else "",
        )
        return Parcel(
            claim.id,
            tokens.address(BOUNCE, claim.id, bounces) if bounces else stationery.envelope_sender,
            claim.email,
            template.message(recipient, now),
            recipient.message_id.partition("@")[0],
            dotless=True,
        )

    def _make(self, work: EditionWork, segment: int) -> Template | None:
        language, digest = work.deliveries.segment(segment)
        articles = self._known(work, {item.article for item in digest})
        left = tuple(item for item in digest if articles[item.article].visibility == Visibility.VISIBLE)
        if not left:
            return None
        stationery = self._stationery
        token = stationery.tokens.sign(EDITION, segment)
        try:
            letter = self._renderer.letter(
                left,
                articles,
                frequency=self._edition.name.frequency,
                day=self._edition.day,
                language=language,
                web_url=f"{stationery.newsletter.base_url}/editions/{token}",
            )
            template = Template(letter, stationery.newsletter, language, stationery.signer)
        except Exception as error:
            # A template can fail in any way there is; the segments of which it makes something still go.
            self.broken[segment] = error
            if len(self.broken) >= (_TOO_MANY if self._succeeded else _HOPELESS):
                raise
            raise LetterFailed from error
        self._succeeded = True
        return template

    def _known(self, work: EditionWork, ids: set[int]) -> dict[int, Article]:
        """These articles, each loaded once; without their content, which no letter shows."""
        for id, article in work.articles.get(ids - self._articles.keys()).items():
            self._articles[id] = article.model_copy(update={"content": ""})
        return {id: self._articles[id] for id in ids}
