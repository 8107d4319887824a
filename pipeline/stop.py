"""Stopping a process that stays: what is under way is finished, for so long as a service manager waits."""

import os
import signal
import threading
import time
from typing import Any

import structlog

GRACE = 9.0
"""Seconds after which the process ends, whatever it still has under way: a crash costs nothing."""
_LOOK_UP = 0.1
"""Seconds between two looks at whether somebody asked."""

log = structlog.get_logger()


class Stop:
    """Whether this process is to stop, and why, if it is through a fault."""

    def __init__(self) -> None:
        self._asked = False  # no Event, whose locks a signal may find taken by the very thread it stops
        self.fault: Exception | None = None

    def on_signals(self) -> None:
        """From here on, SIGINT and SIGTERM ask for it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.ask)

    def ask(self, *_: Any) -> None:
        """Begin to stop. What has not come to an end after a while is left where it is."""
        if not self._asked:
            self._asked = True
            timer = threading.Timer(GRACE, self._end)
            timer.daemon = True
            timer.start()

    def because(self, fault: Exception) -> None:
        """Begin to stop, since it makes no sense to go on."""
        self.fault = self.fault or fault
        self.ask()

    def asked(self) -> bool:
        return self._asked

    def wait(self) -> None:
        """Until somebody asks."""
        while not self._asked:
            time.sleep(_LOOK_UP)

    def _end(self) -> None:
        log.warning("stopped with work under way; it is done again by who works next")
        os._exit(1)
