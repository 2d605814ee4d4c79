"""How many requests may be under way at once: as many as the workspace bears, found out by trying."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

START = 16
MOST = 64
_ONE_MORE_AFTER = 100


class Limiter:
    """Additive increase, multiplicative decrease: one more after each 100 answers, half after each refusal.

    A refusal also holds back every new request for as long as the workspace asked. Databricks publishes no rate limit
    for Unity Catalog, so there is no number to start from.
    """

    def __init__(self, start: int = START, most: int = MOST) -> None:
        self.limit = start
        self._most = most
        self._busy = 0
        self._answers = 0
        self._not_before = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for one's turn, and give it back."""
        with self._changed:
            while (pause := self._not_before - time.monotonic()) > 0 or self._busy >= self.limit:
                self._changed.wait(pause if pause > 0 else None)
            self._busy += 1
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
            if self._answers >= _ONE_MORE_AFTER and self.limit < self._most:
                self._answers, self.limit = 0, self.limit + 1
                self._changed.notify()

    def throttled(self, seconds: float = 0.0) -> None:
        """A request was refused for there were too many: half as many from now on, and none for `seconds`."""
        with self._changed:
            now = time.monotonic()
            # Requests that were under way together are refused together: that is one refusal.
            if now >= self._not_before:
                self._answers, self.limit = 0, max(1, self.limit // 2)
            self._not_before = max(self._not_before, now + seconds)
