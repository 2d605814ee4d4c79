"""Trying again: only what may be tried again, a little later each time."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from replicator.errors import ReplicatorError, Unavailable, WorkspaceError

T = TypeVar("T")

_LONGEST_DELAY = 300.0
_BUSY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` in all, `delay` seconds before the second one, doubling (with jitter) after that; none begins when
    `timeout` seconds have passed since the first."""

    attempts: int = 3
    delay: float = 5.0
    timeout: float = 3600.0


def retryable(error: Exception) -> bool:
    """Whether the same call may succeed later: the workspace did not answer, or said that it is busy."""
    return isinstance(error, Unavailable) or (isinstance(error, WorkspaceError) and error.status in _BUSY)


class Attempts:
    """Counts the attempts of one action. `notify(attempt, error, seconds)` hears of each wait before it begins."""

    def __init__(
        self, retry: Retry, stop: threading.Event, notify: Callable[[int, ReplicatorError, float], None]
    ) -> None:
        self.count = 1
        self._retry = retry
        self._stop = stop
        self._notify = notify
        self._until = time.monotonic() + retry.timeout

    def call(self, once: Callable[[], T]) -> T:
        """Call until it succeeds; raises the last error. `once` must be safe to run again."""
        while True:
            try:
                return once()
            except WorkspaceError as error:
                delay = self._delay()
                late = time.monotonic() + delay > self._until
                if not retryable(error) or self.count >= self._retry.attempts or late:
                    raise
                self._notify(self.count, error, delay)
                if self._stop.wait(delay):
                    raise
                self.count += 1

    def _delay(self) -> float:
        grown = self._retry.delay * 2.0 ** (self.count - 1)
        return min(_LONGEST_DELAY, grown) * random.uniform(0.8, 1.2)
