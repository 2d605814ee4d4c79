"""How many requests may be under way at once, and how many a second: as many as the workspace bears, found out by
trying."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

START = 16
MOST = 64
_ONE_MORE_AFTER = 100
_FASTER_BY = 1.006
"""How much the pace grows with each answer."""


class Limiter:
    """Additive increase, multiplicative decrease: one more after each 100 answers, half after each refusal.

    A refusal also holds back every new request for as long as the workspace asked. From the second one on there is a
    pace: as many requests a second as were answered since the one before, then a little more with each answer.
    Databricks publishes no rate limit for Unity Catalog, so there is no number to start from.
    """

    def __init__(self, start: int = START, most: int = MOST) -> None:
        self.limit = start
        self.pace: float | None = None
        self._most = most
        self._busy = 0
        self._answers = 0
        self._held_until = 0.0
        self._next_slot = 0.0
        self._refused_at: float | None = None
        self._answers_since = 0
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for one's turn, and give it back."""
        with self._changed:
            while (pause := self._pause()) > 0 or self._busy >= self.limit:
                self._changed.wait(pause if pause > 0 else None)
            self._busy += 1
            if self.pace is not None:
                self._next_slot = max(self._next_slot, time.monotonic()) + 1 / self.pace
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def succeeded(self) -> None:
        """A request was answered."""
        with self._changed:
            self._answers += 1
            self._answers_since += 1
            if self.pace is not None:
                self.pace *= _FASTER_BY
            if self._answers >= _ONE_MORE_AFTER and self.limit < self._most:
                self._answers, self.limit = 0, self.limit + 1
                self._changed.notify()

    def _pause(self) -> float:
        return max(self._held_until, self._next_slot) - time.monotonic()

    def throttled(self, seconds: float = 0.0) -> None:
        """A request was refused for there were too many: half as many from now on, and none for `seconds`."""
        with self._changed:
            now = time.monotonic()
            # Requests that were under way together are refused together: that is one refusal.
            if now >= self._held_until:
                self._slow_down(now)
            self._held_until = max(self._held_until, now + seconds)

    def _slow_down(self, now: float) -> None:
        self._answers, self.limit = 0, max(1, self.limit // 2)
        if self._refused_at is not None and self._answers_since and now > self._refused_at:
            self.pace = max(1.0, self._answers_since / (now - self._refused_at))
        self._refused_at, self._answers_since = now, 0
