"""How many requests may be under way at once: as many as the workspace bears, found out by trying."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

START = 16
MOST = 64
_ONE_MORE_AFTER = 100


class Limiter:
    """Additive increase, multiplicative decrease: one more after each 100 answers, half after each refusal.

    Databricks publishes no rate limit for Unity Catalog, so there is no number to start from.
    """

    def __init__(self, start: int = START, most: int = MOST) -> None:
        self.limit = start
        self._most = most
        self._busy = 0
        self._answers = 0
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for one's turn, and give it back."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy < self.limit)
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

    def throttled(self) -> None:
        """A request was refused for there were too many: half as many from now on."""
        with self._changed:
            self._answers, self.limit = 0, max(1, self.limit // 2)
