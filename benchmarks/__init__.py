"""Benchmarks: see ``registry.py`` for what there is, and ``python -m benchmarks`` to run it."""
