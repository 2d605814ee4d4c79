"""Rows on their way into a table: column matching, defaults, identity and generated columns, constraints, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replicator.emulator.delta import types, write
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.engine import Connection
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import names, translate
from replicator.emulator.sql.changes import with_change_type

Json = dict[str, Any]

DEFAULT = "CURRENT_DEFAULT"
GENERATED = "delta.generationExpression"
IDENTITY_START = "delta.identity.start"
IDENTITY_STEP = "delta.identity.step"
IDENTITY_EXPLICIT = "delta.identity.allowExplicitInsert"
IDENTITY_HIGH = "delta.identity.highWaterMark"
CHECK = "delta.constraints."
STAGED = "__staged"


@dataclass(frozen=True)
class Written:
    """Data files of one write, and the schema when identity columns moved their high-water mark."""

    adds: list[Json]
    rows: int
    schema: types.Struct | None = None

    @property
    def size(self) -> int:
        """Bytes written."""
        return sum(add["size"] for add in self.adds)


def write_query(s: Session, connection: Connection, state: Snapshot, query: str, columns: Mapping[str, str]) -> Written:
    """Write the rows of `query`; `columns` maps table columns (lower case) to DuckDB expressions over its columns.

    Columns that are not given get their identity, generated or default value, else NULL. Raises SqlError when a
    row violates a constraint or a value does not fit.
    """
    schema = state.schema
    _refuse_explicit_identity(schema, columns)
    inner = [
        f"{_assigned(s, item, columns)} AS {types.quote(item.name)}"
        for item in schema.fields
        if not _is_generated(item, columns)
    ]
    given = [item for item in schema.fields if not _is_generated(item, columns)]
    outer = [_generated(s, item) if _is_generated(item, columns) else types.quote(item.name) for item in schema.fields]
    text = f"SELECT {', '.join(inner)} FROM ({query})"
    if len(given) < len(outer):
        text = f"SELECT {', '.join(outer)} FROM ({text})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {STAGED} AS {text}")
    return write_staged(s, connection, state)


def write_staged(s: Session, connection: Connection, state: Snapshot) -> Written:
    """Check the staged rows against the table's constraints and write them."""
    check(s, connection, state)
    adds = write.write_rows(connection, f"FROM {STAGED}", state.path, state.schema, state.partition_columns)
    count = connection.execute(f"SELECT count(*) FROM {STAGED}").fetchall()[0][0]
    return Written(adds, count, _moved_identity(connection, state.schema))


def write_changes(connection: Connection, state: Snapshot, query: str) -> list[Json]:
    """Write change files; `query` yields the table's columns and `_change_type`. Returns `cdc` action values."""
    schema = with_change_type(state.schema)
    adds = write.write_rows(connection, query, state.path, schema, state.partition_columns, write.CHANGE_DATA)
    keys = ("path", "partitionValues", "size")
    return [{key: add[key] for key in keys} | {"dataChange": False} for add in adds]


# ---- values of columns that a statement does not give


def _assigned(s: Session, item: types.Field, columns: Mapping[str, str]) -> str:
    kind = types.to_duckdb(item.type)
    given = columns.get(item.name.lower())
    if given is not None:
        return f"CAST({given} AS {kind})"
    if IDENTITY_START in item.metadata:
        start, step = int(item.metadata[IDENTITY_START]), int(item.metadata[IDENTITY_STEP])
        high = item.metadata.get(IDENTITY_HIGH)
        first = start if high is None else int(high) + step
        return f"CAST({first} + {step} * (row_number() OVER () - 1) AS BIGINT)"
    return f"CAST({default_of(s, item)} AS {kind})"


def default_of(s: Session, item: types.Field) -> str:
    """The DuckDB expression of a column's default, NULL when it has none."""
    text = item.metadata.get(DEFAULT)
    return "NULL" if text is None else expression(s, text)


def expression(s: Session, text: str) -> str:
    """DuckDB text of a Databricks expression over the columns of one table."""
    return translate.to_duckdb(translate.parse_expression(text), names.session_values(s))


def _is_generated(item: types.Field, columns: Mapping[str, str]) -> bool:
    return GENERATED in item.metadata and item.name.lower() not in columns


def _generated(s: Session, item: types.Field) -> str:
    value = expression(s, item.metadata[GENERATED])
    return f"CAST({value} AS {types.to_duckdb(item.type)}) AS {types.quote(item.name)}"


