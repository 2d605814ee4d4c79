"""A few statements through the real SQL connector: what the front returns is what a client gets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from replicator.emulator import Endpoint


@pytest.fixture
def cursor(endpoint: Callable[..., Endpoint], sql: Callable[..., Any]) -> Any:
    """A cursor on a fresh metastore, in the schema `main.s`."""
    made = sql(endpoint()).cursor()
    for statement in ("CREATE CATALOG main", "CREATE SCHEMA main.s", "USE main.s"):
        made.execute(statement)
    return made


def test_types_arrive_precisely(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE t (l BIGINT, d DECIMAL(10,2), ts TIMESTAMP, n TIMESTAMP_NTZ, a ARRAY<INT>, m MAP<STRING,INT>)"
    )
    cursor.execute(
        "INSERT INTO t VALUES (1, 2.50, TIMESTAMP'2024-01-01 00:00:00', TIMESTAMP_NTZ'2024-01-01 00:00:00',"
        " array(1), map('k', 1))"
    )
    assert cursor.rowcount == 1
    cursor.execute("SELECT l, d, ts, n, sum(l) AS total FROM t GROUP BY ALL")
    kinds = [column[1] for column in cursor.description]
    assert kinds[:3] + kinds[4:] == ["bigint", "decimal", "timestamp", "bigint"]
    row = cursor.fetchone()
    assert tuple(row) == (
        1,
        Decimal("2.50"),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 1),
        1,
    )


def test_a_million_rows_arrive_as_arrow(cursor: Any) -> None:
    cursor.execute("SELECT id, concat('n', id) AS name FROM range(1000000)")
    table = cursor.fetchall_arrow()
    assert (table.num_rows, table.column_names) == (1_000_000, ["id", "name"])


def test_errors_carry_class_and_sqlstate(cursor: Any) -> None:
    with pytest.raises(Exception, match=r"\[TABLE_OR_VIEW_NOT_FOUND\].*SQLSTATE: 42P01"):
        cursor.execute("SELECT * FROM nope")


def test_clone_metrics_and_history_arrive(cursor: Any) -> None:
    cursor.execute("CREATE TABLE src AS SELECT id FROM range(10)")
    cursor.execute("CREATE OR REPLACE TABLE copy DEEP CLONE src")
    assert cursor.fetchone().num_copied_files == 1
    cursor.execute("SELECT version, operationParameters FROM (DESCRIBE HISTORY copy LIMIT 1)")
    version, parameters = cursor.fetchone()
    assert (version, dict(parameters)["sourceVersion"]) == (0, "0")


def test_parameters_are_bound_on_the_server(cursor: Any) -> None:
    cursor.execute("SELECT :a AS a, :b AS b", {"a": "it's", "b": 5})
    assert tuple(cursor.fetchone()) == ("it's", 5)
    cursor.execute("SELECT ? AS a", [dt.date(2024, 1, 1)])
    assert cursor.fetchone()[0] == dt.date(2024, 1, 1)


def test_two_sessions_see_each_others_commits(
    cursor: Any, endpoint: Callable[..., Endpoint], sql: Callable[..., Any]
) -> None:
    cursor.execute("CREATE TABLE t (a INT)")
    other = sql(endpoint()).cursor()
    other.execute("INSERT INTO main.s.t VALUES (1)")
    cursor.execute("SELECT a FROM t")
    assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
