"""The figures of ``/metrics`` that stand in the database, read when somebody asks.

None names a person, and their number does not grow with people: of domains, the largest twenty are named.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.ports import Start
from pipeline.steps.examine import Examiner
from subscribers.alarm import AlarmKind, standing
from subscribers.condition import Condition

DOMAINS = 20
"""Domains that are told apart; all others together are ``other``."""
_RECENT = timedelta(days=7)

log = structlog.get_logger()


class Figures(Protocol):
    def by_domain(self, since: datetime) -> Mapping[tuple[str, str], int]: ...
    def lowest_cursor(self) -> int | None: ...
    def feed_cursors(self) -> Mapping[str, int]: ...
    def oldest_ready(self, now: datetime) -> datetime | None: ...


class FigureWork(Protocol):
    """What reading figures needs of a transaction."""

    @property
    def vitals(self) -> Figures: ...


class DatabaseFigures(Collector):
    """A collector for prometheus-client. Where the database does not answer, it says so and no more."""

    def __init__(self, examiner: Examiner, read: Start[FigureWork]) -> None:
        self._examiner = examiner
        self._read = read

    def collect(self) -> Iterator[Metric]:
        try:
            condition = self._examiner.examine()
            found = [*_of_condition(condition), *self._of_vitals(condition)]
        except Exception as error:
            log.warning("no figures", error=str(error).partition("\n")[0])
            yield _gauge("database_up", "Whether the database answers.", 0)
            return
        yield _gauge("database_up", "Whether the database answers.", 1)
        yield from found

    def _of_vitals(self, condition: Condition) -> Iterator[Metric]:
        with self._read() as work:
            domains = work.vitals.by_domain(condition.at - _RECENT)
            cursors = work.vitals.feed_cursors()
            lowest = work.vitals.lowest_cursor()
            oldest = work.vitals.oldest_ready(condition.at)
        yield _family(
            "feed_lag_entries",
            "Log entries past a feed's cursor.",
            ["theme"],
            {(theme,): condition.head - position for theme, position in cursors.items()},
        )
        behind = 0 if lowest is None else max(0, condition.head - lowest)
        yield _gauge("reader_lag_entries", "Log entries past the lowest cursor of an active reader.", behind)
        age = (condition.at - oldest).total_seconds() if oldest else 0
        yield _gauge("queue_age_seconds", "How long the mail has waited that could have left first.", age)
        yield _family(
            "recent_deliveries",
            "Mails of the editions of the last 7 days, by provider and state.",
            ["domain", "state"],
            bounded(domains),
        )


def bounded(counts: Mapping[tuple[str, str], int]) -> dict[tuple[str, ...], float]:
    """Counts by (domain, state), with all but the largest domains put together."""
    sizes: Counter[str] = Counter()
    for (domain, _), number in counts.items():
        sizes[domain] += number
    named = {domain for domain, _ in sizes.most_common(DOMAINS)}
    found: Counter[tuple[str, ...]] = Counter()
    for (domain, state), number in counts.items():
        found[domain if domain in named else "other", state] += number
    return dict(found)


def _of_condition(condition: Condition) -> Iterator[Metric]:
    sources = list(condition.sources.values())
    deliveries: dict[tuple[str, ...], float] = {
        (edition.name, state): number
        for edition in condition.editions
        for state, number in edition.deliveries.items()
    }
    yield _gauge("log_head", "The last position of the article log.", condition.head)
    yield _family("articles", "Visible articles, by theme.", ["theme"], _keyed(condition.articles))
    yield _family("subscribers", "Subscribers, by state.", ["state"], _keyed(condition.readers))
    yield _family(
        "sources",
        "Sources, by what is the matter with them.",
        ["condition"],
        {
            ("all",): len(sources),
            ("due",): sum(one.due for one in sources),
            ("sick",): sum(bool(one.error) for one in sources),
            ("held",): sum(bool(one.held) for one in sources),
            ("silent",): sum(bool(one.silent_days) for one in sources),
        },
    )
    yield _gauge("feeds_late", "Feeds that do not show the log as it is.", len(condition.late))
    yield _family("deliveries", "Mails of open editions, by state.", ["edition", "state"], deliveries)
    yield _family(
        "edition_ready",
        "Mails of open editions that could leave now.",
        ["edition"],
        {(edition.name,): edition.ready for edition in condition.editions},
    )
    uncertain = sum(condition.uncertain.values())
    yield _gauge("deliveries_uncertain", "Mails of which nobody knows whether they arrived.", uncertain)
    yield _gauge("domains_closed", "Providers that get nothing now.", len(condition.closed))
    rate = condition.complaint_rate or 0
    yield _gauge("complaint_ratio", "Complaints per accepted mail of the last 30 days.", rate)
    yield from _of_jobs(condition)
    if condition.clock is not None:
        ticked = condition.clock.ticked.timestamp()
        yield _gauge("clock_timestamp_seconds", "When anything that is due was last asked for.", ticked)
    if (queue := condition.queue) is not None:
        age = (condition.at - queue.oldest).total_seconds() if queue.oldest else 0
        yield _gauge("jobs_waiting", "Jobs that wait for a worker.", queue.waiting)
        yield _gauge("jobs_age_seconds", "How long the oldest of them has waited.", age)
        yield _gauge("workers", "Workers that were heard of lately.", queue.workers)
    if condition.disk is not None:
        yield _gauge("disk_free_bytes", "Room on the database's disk.", condition.disk.free)
        yield _gauge("disk_reserve_bytes", "With less room, nothing is sent.", condition.disk.reserve)
    alarms = Counter(alarm.kind for alarm in standing(condition).values())
    kinds: dict[tuple[str, ...], float] = {(str(kind),): alarms[kind] for kind in AlarmKind}
    yield _family("alarms", "Alarms that stand, by kind.", ["kind"], kinds)


def _of_jobs(condition: Condition) -> Iterator[Metric]:
    went_well: dict[tuple[str, ...], float] = {
        (name,): job.succeeded.timestamp()
        for name, job in condition.jobs.items()
        if job.succeeded is not None
    }
    failing: dict[tuple[str, ...], float] = {
        (name,): float(job.failing_since is not None) for name, job in condition.jobs.items()
    }
    yield _family("job_last_success_timestamp_seconds", "When a job last went well.", ["job"], went_well)
    yield _family("job_failing", "Whether a job fails now.", ["job"], failing)


def _keyed(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): number for name, number in counts.items()}


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"kennisportal_{name}", help, value=value)


def _family(name: str, help: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(f"kennisportal_{name}", help, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
