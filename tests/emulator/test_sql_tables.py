"""Tables: every column type, constraints, defaults, identity, generated columns, properties, ALTER TABLE."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable

from replicator.emulator.delta import log
from replicator.emulator.sql import names

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    return open_warehouse(tmp_path)


EVERY_TYPE = """CREATE TABLE every (
  b BOOLEAN, ti TINYINT, si SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, m DECIMAL(20, 4), s STRING, bi BINARY,
  da DATE, ts TIMESTAMP, ntz TIMESTAMP_NTZ, a ARRAY<INT>, mp MAP<STRING, BIGINT>,
  st STRUCT<x: INT, y: ARRAY<STRUCT<z: STRING>>>, v VARIANT, c CHAR(3), vc VARCHAR(5))"""
ROW = """INSERT INTO every SELECT true, 1Y, 2S, 3, 4L, 1.5F, 2.5D, 3.25, 'text', X'00FF', DATE'2024-02-29',
  TIMESTAMP'2024-01-02 03:04:05.678901', TIMESTAMP_NTZ'2024-01-02 03:04:05', array(1, NULL), map('k', 7L),
  named_struct('x', 1, 'y', array(named_struct('z', 'deep'))), parse_json('{"a": [1, "x"]}'), 'abc', 'abcde'"""


def test_every_column_type_round_trips(db: Warehouse) -> None:
    db.run(EVERY_TYPE, ROW, "INSERT INTO every (l) VALUES (5)")
    full, empty = db.run("SELECT * FROM every ORDER BY l")
    assert full == {
        "b": True,
        "ti": 1,
        "si": 2,
        "i": 3,
        "l": 4,
        "f": 1.5,
        "d": 2.5,
        "m": Decimal("3.2500"),
        "s": "text",
        "bi": b"\x00\xff",
        "da": dt.date(2024, 2, 29),
        "ts": dt.datetime(2024, 1, 2, 3, 4, 5, 678901, dt.UTC),
        "ntz": dt.datetime(2024, 1, 2, 3, 4, 5),
        "a": [1, None],
        "mp": [("k", 7)],
        "st": {"x": 1, "y": [{"z": "deep"}]},
        "v": '{"a":[1,"x"]}',
        "c": "abc",
        "vc": "abcde",
    }
    assert {key: value for key, value in empty.items() if value is not None} == {"l": 5}
    described = dict(
        db.rows("SELECT column_name, full_data_type FROM information_schema.columns WHERE table_name = 'every'")
    )
    assert described["st"] == "struct<x:int,y:array<struct<z:string>>>"
    assert (described["vc"], described["ntz"], described["m"]) == ("varchar(5)", "timestamp_ntz", "decimal(20,4)")


def test_other_clients_read_what_we_write(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t (id BIGINT NOT NULL, p STRING, s STRUCT<a: INT>) PARTITIONED BY (p)",
        "INSERT INTO t VALUES (1, 'x', named_struct('a', 1)), (2, NULL, NULL)",
        "UPDATE t SET id = 3 WHERE id = 2",
        "DELETE FROM t WHERE id = 1",
    )
    path = names.path_of(names.lookup(db.session, ("t",)))
    table = DeltaTable(str(path))
    assert table.to_pyarrow_table().to_pylist() == [{"id": 3, "p": None, "s": None}]
    assert table.version() == 3


def test_a_million_rows_are_generated_quickly(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE big AS SELECT id, id % 7 AS k, uuid() AS u, date_add('2024-01-01', id % 30) AS d"
        " FROM range(1000000)"
    )
    assert db.rows("SELECT count(*), sum(id), count(DISTINCT k) FROM big") == [(1_000_000, 499_999_500_000, 7)]


# ---- what a table refuses


@pytest.mark.parametrize(
    ("definition", "insert", "error_class"),
    [
        ("a INT NOT NULL", "VALUES (NULL)", "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"),
        ("a INT, CONSTRAINT pos CHECK (a > 0)", "VALUES (-1)", "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"),
        ("a VARCHAR(2)", "VALUES ('abc')", "DELTA_EXCEED_CHAR_VARCHAR_LIMIT"),
        ("a INT, g INT GENERATED ALWAYS AS (a + 1)", "VALUES (1, 9)", "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"),
        (
            "a BIGINT GENERATED ALWAYS AS IDENTITY, b INT",
            "VALUES (1, 2)",
            "DELTA_IDENTITY_COLUMNS_EXPLICIT_INSERT_NOT_SUPPORTED",
        ),
        ("a INT, b INT", "VALUES (1)", "INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS"),
        ("a INT", "VALUES (1, 2)", "INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"),
        ("a INT", "VALUES ('x')", "CAST_INVALID_INPUT"),
        ("a TINYINT", "VALUES (300)", "CAST_OVERFLOW"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(db: Warehouse, definition: str, insert: str, error_class: str) -> None:
    db.run(f"CREATE TABLE t ({definition})")
    assert db.refusal(f"INSERT INTO t {insert}") == error_class
    assert db.value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    ("statement", "error_class"),
    [
        ("CREATE TABLE t (a INT, A STRING)", "COLUMN_ALREADY_EXISTS"),
        ("CREATE TABLE t (a INT DEFAULT 1)", "WRONG_COLUMN_DEFAULTS_FOR_DELTA_FEATURE_NOT_ENABLED"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (b)", "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (a)", "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
        (
            "CREATE TABLE t (a INT, b INT) PARTITIONED BY (a) CLUSTER BY (b)",
            "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED",
        ),
        ("CREATE TABLE t (a FROB)", "UNSUPPORTED_DATATYPE"),
        ("CREATE TABLE t USING csv", "UNSUPPORTED_FEATURE"),
        ("CREATE TABLE nope.s.t (a INT)", "NO_SUCH_CATALOG_EXCEPTION"),
        ("CREATE TABLE main.nope.t (a INT)", "SCHEMA_NOT_FOUND"),
        ("CREATE TABLE main.information_schema.t (a INT)", "INVALID_PARAMETER_VALUE"),
        ("CREATE TABLE a-b (a INT)", "INVALID_IDENTIFIER"),
        ("CREATE TABLE t AS SELECT 1 AS a, 2 AS a", "COLUMN_ALREADY_EXISTS"),
        ("CREATE TABLE t AS SELECT 1 AS `a b`", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES"),
    ],
)
def test_definitions_that_databricks_refuses(db: Warehouse, statement: str, error_class: str) -> None:
    assert db.refusal(statement) == error_class
    assert db.rows("SHOW TABLES IN main.s") == []


def test_an_existing_table_stays_unless_it_is_replaced(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS b")
    assert db.refusal("CREATE TABLE t (a INT)") == "TABLE_OR_VIEW_ALREADY_EXISTS"
    assert db.run("SELECT * FROM t") == [{"a": 1}]
    before = db.value("SELECT id FROM (DESCRIBE DETAIL t)")
    db.run("CREATE OR REPLACE TABLE t AS SELECT 'x' AS b")
    assert db.run("SELECT * FROM t") == [{"b": "x"}]
    assert db.run("SELECT * FROM t VERSION AS OF 0") == [{"a": 1}]
    assert db.value("SELECT id FROM (DESCRIBE DETAIL t)") == before
    assert [row["operation"] for row in db.run("DESCRIBE HISTORY t")] == [
        "CREATE OR REPLACE TABLE AS SELECT",
        "CREATE TABLE AS SELECT",
    ]


# ---- columns that fill themselves


def test_identity_default_and_generated_columns_fill_themselves(db: Warehouse) -> None:
    db.run(
        """CREATE TABLE t (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), a INT,
           twice INT GENERATED ALWAYS AS (a * 2), c STRING DEFAULT 'dflt')
           TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')""",
        "INSERT INTO t (a) VALUES (1), (2)",
        "INSERT INTO t (a, c) VALUES (3, 'given'), (4, DEFAULT)",
    )
    assert db.rows("SELECT * FROM t ORDER BY a") == [
        (10, 1, 2, "dflt"),
        (15, 2, 4, "dflt"),
        (20, 3, 6, "given"),
        (25, 4, 8, "dflt"),
    ]
    db.run("UPDATE t SET a = 9, c = DEFAULT WHERE a = 3")
    assert db.rows("SELECT id, a, twice, c FROM t WHERE a = 9") == [(20, 9, 18, "dflt")]


