"""The mail servers and the bounce mailbox: whether they answer, and whether the way there is private."""

import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from pipeline.app import App
from pipeline.doctor.outside import Outside
from pipeline.edges.imap import imap_box
from pipeline.edges.mailbox import MailboxError
from pipeline.transports.smtp.relay import Relay, Unreachable
from subscribers.senderdns import Finding, Verdict

_EXPIRES_SOON = timedelta(days=14)


def mail(app: App, outside: Outside) -> Iterator[Finding]:
    for url in app.settings.mail.transports:
        if "smtp" in urlsplit(url).scheme:
            yield _relay(url, app.clock())
        elif app.settings.digest:
            yield Finding(
                "transport",
                Verdict.WARNING,
                f"mails go to {url} and to nobody",
                "name a mail server in [mail] transport",
            )
    if app.settings.bounces.imap:
        yield _mailbox(app.settings.bounces.imap)
    elif app.settings.mail.bounce_domain:
        yield Finding(
            "bounce mailbox",
            Verdict.WARNING,
            "[bounces] imap names none",
            "name it, or hand over what comes back: kennisportal bounces ingest",
        )


def _relay(url: str, now: datetime) -> Finding:
    relay = Relay(url)
    check = f"mail server {relay.place}"
    try:
        connection, offers = relay.connect()
    except Unreachable as error:
        return Finding(
            check, Verdict.WRONG, str(error), "see that it runs, and that [mail] transport is right"
        )
    with closing(connection):
        connection.settimeout(5)
        connection.sendall(b"QUIT\r\n")
        pace = "pipelining" if offers.pipelining else "no pipelining, so it is slower"
        if not isinstance(connection, ssl.SSLSocket):
            if _is_near(urlsplit(url).hostname or ""):
                return Finding(check, Verdict.OK, f"it answers, unencrypted on this machine; {pace}")
            return Finding(
                check,
                Verdict.WARNING,
                f"it answers, and whoever is in between can read along; {pace}",
                "write smtp+starttls:// or smtps:// in [mail] transport",
            )
        certificate = connection.getpeercert() or {}
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        left = f"its certificate holds until {ends:%Y-%m-%d} ({(ends - now).days} days)"
        saw = f"{connection.version()}, {left}; {pace}"
        if ends - now < _EXPIRES_SOON:
            return Finding(check, Verdict.WARNING, saw, "renew the certificate: nothing leaves without one")
        return Finding(check, Verdict.OK, saw)


def _mailbox(url: str) -> Finding:
    where = urlsplit(url).hostname
    try:
        with imap_box(url):
            return Finding("bounce mailbox", Verdict.OK, f"{where} lets us in")
    except MailboxError as error:
        return Finding(
            "bounce mailbox", Verdict.WRONG, str(error), "see [bounces] imap, and that the server runs"
        )


def _is_near(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
