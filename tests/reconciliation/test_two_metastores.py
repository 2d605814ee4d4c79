"""The way of a replica: shared from one metastore, cloned on the other, each side read where it lives."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.config.connection import Connection
from replicator.emulator import requestlog, start, stop
from replicator.reconciliation.check import run_check
from replicator.reconciliation.task import CheckTask
from replicator.reconciliation.verdicts import Verdict, Why
from replicator.workspace import WorkspaceWriter, open_writer

Sides = tuple[WorkspaceWriter, WorkspaceWriter, Path]


@pytest.fixture
def replicated(tmp_path: Path) -> Iterator[Sides]:
    """`main.sales.orders` of us-east is cloned to `dr.staging.orders`, and that to `dr.sales.orders`, on eu-west."""
    root = tmp_path / ".replicator" / "emulator"
    with ExitStack() as stack:
        writers = []
        for name, side in (("us-east", Side.SOURCE), ("eu-west", Side.TARGET)):
            stack.callback(stop, start(name, root))
            writers.append(open_writer(Connection(host=f"emulator://{name}"), side, directory=tmp_path))
            stack.callback(writers[-1].close)
        source, target = writers
        for statement in (
            "CREATE CATALOG main",
            "CREATE SCHEMA main.sales",
            "CREATE TABLE main.sales.orders (id INT, note STRING) USING DELTA",
            "INSERT INTO main.sales.orders SELECT id, concat('n', id) FROM range(20)",
            "CREATE SHARE s",
            "ALTER SHARE s ADD TABLE main.sales.orders WITH HISTORY",
            f"CREATE RECIPIENT r USING ID '{target.identity().global_id}'",
            "GRANT SELECT ON SHARE s TO RECIPIENT r",
        ):
            source.execute(statement)
        for statement in (
            "CREATE CATALOG shared USING SHARE `us-east`.s",
            "CREATE CATALOG dr",
            "CREATE SCHEMA dr.staging",
            "CREATE SCHEMA dr.sales",
            "CREATE TABLE dr.staging.orders DEEP CLONE shared.sales.orders",
            "CREATE TABLE dr.sales.orders DEEP CLONE dr.staging.orders",
        ):
            target.execute(statement)
        yield source, target, root


def _task(table: str, via: str | None = None) -> CheckTask:
    return CheckTask(table=table, origin=Address(Side.SOURCE, "table", "main.sales.orders"), key=("id",), via=via)


def test_a_replica_is_compared_with_the_source_and_not_with_the_share(replicated: Sides) -> None:
    source, target, root = replicated
    position = requestlog.position(root)
    result = run_check(_task("dr.staging.orders"), source, target)
    assert (result.verdict, result.source.version) == (Verdict.MATCH, 1)
    sent = [str(entry.get("statement", "")) for entry in requestlog.read(root, position)]
    assert not [text for text in sent if "shared" in text]


def test_a_replica_of_a_source_that_moved_on_is_stale(replicated: Sides) -> None:
    source, target, _ = replicated
    source.execute("DELETE FROM main.sales.orders WHERE id = 1")
    result = run_check(_task("dr.staging.orders"), source, target)
    assert (result.verdict, result.lag, result.source.rows) == (Verdict.STALE, 1, 20)


def test_through_a_staging_copy_the_version_of_the_source_is_found(replicated: Sides) -> None:
    source, target, _ = replicated
    source.execute("DELETE FROM main.sales.orders WHERE id = 1")
    task = _task("dr.sales.orders", via="dr.staging.orders")
    assert run_check(task, source, target).verdict is Verdict.STALE
    target.execute("CREATE OR REPLACE TABLE dr.staging.orders DEEP CLONE shared.sales.orders")
    ahead = run_check(task, source, target)
    assert (ahead.verdict, ahead.reason) == (Verdict.UNVERIFIABLE, Why.MOVING)
    target.execute("CREATE OR REPLACE TABLE dr.sales.orders DEEP CLONE dr.staging.orders")
    assert run_check(task, source, target).verdict is Verdict.MATCH


def test_a_spoilt_replica_names_the_row(replicated: Sides) -> None:
    source, target, _ = replicated
    target.execute("UPDATE dr.staging.orders SET note = 'forged' WHERE id = 7")
    result = run_check(_task("dr.staging.orders"), source, target)
    assert result.verdict is Verdict.MISMATCH
    assert [(row.key, row.columns) for row in result.rows] == [({"id": "7"}, ("note",))]
