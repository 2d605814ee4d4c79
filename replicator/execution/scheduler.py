"""A dependency-ordered ready queue over worker threads: no barriers between generations, deterministic priority."""

import heapq
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What became of one node. `because_of`: the failed node that a skipped one waited for, None if the run stopped."""

    outcome: Outcome
    value: T | None = None
    error: BaseException | None = None
    because_of: str | None = None


def run(
    nodes: Sequence[str],
    dependencies: Mapping[str, Iterable[str]],
    work: Callable[[str], T],
    *,
    workers: int,
    after: Mapping[str, Iterable[str]] | None = None,
    fail_fast: bool = False,
    stop: threading.Event | None = None,
) -> dict[str, Result[T]]:
    """Call `work` once per node, each after all it depends on, at most `workers` at a time, ready ones in given order.

    A node that raises blocks only those that depend on it. `after` is order alone: a node waits for those to end, well
    or not. After `stop` is set (or, with `fail_fast`, after a failure) nothing new is started; what runs is waited for.
    Dependencies outside `nodes` count as met. Threads are daemons, so that an exception in the caller's thread (a
    second interrupt) leaves at once.
    """
    priority = {node: rank for rank, node in enumerate(nodes)}
    needs = {node: {need for need in dependencies.get(node, ()) if need in priority} for node in nodes}
    waits = {node: needs[node] | {need for need in (after or {}).get(node, ()) if need in priority} for node in nodes}
    blocked, followers = _followers(needs), _followers(waits)
    results: dict[str, Result[T]] = {}
    ready = [rank for node, rank in priority.items() if not waits[node]]
    jobs, finished = _start(min(workers, len(nodes)), work)
    running, stopping = 0, False
    while True:
        while ready and running < workers and not stopping and not (stop and stop.is_set()):
            jobs.put(nodes[heapq.heappop(ready)])
            running += 1
        if not running:
            break
        node, results[node] = finished.get()
        running -= 1
        ended = [node]
        if results[node].outcome is Outcome.FAILED:
            _reraise(results[node].error)
            ended += _skip(node, blocked, results)
            stopping = stopping or fail_fast
        for free in _freed(ended, followers, waits):
            if free not in results:
                heapq.heappush(ready, priority[free])
    for _ in range(min(workers, len(nodes))):
        jobs.put(None)
    return {node: results.get(node, Result(Outcome.SKIPPED)) for node in nodes}


def _followers(waits: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {node: [] for node in waits}
    for node, needs in waits.items():
        for need in needs:
            followers[need].append(node)
    return followers


def _freed(ended: Sequence[str], followers: Mapping[str, Iterable[str]], waits: Mapping[str, set[str]]) -> list[str]:
    """The nodes that wait for nothing any more, now that others have ended."""
    freed = []
    for node in ended:
        for follower in followers[node]:
            waits[follower].discard(node)
            if not waits[follower]:
                freed.append(follower)
    return freed


def _start(
    threads: int, work: Callable[[str], T]
) -> "tuple[SimpleQueue[str | None], SimpleQueue[tuple[str, Result[T]]]]":
    """Threads that take nodes from the first queue, until a None, and put results on the second."""
    jobs: SimpleQueue[str | None] = SimpleQueue()
    finished: SimpleQueue[tuple[str, Result[T]]] = SimpleQueue()

    def serve() -> None:
        while (node := jobs.get()) is not None:
            try:
                finished.put((node, Result(Outcome.DONE, value=work(node))))
            except BaseException as error:  # noqa: BLE001  reported below; unreported, the caller would wait for ever
                finished.put((node, Result(Outcome.FAILED, error=error)))

    for _ in range(threads):
        threading.Thread(target=serve, daemon=True).start()
    return jobs, finished


def _reraise(error: BaseException | None) -> None:
    """A node's failure, whatever it is, must not end the others; what is no failure (an exit) ends the run."""
    if error is not None and not isinstance(error, Exception):
        raise error


def _skip(failed: str, blocked: Mapping[str, Iterable[str]], results: dict[str, Result[T]]) -> list[str]:
    """Everything that depends on the failed node, directly or not, will not run; those nodes."""
    skipped, stack = [], list(blocked[failed])
    while stack:
        node = stack.pop()
        if node not in results:
            results[node] = Result(Outcome.SKIPPED, because_of=failed)
            skipped.append(node)
            stack.extend(blocked[node])
    return skipped
