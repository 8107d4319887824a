"""Measuring in a process of its own.

``apart(function, …)`` runs a module's function, with arguments and a result that JSON can carry, in a
fresh interpreter. ``python -m benchmarks.apart`` is that interpreter.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def apart(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What the function gives, and the most memory its process held, in megabytes."""
    order = json.dumps([function.__module__, function.__name__, arguments])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.apart", order], stdout=subprocess.PIPE, check=True, text=True
    )
    result, memory = json.loads(done.stdout.splitlines()[-1])
    return result, memory


def peak_mb() -> float:
    """The most memory this process held; 0 where the system does not say.

    Not ``ru_maxrss``: that one remembers the parent that this process was forked from.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def main() -> None:
    module, name, arguments = json.loads(sys.argv[1])
    function = getattr(import_module(module), name)
    gc.freeze()  # as the command line does: what is imported need not be looked through again and again
    result = function(*arguments)
    print(json.dumps([result, peak_mb()]))


if __name__ == "__main__":
    main()
