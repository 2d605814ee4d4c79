"""Where the data of many tables stands: DESCRIBE HISTORY of up to 200 tables in one statement, several at once.

Only a table's own history says what its data is: `updated_at`, `last_altered` and `delta.lastUpdateVersion` move
with its definition and not with its rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from replicator.errors import Unavailable, WorkspaceError
from replicator.resources.base import CloneRecord, DeltaVersion
from replicator.sqltext import literal, quote_name
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.columns import iso, milliseconds

TABLES_PER_STATEMENT = 200
STATEMENTS_AT_ONCE = 8
CLONE_WITHIN = 20
"""How many of a copy's newest commits are read at first; only a copy whose last CLONE is older costs another
statement."""

KEEPS_DATA = frozenset(
    {
        "ADD COLUMNS",
        "ADD CONSTRAINT",
        "CHANGE COLUMN",
        "CHANGE COLUMNS",
        "CLUSTER BY",
        "COMPUTE STATS",
        "COMPUTE STATISTICS",
        "CREATE TABLE",
        "DOMAIN METADATA CLEANUP",
        "DROP CONSTRAINT",
        "OPTIMIZE",
        "REORG",
        "REORG TABLE",
        "ROW TRACKING BACKFILL",
        "SET TBLPROPERTIES",
        "UNSET TBLPROPERTIES",
        "UPDATE COLUMN METADATA",
        "UPDATE SCHEMA",
        "UPGRADE PROTOCOL",
        "VACUUM END",
        "VACUUM START",
    }
)
"""Operations after which a table has the same rows as before. Any other one counts as a write, known to us or not:
taking a write for none would let a copy overwrite it."""

_Row = Mapping[str, Any]


def read_versions(reader: WorkspaceReader, names: Iterable[str], *, clones: bool = False) -> dict[str, DeltaVersion]:
    """The version of each table, and with `clones` its last CLONE and what was written after it.

    A table whose history may not be read, or that is no Delta table, is left out: its version is unknown.
    Raises WorkspaceError when it is not about a table: no answer, no warehouse, refused credentials.
    """
    listed = sorted(set(names))
    limit = CLONE_WITHIN if clones else 1
    batches = [listed[start : start + TABLES_PER_STATEMENT] for start in range(0, len(listed), TABLES_PER_STATEMENT)]
    with ThreadPoolExecutor(STATEMENTS_AT_ONCE, thread_name_prefix=f"versions-{reader.side}") as pool:
        read = list(pool.map(lambda batch: _histories(reader, batch, limit), batches))
        histories = {name: rows for found in read for name, rows in found.items()}
        if clones:
            older = [name for name, rows in histories.items() if len(rows) == limit and _last_clone(rows) is None]
            histories |= {
                name: rows
                for found in pool.map(lambda name: _histories(reader, [name], None), older)
                for name, rows in found.items()
            }
    return {name: _version(rows, clones=clones) for name, rows in histories.items() if rows}


def _histories(reader: WorkspaceReader, names: Sequence[str], limit: int | None) -> dict[str, list[_Row]]:
    """Newest first."""
    found = rows_by_table(reader, names, lambda part: history_statement(part, limit))
    return {name: sorted(rows, key=lambda row: -int(row["version"])) for name, rows in found.items()}


def rows_by_table(
    reader: WorkspaceReader, names: Sequence[str], statement: Callable[[Sequence[str]], str]
) -> dict[str, list[_Row]]:
    """The rows of one statement about many tables, by table, which column `t` names. When one table spoils the
    statement, each half is asked by itself, down to that table, which is left out.

    Raises WorkspaceError when it is not about a table.
    """
    try:
        rows = _read_rows(reader, statement(names))
    except WorkspaceError as error:
        if error.status or isinstance(error, Unavailable):
            raise  # not about a table: credentials, the warehouse, the network
        if len(names) == 1:
            return {}
        half = len(names) // 2
        return rows_by_table(reader, names[:half], statement) | rows_by_table(reader, names[half:], statement)
    found: dict[str, list[_Row]] = {name: [] for name in names}
    for row in rows:
        found[row["t"]].append(row)
    return found


def history_statement(names: Sequence[str], limit: int | None) -> str:
    """One statement for the newest commits of many tables (`limit` None: all of them). Of a single commit only where
    the table stands is asked: what it did says nothing without those before it."""
    newest = "" if limit is None else f" LIMIT {limit}"
    columns = "version, timestamp" if limit == 1 else "version, timestamp, operation, operationParameters"
    return " UNION ALL ".join(
        f"SELECT {literal(name)} AS t, {columns} FROM (DESCRIBE HISTORY {quote_name(name)}{newest})" for name in names
    )


def _version(rows: Sequence[_Row], *, clones: bool) -> DeltaVersion:
    newest = rows[0]
    clone = _last_clone(rows) if clones else None
    foreign = None
    if clone is not None:
        later = (row for row in rows if int(row["version"]) > clone.at_version and _changes_data(row["operation"]))
        first = next(later, None)
        foreign = (int(first["version"]), str(first["operation"])) if first is not None else None
    return DeltaVersion(int(newest["version"]), iso(newest["timestamp"]), clone, foreign)


def _changes_data(operation: str) -> bool:
    return operation.upper() not in KEEPS_DATA


def _last_clone(rows: Sequence[_Row]) -> CloneRecord | None:
    """The newest CLONE; a shallow one holds none of the data and does not count."""
    for row in rows:
        parameters = dict(row["operationParameters"] or ())
        if row["operation"] == "CLONE" and str(parameters.get("isShallow", "false")).lower() == "false":
            return CloneRecord(str(parameters["source"]), int(parameters["sourceVersion"]), int(row["version"]))
    return None


def _read_rows(reader: WorkspaceReader, sql: str) -> list[dict[str, Any]]:
    """The rows of a statement about tables; their `timestamp`, where they have one, in milliseconds."""
    table = reader.query_arrow(sql)
    if "timestamp" not in table.column_names:
        return list(table.to_pylist())
    moments = milliseconds(table.column("timestamp"))
    rows: list[dict[str, Any]] = table.drop_columns("timestamp").to_pylist()
    return [{**row, "timestamp": moment} for row, moment in zip(rows, moments, strict=True)]
