"""The config: ``kennisportal.toml`` and the environment, checked before anything runs."""

import json
import os
import tomllib
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_network
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from feeds.address import web_address
from feeds.duration import Duration
from feeds.error import KennisportalError
from feeds.size import Size
from feeds.source import Source
from feeds.sources import KINDS
from feeds.theme import Theme, ThemeError, ThemeTree
from pipeline.holidays import holidays_of
from pipeline.settings_mail import Mailbox, MailSettings, Section
from pipeline.toml_lines import line_of
from subscribers.frequency import Frequency, Schedule
from subscribers.subscriber import zone_name

CONFIG_NAME = "kennisportal.toml"
ENV_PREFIX = "KENNISPORTAL_"
SQLITE = "sqlite:///var/kennisportal.db"


class ConfigError(KennisportalError):
    """The config can't be used; the text names the file, the line, the key and what to do."""


def _http_url(value: str) -> str:
    """A web address that can stand in headers and before any path: no query, no blanks, ASCII."""
    address = web_address(value, "")
    if address is None or any(c in value for c in "?#@") or "".join(value.split()) != value:
        raise ValueError(f"{value!r} is no web address; write it like 'https://kennisportal.example'")
    return address.rstrip("/")


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of plain text")
    return value


class SiteSettings(Section):
    name: str = Field(min_length=1, max_length=100)
    base_url: str
    language: Literal["nl", "en"] = "nl"
    timezone: str = "Europe/Amsterdam"

    _name = field_validator("name")(staticmethod(_one_line))
    _base_url = field_validator("base_url")(staticmethod(_http_url))
    _timezone = field_validator("timezone")(staticmethod(zone_name))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def host(self) -> str:
        """The name under which permanent ids are minted."""
        return urlsplit(self.base_url).hostname or "localhost"


class DatabaseSettings(Section):
    """``reserve`` is how much room on its disk is left alone: with less, nothing is sent."""

    url: str = SQLITE
    journal: str = "var/journal"
    reserve: Size = 200_000_000

    @field_validator("url")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        # What it was is not shown: it may hold a password.
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):
            raise ValueError(f"this is no database address; write it like {SQLITE!r}") from None
        if url.drivername == "postgresql+psycopg":
            if find_spec("psycopg") is None:
                raise ValueError(
                    "PostgreSQL needs psycopg; run \"pip install 'kennisportal[postgresql]'\", or write it "
                    f"like {SQLITE!r}"
                )
        elif url.drivername != "sqlite":
            raise ValueError(
                f"this is no database we know; it must begin with sqlite:/// or postgresql+psycopg://, "
                f"like {SQLITE!r}"
            )
        elif url.host or url.query or url.database in (None, "", ":memory:"):
            raise ValueError(f"this names no file; write three slashes and its path, like {SQLITE!r}")
        return value


class CollectSettings(Section):
    contact: str = ""
    host_pause: Duration = timedelta(seconds=1)
    allow_hosts: list[str] = Field(default_factory=list)

    @field_validator("contact")
    @classmethod
    def _fits_a_header(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()):
            raise ValueError(
                "it stands in the User-Agent header; write one line of plain ASCII, "
                "like 'https://kennisportal.example/contact'"
            )
        return value


class PublishSettings(Section):
    directory: str = "var/public"
    entries: int = Field(default=50, ge=1, le=1000)
    hub: str = ""

    @field_validator("hub")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if not value:
            return value
        address = web_address(value, "")
        if address is None or "".join(value.split()) != value:
            raise ValueError(
                f"{value!r} is no web address; leave it empty, or write it like 'https://hub.example/'"
            )
        if "@" in urlsplit(address).netloc:
            raise ValueError("every feed names the hub to everybody, so no user or password can be in it")
        return address


