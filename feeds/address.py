"""Web addresses from outside, made absolute and of nothing but the characters of RFC 3986."""

import re
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import idna

from feeds.characters import fit
from feeds.draft import URL_LENGTH

_CAMPAIGNS = """
fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid igshid igsh li_fat_id mc_cid mc_eid
mkt_tok oly_anon_id oly_enc_id vero_id vero_conv _hsenc _hsmi __hssc __hstc __hsfp hsctatracking s_cid
ss_email_id bsft_clkid bsft_uid rb_clickid wickedid epik ref_src at_medium at_campaign piwik_campaign
piwik_kwd piwik_keyword pk_campaign pk_kwd pk_keyword pk_source pk_medium pk_content mtm_campaign mtm_kwd
mtm_keyword mtm_source mtm_medium mtm_content mtm_cid mtm_group mtm_placement
"""
TRACKING = frozenset(_CAMPAIGNS.split())
"""Query parameters that say how a reader came, not what they read; besides everything in ``utm_``."""

_WEB = frozenset({"http", "https"})
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEGMENT = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_PAIR = "[A-Za-z0-9_-]+=[A-Za-z0-9._~-]*"
_PLAIN_PATH = re.compile(rf"/(?:{_SEGMENT}/)*+(?:{_SEGMENT})?(?:\?{_PAIR}(?:&{_PAIR})*+)?")
PLAIN = re.compile(
    r"https?://(?!.{0,200}--)(?:[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\.){1,4}[a-z]{2,20}" + _PLAIN_PATH.pattern
)
"""Absolute addresses that all rules leave as they are, which most are: none of these need be applied."""


def web_address(address: str, base: str, schemes: frozenset[str] = _WEB) -> str | None:
    """An absolute address with only the characters of RFC 3986, or None where there is none to be had."""
    if _PLAIN_PATH.fullmatch(address) and PLAIN.fullmatch(base):
        address = base[: base.index("/", len("https://"))] + address
    if len(address) <= URL_LENGTH and PLAIN.fullmatch(address):
        return address
    return _resolved(address, base, schemes)


def _resolved(address: str, base: str, schemes: frozenset[str]) -> str | None:
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
        netloc = quote(
            parts.netloc if parts.netloc.isascii() else _ascii_netloc(parts.netloc, host),
            safe=":@[]!$&'()*+,;=-._~%",
        )
        if parts.scheme != "mailto" and not urlsplit(f"//{netloc}").hostname:
            return None  # in ASCII it is a host no more, as where letters stood beside brackets
    except ValueError:  # brackets, ports and host names that are none
        return None
    kept = "/:@!$&'()*+,;=-._~%"
    whole = urlunsplit(
        (
            parts.scheme,
            netloc,
            quote(parts.path, safe=kept),
            quote(parts.query, safe=kept + "?"),
            quote(parts.fragment, safe=kept + "?"),
        )
    )
    whole = _LONE_PERCENT.sub("%25", whole)
    return whole if len(whole) <= URL_LENGTH else None


def untracked(address: str) -> str:
    """A web address without what says how a reader came to it; otherwise as it was."""
    if "?" not in address:
        return address
    page, mark, fragment = address.partition("#")
    page, _, query = page.partition("?")
    if not any(map(_tracks, query.split("&"))):
        return address
    kept = untracked_query(query)
    return page + (f"?{kept}" if kept else "") + mark + fragment


def untracked_query(query: str) -> str:
    """A query without its parameters that only track, and without empty ones."""
    return "&".join(pair for pair in query.split("&") if pair and not _tracks(pair))


def _tracks(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return name.startswith("utm_") or name in TRACKING


def _ascii_netloc(netloc: str, host: str) -> str:
    user, at, place = netloc.rpartition("@")
    port = place.rpartition(":")[2] if ":" in place else ""
    return user + at + _ascii_host(host) + (f":{port}" if port else "")


@lru_cache
def _ascii_host(host: str) -> str:
    """As browsers have it (UTS 46): the language's own codec makes another host of one with a ß."""
    return idna.encode(host, uts46=True).decode("ascii")
