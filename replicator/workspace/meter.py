"""What talking to a workspace costs: calls, statements, bytes, seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from replicator.engine.snapshot import ReadStats


class Meter:
    """Counts since it was made, and the time in which anything was asked; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy, self._since, self._seconds = 0, 0.0, 0.0
        self._calls = self._statements = self._bytes = self._refused = self._repeated = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While something is asked of the workspace; what is asked at once counts once."""
        with self._lock:
            self._since = time.monotonic() if self._busy == 0 else self._since
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                self._seconds += time.monotonic() - self._since if self._busy == 0 else 0.0

    def call(self, received: int) -> None:
        with self._lock:
            self._calls += 1
            self._bytes += received

    def statement(self, received: int) -> None:
        with self._lock:
            self._statements += 1
            self._bytes += received

    def refused(self) -> None:
        """A request that was too many."""
        with self._lock:
            self._refused += 1

    def repeated(self) -> None:
        """A request or statement that is sent again."""
        with self._lock:
            self._repeated += 1

    def read(self) -> ReadStats:
        with self._lock:
            seconds = self._seconds + (time.monotonic() - self._since if self._busy else 0.0)
            return ReadStats(self._calls, self._statements, self._bytes, seconds, self._refused, self._repeated)
