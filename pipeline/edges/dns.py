"""Asking DNS: records as plain values, and a clear word where nobody answers."""

from collections.abc import Callable
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename

_SECONDS = 5.0


class DnsUnknown(Exception):
    """DNS can't be asked, or gives no answer: that says nothing about the records."""


class Resolver:
    """Asks the system's DNS servers, or the one at ``server``, an ``ADDRESS`` or ``ADDRESS:PORT``."""

    def __init__(self, server: str = "") -> None:
        self._server = server

    def txt(self, name: str) -> list[str]:
        """TXT records, their strings joined; none for a name that is not there. Raises DnsUnknown."""
        return self._ask(name, "TXT", lambda one: b"".join(one.strings).decode("utf-8", "replace"))

    def mx(self, name: str) -> list[str]:
        """Mail exchangers, the preferred first; a null MX (RFC 7505) is none. Raises DnsUnknown."""
        found = self._ask(name, "MX", lambda one: (one.preference, one.exchange.to_text(omit_final_dot=True)))
        return [host for _, host in sorted(found) if host not in ("", ".", "@")]

    def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6 addresses. Raises DnsUnknown."""
        return [*self._ask(name, "A", str), *self._ask(name, "AAAA", str)]

    def reverse(self, address: str) -> list[str]:
        """The names of an address. Raises DnsUnknown."""
        name = dns.reversename.from_address(address).to_text()
        return self._ask(name, "PTR", lambda one: str(one.target.to_text(omit_final_dot=True)))

    def _ask(self, name: str, kind: str, read: Callable[[Any], Any]) -> list[Any]:
        try:
            answer = self._resolver().resolve(name, kind, lifetime=_SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise DnsUnknown(f"DNS gives no answer about {name} ({type(error).__name__})") from None
        return [read(one) for one in answer]

    def _resolver(self) -> dns.resolver.Resolver:
        if not self._server:
            return dns.resolver.Resolver()
        address, _, port = (
            self._server.rpartition(":") if self._server.count(":") == 1 else (self._server, "", "")
        )
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [address]
        resolver.port = int(port or 53)
        return resolver
