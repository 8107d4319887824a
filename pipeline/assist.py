"""``python -m pipeline.assist CONFIG EDITION CONNECTIONS DUE_ONLY``: sends an edition beside another process.

Signing takes more time than all else about a message, and one process signs on one core. To the
database this is a sender like any other. It stops when its standard input ends, and says in lines of
JSON what it has done.
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path

from pipeline.app import App
from pipeline.steps.deliver import DeliverReport
from pipeline.steps.desk import DeskError
from subscribers.delivery import TransportUnavailable
from subscribers.edition import EditionName

_EVERY = 0.2
"""Seconds between two lines."""


def main() -> None:
    config, name, connections, due_only = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that began this one
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    try:
        with App.open(Path(config)) as app, app.deliverer(int(connections)) as deliverer:
            edition = app.desk().ready(EditionName.parse(name))
            _tell(
                deliverer.send(
                    edition, due_only=due_only == "True", progress=_Teller().progress, stopping=stop.is_set
                )
            )
    except (DeskError, TransportUnavailable):
        pass  # the edition was stopped, or no server can be reached: the other one says so
    except Exception as error:
        sys.exit(f"a sender that helped has stopped: {' '.join(str(error).split())}")


class _Teller:
    def __init__(self) -> None:
        self._told_at = 0.0

    def progress(self, report: DeliverReport) -> None:
        if time.monotonic() >= self._told_at + _EVERY:
            self._told_at = time.monotonic()
            _tell(report)


def _tell(report: DeliverReport) -> None:
    told = {name: getattr(report, name) for name in ("settled", "cancelled", "paused", "spikes")}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
