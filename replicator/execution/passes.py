"""The two passes over a plan: every action, then what must come last, and the report of each as it ends."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replicator.engine.actions import Action, Do, Plan
from replicator.errors import BlockedError, ReplicatorError, StaleError
from replicator.execution import scheduler
from replicator.execution.degrading import dispensable, failed, reduced
from replicator.execution.events import Events, Kind, correlation_id
from replicator.execution.job import Context, Finished, Job
from replicator.execution.results import ActionResult, Became
from replicator.execution.retrying import Attempts, Retry
from replicator.execution.scheduler import Outcome
from replicator.execution.steps import follow_up, perform

Ended = scheduler.Result[Finished]


@dataclass(frozen=True)
class Pace:
    """How many at a time, whether to stop at the first failure, how often to try."""

    workers: int
    fail_fast: bool
    retry: Retry


class Passes:
    """One run of a plan's actions. `all()` returns their results in plan order."""

    def __init__(self, context: Context, plan: Plan, events: Events, pace: Pace) -> None:
        self._context = context
        self._actions = plan.actions
        self._events = events
        self._pace = pace
        self._began: dict[str, float] = {}
        self._attempts: dict[str, Attempts] = {}
        self._blocking, self._dispensable = self._needs()
        self._undone: set[str] = set()
        self._jobs: dict[str, Job] = {}

    def all(self) -> tuple[ActionResult, ...]:
        results = _held_back(self._actions, self._blocking)
        self._undone |= results.keys()
        free = [action.address for action in self._actions if action.address not in results]
        needs = {action.address: action.depends_on for action in self._actions}
        ended = self._pass(free, self._blocking, self._first, after=needs)
        owing = {address: end.value for address, end in ended.items() if end.value and end.value.later}
        if owing:
            ended |= self._last(owing, needs)
        results |= {address: self._result(address, end) for address, end in ended.items()}
        for action in self._actions:
            if results[action.address].became in (Became.SKIPPED, Became.BLOCKED):
                self._report(results[action.address])
        return tuple(results[action.address] for action in self._actions)

    def _last(self, owing: Mapping[str, Finished], needs: Mapping[str, Sequence[str]]) -> dict[str, Ended]:
        """Dependants first, also through those that owe nothing: a container changes hands after all that it holds."""
        waits: dict[str, list[str]] = {address: [] for address in needs}
        for address, listed in needs.items():
            for need in listed:
                waits.setdefault(need, []).append(address)

        def work(address: str) -> Finished:
            return self._ending(address, lambda job: follow_up(job, owing[address])) if address in owing else Finished()

        ended = self._pass(list(reversed(list(needs))), waits, work)
        return {address: ended[address] for address in owing}

    def _needs(self) -> tuple[dict[str, list[str]], dict[str, frozenset[str]]]:
        """For each action those without which it cannot be done, and those without which it can be done in part: both
        what the resource itself names.

        The plan's order also goes through resources that stay as they are; a failure beyond one of those harms nothing
        here (one table's failed copy must not stop the others of its share). A removal waits for those of what
        it holds, which no resource names: all of them count.
        """
        resources = self._context.desired.resources
        blocking: dict[str, list[str]] = {}
        spare: dict[str, frozenset[str]] = {}
        for action in self._actions:
            declared = resources.get(action.at) if action.do is not Do.DELETE else None
            named = {str(need) for need in declared.resource.depends_on()} if declared else set(action.depends_on)
            needs = [need for need in action.depends_on if need in named]
            spare[action.address] = dispensable(action, needs) if declared else frozenset()
            blocking[action.address] = [need for need in needs if need not in spare[action.address]]
        return blocking, spare

    def _pass(
        self,
        nodes: list[str],
        needs: Mapping[str, Sequence[str]],
        work: Callable[[str], Finished],
        after: Mapping[str, Sequence[str]] | None = None,
    ) -> dict[str, Ended]:
        pace, stop = self._pace, self._context.stop
        return scheduler.run(nodes, needs, work, workers=pace.workers, after=after, fail_fast=pace.fail_fast, stop=stop)

    def _first(self, address: str) -> Finished:
        action = self._context.planned[address]

        def retrying(attempt: int, error: ReplicatorError, wait: float) -> None:
            said = {"attempt": attempt, "error": error.message, "wait_seconds": round(wait, 3)}
            self._events.emit(Kind.ACTION_RETRY, **self._names(action), **said)

        self._began[address] = time.monotonic()
        self._attempts[address] = Attempts(self._pace.retry, self._context.stop, retrying)
        self._events.emit(Kind.ACTION_START, **self._names(action))
        return self._ending(address, self._perform)

    def _perform(self, job: Job) -> Finished:
        """All of the action, or what can be done of it while some of what it depends on failed."""
        address = job.action.address
        lost = failed(self._dispensable[address], self._blocking, self._undone)
        if not lost:
            return perform(job)
        job = self._jobs[address] = reduced(job, lost)
        finished = perform(job)
        if not job.left_out:
            return finished
        names = sorted(map(str, job.left_out))
        said = f"{address} was done without what failed: {', '.join(names)}; the next apply adds it"
        self._events.emit(Kind.WARNING, message=said)
        return replace(finished, outputs={**finished.outputs, "left_out": names})

    def _ending(self, address: str, step: Callable[[Job], Finished]) -> Finished:
        """Run a step and report its end, unless something of it is still to come."""
        job = self._jobs.get(address) or Job(self._context, self._context.planned[address], self._attempts[address])
        try:
            finished = step(job)
        except Exception as error:
            self._undone.add(address)
            self._report(self._result(address, scheduler.Result(Outcome.FAILED, error=error)), error)
            raise
        if not finished.later:
            self._report(self._result(address, scheduler.Result(Outcome.DONE, value=finished)))
        return finished

    def _result(self, address: str, ended: Ended) -> ActionResult:
        action = self._context.planned[address]
        attempts = self._attempts[address].count if address in self._attempts else 0
        seconds = time.monotonic() - self._began.get(address, time.monotonic())
        if ended.outcome is Outcome.DONE and ended.value is not None:
            done, verdict = ended.value, ended.value.verdict
            return ActionResult(
                action,
                done.became,
                error="" if verdict is None or verdict.equal else verdict.message,
                attempts=attempts,
                seconds=seconds,
                outputs=done.outputs,
                equal=verdict.equal if verdict else None,
                details=verdict.details if verdict else {},
            )
        if ended.outcome is Outcome.SKIPPED:
            why = f"because {ended.because_of} failed" if ended.because_of else "because the run stopped"
            return ActionResult(action, Became.SKIPPED, why, because_of=ended.because_of, attempts=attempts)
        return _failure(action, ended.error, attempts, seconds)

    def _names(self, action: Action) -> dict[str, Any]:
        return {
            "address": action.address,
            "do": action.do.value,
            "correlation_id": correlation_id(self._events.run, action.address),
        }

    def _report(self, result: ActionResult, error: Exception | None = None) -> None:
        names = self._names(result.action)
        if result.equal is not None:
            said: dict[str, Any] = {"equal": result.equal, "message": result.error, "details": dict(result.details)}
            self._events.emit(Kind.CHECK_RESULT, **names, **said)
        data: dict[str, Any] = {
            "result": result.became.value,
            "seconds": round(result.seconds, 3),
            "attempts": result.attempts,
            "max_attempts": self._pace.retry.attempts,
            "section": self._context.desired.sections.get(result.action.at, "resources"),
            "moves_data": result.action.moves_data,
            "outputs": result.outputs,
        }
        if result.became not in (Became.DONE, Became.ALREADY):
            data |= {"error": result.error, "hint": result.hint, "because_of": result.because_of}
        if error is not None and not isinstance(error, ReplicatorError):
            data["traceback"] = "".join(traceback.format_exception(error))
        self._events.emit(Kind.ACTION_END, **names, **data)


def _held_back(actions: Sequence[Action], blocking: Mapping[str, Sequence[str]]) -> dict[str, ActionResult]:
    """The blocked actions, and those that depend on one (actions stand in execution order)."""
    results: dict[str, ActionResult] = {}
    for action in actions:
        because = next((need for need in blocking[action.address] if need in results), None)
        if action.blocked:
            said = "; ".join(block.message for block in action.blocked)
            results[action.address] = ActionResult(action, Became.BLOCKED, said, action.blocked[0].release, attempts=0)
        elif because is not None:
            root = results[because].because_of or because
            said = f"because {root} is blocked"
            results[action.address] = ActionResult(action, Became.SKIPPED, said, because_of=root, attempts=0)
    return results


def _failure(action: Action, error: BaseException | None, attempts: int, seconds: float) -> ActionResult:
    became = Became.STALE if isinstance(error, StaleError) else Became.FAILED
    became = Became.BLOCKED if isinstance(error, BlockedError) else became
    if isinstance(error, ReplicatorError):
        said, hint = error.message, error.hint
    else:
        said, hint = f"{type(error).__name__}: {error}", "this is a defect of replicator; its log holds the details"
    return ActionResult(action, became, said, hint, attempts=attempts, seconds=seconds)
