"""Forms that a page of ours posts: read within bounds, and not from anybody else's page."""

from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

LIMIT = 64 * 1024
"""Bytes of a form that are read."""

_FIELDS = 2_000
_TYPE = "application/x-www-form-urlencoded"


def refuse_cross_site(request: Request, base_url: str, friends: Collection[str] = ()) -> None:
    """Raises HTTPException 403 for a form on another site's page (Fetch Metadata, RFC 6454).

    ``friends`` are origins that may have it on theirs. What says nothing of where it comes from is let in:
    the token is the permission. ``null`` is what browsers say for a page that sends no referrer, as ours.
    """
    if request.headers.get("origin") in friends:
        return
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        foreign = fetched not in ("same-origin", "none")
    else:
        # Compared as a text: nobody's browser sends an origin that can't be taken apart, but others may.
        host = request.headers.get("origin", "null").partition("://")[2]
        foreign = bool(host) and host not in (urlsplit(base_url).netloc, request.headers.get("host"))
    if foreign:
        raise HTTPException(403, "This form was sent from another site.")


def network_of(request: Request) -> str:
    """The network that a request comes from: with IPv4 one address, with IPv6 what a home gets (RFC 6177)."""
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Network((int(address), 56), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """The fields of a form, each with all its values. Raises HTTPException 400, 413 or 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise HTTPException(415, f"Send the form as {_TYPE}.")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > LIMIT:
        raise HTTPException(413)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMIT:
            raise HTTPException(413)
    try:
        return parse_qs(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise HTTPException(400, "The form has too many fields.") from None
