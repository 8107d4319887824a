"""Handing out: telling those who send that there is something to send.

It is done in the transaction that plans a wave, and again by the clock for whatever has become ready since:
what was deferred and is to be tried again, a wave whose instant has come, an edition that was approved.
Of some editions the last mail is settled while nobody sends them: what was uncertain for long counts as
accepted, and a newer edition takes the place of what was deferred. The clock then finds them done.
"""

from datetime import datetime

from pipeline.ports import Clock, EditionWork, Start
from subscribers.edition import CLOSED, SENDABLE, Edition, EditionName, EditionState


class HandOut:
    """Looks at every open edition, the oldest first."""

    def __init__(self, start: Start[EditionWork], clock: Clock) -> None:
        self._start = start
        self._clock = clock

    def all(self) -> None:
        """Hand out whatever is ready; an edition of which nothing is left is done."""
        with self._start() as work:
            for edition in work.editions.open():
                if is_over(work, edition):
                    work.editions.set_state(edition.id, EditionState.DONE)
                    continue
                hand_out(work, edition.id, edition.name, edition.state, self._clock())


def is_over(work: EditionWork, edition: Edition) -> bool:
    """Whether an edition has nothing left to send, to settle or to approve; a pause is an administrator's."""
    return edition.state not in (*CLOSED, EditionState.PAUSED) and not work.deliveries.any_open(edition.id)


def hand_out(work: EditionWork, edition: int, name: EditionName, state: EditionState, now: datetime) -> None:
    """Have batches wait for as much of an edition as may leave now."""
    if state in SENDABLE:
        work.queue.deliver(str(name), work.outbox.ready(edition, now))
