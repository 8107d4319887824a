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

    def __init__(self, read: Start[EditionWork], write: Start[EditionWork], clock: Clock) -> None:
        self._read = read
        self._write = write
        self._clock = clock

    def all(self) -> None:
        """Hand out whatever is ready; an edition of which nothing is left is done."""
        with self._read() as work:
            if not work.editions.open():
                return
        with self._write() as work:
            for edition in work.editions.open():
                if not close_if_over(work, edition):
                    hand_out(work, edition.id, edition.name, edition.state, self._clock())


def close_if_over(work: EditionWork, edition: Edition) -> bool:
    """Have an edition be done of which nothing is left to send, to settle or to approve; whether it is now.

    A pause is an administrator's, and stays.
    """
    if edition.state in (*CLOSED, EditionState.PAUSED) or work.deliveries.any_open(edition.id):
        return False
    work.editions.set_state(edition.id, EditionState.DONE)
    return True


def hand_out(work: EditionWork, edition: int, name: EditionName, state: EditionState, now: datetime) -> None:
    """Have batches wait for as much of an edition as may leave now."""
    if state in SENDABLE:
        work.queue.deliver(str(name), work.outbox.ready(edition, now))
