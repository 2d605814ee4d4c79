"""How much a copy lacks: the origin's commits that it has not got, when the first of them was made and what they wrote;
and how large a table is that is copied whole.

Sizes are estimates: what a later commit removed again is not copied. A table that cannot be asked is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from replicator.sqltext import literal, quote_name
from replicator.workspace.client import WorkspaceReader
from replicator.workspace.columns import iso
from replicator.workspace.versions import KEEPS_DATA, STATEMENTS_AT_ONCE, TABLES_PER_STATEMENT, rows_by_table

ROWS_PER_STATEMENT = 10_000

_FILES = ("numFiles", "numTargetFilesAdded", "numAddedFiles", "numCopiedFiles", "numRestoredFiles")
_BYTES = ("numOutputBytes", "numTargetBytesAdded", "numAddedBytes", "copiedFilesSize", "restoredFilesSize")
"""What operations call the files that they add, and their size in bytes; each has one of these
(https://docs.databricks.com/delta/history)."""

_TAKEN = ("numDeletedRows", "numTargetRowsDeleted")
"""What operations call the rows that they take away."""
_TAKES_ROWS = frozenset(
    {
        "CREATE OR REPLACE TABLE",
        "CREATE OR REPLACE TABLE AS SELECT",
        "DELETE",
        "REPLACE TABLE",
        "REPLACE TABLE AS SELECT",
        "RESTORE",
        "TRUNCATE",
    }
)
"""Operations that take rows away also where their metrics do not say how many (whole partitions, the whole table)."""

_Row = Mapping[str, Any]
Behind = tuple[str, int]
"""An origin's full name, and how many of its newest commits a copy lacks."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is to be copied. `since` is the time of the first commit that is missing (ISO-8601 UTC), None for a whole
    table; `files` and `bytes` are None where a commit does not say what it wrote. `removed` are the rows that each
    operation took away, None where one does not say how many."""

    files: int | None
    bytes: int | None
    since: str | None = None
    removed: Mapping[str, int | None] = field(default_factory=dict)


def read_backlog(reader: WorkspaceReader, behind: Mapping[str, Behind]) -> dict[str, Backlog]:
    """By copy, the newest commits of its origin: as many as it lacks, at least one.

    Raises WorkspaceError when it is not about a table: no answer, no warehouse, refused credentials.
    """
    parts = list(_parted(dict(sorted(behind.items()))))
    histories = _read(reader, parts, lambda copies: _history({copy: behind[copy] for copy in copies}))
    return {copy: _commits(rows) for copy, rows in histories.items() if rows}


def read_sizes(reader: WorkspaceReader, names: Iterable[str]) -> dict[str, Backlog]:
    """The size of each table as it is now. Raises as read_backlog does."""
    listed = sorted(set(names))
    parts = [listed[start : start + TABLES_PER_STATEMENT] for start in range(0, len(listed), TABLES_PER_STATEMENT)]
    details = _read(reader, parts, _detail)
    return {
        name: Backlog(_number(rows[0]["numFiles"]), _number(rows[0]["sizeInBytes"]))
        for name, rows in details.items()
        if rows
    }


def _parted(behind: Mapping[str, Behind]) -> Iterator[list[str]]:
    """Copies by statement: neither too many of them nor too many rows in one."""
    part: list[str] = []
    rows = 0
    for copy, (_, limit) in behind.items():
        if part and (len(part) == TABLES_PER_STATEMENT or rows + limit > ROWS_PER_STATEMENT):
            yield part
            part, rows = [], 0
        part.append(copy)
        rows += limit
    if part:
        yield part


def _history(behind: Mapping[str, Behind]) -> str:
    return " UNION ALL ".join(
        f"SELECT {literal(copy)} AS t, version, timestamp, operation, operationMetrics "
        f"FROM (DESCRIBE HISTORY {quote_name(origin)} LIMIT {limit})"
        for copy, (origin, limit) in behind.items()
    )


def _detail(names: Sequence[str]) -> str:
    return " UNION ALL ".join(
        f"SELECT {literal(name)} AS t, numFiles, sizeInBytes FROM (DESCRIBE DETAIL {quote_name(name)})"
        for name in names
    )


def _read(
    reader: WorkspaceReader, parts: Sequence[list[str]], statement: Callable[[Sequence[str]], str]
) -> dict[str, list[_Row]]:
    with ThreadPoolExecutor(STATEMENTS_AT_ONCE, thread_name_prefix=f"backlog-{reader.side}") as pool:
        read = list(pool.map(lambda names: rows_by_table(reader, names, statement), parts))
    return {name: rows for found in read for name, rows in found.items()}


def _commits(rows: Sequence[_Row]) -> Backlog:
    return Backlog(
        files=_sum(_metric(row, _FILES) for row in rows),
        bytes=_sum(_metric(row, _BYTES) for row in rows),
        since=iso(min(row["timestamp"] for row in rows)),
        removed=_removed(rows),
    )


def _removed(rows: Sequence[_Row]) -> dict[str, int | None]:
    found: dict[str, list[int | None]] = {}
    for row in rows:
        metrics, operation = dict(row["operationMetrics"] or ()), str(row["operation"]).upper()
        told = [int(metrics[name]) for name in _TAKEN if metrics.get(name) is not None]
        if any(told) or (not told and operation in _TAKES_ROWS and str(metrics.get("numRemovedFiles")) != "0"):
            found.setdefault(operation, []).append(told[0] if told else None)
    return {operation: _sum(numbers) for operation, numbers in sorted(found.items())}


def _metric(row: _Row, names: Sequence[str]) -> int | None:
    """What one commit added. One that only removed files, or changed the definition, added nothing."""
    metrics = dict(row["operationMetrics"] or ())
    for name in names:
        if name in metrics:
            return _number(metrics[name])
    added_nothing = "numRemovedFiles" in metrics or str(row["operation"]).upper() in KEEPS_DATA
    return 0 if added_nothing else None


def _sum(numbers: Iterable[int | None]) -> int | None:
    listed = list(numbers)
    return None if None in listed else sum(number for number in listed if number is not None)


def _number(value: Any) -> int | None:
    return int(value) if value is not None else None
