"""INSERT, UPDATE, DELETE, MERGE, COPY INTO, and what keeps a table in shape."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from replicator.emulator.delta import log
from replicator.emulator.sql import names

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    return open_warehouse(tmp_path)


def last(db: Warehouse, table: str = "t") -> dict[str, Any]:
    """The newest history row, maps as dicts."""
    row = db.run(f"DESCRIBE HISTORY {table} LIMIT 1")[0]
    return row | {key: dict(row[key]) for key in ("operationMetrics", "operationParameters")}


# ---- INSERT


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO t VALUES (1, 'x')",
        "INSERT INTO t (a, b) VALUES (1, 'x')",
        "INSERT INTO t (b, a) SELECT 'x', 1",
        "INSERT INTO TABLE t TABLE source",
        "INSERT INTO t BY NAME SELECT 'x' AS b, 1 AS a",
        "INSERT INTO main.s.t WITH q AS (SELECT 1 AS a, 'x' AS b) SELECT * FROM q",
        "INSERT INTO t PARTITION (b = 'x') SELECT 1",
        "INSERT OVERWRITE t VALUES (1, 'x')",
        "INSERT INTO t REPLACE WHERE b = 'x' VALUES (1, 'x')",
    ],
)
def test_rows_are_inserted_in_every_form(db: Warehouse, insert: str) -> None:
    db.run("CREATE TABLE t (a INT, b STRING) PARTITIONED BY (b)", "CREATE TABLE source AS SELECT 1 AS a, 'x' AS b")
    assert db.run(insert) == [{"num_affected_rows": 1, "num_inserted_rows": 1}]
    assert db.rows("SELECT a, b FROM t") == [(1, "x")]
    assert last(db)["operation"] == "WRITE"


def test_columns_that_are_left_out_are_null(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT, b INT)", "INSERT INTO t (b) VALUES (2)")
    assert db.rows("SELECT * FROM t") == [(None, 2)]
    assert db.refusal("INSERT INTO t (nope) VALUES (1)") == "UNRESOLVED_COLUMN.WITH_SUGGESTION"


def test_overwrite_replaces_everything_or_one_partition(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT, p INT) PARTITIONED BY (p)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    db.run("INSERT OVERWRITE t PARTITION (p = 1) VALUES (9)")
    assert sorted(db.rows("SELECT a, p FROM t")) == [(2, 2), (9, 1)]
    db.run("INSERT OVERWRITE TABLE t SELECT 5, 5")
    assert db.rows("SELECT a, p FROM t") == [(5, 5)]


def test_replace_where_replaces_only_what_matches(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT id AS a FROM range(10)")
    db.run("INSERT INTO t REPLACE WHERE a >= 5 SELECT 7")
    assert sorted(db.rows("SELECT a FROM t")) == [(0,), (1,), (2,), (3,), (4,), (7,)]
    assert db.refusal("INSERT INTO t REPLACE WHERE a >= 5 VALUES (1)") == "DELTA_REPLACE_WHERE_MISMATCH"


def test_an_insert_may_read_its_own_table(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t AS SELECT 1 AS a",
        "INSERT INTO t SELECT a + 1 FROM t",
        "INSERT OVERWRITE t SELECT a * 10 FROM t",
    )
    assert sorted(db.rows("SELECT a FROM t")) == [(10,), (20,)]


# ---- UPDATE and DELETE


def test_updates_and_deletes_touch_only_matching_files(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT, b STRING)")
    for start in (0, 10, 20):
        db.run(f"INSERT INTO t SELECT id, 'x' FROM range({start}, {start + 10})")
    assert db.run("UPDATE t SET b = concat(b, 'y'), a = a + 100 WHERE a = 15") == [{"num_affected_rows": 1}]
    assert {
        key: last(db)["operationMetrics"][key] for key in ("numRemovedFiles", "numAddedFiles", "numCopiedRows")
    } == {
        "numRemovedFiles": "1",
        "numAddedFiles": "1",
        "numCopiedRows": "9",
    }
    assert db.run("DELETE FROM t WHERE a BETWEEN 20 AND 29") == [{"num_affected_rows": 10}]
    assert last(db)["operationMetrics"]["numAddedFiles"] == "0"
    assert db.rows("SELECT count(*), max(a) FROM t") == [(20, 115)]
    assert db.rows("SELECT b FROM t WHERE a = 115") == [("xy",)]


def test_nothing_matched_is_no_commit(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a")
    assert db.run("DELETE FROM t WHERE a = 2") == [{"num_affected_rows": 0}]
    assert db.run("UPDATE t SET a = 3 WHERE a = 2") == [{"num_affected_rows": 0}]
    assert last(db)["version"] == 0


def test_conditions_use_aliases_and_subqueries(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT id AS a FROM range(5)", "CREATE TABLE k AS SELECT 3 AS a")
    db.run("DELETE FROM t AS x WHERE x.a IN (SELECT a FROM k)")
    db.run("UPDATE t x SET a = 40 WHERE x.a = 4 OR EXISTS (SELECT 1 FROM k WHERE k.a = x.a)")
    assert sorted(db.rows("SELECT a FROM t")) == [(0,), (1,), (2,), (40,)]


def test_null_conditions_match_nothing(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT NULL", "DELETE FROM t WHERE a > 0")
    assert db.rows("SELECT a FROM t") == [(None,)]


def test_append_only_tables_refuse_changes(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT) TBLPROPERTIES (delta.appendOnly = true)", "INSERT INTO t VALUES (1)")
    assert db.refusal("DELETE FROM t") == "DELTA_CANNOT_MODIFY_APPEND_ONLY"


# ---- MERGE


def test_merge_updates_inserts_and_deletes(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t AS SELECT id AS k, 'old' AS v FROM range(4)",
        "CREATE TABLE s2 AS SELECT * FROM VALUES (1, 'up'), (2, 'gone'), (9, 'new') AS s(k, v)",
    )
    counts = db.run(
        """MERGE INTO t USING s2 AS s ON t.k = s.k
           WHEN MATCHED AND s.v = 'gone' THEN DELETE
           WHEN MATCHED THEN UPDATE SET *
           WHEN NOT MATCHED THEN INSERT *
           WHEN NOT MATCHED BY SOURCE AND t.k = 3 THEN UPDATE SET v = 'lonely'"""
    )
    assert counts == [{"num_affected_rows": 4, "num_updated_rows": 2, "num_deleted_rows": 1, "num_inserted_rows": 1}]
    assert sorted(db.rows("SELECT k, v FROM t")) == [(0, "old"), (1, "up"), (3, "lonely"), (9, "new")]
    assert last(db)["operation"] == "MERGE"


def test_merge_names_columns_and_defaults(db: Warehouse) -> None:
    db.run(
        """CREATE TABLE t (k INT, v STRING DEFAULT 'd')
           TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')""",
        "MERGE INTO main.s.t USING (SELECT 1 AS k) s ON main.s.t.k = s.k WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)",
        """MERGE INTO t AS x USING (SELECT 1 AS k) s ON x.k = s.k
           WHEN MATCHED THEN UPDATE SET x.k = x.k + s.k, v = DEFAULT""",
    )
    assert db.rows("SELECT * FROM t") == [(2, "d")]


