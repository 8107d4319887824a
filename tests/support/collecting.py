"""A portal that collects, and a feed that can be told what to show."""

from datetime import timedelta
from email.utils import format_datetime

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from feeds.log import Kind
from pipeline.steps.collect import CollectReport

FEED = """
[[source]]
name = "nieuws"
kind = "feed"
url = "{url}"
themes = ["cloud"]
every = "15m"
"""


def collect(portal, *, force=True, dry_run=False) -> CollectReport:
    with portal.open() as app:
        app.rethemer().apply()
        return app.collector().collect(app.settings.source, force=force, dry_run=dry_run)


def log(portal) -> list[tuple[str, Kind, set[str]]]:
    """The whole log: title, kind, themes."""
    with portal.open() as app, app.store.read() as work:
        articles = work.articles.get([id for batch in work.articles.all_ids() for id in batch])
        told = [entry for id in articles for entry, _ in work.log.of_article(id)]
        entries = sorted(told, key=lambda entry: entry.position)
        return [(articles[entry.article].title, entry.kind, set(entry.themes)) for entry in entries]


def numbers(report: CollectReport) -> dict[str, int]:
    names = ("new", "updated", "unchanged", "withdrawn", "restored", "backfill", "waiting", "polished")
    return {name: report.total(name) for name in names if report.total(name)}


class Feed:
    """A feed whose entries and answers a test decides."""

    def __init__(self, portal, server: HTTPServer) -> None:
        self.entries: list[tuple[str, str]] = []
        self.portal = portal
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[dict[str, str]] = []
        self.url = server.url_for("/feed").replace("localhost", "127.0.0.1")
        server.expect_request("/feed").respond_with_handler(lambda request: self.answer(request))

    def answer(self, request: Request) -> Response:
        self.requests.append(dict(request.headers))
        document = self.document()
        etag = f'"{hash(document)}"'
        if self.status != 200:
            return Response("stuk", self.status, headers=self.headers)
        if request.headers.get("If-None-Match") == etag:
            return Response(status=304)
        return Response(document, headers={"ETag": etag, "Content-Type": "application/rss+xml"})

    def document(self) -> str:
        date = format_datetime(self.portal.now - timedelta(hours=1))
        items = "".join(
            f"<item><guid isPermaLink='false'>{guid}</guid><link>https://nieuws.example/{guid}</link>"
            f"<title>{title}</title><pubDate>{date}</pubDate></item>"
            for guid, title in self.entries
        )
        return f"<rss version='2.0'><channel><title>Nieuws</title>{items}</channel></rss>"
