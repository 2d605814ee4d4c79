"""The Databricks CLI (v0.205 or newer): objects, grants, shares, files in a volume, a statement."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.processes import on_path, run
from tests.conformance.targets import Target


@pytest.fixture
def databricks(target: Target, tmp_path: Path) -> Callable[..., Any]:
    """`databricks("catalogs", "list")`: what the CLI printed, as JSON where it is."""
    (program,) = on_path("databricks")
    environment = target.environment() | {"HOME": str(tmp_path)}
    if not run([program, "--version"], environment, tmp_path).startswith("Databricks CLI v"):
        pytest.skip("databricks on the PATH is the old CLI")

    def invoke(*words: str) -> Any:
        printed = run([program, *words, "--output", "json"], environment, tmp_path)
        return json.loads(printed) if printed.strip()[:1] in ("{", "[") else printed

    return invoke


def test_the_cli_keeps_objects(databricks: Callable[..., Any], target: Target, schema: str, tmp_path: Path) -> None:
    catalog, name = schema.split(".")
    assert databricks("current-user", "me")["userName"]
    assert databricks("catalogs", "get", catalog)["name"] == catalog
    assert name in [found["name"] for found in databricks("schemas", "list", catalog)]
    databricks("schemas", "update", schema, "--comment", "by the CLI")
    assert databricks("schemas", "get", schema)["comment"] == "by the CLI"
    databricks("volumes", "create", catalog, name, "files", "MANAGED")
    (tmp_path / "a.txt").write_text("content")
    folder = f"dbfs:/Volumes/{catalog}/{name}/files"
    databricks("fs", "cp", str(tmp_path / "a.txt"), f"{folder}/a.txt")
    assert "content" in databricks("fs", "cat", f"{folder}/a.txt")
    assert [found["name"] for found in databricks("fs", "ls", folder)] == ["a.txt"]
    change = {"changes": [{"principal": "account users", "add": ["USE_SCHEMA"]}]}
    databricks("grants", "update", "schema", schema, "--json", json.dumps(change))
    granted = databricks("grants", "get", "schema", schema)["privilege_assignments"]
    assert {item["principal"]: item["privileges"] for item in granted}["account users"] == ["USE_SCHEMA"]
    statement = {"warehouse_id": target.warehouse_id, "statement": "SELECT 41 + 1 AS n"}
    done = databricks("api", "post", "/api/2.0/sql/statements", "--json", json.dumps(statement))
    assert done["result"]["data_array"] == [["42"]]
    assert target.warehouse_id in [found["id"] for found in databricks("warehouses", "list")]


def test_the_cli_keeps_shares(databricks: Callable[..., Any], schema: str) -> None:
    name = f"conformance_{uuid.uuid4().hex[:8]}"
    databricks("shares", "create", name, "--comment", "c")
    databricks("recipients", "create", name, "TOKEN")
    try:
        change = {"changes": [{"principal": name, "add": ["SELECT"]}]}
        databricks("shares", "update-permissions", name, "--json", json.dumps(change))
        assert databricks("shares", "get", name)["comment"] == "c"
        assert databricks("recipients", "get", name)["authentication_type"] == "TOKEN"
    finally:
        databricks("recipients", "delete", name)
        databricks("shares", "delete", name)
