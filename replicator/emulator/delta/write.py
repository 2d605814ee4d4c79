"""Writing data files: rows of a query on an open engine connection become parquet files and `add` actions."""

from __future__ import annotations

import json
import time
import urllib.parse
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from replicator.emulator.delta import types
from replicator.emulator.delta.mapping import physical_name, to_physical
from replicator.emulator.disk import require_room

Json = dict[str, Any]

CHANGE_DATA = "_change_data"
_TEXT_STATISTIC = 32  # longer strings get no min/max: a cut-off maximum would no longer be one
_NUMBERS = ("byte", "short", "integer", "long")


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    table: Path,
    schema: types.Struct,
    partition_columns: Sequence[str] = (),
    folder: str = "",
) -> list[Json]:
    """Write the rows of `query` (columns named as in `schema`) and return `add` values; no rows, no files.

    Data goes below `table / folder`, split by partition values. The caller commits the actions.
    """
    root = table / folder if folder else table
    root.mkdir(parents=True, exist_ok=True)
    partitions = [_require(schema, name) for name in partition_columns]
    folded = {item.name.lower() for item in partitions}
    data = [item for item in schema.fields if item.name.lower() not in folded and _stored(item)]
    columns = [
        f"{to_physical(types.quote(item.name), item.type)} AS {types.quote(physical_name(item))}" for item in data
    ]
    columns += [f"{_partition_text(item)} AS {types.quote(physical_name(item))}" for item in partitions]
    if partitions:
        keys = ", ".join(types.quote(physical_name(item)) for item in partitions)
        target, options = root, f", PARTITION_BY ({keys}), FILENAME_PATTERN 'part-00000-{{uuid}}.c000.snappy', APPEND"
    else:
        target, options = root / f"part-00000-{uuid.uuid4()}.c000.snappy.parquet", ""
    written = connection.execute(
        f"COPY (SELECT {', '.join(columns)} FROM ({query})) TO {types.literal(str(target))} "
        f"(FORMAT parquet, COMPRESSION snappy, RETURN_STATS{_field_ids(data)}{_unshredded(data)}{options})"
    ).fetchall()
    require_room("data")
    return [_add(table, data, row) for row in _non_empty(written)]


def _stored(item: types.Field) -> bool:
    return item.type != types.Primitive("void")


def _require(schema: types.Struct, name: str) -> types.Field:
    found = schema.find(name)
    if found is None:
        raise KeyError(name)
    return found


def _field_ids(data: Sequence[types.Field]) -> str:
    """Column ids go into the files of tables with column mapping, where other readers look for them."""
    ids = [
        f"{types.quote(physical_name(item))}: {item.metadata['delta.columnMapping.id']}"
        for item in data
        if "delta.columnMapping.id" in item.metadata
    ]
    return f", FIELD_IDS {{{', '.join(ids)}}}" if ids else ""


def _unshredded(data: Sequence[types.Field]) -> str:
    """Keep variants in one piece: few readers know shredded ones."""
    variants = [types.quote(physical_name(item)) for item in data if item.type == types.Primitive("variant")]
    pairs = ", ".join(f"{name}: 'VARIANT'" for name in variants)
    return f", SHREDDING {{{pairs}}}" if variants else ""


def _partition_text(item: types.Field) -> str:
    """A partition value as the text that the Delta protocol prescribes; the empty string means NULL there."""
    name = types.quote(item.name)
    if item.type == types.TIMESTAMP:
        return f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')"
    if item.type == types.Primitive("timestamp_ntz"):
        return f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')"
    return f"nullif(CAST({name} AS VARCHAR), '')"


def _non_empty(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Drop (and delete) the file that an empty result leaves behind."""
    kept = []
    for row in rows:
        if row[1]:
            kept.append(row)
        else:
            Path(row[0]).unlink(missing_ok=True)
    return kept


def _add(table: Path, data: Sequence[types.Field], row: tuple[Any, ...]) -> Json:
    filename, count, size, _footer, statistics, keys = row[:6]
    relative = Path(filename).relative_to(table).as_posix()
    return {
        "path": urllib.parse.quote(relative, safe="/=:,@+~()[]!$&'*;"),
        "partitionValues": _partition_values(keys),
        "size": size,
        "modificationTime": time.time_ns() // 1_000_000,
        "dataChange": True,
        "stats": json.dumps(_statistics(data, count, statistics), separators=(",", ":"), ensure_ascii=False),
    }


def _partition_values(keys: dict[str, str | None] | None) -> dict[str, str | None]:
    return {
        name.strip('"'): None if value in (None, "__HIVE_DEFAULT_PARTITION__") else value
        for name, value in (keys or {}).items()
    }


def _statistics(data: Sequence[types.Field], count: int, found: dict[str, dict[str, str]]) -> Json:
    least: Json = {}
    most: Json = {}
    nulls: Json = {}
    for item in data:
        name = physical_name(item)
        column = found.get(types.quote(name))
        if column is None or not _has_statistics(item.type):
            continue
        if "null_count" in column:
            nulls[name] = int(column["null_count"])
        low, high = _bound(item.type, column.get("min")), _bound(item.type, column.get("max"))
        if low is not None and high is not None:
            least[name], most[name] = low, high
    return {"numRecords": count, "minValues": least, "maxValues": most, "nullCount": nulls}


def _has_statistics(kind: types.DataType) -> bool:
    return isinstance(kind, types.Decimal) or (isinstance(kind, types.Primitive) and kind.name != "variant")


def _bound(kind: types.DataType, text: str | None) -> Any:
    """A min/max statistic as the JSON value of its type; None when the type has none."""
    if text is None:
        return None
    match kind:
        case types.Decimal():
            return float(text)
        case types.Primitive(name) if name in _NUMBERS:
            return int(text)
        case types.Primitive("float" | "double"):
            value = float(text)
            return value if value == value and abs(value) != float("inf") else None
        case types.Primitive("string"):
            return text if len(text) <= _TEXT_STATISTIC else None
        case types.Primitive("date"):
            return text
        case types.Primitive("timestamp" | "timestamp_ntz" as name):
            stamp = text.removesuffix("+00").replace(" ", "T")
            return stamp + "Z" if name == "timestamp" else stamp
        case _:
            return None
