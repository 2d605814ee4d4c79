"""Refusals: the error class and the SQLSTATE that Databricks documents, and a session that goes on."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from databricks.sql.exc import Error, RequestError, ServerOperationError

from tests.conformance.targets import Target

SETUP = (
    "CREATE TABLE t (id INT NOT NULL, name STRING, CONSTRAINT positive CHECK (id > 0))",
    "CREATE TABLE u (id INT)",
    "CREATE VIEW v AS SELECT * FROM t",
)
REFUSED = [
    ("SELEC 1", "PARSE_SYNTAX_ERROR", "42601"),
    ("SELECT * FROM absent", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    ("SELECT * FROM no_catalog.s.t", "NO_SUCH_CATALOG_EXCEPTION", "42704"),
    ("SELECT absent FROM t", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703"),
    ("SELECT absent(1)", "UNRESOLVED_ROUTINE", "42883"),
    ("SELECT 1 / 0", "DIVIDE_BY_ZERO", "22012"),
    ("SELECT CAST('x' AS INT)", "CAST_INVALID_INPUT", "22018"),
    ("SELECT 2147483647 + 1", "ARITHMETIC_OVERFLOW", "22003"),
    ("SELECT name FROM t GROUP BY id", "MISSING_AGGREGATION", "42803"),
    ("SELECT id FROM t JOIN u ON t.id = u.id", "AMBIGUOUS_REFERENCE", "42704"),
    ("CREATE TABLE t (id INT)", "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
    ("CREATE VIEW v AS SELECT 1", "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
    ("DROP TABLE absent", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    ("INSERT INTO t VALUES (NULL, 'a')", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502"),
    ("INSERT INTO t VALUES (-1, 'a')", "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES", "23001"),
    ("INSERT INTO t VALUES (1)", "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "21S01"),
    ("INSERT INTO t VALUES (1, 'a', 2)", "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "21S01"),
    ("SELECT * FROM t VERSION AS OF 99", "DELTA_VERSION_NOT_FOUND", "22003"),
    ("DROP SCHEMA absent", "SCHEMA_NOT_FOUND", "42704"),
    ("USE CATALOG absent_catalog", "NO_SUCH_CATALOG_EXCEPTION", "42704"),
]


@pytest.fixture
def prepared(cursor: Any) -> Any:
    for statement in SETUP:
        cursor.execute(statement)
    return cursor


@pytest.mark.parametrize(
    ("statement", "condition", "sqlstate"), REFUSED, ids=[row[1] + "|" + row[0][:18] for row in REFUSED]
)
def test_a_refusal_names_its_condition_and_sqlstate(
    prepared: Any, statement: str, condition: str, sqlstate: str
) -> None:
    with pytest.raises(Error) as refusal:
        prepared.execute(statement)
    message = str(refusal.value)
    assert condition in re.findall(r"\[([A-Z0-9_.]+)\]", message), message
    assert f"SQLSTATE: {sqlstate}" in message, message
    prepared.execute("SELECT 1 AS one")
    assert prepared.fetchall()[0].one == 1


def test_thrift_gives_the_query_that_failed(target: Target) -> None:
    with target.thrift() as connection, connection.cursor() as cursor:
        with pytest.raises(ServerOperationError) as refusal:
            cursor.execute("SELECT * FROM absent_table")
        assert refusal.value.context["operation-id"]
        assert refusal.value.context["diagnostic-info"]


def test_a_wrong_token_is_refused(target: Target) -> None:
    with pytest.raises((RequestError, Error)) as refusal:
        target.thrift(token="dapi00000000000000000000000000000000")
    assert "401" in str(refusal.value) or "403" in str(refusal.value) or "token" in str(refusal.value).lower()


def test_an_unknown_warehouse_is_refused(target: Target) -> None:
    with pytest.raises(Error):
        replace(target, warehouse_id="0000000000000000").thrift()
