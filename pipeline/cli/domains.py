"""``kennisportal domains``: the providers that take our mail, one by one."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import click

from pipeline.app import App
from pipeline.cli.console import as_option, json_option, say, say_json, table, with_app
from subscribers.message import message_id
from subscribers.provider import Provider
from subscribers.subscriber import AddressError, normal_address


@click.group()
def domains() -> None:
    """How mail providers take our mail; and leaving one alone for a while."""


class _Domain(click.ParamType[str]):
    name = "DOMAIN"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            return normal_address(f"a@{str(value).rpartition('@')[2]}").partition("@")[2].lower()
        except AddressError:
            self.fail(f"{value!r} is no mail domain; write it like 'outlook.example'", param, ctx)


@domains.command("list")
@click.option("--closed", is_flag=True, help="Only those that get nothing now.")
@json_option
@with_app
def list_(app: App, closed: bool, as_json: bool) -> None:
    """Every domain that was ever mailed, and how it took that."""
    desk = app.providers()
    found = desk.closed() if closed else desk.known()
    if as_json:
        say_json([_document(app, one) for one in found])
        return
    table(
        ("domain", "state", "last accepted", "last refusal"),
        [(one.domain, _state(app, one), _when(app, one.last_accepted), one.last_reply) for one in found],
    )


@domains.command()
@click.argument("domain", type=_Domain())
@json_option
@with_app
def show(app: App, domain: str, as_json: bool) -> None:
    """One domain: its last accept, and its last reply word for word."""
    found = app.providers().one(domain)
    if as_json:
        say_json(_document(app, found))
        return
    say(f"{domain}: {_state(app, found)}")
    if found.reason:
        say(f"  why: {found.reason}")
    say(f"  last accepted: {_when(app, found.last_accepted)}")
    if found.last_reply:
        say(f"  last refusal, {_when(app, found.last_reply_at)}: {found.last_reply}")
    if found.paused:
        say(f"Once that is mended: kennisportal domains resume {domain}")
    if found.last_reply:
        say(f"To ask them about it: kennisportal domains letter {domain}")


@domains.command()
@click.argument("domain", type=_Domain())
@click.option("--language", type=click.Choice(["nl", "en"]), help="Otherwise the site's.")
@with_app
def letter(app: App, domain: str, language: str | None) -> None:
    """A letter to a domain's mail administrator.

    It has what they need to find out why they refuse us.
    """
    say(_letter(app, domain, language or app.settings.site.language).rstrip())


@domains.command()
@click.argument("domain", type=_Domain())
@click.option("--reason", default="paused by an administrator", help="Why, for whoever looks later.")
@as_option
@with_app
def pause(app: App, domain: str, reason: str, who: str) -> None:
    """Send nothing to a domain. What is planned for its readers waits."""
    app.providers().pause(domain, reason)
    app.audit(who, "domains pause", f"{domain}: {reason}")
    say(f"{domain} is paused; 'kennisportal domains resume {domain}' goes on with it.")


@domains.command()
@click.argument("domain", type=_Domain())
@as_option
@with_app
def resume(app: App, domain: str, who: str) -> None:
    """Send to a domain again."""
    app.providers().resume(domain)
    app.audit(who, "domains resume", domain)
    say(f"{domain} gets mail again, with the next 'kennisportal digest send' or by 'kennisportal run'.")


def _letter(app: App, domain: str, language: str) -> str:
    site, mail, case = app.settings.site, app.settings.mail, app.providers().case(domain)
    secret = app.secrets.signing[0]
    context = {
        "site": {"name": site.name, "base_url": site.base_url},
        "case": case,
        "senders": sorted({mail.sender, mail.plain_sender}),
        "envelope": mail.bounce_domain or app.envelope_sender,
        "relays": sorted({urlsplit(url).hostname or "" for url in mail.transports if "smtp" in url}),
        "dkim": mail.dkim,
        "ids": [message_id(site.host, one.edition, one.subscriber, secret) for one in case.refusals],
        "contact": mail.reply_to or mail.sender,
    }
    return app.templates[language].get_template("desk/letter.txt.j2").render(context)


def _state(app: App, provider: Provider) -> str:
    if provider.paused:
        return "paused"
    if provider.closed(app.clock()):
        return f"held back until {_when(app, provider.hold_until)}"
    return "open"


def _when(app: App, moment: datetime | None) -> str:
    return f"{moment.astimezone(app.settings.site.zone):%Y-%m-%d %H:%M}" if moment else "never"


def _document(app: App, provider: Provider) -> dict[str, object]:
    return asdict(provider) | {"closed": provider.closed(app.clock())}
