"""Running a check's statements on both sides at once, and remembering them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from replicator.reconciliation.recipe import Place
from replicator.resources.base import Reader

Rows = list[dict[str, Any]]


@dataclass
class Probe:
    """One side: its reader, what to read, and the statements sent so far with the seconds they took."""

    reader: Reader
    place: Place
    statements: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def pin(self, version: int) -> None:
        """From now on, read this version."""
        self.place = replace(self.place, version=version)

    def query(self, sql: str) -> Rows:
        self.statements.append(sql)
        started = time.monotonic()
        try:
            return self.reader.query(sql)
        finally:
            self.seconds += time.monotonic() - started


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides of a check."""

    source: Probe
    target: Probe

    def query(self, make: Callable[[Probe], str | None]) -> tuple[Rows, Rows]:
        """Run what `make` says for each side, concurrently; no statement, no rows. The source's failure comes first."""
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="check") as pool:
            running = [pool.submit(_run, probe, make(probe)) for probe in (self.source, self.target)]
        return running[0].result(), running[1].result()


def _run(probe: Probe, sql: str | None) -> Rows:
    return probe.query(sql) if sql is not None else []
