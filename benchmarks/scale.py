"""How large the benchmarks are: ``KENNISPORTAL_BENCH_SCALE=0.01`` makes a quick try of them."""

import os


def scaled(size: int) -> int:
    return max(1, round(size * float(os.environ.get("KENNISPORTAL_BENCH_SCALE", "1"))))
