"""Temporary views, which live in a session of either transport, and parameters as other dialects write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from databricks.sdk.service.sql import StatementParameterListItem
from databricks.sql.exc import DatabaseError

from replicator.emulator import Endpoint

Run = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(params=["thrift", "sea"])
def run(request: pytest.FixtureRequest, endpoint: Callable[..., Endpoint], sql: Callable[..., Any]) -> Iterator[Run]:
    """Statements in one session; rows as tuples."""
    e = endpoint()
    if request.param == "thrift":
        cursor = sql(e).cursor()
    else:
        from databricks import sql as connector

        host, _, port = e.url.rpartition(":")
        cursor = connector.connect(
            server_hostname=host,
            _port=int(port),
            http_path=e.http_path,
            access_token=e.token,
            use_sea=True,
            enable_telemetry=False,
        ).cursor()

    def execute(text: str) -> list[tuple[Any, ...]]:
        cursor.execute(text)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    execute("CREATE CATALOG main")
    execute("USE CATALOG main")
    execute("CREATE TABLE t (id INT)")
    execute("INSERT INTO t VALUES (1), (2), (3)")
    yield execute
    cursor.connection.close()


def test_a_temporary_view_is_read_like_a_table(run: Run) -> None:
    run("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT id FROM t WHERE id > 1")
    run("CREATE TEMP VIEW w (n) COMMENT 'c' AS SELECT id * 10 FROM v")
    assert run("SELECT v.id, w.n FROM v JOIN w ON w.n = v.id * 10 ORDER BY 1") == [(2, 20), (3, 30)]
    run("CREATE TABLE copy AS SELECT * FROM w")
    run("MERGE INTO t USING v ON t.id = v.id WHEN MATCHED THEN DELETE")
    assert run("SELECT * FROM t") == [(1,)]
    assert run("DESCRIBE TABLE w")[0][:2] == ("n", "int")


def test_it_hides_a_table_of_its_name_and_ends_when_dropped(run: Run) -> None:
    run("CREATE TEMPORARY VIEW t AS SELECT 7 AS id")
    assert run("SELECT * FROM t") == [(7,)]
    assert len(run("SELECT * FROM main.default.t")) == 3
    run("DROP VIEW t")
    assert len(run("SELECT * FROM t")) == 3


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE TEMPORARY VIEW v AS SELECT 2", "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS"),
        ("CREATE TEMPORARY VIEW main.default.x AS SELECT 2", "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS"),
        ("CREATE VIEW stays AS SELECT * FROM v", "INVALID_TEMP_OBJ_REFERENCE"),
        ("INSERT INTO v VALUES (1)", "EXPECT_TABLE_NOT_VIEW"),
        ("DROP TABLE v", "EXPECT_TABLE_NOT_VIEW"),
    ],
)
def test_what_is_refused(run: Run, statement: str, error: str) -> None:
    run("CREATE TEMPORARY VIEW v AS SELECT 1 AS id")
    with pytest.raises(DatabaseError, match=error):
        run(statement)


def test_other_sessions_do_not_see_it(endpoint: Callable[..., Endpoint], sql: Callable[..., Any]) -> None:
    e = endpoint()
    one, two = sql(e).cursor(), sql(e).cursor()
    one.execute("CREATE CATALOG main")
    one.execute("CREATE TEMPORARY VIEW v AS SELECT 1 AS id")
    with pytest.raises(DatabaseError, match="TABLE_OR_VIEW_NOT_FOUND"):
        two.execute("SELECT * FROM v")


def test_a_parameter_may_stand_in_backquotes(endpoint: Callable[..., Endpoint], sdk: Callable[..., Any]) -> None:
    e = endpoint()
    value = StatementParameterListItem("name", "INT", "5")
    done = sdk(e).statement_execution.execute_statement(
        "SELECT :`name` + :name AS `a:b`", e.warehouse_id, parameters=[value]
    )
    assert done.result.data_array == [["10"]]
