"""What the executor adds to actions that do nothing, and what state and journal add to those that do something."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, best_seconds
from replicator.engine.actions import Do
from replicator.engine.state import Entry
from replicator.execution import scheduler
from replicator.execution.backend import silent
from replicator.execution.book import Book
from replicator.execution.folder import Folder
from replicator.execution.store import StateStore

ACTIONS, APPLIED, WORKERS = 5_000, 10_000, 16


def measure() -> Iterator[Figure]:
    nodes = [f"n{number:04}" for number in range(ACTIONS)]
    needs = {node: (nodes[rank // 10],) for rank, node in enumerate(nodes) if rank // 10 != rank}

    def work() -> None:
        results = scheduler.run(nodes, needs, lambda node: None, workers=WORKERS)
        assert all(result.outcome is scheduler.Outcome.DONE for result in results.values())

    yield Figure(f"executor, {ACTIONS:,} actions that do nothing", best_seconds(work), "s", limit=1.0)
    yield Figure(f"state and journal of {APPLIED:,} applied actions", best_seconds(recording), "s", limit=5.0)


def recording() -> None:
    """Intent and outcome of every action, each on disk before its call and after it, and the state at the end."""
    columns = {f"c{number}": {"type": "string", "comment": f"no. {number}"} for number in range(12)}
    entry = Entry(id="0" * 36, inputs={"comment": "one of many", "columns": columns}, depends_on=["target:schema/m.s"])
    with tempfile.TemporaryDirectory() as folder:
        store = StateStore(Folder(Path(folder), "bench"))
        with store.backend.lock("apply", silent):
            opened = store.open()
            journal = store.begin(opened, run="bench", plan_id="0" * 64)
            book = Book(opened.state.model_copy(update={"lineage": "bench"}), {}, journal)

            def work(address: str) -> None:
                book.intend(address, Do.CREATE, entry)
                book.done(address, Do.CREATE, entry)

            scheduler.run([f"target:table/m.s.t{number}" for number in range(APPLIED)], {}, work, workers=WORKERS)
            journal.close()
            state, pending = book.outcome()
            saved = store.commit(state, pending, {})
            assert len(saved.resources) == APPLIED
