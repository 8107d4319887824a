"""The one place where everything is put together: config in, ready-made steps out.

Nothing connects before it is used. What to call is the steps' own business; this only hands them
what they need.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from jinja2 import Environment

from feeds.classify import Classifier
from feeds.page import Pages
from feeds.sources import KINDS
from feeds.theme import ThemeTree
from pipeline.backend import Backend
from pipeline.edges import secrets
from pipeline.edges.compress import compressed
from pipeline.edges.disk import Disk
from pipeline.edges.fetch import fetching
from pipeline.edges.hub import Hub
from pipeline.edges.journal import JournalFile
from pipeline.edges.live import LiveDirectory
from pipeline.edges.parser import parsing
from pipeline.edges.templates import environments
from pipeline.holidays import holidays_of
from pipeline.imprint import imprint_of
from pipeline.keep import Keeper
from pipeline.ports import Clock, EditionWork, Start, Transport
from pipeline.settings import ConfigError, Settings, load
from pipeline.settings_mail import bare
from pipeline.steps.account import Accounts
from pipeline.steps.calendar import Calendar
from pipeline.steps.collect import Collector
from pipeline.steps.deliver import Deliverer, MailRules
from pipeline.steps.desk import Desk
from pipeline.steps.editing import Editor
from pipeline.steps.enrol import Enroller
from pipeline.steps.explain import Explainer
from pipeline.steps.feedback import Ingester
from pipeline.steps.handout import HandOut
from pipeline.steps.letters import Stationery
from pipeline.steps.notify import Desk as NoticeDesk
from pipeline.steps.notify import Notifier
from pipeline.steps.outlook import Lookahead
from pipeline.steps.ping import Pinger
from pipeline.steps.placing import House
from pipeline.steps.plan import Planner
from pipeline.steps.preview import Previewer
from pipeline.steps.providers import ProviderDesk
from pipeline.steps.publish import Publisher
from pipeline.steps.recast import Recaster
from pipeline.steps.retheme import Rethemer, refuse_lost_themes
from pipeline.steps.select import Imprint
from pipeline.steps.signup import SignUpDesk
from pipeline.steps.survey import Surveyor
from pipeline.steps.tick import Ticker
from pipeline.steps.tidy import Retention, Tidier
from pipeline.steps.visit import Fetch
from pipeline.store import schema
from pipeline.store.journaling import Journaling
from pipeline.store.session import Database
from pipeline.store.subscribers import Subscribers
from pipeline.store.work import Store
from pipeline.transports import hand_over, open_transport
from subscribers.delivery import Outcome, Parcel
from subscribers.dkim import DkimKeyError, Signer
from subscribers.feedback import read_feedback
from subscribers.frequency import Frequency
from subscribers.message import Newsletter
from subscribers.notice import NoticeRenderer
from subscribers.render import Renderer, Sender
from subscribers.timetable import Holiday, Timetable
from subscribers.token import Tokens


def now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


class App:
    """A portal, ready to be worked on; a context manager that lets go of the database at its end."""

    def __init__(self, settings: Settings, clock: Clock = now) -> None:
        self.settings = settings
        self.clock = clock
        self.config: Path | None = None
        """The file that the settings came from, where they came from one."""
        self.senders: Keeper[Deliverer] = Keeper(self._deliverer)
        """What sends, by its number of connections; kept from one batch to the next by who works for long."""

    @classmethod
    def open(cls, config: Path, clock: Clock = now, *, lost_themes: bool = False) -> "App":
        """The portal of a config file. Raises ConfigError, SecretError or StoreError.

        ``lost_themes`` is for who settles what becomes of readers whose theme the config no longer has.
        """
        app = cls(load(config), clock)
        app.config = config
        try:
            schema.require(app.database)
            if not lost_themes:
                refuse_lost_themes(app.store.read, app.tree)
            app.store.hold_to_themes()
        except BaseException:
            app.close()
            raise
        return app

    def __enter__(self) -> "App":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database, where it was used."""
        self.senders.close()
        if "database" in self.__dict__:
            self.database.close()

    # What the parts have in common.
    @cached_property
    def database(self) -> Database:
        return Database(self.settings.database.url, self.settings.root)

    @cached_property
    def secrets(self) -> secrets.Secrets:
        return secrets.load(self.settings.path(self.settings.mail.secret_key_file))

    @cached_property
    def store(self) -> Store:
        return Store(self.database, self.secrets.suppression, self.backend.queue, Journaling(self.journal))

    @cached_property
    def backend(self) -> Backend:
        return Backend(self.database)

    @cached_property
    def disk(self) -> Disk | None:
        """The disk under an SQLite database; None where the database is a server's."""
        url, reserve = self.database.url, self.settings.database.reserve
        return Disk(Path(url.database or ""), reserve) if url.get_backend_name() == "sqlite" else None

    @cached_property
    def journal(self) -> JournalFile:
        """What a restore must know, outside the database."""
        return JournalFile(self.settings.path(self.settings.database.journal), self.clock)

    @cached_property
    def tree(self) -> ThemeTree:
        return self.settings.tree

    @cached_property
    def templates(self) -> dict[str, Environment]:
        """A Jinja environment per language. Files in ``templates/`` beside the config replace ours."""
        own = self.settings.path("templates")
        return environments(own=own if own.is_dir() else None, zone=self.settings.site.zone)

    @cached_property
    def house(self) -> House:
        sources = frozenset(source.name for source in self.settings.source)
        return House(self.settings.site.host, self.settings.site.zone, Classifier(self.tree), sources)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.secrets.signing)

    def knows_anybody(self) -> bool:
        """Whether the database holds people, whom only the secret key it has recognises."""
        with self.database.read() as session:
            return Subscribers(session, b"").anybody()

    @property
    def public(self) -> Path:
        """Where published files stand."""
        return self.settings.path(self.settings.publish.directory)

    def collector(self) -> Collector:
        return Collector(
            start=lambda: self.store.themed_write(),  # there only once there is a portal
            view=lambda: self.store.read(),
            fetching=self._fetching,
            parsing=lambda: parsing(self.settings.theme),
            kinds=KINDS,
            house=self.house,
            language=self.settings.site.language,
            clock=self.clock,
        )

    def editor(self) -> Editor:
        return Editor(self.store.write, self.house, self.settings.source, self.clock)

    def surveyor(self) -> Surveyor:
        return Surveyor(self.store.read, self.house, self.tree, self.settings.source)

    def recaster(self) -> Recaster:
        return Recaster(self.store.read, self.store.write, self.clock)

    def rethemer(self) -> Rethemer:
        return Rethemer(self.store.themed_write, self.house, self.tree, self.settings.source, self.clock)

    @cached_property
    def live(self) -> LiveDirectory:
        return LiveDirectory(self.public)

    @cached_property
    def _publisher(self) -> Publisher:
        site = self.settings.site
        pages = Pages(
            self.templates[site.language],
            self.tree,
            site.name,
            site.base_url,
            mails=bool(self.settings.digest),
        )
        return Publisher(
            read=self.store.read,
            write=self.store.themed_write,
            live=self.live,
            tree=self.tree,
            imprint=self.imprint,
            pages=pages.write,
            compress=compressed,
            clock=self.clock,
        )

    def publisher(self) -> Publisher:
        """Always the same: what it has made of a config does not change."""
        return self._publisher

    def pinger(self) -> Pinger:
        hub = self.settings.publish.hub
        return Pinger(
            read=self.store.read,
            write=self.store.write,
            tell=Hub(hub, self.settings.collect.contact).tell if hub else None,
            clock=self.clock,
        )

    @cached_property
    def imprint(self) -> Imprint:
        return imprint_of(self.settings, self.templates[self.settings.site.language])

    def enroller(self) -> Enroller:
        site, write, choose = self.settings.site, self.store.write, self.store.themed_write
        return Enroller(write, choose, self.tree, self.clock, language=site.language, timezone=site.timezone)

    def signing_up(self) -> SignUpDesk:
        zone, expires = self.settings.site.timezone, self.settings.retention.unconfirmed
        return SignUpDesk(
            self.store.read, self.store.themed_write, self.tree, self.clock, timezone=zone, expires=expires
        )

    def accounts(self) -> Accounts:
        return Accounts(self.store.read, self.store.write, self.database.scrub, self.clock)

    def notifier(self) -> Notifier:
        settings = self.settings
        return Notifier(
            write=self.store.write,
            post=self.posting,
            desk=self._notice_desk,
            tree=self.tree,
            clock=self.clock,
            retry_for=settings.mail.retry_for,
            expires=settings.retention.unconfirmed,
        )

    def tidier(self) -> Tidier:
        keep = self.settings.retention
        periods = Retention(keep.unconfirmed, keep.bounces, keep.audit)
        return Tidier(self.store.write, self.database.scrub, self.clock, periods)

    def planner(self, start: Start[EditionWork] | None = None) -> Planner:
        return Planner(start or self.store.themed_write, self.tree, self.clock)

    def ticker(self) -> Ticker:
        store, schedules = self.store, self.settings.digest
        return Ticker(store.read, store.themed_write, self.planner(), schedules, self.holiday, self.clock)

    @cached_property
    def holiday(self) -> Holiday:
        return holidays_of(self.settings.schedule.holidays)

    def calendar(self) -> Calendar:
        schedules, zone = self.settings.digest, self.settings.site.timezone
        return Calendar(self.store.read, self.store.write, schedules, self.holiday, zone, self.clock)

    def timetable(self, frequency: Frequency) -> Timetable:
        """When the editions of a frequency go out."""
        return self.calendar().timetable(self.settings.digest_of(frequency))

    def handing_out(self) -> HandOut:
        return HandOut(self.store.read, self.store.write, self.clock)

    def previewer(self) -> Previewer:
        return Previewer(
            read=self.store.read,
            write=self.store.write,
            planner=self.planner,
            tree=self.tree,
            renderer=self.renderer,
            newsletter=self.newsletter,
            tokens=self.tokens,
            signer=self.signer,
            clock=self.clock,
        )

    def lookahead(self) -> Lookahead:
        return Lookahead(self.store.read, self.settings.digest, self.holiday, self.clock)

    def explainer(self) -> Explainer:
        zone = self.settings.site.zone
        return Explainer(self.store.read, self.lookahead(), self.tree, zone, self.clock)

    def renderer(self) -> Renderer:
        return Renderer(self.templates, self._sender, self.tree)

    @property
    def _sender(self) -> Sender:
        site = self.settings.site
        return Sender(site.name, site.base_url, self.settings.mail.postal_address, site.language)

    @property
    def newsletter(self) -> Newsletter:
        site, mail = self.settings.site, self.settings.mail
        return Newsletter(
            sender=mail.sender,
            reply_to=mail.reply_to,
            list_name=site.name,
            list_id=f"digest.{site.host}",
            base_url=site.base_url,
        )

    def transport(self, connections: int = 1) -> Transport:
        """The config's transport; it connects when it is first used."""
        return open_transport(self.settings.mail.transports, self.settings.root, connections)

    @property
    def envelope_sender(self) -> str:
        """The address of [mail] from, by itself."""
        return bare(self.settings.mail.sender)

    @contextmanager
    def posting(self) -> Iterator[Callable[[Parcel], Outcome]]:
        """What sends single messages by the config's transport, for as long as the block lasts."""
        with closing(self.transport()) as transport:
            yield partial(hand_over, transport)

    def _notice_desk(self) -> NoticeDesk:
        plain = self.settings.mail.plain_sender
        return NoticeDesk(
            renderer=NoticeRenderer(self.templates, self._sender),
            newsletter=self.newsletter,
            plain=replace(self.newsletter, sender=plain, list_id=""),
            envelope_sender=self.envelope_sender,
            plain_envelope_sender=bare(plain),
            signer=self.signer,
            tokens=self.tokens,
            secret=self.secrets.signing[0],
            host=self.settings.site.host,
        )

    @cached_property
    def signer(self) -> Signer | None:
        """What signs our mail, where the config has [mail.dkim]. Raises ConfigError for a bad key."""
        dkim = self.settings.mail.dkim
        if dkim is None:
            return None
        path = self.settings.path(dkim.key_file)
        try:
            return Signer(dkim.domain, dkim.selector, path.read_bytes())
        except (OSError, DkimKeyError) as error:
            raise ConfigError(
                f"[mail.dkim] key_file {path} can't be used: {getattr(error, 'strerror', None) or error}"
            ) from None

    def deliverer(self, connections: int | None = None) -> AbstractContextManager[Deliverer]:
        """A worker with a transport of its own, for as long as the block lasts.

        It has at most so many connections at a time; as many as the config allows where nothing is given.
        """
        return self.senders.lend(connections or self.settings.mail.connections)

    @contextmanager
    def _deliverer(self, connections: int) -> Iterator[Deliverer]:
        mail = self.settings.mail
        with (
            closing(self.transport(connections)) as transport,
            # Two senders that look at a limit at the same time would let too much through.
            self.store.line(alone=mail.limits.shared) as line,
            self.backend.worker(self.store, line) as (claims, lookout),
        ):
            yield Deliverer(
                read=self.store.read,
                write=line.write,
                lookout=lookout,
                clock=self.clock,
                claims=claims,
                transport=transport,
                stationery=self._stationery,
                shortage=self.disk.shortage if self.disk else lambda: "",
                rules=MailRules(
                    mail.retry_for,
                    mail.uncertain_after if mail.uncertain == "accepted" else None,
                    mail.limits,
                ),
            )

    @property
    def _stationery(self) -> Stationery:
        return Stationery(
            renderer=self.renderer,
            newsletter=self.newsletter,
            signer=self.signer,
            tokens=self.tokens,
            secret=self.secrets.signing[0],
            host=self.settings.site.host,
            envelope_sender=self.envelope_sender,
            bounce_domain=self.settings.mail.bounce_domain,
        )

    def desk(self) -> Desk:
        return Desk(self.store.read, self.store.write, self.clock)

    def ingester(self) -> Ingester:
        return Ingester(
            self.store.write,
            lambda raw: read_feedback(raw, self.tokens),
            self.enroller().unsubscribe,
            self.clock,
        )

    def providers(self) -> ProviderDesk:
        return ProviderDesk(self.store.read, self.store.write, self.clock)

    def audit(self, who: str, action: str, what: str) -> None:
        """Write down who did what."""
        with self.store.write() as work:
            work.register.audit(self.clock(), who, action, what)

    def _fetching(self) -> AbstractAsyncContextManager[Fetch]:
        collect = self.settings.collect
        return fetching(collect.contact, collect.allow_hosts, collect.host_pause, self.settings.root)
