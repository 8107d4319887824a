"""``kennisportal run`` and ``web``: the processes that stay."""

import signal
import socket
from contextlib import nullcontext
from urllib.parse import urlsplit

import click
import uvicorn

from pipeline.app import App
from pipeline.cli.console import Failure, say, with_app
from pipeline.edges.logs import configure
from pipeline.schedule import ticking
from pipeline.web import build

_host = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
_port = click.option(
    "--port", type=click.IntRange(0, 65535), help="The port; otherwise that of [site] base_url, or 8000."
)


@click.command()
@_host
@_port
@with_app
def run(app: App, host: str, port: int | None) -> None:
    """Collect, publish, send and serve, in one process, until it is stopped."""
    _serve(app, host, port, working=True)


@click.command()
@_host
@_port
@with_app
def web(app: App, host: str, port: int | None) -> None:
    """Serve what is published, and the links in mails; nothing else."""
    _serve(app, host, port, working=False)


def _serve(app: App, host: str, port: int | None, *, working: bool) -> None:
    configure(app.settings.log)
    if working:
        _look_ahead(app)
    if port is None:
        port = urlsplit(app.settings.site.base_url).port or 8000
    if not working and not (app.public / "index.html").exists():
        say("Nothing is published yet: kennisportal feeds build")
    with _listening(host, port) as listener:
        # Bound before anything runs: a port that is taken is said at once.
        say(f"Serving on http://{host}:{listener.getsockname()[1]}/ – stop with Ctrl-C.")
        server = uvicorn.Server(
            uvicorn.Config(
                build(app),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
            )
        )
        # The server takes these signals, ends, and raises them anew: by then they have done their work,
        # and what is under way must still be finished.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        with ticking(app) if working else nullcontext():
            server.run(sockets=[listener])


def _look_ahead(app: App) -> None:
    """Fail now rather than at the first tick: what a run needs must be there."""
    app.renderer()
    app.publisher()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise Failure(
            f"can't listen on {host}:{port} ({error.strerror}); choose another with --host or --port"
        ) from error
    return listener
