"""A measured figure, beside the limit it is held against."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` and `limit` in `unit`; less is better."""

    name: str
    value: float
    unit: str
    limit: float | None = None

    @property
    def within(self) -> bool | None:
        return None if self.limit is None else self.value <= self.limit


def best_seconds(work: Callable[[], object], runs: int = 3) -> float:
    """The least wall time of several runs, in seconds: what the work costs when nothing disturbs it."""
    times: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def command_seconds(command: list[str], runs: int = 5) -> float:
    """The least wall time of a whole process, in seconds. Raises CalledProcessError when it fails."""
    return best_seconds(lambda: subprocess.run(command, check=True, capture_output=True), runs)
