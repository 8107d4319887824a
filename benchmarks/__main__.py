"""``python -m benchmarks [NAME,…]``: a table on the terminal, and ``benchmarks/results.json``."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.registry import BENCHMARKS
from benchmarks.row import Row

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    names = [name for name in ",".join(sys.argv[1:]).split(",") if name] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]!r}; choose from: {', '.join(BENCHMARKS)}")
    console = Console()
    rows: list[Row] = []
    for name in names:
        with console.status(f"measuring {name}"):
            for row in BENCHMARKS[name]():
                console.print(f"{row.name}: {row.ratio:.2f}")
                rows.append(row)
    RESULTS.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n", encoding="utf-8")
    console.print(_table(rows))


def _table(rows: list[Row]) -> Table:
    table = Table("name", "ours", "baseline", "unit", "ratio", "memory", "against")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.ours:.3g}",
            f"{row.baseline:.3g}",
            row.unit,
            f"{row.ratio:.2f}",
            f"{row.memory_mb:.0f} MB" if row.memory_mb else "",
            row.against,
        )
    return table


if __name__ == "__main__":
    main()
