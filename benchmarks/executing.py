"""What the executor adds to 5,000 actions that do nothing."""

from collections.abc import Iterator

from benchmarks.figures import Figure, best_seconds
from replicator.execution import scheduler

ACTIONS = 5_000


def measure() -> Iterator[Figure]:
    nodes = [f"n{number:04}" for number in range(ACTIONS)]
    needs = {node: (nodes[rank // 10],) for rank, node in enumerate(nodes) if rank // 10 != rank}

    def work() -> None:
        results = scheduler.run(nodes, needs, lambda node: None, workers=16)
        assert all(result.outcome is scheduler.Outcome.DONE for result in results.values())

    yield Figure(f"executor, {ACTIONS:,} actions that do nothing", best_seconds(work), "s", limit=1.0)
