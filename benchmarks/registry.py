"""Benchmarks: ratios measured in one run on one machine, never absolute times.

A benchmark is one file and one line here: a function that yields rows. What it measures runs in a
process of its own (``benchmarks.apart``), so that memory is that of the work and of nothing before it.
"""

from collections.abc import Callable, Iterator

from benchmarks import collect, enrol, memory, plan, publish, render, send, workers
from benchmarks.row import Row

BENCHMARKS: dict[str, Callable[[], Iterator[Row]]] = {
    "send": send.rows,
    "plan": plan.rows,
    "render": render.rows,
    "collect": collect.rows,
    "publish": publish.rows,
    "import": enrol.rows,
    "memory": memory.rows,
    "workers": workers.rows,
}
