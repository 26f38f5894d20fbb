"""Benchmarks: what a journey costs, against what it must cost at least. Never part of the tests."""
