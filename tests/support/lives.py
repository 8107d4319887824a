"""Processes that run commands and can be killed: each line of words on stdin becomes one of its own.

Prints its process id, and, when it has ended, ``ended`` and its exit code. Forked from a process that has
everything imported, since a hundred deaths would otherwise be a hundred long births.
"""

import os
import sys

from pipeline.cli import cli


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = 1
            try:
                cli(line.split(), prog_name="kennisportal")
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                os._exit(code)
        print(child, flush=True)  # noqa: T201
        _, status = os.waitpid(child, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
