"""Streaming tables and materialized views: hidden backing tables in the four forms of the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    warehouse = open_warehouse(tmp_path)
    warehouse.run("CREATE TABLE src AS SELECT 1 AS a, 'x' AS b")
    return warehouse


FORMS = {
    "dpm": "main.s.__materialization_mat_{pid}_st_1",
    "legacy": "__databricks_internal.__dlt_materialization_schema_{pid}.st",
    "legacy_prefixed": "__databricks_internal.__dlt_materialization_schema_{pid}.__materialization_mat_{pid}_st_1",
    "legacy_short": "__databricks_internal.__dlt_materialization_schema_{pid}.__materialization_mat_st_1",
}


def pipeline_id(db: Warehouse, table: str = "st") -> str:
    return str(dict(db.value(f"SELECT properties FROM (DESCRIBE DETAIL {table})"))["pipelines.pipelineId"])


@pytest.mark.parametrize("form", FORMS)
def test_the_backing_table_has_the_name_of_its_form(db: Warehouse, form: str) -> None:
    db.run(f"CREATE STREAMING TABLE st TBLPROPERTIES ('emulator.backing' = '{form}') AS SELECT * FROM STREAM(src)")
    backing = FORMS[form].format(pid=pipeline_id(db).replace("-", "_"))
    assert db.run(f"SELECT * FROM {backing}") == [{"a": 1, "b": "x"}]
    db.run(f"CREATE TABLE copy DEEP CLONE {backing}")
    assert db.run("SELECT * FROM copy") == [{"a": 1, "b": "x"}]
    facts = {row[0]: row[1] for row in db.rows(f"DESCRIBE EXTENDED {backing}")}
    assert facts["Type"] == "MANAGED"
    properties = dict(db.rows(f"SHOW TBLPROPERTIES {backing}"))
    assert properties["pipelines.pipelineId"] == pipeline_id(db)
    assert len(properties["spark.sql.internal.pipelines.parentTableId"]) == 36


def test_an_unknown_form_is_refused(db: Warehouse) -> None:
    statement = "CREATE STREAMING TABLE st TBLPROPERTIES ('emulator.backing' = 'x') AS SELECT * FROM STREAM(src)"
    assert db.refusal(statement) == "INVALID_PARAMETER_VALUE"


def test_the_backing_table_is_hidden_from_listings(db: Warehouse) -> None:
    db.run(
        "CREATE STREAMING TABLE st AS SELECT * FROM STREAM src",
        "CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM src",
    )
    assert {row[1] for row in db.rows("SHOW TABLES")} == {"src", "st", "mv"}
    kinds = dict(db.rows("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 's'"))
    assert kinds == {"src": "MANAGED", "st": "STREAMING_TABLE", "mv": "MATERIALIZED_VIEW"}
    assert db.rows("SHOW VIEWS") == [("s", "mv", False, True)]
    facts = {row[0]: row[1] for row in db.rows("DESCRIBE EXTENDED st")}
    assert facts["Type"] == "STREAMING_TABLE"
    assert f"pipelines.pipelineId={pipeline_id(db)}" in facts["Table Properties"]


def test_refresh_picks_up_new_rows_and_nothing_else_writes(db: Warehouse) -> None:
    db.run("CREATE STREAMING TABLE st (a COMMENT 'key', b) COMMENT 'c' AS SELECT * FROM STREAM(src)")
    db.run("INSERT INTO src VALUES (2, 'y')")
    assert db.value("SELECT count(*) FROM st") == 1
    db.run("REFRESH STREAMING TABLE st")
    assert sorted(db.rows("SELECT * FROM st")) == [(1, "x"), (2, "y")]
    assert db.rows("DESCRIBE st")[0] == ("a", "int", "key")
    for statement in ("INSERT INTO st VALUES (3, 'z')", "DELETE FROM st", "UPDATE st SET a = 1", "OPTIMIZE st"):
        assert db.refusal(statement) == "STREAMING_TABLE_OPERATION_NOT_ALLOWED"


def test_refresh_without_new_rows_makes_no_version(db: Warehouse) -> None:
    db.run("CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM src")
    backing = f"__materialization_mat_{pipeline_id(db, 'mv').replace('-', '_')}_mv_1"
    before = db.value(f"SELECT max(version) FROM (DESCRIBE HISTORY {backing})")
    db.run("REFRESH MATERIALIZED VIEW mv")
    assert db.value(f"SELECT max(version) FROM (DESCRIBE HISTORY {backing})") == before
    db.run("INSERT INTO src VALUES (2, 'y')", "REFRESH MATERIALIZED VIEW mv")
    assert db.value(f"SELECT max(version) FROM (DESCRIBE HISTORY {backing})") == before + 1
    assert db.rows("SELECT n FROM mv") == [(2,)]


def test_replacing_keeps_the_pipeline(db: Warehouse) -> None:
    db.run("CREATE OR REPLACE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM src")
    before = pipeline_id(db, "mv")
    db.run("CREATE OR REPLACE MATERIALIZED VIEW mv AS SELECT max(a) AS m FROM src")
    assert db.run("SELECT * FROM mv") == [{"m": 1}]
    assert pipeline_id(db, "mv") == before
    assert db.refusal("CREATE STREAMING TABLE mv AS SELECT 1 AS a") == "TABLE_OR_VIEW_ALREADY_EXISTS"


def test_dropping_takes_the_backing_table_along(db: Warehouse) -> None:
    db.run("CREATE STREAMING TABLE st AS SELECT * FROM STREAM(src)")
    backing = f"__materialization_mat_{pipeline_id(db).replace('-', '_')}_st_1"
    db.run("DROP STREAMING TABLE st")
    assert db.refusal(f"SELECT * FROM {backing}") == "TABLE_OR_VIEW_NOT_FOUND"
    assert db.refusal("SELECT * FROM st") == "TABLE_OR_VIEW_NOT_FOUND"


def test_comments_and_tags_of_streaming_tables(db: Warehouse) -> None:
    db.run(
        "CREATE STREAMING TABLE st AS SELECT * FROM STREAM(src)",
        "COMMENT ON TABLE st IS 'new'",
        "ALTER STREAMING TABLE st ALTER COLUMN a COMMENT 'col'",
        "ALTER TABLE st SET TAGS ('k' = 'v')",
        "ALTER TABLE st ALTER COLUMN a SET TAGS ('c' = 'd')",
    )
    assert db.value("SELECT comment FROM information_schema.tables WHERE table_name = 'st'") == "new"
    assert db.rows("DESCRIBE st")[0] == ("a", "int", "col")
    assert db.rows("SELECT table_name, tag_value FROM information_schema.table_tags") == [("st", "v")]
