"""What talking to a workspace costs: calls, statements, bytes, seconds."""

import threading
import time

from replicator.engine.snapshot import ReadStats


class Meter:
    """Counts since it was made; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._calls = self._statements = self._bytes = 0

    def call(self, received: int) -> None:
        with self._lock:
            self._calls += 1
            self._bytes += received

    def statement(self, received: int) -> None:
        with self._lock:
            self._statements += 1
            self._bytes += received

    def read(self) -> ReadStats:
        with self._lock:
            return ReadStats(self._calls, self._statements, self._bytes, time.monotonic() - self._started)
