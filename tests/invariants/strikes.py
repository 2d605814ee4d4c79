"""One thing that goes wrong, once: at the k-th request to a metastore, or at the k-th write of the state's files.

What leaves the same bytes behind is tried once: a process that dies after a request that reads, or after a write of its
own files, is found as one that dies before the next; an answer to a read is lost alike before and after it was made.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicator.emulator.faults import Rule
from tests.execution import wire

_KINDS: Mapping[str, Mapping[str, Any]] = {
    "kill_before": {"action": "kill_before"},
    "kill_after": {"action": "kill_after"},
    "lost_before": {"action": "drop_before"},
    "lost_after": {"action": "drop_after"},
    "busy_503": {"action": "status", "status": 503},
    "busy_429": {"action": "status", "status": 429, "error_code": "RESOURCE_EXHAUSTED", "retry_after": 0},
    "failed_500": {"action": "status", "status": 500, "error_code": "INTERNAL_ERROR"},
}
_AT: Mapping[str, Sequence[str]] = {
    "request that writes": tuple(_KINDS),
    "request that reads": ("kill_before", "lost_after", "busy_503", "busy_429", "failed_500"),
    "write": ("kill_before", "torn"),
    "fsync": ("kill_before",),
    "replace": ("kill_before",),
}
"""What can go wrong at what there is."""

STATE = "state"
Chances = Mapping[str, Sequence[str]]
"""For each metastore its requests, and for `state` the writes of its files, each as a key of _AT, in order."""

_honest: dict[str, Callable[..., Any]] = {"write": os.write, "fsync": os.fsync, "replace": os.replace}


@dataclass(frozen=True)
class Strike:
    """`kind@where:k`, where `where` is a metastore, or `state` for the files of the state."""

    kind: str
    where: str
    k: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.where}:{self.k}"

    @property
    def kills(self) -> bool:
        return self.kind.startswith(("kill", "torn"))

    def arm(self, folder: Path) -> Callable[[], bool]:
        """Put it in force in this process; the returned function says whether its time came."""
        if self.where == STATE:
            writes = Writes(folder, self.k, torn=self.kind == "torn")
            return lambda: len(writes.seen) > self.k
        rule = Rule(metastore=self.where, after=self.k, **_KINDS[self.kind])
        weather = wire.faults(folder, rule)
        return lambda: wire.struck(weather, rule)


def chosen(pattern: str, chances: Chances) -> list[Strike]:
    """The strikes that `KIND@WHERE:K` means, `*` standing for all; `/STEP+OFFSET` behind it takes a part of them.

    `~COUNT+OFFSET` is about so many of all, as far apart as they can be.
    """
    sample = re.fullmatch(r"~(\d+)\+(\d+)", pattern)
    if sample:
        everything = chosen("*@*:*", chances)
        step = max(1, len(everything) // int(sample[1]))
        return everything[int(sample[2]) % step :: step]
    found = re.fullmatch(r"(\w+|\*)@([\w-]+|\*):(\d+|\*)(?:/(\d+)\+(\d+))?", pattern)
    assert found, pattern
    kind, where, k, step, offset = found.groups()
    strikes = [
        Strike(name, place, number)
        for place, listed in sorted(chances.items())
        for number, what in enumerate(listed)
        for name in _AT[what]
        if kind in ("*", name) and where in ("*", place) and k in ("*", str(number))
    ]
    return strikes[int(offset or 0) % int(step or 1) :: int(step or 1)]


class Writes:
    """Sees the writes, fsyncs and renames of the state's files from now on, and kills this process before the k-th.

    With `torn` half of what was to be written is written through first.
    """

    def __init__(self, folder: Path, k: int | None = None, *, torn: bool = False) -> None:
        self.seen: list[str] = []
        self._at = k
        self._torn = torn
        self._inside = str(folder / "state")
        for name in _honest:
            setattr(os, name, self._watching(name))

    def _watching(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self._is_ours(arguments[0]):
                if len(self.seen) == self._at:
                    self._die(arguments)
                self.seen.append(name)
            return _honest[name](*arguments, **named)

        return call

    def _die(self, arguments: Sequence[Any]) -> None:
        if self._torn:
            _honest["write"](arguments[0], arguments[1][: len(arguments[1]) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    def _is_ours(self, target: Any) -> bool:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
        return path.startswith(self._inside)


def hurry() -> None:
    """Let nobody in this process wait long: how long is not what is tested."""
    honest = time.sleep
    time.sleep = lambda seconds: honest(min(seconds, 0.02))
