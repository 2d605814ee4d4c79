"""What is replaced is only dropped once there is something to put in its place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.config import load
from replicator.engine.actions import Do
from replicator.engine.policy import Code, Policy
from replicator.execution.running import apply_plan
from replicator.execution.session import open_session, prepare
from tests.execution import wire

CONFIG = (
    wire.head(workers=1, attempts=1)
    + 'resources: {source: {clones: {main.sales.copy: {source: main.sales.orders, location: "%s"}}}}\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.end(tmp_path)


def test_a_copy_that_left_the_file_is_not_dropped_after_its_origin(folder: Path) -> None:
    policy = Policy(allow=(Code.DROPS_DATA,))
    config = CONFIG % (folder / "data")
    for text in (config, config.partition("resources:")[0]):
        (folder / "replicator.yaml").write_text(text, encoding="utf-8")
        with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
            prepared = prepare(session, policy)
            if text != config:
                assert [action.do for action in prepared.plan.actions] == [Do.DELETE]
                wire.on_source(folder, "DROP TABLE main.sales.orders")
            apply_plan(session, prepared, policy=policy)
    assert wire.rows(folder, "SELECT count(*) AS n FROM main.sales.copy") == [{"n": 100}]


def test_a_copy_whose_origin_went_meanwhile_is_not_dropped_to_be_made_elsewhere(folder: Path) -> None:
    policy = Policy(allow=(Code.REPLACES_DATA,))
    for place in ("one", "two"):
        (folder / "replicator.yaml").write_text(CONFIG % (folder / "data" / place), encoding="utf-8")
        with open_session(load(folder / "replicator.yaml"), locked_for="apply") as session:
            prepared = prepare(session, policy)
            if place == "two":
                assert [action.do for action in prepared.plan.actions] == [Do.REPLACE]
                wire.on_source(folder, "DROP TABLE main.sales.orders")
            apply_plan(session, prepared, policy=policy)
    assert wire.rows(folder, "SELECT count(*) AS n FROM main.sales.copy") == [{"n": 100}]
