"""What this process did, counted and timed for ``/metrics``.

Where several processes share a directory, ``$PROMETHEUS_MULTIPROC_DIR``, each tells what all of them did.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

P = ParamSpec("P")
R = TypeVar("R")

_OWN = CollectorRegistry()
_DURATIONS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800)

_jobs = Histogram(
    "kennisportal_job_duration_seconds",
    "How long the jobs took that went well.",
    ["job"],
    registry=_OWN,
    buckets=_DURATIONS,
)
_failures = Counter("kennisportal_job_failures", "Jobs that failed.", ["job"], registry=_OWN)
_collected = Counter("kennisportal_collected", "Articles found, by what they were.", ["kind"], registry=_OWN)
_published = Counter("kennisportal_published", "Feeds built.", registry=_OWN)
_mails = Counter("kennisportal_mails", "Mails of editions settled, by state.", ["state"], registry=_OWN)


def timed(job: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Measures each call of a job."""

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                result = work(*args, **kwargs)
            except Exception:
                _failures.labels(job).inc()
                raise
            _jobs.labels(job).observe(time.perf_counter() - began)
            return result

        return measured

    return decorate


def collected(counts: Mapping[str, int]) -> None:
    """Count articles by what they were."""
    for kind, number in counts.items():
        _collected.labels(kind).inc(number)


def published(feeds: int) -> None:
    """Count feeds built."""
    _published.inc(feeds)


def settled(counts: Mapping[str, int]) -> None:
    """Count mails by state."""
    for state, number in counts.items():
        _mails.labels(str(state)).inc(number)


@contextmanager
def serving(address: str, port: int) -> Iterator[int]:
    """Tell there what this process did, while the block lasts; gives the port. Raises OSError."""
    server, thread = start_http_server(port, address, registry=registry())
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def registry() -> CollectorRegistry:
    """What there is to tell: of this process, or of all that share a directory."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _OWN
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared
