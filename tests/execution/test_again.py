"""What is sent again after an answer was lost is sent to the object that it was meant for, and to no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.config import load
from replicator.emulator import sql, start
from replicator.emulator.faults import Rule
from replicator.engine.policy import Code, Policy
from replicator.execution.events import Event, Kind
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare
from tests.execution import wire

HEAD = wire.head(workers=1, attempts=3)
DECLARED = "resources: {source: {tables: {main.sales.notes: {columns: [{name: id, type: bigint}]}}}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.faults(tmp_path)
    wire.end(tmp_path)


def applied(folder: Path, meanwhile: tuple[str, ...], where: str) -> None:
    """Apply; at the first retry somebody runs statements."""
    waiting = list(meanwhile)

    def somebody(event: Event) -> None:
        if event.kind is Kind.ACTION_RETRY:
            while waiting:
                sql.execute(start(where, wire.root(folder)).session(), waiting.pop(0))

    policy = Policy(allow=(Code.DROPS_DATA, Code.OVERWRITES_REPLICA))
    with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
        apply_plan(session, prepare(session, policy), policy=policy, observers=(somebody,))
    assert waiting == []


def test_a_table_that_somebody_made_meanwhile_is_not_dropped_for_ours(folder: Path) -> None:
    (folder / "replicator.yaml").write_text(HEAD + DECLARED, encoding="utf-8")
    wire.apply(folder)
    (folder / "replicator.yaml").write_text(HEAD, encoding="utf-8")
    wire.faults(folder, Rule("drop_before", method="DELETE", path="tables/main.sales.notes", times=1))
    theirs = (
        "DROP TABLE main.sales.notes",  # ours, which the lost request did not reach
        "CREATE TABLE main.sales.notes (id BIGINT)",
        "INSERT INTO main.sales.notes VALUES (7)",
    )
    applied(folder, theirs, "us-east")
    assert wire.rows(folder, "SELECT id FROM main.sales.notes") == [{"id": 7}]


def test_rows_that_somebody_wrote_meanwhile_are_not_overwritten(folder: Path) -> None:
    wire.apply(folder)
    wire.on_source(folder, "INSERT INTO main.sales.orders VALUES (1000, 'new')")
    wire.faults(folder, Rule("drop_before", statement=r"TABLE `dr`\.`sales`\.`orders` DEEP CLONE", times=1))
    applied(folder, ("INSERT INTO dr.sales.orders VALUES (7, 'precious')",), "eu-west")
    target = start("eu-west", wire.root(folder)).session()
    found = sql.execute(target, "SELECT id FROM dr.sales.orders WHERE note = 'precious'").table.to_pylist()
    assert found == [{"id": 7}]
