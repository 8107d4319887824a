"""Which network addresses we connect to: only public ones, checked at the moment of connecting."""

import ipaddress
import socket
from collections.abc import Collection, Iterable
from typing import Any

import anyio
import httpcore2

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Prefixes whose last 32 bits are an IPv4 address (RFC 6052, RFC 4291 §2.5.5.1): as safe as that address is.
_CARRIERS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
_LOCAL_TRANSLATION = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215


class Refused(Exception):
    """A host whose addresses are all private, local or reserved."""


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could connect to it; IPv4 inside IPv6 is judged as IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and any(address in network for network in _CARRIERS):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address in _LOCAL_TRANSLATION or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a name itself and connects to the very addresses it has checked.

    So a name that resolves differently a moment later gains nothing. ``allow_hosts`` are names whose
    addresses are not checked. Raises Refused, or httpcore2's errors.
    """

    def __init__(self, allow_hosts: Collection[str] = ()) -> None:
        self._allowed = frozenset(host.lower().strip("[]") for host in allow_hosts)
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                return await self._connect(host, port, local_address, socket_options)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("timed out") from None

    async def _connect(
        self, host: str, port: int, local_address: str | None, socket_options: Iterable[Any] | None
    ) -> httpcore2.AsyncNetworkStream:
        found = await self._resolve(host, port)
        if host.lower().strip("[]") in self._allowed:
            addresses = found
        else:
            addresses = [address for address in found if is_public(address)]
            if not addresses:
                raise Refused(", ".join(str(address) for address in found))
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(
                    str(address), port, None, local_address, socket_options
                )
            except httpcore2.ConnectError as error:
                failure = error
        raise failure

    async def _resolve(self, host: str, port: int) -> list[Address]:
        name = host.strip("[]")
        if address := _address(name):
            return [address]
        try:
            answers = await anyio.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in answers))
        except (OSError, ValueError) as error:  # UnicodeError, for labels no name can have, is a ValueError
            raise httpcore2.ConnectError("its name can't be resolved") from error

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def _address(name: str) -> Address | None:
    """The address that a host is named by, which needs no resolving; None for any other name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
