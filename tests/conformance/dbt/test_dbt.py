"""dbt-databricks: a project of seeds, models of every materialization, tests, a snapshot and docs; twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.processes import installed, run
from tests.conformance.targets import Target

PROJECT = Path(__file__).parent / "project"


def test_dbt_builds_a_project_twice(target: Target, catalog: str, connection: Any, tmp_path: Path) -> None:
    dbt = installed(".venv-dbt", "bin/dbt")
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project)
    environment = _environment(target.encrypted, catalog)

    def invoke(*words: str) -> None:
        run([dbt, "--no-use-colors", *words, "--profiles-dir", "."], environment, project)

    invoke("build")
    first = _tables(connection, catalog)
    invoke("build")
    assert _tables(connection, catalog) == first, "a second build changes no rows"
    assert _snapshot(connection, catalog) == [(1, "us", True), (2, "eu", True), (3, "eu", True)]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {catalog}.dbt.customers SET country = 'us' WHERE id = 3")
    invoke("snapshot")
    assert _snapshot(connection, catalog) == [
        (1, "us", True),
        (2, "eu", True),
        (3, "eu", False),
        (3, "us", True),
    ]
    invoke("run", "--full-refresh", "--select", "loaded", "appended")
    invoke("docs", "generate")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, orders, total FROM {catalog}.dbt.totals ORDER BY customer_id")
        assert [tuple(row) for row in cursor.fetchall()] == [("ANN", 2, 30.5), ("BERT", 1, 30.25), ("CID", 0, 0.0)]
    documented = json.loads((project / "target" / "catalog.json").read_text())
    assert documented["errors"] is None
    types = {name: column["type"] for name, column in documented["nodes"]["model.shop.totals"]["columns"].items()}
    assert types == {"customer_id": "bigint", "name": "string", "orders": "bigint", "total": "double"}


def _environment(target: Target, catalog: str) -> dict[str, str]:
    parameters: dict[str, Any] = {"enable_telemetry": False}
    if not target.is_live:
        parameters |= {
            "_connection_uri": target.host + target.http_path,
            "_tls_trusted_ca_file": str(target.ca_file),
        }
    return target.environment() | {
        "CONFORMANCE_NETLOC": urlsplit(target.host).netloc,
        "CONFORMANCE_HTTP_PATH": target.http_path,
        "CONFORMANCE_CATALOG": catalog,
        "CONFORMANCE_CONNECTION": json.dumps(parameters),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _tables(connection: Any, catalog: str) -> dict[str, int]:
    """Rows of every table and view that dbt made."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT table_name FROM {catalog}.information_schema.tables WHERE table_schema = 'dbt'")
        names = sorted(row[0] for row in cursor.fetchall())
        found = {}
        for name in names:
            cursor.execute(f"SELECT count(*) FROM {catalog}.dbt.{name}")
            found[name] = cursor.fetchall()[0][0]
    # Every run appends to it once more.
    return {name: count for name, count in found.items() if name != "appended"}


def _snapshot(connection: Any, catalog: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, country, dbt_valid_to IS NULL FROM {catalog}.dbt.customers_then ORDER BY id, dbt_valid_from"
        )
        return [tuple(row) for row in cursor.fetchall()]
