"""A pinned version of a table as a DuckDB query over its data files.

Columns are found in each file by name (the physical one under column mapping), so that columns added later are NULL in
older files and widened types are cast; partition values come from the log, never from the path. Rows that a deletion
vector marks are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from replicator.emulator.delta import types
from replicator.emulator.delta.deletion_vectors import deleted_bits
from replicator.emulator.delta.log import Snapshot, file_of, require_readable
from replicator.emulator.delta.mapping import physical, physical_name, to_logical

Json = dict[str, Any]

FILE = "__file"  # position of the data file in `files`
ROW = "__row"  # position of the row in its file


def relation(state: Snapshot, files: Mapping[str, Json] | None = None, *, row_ids: bool = False) -> str:
    """The rows of the snapshot, or of only the given `files`, as a DuckDB query with the table's columns in order.

    `row_ids` adds `__file` and `__row`. Raises SqlError for a table that has features this reader does not know.
    """
    require_readable(state)
    chosen = state.files if files is None else files
    if not chosen:
        return _empty(state, row_ids)
    inside = {item.name: f"c{index}" for index, item in enumerate(state.data_columns) if _stored(item)}
    mapping = ", ".join(
        f"{types.literal(physical_name(item))}: {{name: '{inside[item.name]}', "
        f"type: '{_duck_type(item)}', default_value: NULL}}"
        for item in state.data_columns
        if item.name in inside
    )
    paths = ", ".join(types.literal(str(file_of(state.path, path))) for path in chosen)
    columns = [_column(state, item, inside, chosen) for item in state.schema.fields]
    if row_ids:
        columns += [f"CAST(file_index AS BIGINT) AS {FILE}", f"file_row_number AS {ROW}"]
    # Without a column of its own a scan still needs a schema; DuckDB refuses an empty one.
    schema = f", schema=MAP {{{mapping}}}" if mapping else ""
    source = f"SELECT {', '.join(columns)} FROM read_parquet([{paths}], hive_partitioning=false{schema})"
    return source + _without_deleted(state, chosen)


def _without_deleted(state: Snapshot, files: Mapping[str, Json]) -> str:
    """The condition that leaves out what deletion vectors mark; "" without any."""
    found = [deleted_bits(state.path, add) for add in files.values()]
    if not any(found):
        return ""
    bits = ", ".join(types.literal(item) if item else "NULL" for item in found)
    vector = f"CAST([{bits}] AS BIT[])[CAST(file_index AS BIGINT) + 1]"
    inside = f"get_bit({vector}, CAST(file_row_number AS INTEGER)) = 0"
    return f" WHERE CASE WHEN file_row_number < bit_length({vector}) THEN {inside} ELSE true END"


def _stored(item: types.Field) -> bool:
    return item.type != types.Primitive("void")


def _duck_type(item: types.Field) -> str:
    return types.to_duckdb(physical(item.type)).replace("'", "''")


def _column(state: Snapshot, item: types.Field, inside: Mapping[str, str], files: Mapping[str, Json]) -> str:
    name = types.quote(item.name)
    if item.name in inside:
        return f"{to_logical(inside[item.name], item.type)} AS {name}"
    if not _stored(item):
        return f"CAST(NULL AS VARCHAR) AS {name}"
    key = physical_name(item)
    values = [_value(add.get("partitionValues") or {}, key, item.name) for add in files.values()]
    kind = types.to_duckdb(item.type)
    if len(set(values)) == 1:
        return f"CAST({values[0]} AS {kind}) AS {name}"
    return f"CAST([{', '.join(values)}] AS {kind}[])[CAST(file_index AS BIGINT) + 1] AS {name}"


def _value(values: Mapping[str, str | None], physical: str, logical: str) -> str:
    found = values.get(physical, values.get(logical))
    return "NULL" if found is None or found == "" else types.literal(found)


def _empty(state: Snapshot, row_ids: bool) -> str:
    columns = [
        f"CAST(NULL AS {types.to_duckdb(item.type)}) AS {types.quote(item.name)}" for item in state.schema.fields
    ]
    if row_ids:
        columns += [f"CAST(NULL AS BIGINT) AS {FILE}", f"CAST(NULL AS BIGINT) AS {ROW}"]
    return f"SELECT {', '.join(columns)} WHERE false"


def utc(milliseconds: int) -> datetime:
    """A log timestamp as a UTC datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
