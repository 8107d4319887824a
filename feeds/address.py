"""Web addresses from outside, made absolute and of nothing but the characters of RFC 3986."""

import re
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from feeds.article import URL_LENGTH
from feeds.characters import fit

_WEB = frozenset({"http", "https"})
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEGMENT = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_PAIR = "[A-Za-z0-9_-]+=[A-Za-z0-9._~-]*"
PLAIN = re.compile(
    r"https?://(?!.{0,200}--)(?:[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.){1,4}[a-z]{2,20}"
    rf"/(?:{_SEGMENT}/)*+(?:{_SEGMENT})?(?:\?{_PAIR}(?:&{_PAIR})*+)?"
)
"""Absolute addresses that all rules leave as they are, which most are: none of these need be applied."""


def web_address(address: str, base: str, schemes: frozenset[str] = _WEB) -> str | None:
    """An absolute address with only the characters of RFC 3986, or None where there is none to be had."""
    if PLAIN.fullmatch(address) and len(address) <= URL_LENGTH:
        return address
    address = fit(address).strip().replace("\n", "").replace("\t", "")
    if not address:
        return None
    try:
        given = urlsplit(address)
        if given.scheme in ("http", "https") and not given.netloc:
            return None  # joined, it would be the base itself
        parts = urlsplit(urljoin(base, address))
        if parts.scheme not in schemes:
            return None
        host = parts.hostname or ""
        if parts.scheme != "mailto" and (not host or parts.port == 0):
            return None
        netloc = parts.netloc if parts.netloc.isascii() else _ascii_netloc(parts.netloc, host)
    except ValueError:  # brackets, ports and host names that are none
        return None
    kept = "/:@!$&'()*+,;=-._~%"
    whole = urlunsplit(
        (
            parts.scheme,
            quote(netloc, safe=":@[]!$&'()*+,;=-._~%"),
            quote(parts.path, safe=kept),
            quote(parts.query, safe=kept + "?"),
            quote(parts.fragment, safe=kept + "?"),
        )
    )
    whole = _LONE_PERCENT.sub("%25", whole)
    return whole if len(whole) <= URL_LENGTH else None


def _ascii_netloc(netloc: str, host: str) -> str:
    user, at, place = netloc.rpartition("@")
    port = place.rpartition(":")[2] if ":" in place else ""
    return user + at + host.encode("idna").decode("ascii") + (f":{port}" if port else "")
