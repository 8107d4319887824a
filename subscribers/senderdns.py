"""What DNS says about a sender, judged: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), MX and PTR.

Records come in as texts; nothing is asked here.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_SPLIT = 255
"""Characters of one string in a TXT record (RFC 1035 §3.3.14)."""


class Verdict(StrEnum):
    """How a check came out. What can't be known is no fault."""

    OK = "ok"
    UNKNOWN = "not known"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``doctor``: what was looked at, how it is, what was seen, and what to do about it."""

    check: str
    verdict: Verdict
    saw: str
    advice: str = ""


def judge_spf(domain: str, texts: Sequence[str]) -> Finding:
    """Whether a domain says which servers may send for it. ``texts`` are its TXT records."""
    check = f"SPF of {domain}"
    records = [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        advice = f'add a TXT record at {domain}, like "v=spf1 mx ~all", that names your mail server'
        return Finding(check, Verdict.WRONG, "there is no record", advice)
    if len(records) > 1:
        return Finding(
            check, Verdict.WRONG, f"there are {len(records)} records, so none counts", "join them into one"
        )
    terms = records[0].lower().split()
    ending = next((term for term in terms if term.lstrip("+-~?") == "all"), "")
    if ending in ("all", "+all"):
        return Finding(check, Verdict.WRONG, records[0], "it lets everybody send for you; end it with ~all")
    if ending == "?all" or not (ending or any(term.startswith("redirect=") for term in terms)):
        return Finding(check, Verdict.WARNING, records[0], "it forbids nobody anything; end it with ~all")
    lookups = sum(
        bool(re.match(r"[+~?-]?(include:|a\b|mx\b|ptr\b|exists:)|redirect=", term)) for term in terms
    )
    if lookups > 10:
        return Finding(
            check, Verdict.WRONG, f"it needs {lookups} lookups of at most 10", "name addresses instead"
        )
    return Finding(check, Verdict.OK, records[0])


def judge_dkim(name: str, texts: Sequence[str], ours: bytes, bits: int) -> Finding:
    """Whether the key at ``SELECTOR._domainkey.DOMAIN`` is ours, a public key in DER form."""
    check = f"DKIM key at {name}"
    record = f"v=DKIM1; k=rsa; p={b64encode(ours).decode()}"
    parts = " ".join(f'"{record[at : at + _SPLIT]}"' for at in range(0, len(record), _SPLIT))
    advice = f"publish this TXT record at {name}: {parts}"
    records = [text for text in texts if "p=" in text.replace(" ", "")]
    if not records:
        return Finding(check, Verdict.WRONG, "there is no record, so no signature of ours counts", advice)
    tags = _tags(records[0])
    if not tags.get("p"):
        return Finding(check, Verdict.WRONG, "the key there is revoked", advice)
    try:
        published = b64decode("".join(tags["p"].split()), validate=True)
    except ValueError:
        return Finding(check, Verdict.WRONG, "what stands there is no key", advice)
    if published != ours:
        return Finding(check, Verdict.WRONG, "another key stands there than the one we sign with", advice)
    if bits < 2048:
        return Finding(
            check,
            Verdict.WARNING,
            f"it is ours, and has {bits} bits",
            "make one of 2048, under a new selector",
        )
    return Finding(check, Verdict.OK, f"it is ours, of {bits} bits")


def judge_dmarc(domain: str, texts: Sequence[str], *, dkim: str, envelope: str) -> Finding:
    """Whether a From domain has a policy, and whether our DKIM or envelope domain lets its mail pass it.

    ``texts`` are the TXT records of ``_dmarc`` at the domain, or else at the one it belongs to.
    """
    check = f"DMARC of {domain}"
    records = [text for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]
    if not records:
        advice = f'add a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
        return Finding(check, Verdict.WRONG, "there is no record, which large providers demand", advice)
    if len(records) > 1:
        return Finding(check, Verdict.WRONG, f"there are {len(records)} records, so none counts", "keep one")
    tags = _tags(records[0])
    by_dkim = bool(dkim) and _aligned(domain, dkim, strict=tags.get("adkim") == "s")
    by_spf = _aligned(domain, envelope, strict=tags.get("aspf") == "s")
    if not (by_dkim or by_spf):
        return Finding(
            check,
            Verdict.WRONG,
            f"neither {dkim or 'a signature'} nor the return path's {envelope} belongs to {domain}",
            f"sign with a domain of {domain} ([mail.dkim] domain)",
        )
    policy = tags.get("p", "none")
    if policy == "none":
        return Finding(
            check, Verdict.OK, f"{records[0]} (it asks for nothing yet; p=quarantine protects you)"
        )
    if not by_dkim:
        return Finding(
            check,
            Verdict.WARNING,
            f"{records[0]}, and our mail passes by SPF alone",
            "sign it ([mail.dkim]): what is forwarded fails SPF",
        )
    return Finding(check, Verdict.OK, records[0])


def judge_bounce_domain(domain: str, exchanges: Sequence[str]) -> Finding:
    """Whether anybody takes what comes back to a return path's domain."""
    check = f"MX of {domain}"
    if not exchanges:
        return Finding(
            check,
            Verdict.WRONG,
            "there is none, so what comes back is lost",
            f"add an MX record at {domain} that names the server of the bounce mailbox",
        )
    return Finding(check, Verdict.OK, ", ".join(exchanges))


def judge_reverse(address: str, names: Sequence[str], back: Sequence[str]) -> Finding:
    """Whether a sending address has a name, which leads back to it (FCrDNS); ``back`` are its addresses."""
    check = f"PTR of {address}"
    if not names:
        return Finding(
            check, Verdict.WRONG, "there is none", "ask who gave you the address to set its reverse name"
        )
    if address not in back:
        return Finding(
            check,
            Verdict.WRONG,
            f"{names[0]}, which does not lead back to {address}",
            f"add an address record for {names[0]}",
        )
    return Finding(check, Verdict.OK, f"{names[0]}, and back")


def parents(domain: str) -> list[str]:
    """The domains that a domain belongs to, the nearest first, down to two labels."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels) - 1)]


def _aligned(domain: str, other: str, *, strict: bool) -> bool:
    if strict:
        return domain == other
    # Without a list of public suffixes: one belongs to the other.
    return domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}")


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in pairs if sign}
