"""A table of every type that can be compared, and what may go wrong with a copy of it: plain data for every engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from replicator.reconciliation.verdicts import CheckResult, RowDifference, RowKind

COLUMNS = (
    "id BIGINT NOT NULL, tiny TINYINT, small SMALLINT, i INT, big BIGINT, f FLOAT, d DOUBLE, dec DECIMAL(20,4),"
    " flag BOOLEAN, s1 STRING, s2 STRING, bin BINARY, day DATE, ts TIMESTAMP, ntz TIMESTAMP_NTZ, nums ARRAY<INT>,"
    " deep ARRAY<ARRAY<INT>>, st STRUCT<a: INT, b: STRING>, m MAP<STRING, INT>, items ARRAY<STRUCT<x: INT, y: STRING>>,"
    " v VARIANT, `odd-name` STRING"
)
WIDTH = 22

_FULL = (
    "7, 300, 70000, 5000000000, 1.5, 0.0, 12.3400, true, '1', '23', X'00FF', DATE'2024-02-29',"
    " TIMESTAMP'2024-02-29 12:00:00.000001+00:00', TIMESTAMP_NTZ'2024-02-29 12:00:00',"
    " array(1), array(array(1), array(2, 3)),"
    " named_struct('a', 1, 'b', CAST(NULL AS STRING)), map('k', 1, 'n', CAST(NULL AS INT)),"
    " array(named_struct('x', 1, 'y', 'one'), named_struct('x', 2, 'y', 'two')),"
    " parse_json('{\"a\":1,\"b\":null}'), 'x'"
)
_EMPTY = (
    "NULL, NULL, 1, NULL, CAST('NaN' AS FLOAT), -1.5, NULL, NULL, 'only', NULL, NULL, NULL, NULL, NULL,"
    " CAST(array() AS ARRAY<INT>), NULL, named_struct('a', CAST(NULL AS INT), 'b', CAST(NULL AS STRING)),"
    " CAST(map() AS MAP<STRING, INT>), NULL, parse_json('null'), NULL"
)
_NULLS = "NULL, " * 20 + "NULL"

FULL, EMPTY, NULLS, SPARE = 1, 2, 3, 4
"""Ids of the rows: every column filled, empty collections, only NULL, and one more like the first. A base is added."""


def create(table: str) -> str:
    return f"CREATE TABLE {table} ({COLUMNS}) USING DELTA"


def fill(table: str, bases: Sequence[int] = (0,)) -> list[str]:
    """Four rows per base, an INSERT for each of the four, so that a table has several files."""
    contents = {FULL: _FULL, EMPTY: _EMPTY, NULLS: _NULLS, SPARE: _FULL}
    return [
        f"INSERT INTO {table} " + " UNION ALL ".join(f"SELECT {base} + {number}, {content}" for base in bases)
        for number, content in contents.items()
    ]


@dataclass(frozen=True)
class Mutation:
    """`sql` spoils the table `{t}`; the check must count what it says, and name `columns`.

    `spark_only`: the emulator's engine cannot hold the difference.
    """

    name: str
    sql: str
    columns: tuple[str, ...] = ()
    changed: int = 0
    missing: int = 0
    extra: int = 0
    duplicated: int = 0
    spark_only: bool = False

    def statements(self, table: str, base: int = 0) -> list[str]:
        return self.sql.replace("{t}", table).replace("{base}", str(base)).split("; ")


def _changed(name: str, assignment: str, *columns: str, where: int = FULL) -> Mutation:
    return Mutation(name, f"UPDATE {{t}} SET {assignment} WHERE id = {{base}} + {where}", columns, changed=1)


MUTATIONS = (
    _changed("a NULL moved to another string column", "s1 = NULL, s2 = 'only'", "s1", "s2", where=EMPTY),
    _changed("a NULL moved to another integer column", "i = NULL, big = 1", "big", "i", where=EMPTY),
    _changed("trailing whitespace", "s1 = '1 '", "s1"),
    _changed("leading whitespace", "s1 = ' 1'", "s1"),
    _changed("other case", "`odd-name` = 'X'", "odd-name"),
    _changed("text cut at another place", "s1 = '12', s2 = '3'", "s1", "s2"),
    _changed("an empty string instead of NULL", "s2 = ''", "s2", where=EMPTY),
    _changed("the sign of zero", "d = CAST('-0.0' AS DOUBLE)", "d"),
    _changed("NaN instead of a number", "f = CAST('NaN' AS FLOAT)", "f"),
    _changed("NULL instead of NaN", "f = NULL", "f", where=EMPTY),
    _changed("the last digit of a decimal", "dec = 12.3401", "dec"),
    _changed("one microsecond", "ts = TIMESTAMP'2024-02-29 12:00:00.000002+00:00'", "ts"),
    _changed("one second of local time", "ntz = TIMESTAMP_NTZ'2024-02-29 12:00:01'", "ntz"),
    _changed("another day", "day = DATE'2024-03-01'", "day"),
    _changed("another byte", "bin = X'00FE'", "bin"),
    _changed("an empty binary instead of NULL", "bin = X''", "bin", where=EMPTY),
    _changed("a flag", "flag = false", "flag"),
    _changed("a tinyint", "tiny = 8", "tiny"),
    _changed("a NULL appended to an array", "nums = array(1, CAST(NULL AS INT))", "nums"),
    _changed("NULL instead of an empty array", "nums = NULL", "nums", where=EMPTY),
    _changed("nested array boundaries", "deep = array(array(1, 2), array(3))", "deep"),
    _changed("NULL instead of a struct of NULLs", "st = NULL", "st", where=EMPTY),
    _changed(
        "a NULL moved within a struct", "st = named_struct('a', CAST(NULL AS INT), 'b', CAST('1' AS STRING))", "st"
    ),
    _changed("a map key dropped whose value was NULL", "m = map('k', 1)", "m"),
    _changed("NULL instead of an empty map", "m = NULL", "m", where=EMPTY),
    _changed("map values swapped", "m = map('n', 1, 'k', CAST(NULL AS INT))", "m"),
    _changed(
        "an array's order", "items = array(named_struct('x', 2, 'y', 'two'), named_struct('x', 1, 'y', 'one'))", "items"
    ),
    _changed("a JSON number turned text", 'v = parse_json(\'{"a":"1","b":null}\')', "v"),
    _changed("a JSON null dropped", "v = parse_json('{\"a\":1}')", "v"),
    Mutation(
        "NULL instead of a JSON null", "UPDATE {t} SET v = NULL WHERE id = {base} + 2", ("v",), 1, spark_only=True
    ),
    Mutation("a row deleted", "DELETE FROM {t} WHERE id = {base} + 4", missing=1),
    Mutation("a row duplicated", "INSERT INTO {t} SELECT * FROM {t} WHERE id = {base} + 1", duplicated=1),
    Mutation("a row of NULLs added", f"INSERT INTO {{t}} SELECT {{base}} + 9, {_NULLS}", extra=1),
)

HARMLESS = (
    Mutation(
        "map entries in another order", "UPDATE {t} SET m = map('n', CAST(NULL AS INT), 'k', 1) WHERE id = {base} + 1"
    ),
    Mutation(
        "a row deleted and inserted again",
        f"DELETE FROM {{t}} WHERE id = {{base}} + 4; INSERT INTO {{t}} SELECT {{base}} + 4, {_FULL}",
    ),
)


def about(result: CheckResult, base: int) -> list[RowDifference]:
    """The differing rows of one base, recognised by their id; the check must have been asked for values."""
    ids = {str(number) for number in range(base, base + 10)}
    seen = [(row, (row.source_values or row.target_values or {}).get("id")) for row in result.rows]
    return [row for row, number in seen if number in ids]


def counts(rows: list[RowDifference]) -> dict[str, int]:
    """How many rows of each kind."""
    return {kind.value: sum(row.copies for row in rows if row.kind is kind) for kind in RowKind}
