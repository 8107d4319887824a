"""Ticking: which waves of which editions are due, asked anew each time.

The clock that calls this may call it twice, late or not at all for a while: what was done stands in
the database, and of several slots missed the last one takes in the others, since a cursor forgets
nothing. Nearly always nothing is due; then nothing is written.
"""

from collections.abc import Sequence
from datetime import date, datetime

from pipeline.ports import Clock, EditionWork, Start
from pipeline.steps.plan import (
    Planner,
    PlanReport,
    frozen_tick,
    immediate_tick,
    slot_now,
    tick_name,
    wave_tick,
)
from subscribers.frequency import Frequency, Schedule
from subscribers.timetable import Holiday, Timetable


class Ticker:
    """Plans whatever is due of the config's ``[[digest]]`` schedules."""

    def __init__(
        self,
        read: Start[EditionWork],
        write: Start[EditionWork],
        planner: Planner,
        schedules: Sequence[Schedule],
        holiday: Holiday,
        clock: Clock,
    ) -> None:
        self._read = read
        self._write = write
        self._planner = planner
        self._schedules = schedules
        self._holiday = holiday
        self._clock = clock

    def tick(self) -> list[PlanReport]:
        """Plan every wave that is due and was not planned; gives what was planned."""
        reports = []
        for schedule in self._schedules:
            if schedule.frequency is Frequency.IMMEDIATE:
                reports.append(self._immediate(schedule))
            elif schedule.prepare:
                reports.append(self._frozen(schedule))
            else:
                reports.extend(self._waves(schedule))
        return [report for report in reports if report is not None]

    def _waves(self, schedule: Schedule) -> list[PlanReport | None]:
        """What is due now, a wave for each slot and instant; nothing from before we first looked."""
        now = self._clock()
        since = self._since(schedule, now)
        waves: dict[tuple[date, datetime], list[str]] = {}
        with self._read() as work:
            timetable = self._timetable(work, schedule)
            for zone in work.subscribers.zones(schedule.frequency):
                slot = timetable.slot(now, zone)
                due = timetable.due(slot, zone)
                if due > since:
                    waves.setdefault((slot, due), []).append(zone)
            names = {wave_tick(slot, due): (slot, due) for slot, due in waves}
            for taken in work.register.ticked(tick_name(schedule), list(names)):
                del waves[names[taken]]
        return [
            self._planner.wave(timetable, slot, due, zones) for (slot, due), zones in sorted(waves.items())
        ]

    def _frozen(self, schedule: Schedule) -> PlanReport | None:
        """A whole edition, ahead of its slot; none that was due to anybody before we first looked."""
        now = self._clock()
        since = self._since(schedule, now)
        with self._read() as work:
            timetable = self._timetable(work, schedule)
            slot = timetable.frozen_slot(now)
            if work.register.ticked(tick_name(schedule), [frozen_tick(slot)]):
                return None
        return self._planner.freeze(timetable, slot) if timetable.first_due(slot) > since else None

    def _timetable(self, work: EditionWork, schedule: Schedule) -> Timetable:
        return Timetable(schedule, self._holiday, work.slots.changes(schedule.frequency))

    def _since(self, schedule: Schedule, now: datetime) -> datetime:
        """When a schedule was first looked at: now, if that never was, or by a clock that had jumped."""
        with self._read() as work:
            since = work.register.first_tick(tick_name(schedule))
        if since is not None and since <= now:
            return since
        with self._write() as work:
            work.register.begin(tick_name(schedule), now)
        return now

    def _immediate(self, schedule: Schedule) -> PlanReport | None:
        """An edition once the log has been quiet for a while since its last entry, or never is."""
        now, name = self._clock(), tick_name(schedule)
        with self._read() as work:
            head, last = work.log.last_change(None)
            if last is None or work.register.ticked(name, [immediate_tick(head)]):
                return None
            first = work.log.first_change(int(work.register.highest_tick(name) or 0)) or last
            if not schedule.has_waited(first, last, now):
                return None
        return self._planner.immediate(schedule, head, *slot_now(Timetable(schedule), now, "UTC"))
