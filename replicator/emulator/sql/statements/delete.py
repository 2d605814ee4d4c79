"""DELETE and UPDATE: copy on write of the files that hold matching rows."""

from __future__ import annotations

import json
import time
from typing import Any

import pyarrow as pa

from replicator.emulator import engine
from replicator.emulator.delta import read, types, write
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import commits, names, rewrite, rows, translate
from replicator.emulator.sql.query import Binder, bound_table
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, rows_of

Json = dict[str, Any]

TARGET = "__target"


def parse_delete(reader: Reader) -> Statement:
    """DELETE FROM t [alias] [WHERE condition]."""
    reader.expect("DELETE", "FROM")
    name = reader.name()
    alias = _alias(reader)
    condition = reader.rest() if reader.accept("WHERE") else "true"
    reader.finish()
    return Statement("DELETE", True, lambda s: _delete(s, name, alias, condition))


def parse_update(reader: Reader) -> Statement:
    """UPDATE t [alias] SET column = value, … [WHERE condition]."""
    reader.expect("UPDATE")
    name = reader.name()
    alias = None if reader.peek("SET") else _alias(reader)
    reader.expect("SET")
    assignments = dict(reader.listed(lambda: _assignment(reader)))
    condition = reader.rest() if reader.accept("WHERE") else "true"
    reader.finish()
    return Statement("UPDATE", True, lambda s: _update(s, name, alias, assignments, condition))


def _alias(reader: Reader) -> str | None:
    if reader.accept("AS"):
        return reader.identifier()
    if reader.at_end() or reader.peek("WHERE") or reader.peek("SET"):
        return None
    return reader.identifier()


def _assignment(reader: Reader) -> tuple[str, str]:
    column = reader.name()[-1]
    reader.expect("=")
    return column, reader.text_until(("WHERE",))


# ---- DELETE


def _delete(s: Session, name: Name, alias: str | None, condition: str) -> Result:
    with names.writing(s, name) as (_, state):
        started = time.monotonic()
        removed, added, deleted, changes = rewritten(s, state, condition, alias or name[-1], feed=True)
        if deleted:
            metrics = _metrics(removed, added, started) | {
                "numDeletedRows": deleted,
                "numCopiedRows": _count(added),
            }
            parameters = {"predicate": f'["{condition}"]'}
            commits.commit_change(s, state, "DELETE", parameters, metrics, adds=added, removes=removed, changes=changes)
    return Result(rows_of([("num_affected_rows", pa.int64())], [(deleted,)]), deleted, "DELETE")


def rewritten(
    s: Session, state: Snapshot, condition: str, alias: str = TARGET, *, feed: bool = False
) -> tuple[list[Json], list[Json], int, list[Json]]:
    """Files to remove and to add so that no row matches `condition`; the number of such rows; change files if asked."""
    binder = Binder(s)
    test = _condition(binder, state, alias, condition)
    relations = binder.relations | {alias: read.relation(state, row_ids=True)}
    with engine.connect(relations) as connection:
        touched, count = _touched(connection, state, alias, test)
        if not touched:
            return [], [], 0, []
        engine.add_relation(connection, alias, read.relation(state, touched, row_ids=True))
        columns = ", ".join(types.quote(name) for name in state.schema.names)
        kept = f"SELECT {columns} FROM {types.quote(alias)} WHERE ({test}) IS NOT TRUE"
        added = write.write_rows(connection, kept, state.path, state.schema, state.partition_columns)
        changes: list[Json] = []
        if feed and commits.feeds_changes(state) and added:
            gone = f"SELECT {columns}, 'delete' AS _change_type FROM {types.quote(alias)} WHERE {test}"
            changes = rows.write_changes(connection, state, gone)
    return list(touched.values()), added, count, changes


def _condition(binder: Binder, state: Snapshot, alias: str, condition: str) -> str:
    """DuckDB text of a condition over the table; subqueries in it are bound."""
    tree = translate.parse(rewrite.prepare(f"SELECT 1 FROM `{alias}` WHERE {condition}"))
    source = tree.args["from_"].this
    source.replace(bound_table(alias))
    where = binder.visit(tree).args["where"].this
    return binder.duckdb(where.pop())


def _touched(connection: engine.Connection, state: Snapshot, alias: str, test: str) -> tuple[dict[str, Json], int]:
    """The files that hold matching rows, and how many rows match."""
    query = f"SELECT {read.FILE}, count(*) FROM {types.quote(alias)} WHERE {test} GROUP BY 1"
    found = connection.execute(query).fetchall()
    paths = list(state.files)
    return {paths[index]: state.files[paths[index]] for index, _ in sorted(found)}, sum(n for _, n in found)


