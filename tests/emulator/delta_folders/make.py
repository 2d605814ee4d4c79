"""Writes the Delta tables in this folder with Spark, and beside each what Spark reads from it.

    python -m venv /tmp/spark && /tmp/spark/bin/pip install pyspark==4.0.1 delta-spark==4.0.0
    /tmp/spark/bin/python tests/emulator/delta_folders/make.py [NAME …]

Needs Java 17. `rows.json` has the columns and rows of every table as Spark reads them, so that the test compares two
readers and not a reader with our opinion of it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from delta import configure_spark_with_delta_pip
from pyspark.sql import Row, SparkSession

HERE = Path(__file__).parent
Sql = Callable[[str], Any]


def deletion_vectors(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, name STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    sql(f"INSERT INTO {t} SELECT id, concat('n', id) FROM range(0, 20, 1, 1)")
    sql(f"INSERT INTO {t} SELECT id, concat('n', id) FROM range(20, 40, 1, 1)")
    sql(f"DELETE FROM {t} WHERE id % 5 = 0")
    sql(f"UPDATE {t} SET name = 'changed' WHERE id IN (3, 23)")
    sql(f"DELETE FROM {t} WHERE id = 7")


def deletion_vectors_in_partitions(sql: Sql, t: str) -> None:
    sql(
        f"CREATE TABLE {t} (id INT, day DATE) USING delta PARTITIONED BY (day) TBLPROPERTIES"
        " ('delta.enableDeletionVectors' = 'true', 'delta.enableChangeDataFeed' = 'true')"
    )
    sql(f"INSERT INTO {t} SELECT id, date'2026-01-01' + int(id % 2) FROM range(0, 12, 1, 1)")
    sql(f"INSERT INTO {t} VALUES (100, NULL), (101, NULL)")
    sql(f"DELETE FROM {t} WHERE id IN (2, 3, 100)")
    sql(f"RESTORE TABLE {t} TO VERSION AS OF 2")
    sql(f"DELETE FROM {t} WHERE id IN (4, 101)")


def column_mapping(sql: Sql, t: str) -> None:
    sql(
        f"CREATE TABLE {t} (id INT, name STRING, gone STRING, part STRING, s STRUCT<a: INT, b: ARRAY<STRUCT<c: INT>>>,"
        " m MAP<STRING, STRUCT<x: INT>>) USING delta PARTITIONED BY (part)"
        " TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
    )
    sql(
        f"INSERT INTO {t} SELECT 1, 'a', 'g', 'p', named_struct('a', 1, 'b', array(named_struct('c', 2))),"
        " map('k', named_struct('x', 3))"
    )
    sql(f"ALTER TABLE {t} RENAME COLUMN name TO `full name`")
    sql(f"ALTER TABLE {t} RENAME COLUMN part TO place")
    sql(f"ALTER TABLE {t} RENAME COLUMN s.a TO first")
    sql(f"ALTER TABLE {t} RENAME COLUMN s.b.element.c TO inner")
    sql(f"ALTER TABLE {t} RENAME COLUMN m.value.x TO y")
    sql(f"ALTER TABLE {t} DROP COLUMN gone")
    sql(f"ALTER TABLE {t} ADD COLUMN gone INT")
    sql(f"ALTER TABLE {t} ADD COLUMN s.d STRING")
    sql(f"INSERT INTO {t} (id, `full name`, place, gone) VALUES (2, 'b', 'q', 5), (3, NULL, NULL, NULL)")
    sql(f"INSERT INTO {t} SELECT 4, 'd', 'q', named_struct('first', 7, 'b', array(), 'd', 'deep'), NULL, 6")


def column_mapping_by_id(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, name STRING) USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'id')")
    sql(f"INSERT INTO {t} VALUES (1, 'a'), (2, 'b')")
    sql(f"ALTER TABLE {t} RENAME COLUMN name TO label")
    sql(f"INSERT INTO {t} VALUES (3, 'c')")


def upgraded_to_column_mapping(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, name STRING) USING delta")
    sql(f"INSERT INTO {t} VALUES (1, 'a'), (2, 'b')")
    sql(f"ALTER TABLE {t} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    sql(f"ALTER TABLE {t} RENAME COLUMN name TO label")
    sql(f"INSERT INTO {t} VALUES (3, 'c')")


def computed_columns(sql: Sql, t: str) -> None:
    from delta.tables import DeltaTable, IdentityGenerator
    from pyspark.sql.types import DateType, IntegerType, LongType, StringType, TimestampType

    made = DeltaTable.create(SparkSession.getActiveSession()).location(t.removeprefix("delta.").strip("`"))
    made = made.addColumn("id", LongType(), generatedAlwaysAs=IdentityGenerator(start=10, step=5))
    made = made.addColumn("at", TimestampType(), nullable=False)
    made = made.addColumn("day", DateType(), generatedAlwaysAs="CAST(at AS DATE)")
    made.addColumn("amount", IntegerType()).addColumn("currency", StringType()).execute()
    sql(f"ALTER TABLE {t} SET TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')")
    sql(f"ALTER TABLE {t} ALTER COLUMN currency SET DEFAULT 'EUR'")
    sql(f"ALTER TABLE {t} ADD CONSTRAINT positive CHECK (amount > 0)")
    sql(f"INSERT INTO {t} (at, amount) VALUES (timestamp'2026-01-01 10:00:00', 1), (timestamp'2026-01-02 00:00:00', 2)")
    sql(f"INSERT INTO {t} (at, amount, currency) VALUES (timestamp'2026-01-03 00:00:00', 3, 'USD')")


def change_feed(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, name STRING) USING delta TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    sql(f"INSERT INTO {t} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    sql(f"UPDATE {t} SET name = 'B' WHERE id = 2")
    sql(f"DELETE FROM {t} WHERE id = 3")


def clustering(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, name STRING) USING delta CLUSTER BY (name)")
    sql(f"INSERT INTO {t} VALUES (1, 'b'), (2, 'a')")
    sql(f"INSERT INTO {t} VALUES (3, 'c')")
    sql(f"OPTIMIZE {t}")


def v2_checkpoint(sql: Sql, t: str) -> None:
    sql(
        f"CREATE TABLE {t} (id INT, name STRING) USING delta TBLPROPERTIES"
        " ('delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3', 'delta.enableDeletionVectors' = 'true')"
    )
    for index in range(4):
        sql(f"INSERT INTO {t} VALUES ({index}, 'n{index}'), ({index + 10}, 'n')")
    sql(f"DELETE FROM {t} WHERE id = 11")
    _forget_before_checkpoint(t)


def checkpoint_in_parts(sql: Sql, t: str) -> None:
    sql("SET spark.databricks.delta.checkpoint.partSize = 2")
    sql(f"CREATE TABLE {t} (id INT) USING delta TBLPROPERTIES ('delta.checkpointInterval' = '5')")
    for index in range(6):
        sql(f"INSERT INTO {t} VALUES ({index})")
    sql("RESET spark.databricks.delta.checkpoint.partSize")
    _forget_before_checkpoint(t)


def type_widening(sql: Sql, t: str) -> None:
    sql(
        f"CREATE TABLE {t} (b BYTE, i INT, f FLOAT, d DECIMAL(5, 2), day DATE, n INT, s STRUCT<x: SHORT>) USING delta"
        " TBLPROPERTIES ('delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported')"
    )
    sql(f"INSERT INTO {t} VALUES (1, 2, 1.5, 3.25, date'2026-01-01', 7, named_struct('x', 9))")
    for column, kind in {
        "b": "INT",
        "i": "BIGINT",
        "f": "DOUBLE",
        "d": "DECIMAL(12, 4)",
        "day": "TIMESTAMP_NTZ",
        "n": "DECIMAL(12, 1)",
        "s.x": "INT",
    }.items():
        sql(f"ALTER TABLE {t} ALTER COLUMN {column} TYPE {kind}")
    sql(
        f"INSERT INTO {t} VALUES (100000, 5000000000, 1e300, 12345678.1234, timestamp_ntz'2026-01-02 03:04:05',"
        " 123456.5, named_struct('x', 100000))"
    )


def timestamps(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (ntz TIMESTAMP_NTZ, ltz TIMESTAMP) USING delta PARTITIONED BY (ltz)")
    sql(
        f"INSERT INTO {t} VALUES (timestamp_ntz'2026-01-02 03:04:05.123456', timestamp'2026-06-07 08:09:10.5'),"
        " (timestamp_ntz'1900-01-01 00:00:00', timestamp'1969-12-31 23:59:59'), (NULL, NULL)"
    )


def variant(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, v VARIANT) USING delta")
    sql(f"""INSERT INTO {t} SELECT id, parse_json(v) FROM VALUES (1, '{{"a":[1,2,{{"b":null}}]}}'), (2, '"text"'),
        (3, '12.50'), (4, NULL) AS x(id, v)""")


def nested(sql: Sql, t: str) -> None:
    sql(
        f"CREATE TABLE {t} (id INT, tags ARRAY<STRING>, m MAP<STRING, ARRAY<INT>>,"
        " s STRUCT<a: INT, b: STRUCT<c: STRING>>, l ARRAY<STRUCT<k: STRING, v: DECIMAL(9, 2)>>, raw BINARY) USING delta"
    )
    sql(
        f"INSERT INTO {t} SELECT 1, array('x', NULL), map('k', array(1, 2)),"
        " named_struct('a', 1, 'b', named_struct('c', 'd')), array(named_struct('k', 'u', 'v', 1.25)), X'00ff'"
    )
    sql(f"ALTER TABLE {t} ADD COLUMNS (s.late INT, l.element.note STRING)")
    sql(f"INSERT INTO {t} SELECT 2, NULL, NULL, NULL, array(), NULL")


def partitions(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT, p STRING, q INT) USING delta PARTITIONED BY (p, q)")
    sql(f"INSERT INTO {t} VALUES (1, 'a/b', 1), (2, 'x=y %25', 2), (3, 'ä ''q''', 3), (4, NULL, NULL), (5, 'a:b', 5)")


def row_tracking(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true')")
    sql(f"INSERT INTO {t} VALUES (1), (2), (3)")
    sql(f"DELETE FROM {t} WHERE id = 2")


def commit_timestamps(sql: Sql, t: str) -> None:
    sql(f"CREATE TABLE {t} (id INT) USING delta TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')")
    sql(f"INSERT INTO {t} VALUES (1)")
    sql(f"INSERT INTO {t} VALUES (2)")


def shallow_clone(sql: Sql, t: str) -> None:
    """A table whose files are somewhere else, by absolute path; the test puts its own folder in."""
    origin = t.replace("shallow_clone", "shallow_clone_origin")
    sql(f"CREATE TABLE {origin} (id INT) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    sql(f"INSERT INTO {origin} SELECT id FROM range(0, 10, 1, 1)")
    sql(f"DELETE FROM {origin} WHERE id = 1")
    sql(f"CREATE TABLE {t} SHALLOW CLONE {origin}")
    sql(f"INSERT INTO {t} VALUES (100)")
    sql(f"DELETE FROM {t} WHERE id IN (2, 3)")


TABLES = [
    deletion_vectors, deletion_vectors_in_partitions, column_mapping, column_mapping_by_id, upgraded_to_column_mapping,
    computed_columns, change_feed, clustering, v2_checkpoint, checkpoint_in_parts, type_widening, timestamps, variant,
    nested, partitions, row_tracking, commit_timestamps, shallow_clone,
]  # fmt: skip


def _forget_before_checkpoint(table: str) -> None:
    """Remove the commits that a checkpoint covers, as log cleanup does: a reader has to use the checkpoint."""
    folder = Path(table.removeprefix("delta.").strip("`")) / "_delta_log"
    newest = max(int(file.name[:20]) for file in folder.glob("[0-9]*.checkpoint*"))
    for file in folder.glob("[0-9]*.json"):
        if len(file.name) == 25 and int(file.name[:20]) <= newest:
            file.unlink()


def _plain(value: Any) -> Any:
    """A value as JSON: structs as lists, maps as sorted pairs."""
    if isinstance(value, dict):
        return sorted([_plain(key), _plain(item)] for key, item in value.items())
    if isinstance(value, Row | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _rows(sql: Sql, query: str) -> dict[str, Any]:
    found = sql(query)
    shown = [f"to_json(`{name}`) AS `{name}`" if kind == "variant" else f"`{name}`" for name, kind in found.dtypes]
    rows = [_plain(row) for row in found.selectExpr(*shown).collect()]
    return {"columns": [list(pair) for pair in found.dtypes], "rows": sorted(rows, key=json.dumps)}


def _clean(folder: Path) -> None:
    for file in [*folder.rglob("*.crc"), *folder.rglob("_SUCCESS")]:
        file.unlink()
    # Absolute paths are those of whoever ran this; the test puts its own in. A checkpoint would have them in Parquet.
    for file in folder.glob("_delta_log/*checkpoint*") if folder.name == "shallow_clone" else ():
        file.unlink()
    for commit in folder.glob("_delta_log/*.json"):
        commit.write_text(commit.read_text().replace(f"file:{HERE}", "file:/FOLDER"))


def main(wanted: list[str]) -> None:
    """Make the tables that are named, all of them without a name."""
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    builder = builder.config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    builder = builder.config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC")
    builder = builder.config("spark.databricks.delta.snapshotPartitions", "1")
    spark = configure_spark_with_delta_pip(builder).getOrCreate()
    file = HERE / "rows.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    for make in TABLES:
        name = make.__name__
        if wanted and name not in wanted:
            continue
        for folder in (HERE / name, HERE / f"{name}_origin"):
            shutil.rmtree(folder, ignore_errors=True)
        table = f"delta.`{HERE / name}`"
        make(spark.sql, table)
        known[name] = _rows(spark.sql, f"SELECT * FROM {table}")
        if name in ("change_feed", "deletion_vectors_in_partitions"):
            changes = f"SELECT * EXCEPT (_commit_timestamp) FROM table_changes_by_path('{HERE / name}', 1)"
            known[f"{name}.changes"] = _rows(spark.sql, changes)
        for folder in HERE.glob(f"{name}*"):
            _clean(folder)
        print(name, len(known[name]["rows"]))
        file.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
