"""The config's sections on mail: who sends, how it leaves, and what single providers take."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from feeds.duration import Duration
from subscribers.pace import Limit, Limits
from subscribers.subscriber import AddressError, normal_address

TRANSPORTS = ("smtp", "smtps", "smtp+starttls", "maildir", "console")
"""The schemes of ``pipeline.transports``, which stands above this file; a test holds the two equal."""


class Section(BaseModel):
    """A section of the config: a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _mailbox(value: Any) -> Any:
    """``Name <address>`` or a bare address, checked."""
    if not isinstance(value, str) or not value:
        return value
    if not value.isprintable():
        raise ValueError("must be one line of plain text")
    name, open_bracket, rest = value.rpartition("<")
    address = rest.removesuffix(">") if open_bracket else value
    try:
        address = normal_address(address)
    except AddressError as error:
        raise ValueError(str(error)) from None
    if not address.isascii():
        raise ValueError(f"{address!r} must be an ASCII address, so that every server can bounce to it")
    return f"{name.strip()} <{address}>" if name.strip() else address


def bare(mailbox: str) -> str:
    """The address of a mailbox, by itself."""
    return mailbox.rpartition("<")[2].removesuffix(">")


Mailbox = Annotated[str, BeforeValidator(_mailbox)]


def _transport_scheme(url: str) -> str:
    """A transport's scheme, once the rest of it is known to make sense."""
    parts = urlsplit(url)
    if parts.scheme not in TRANSPORTS:
        schemes = ", ".join(f"{scheme}://" for scheme in TRANSPORTS)
        # What it was is not shown: it may hold a password.
        raise ValueError(f"this is no transport; it must begin with one of {schemes}")
    if "smtp" in parts.scheme:
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0 or not parts.hostname:
            raise ValueError(f"this is no mail server; write it like '{parts.scheme}://mail.example:25'")
    return parts.scheme


def _domain(value: str) -> str:
    """A mail domain as addresses have it: lower case, A-labels."""
    try:
        return normal_address(f"a@{value}").partition("@")[2].lower()
    except AddressError:
        raise ValueError(f"{value!r} is no mail domain; write it like 'outlook.example'") from None


class DomainSettings(Section):
    """One ``[[mail.domain]]``: how much a provider takes of us."""

    name: Annotated[str, AfterValidator(_domain)]
    connections: int = Field(default=0, ge=0)
    rate: float = Field(default=0, ge=0)


class DkimSettings(Section):
    domain: Annotated[str, AfterValidator(_domain)]
    selector: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=63)
    key_file: str


class MailSettings(Section):
    sender: Mailbox = Field(alias="from", default="")
    transactional_from: Mailbox = ""
    reply_to: Mailbox = ""
    postal_address: str = ""
    transport: str | list[str] = "smtp://localhost:25"
    connections: int = Field(default=4, ge=1, le=64)
    rate: float = Field(default=0, ge=0)
    domain_connections: int = Field(default=0, ge=0)
    domain: list[DomainSettings] = []
    dkim: DkimSettings | None = None
    retry_for: Duration = timedelta(hours=24)
    uncertain: Literal["accepted", "hold"] = "accepted"
    uncertain_after: Duration = timedelta(hours=12)
    bounce_domain: str = ""
    secret_key_file: str = "var/secret.key"

    @field_validator("transport")
    @classmethod
    def _is_known(cls, value: str | list[str]) -> str | list[str]:
        urls = [value] if isinstance(value, str) else value
        schemes = {_transport_scheme(url) for url in urls}
        if not urls:
            raise ValueError("this is an empty list; name at least one mail server")
        if len(urls) > 1 and not all("smtp" in scheme for scheme in schemes):
            raise ValueError("only mail servers can stand in for one another; give one transport")
        return value

    @field_validator("bounce_domain")
    @classmethod
    def _is_a_domain(cls, value: str) -> str:
        return _domain(value) if value else value

    @property
    def plain_sender(self) -> str:
        """Who sends mails that are no newsletter: ``transactional_from``, or else ``from``."""
        return self.transactional_from or self.sender

    @property
    def limits(self) -> Limits:
        """How fast and how many at a time, in all and for single providers."""
        single = {one.name: Limit(one.connections, one.rate) for one in self.domain}
        return Limits(self.rate, self.domain_connections, single)

    @property
    def transports(self) -> list[str]:
        """The transports to try, in this order."""
        return [self.transport] if isinstance(self.transport, str) else self.transport
