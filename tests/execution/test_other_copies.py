"""A copy's history may name another copy than ours: what it holds then is somebody's, and no version of its origin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.config import load
from replicator.emulator import sql, start
from replicator.engine.drift import DriftKind, find_drift
from replicator.engine.policy import Code
from replicator.errors import BlockedError, ExitCode
from replicator.execution.session import observe, open_session
from tests.execution import wire

COPY = "target:clone/dr.sales.orders"
THEIRS = (
    "CREATE TABLE dr.sales.theirs (id BIGINT, note STRING)",
    "INSERT INTO dr.sales.theirs VALUES (7, 'precious')",
)
"""As many versions as the origin has, so that the numbers alone say nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.end(tmp_path)


def on_target(folder: Path, *statements: str) -> list[dict[str, object]]:
    session = start("eu-west", wire.root(folder)).session()
    answers = [sql.execute(session, statement) for statement in statements]
    found: list[dict[str, object]] = answers[-1].table.to_pylist()
    return found


def held_back(folder: Path) -> list[str]:
    (action,) = [action for action in wire.plan(folder).actions if action.address == COPY]
    return [block.code for block in action.blocked]


@pytest.mark.parametrize("newer", [False, True], ids=["same version", "behind"])
def test_a_copy_that_was_cloned_from_something_else_is_not_taken_for_the_origin(folder: Path, newer: bool) -> None:
    assert wire.apply(folder).exit_code == ExitCode.OK
    on_target(folder, *THEIRS, "CREATE OR REPLACE TABLE dr.sales.orders DEEP CLONE dr.sales.theirs")
    if newer:
        wire.on_source(folder, "INSERT INTO main.sales.orders VALUES (1000, 'new')")
    assert held_back(folder) == [Code.OVERWRITES_REPLICA]
    with pytest.raises(BlockedError):
        wire.apply(folder)
    assert on_target(folder, "SELECT note FROM dr.sales.orders") == [{"note": "precious"}]
    with open_session(load(folder / "replicator.yaml")) as session:
        seen = observe(session)
    kinds = {item.kind for item in find_drift(seen.opened.state, seen.snapshots).items if item.address == COPY}
    assert DriftKind.REPLICA_WRITTEN in kinds


@pytest.mark.parametrize("newer", [False, True], ids=["same version", "behind"])
def test_a_copy_of_something_else_is_not_imported_as_one_of_the_origin(folder: Path, newer: bool) -> None:
    wanted = "replication_config:\n  lifecycle: {on_existing: import}\n"
    text = wire.CONFIG.replace("replication_config:\n", wanted)
    (folder / "replicator.yaml").write_text(text, encoding="utf-8")
    on_target(folder, "CREATE CATALOG dr", "CREATE SCHEMA dr.sales", *THEIRS)
    on_target(folder, "CREATE TABLE dr.sales.orders DEEP CLONE dr.sales.theirs")
    if newer:
        wire.on_source(folder, "INSERT INTO main.sales.orders VALUES (1000, 'new')")
    assert held_back(folder) == [Code.OVERWRITES_REPLICA]


def test_our_own_clone_by_hand_is_ours(folder: Path) -> None:
    """What names the source that we would name holds what we would have copied."""
    assert wire.apply(folder).exit_code == ExitCode.OK
    wire.on_source(folder, "INSERT INTO main.sales.orders VALUES (1000, 'new')")
    on_target(folder, "CREATE OR REPLACE TABLE dr.sales.orders DEEP CLONE shared.sales_share.orders")
    assert wire.apply(folder).exit_code == ExitCode.OK
    assert wire.plan(folder).actions == ()
