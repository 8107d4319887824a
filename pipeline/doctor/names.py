"""What DNS says about the sender; ``subscribers.senderdns`` judges it."""

import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.app import App
from pipeline.doctor.outside import Outside
from pipeline.edges.dns import DnsUnknown, Resolver
from pipeline.settings_mail import DkimSettings, bare
from subscribers.senderdns import (
    Finding,
    Verdict,
    judge_bounce_domain,
    judge_dkim,
    judge_dmarc,
    judge_reverse,
    judge_spf,
    parents,
)
from subscribers.subscriber import domain_of


def names(app: App, outside: Outside) -> Iterator[Finding]:
    mail, resolver = app.settings.mail, outside.resolver
    dkim = mail.dkim
    if not mail.sender:
        return
    domains = list(dict.fromkeys(domain_of(bare(one)) for one in (mail.sender, mail.plain_sender)))
    envelopes = list(dict.fromkeys([mail.bounce_domain or domains[0], *domains[1:]]))
    for domain in envelopes:
        yield _asked(f"SPF of {domain}", lambda domain=domain: judge_spf(domain, resolver.txt(domain)))  # type: ignore[misc]
    if dkim is not None:
        yield _asked("DKIM key", lambda: _dkim(app, dkim, resolver))
    else:
        yield Finding(
            "DKIM",
            Verdict.WARNING,
            "we don't sign",
            "sign ([mail.dkim]), unless your mail server does it for you",
        )
    for domain in domains:
        yield _asked(f"DMARC of {domain}", lambda domain=domain: _dmarc(app, domain, resolver))  # type: ignore[misc]
    if mail.bounce_domain:
        yield _asked(
            f"MX of {mail.bounce_domain}",
            lambda: judge_bounce_domain(mail.bounce_domain, resolver.mx(mail.bounce_domain)),
        )
    else:
        yield Finding(
            "return path",
            Verdict.WARNING,
            "what comes back goes to the sender's own mailbox",
            "give it a domain of its own ([mail] bounce_domain), so that addresses that are gone are seen",
        )
    for url in mail.transports:
        yield from _reverse(url, resolver)


def _asked(check: str, judge: Callable[[], Finding]) -> Finding:
    try:
        return judge()
    except DnsUnknown as error:
        return Finding(check, Verdict.UNKNOWN, str(error))


def _dkim(app: App, dkim: DkimSettings, resolver: Resolver) -> Finding:
    pem = app.settings.path(dkim.key_file).read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    name = f"{dkim.selector}._domainkey.{dkim.domain}"
    return judge_dkim(name, resolver.txt(name), der, key.key_size)


def _dmarc(app: App, domain: str, resolver: Resolver) -> Finding:
    mail = app.settings.mail
    texts = []
    for one in (domain, *parents(domain)):
        texts = [text for text in resolver.txt(f"_dmarc.{one}") if "dmarc1" in text.lower()]
        if texts:
            break
    return judge_dmarc(
        domain, texts, dkim=mail.dkim.domain if mail.dkim else "", envelope=mail.bounce_domain or domain
    )


def _reverse(url: str, resolver: Resolver) -> Iterator[Finding]:
    """The reverse names of a mail server's public addresses, which may be those that others see.

    Of a server that is close by, the address that it sends from can't be known here.
    """
    host = urlsplit(url).hostname if "smtp" in urlsplit(url).scheme else None
    if not host:
        return
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        found = set()
    public = sorted(str(address) for address in found if ip_address(address).is_global)
    for address in public:

        def judge(address: str = address) -> Finding:
            known = resolver.reverse(address)
            return judge_reverse(address, known, resolver.addresses(known[0]) if known else [])

        yield _asked(f"PTR of {address}", judge)
    if not public:
        yield Finding("PTR", Verdict.UNKNOWN, f"which address {host} sends from can't be seen from here")
