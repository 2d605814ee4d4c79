"""Reconciling 5,000,000 rows of 8 columns on both sides, over HTTP to the emulator, beside other tools where they are
installed.

The floor is `SELECT count(c1), …, count(c8)` on both sides at once: what reading the columns costs.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import other_tools
from benchmarks.figures import Figure, best_seconds
from replicator.address import Address, Side
from replicator.config.connection import Connection
from replicator.reconciliation.check import run_check
from replicator.reconciliation.fingerprint import bucket_count
from replicator.reconciliation.probe import Pair, Probe
from replicator.reconciliation.recipe import Place
from replicator.reconciliation.task import CheckTask, Settings
from replicator.workspace import WorkspaceWriter, open_writer

ROWS = 5_000_000
COLUMNS = ("id", "name", "city", "ts", "amount", "score", "flag", "day")
WHAT = f"{ROWS:,} × {len(COLUMNS)}"
TASK = CheckTask(
    table="c.s.t",
    origin=Address(Side.SOURCE, "table", "c.s.o"),
    key=("id",),
    settings=Settings(buckets=bucket_count(ROWS)),
)
_SPOIL = (
    "UPDATE c.s.t SET name = 'x' WHERE id % 500000 = 7",
    "DELETE FROM c.s.t WHERE id % 1000000 = 11",
    "INSERT INTO c.s.t SELECT id + 100000000, 'new', 'x', NULL, 0, 0, true, NULL FROM range(5)",
    "INSERT INTO c.s.t SELECT * FROM c.s.t WHERE id IN (1, 2, 3)",
)
_FOUND = (10, 5, 5, 3)
"""Changed, missing, extra and duplicated rows."""


def _row() -> str:
    """A row made of its id: every column but the id is NULL in two to four rows of a hundred."""
    exprs = {
        "name": (37, "concat('customer-', id * 7919 % 1000003)"),
        "city": (29, "concat('city ', id % 5000)"),
        "ts": (47, "timestamp_seconds(1704067200 + id % 10000000)"),
        "amount": (41, "CAST(id * 31 % 10000000 / 100 AS DECIMAL(18,2))"),
        "score": (31, "CAST(id * 0.37 AS DOUBLE)"),
        "flag": (43, "id % 3 = 0"),
        "day": (53, "date_from_unix_date(CAST(18262 + id % 2000 AS INT))"),
    }
    made = (f"CASE WHEN id % {every} = 0 THEN NULL ELSE {text} END AS {name}" for name, (every, text) in exprs.items())
    return ", ".join(["id", *made])


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(open_writer(Connection(host="emulator://bench"), Side.SOURCE, directory=folder)) as writer:
            for statement in (
                "CREATE CATALOG c",
                "CREATE SCHEMA c.s",
                f"CREATE TABLE c.s.o USING DELTA AS SELECT {_row()} FROM range({ROWS})",
                "CREATE TABLE c.s.t DEEP CLONE c.s.o",
            ):
                writer.execute(statement)
            yield from _equal(writer)
            for statement in _SPOIL:
                writer.execute(statement)
            yield from _spoilt(writer)
            yield from other_tools.measure(writer, ("c.s.o", "c.s.t"), folder)


def _equal(writer: WorkspaceWriter) -> Iterator[Figure]:
    pair = Pair(Probe(writer, Place("c.s.o", Side.SOURCE)), Probe(writer, Place("c.s.t", Side.TARGET)))
    counts = ", ".join(f"count({column})" for column in COLUMNS)
    # in turn, so that whatever else the machine does disturbs both
    rounds = [
        (
            best_seconds(lambda: pair.query(lambda probe: f"SELECT {counts} FROM {probe.place.table}"), 1),
            best_seconds(lambda: run_check(TASK, writer, writer), 1),
        )
        for _ in range(5)
    ]
    floor, equal = (min(times) for times in zip(*rounds, strict=True))
    yield Figure(f"count(c1), …, count(c8) of {WHAT}, both sides", floor, "s")
    yield Figure(f"reconcile {WHAT}, equal", equal, "s")
    yield Figure("  the one beside the other", round(equal / floor, 2), "×", 2)


def _spoilt(writer: WorkspaceWriter) -> Iterator[Figure]:
    before, started = writer.stats().bytes, time.perf_counter()
    result = run_check(TASK, writer, writer)
    found = result.differences
    assert (found.changed, found.missing, found.extra, found.duplicated) == _FOUND, found
    yield Figure(f"reconcile {WHAT}, {found.total} rows differ, all found", time.perf_counter() - started, "s")
    sent = max(len(side.statements) for side in (result.source, result.target))
    yield Figure("  statements per side", sent, "", 6)
    yield Figure("  received", round((writer.stats().bytes - before) / 1e6, 2), "MB", 5)
