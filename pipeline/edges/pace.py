"""A pace that several workers keep together."""

import threading
import time


class Pace:
    """Lets at most ``rate`` through a second, evenly spread; 0 lets all through."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._free_at = 0.0

    def wait(self) -> None:
        """Returns when it is the caller's turn."""
        if not self._interval:
            return
        with self._lock:
            turn = max(time.monotonic(), self._free_at)
            self._free_at = turn + self._interval
        time.sleep(max(0.0, turn - time.monotonic()))
