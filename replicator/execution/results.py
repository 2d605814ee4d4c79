"""What became of a plan: one result per action, and the exit code they add up to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from replicator.engine.actions import Action
from replicator.errors import ExitCode


class Became(StrEnum):
    """How an action ended. `stale`: refused, its object is not as planned; `already`: there was nothing left to do."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    STALE = "stale"
    BLOCKED = "blocked"
    SKIPPED = "skipped"


_BAD = frozenset({Became.FAILED, Became.STALE})
_UNDONE = _BAD | {Became.BLOCKED, Became.SKIPPED}


@dataclass(frozen=True)
class ActionResult:
    """One action's end. `error` is one line, `hint` what to do about it; `because_of` the failed address a skipped one
    waited for; `outputs` what the writes returned; `equal` a check's verdict, None when there is none, and `details`
    all that it found."""

    action: Action
    became: Became
    error: str = ""
    hint: str = ""
    because_of: str | None = None
    attempts: int = 1
    seconds: float = 0.0
    outputs: dict[str, Any] = field(default_factory=dict)
    equal: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ApplyResult:
    """The end of a run, results in plan order. `serial` is the state that was saved."""

    run: str
    plan_id: str
    results: tuple[ActionResult, ...]
    seconds: float
    serial: int
    interrupted: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> Counter[Became]:
        return Counter(result.became for result in self.results)

    @property
    def mismatches(self) -> tuple[ActionResult, ...]:
        """Checks that found a copy which is not equal, or could not tell."""
        return tuple(result for result in self.results if result.equal is False)

    @property
    def exit_code(self) -> ExitCode:
        """Worst news first: interrupted, stale plan, failures (all or some), blocked, copies that differ."""
        counts = self.counts
        if self.interrupted:
            return ExitCode.INTERRUPTED
        bad = sum(counts[became] for became in _BAD)
        good = counts[Became.DONE] + counts[Became.ALREADY]
        if bad and not good:
            return ExitCode.ERROR if counts[Became.FAILED] else ExitCode.STALE
        if any(counts[became] for became in _UNDONE):
            return ExitCode.PARTIAL if good else ExitCode.BLOCKED
        return ExitCode.CHANGES if self.mismatches else ExitCode.OK
