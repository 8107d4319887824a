"""Statements that are compiled once for all databases of a kind."""

import gc
import time
import weakref

import pytest

pytestmark = pytest.mark.each_database


def test_a_portal_that_was_closed_is_let_go_of_with_all_that_was_compiled_for_it(portal) -> None:
    for number in range(3):  # what is compiled for the first is kept, and serves the others
        portal.write(f"a{number}", f"De cloud {number}")
        portal.wait(days=1)
        with portal.open() as app:
            assert app.collector().collect(app.settings.source).total("new") == 1
            engine = weakref.ref(app.database.engine)
        del app
    deadline = time.monotonic() + 20
    while engine() is not None:
        assert time.monotonic() < deadline, "something holds it still"
        gc.collect()
        time.sleep(0.01)  # a thread that stored what was collected may not have ended yet
