"""What a plan says of removals holds: it knows of what is in the way, and does not find it out halfway."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from replicator.engine.policy import Code
from tests.execution import wire

HEAD = """
version: "1.0"
source_databricks_connect_config: {host: "emulator://us-east"}
target_databricks_connect_config: {host: "emulator://eu-west"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield wire.begin(tmp_path)
    wire.end(tmp_path)


def test_a_schema_is_not_said_to_go_while_it_holds_a_table_of_others(folder: Path) -> None:
    declared = "resources: {source: {schemas: {main.made: {comment: ours}}}}\n"
    (folder / "replicator.yaml").write_text(HEAD + declared, encoding="utf-8")
    wire.apply(folder)
    wire.on_source(folder, "CREATE TABLE main.made.theirs (id BIGINT)")
    (folder / "replicator.yaml").write_text(HEAD, encoding="utf-8")
    (action,) = wire.plan(folder).actions
    assert [block.code for block in action.blocked] == [Code.DROPS_CHILDREN]
