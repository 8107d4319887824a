"""The address that mails link to: whether it is private and leads here."""

from collections.abc import Iterator

import httpx2

from pipeline.app import App
from pipeline.doctor.outside import Outside
from pipeline.edges.http import ROBOT
from subscribers.senderdns import Finding, Verdict

_SECONDS = 10.0


def site(app: App, outside: Outside) -> Iterator[Finding]:
    base = app.settings.site.base_url
    check = f"site {base}"
    if not base.startswith("https://"):
        yield Finding(
            check,
            Verdict.WARNING,
            "links in mails are not https, and one-click unsubscribing needs it (RFC 8058)",
            "put a web server with a certificate in front, and write https:// in [site] base_url",
        )
    try:
        with httpx2.Client(trust_env=False, timeout=_SECONDS, headers={"User-Agent": ROBOT}) as client:
            status = client.get(f"{base}/healthz").status_code
    except httpx2.HTTPError as error:
        yield Finding(
            check,
            Verdict.WARNING,
            f"it can't be reached from here ({type(error).__name__})",
            "see that 'kennisportal run' or 'web' runs, and that the web server passes on to it",
        )
        return
    if status == 200:
        yield Finding(check, Verdict.OK, "it answers")
    else:
        yield Finding(
            check, Verdict.WARNING, f"/healthz there answers {status}", "have the web server pass it on to us"
        )