# ---- UPDATE


def _update(s: Session, name: Name, alias: str | None, assignments: dict[str, str], condition: str) -> Result:
    with names.writing(s, name) as (doc, state):
        started = time.monotonic()
        alias = alias or name[-1]
        binder = Binder(s)
        test = _condition(binder, state, alias, condition)
        values = {_column(state, column): text for column, text in assignments.items()}
        updated = {
            column: _condition(binder, state, alias, _default(state, column, text)) for column, text in values.items()
        }
        relations = binder.relations | {alias: read.relation(state, row_ids=True)}
        with engine.connect(relations) as connection:
            touched, count = _touched(connection, state, alias, test)
            if not touched:
                return _updated(0)
            engine.add_relation(connection, alias, read.relation(state, touched, row_ids=True))
            _stage_updates(s, connection, state, alias, test, updated)
            written = rows.write_staged(s, connection, state)
            changes = _update_changes(connection, state) if commits.feeds_changes(state) else []
        metrics = _metrics(list(touched.values()), written.adds, started)
        metrics |= {"numUpdatedRows": count, "numCopiedRows": written.rows - count}
        definition = commits.redefine(state, schema=written.schema) if written.schema else []
        after = commits.commit_change(
            s,
            state,
            "UPDATE",
            {"predicate": f'["{condition}"]'},
            metrics,
            adds=written.adds,
            removes=list(touched.values()),
            changes=changes,
            definition=definition,
        )
        if definition:
            names.publish(s, doc, after)
    return _updated(count)


def _updated(count: int) -> Result:
    return Result(rows_of([("num_affected_rows", pa.int64())], [(count,)]), count, "UPDATE")


def _column(state: Snapshot, name: str) -> str:
    found = state.schema.find(name)
    if found is None:
        message = f"A column, variable, or function parameter with name `{name}` cannot be resolved."
        raise SqlError("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", message)
    return found.name


def _default(state: Snapshot, column: str, text: str) -> str:
    if text.upper() != "DEFAULT":
        return text
    found = state.schema.find(column)
    default: str = (found.metadata.get(rows.DEFAULT) if found else None) or "NULL"
    return default


def _stage_updates(
    s: Session, connection: engine.Connection, state: Snapshot, alias: str, test: str, updated: dict[str, str]
) -> None:
    """All rows of the touched files, changed where they match; generated columns follow what they are made of."""
    changed = []
    for item in state.schema.fields:
        name = types.quote(item.name)
        if item.name in updated:
            value = f"CAST({updated[item.name]} AS {types.to_duckdb(item.type)})"
            changed.append(f"CASE WHEN {test} THEN {value} ELSE {name} END AS {name}")
        else:
            changed.append(name)
    inner = f"SELECT {', '.join(changed)}, ({test}) IS TRUE AS __hit FROM {types.quote(alias)}"
    columns = []
    for item in state.schema.fields:
        name = types.quote(item.name)
        if rows.GENERATED in item.metadata and item.name not in updated:
            value = rows.expression(s, item.metadata[rows.GENERATED])
            columns.append(f"CAST({value} AS {types.to_duckdb(item.type)}) AS {name}")
        else:
            columns.append(name)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE __before AS SELECT *, ({test}) IS TRUE AS __hit FROM {types.quote(alias)}"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE __after AS SELECT {', '.join(columns)}, __hit FROM ({inner})")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {rows.STAGED} AS SELECT * EXCLUDE (__hit) FROM __after")


def _update_changes(connection: engine.Connection, state: Snapshot) -> list[Json]:
    columns = ", ".join(types.quote(name) for name in state.schema.names)
    query = (
        f"SELECT {columns}, 'update_preimage' AS _change_type FROM __before WHERE __hit UNION ALL "
        f"SELECT {columns}, 'update_postimage' AS _change_type FROM __after WHERE __hit"
    )
    return rows.write_changes(connection, state, query)


def _metrics(removed: list[Json], added: list[Json], started: float) -> dict[str, int]:
    return {
        "numRemovedFiles": len(removed),
        "numRemovedBytes": sum(add["size"] for add in removed),
        "numAddedFiles": len(added),
        "numAddedBytes": sum(add["size"] for add in added),
        "executionTimeMs": int((time.monotonic() - started) * 1000),
    }


def _count(adds: list[Json]) -> int:
    return sum(json.loads(add["stats"])["numRecords"] for add in adds)
