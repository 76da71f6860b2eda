"""Benchmarks, run by hand: ``python -m tests.benchmarks.accuracy`` and so on."""
