"""What a command costs before it does anything."""

import sys
from collections.abc import Iterator

from benchmarks.figures import Figure, command_seconds


def measure() -> Iterator[Figure]:
    yield Figure("python -c pass", command_seconds([sys.executable, "-c", "pass"]), "s")
    for option in ("--version", "--help"):
        yield Figure(
            f"replicator {option}", command_seconds([sys.executable, "-m", "replicator", option]), "s", limit=0.25
        )