def test_merge_refuses_two_sources_for_one_row(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS k, 1 AS v")
    statement = "MERGE INTO t USING (SELECT 1 AS k UNION ALL SELECT 1) s ON t.k = s.k WHEN MATCHED THEN"
    error_class = "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE"
    assert db.refusal(f"{statement} UPDATE SET v = 2") == error_class
    db.run(f"{statement} DELETE")
    assert db.value("SELECT count(*) FROM t") == 0


# ---- change data feed


def test_the_change_data_feed_tells_every_change(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t (k INT, v STRING) TBLPROPERTIES (delta.enableChangeDataFeed = true)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "UPDATE t SET v = 'c' WHERE k = 1",
        "DELETE FROM t WHERE k = 2",
        "MERGE INTO t USING (SELECT 3 AS k, 'm' AS v) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT *",
    )
    query = (
        "SELECT k, v, _change_type, _commit_version FROM table_changes('main.s.t', {}) ORDER BY _commit_version, 3, 1"
    )
    assert db.rows(query.format("1")) == [
        (1, "a", "insert", 1),
        (2, "b", "insert", 1),
        (1, "c", "update_postimage", 2),
        (1, "a", "update_preimage", 2),
        (2, "b", "delete", 3),
        (3, "m", "insert", 4),
    ]
    assert len(db.rows(query.format("3, 3"))) == 1
    assert db.refusal(query.format("3, 9")) == "DELTA_INVALID_CDC_RANGE"
    db.run("CREATE TABLE plain AS SELECT 1 AS a")
    assert db.refusal("SELECT * FROM table_changes('plain', 0)") == "DELTA_MISSING_CHANGE_DATA"


# ---- maintenance


def test_optimize_rewrites_small_files_and_changes_no_row(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT)", *(f"INSERT INTO t VALUES ({number})" for number in range(5)))
    metrics = db.run("OPTIMIZE t")[0]["metrics"]
    assert (metrics["numFilesAdded"], metrics["numFilesRemoved"]) == (1, 5)
    assert db.rows("SELECT count(*), sum(a) FROM t") == [(5, 10)]
    assert db.run("OPTIMIZE t")[0]["metrics"]["numFilesRemoved"] == 0
    assert last(db)["operation"] == "OPTIMIZE"


def test_vacuum_deletes_what_no_retained_version_needs(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "INSERT OVERWRITE t VALUES (2)")
    assert db.refusal("VACUUM t RETAIN 0 HOURS") == "DELTA_VACUUM_RETENTION_PERIOD_TOO_SHORT"
    db.run("VACUUM t")
    assert db.rows("SELECT a FROM t VERSION AS OF 0") == [(1,)]
    db.run("SET spark.databricks.delta.retentionDurationCheck.enabled = false")
    assert len(db.run("VACUUM t RETAIN 0 HOURS DRY RUN")) == 1
    db.run("VACUUM t RETAIN 0 HOURS")
    assert db.rows("SELECT a FROM t") == [(2,)]
    assert db.refusal("SELECT a FROM t VERSION AS OF 0") == "FAILED_READ_FILE.NO_HINT"
    assert db.refusal("RESTORE TABLE t TO VERSION AS OF 0") == "DELTA_MISSING_FILES_UNEXPECTED_VERSION"


def test_restore_brings_rows_and_schema_back(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "ALTER TABLE t ADD COLUMN b INT", "INSERT OVERWRITE t VALUES (2, 3)")
    row = db.run("RESTORE TABLE t TO VERSION AS OF 0")[0]
    assert (row["num_removed_files"], row["num_restored_files"]) == (1, 1)
    assert db.run("SELECT * FROM t") == [{"a": 1}]
    assert db.rows("DESCRIBE t") == [("a", "int", None)]
    assert last(db)["operation"] == "RESTORE"


def test_truncate_empties_the_table(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "TRUNCATE TABLE t")
    assert db.value("SELECT count(*) FROM t") == 0
    assert db.value("SELECT count(*) FROM t@v0") == 1


def test_fsck_forgets_files_that_are_gone(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")
    state = names.snapshot_of(names.lookup(db.session, ("t",)))
    gone = next(iter(state.files))
    os.unlink(log.file_of(state.path, gone))
    assert db.refusal("SELECT * FROM t") == "FAILED_READ_FILE.NO_HINT"
    assert db.rows("FSCK REPAIR TABLE t DRY RUN") == [(gone,)]
    db.run("FSCK REPAIR TABLE t")
    assert db.value("SELECT count(*) FROM t") == 1


def test_copy_into_loads_each_file_once(db: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.csv").write_text("k,v\n1,x\n2,y\n")
    (folder / "b.json").write_text('{"k": 3, "v": "z"}\n')
    db.run("CREATE TABLE t (k INT, v STRING)")
    statement = f"COPY INTO t FROM '{folder}' FILEFORMAT = CSV PATTERN = '*.csv' FORMAT_OPTIONS ('header' = 'true')"
    assert db.run(statement)[0]["num_inserted_rows"] == 2
    assert db.run(statement)[0]["num_inserted_rows"] == 0
    db.run(f"COPY INTO t FROM (SELECT k + 10 AS k, v FROM '{folder}') FILEFORMAT = JSON FILES = ('b.json')")
    assert sorted(db.rows("SELECT * FROM t")) == [(1, "x"), (2, "y"), (13, "z")]
    assert db.refusal(f"COPY INTO t FROM '{folder}/nope' FILEFORMAT = CSV") == "PATH_NOT_FOUND"


# ---- many writers


def test_concurrent_writers_lose_no_row(db: Warehouse) -> None:
    db.run("CREATE TABLE t (writer INT, n INT)")

    def write(writer: int) -> None:
        for number in range(5):
            db.run(f"INSERT INTO t VALUES ({writer}, {number})")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert db.rows("SELECT count(*), count(DISTINCT writer * 100 + n) FROM t") == [(20, 20)]
    stamps = [row[0] for row in db.rows("SELECT timestamp FROM (DESCRIBE HISTORY t) ORDER BY version")]
    assert stamps == sorted(set(stamps))
