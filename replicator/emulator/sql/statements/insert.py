"""INSERT in all forms, and TRUNCATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp

from replicator.emulator import engine
from replicator.emulator.delta import types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import commits, names, rewrite, rows, translate
from replicator.emulator.sql.query import Binder
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, rows_of
from replicator.emulator.sql.statements import delete


@dataclass(frozen=True)
class Insert:
    """INSERT INTO | OVERWRITE, with REPLACE WHERE, a column list, BY NAME or static partition values."""

    table: Name
    query: str
    overwrite: bool = False
    columns: tuple[str, ...] | None = None
    by_name: bool = False
    replace_where: str | None = None
    partition: Mapping[str, str | None] | None = None


def parse(reader: Reader) -> Statement:
    """INSERT {INTO | OVERWRITE} [TABLE] t [PARTITION (…)] [(columns) | BY NAME] [REPLACE WHERE …] query."""
    reader.expect("INSERT")
    if reader.peek("WITH", "SCHEMA", "EVOLUTION"):
        raise translate.unsupported(reader.text)
    overwrite = reader.accept("OVERWRITE")
    if overwrite:
        reader.accept("INTO")
    else:
        reader.expect("INTO")
    reader.accept("TABLE")
    statement = Insert(reader.name(), "", overwrite=overwrite)
    if reader.peek("WITH", "SCHEMA", "EVOLUTION"):
        raise translate.unsupported(reader.text)
    if reader.accept("PARTITION"):
        statement = replace(statement, partition=dict(reader.in_parentheses(lambda: _partition_value(reader))))
    if reader.accept("BY", "NAME"):
        statement = replace(statement, by_name=True)
    elif reader.peek("(") and not _is_query(reader):
        statement = replace(statement, columns=tuple(reader.in_parentheses(reader.identifier)))
    if reader.accept("REPLACE", "WHERE"):
        condition = reader.text_until(("SELECT",), ("WITH",), ("VALUES",), ("TABLE",), ("FROM",))
        statement = replace(statement, replace_where=condition)
    elif reader.peek("REPLACE"):
        raise translate.unsupported(reader.text)
    if reader.accept("DEFAULT", "VALUES"):
        statement = replace(statement, columns=(), query="SELECT 1")
    else:
        statement = replace(statement, query=reader.rest())
    return Statement("INSERT", True, lambda s: run(s, statement))


def _partition_value(reader: Reader) -> tuple[str, str | None]:
    name = reader.identifier()
    return name.lower(), reader.text_until() if reader.accept("=") else None


def _is_query(reader: Reader) -> bool:
    return any(reader.peek("(", word) for word in ("SELECT", "WITH", "VALUES", "FROM", "TABLE", "("))


def run(s: Session, statement: Insert) -> Result:
    """Write the rows. Returns one row (num_affected_rows, num_inserted_rows)."""
    with names.writing(s, statement.table) as (doc, state):
        binder = Binder(s)
        source = _source(binder, statement, state)
        removed, kept = _replaced(s, statement, state)
        with engine.connect(binder.relations) as connection:
            columns = _columns(connection, statement, state, source, doc["full_name"])
            if statement.replace_where is not None:
                _check_replace_where(s, connection, statement.replace_where, source, columns)
            written = rows.write_query(s, connection, state, source, columns)
        definition = commits.redefine(state, schema=written.schema) if written.schema else []
        mode = "Overwrite" if statement.overwrite or statement.replace_where else "Append"
        parameters = {"mode": mode, "partitionBy": "[]"}
        if statement.replace_where is not None:
            parameters["predicate"] = f'["({statement.replace_where})"]'
        metrics = {
            "numFiles": len(written.adds),
            "numOutputRows": written.rows,
            "numOutputBytes": written.size,
        }
        after = commits.commit_change(
            s, state, "WRITE", parameters, metrics, adds=[*written.adds, *kept], removes=removed, definition=definition
        )
        if definition:
            names.publish(s, doc, after)
    table = rows_of(
        [("num_affected_rows", pa.int64()), ("num_inserted_rows", pa.int64())], [(written.rows, written.rows)]
    )
    return Result(table, written.rows, "INSERT")


def _source(binder: Binder, statement: Insert, state: Snapshot) -> str:
    tree = translate.parse(rewrite.prepare(statement.query))
    if not isinstance(tree, exp.Query | exp.Values):
        raise translate.unsupported(statement.query)
    _fill_defaults(binder.s, tree, statement, state)
    return binder.duckdb(binder.visit(tree))


def _fill_defaults(s: Session, tree: exp.Expr, statement: Insert, state: Snapshot) -> None:
    """DEFAULT among VALUES stands for the default of its column."""
    values = tree if isinstance(tree, exp.Values) else tree.find(exp.Values)
    if values is None:
        return
    wanted = list(statement.columns) if statement.columns is not None else state.schema.names
    for row in values.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        for position, item in enumerate(items):
            if isinstance(item, exp.Column | exp.Var) and item.sql().upper() == "DEFAULT":
                found = state.schema.find(wanted[position]) if position < len(wanted) else None
                text = (found.metadata.get(rows.DEFAULT) if found else None) or "NULL"
                item.replace(translate.parse_expression(text))


def _columns(
    connection: engine.Connection, statement: Insert, state: Snapshot, source: str, table: str
) -> dict[str, str]:
    """Which expression over the source feeds which column of the table."""
    if statement.columns == ():
        return {}
    given: list[str] = connection.sql(source).columns
    static = {name: value for name, value in (statement.partition or {}).items() if value is not None}
    fixed = {name: translate.to_duckdb(translate.parse_expression(value), {}) for name, value in static.items()}
    if statement.by_name:
        return fixed | {item.lower(): types.quote(item) for item in given if _required(state, item)}
    if statement.columns is not None:
        wanted = [_required(state, name).name for name in statement.columns]
    else:
        wanted = _insertable(state, given, fixed)
    return fixed | rows.matched_by_position(given, wanted, table)


def _insertable(state: Snapshot, given: Sequence[str], fixed: Mapping[str, str]) -> list[str]:
    """Columns that positional values fill: those that the table computes may be left out."""
    every = [name for name in state.schema.names if name.lower() not in fixed]
    if len(given) >= len(every):
        return every
    computed = {
        item.name
        for item in state.schema.fields
        if rows.GENERATED in item.metadata or item.metadata.get(rows.IDENTITY_EXPLICIT) is False
    }
    filled = [name for name in every if name not in computed]
    return filled if len(filled) == len(given) else every


def _required(state: Snapshot, name: str) -> types.Field:
    found = state.schema.find(name)
    if found is None:
        message = f"A column, variable, or function parameter with name `{name}` cannot be resolved."
        raise SqlError("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", message)
    return found


def _replaced(s: Session, statement: Insert, state: Snapshot) -> tuple[list[rows.Json], list[rows.Json]]:
    """Files that the insert replaces, and files with the rows of those that stay."""
    if statement.replace_where is not None:
        return delete.rewritten(s, state, statement.replace_where)[:2]
    if not statement.overwrite:
        return [], []
    if statement.partition is None:
        return list(state.files.values()), []
    static = {name: value for name, value in statement.partition.items() if value is not None}
    condition = " AND ".join(f"`{name}` <=> {value}" for name, value in static.items()) or "true"
    return delete.rewritten(s, state, condition)[:2]


def _check_replace_where(
    s: Session, connection: engine.Connection, condition: str, source: str, columns: Mapping[str, str]
) -> None:
    projection = ", ".join(f"{value} AS {types.quote(name)}" for name, value in columns.items())
    test = rows.expression(s, condition)
    query = f"SELECT 1 FROM (SELECT {projection} FROM ({source})) WHERE ({test}) IS NOT TRUE LIMIT 1"
    if connection.execute(query).fetchall():
        message = f"Written data does not conform to partial table overwrite condition or constraint '({condition})'."
        raise SqlError("DELTA_REPLACE_WHERE_MISMATCH", "44000", message)


def parse_truncate(reader: Reader) -> Statement:
    """TRUNCATE TABLE t."""
    reader.expect("TRUNCATE", "TABLE")
    name = reader.name()
    reader.finish()
    return Statement("TRUNCATE", True, lambda s: _truncate(s, name))


def _truncate(s: Session, name: Name) -> Result:
    with names.writing(s, name) as (_, state):
        removes = list(state.files.values())
        commits.commit_change(
            s, state, "TRUNCATE", {}, {"numRemovedFiles": len(removes), "numAddedFiles": 0}, removes=removes
        )
    return Result(pa.table({}), kind="TRUNCATE")
