"""Planning a wave of an edition::

    slot ─▶ edition ─▶ wave with its cutoff ─▶ skips
    log (cursors, cutoff] ─▶ windows ─▶ a verdict per group of like readers ─▶ segments
    verdicts ─▶ deliveries, superseding older ones; cursors of readers due nothing move on

All of it is one transaction: an edition is planned or it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from feeds.theme import ThemeTree
from pipeline.ports import SMTPUTF8_FACT, Clock, EditionWork, Planning, Start
from pipeline.steps.handout import close_if_over, hand_out
from pipeline.steps.window import bands, load_window
from subscribers.delivery import DeliveryState
from subscribers.digest import Composer
from subscribers.edition import (
    CLOSED,
    Edition,
    EditionName,
    EditionState,
    Skip,
    after_wave,
    decide,
    open_to_waves,
)
from subscribers.frequency import Frequency, Schedule
from subscribers.timetable import Timetable


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What planning found, in numbers of readers; ``resumed`` when the edition was planned before."""

    edition: EditionName
    candidates: int = 0
    segments: int = 0
    planned: int = 0
    nothing_due: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    superseded: int = 0
    resumed: bool = False


class Planner:
    """Plans editions by hand or by the clock."""

    def __init__(self, start: Start[EditionWork], tree: ThemeTree, clock: Clock) -> None:
        self._start = start
        self._tree = tree
        self._clock = clock

    def by_hand(self, schedule: Schedule, slot: str, day: date) -> PlanReport:
        """Plan a slot for every reader of a frequency at once, due now.

        An edition of the slot that is not done yet is returned as it is; after one that is done
        comes the next.
        """
        with self._start() as work:
            return self._next(work, schedule, slot, day)

    def immediate(self, schedule: Schedule, head: int, slot: str, day: date) -> PlanReport | None:
        """Plan what the log holds up to ``head``, for all who want it at once.

        None if that was done, or if nobody was due any of it: then no edition is kept, as there would be one
        for each time that the log moves.
        """
        with self._start() as work:
            if not work.register.tick(tick_name(schedule), immediate_tick(head), self._clock()):
                return None
            report = self._next(work, schedule, slot, day)
            if report.planned or report.skipped:
                return report
            work.editions.drop(report.edition)
            return None

    def wave(
        self, timetable: Timetable, slot: date, due: datetime, zones: Sequence[str]
    ) -> PlanReport | None:
        """Plan the part of a slot that is due at one instant, once, for readers confirmed by then.

        None if it was planned before or its edition was cancelled. Readers who have a delivery in
        the edition already are left alone.
        """
        now = self._clock()
        schedule = timetable.schedule
        with self._start() as work:
            if not work.register.tick(tick_name(schedule), wave_tick(slot, due), now):
                return None
            edition = self._of_slot(work, timetable, slot, now)
            if edition is None:
                return None
            return self._wave(work, edition, schedule, zones, due, now, work.log.head())

    def freeze(self, timetable: Timetable, slot: date) -> PlanReport | None:
        """Plan all of a slot ahead, once: a wave for each instant at which it is due, with one cutoff.

        None if it was planned before, its edition was cancelled, or the frequency has no readers.
        """
        now = self._clock()
        schedule = timetable.schedule
        with self._start() as work:
            if not work.register.tick(tick_name(schedule), frozen_tick(slot), now):
                return None
            zones = work.subscribers.zones(schedule.frequency)
            edition = self._of_slot(work, timetable, slot, now) if zones else None
            if edition is None:
                return None
            waves: dict[datetime, list[str]] = {}
            for zone in zones:
                waves.setdefault(timetable.due(slot, zone), []).append(zone)
            cutoff, superseded = work.log.head(), 0
            for due, alike in sorted(waves.items()):
                # Every wave may move the edition to another state, from which the next one goes on.
                edition = work.editions.get(edition.name) or edition
                superseded += self._wave(work, edition, schedule, alike, due, now, cutoff).superseded
            return replace(report_of(work, edition), superseded=superseded, resumed=False)

    def _next(self, work: EditionWork, schedule: Schedule, slot: str, day: date) -> PlanReport:
        """The open edition of a slot, or else a new one, planned for everybody."""
        now = self._clock()
        latest = work.editions.latest(schedule.frequency, slot)
        if latest is not None and latest.state not in CLOSED and not close_if_over(work, latest):
            return report_of(work, latest)
        n = latest.name.n + 1 if latest else 1
        edition = self._open(work, schedule, EditionName(schedule.frequency, slot, n), day, now)
        return self._wave(work, edition, schedule, None, now, now, work.log.head())

    def _of_slot(self, work: EditionWork, timetable: Timetable, slot: date, now: datetime) -> Edition | None:
        """The edition that takes in what the clock plans of a slot; None where no more of it goes out."""
        schedule = timetable.schedule
        name = EditionName(schedule.frequency, slot.isoformat())
        editions = work.editions.of_slot(schedule.frequency, name.slot)
        if editions:
            return open_to_waves(editions)
        return self._open(work, schedule, name, timetable.turn(slot).day or slot, now)

    def _open(
        self,
        work: EditionWork,
        schedule: Schedule,
        name: EditionName,
        day: date,
        now: datetime,
    ) -> Edition:
        state = EditionState.AWAITING_APPROVAL if schedule.approval else EditionState.PLANNED
        return work.editions.add(name, day, state, now)

    def _wave(
        self,
        work: EditionWork,
        edition: Edition,
        schedule: Schedule,
        zones: Sequence[str] | None,
        due: datetime,
        now: datetime,
        cutoff: int,
    ) -> PlanReport:
        work.subscribers.wake(now)
        wave = work.editions.add_wave(edition.id, due, now, cutoff)
        plan = work.plan(
            edition=edition.id,
            wave=wave,
            frequency=schedule.frequency,
            zones=zones,
            confirmed_by=due if zones is not None else None,
            cutoff=cutoff,
            now=now,
        )
        candidates = plan.candidates()
        skipped = plan.skip_unmailable(smtputf8=work.register.fact(SMTPUTF8_FACT) != "no")
        self._decide(work, plan, cutoff, schedule.min_articles)
        thin = plan.skip_thin()
        superseded = plan.supersede()
        planned = plan.expand()
        nothing_due = plan.advance_idle()
        if thin:
            skipped[Skip.BELOW_MIN_ARTICLES] = thin
        accounted = sum(skipped.values()) + planned + nothing_due
        if accounted != candidates:
            raise RuntimeError(f"{edition.name}: {candidates} candidates, but {accounted} accounted for")
        work.editions.count_wave(wave, candidates, nothing_due)
        state = after_wave(
            edition.state,
            approval=schedule.approval or edition.held,
            planned=planned,
            open=work.deliveries.open(edition.id),
        )
        if state is not edition.state:
            work.editions.set_state(edition.id, state)
        if planned:
            hand_out(work, edition.id, edition.name, state, now)
        return PlanReport(
            edition.name,
            candidates,
            plan.segments(),
            planned,
            nothing_due,
            skipped,
            superseded,
        )

    def _decide(self, work: EditionWork, plan: Planning, cutoff: int, min_articles: int) -> None:
        """Decide about every group of like readers, a band of cursors and a batch of groups at a time."""
        cursors = plan.cursors()
        if cursors is None:
            return
        for lowest, highest in bands(*cursors, cutoff):
            themes = plan.followed(lowest, highest, len(self._tree))
            window, facts = load_window(work.log, work.articles, lowest, cutoff, themes)
            for article in sorted(window.announced()):
                plan.note_received(article, lowest, highest)
            composer = Composer(self._tree, facts)
            for groups in plan.groups(lowest, highest):
                plan.decide([(group, *decide(group, window, composer, min_articles)) for group in groups])


