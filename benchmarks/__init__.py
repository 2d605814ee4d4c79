"""Measurements: `make bench` prints one table. Timings inform, they never decide a test."""
