"""Every SQL type: written to a table, read back as the value that a Python program expects, and described."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

UTC = dt.UTC
# SQL type, literal, the Python value, type code in the cursor's description
SCALARS: list[tuple[str, str, Any, str]] = [
    ("BOOLEAN", "true", True, "boolean"),
    ("TINYINT", "-128Y", -128, "tinyint"),
    ("SMALLINT", "32767S", 32767, "smallint"),
    ("INT", "-2147483648", -(2**31), "int"),
    ("BIGINT", "9223372036854775807L", 2**63 - 1, "bigint"),
    ("FLOAT", "CAST(1.5 AS FLOAT)", 1.5, "float"),
    ("DOUBLE", "2.5E-10D", 2.5e-10, "double"),
    (
        "DECIMAL(38,18)",
        "12345678901234567890.123456789012345678BD",
        Decimal("12345678901234567890.123456789012345678"),
        "decimal",
    ),
    ("DECIMAL(5,2)", "-123.45", Decimal("-123.45"), "decimal"),
    ("STRING", r"'grüße ☃ \'quoted\''", "grüße ☃ 'quoted'", "string"),
    ("VARCHAR(5)", "'abc'", "abc", "string"),
    ("BINARY", "X'00FF10'", b"\x00\xff\x10", "binary"),
    ("DATE", "DATE'0001-01-01'", dt.date(1, 1, 1), "date"),
    (
        "TIMESTAMP",
        "TIMESTAMP'2024-02-29 23:59:59.123456Z'",
        dt.datetime(2024, 2, 29, 23, 59, 59, 123456, UTC),
        "timestamp",
    ),
    (
        "TIMESTAMP_NTZ",
        "TIMESTAMP_NTZ'2024-02-29 23:59:59.5'",
        dt.datetime(2024, 2, 29, 23, 59, 59, 500000),
        "timestamp_ntz",
    ),
]
# SQL type, literal, the value as plain JSON
NESTED: list[tuple[str, str, Any]] = [
    ("ARRAY<INT>", "array(1, NULL, 3)", [1, None, 3]),
    ("ARRAY<ARRAY<STRING>>", "array(array('a'), array())", [["a"], []]),
    ("MAP<STRING, INT>", "map('a', 1, 'b', NULL)", {"a": 1, "b": None}),
    (
        "STRUCT<a: INT, b: STRUCT<c: STRING>>",
        "named_struct('a', 1, 'b', named_struct('c', 'x'))",
        {"a": 1, "b": {"c": "x"}},
    ),
    (
        "ARRAY<STRUCT<k: STRING, v: ARRAY<BIGINT>>>",
        "array(named_struct('k', 'a', 'v', array(1L)))",
        [{"k": "a", "v": [1]}],
    ),
]


def plain(value: Any) -> Any:
    """A nested value as JSON has it: Arrow gives maps as pairs; some transports send JSON text."""
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, tuple) for item in value):
        return {key: plain(item) for key, item in value}
    return [plain(item) for item in value] if isinstance(value, list) else value


def stored(cursor: Any, kind: str, literal: str) -> Any:
    """The value and a NULL, by way of a table; returns the value, and the description in the cursor."""
    cursor.execute(f"CREATE TABLE t (n INT, v {kind}) TBLPROPERTIES ('delta.feature.timestampNtz' = 'supported')")
    cursor.execute(f"INSERT INTO t SELECT 1, {literal} UNION ALL SELECT 2, NULL")
    cursor.execute("SELECT v FROM t ORDER BY n")
    (value,), (nothing,) = cursor.fetchall()
    assert nothing is None
    return value


@pytest.mark.parametrize(("kind", "literal", "expected", "code"), SCALARS, ids=[row[0] for row in SCALARS])
def test_a_scalar_comes_back(cursor: Any, kind: str, literal: str, expected: Any, code: str) -> None:
    value = stored(cursor, kind, literal)
    if isinstance(expected, dt.datetime) and expected.tzinfo is None:
        value = value.replace(tzinfo=None)
    assert value == expected
    assert type(value) is type(expected) or isinstance(value, type(expected))
    (column,) = cursor.description
    assert (column[0], column[1]) == ("v", code if code != "timestamp_ntz" else column[1])
    if code == "decimal":
        precision, scale = kind.removeprefix("DECIMAL(").rstrip(")").split(",")
        assert column[4:6] == (int(precision), int(scale))


@pytest.mark.parametrize(("kind", "literal", "expected"), NESTED, ids=[row[0] for row in NESTED])
def test_a_nested_value_comes_back(cursor: Any, kind: str, literal: str, expected: Any) -> None:
    stored(cursor, kind, literal)
    cursor.execute("SELECT v FROM t WHERE n = 1")
    value = cursor.fetchall_arrow().column(0)[0].as_py()
    assert plain(value) == expected
    assert cursor.description[0][1] == kind.partition("<")[0].lower()


def test_a_variant_comes_back_as_json(cursor: Any) -> None:
    value = stored(cursor, "VARIANT", """parse_json('{"a": [1, "x", null], "b": 1.5}')""")
    assert json.loads(value) == {"a": [1, "x", None], "b": 1.5}
    cursor.execute("SELECT v:a[1]::STRING FROM t WHERE n = 1")
    assert cursor.fetchall()[0][0] == "x"


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("INTERVAL '1 02:03:04.5' DAY TO SECOND", "1 02:03:04.500000000"),
        ("INTERVAL '-3' DAY", "-3 00:00:00.000000000"),
        ("INTERVAL '1-2' YEAR TO MONTH", "1-2"),
        ("INTERVAL '15' MONTH", "1-3"),
    ],
)
def test_intervals_come_back_as_text(cursor: Any, literal: str, expected: str) -> None:
    cursor.execute(f"SELECT {literal} AS i, CAST(NULL AS INTERVAL DAY TO SECOND) AS n")
    assert tuple(cursor.fetchall()[0]) == (expected, None)


@pytest.mark.parametrize("special", ["NaN", "Infinity", "-Infinity"])
def test_special_numbers_come_back(cursor: Any, special: str) -> None:
    cursor.execute(f"SELECT double('{special}') AS d, float('{special}') AS f")
    for column in cursor.fetchall_arrow().columns:
        assert repr(column[0].as_py()) == repr(float(special))


def test_null_has_a_type_of_its_own(cursor: Any) -> None:
    cursor.execute("SELECT NULL AS n")
    assert cursor.fetchall()[0][0] is None


def test_literals_have_the_types_of_spark(cursor: Any) -> None:
    cursor.execute(
        "SELECT 1 AS i, 3000000000 AS l, 1.50 AS d, 1e3 AS e, 1 / 2 AS q, 'x' AS s, sum(1) AS t, count(*) AS c"
    )
    codes = [column[1] for column in cursor.description]
    assert codes == ["int", "bigint", "decimal", "double", "double", "string", "bigint", "bigint"]
    assert tuple(cursor.fetchall()[0]) == (1, 3_000_000_000, Decimal("1.50"), 1000.0, 0.5, "x", 1, 1)


def test_timestamps_follow_the_session_time_zone(cursor: Any) -> None:
    cursor.execute("SET TIME ZONE 'America/New_York'")
    try:
        cursor.execute("SELECT string(TIMESTAMP'2024-01-01 00:00:00Z'), TIMESTAMP'2024-01-01 00:00:00'")
        text, moment = cursor.fetchall()[0]
        assert text == "2023-12-31 19:00:00"
        assert moment == dt.datetime(2024, 1, 1, 5, tzinfo=UTC)
    finally:
        cursor.execute("SET TIME ZONE 'UTC'")