def test_identity_by_default_accepts_values_and_goes_on_behind_them(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t (id BIGINT GENERATED BY DEFAULT AS IDENTITY, a INT)",
        "INSERT INTO t VALUES (100, 1)",
        "INSERT INTO t (a) VALUES (2)",
    )
    assert db.rows("SELECT id FROM t ORDER BY a") == [(100,), (101,)]


# ---- ALTER TABLE


def test_columns_are_added_in_place(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t AS SELECT 1 AS a, 2 AS b",
        "ALTER TABLE t ADD COLUMNS (c STRING COMMENT 'new', d INT FIRST)",
        "ALTER TABLE t ADD COLUMN e DATE AFTER a",
    )
    assert db.run("SELECT * FROM t") == [{"d": None, "a": 1, "e": None, "b": 2, "c": None}]
    assert db.refusal("ALTER TABLE t ADD COLUMN A INT") == "FIELD_ALREADY_EXISTS"


def test_columns_are_renamed_and_dropped_only_with_column_mapping(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a, 2 AS b")
    assert db.refusal("ALTER TABLE t RENAME COLUMN a TO x") == "DELTA_UNSUPPORTED_RENAME_COLUMN"
    assert db.refusal("ALTER TABLE t DROP COLUMN a") == "DELTA_UNSUPPORTED_DROP_COLUMN"
    db.run(
        "ALTER TABLE t SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "ALTER TABLE t RENAME COLUMN a TO x",
        "INSERT INTO t VALUES (3, 4)",
        "ALTER TABLE t DROP COLUMN b",
        "ALTER TABLE t ADD COLUMN b STRING",
    )
    assert db.rows("SELECT x, b FROM t ORDER BY x") == [(1, None), (3, None)]


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("INT", "BIGINT", True),
        ("DECIMAL(5,2)", "DECIMAL(9,4)", True),
        ("BIGINT", "INT", False),
        ("INT", "STRING", False),
    ],
)
def test_types_widen_only(db: Warehouse, before: str, after: str, allowed: bool) -> None:
    db.run(f"CREATE TABLE t (a {before}) TBLPROPERTIES (delta.enableTypeWidening = true)", "INSERT INTO t VALUES (7)")
    statement = f"ALTER TABLE t ALTER COLUMN a TYPE {after}"
    if not allowed:
        assert db.refusal(statement) == "DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP"
        return
    db.run(statement, "INSERT INTO t VALUES (8)")
    assert [int(row[0]) for row in db.rows("SELECT a FROM t ORDER BY a")] == [7, 8]


