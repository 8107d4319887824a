"""``kennisportal run``, ``web``, ``worker`` and ``scheduler``: the processes that stay."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import click
import uvicorn
from starlette.types import ASGIApp

from pipeline import meters
from pipeline.app import App
from pipeline.cli.console import fail, say, with_app
from pipeline.cli.failure import Failure
from pipeline.edges.logs import configure
from pipeline.schedule import ticking
from pipeline.standin import standing_in
from pipeline.stop import Stop
from pipeline.web import build
from pipeline.worker import working

_host = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
_alive = click.option(
    "--alive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Touch this file every now and then as long as all is well.",
)
_port = click.option(
    "--port", type=click.IntRange(0, 65535), help="The port; otherwise that of [site] base_url, or 8000."
)


@click.command()
@_host
@_port
@with_app
def run(app: App, host: str, port: int | None) -> None:
    """Collect, publish, send and serve, in one process, until it is stopped."""
    _serve(app, host, port, alone=True)


@click.command()
@_host
@_port
@with_app
def web(app: App, host: str, port: int | None) -> None:
    """Serve what is published, and the links in mails; nothing else."""
    _serve(app, host, port, alone=False)


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many batches of mail to send at a time, each over [mail] connections of its own.",
)
@click.option(
    "--metrics",
    metavar="[ADDRESS:]PORT",
    callback=lambda context, option, value: _place(value),
    help="Tell Prometheus there what this process did; of this machine alone where no address is given.",
)
@_alive
@with_app
def worker(app: App, concurrency: int, metrics: tuple[str, int] | None, alive: Path | None) -> None:
    """Collect, publish, plan and send what a scheduler asks for, beside other workers."""
    _refuse_sqlite(app, "worker")
    stop = _staying(app)
    _look_ahead(app)
    with _telling(metrics), working(app, stop, concurrency, _touching(alive)):
        say(f"Working as process {os.getpid()} – stop with Ctrl-C.")
        stop.wait()
    _tell(stop)


@click.command()
@_alive
@with_app
def scheduler(app: App, alive: Path | None) -> None:
    """Say what is due and when, for workers to do; of several, one leads."""
    _refuse_sqlite(app, "scheduler")
    stop = _staying(app)
    with ticking(app, stop, _touching(alive)):
        say(f"Scheduling as process {os.getpid()} – stop with Ctrl-C.")
        stop.wait()
    _tell(stop)


def _serve(app: App, host: str, port: int | None, *, alone: bool) -> None:
    stop = _staying(app)
    if alone:
        _look_ahead(app)
    if port is None:
        port = urlsplit(app.settings.site.base_url).port or 8000
    if not alone and not (app.public / "index.html").exists():
        say("Nothing is published yet: kennisportal feeds build")
    with _listening(host, port) as listener, ExitStack() as parts:
        # Bound before anything runs: a port that is taken is said at once.
        say(f"Serving on http://{host}:{listener.getsockname()[1]}/ – stop with Ctrl-C.")
        if alone:
            parts.enter_context(working(app, stop))
            parts.enter_context(ticking(app, stop))
        else:
            parts.enter_context(standing_in(app))
        _Server(build(app), stop).run(sockets=[listener])
    _tell(stop)


class _Server(uvicorn.Server):
    """The web server, which takes the signals while it runs, and raises them anew at its end."""

    def __init__(self, web: ASGIApp, stop: Stop) -> None:
        super().__init__(
            uvicorn.Config(
                web,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stop.ask()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        return self._stop.asked() or await super().on_tick(counter)


@contextmanager
def _telling(metrics: tuple[str, int] | None) -> Iterator[None]:
    """The figures of this process, for who has no web server to tell them."""
    if metrics is None:
        yield
        return
    address, port = metrics
    with ExitStack() as parts:
        try:
            port = parts.enter_context(meters.serving(address, port))
        except OSError as error:
            raise Failure(
                f"can't listen on {address}:{port} ({error.strerror}); choose another with --metrics"
            ) from error
        say(f"Figures on http://{address}:{port}/metrics.")
        yield


def _place(value: str | None) -> tuple[str, int] | None:
    """An ``[ADDRESS:]PORT`` as it was given."""
    if value is None:
        return None
    address, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{value!r} is no port; write it like 9100 or 0.0.0.0:9100")
    return address.strip("[]") or "127.0.0.1", int(port)


def _touching(alive: Path | None) -> Callable[[], None]:
    return alive.touch if alive else lambda: None


def _staying(app: App) -> Stop:
    """What a process that stays begins with: a log, and an ear for signals."""
    configure(app.settings.log)
    stop = Stop()
    stop.on_signals()
    return stop


def _tell(stop: Stop) -> None:
    if stop.fault is not None:
        raise stop.fault


def _refuse_sqlite(app: App, command: str) -> None:
    if not app.backend.scales:
        fail(
            f"'{command}' needs a PostgreSQL in [database] url; on SQLite, 'kennisportal run' does all of it "
            "in one process"
        )


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