def tick_name(schedule: Schedule) -> str:
    """Under which name the ticks of a schedule stand in the register."""
    return f"digest.{schedule.frequency}"


def wave_tick(slot: date, due: datetime) -> str:
    """What stands there once a wave is planned.

    The instant alone would not do: at UTC-11 and UTC+13 it is the same hour of different days.
    """
    return f"{slot.isoformat()} {due.isoformat()}"


def frozen_tick(slot: date) -> str:
    """What stands there once all of a slot is planned ahead."""
    return f"{slot.isoformat()} frozen"


def immediate_tick(head: int) -> str:
    """What stands there once the log is planned up to here, for who wants everything at once."""
    return str(head)


def slot_now(timetable: Timetable, now: datetime, zone: str) -> tuple[str, date]:
    """The slot that planning by hand means now, and the local date, which its mails bear."""
    day = now.astimezone(ZoneInfo(zone)).date()
    if timetable.frequency is Frequency.IMMEDIATE:
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ"), day
    return timetable.slot(now, zone).isoformat(), day


def report_of(work: EditionWork, edition: Edition) -> PlanReport:
    """An edition that stands already, in the same words as one that was planned just now."""
    candidates, nothing_due = work.editions.totals(edition.id)
    counts = work.deliveries.count(edition.id)
    skipped = work.deliveries.reasons(edition.id, DeliveryState.SKIPPED)
    return PlanReport(
        edition.name,
        candidates,
        len(work.deliveries.segments(edition.id)),
        sum(counts.values()) - sum(skipped.values()),
        nothing_due,
        skipped,
        resumed=True,
    )
