"""Appending a report to Delta tables on the target; `docs/reconciliation.md` documents their columns.

Keys and hashes are kept, values only on request. Each INSERT carries a guard, so that sending it again changes nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from replicator.reconciliation.verdicts import CheckResult, Report, Verdict
from replicator.resources.base import Writer
from replicator.sqltext import literal, quote, quote_name

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = dict[str, Value]

TABLES: Mapping[str, Mapping[str, str]] = {
    "recon_runs": {
        "run_id": "STRING",
        "environment": "STRING",
        "replicator_version": "STRING",
        "started_at": "TIMESTAMP",
        "finished_at": "TIMESTAMP",
        "tables": "INT",
        "match": "INT",
        "stale": "INT",
        "mismatch": "INT",
        "schema_mismatch": "INT",
        "unverifiable": "INT",
        "error": "INT",
    },
    "recon_tables": {
        "run_id": "STRING",
        "table_name": "STRING",
        "origin": "STRING",
        "verdict": "STRING",
        "reason": "STRING",
        "message": "STRING",
        "source_version": "BIGINT",
        "source_current_version": "BIGINT",
        "target_version": "BIGINT",
        "lag": "BIGINT",
        "source_rows": "BIGINT",
        "target_rows": "BIGINT",
        "source_fingerprint": "STRING",
        "target_fingerprint": "STRING",
        "changed": "BIGINT",
        "missing": "BIGINT",
        "extra": "BIGINT",
        "duplicated": "BIGINT",
        "complete": "BOOLEAN",
        "tolerated": "BOOLEAN",
        "columns_compared": "INT",
        "columns_total": "INT",
        "hashing": "STRING",
        "statements": "INT",
        "seconds": "DOUBLE",
        "checked_at": "TIMESTAMP",
    },
    "recon_columns": {
        "run_id": "STRING",
        "table_name": "STRING",
        "column_name": "STRING",
        "aspect": "STRING",
        "difference": "STRING",
        "source": "STRING",
        "target": "STRING",
        "breaking": "BOOLEAN",
        "rows": "BIGINT",
        "meaning": "STRING",
    },
    "recon_rows": {
        "run_id": "STRING",
        "table_name": "STRING",
        "difference": "STRING",
        "key": "STRING",
        "source_hash": "STRING",
        "target_hash": "STRING",
        "copies": "BIGINT",
        "columns": "STRING",
        "paired": "BOOLEAN",
        "source_values": "STRING",
        "target_values": "STRING",
    },
}
"""Table of results to its columns and their SQL types. Times are UTC; `key`, `columns` and the values are JSON."""

CHUNK_CHARACTERS = 4_000_000
"""An INSERT longer than this is cut in two; a Databricks statement may have 16 MiB."""


Names = Mapping[str, str]
"""What tables of results are called, where it is not by the keys of TABLES."""
_AS_THEY_ARE: Names = {}


def append(writer: Writer, schema: str, report: Report, *, values: bool = False, names: Names = _AS_THEY_ARE) -> None:
    """Add a report to `<schema>.recon_*`, creating what is missing. `values` keeps row values that the report has.

    Raises what the writer raises. Safe to run again with the same report.
    """
    for statement in statements(schema, report, values=values, names=names):
        writer.execute(statement)


def statements(schema: str, report: Report, *, values: bool = False, names: Names = _AS_THEY_ARE) -> list[str]:
    """What `append` sends: the tables, then the rows of each in one INSERT (more only when it would be too long)."""
    rows: dict[str, list[Row]] = {
        "recon_runs": [_run(report)],
        "recon_tables": [_table(report, result) for result in report.tables],
        "recon_columns": [row for result in report.tables for row in _columns(report.run_id, result)],
        "recon_rows": [row for result in report.tables for row in _rows(report.run_id, result, values)],
    }
    made = [f"CREATE SCHEMA IF NOT EXISTS {quote_name(schema)}"]
    called = {table: f"{quote_name(schema)}.{quote(names.get(table, table))}" for table in TABLES}
    made += [_create(called[table], kinds) for table, kinds in TABLES.items()]
    return made + [insert for table, found in rows.items() for insert in _inserts(called[table], TABLES[table], found)]


def _create(name: str, kinds: Mapping[str, str]) -> str:
    columns = ", ".join(f"{quote(column)} {kind}" for column, kind in kinds.items())
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}) USING DELTA"


def _inserts(name: str, kinds: Mapping[str, str], rows: Iterable[Row]) -> Iterator[str]:
    columns = ", ".join(map(quote, kinds))
    for chunk in _chunks((row, _tuple(row, kinds)) for row in rows):
        first = chunk[0][0]
        already = f"run_id = {_literal(first['run_id'], 'STRING')}"
        if "table_name" in first:
            already += f" AND table_name = {_literal(first['table_name'], 'STRING')}"
        listed = ", ".join(text for _, text in chunk)
        yield (
            f"INSERT INTO {name} ({columns}) SELECT {columns} FROM (VALUES {listed}) AS v({columns})"
            f" WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {already})"
        )


def _chunks(rows: Iterable[tuple[Row, str]]) -> Iterator[list[tuple[Row, str]]]:
    """Cut where a new table begins, so that the guard of one chunk says nothing about another."""
    chunk: list[tuple[Row, str]] = []
    size = 0
    for row, text in rows:
        if size > CHUNK_CHARACTERS and row.get("table_name") != chunk[-1][0].get("table_name"):
            yield chunk
            chunk, size = [], 0
        chunk.append((row, text))
        size += len(text)
    if chunk:
        yield chunk


def _tuple(row: Row, kinds: Mapping[str, str]) -> str:
    return "(" + ", ".join(_literal(row[name], kind) for name, kind in kinds.items()) + ")"


def _literal(value: Value, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    if isinstance(value, bool):
        return str(value).lower()
    text = literal(value) if isinstance(value, str) else repr(value)
    return text if kind == "STRING" else f"CAST({text} AS {kind})"


def _run(report: Report) -> Row:
    counts: Row = {verdict.value.lower(): report.summary.get(verdict, 0) for verdict in Verdict}
    return {
        "run_id": report.run_id,
        "environment": report.environment,
        "replicator_version": report.replicator_version,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "tables": len(report.tables),
        **counts,
    }


def _table(report: Report, result: CheckResult) -> Row:
    return {
        "run_id": report.run_id,
        "table_name": result.table,
        "origin": result.origin,
        "verdict": result.verdict.value,
        "reason": result.reason.value if result.reason else None,
        "message": result.message,
        "source_version": result.source.version,
        "source_current_version": result.source.current_version,
        "target_version": result.target.version,
        "lag": result.lag,
        "source_rows": result.source.rows,
        "target_rows": result.target.rows,
        "source_fingerprint": result.source.fingerprint,
        "target_fingerprint": result.target.fingerprint,
        **result.differences.model_dump(),
        "complete": result.complete,
        "tolerated": result.tolerated,
        "columns_compared": result.columns_compared,
        "columns_total": result.columns_total,
        "hashing": result.hashing,
        "statements": len(result.source.statements) + len(result.target.statements),
        "seconds": result.seconds,
        "checked_at": report.finished_at,
    }


def _columns(run_id: str, result: CheckResult) -> Iterator[Row]:
    """One row per finding about a column: `aspect` schema, data, or not_compared."""
    nothing: Row = dict.fromkeys(TABLES["recon_columns"])
    about: Row = {**nothing, "run_id": run_id, "table_name": result.table}
    for item in result.schema_differences:
        plain = item.model_dump(mode="json", exclude={"kind", "column"})
        yield {**about, "column_name": item.column, "aspect": "schema", "difference": item.kind.value, **plain}
    for column in result.columns:
        yield {**about, "column_name": column.name, "aspect": "data", "difference": "values", "rows": column.rows}
    for left in result.uncompared:
        row = {"column_name": left.name, "aspect": "not_compared", "difference": left.why.value}
        yield {**about, **row, "meaning": left.detail}


def _rows(run_id: str, result: CheckResult, values: bool) -> Iterator[Row]:
    for item in result.rows:
        yield {
            "run_id": run_id,
            "table_name": result.table,
            "difference": item.kind.value,
            "key": _json(item.key),
            "source_hash": item.source_hash,
            "target_hash": item.target_hash,
            "copies": item.copies,
            "columns": _json(list(item.columns)),
            "paired": item.paired,
            "source_values": _json(item.source_values) if values else None,
            "target_values": _json(item.target_values) if values else None,
        }


def _json(value: object) -> str | None:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value is not None else None
