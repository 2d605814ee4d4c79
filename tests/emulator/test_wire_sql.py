"""The real SQL front behind both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.service.sql import StatementState
from databricks.sql.exc import ServerOperationError

from replicator.emulator import Endpoint, requestlog

Serve = Callable[..., Endpoint]
Connect = Callable[..., Any]


def test_rows_written_over_thrift_are_read_over_sea(endpoint: Serve, sql: Connect, sdk: Connect) -> None:
    e = endpoint()
    with sql(e).cursor() as cursor:
        cursor.execute("CREATE CATALOG c")
        cursor.execute("CREATE TABLE c.default.t (id BIGINT, name STRING)")
        cursor.execute("INSERT INTO c.default.t VALUES (1, 'a'), (2, NULL)")
        assert cursor.rowcount == 2
    statement = "SELECT * FROM t ORDER BY id"
    answer = sdk(e).statement_execution.execute_statement(statement, e.warehouse_id, catalog="c", schema="default")
    assert answer.status.state is StatementState.SUCCEEDED, answer.status
    assert answer.result.data_array == [["1", "a"], ["2", None]]
    assert [column.type_text for column in answer.manifest.schema.columns] == ["BIGINT", "STRING"]


def test_the_log_knows_which_statements_write(endpoint: Serve, sql: Connect) -> None:
    e = endpoint()
    with sql(e).cursor() as cursor:
        for text in ("CREATE CATALOG c", "SELECT 1", "SHOW CATALOGS"):
            cursor.execute(text)
        with pytest.raises(ServerOperationError, match="TABLE_OR_VIEW_NOT_FOUND"):
            cursor.execute("SELECT * FROM c.default.no")
    entries = [item for item in requestlog.read(e.store.root) if "statement" in item]
    assert [(item["statement"], item["writes"]) for item in entries] == [
        ("CREATE CATALOG c", True),
        ("SELECT 1", False),
        ("SHOW CATALOGS", False),
        ("SELECT * FROM c.default.no", False),
    ]


def test_parameters_keep_their_values(endpoint: Serve, sql: Connect) -> None:
    text = 'it\'s \\ "quoted" größe'
    with sql(endpoint()).cursor() as cursor:
        row = cursor.execute("SELECT :a AS a, :b AS b, :c AS c", {"a": text, "b": 2**40, "c": None}).fetchone()
        assert (row.a, row.b, row.c) == (text, 2**40, None)
        assert cursor.execute("SELECT ? AS a, ? AS b", [1, True]).fetchone().asDict() == {"a": 1, "b": True}


def test_another_principal_reads_only_what_was_granted(endpoint: Serve, sql: Connect) -> None:
    e = endpoint()
    with sql(e).cursor() as cursor:
        cursor.execute("CREATE CATALOG c")
        cursor.execute("CREATE TABLE c.default.t AS SELECT 1 AS id")
        cursor.execute("GRANT USE CATALOG, USE SCHEMA ON CATALOG c TO `ann@x.com`")
    with sql(e, token=e.token_for("ann@x.com")).cursor() as ann:
        with pytest.raises(ServerOperationError, match=r"\[INSUFFICIENT_PERMISSIONS\].*SQLSTATE: 42501"):
            ann.execute("SELECT * FROM c.default.t")
        with sql(e).cursor() as cursor:
            cursor.execute("GRANT SELECT ON TABLE c.default.t TO `ann@x.com`")
        assert ann.execute("SELECT * FROM c.default.t").fetchall()[0].id == 1


def test_a_share_carries_data_from_one_metastore_to_the_other(endpoint: Serve, sql: Connect) -> None:
    source, target = endpoint("us-east"), endpoint("eu-west")
    with sql(source).cursor() as cursor:
        for text in (
            "CREATE CATALOG main",
            "CREATE SCHEMA main.sales",
            "CREATE TABLE main.sales.orders AS SELECT 1 AS id UNION ALL SELECT 2",
            "CREATE SHARE sh",
            "ALTER SHARE sh ADD SCHEMA main.sales",
            f"CREATE RECIPIENT eu USING ID '{target.metastore.global_id}'",
            "GRANT SELECT ON SHARE sh TO RECIPIENT eu",
        ):
            cursor.execute(text)
    with sql(target).cursor() as cursor:
        cursor.execute("CREATE CATALOG shared USING SHARE `us-east`.sh")
        assert cursor.execute("SELECT count(*) AS n FROM shared.sales.orders").fetchone().n == 2
        cursor.execute("CREATE CATALOG replica")
        cursor.execute("CREATE OR REPLACE TABLE replica.default.orders DEEP CLONE shared.sales.orders")
        assert cursor.execute("SELECT sum(id) AS n FROM replica.default.orders").fetchone().n == 3
        with pytest.raises(ServerOperationError):
            cursor.execute("INSERT INTO shared.sales.orders VALUES (3)")
