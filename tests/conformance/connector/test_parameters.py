"""Parameters by name and by position, of every type that the connector sends."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from databricks.sql import parameters as typed
from databricks.sql.exc import Error

VALUES: list[tuple[Any, Any]] = [
    (1, 1),
    (2**40, 2**40),
    (-1.5, -1.5),
    (True, True),
    (None, None),
    ('it\'s "quoted" \\ and ☃\n; --', 'it\'s "quoted" \\ and ☃\n; --'),
    (Decimal("10.250"), Decimal("10.250")),
    (dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
    (dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2, 3, 4, 5, 6)),
]


@pytest.mark.parametrize(("given", "expected"), VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_bound_by_name_and_by_position(cursor: Any, given: Any, expected: Any) -> None:
    for statement, values in (("SELECT :v AS v, :v AS w", {"v": given}), ("SELECT ? AS v, ? AS w", [given, given])):
        cursor.execute(statement, values)
        (row,) = cursor.fetchall()
        for value in row:
            found = value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value
            assert found == expected


def test_typed_parameters_keep_their_type(cursor: Any) -> None:
    given = [
        typed.TinyIntParameter(name="a", value=1),
        typed.SmallIntParameter(name="b", value=2),
        typed.BigIntegerParameter(name="c", value=3),
        typed.DoubleParameter(name="d", value=4.0),
        typed.FloatParameter(name="e", value=5.0),
        typed.DecimalParameter(
            name="f", value=Decimal("6.50"), scale=10, precision=4
        ),  # the client's names are swapped
    ]
    cursor.execute("SELECT :a, :b, :c, :d, :e, :f", given)
    codes = [column[1] for column in cursor.description]
    assert codes == ["tinyint", "smallint", "bigint", "double", "float", "decimal"]
    assert tuple(cursor.fetchall()[0]) == (1, 2, 3, 4.0, 5.0, Decimal("6.5000"))


def test_parameters_stand_where_values_may(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT, name STRING)")
    cursor.execute("INSERT INTO t VALUES (:id, :name)", {"id": 1, "name": "O'Hara"})
    cursor.execute("UPDATE t SET name = :name WHERE id = :id", {"id": 1, "name": ":id ? --"})
    cursor.execute("SELECT * FROM IDENTIFIER(:t) WHERE name LIKE :like LIMIT :n", {"t": "t", "like": ":id%", "n": 5})
    assert [tuple(row) for row in cursor.fetchall()] == [(1, ":id ? --")]


def test_a_missing_parameter_is_refused(cursor: Any) -> None:
    with pytest.raises(Error, match="UNBOUND_SQL_PARAMETER"):
        cursor.execute("SELECT :absent AS x", {"other": 1})


def test_arrays_and_maps_are_bound(cursor: Any, is_sea: bool) -> None:
    if is_sea:
        pytest.skip("the connector cannot send arrays over the Statement Execution API")
    cursor.execute("SELECT array_contains(:a, 2) AS a, :m['k'] AS m", {"a": [1, 2], "m": {"k": "v"}})
    assert tuple(cursor.fetchall()[0]) == (True, "v")