class LogSettings(Section):
    """How the processes that stay say what they do."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class WebSettings(Section):
    """``metrics_from`` are the networks that may read ``/metrics``."""

    form_origins: list[str] = Field(default_factory=list)
    metrics_from: list[str] = Field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])

    @field_validator("metrics_from")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for one in value:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(f"{one!r} is no address or network; write it like '10.0.0.0/8'") from None
        return value

    @field_validator("form_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        return [_origin(one) for one in value]


def _origin(value: str) -> str:
    """An origin (RFC 6454), as browsers write it."""
    address = web_address(value, "")
    parts = urlsplit(address or "")
    if (
        not parts.netloc
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError(
            f"{value!r} is no origin; write it like 'https://www.portaal.example', without a path"
        )
    return f"{parts.scheme}://{parts.netloc}"


class BouncesSettings(Section):
    imap: str = ""

    @field_validator("imap")
    @classmethod
    def _is_a_mailbox(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("imaps", "imap") or not parts.hostname or not parts.username):
            # What it was is not shown: it may hold a password.
            raise ValueError("this is no mailbox; write it like 'imaps://user:password@mail.example/INBOX'")
        return value


class AlertsSettings(Section):
    """Who hears of alarms: administrators by mail, and a webhook."""

    to: list[Mailbox] = Field(default_factory=list)
    webhook: str = ""

    @field_validator("to", mode="before")
    @classmethod
    def _may_be_one(cls, value: object) -> object:
        return [value] if isinstance(value, str) and value else value or []

    @field_validator("webhook")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if value and web_address(value, "") is None:
            # What it was is not shown: it may be a secret.
            raise ValueError(
                "this is no web address; leave it empty, or write it like 'https://hook.example/x'"
            )
        return value


class RetentionSettings(Section):
    """How long is kept what is not needed for good."""

    unconfirmed: Duration = timedelta(days=7)
    bounces: Duration = timedelta(days=90)
    audit: Duration = timedelta(days=2 * 365)


class ScheduleSettings(Section):
    """``holidays`` is the code of a country; "" for no holidays."""

    holidays: str = ""

    @field_validator("holidays")
    @classmethod
    def _are_known(cls, value: str) -> str:
        holidays_of(value)
        return value


class Settings(BaseSettings):
    """Everything the config says, validated."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        populate_by_name=True,
    )

    site: SiteSettings
    database: DatabaseSettings = DatabaseSettings()
    collect: CollectSettings = CollectSettings()
    publish: PublishSettings = PublishSettings()
    web: WebSettings = WebSettings()
    mail: MailSettings = MailSettings()
    bounces: BouncesSettings = BouncesSettings()
    alerts: AlertsSettings = AlertsSettings()
    log: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    theme: list[Theme] = []
    source: list[Source] = []
    digest: list[Schedule] = []
    _root: Path = PrivateAttr(default=Path())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    @property
    def root(self) -> Path:
        """The directory that relative paths start from: the config file's own."""
        return self._root

    @property
    def tree(self) -> ThemeTree:
        return ThemeTree(self.theme)

    def path(self, value: str) -> Path:
        """A path of the config, from ``root``."""
        return self.root / value

    def digest_of(self, frequency: Frequency) -> Schedule:
        """The ``[[digest]]`` of a frequency; its defaults where the config has none."""
        for schedule in self.digest:
            if schedule.frequency is frequency:
                return schedule
        return Schedule(frequency=frequency)


def load(path: Path) -> Settings:
    """The settings in a config file. Raises ConfigError for the first thing that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # as editors on Windows write it
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such config; run 'kennisportal init' to make one, or name one with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the config can't be read: {error}") from None
    return check(path, text)


def check(path: Path, text: str) -> Settings:
    """The settings that a config file would give with this text. Raises ConfigError as ``load`` does."""
    try:
        settings = Settings(**tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not valid TOML: {error}") from None
    except SettingsError as error:
        raise ConfigError(_explain_json(error)) from None
    except ValidationError as error:
        raise ConfigError(_explain(path, text, error)) from None
    settings._root = path.resolve().parent
    _check_references(path, text, settings)
    return settings


_SAYS = {
    "extra_forbidden": "this key is unknown; remove it or mend its name",
    "missing": "this key is missing; add it",
    "string_pattern_mismatch": "use small letters, digits and hyphens, as in 'open-data'",
    "string_type": "this is text; put it in quotes",
    "int_parsing": "write a whole number, in digits",
    "bool_parsing": "write true or false",
}
"""What to say of a mistake, by pydantic's name for it, where pydantic does not say what to do."""


