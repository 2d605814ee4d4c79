"""CLONE: incremental, recorded in the target's history, and refused where Databricks refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    warehouse = open_warehouse(tmp_path)
    warehouse.run(
        "CREATE TABLE src (a INT) COMMENT 'source'", "INSERT INTO src VALUES (1)", "INSERT INTO src VALUES (2)"
    )
    return warehouse


def metrics(db: Warehouse, statement: str) -> tuple[int, int, int]:
    """(files of the source, removed, copied)."""
    row = db.run(statement)[0]
    return row["source_num_of_files"], row["num_removed_files"], row["num_copied_files"]


def last(db: Warehouse, table: str) -> dict[str, Any]:
    return db.run(f"DESCRIBE HISTORY {table} LIMIT 1")[0]


CLONE = "CREATE OR REPLACE TABLE t DEEP CLONE src"


def test_only_files_that_the_target_lacks_are_copied(db: Warehouse) -> None:
    assert metrics(db, CLONE) == (2, 0, 2)
    assert metrics(db, CLONE) == (2, 0, 0)
    db.run("INSERT INTO src VALUES (3)", "DELETE FROM src WHERE a = 1")
    assert metrics(db, CLONE) == (2, 1, 1)
    assert sorted(db.rows("SELECT a FROM t")) == [(2,), (3,)]
    db.run("OPTIMIZE src")
    assert metrics(db, CLONE) == (1, 2, 1)


def test_the_result_row_has_databricks_columns(db: Warehouse) -> None:
    row = db.run(CLONE)[0]
    assert list(row) == [
        "source_table_size",
        "source_num_of_files",
        "num_removed_files",
        "num_copied_files",
        "removed_files_size",
        "copied_files_size",
    ]
    assert row["source_table_size"] == row["copied_files_size"] > 0


def test_history_records_the_source_version(db: Warehouse) -> None:
    db.run(CLONE)
    row = last(db, "t")
    assert row["operation"] == "CLONE"
    assert dict(row["operationParameters"]) == {"source": "main.s.src", "sourceVersion": "2", "isShallow": "false"}
    assert set(dict(row["operationMetrics"])) == {
        "sourceTableSize",
        "sourceNumOfFiles",
        "numCopiedFiles",
        "copiedFilesSize",
        "numRemovedFiles",
        "removedFilesSize",
    }


def test_a_clone_of_an_unchanged_source_makes_no_commit(db: Warehouse) -> None:
    db.run(CLONE, CLONE)
    assert last(db, "t")["version"] == 0


def test_a_source_that_moved_without_new_files_still_moves_the_recorded_version(db: Warehouse) -> None:
    db.run(CLONE, "COMMENT ON TABLE src IS 'other'", CLONE)
    assert dict(last(db, "t")["operationParameters"])["sourceVersion"] == "3"


def test_a_pinned_version_is_cloned(db: Warehouse) -> None:
    assert metrics(db, f"{CLONE} VERSION AS OF 1") == (1, 0, 1)
    assert db.rows("SELECT a FROM t") == [(1,)]
    db.run("CREATE TABLE u SHALLOW CLONE src@v1")
    assert db.rows("SELECT a FROM u") == [(1,)]
    assert db.refusal(f"{CLONE} VERSION AS OF 99") == "DELTA_VERSION_NOT_FOUND"


def test_foreign_rows_on_the_target_are_overwritten(db: Warehouse) -> None:
    db.run(CLONE, "INSERT INTO t VALUES (99)")
    assert metrics(db, CLONE) == (2, 1, 0)
    assert sorted(db.rows("SELECT a FROM t")) == [(1,), (2,)]


def test_the_first_clone_back_is_incremental(db: Warehouse) -> None:
    db.run(CLONE, "INSERT INTO t VALUES (3)")
    assert metrics(db, "CREATE OR REPLACE TABLE src DEEP CLONE t") == (3, 0, 1)


def test_the_definition_is_carried_but_comment_tags_and_grants_are_not(db: Warehouse) -> None:
    db.run(
        """CREATE TABLE rich (id BIGINT NOT NULL COMMENT 'key', p STRING, n INT GENERATED ALWAYS AS (1 + 1),
           CONSTRAINT pos CHECK (id > 0)) PARTITIONED BY (p) COMMENT 'mine' TBLPROPERTIES ('x' = 'y')""",
        "INSERT INTO rich (id, p) VALUES (1, 'a')",
        "ALTER TABLE rich SET TAGS ('k' = 'v')",
        "GRANT SELECT ON TABLE rich TO `somebody`",
        "CREATE TABLE t DEEP CLONE rich TBLPROPERTIES ('added' = 'z')",
    )
    assert db.rows("DESCRIBE t") == db.rows("DESCRIBE rich")
    properties = dict(db.rows("SHOW TBLPROPERTIES t"))
    assert (properties["x"], properties["added"], properties["delta.constraints.pos"]) == ("y", "z", "id > 0")
    assert db.refusal("INSERT INTO t (id) VALUES (-1)") == "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"
    assert db.value("SELECT comment FROM information_schema.tables WHERE table_name = 't'") is None
    assert db.rows("SELECT table_name FROM information_schema.table_tags") == [("rich",)]
    assert db.rows("SHOW GRANTS ON TABLE t") == []


def test_a_repeated_clone_keeps_the_targets_comment_and_grants(db: Warehouse) -> None:
    db.run(CLONE, "COMMENT ON TABLE t IS 'replica'", "GRANT SELECT ON TABLE t TO `somebody`")
    db.run("ALTER TABLE src ADD COLUMN b INT", "INSERT INTO src VALUES (3, 4)", CLONE)
    assert db.value("SELECT comment FROM information_schema.tables WHERE table_name = 't'") == "replica"
    assert len(db.rows("SHOW GRANTS ON TABLE t")) == 1
    assert sorted(db.rows("SELECT a, b FROM t"), key=str) == [(1, None), (2, None), (3, 4)]


def test_the_clone_is_independent_of_its_source(db: Warehouse) -> None:
    db.run(CLONE, "DROP TABLE src")
    assert sorted(db.rows("SELECT a FROM t")) == [(1,), (2,)]
    db.run("INSERT INTO t VALUES (5)")
    assert db.value("SELECT count(*) FROM t") == 3


def test_a_changed_column_mapping_mode_is_refused(db: Warehouse) -> None:
    db.run(CLONE, "ALTER TABLE src SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    error = db.error(CLONE)
    assert error.message == "Changing column mapping mode from 'none' to 'name' is not supported."
    db.run(
        "CREATE TABLE fresh DEEP CLONE src",
        "ALTER TABLE src RENAME COLUMN a TO z",
        "CREATE OR REPLACE TABLE fresh CLONE src",
    )
    assert sorted(db.rows("SELECT z FROM fresh")) == [(1,), (2,)]


@pytest.mark.parametrize(
    ("statement", "error_class"),
    [
        ("CREATE TABLE t DEEP CLONE nope", "TABLE_OR_VIEW_NOT_FOUND"),
        ("CREATE TABLE t DEEP CLONE v", "DELTA_CLONE_UNSUPPORTED_SOURCE"),
        ("CREATE TABLE src DEEP CLONE src", "TABLE_OR_VIEW_ALREADY_EXISTS"),
        ("CREATE OR REPLACE TABLE v DEEP CLONE src", "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"),
        ("CREATE TABLE t DEEP CLONE st", "DELTA_DEEP_CLONE_STREAMING_TABLE_ERROR.REQUIRES_WITH_HISTORY"),
        ("CREATE TABLE t DEEP CLONE mv", "DELTA_DEEP_CLONE_MV_ST_ERROR.REQUIRES_WITH_HISTORY"),
        (
            "CREATE TABLE t DEEP CLONE st VERSION AS OF 0",
            "DELTA_DEEP_CLONE_STREAMING_TABLE_ERROR.TIME_TRAVEL_NOT_SUPPORTED",
        ),
        ("CREATE OR REPLACE TABLE st DEEP CLONE src", "UNSUPPORTED_FEATURE"),
        ("CREATE TABLE nope.s.t DEEP CLONE src", "NO_SUCH_CATALOG_EXCEPTION"),
    ],
)
def test_clones_that_databricks_refuses(db: Warehouse, statement: str, error_class: str) -> None:
    db.run(
        "CREATE VIEW v AS SELECT 1 AS a",
        "CREATE STREAMING TABLE st AS SELECT * FROM STREAM(src)",
        "CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM src",
    )
    assert db.refusal(statement) == error_class


def test_external_and_path_targets(db: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    db.run(f"CREATE OR REPLACE TABLE delta.`{folder}` DEEP CLONE src")
    assert sorted(db.rows(f"SELECT a FROM delta.`{folder}`")) == [(1,), (2,)]
    db.run(f"CREATE TABLE ext DEEP CLONE src LOCATION '{tmp_path}/other'")
    assert db.value("SELECT table_type FROM information_schema.tables WHERE table_name = 'ext'") == "EXTERNAL"
    db.run("CREATE TABLE shallow SHALLOW CLONE src")
    kind = db.value("SELECT table_type FROM information_schema.tables WHERE table_name = 'shallow'")
    assert kind == "MANAGED_SHALLOW_CLONE"


def test_a_large_clone_is_incremental_and_quick(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE many (a INT, p INT) PARTITIONED BY (p)", "INSERT INTO many SELECT id, id % 200 FROM range(2000)"
    )
    assert metrics(db, "CREATE TABLE copy DEEP CLONE many") == (200, 0, 200)
    db.run("INSERT INTO many VALUES (1, 1)")
    assert metrics(db, "CREATE OR REPLACE TABLE copy DEEP CLONE many") == (201, 0, 1)
