"""Collecting real feeds three times: as they are, again, and with every id, host and date made anew.

``python tests/support/three_times.py FOLDER`` fails unless the second and the third time bring nothing new.
"""

import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from pipeline.app import App
from pipeline.edges import secrets
from pipeline.settings import load
from pipeline.store import schema

CONFIG = (
    '[site]\nname = "Proef"\nbase_url = "https://proef.example"\n'
    '[collect]\nallow_hosts = ["localhost"]\nhost_pause = "0s"\n[[theme]]\nslug = "t"\nname = "T"\n'
)
_GUID = re.compile(rb"(<guid[^>]*>)(.*?)(</guid>)", re.DOTALL)
_ID = re.compile(rb"<id>(.*?)</id>", re.DOTALL)
_LINK = re.compile(rb"(<link>\s*(?:<!\[CDATA\[)?\s*https?://)[^/<\]\s]+")
_HREF = re.compile(rb"(<link\b[^>]*href=[\"']https?://)[^/\"']+")
_DATE = re.compile(rb"<(pubDate|dc:date|published|updated)>[^<]*</")


def made_anew(document: bytes) -> bytes:
    """The feed as another system would write it: other ids, another host, another date."""
    document = _GUID.sub(lambda m: m[1] + _fresh(m[2]) + m[3], document)
    head, entry, rest = document.partition(b"<entry")
    document = head + entry + _ID.sub(lambda m: b"<id>urn:new:" + _fresh(m[1]) + b"</id>", rest)
    document = _HREF.sub(rb"\1nieuw.example", _LINK.sub(rb"\1nieuw.example", document))
    date = b"Wed, 18 Nov 2026 10:00:00 GMT" if b"<rss" in document else b"2026-11-18T10:00:00Z"
    return _DATE.sub(lambda m: b"<" + m[1] + b">" + date + b"</", document)


def _fresh(id: bytes) -> bytes:
    return sha256(id).hexdigest()[:20].encode()


def main(folder: Path) -> None:
    documents = {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".rss", ".atom")
    }

    def answer(request: Request) -> Response:
        return Response(documents[request.path.strip("/")], content_type="application/xml")

    totals = []
    now = datetime(2026, 11, 25, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as directory, HTTPServer() as server:
        server.expect_request(re.compile("/.*")).respond_with_handler(answer)
        config = Path(directory, "kennisportal.toml")
        sources = (
            f'[[source]]\nname = "bron-{number}"\nkind = "feed"\nurl = "{server.url_for(f"/{name}")}"\n'
            for number, name in enumerate(sorted(documents))
        )
        config.write_text(CONFIG + "".join(sources), encoding="utf-8")
        settings = load(config)
        secrets.create(settings.path(settings.mail.secret_key_file))
        with App(settings) as app:
            schema.upgrade(app.database)
        for time in ("first", "again", "made anew"):
            if time == "made anew":
                documents.update({name: made_anew(document) for name, document in documents.items()})
            now += timedelta(days=1)
            with App.open(config, lambda now=now: now) as app:  # type: ignore[misc]
                report = app.collector().collect(app.settings.source, force=True)
            counts = {name: report.total(name) for name in ("new", "updated", "unchanged")}
            sys.stderr.writelines(
                f"{part.error or part.held}\n" for part in report.sources if part.error or part.held
            )
            counts |= {"failed": report.failed, "held": report.held}
            sys.stdout.write(f"{time}: {', '.join(f'{n} {name}' for name, n in counts.items())}\n")
            totals.append(counts)
    first, *later = totals
    quiet = all(counts["unchanged"] == first["new"] and not counts["new"] for counts in later)
    well = not any(counts["failed"] or counts["held"] for counts in totals)
    sys.exit(None if quiet and well and first["new"] and not later[0]["updated"] else 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
