"""Raising alarms::

    condition ─▶ which stand ─▶ compared with what each channel has heard ─▶ said, a message per channel

A channel that fails is tried again, later and later, and keeps neither the others nor the portal waiting.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.ports import Clock, Start
from pipeline.steps.examine import Examiner
from subscribers.alarm import ChannelError, Told, Word, retry_delay, standing


class AlarmStore(Protocol):
    def all(self) -> list[Told]: ...
    def put(self, told: Iterable[Told]) -> None: ...
    def forget(self, told: Iterable[Told]) -> None: ...


class AlarmWork(Protocol):
    """What alarms need of a transaction."""

    @property
    def alarms(self) -> AlarmStore: ...


class Channel(Protocol):
    """Where alarms are told. Raises ChannelError."""

    def tell(self, words: Sequence[tuple[Word, Told]]) -> None: ...


@dataclass(slots=True)
class AlarmReport:
    """What one round did: how many words were said on which channel, and which channels failed, and why."""

    said: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Watchman:
    """Goes the rounds. ``channels`` by name, as the database remembers them."""

    def __init__(
        self,
        write: Start[AlarmWork],
        examiner: Examiner,
        channels: Mapping[str, Channel],
        clock: Clock,
    ) -> None:
        self._write = write
        self._examiner = examiner
        self._channels = channels
        self._clock = clock

    def go_round(self) -> AlarmReport:
        """Look at the portal, and say what is to be said."""
        report = AlarmReport()
        told = self._compare()
        for name, channel in self._channels.items():
            now = self._clock()
            words = [(word, one) for one in told if one.channel == name and (word := one.word(now))]
            if words:
                self._tell(name, channel, words, report)
        return report

    def _compare(self) -> list[Told]:
        """Bring what is remembered up to what stands; gives that."""
        alarms = standing(self._examiner.examine())
        with self._write() as work:
            now = self._clock()
            known = {(one.name, one.channel): one for one in work.alarms.all()}
            kept = []
            for (name, channel), one in known.items():
                alarm = alarms.get(name)
                if channel not in self._channels:
                    work.alarms.forget([one])
                    continue
                if alarm is not None:
                    # What was over and stands again before anybody heard so was never over.
                    one = one.model_copy(update={"text": alarm.text, "ended": None})
                elif one.ended is None:
                    one = one.model_copy(update={"ended": now, "due": None, "attempts": 0})
                if one.forgettable:
                    work.alarms.forget([one])
                else:
                    kept.append(one)
            for channel in self._channels:
                kept += [
                    Told(name=name, channel=channel, kind=alarm.kind, text=alarm.text, since=now)
                    for name, alarm in alarms.items()
                    if (name, channel) not in known
                ]
            work.alarms.put(kept)
        return kept

    def _tell(self, name: str, channel: Channel, words: list[tuple[Word, Told]], report: AlarmReport) -> None:
        try:
            channel.tell(words)
        except ChannelError as error:
            report.failed[name] = str(error)
        with self._write() as work:
            now = self._clock()
            for word, one in words:
                if name in report.failed:
                    attempts = one.attempts + 1
                    update: dict[str, object] = {"attempts": attempts, "due": now + retry_delay(attempts)}
                else:
                    update = {"said": word, "said_at": now, "attempts": 0, "due": None}
                    report.said[name] = report.said.get(name, 0) + 1
                changed = one.model_copy(update=update)
                if changed.forgettable:
                    work.alarms.forget([changed])
                else:
                    work.alarms.put([changed])