def test_nullability_changes_only_if_the_rows_allow_it(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (NULL)")
    assert db.refusal("ALTER TABLE t ALTER COLUMN a SET NOT NULL") == "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    db.run("DELETE FROM t", "ALTER TABLE t ALTER COLUMN a SET NOT NULL")
    assert db.refusal("INSERT INTO t VALUES (NULL)") == "DELTA_NOT_NULL_CONSTRAINT_VIOLATED"
    db.run("ALTER TABLE t ALTER COLUMN a DROP NOT NULL", "INSERT INTO t VALUES (NULL)")


def test_check_constraints_come_and_go(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 5 AS a")
    assert db.refusal("ALTER TABLE t ADD CONSTRAINT big CHECK (a > 10)") == "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION"
    db.run("ALTER TABLE t ADD CONSTRAINT small CHECK (a < 10)")
    assert db.refusal("INSERT INTO t VALUES (11)") == "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES"
    assert db.refusal("ALTER TABLE t ADD CONSTRAINT small CHECK (a < 9)") == "DELTA_CONSTRAINT_ALREADY_EXISTS"
    db.run("ALTER TABLE t DROP CONSTRAINT small", "INSERT INTO t VALUES (11)")
    assert db.refusal("ALTER TABLE t DROP CONSTRAINT small") == "DELTA_CONSTRAINT_DOES_NOT_EXIST"
    db.run("ALTER TABLE t DROP CONSTRAINT IF EXISTS small")


def test_properties_are_set_and_unset(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT) TBLPROPERTIES ('x.y' = '1', z = true)")
    db.run("ALTER TABLE t SET TBLPROPERTIES (w = 5)", "ALTER TABLE t UNSET TBLPROPERTIES ('x.y')")
    shown = dict(db.rows("SHOW TBLPROPERTIES t"))
    assert (shown["w"], shown["z"], "x.y" in shown) == ("5", "true", False)
    assert db.refusal("ALTER TABLE t UNSET TBLPROPERTIES (nope)") == "DELTA_UNSET_NON_EXISTENT_PROPERTY"
    db.run("ALTER TABLE t UNSET TBLPROPERTIES IF EXISTS (nope)")


def test_comments_are_set_and_cleared_everywhere(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t (a INT COMMENT 'col', b INT) COMMENT 'tab'",
        r"COMMENT ON TABLE t IS 'it\'s \\ new'",
        "ALTER TABLE t ALTER COLUMN a COMMENT 'x', b COMMENT 'y'",
        "COMMENT ON SCHEMA s IS 'sch'",
        "COMMENT ON CATALOG main IS 'cat'",
    )
    assert db.value("SELECT comment FROM information_schema.tables WHERE table_name = 't'") == "it's \\ new"
    assert db.rows("DESCRIBE t") == [("a", "int", "x"), ("b", "int", "y")]
    db.run("COMMENT ON COLUMN t.a IS NULL", "COMMENT ON TABLE t IS ''", "COMMENT ON CATALOG main IS NULL")
    assert db.rows("DESCRIBE t")[0] == ("a", "int", None)
    assert db.value("SELECT comment FROM information_schema.tables WHERE table_name = 't'") is None
    assert db.rows("SELECT comment FROM main.information_schema.catalogs") == [(None,)]


def test_clustering_is_recorded_and_changed(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a INT, b INT) CLUSTER BY (a, b)")
    assert db.value("SELECT clusteringColumns FROM (DESCRIBE DETAIL t)") == ["a", "b"]
    db.run("ALTER TABLE t CLUSTER BY (b)")
    assert db.value("SELECT clusteringColumns FROM (DESCRIBE DETAIL t)") == ["b"]
    assert dict(db.rows("SHOW TBLPROPERTIES t"))["clusteringColumns"] == '[["b"]]'
    db.run("ALTER TABLE t CLUSTER BY NONE", "INSERT INTO t VALUES (1, 2)")
    assert db.value("SELECT clusteringColumns FROM (DESCRIBE DETAIL t)") == []


def test_keys_are_informational(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE parent (id INT NOT NULL, CONSTRAINT parent_key PRIMARY KEY (id) RELY)",
        "CREATE TABLE child (id INT PRIMARY KEY, up INT, CONSTRAINT up_key FOREIGN KEY (up) REFERENCES parent (id))",
        "INSERT INTO child VALUES (1, 99), (1, 98)",
    )
    found = db.rows("SELECT constraint_name, constraint_type FROM information_schema.table_constraints ORDER BY 1")
    assert found == [("child_pk", "PRIMARY KEY"), ("parent_key", "PRIMARY KEY"), ("up_key", "FOREIGN KEY")]
    assert db.rows("SELECT unique_constraint_name FROM information_schema.referential_constraints") == [("parent_key",)]
    db.run("ALTER TABLE child DROP CONSTRAINT up_key", "ALTER TABLE child DROP PRIMARY KEY")
    assert db.rows("SELECT constraint_name FROM information_schema.table_constraints") == [("parent_key",)]


def test_a_renamed_table_keeps_tags_and_rows(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "ALTER TABLE t SET TAGS ('k' = 'v')", "ALTER TABLE t RENAME TO u")
    assert db.run("SELECT * FROM u") == [{"a": 1}]
    assert db.rows("SELECT table_name, tag_value FROM information_schema.table_tags") == [("u", "v")]
    assert db.refusal("SELECT * FROM t") == "TABLE_OR_VIEW_NOT_FOUND"


def test_external_tables_keep_their_files_and_are_found_again(db: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "outside"
    db.run(f"CREATE TABLE t (a INT) LOCATION '{folder}'", "INSERT INTO t VALUES (1)", "DROP TABLE t")
    db.run(f"CREATE TABLE again LOCATION '{folder.as_uri()}'")
    assert db.run("SELECT * FROM again") == [{"a": 1}]
    assert db.value("SELECT table_type FROM information_schema.tables WHERE table_name = 'again'") == "EXTERNAL"
    assert db.run(f"SELECT * FROM delta.`{folder}`") == [{"a": 1}]


def test_a_dropped_managed_table_leaves_no_files(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a")
    path = names.path_of(names.lookup(db.session, ("t",)))
    assert log.exists(path)
    db.run("DROP TABLE t")
    assert not path.exists()
    assert db.refusal("DROP TABLE t") == "TABLE_OR_VIEW_NOT_FOUND"
    db.run("DROP TABLE IF EXISTS t")


def test_show_create_table_makes_the_same_table(db: Warehouse) -> None:
    db.run(
        r"""CREATE TABLE t (id BIGINT NOT NULL COMMENT 'it\'s', s STRUCT<Aa: INT>, v VARCHAR(4),
           g BIGINT GENERATED ALWAYS AS (id + 1), p DATE) PARTITIONED BY (p) COMMENT 'c' TBLPROPERTIES ('x' = 'y')"""
    )
    text = db.value("SHOW CREATE TABLE t")
    before = db.rows("DESCRIBE t")
    db.run("DROP TABLE t", text)
    assert db.rows("DESCRIBE t") == before
    assert db.value("SHOW CREATE TABLE t") == text