def _explain(path: Path, text: str, error: ValidationError) -> str:
    """One line for the first of the errors: where it stands, what is wrong, and how many more there are."""
    errors = error.errors(include_url=False)
    first = errors[0]
    location = list(first["loc"])
    message = _SAYS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{_place(path, text, location)}: {message}{more}"


def _explain_json(error: SettingsError) -> str:
    """One line for a section or a list in the environment that is no JSON; the error names no variable."""
    cause = error.__cause__
    value = cause.doc if isinstance(cause, json.JSONDecodeError) else None
    given = [name for name in os.environ if name.upper().startswith(ENV_PREFIX) and os.environ[name] == value]
    for name in given:
        section, _, key = name.upper().removeprefix(ENV_PREFIX).lower().partition("__")
        kind = Settings.model_fields[section].annotation if section in Settings.model_fields else None
        if get_origin(kind) is list:
            return f"${name}: this is no JSON; write [[{section}]] tables in the config instead"
        if kind and not key:
            return f"${name}: this is no JSON; set its keys one by one, like {ENV_PREFIX}{section.upper()}__…"
        if kind and get_origin(get_type_hints(kind).get(key)) is list:
            return f"${name}: this is no JSON list; write it like '[\"intranet.example\"]'"
    return f"the environment can't be read: {error}"


def _place(path: Path, text: str, location: list[Any]) -> str:
    """Where a value was given: its variable, which wins over the file, or its line in the file."""
    # A list comes from one of the two as a whole; what is no list may be given part by part.
    whole = list(takewhile(lambda part: not isinstance(part, int), location))
    variable = ENV_PREFIX + "__".join(str(part).upper() for part in whole)
    for name in os.environ:
        if name.upper() == variable or name.upper().startswith(f"{variable}__"):
            return f"${name}"
    line = line_of(text, location)
    key = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in location)
    return f"{path}:{line}: {key.replace('.[', '[')}" if line else f"{path}: {key.replace('.[', '[')}"


def _check_references(path: Path, text: str, settings: Settings) -> None:
    """What no single section can see: names that must exist, or must be the only one."""

    def fail(location: list[Any], message: str) -> None:
        raise ConfigError(f"{_place(path, text, location)}: {message}")

    try:
        tree = settings.tree
    except ThemeError as error:
        place = max(i for i, theme in enumerate(settings.theme) if theme.slug == error.slug)
        fail(["theme", place, "slug"], str(error))
    names: set[str] = set()
    for number, source in enumerate(settings.source):
        if source.name in names:
            fail(
                ["source", number, "name"],
                f"source {source.name!r} stands twice; rename one",
            )
        names.add(source.name)
        if source.kind not in KINDS:
            fail(
                ["source", number, "kind"],
                f"{source.kind!r} is no kind of source; use {', '.join(KINDS)}",
            )
        if source.url and web_address(source.url, "") is None:
            fail(
                ["source", number, "url"],
                f"{source.shown!r} is no web address; write it like 'https://gemeente.example/nieuws.rss'",
            )
        for theme in source.themes:
            if theme not in tree:
                fail(["source", number, "themes"], f"theme {theme!r} does not exist")
    seen: set[Frequency] = set()
    for number, schedule in enumerate(settings.digest):
        if schedule.frequency in seen:
            fail(
                ["digest", number, "frequency"],
                f"{schedule.frequency} stands twice; remove one",
            )
        seen.add(schedule.frequency)
    if settings.digest and not settings.mail.sender:
        fail(
            ["mail", "from"],
            "digests need a sender; add from = 'Name <address>' to [mail]",
        )
