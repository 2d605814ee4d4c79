"""Metastores of 1,000, 10,000 and 100,000 tables, with a round-trip time and a rate limit: plan, apply, load."""

import math
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.metastores import Size, build
from benchmarks.serving import Spent, run, served

ROUND_TRIP_MS = 50.0
AT_ONCE = 16
STATEMENTS_AT_ONCE = 8
PER_SECOND = 25
SERIAL = 7
"""Requests that have to wait for each other: who we are (2), catalog, its schemas, their tables, versions, grants."""

SIZES = {1_000: 20, 10_000: 200, 100_000: 2_000}
LIMITS = {1_000: (None, None), 10_000: (6.0, None), 100_000: (60.0, 2_000.0)}
"""By number of tables, the seconds and megabytes that a plan may take."""


def floor(spent: Spent, milliseconds: float = ROUND_TRIP_MS) -> float:
    """The least wall time, in seconds, for so many requests and statements at this round-trip time."""
    trips = math.ceil(spent.requests / AT_ONCE) + math.ceil(spent.statements / STATEMENTS_AT_ONCE)
    return max(trips, SERIAL) * milliseconds / 1000


def measure() -> Iterator[Figure]:
    for tables, schemas in SIZES.items():
        folder = Path(tempfile.mkdtemp(prefix="replicator-bench-"))
        try:
            yield from _of_size(folder, Size(tables, schemas))
        finally:
            shutil.rmtree(folder)


def _of_size(folder: Path, size: Size) -> Iterator[Figure]:
    import time

    began = time.monotonic()
    config = build(folder, size)
    name = f"{size.tables:,} tables"
    yield Figure(f"{name}: built in", time.monotonic() - began, "s")
    seconds, megabytes = LIMITS[size.tables]
    with served(config, milliseconds=ROUND_TRIP_MS) as there:
        spent = run(there, "plan")
    assert spent.code == 0, spent.output[-2000:]
    assert "No changes" in spent.output, spent.output[-2000:]
    yield from _plan(f"{name}, {ROUND_TRIP_MS:g} ms: plan", spent, seconds, megabytes)
    if size.tables == 10_000:
        yield from _limited(config, name)


def _limited(config: Path, name: str) -> Iterator[Figure]:
    """As many requests a second as each workspace allows: no command can be faster than the one that is asked most."""
    with served(config, per_second=PER_SECOND) as there:
        spent = run(there, "plan")
    assert spent.code == 0, spent.output[-2000:]
    least = spent.busiest / PER_SECOND
    name = f"{name}, {PER_SECOND} requests/s"
    yield Figure(f"{name}: plan refused (429)", spent.refused, "requests")
    yield Figure(f"{name}: plan", spent.seconds, "s")
    yield Figure(f"{name}: ratio to {spent.busiest} requests of one side", round(spent.seconds / least, 2), "x", 1.15)


def _plan(name: str, spent: Spent, seconds: float | None, megabytes: float | None) -> Iterator[Figure]:
    yield Figure(f"{name}, requests", spent.requests, "requests", 300 if seconds == 6.0 else None)
    yield Figure(f"{name}, statements", spent.statements, "statements", 80 if seconds == 6.0 else None)
    yield Figure(f"{name}, wall time", spent.seconds, "s", seconds)
    yield Figure(f"{name}, processor time of replicator", spent.cpu, "s")
    ratio = round(spent.seconds / floor(spent), 1)
    yield Figure(f"{name}, ratio to the floor of {floor(spent):.2f} s", ratio, "x", 2 if seconds == 6.0 else None)
    yield Figure(f"{name}, peak memory", spent.megabytes, "MB", megabytes)
