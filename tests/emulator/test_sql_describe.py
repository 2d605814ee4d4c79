"""DESCRIBE, SHOW and information_schema: what a client reads to know what is there."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from replicator.emulator.sql import information_schema

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    warehouse = open_warehouse(tmp_path)
    warehouse.run(
        """CREATE TABLE t (id BIGINT NOT NULL COMMENT 'key', p STRING) PARTITIONED BY (p) COMMENT 'tab'
           TBLPROPERTIES (x = 'y')""",
        "INSERT INTO t VALUES (1, 'a'), (2, NULL)",
        "CREATE VIEW v AS SELECT id FROM t",
    )
    return warehouse


def test_describe_detail_tells_the_state_of_the_table(db: Warehouse) -> None:
    row = db.run("DESCRIBE DETAIL t")[0]
    assert (row["format"], row["name"], row["description"]) == ("delta", "main.s.t", "tab")
    assert (row["partitionColumns"], row["numFiles"]) == (["p"], 2)
    assert dict(row["properties"]) == {"x": "y"}
    assert (row["minReaderVersion"], row["minWriterVersion"]) == (1, 2)
    assert row["location"].startswith("file:///")
    assert isinstance(row["lastModified"], dt.datetime)
    assert db.refusal("DESCRIBE DETAIL v") == "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"


def test_describe_history_is_newest_first_and_limited(db: Warehouse) -> None:
    rows = db.run("DESCRIBE HISTORY t")
    assert [(row["version"], row["operation"], row["readVersion"]) for row in rows] == [
        (1, "WRITE", 0),
        (0, "CREATE TABLE", None),
    ]
    assert rows[0]["userName"] == db.session.principal
    assert dict(rows[0]["operationMetrics"])["numOutputRows"] == "2"
    assert [row["version"] for row in db.run("DESC HISTORY main.s.t LIMIT 1")] == [1]


def test_history_can_be_queried(db: Warehouse) -> None:
    assert db.rows("SELECT max(version) FROM (DESCRIBE HISTORY t)") == [(1,)]
    assert db.rows("SELECT h.operation FROM (DESCRIBE HISTORY t LIMIT 1) AS h WHERE h.version = 1") == [("WRITE",)]
    assert db.rows("SELECT numFiles FROM (DESCRIBE DETAIL t)") == [(2,)]


@pytest.mark.parametrize("count", [3, 40])
def test_versions_of_many_tables_in_one_statement(db: Warehouse, count: int) -> None:
    for number in range(count):
        db.run(f"CREATE TABLE n{number} AS SELECT {number} AS a")
    db.run("INSERT INTO n2 VALUES (9)")
    branches = [
        f"SELECT 'main.s.n{number}' AS t, version, operationParameters['mode'] AS mode"
        f" FROM (DESCRIBE HISTORY n{number} LIMIT 1)"
        for number in range(count)
    ]
    rows = db.rows(" UNION ALL ".join(branches))
    assert rows[2] == ("main.s.n2", 1, "Append")
    assert [row[:2] for row in rows[:2]] == [("main.s.n0", 0), ("main.s.n1", 0)]
    assert len(rows) == count
    totals = [
        f"SELECT 'x{number}' AS t, max(version) AS v FROM (DESCRIBE HISTORY n{number})" for number in range(count)
    ]
    assert db.rows(" UNION ALL ".join(totals))[2] == ("x2", 1)


def test_one_missing_table_fails_the_whole_statement(db: Warehouse) -> None:
    branches = [f"SELECT version FROM (DESCRIBE HISTORY {name} LIMIT 1)" for name in ("t", "t", "t", "nope", "t")]
    assert db.refusal(" UNION ALL ".join(branches)) == "TABLE_OR_VIEW_NOT_FOUND"


def test_describe_table_and_extended(db: Warehouse) -> None:
    rows = db.rows("DESCRIBE TABLE EXTENDED t")
    assert rows[:2] == [("id", "bigint", "key"), ("p", "string", None)]
    assert ("# Partition Information", "", "") in rows
    facts = {row[0]: row[1] for row in rows}
    assert (facts["Catalog"], facts["Type"], facts["Provider"], facts["Comment"]) == ("main", "MANAGED", "delta", "tab")
    assert "x=y" in facts["Table Properties"]
    assert {row[0]: row[1] for row in db.rows("DESCRIBE EXTENDED v")}["View Text"] == "SELECT id FROM t"
    assert db.rows("DESCRIBE t id") == [("col_name", "id"), ("data_type", "bigint"), ("comment", "key")]
    assert '"table_name": "t"' in db.value("DESCRIBE TABLE EXTENDED t AS JSON")
    assert db.rows("DESCRIBE QUERY SELECT 1 AS a, 'x' AS b") == [("a", "int", None), ("b", "string", None)]


def test_show_lists_what_is_there(db: Warehouse) -> None:
    assert db.rows("SHOW TABLES IN main.s LIKE 't*'") == [("s", "t", False)]
    assert db.rows("SHOW VIEWS FROM s") == [("s", "v", False, False)]
    assert db.rows("SHOW COLUMNS IN t") == [("id",), ("p",)]
    assert sorted(db.rows("SHOW PARTITIONS t"), key=str) == [("a",), (None,)]
    assert db.rows("SHOW TBLPROPERTIES t ('x')") == [("x", "y")]
    assert ("s",) in db.rows("SHOW SCHEMAS IN main")
    assert db.rows("SHOW TABLE EXTENDED IN s LIKE 't'")[0][:3] == ("s", "t", False)
    assert db.refusal("SHOW TABLES IN nope") == "SCHEMA_NOT_FOUND"
    assert db.refusal("SHOW PARTITIONS v") == "DELTA_ONLY_OPERATION"


@pytest.mark.parametrize("view", sorted(information_schema.VIEWS))
def test_every_view_of_information_schema_can_be_read(db: Warehouse, view: str) -> None:
    for catalog in ("main", "system"):
        rows = db.run(f"SELECT * FROM {catalog}.information_schema.{view.upper()}")
        assert all(isinstance(row, dict) for row in rows)
    assert [row[0] for row in db.rows(f"DESCRIBE main.information_schema.{view}")]


def test_an_unknown_view_of_information_schema_is_not_found(db: Warehouse) -> None:
    assert db.refusal("SELECT * FROM information_schema.nope") == "TABLE_OR_VIEW_NOT_FOUND"
    assert db.refusal("SELECT * FROM nope.information_schema.tables") == "NO_SUCH_CATALOG_EXCEPTION"


def test_information_schema_of_a_catalog_holds_only_that_catalog(db: Warehouse) -> None:
    db.run("CREATE CATALOG other", "CREATE TABLE other.default.u (a INT)")
    query = (
        "SELECT table_catalog, table_name FROM {}.information_schema.tables WHERE table_schema <> 'information_schema'"
    )
    assert db.rows(query.format("other")) == [("other", "u")]
    assert sorted(db.rows(query.format("system"))) == [("main", "t"), ("main", "v"), ("other", "u")]


def test_columns_are_described_in_full(db: Warehouse) -> None:
    db.run(
        """CREATE TABLE c (d DECIMAL(10, 2) NOT NULL COMMENT 'x', i BIGINT GENERATED BY DEFAULT AS IDENTITY,
           g INT GENERATED ALWAYS AS (1 + 1))"""
    )
    rows = db.run("SELECT * FROM information_schema.columns WHERE table_name = 'c' ORDER BY ordinal_position")
    assert (rows[0]["data_type"], rows[0]["full_data_type"], rows[0]["is_nullable"]) == (
        "DECIMAL",
        "decimal(10,2)",
        "NO",
    )
    assert (rows[0]["numeric_precision"], rows[0]["numeric_scale"], rows[0]["ordinal_position"]) == (10, 2, 1)
    assert (rows[1]["is_identity"], rows[1]["identity_generation"]) == ("YES", "BY DEFAULT")
    assert rows[2]["generation_expression"] == "1 + 1"
    partition = (
        "SELECT partition_ordinal_position FROM information_schema.columns WHERE table_name = 't' AND column_name = 'p'"
    )
    assert db.rows(partition) == [(1,)]
