"""What the scenarios of the SDK work with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient

from tests.conformance.sdk.calls import World
from tests.conformance.targets import Target


@pytest.fixture
def world(
    target: Target, w: WorkspaceClient, catalog: str, schema: str, rows: Any, other: Any, tmp_path: Path
) -> World:
    """A fresh schema with the tables `t (id, name)`, which has one row, and `child (id, parent)`."""
    rows("CREATE TABLE t (id INT NOT NULL, name STRING)")
    rows("CREATE TABLE child (id INT, parent INT)")
    rows("INSERT INTO t VALUES (1, 'a')")
    return World(target, w, catalog, schema, rows, other, tmp_path)
