"""Queries mean what they mean on Databricks."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from replicator.emulator import sql
from replicator.emulator.sql import names

from .sql_support import Warehouse, open_warehouse


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    return open_warehouse(tmp_path)


# ---- expressions

EXPRESSIONS: list[tuple[str, Any]] = [
    ("5 / 2", 2.5),
    ("7 DIV 2", 3),
    ("pmod(-5, 3)", 1),
    ("-5 % 3", -2),
    ("CAST(2.9 AS INT)", 2),
    ("CAST(-2.5D AS BIGINT)", -2),
    ("CAST(TIMESTAMP'2024-01-01 00:00:00.5' AS STRING)", "2024-01-01 00:00:00.5"),
    ("CAST(true AS STRING)", "true"),
    ("CAST(X'41' AS STRING)", "A"),
    ("concat('a', NULL)", None),
    ("concat_ws(',', 'a', NULL, 'b')", "a,b"),
    ("'it''s'", "its"),
    (r"'it\'s'", "it's"),
    (r"r'a\nb'", "a\\nb"),
    (r"'a_b' LIKE 'a\\_b'", True),
    (r"'axb' LIKE 'a\\_b'", False),
    ("1 <=> NULL", False),
    ("shiftright(-8, 1)", -4),
    ("4294967297 & 4294967295", 1),
    ("bit_count(7)", 3),
    ("crc32('Spark')", 1557323817),
    ("sha2('abc', 256)", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("to_json(named_struct('a', 1, 'b', NULL))", '{"a":1}'),
    ('parse_json(\'{"a":{"b":2}}\'):a.b::int', 2),
    ("array(5, 6)[0]", 5),
    ("element_at(array(5, 6), 1)", 5),
    ("map('k', 1)['k']", 1),
    ("size(array(1, NULL))", 2),
    ("size(map('a', 1))", 1),
    ("transform(array(1, 2), (x, i) -> x + i)", [1, 3]),
    ("filter(array(1, 2, 3), x -> x > 1)", [2, 3]),
    ("exists(array(1, 2), x -> x > 1)", True),
    ("forall(array(1, 2), x -> x > 1)", False),
    ("aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x)", 6),
    ("zip_with(array(1, 2), array(3, 4), (x, y) -> x * y)", [3, 8]),
    ("array_sort(array(3, 1, 2))", [1, 2, 3]),
    ("map_entries(map('a', 1))", [{"key": "a", "value": 1}]),
    ("transform_values(map('a', 1), (k, v) -> v + 1)", [("a", 2)]),
    ("map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1)", [("b", 2)]),
    ("slice(array(1, 2, 3, 4), 2, 2)", [2, 3]),
    ("date_add('2024-02-28', 2)", dt.date(2024, 3, 1)),
    ("datediff('2024-03-01', '2024-02-28')", 2),
    ("to_timestamp('2024-01-01')", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    ("timestamp_micros(1)", dt.datetime(1970, 1, 1, 0, 0, 0, 1, dt.UTC)),
    ("date_format(TIMESTAMP'2024-01-01 05:00:00', 'yyyy-MM-dd HH:mm')", "2024-01-01 05:00"),
    ("dayofweek('2024-01-01')", 2),
    ("if(1 > 0, 'y', 'n')", "y"),
    ("nvl(NULL, 3)", 3),
    ("1.50BD", Decimal("1.50")),
    ("try_divide(1, 0)", None),
    ("try_cast('x' AS INT)", None),
    ("isnull(NULL)", True),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS, ids=[item[0] for item in EXPRESSIONS])
def test_expressions_follow_spark(db: Warehouse, expression: str, expected: Any) -> None:
    assert db.value(f"SELECT {expression}") == expected


@pytest.mark.parametrize(
    "condition",
    [
        "xxhash64(1, NULL) = xxhash64(NULL, 1)",
        "xxhash64(1, NULL) = xxhash64(1)",
        "xxhash64(1, 2) <> xxhash64(2, 1)",
        "xxhash64('a', 'bc') <> xxhash64('ab', 'c')",
        "xxhash64(array(1, 2)) <> xxhash64(array(2, 1))",
        "hash(1) = hash(1, NULL)",
        "pmod(xxhash64('a'), 64) BETWEEN 0 AND 63",
    ],
)
def test_hashes_skip_nulls_as_spark_does(db: Warehouse, condition: str) -> None:
    assert db.value(f"SELECT {condition}") is True


@pytest.mark.parametrize(
    ("mark", "distinct"),
    [
        ("", 1),
        (", CAST(if(a IS NULL, 1, 0) + if(b IS NULL, 2, 0) AS BIGINT)", 2),
        (", if(a IS NULL, 1, 0) + if(b IS NULL, 1, 0)", 1),
        (", if(a IS NULL, 1, 0) + if(b IS NULL, 2, 0) + 0 * 7", 2),
        (", CASE WHEN a IS NULL THEN 1 ELSE 0 END", 2),
        (", if(c IS NULL, 1, 0)", 1),
    ],
)
def test_only_what_is_marked_keeps_a_skipped_null_apart(db: Warehouse, mark: str, distinct: int) -> None:
    rows = "VALUES (1, NULL, 1), (NULL, 1, 1) AS t(a, b, c)"
    assert db.value(f"SELECT count(DISTINCT xxhash64(a, b{mark})) FROM {rows}") == distinct


@pytest.mark.parametrize(
    ("expression", "error_class"),
    [
        ("1 / 0", "DIVIDE_BY_ZERO"),
        ("1 DIV 0", "DIVIDE_BY_ZERO"),
        ("CAST('x' AS INT)", "CAST_INVALID_INPUT"),
        ("CAST('1.5' || '' AS INT)", "CAST_INVALID_INPUT"),
        ("CAST(300 AS TINYINT)", "CAST_OVERFLOW"),
        ("9223372036854775807 + 1", "ARITHMETIC_OVERFLOW"),
        ("xxhash64(map('a', 1))", "DATATYPE_MISMATCH.HASH_MAP_TYPE"),
        ("frobnicate(1)", "UNRESOLVED_ROUTINE"),
        ("read_text('/etc/passwd')", "UNRESOLVED_ROUTINE"),
        ("getenv('HOME')", "UNRESOLVED_ROUTINE"),
        ("raise_error('mine')", "USER_RAISED_EXCEPTION"),
        ("nope", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION"),
        ("1 +", "PARSE_SYNTAX_ERROR"),
        ("sha2('a', 512)", "UNSUPPORTED_FEATURE"),
    ],
)
def test_errors_carry_databricks_classes(db: Warehouse, expression: str, error_class: str) -> None:
    assert db.refusal(f"SELECT {expression}") == error_class


def test_files_of_this_machine_are_no_tables(db: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    for source in (f"'{tmp_path}/x.csv'", f"`{tmp_path}/x.csv`", f"read_csv('{tmp_path}/x.csv')", "duckdb_settings()"):
        with pytest.raises(Exception, match=r"PARSE_SYNTAX|cannot be found|table-valued|Syntax|exist|INVALID"):
            db.run(f"SELECT * FROM {source}")


# ---- results


def test_result_types_are_precise(db: Warehouse) -> None:
    db.run("CREATE TABLE t (i INT, l BIGINT, d DECIMAL(10, 2), ts TIMESTAMP)", "INSERT INTO t VALUES (1, 2, 3.5, NULL)")
    table = sql.execute(
        db.session,
        "SELECT sum(l) AS a, count(*) AS b, i, d, ts, i + l AS c, length('x') AS n, current_timestamp() AS now FROM t"
        " GROUP BY i, l, d, ts",
        (),
    ).table
    assert [str(field.type) for field in table.schema] == [
        "int64",
        "int64",
        "int32",
        "decimal128(10, 2)",
        "timestamp[us, tz=UTC]",
        "int64",
        "int32",
        "timestamp[us, tz=UTC]",
    ]


def test_a_sum_of_bigints_overflows_as_a_bigint(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 9223372036854775807 AS a UNION ALL SELECT 1")
    assert db.refusal("SELECT sum(a) FROM t") in ("ARITHMETIC_OVERFLOW", "CAST_OVERFLOW")


def test_columns_are_named_as_spark_names_them(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a, 'x' AS s")
    table = sql.execute(db.session, "SELECT count(*), sum(a), a + 1, a AS `my col`, a, a FROM t GROUP BY a", ()).table
    assert table.column_names == ["count(1)", "sum(a)", "(a + 1)", "my col", "a", "a"]


def test_empty_results_keep_their_types(db: Warehouse) -> None:
    db.run("CREATE TABLE t (a ARRAY<STRUCT<b: INT>>, c VARIANT)")
    table = sql.execute(db.session, "SELECT * FROM t", ()).table
    assert table.num_rows == 0
    assert table.schema.field("a").type == pa.list_(pa.struct([("b", pa.int32())]))
    assert table.schema.field("c").metadata == {b"Spark:DataType:SqlName": b"VARIANT"}


# ---- relations


@pytest.mark.parametrize(
    "source",
    [
        "t",
        "s.t",
        "main.s.t",
        "`main`.`s`.`t`",
        "MAIN.S.T",
        "t AS x",
        "(SELECT * FROM t)",
        "STREAM(t)",
        "STREAM main.s.t",
    ],
)
def test_a_table_is_found_by_every_spelling(db: Warehouse, source: str) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a")
    assert db.run(f"SELECT a FROM {source}") == [{"a": 1}]


def test_columns_are_found_by_every_qualification(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a, named_struct('x', named_struct('y', 2)) AS s")
    row = db.rows("SELECT t.a, s.t.a, main.s.t.a, s.x.y, t.s.x.y FROM main.s.t WHERE main.s.t.a = 1")
    assert row == [(1, 1, 1, 2, 2)]


def test_time_travel_in_every_spelling(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "INSERT INTO t VALUES (2)")
    first = db.value("SELECT timestamp FROM (DESCRIBE HISTORY t) WHERE version = 0")
    stamp = first.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    for clause in ("VERSION AS OF 0", "VERSION AS OF '0'", "@v0", f"TIMESTAMP AS OF '{stamp}'"):
        joined = f"t{clause}" if clause[0] == "@" else f"t {clause}"
        assert db.rows(f"SELECT a FROM {joined}") == [(1,)], clause
    assert db.rows("SELECT x.a FROM t VERSION AS OF 0 AS x JOIN t y ON x.a = y.a") == [(1,)]
    assert db.refusal("SELECT * FROM t VERSION AS OF 9") == "DELTA_VERSION_NOT_FOUND"
    assert db.refusal("SELECT * FROM t TIMESTAMP AS OF '2001-01-01'") == "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION"
    assert db.refusal("SELECT * FROM t TIMESTAMP AS OF '2999-01-01'") == "DELTA_TIMESTAMP_GREATER_THAN_COMMIT"


def test_common_table_expressions_hide_tables_only_where_they_are_visible(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a")
    assert db.rows("WITH t AS (SELECT a + 1 AS a FROM t) SELECT a FROM t") == [(2,)]
    assert db.rows("SELECT (WITH t AS (SELECT 5 AS a) SELECT a FROM t) AS x, a FROM t") == [(5, 1)]


def test_range_values_and_explode_are_relations(db: Warehouse) -> None:
    assert db.rows("SELECT id FROM range(1, 4)") == [(1,), (2,), (3,)]
    assert db.rows("SELECT r.id FROM range(2) r") == [(0,), (1,)]
    assert db.rows("SELECT * FROM VALUES (1, 'a'), (2, 'b') AS v(x, y)") == [(1, "a"), (2, "b")]
    assert db.rows("SELECT explode(sequence(1, 2))") == [(1,), (2,)]
    assert db.rows("SELECT e FROM (SELECT array(1, 2) AS xs) LATERAL VIEW explode(xs) v AS e") == [(1,), (2,)]


def test_joins_sets_and_windows(db: Warehouse) -> None:
    db.run("CREATE TABLE a AS SELECT id FROM range(4)", "CREATE TABLE b AS SELECT id FROM range(2, 6)")
    assert db.rows("SELECT a.id FROM a LEFT ANTI JOIN b ON a.id = b.id ORDER BY 1") == [(0,), (1,)]
    assert db.rows("SELECT id FROM a LEFT SEMI JOIN b USING (id) ORDER BY 1") == [(2,), (3,)]
    assert db.rows("SELECT id FROM a EXCEPT SELECT id FROM b ORDER BY 1") == [(0,), (1,)]
    assert db.rows("SELECT id FROM a QUALIFY row_number() OVER (ORDER BY id DESC) = 1") == [(3,)]
    assert db.rows("SELECT count_if(id > 1), max_by(id, -id), collect_list(id) FROM a") == [(2, 0, [0, 1, 2, 3])]


def test_the_fingerprint_of_a_table_fits_one_statement(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT id AS k, concat('n', id) AS n FROM range(1000)")
    query = """WITH r AS (SELECT pmod(xxhash64(k), 16) AS b,
                  xxhash64(CAST(k AS BIGINT), n, if(n IS NULL, 1L, 0L)) AS h FROM main.s.t VERSION AS OF 0)
               SELECT b, count(*) n, bit_xor(h) x, sum(shiftright(h, 32)) hi, sum(h & 4294967295) lo
               FROM r GROUP BY b ORDER BY b"""
    buckets = db.rows(query)
    assert len(buckets) == 16
    assert sum(row[1] for row in buckets) == 1000
    assert db.rows(query) == buckets


# ---- views and functions


def test_views_read_with_the_names_of_their_creation(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t AS SELECT 1 AS a, 2 AS b",
        "CREATE VIEW v (x COMMENT 'cx', y) COMMENT 'cv' AS SELECT a, b FROM t",
        "CREATE VIEW w AS SELECT x + y AS z FROM v",
        "CREATE SCHEMA other",
        "USE other",
    )
    assert db.run("SELECT * FROM main.s.w") == [{"z": 3}]
    assert db.rows("DESCRIBE main.s.v") == [("x", "int", "cx"), ("y", "int", None)]
    assert (
        db.value("SELECT view_definition FROM main.information_schema.views WHERE table_name = 'w'")
        == "SELECT x + y AS z FROM v"
    )
    assert db.refusal("INSERT INTO main.s.v VALUES (1, 2)") == "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"
    assert db.refusal("CREATE VIEW bad AS SELECT * FROM nope") == "TABLE_OR_VIEW_NOT_FOUND"
    assert db.refusal("DROP TABLE main.s.v") == "EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW"


def test_a_view_that_reads_itself_is_refused(db: Warehouse) -> None:
    db.run("CREATE VIEW v AS SELECT 1 AS a", "CREATE VIEW w AS SELECT * FROM v", "ALTER VIEW v AS SELECT * FROM w")
    assert db.refusal("SELECT * FROM v") == "RECURSIVE_VIEW"


def test_sql_functions_are_inlined(db: Warehouse) -> None:
    db.run(
        "CREATE FUNCTION plus(x INT, y INT DEFAULT 10) RETURNS INT RETURN x + y",
        "CREATE FUNCTION twice(x INT) RETURNS BIGINT RETURN plus(x, x)",
        "CREATE TABLE t AS SELECT 3 AS a",
        "CREATE FUNCTION top() RETURNS INT RETURN SELECT max(a) FROM main.s.t",
    )
    assert db.rows("SELECT plus(1, 2), main.s.plus(1), twice(a), top() FROM t") == [(3, 11, 6, 3)]
    assert db.refusal("SELECT plus(1, 2, 3)") == "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"


def test_row_filters_and_masks_filter_and_mask(db: Warehouse) -> None:
    db.run(
        "CREATE FUNCTION own(o STRING) RETURNS BOOLEAN RETURN o = current_user() OR is_account_group_member('admins')",
        "CREATE FUNCTION hide(v STRING, o STRING) RETURNS STRING RETURN CASE WHEN o = 'open' THEN v ELSE '***' END",
        "CREATE TABLE t (owner STRING, secret STRING MASK hide USING COLUMNS (owner)) WITH ROW FILTER own ON (owner)",
        f"INSERT INTO t VALUES ('{db.session.principal}', 'a'), ('somebody', 'b')",
    )
    assert db.rows("SELECT * FROM t") == [(db.session.principal, "***")]
    assert db.rows("SELECT table_name, column_name, mask_name FROM information_schema.column_masks") == [
        ("t", "secret", "hide")
    ]
    assert db.rows("SELECT filter_name, filter_col_usage FROM information_schema.row_filters") == [("own", "owner")]
    db.run("ALTER TABLE t DROP ROW FILTER", "ALTER TABLE t ALTER COLUMN secret DROP MASK")
    assert sorted(db.rows("SELECT secret FROM t")) == [("a",), ("b",)]


# ---- parameters


def parameter(name: str | None, kind: str, value: str | None) -> sql.Param:
    return sql.Param(name, None if name else 1, kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("STRING", "it's a \\ ; -- '", "it's a \\ ; -- '"),
        ("INT", "-5", -5),
        ("BIGINT", "9223372036854775807", 9223372036854775807),
        ("DOUBLE", "1.5", 1.5),
        ("BOOLEAN", "True", True),
        ("DECIMAL(5,3)", "1.250", Decimal("1.250")),
        ("DATE", "2024-01-02", dt.date(2024, 1, 2)),
        ("TIMESTAMP", "2024-01-02 03:04:05.000006", dt.datetime(2024, 1, 2, 3, 4, 5, 6, dt.UTC)),
        ("VOID", None, None),
    ],
)
def test_parameters_are_bound_by_name_and_by_place(db: Warehouse, kind: str, value: str | None, expected: Any) -> None:
    assert db.run("SELECT :p AS v", params=(parameter("p", kind, value),)) == [{"v": expected}]
    assert db.run("SELECT ? AS v", params=(parameter(None, kind, value),)) == [{"v": expected}]


def test_parameters_are_values_wherever_values_are_allowed(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT id FROM range(5)")
    limit = parameter("n", "INT", "2")
    assert len(db.run("SELECT * FROM t LIMIT :n", params=(limit,))) == 2
    db.run(
        "COMMENT ON TABLE IDENTIFIER(:t) IS :c",
        params=(parameter("t", "STRING", "main.s.t"), parameter("c", "STRING", "x")),
    )
    assert db.value("SELECT comment FROM information_schema.tables WHERE table_name = 't'") == "x"


def test_an_unbound_parameter_is_named(db: Warehouse) -> None:
    with pytest.raises(Exception, match="unbound parameter: q"):
        db.run("SELECT :p, :q", params=(parameter("p", "INT", "1"),))


def test_a_parameter_cannot_smuggle_sql(db: Warehouse) -> None:
    with pytest.raises(Exception, match="malformed"):
        db.run("SELECT :p", params=(parameter("p", "INT", "1; DROP TABLE t"),))


def test_names_may_be_given_as_text(db: Warehouse) -> None:
    db.run("CREATE TABLE t AS SELECT 1 AS a", "INSERT INTO IDENTIFIER('main.s.t') SELECT a + 1 FROM IDENTIFIER('s.t')")
    assert sorted(db.rows("SELECT IDENTIFIER('a') FROM IDENTIFIER('`main`.s.t') AS x")) == [(1,), (2,)]


def test_views_name_what_they_read(db: Warehouse) -> None:
    db.run(
        "CREATE TABLE t AS SELECT 1 AS a", "CREATE VIEW v AS SELECT * FROM t", "CREATE VIEW w AS SELECT v.a FROM v, t x"
    )
    found = names.lookup(db.session, ("w",))["view_dependencies"]["dependencies"]
    assert [item["table"]["table_full_name"] for item in found] == ["main.s.v", "main.s.t"]
