"""Benchmarks, run from a checkout by `anlan bench`."""
