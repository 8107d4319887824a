"""The web: what is published, as files; what mails link to; and whether all is well. A file per concern.

GET and HEAD change nothing, whoever follows a link.
"""

from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pipeline.app import App
from pipeline.steps.select import Selector
from pipeline.store import schema
from pipeline.upkeep import examiner
from pipeline.web.account import AccountPages
from pipeline.web.editions import WebEditions
from pipeline.web.figures import DatabaseFigures
from pipeline.web.files import Files
from pipeline.web.headers import SafeHeaders
from pipeline.web.health import Health
from pipeline.web.metrics import Metrics
from pipeline.web.ownfeed import OwnFeeds
from pipeline.web.pages import WebPages
from pipeline.web.preferences import PreferencesPage
from pipeline.web.signup import SignUpPages
from pipeline.web.unsubscribe import Unsubscribe
from subscribers.delivery import TransportUnavailable

_FORM = ["GET", "HEAD", "POST"]

log = structlog.get_logger()


def build(app: App) -> ASGIApp:
    """The web application of a portal. It needs no start-up of its own."""
    pages = WebPages(app.templates, app.settings.site)
    site = app.settings.site
    files = Files(
        app.public,
        base_url=site.base_url,
        hub=app.settings.publish.hub,
        tree=app.tree,
        read=app.store.read,
    )
    health = Health(app.store.read, partial(schema.require, app.database))
    figures = DatabaseFigures(examiner(app), app.store.read)
    metrics = Metrics(figures, app.settings.web.metrics_from)
    editions = WebEditions(app.tokens, app.store.read, app.tree, pages)
    frequencies = [schedule.frequency for schedule in app.settings.digest]
    leave = Unsubscribe(
        tokens=app.tokens,
        read=app.store.read,
        enroller=app.enroller(),
        pages=pages,
        frequencies=frequencies,
    )

    def notify() -> None:
        try:
            app.notifier().send()
        except TransportUnavailable as error:
            log.warning("notices wait", error=str(error))

    preferences = PreferencesPage(
        tokens=app.tokens,
        read=app.store.read,
        enroller=app.enroller(),
        pages=pages,
        tree=app.tree,
        frequencies=frequencies,
        base_url=app.settings.site.base_url,
        clock=app.clock,
        accounts=app.accounts(),
        notify=notify,
    )
    own = OwnFeeds(
        app.tokens,
        app.store.read,
        Selector(app.tree, app.imprint).own,
        site.base_url,
        lambda: pages.show("nofeed", status=410),
    )

    signup = []
    if app.settings.digest:
        pages_of_signup = SignUpPages(
            tokens=app.tokens,
            desk=app.signing_up(),
            notify=notify,
            pages=pages,
            tree=app.tree,
            frequencies=frequencies,
            base_url=site.base_url,
            friends=app.settings.web.form_origins,
        )
        signup = [
            Route("/subscribe", pages_of_signup.subscribe, methods=_FORM),
            Route("/confirm/{token}", pages_of_signup.confirm, methods=_FORM),
        ]
    account = AccountPages(
        tokens=app.tokens,
        accounts=app.accounts(),
        enroller=app.enroller(),
        notify=notify,
        pages=pages,
        base_url=site.base_url,
        clock=app.clock,
    )
    # Made now, so that it is there whatever breaks later.
    sorry = pages.show("error", status=500)

    def not_found(request: Request, error: Exception) -> Response:
        return pages.show("notfound", status=404)

    def gone(request: Request, error: Exception) -> Response:
        return pages.show("gone", status=410)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Response(error.detail, error.status_code, error.headers, "text/plain")

    def failed(request: Request, error: Exception) -> Response:
        return sorry

    web = Starlette(
        routes=[
            Route("/healthz", health.alive),
            Route("/readyz", health.ready),
            Route("/metrics", metrics.answer),
            Route("/feeds/me/{token}.atom", own.answer),
            Route("/editions/{token}", editions.answer),
            *signup,
            Route("/account/{token}", account.account, methods=_FORM),
            Route("/address/{token}", account.address, methods=_FORM),
            Route("/preferences/{token}", preferences.answer, methods=_FORM),
            Route("/unsubscribe/{token}", leave.answer, methods=_FORM),
            Route("/", files.front_page),
            Route("/{path:path}", files.other),
        ],
        exception_handlers={404: not_found, 410: gone, HTTPException: refused, Exception: failed},
    )
    # No path of ours is another one with a slash: what is not there is not there.
    web.router.redirect_slashes = False
    # Around all of it: Starlette's own middleware would leave out the page of a failure.
    return SafeHeaders(web)
