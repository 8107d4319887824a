"""Sends what is handed out, in this very thread, as a worker would."""

from pipeline import jobs
from pipeline.app import App
from pipeline.steps.deliver import DeliverReport
from pipeline.steps.handout import HandOut
from pipeline.store.work import Store
from subscribers.edition import EditionName


class Wanted:
    """A queue that only remembers of which editions there is something to send."""

    def __init__(self) -> None:
        self.editions: dict[str, int] = {}

    def put(self, task: str) -> None: ...

    def deliver(self, edition: str, ready: int) -> None:
        if ready:
            self.editions[edition] = ready


def handed_out(app: App) -> dict[str, int]:
    """How many deliveries of which edition may leave now."""
    wanted = Wanted()
    store = Store(app.database, app.secrets.suppression, lambda session: wanted)
    HandOut(store.read, store.write, app.clock).all()
    return wanted.editions


def send_what_is_handed_out(app: App) -> dict[str, DeliverReport]:
    return {name: jobs.deliver(app, EditionName.parse(name)) for name in handed_out(app)}