def _refuse_explicit_identity(schema: types.Struct, columns: Mapping[str, str]) -> None:
    for item in schema.fields:
        if item.metadata.get(IDENTITY_EXPLICIT) is False and item.name.lower() in columns:
            message = f"Providing values for GENERATED ALWAYS AS IDENTITY column {item.name} is not supported."
            raise SqlError("DELTA_IDENTITY_COLUMNS_EXPLICIT_INSERT_NOT_SUPPORTED", "42808", message)


def _moved_identity(connection: Connection, schema: types.Struct) -> types.Struct | None:
    fields = []
    for item in schema.fields:
        if IDENTITY_START in item.metadata:
            step = int(item.metadata[IDENTITY_STEP])
            far = "max" if step > 0 else "min"
            column = types.quote(item.name)
            value = connection.execute(f"SELECT {far}({column}) FROM {STAGED}").fetchall()[0][0]
            high = item.metadata.get(IDENTITY_HIGH)
            if value is not None and (high is None or (value - int(high)) * step > 0):
                item = item.with_metadata(**{IDENTITY_HIGH: value})
        fields.append(item)
    moved = types.Struct(tuple(fields))
    return None if types.schema_to_string(moved) == types.schema_to_string(schema) else moved


# ---- constraints


def check(s: Session, connection: Connection, state: Snapshot) -> None:
    """Refuse staged rows that violate NOT NULL, CHECK, a generated column or a CHAR/VARCHAR length. Raises SqlError."""
    for item in state.schema.fields:
        column = types.quote(item.name)
        if not item.nullable and _any_row(connection, f"{column} IS NULL"):
            message = f"NOT NULL constraint violated for column: {item.name}."
            raise SqlError("DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502", message)
        char = item.metadata.get(types.CHAR_METADATA)
        if char is not None:
            limit = int(char[char.index("(") + 1 : -1])
            if _any_row(connection, f"length({column}) > {limit}"):
                message = f"Value for column {item.name} exceeds char/varchar type length limitation: {char}."
                raise SqlError("DELTA_EXCEED_CHAR_VARCHAR_LIMIT", "22001", message)
        if GENERATED in item.metadata:
            text = item.metadata[GENERATED]
            condition = f"{column} IS NOT DISTINCT FROM CAST({expression(s, text)} AS {types.to_duckdb(item.type)})"
            _require(connection, state, "Generated Column", f"{item.name} <=> {text}", condition)
    for name, text in constraints_of(state).items():
        _require(connection, state, name, text, expression(s, text))


def constraints_of(state: Snapshot) -> dict[str, str]:
    """CHECK constraints by name."""
    return {key.removeprefix(CHECK): value for key, value in state.properties.items() if key.startswith(CHECK)}


def _require(connection: Connection, state: Snapshot, name: str, text: str, condition: str) -> None:
    row = connection.execute(f"SELECT * FROM {STAGED} WHERE ({condition}) IS FALSE LIMIT 1").fetchall()
    if row:
        values = "\n".join(f" - {item} : {value}" for item, value in zip(state.schema.names, row[0], strict=True))
        message = f"CHECK constraint {name} {text} violated by row with values:\n{values}"
        raise SqlError("DELTA_VIOLATE_CONSTRAINT_WITH_VALUES", "23001", message)


def _any_row(connection: Connection, condition: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {STAGED} WHERE {condition} LIMIT 1").fetchall())


def matched_by_position(given: Sequence[str], wanted: Sequence[str], table: str) -> dict[str, str]:
    """Source columns to target columns by position. Raises SqlError when the numbers differ."""
    if len(given) != len(wanted):
        kind = "NOT_ENOUGH" if len(given) < len(wanted) else "TOO_MANY"
        reason = "not enough" if len(given) < len(wanted) else "too many"
        message = (
            f"Cannot write to `{table}`, the reason is {reason} data columns: Table columns: {', '.join(wanted)}. "
            f"Data columns: {', '.join(given)}."
        )
        raise SqlError(f"INSERT_COLUMN_ARITY_MISMATCH.{kind}_DATA_COLUMNS", "21S01", message)
    return {target.lower(): types.quote(source) for source, target in zip(given, wanted, strict=True)}
