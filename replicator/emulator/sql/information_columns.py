"""information_schema.columns: the widest view, one row per column of every visible table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from replicator.emulator.metastore import Doc
from replicator.emulator.sql import rows as table_rows

_S, _I = pa.string(), pa.int32()

COLUMNS: list[tuple[str, pa.DataType]] = [
    ("table_catalog", _S),
    ("table_schema", _S),
    ("table_name", _S),
    ("column_name", _S),
    ("ordinal_position", _I),
    ("column_default", _S),
    ("is_nullable", _S),
    ("full_data_type", _S),
    ("data_type", _S),
    ("character_maximum_length", pa.int64()),
    ("character_octet_length", pa.int64()),
    ("numeric_precision", _I),
    ("numeric_precision_radix", _I),
    ("numeric_scale", _I),
    ("datetime_precision", _I),
    ("interval_type", _S),
    ("interval_precision", _I),
    ("maximum_cardinality", pa.int64()),
    ("is_identity", _S),
    ("identity_generation", _S),
    ("identity_start", _S),
    ("identity_increment", _S),
    ("identity_maximum", _S),
    ("identity_minimum", _S),
    ("identity_cycle", _S),
    ("is_generated", _S),
    ("generation_expression", _S),
    ("is_system_time_period_start", _S),
    ("is_system_time_period_end", _S),
    ("system_time_period_timestamp_generation", _S),
    ("is_updatable", _S),
    ("partition_ordinal_position", _I),
    ("comment", _S),
]
# type_name -> (precision, radix)
_PRECISION = {
    "BYTE": (3, 10),
    "SHORT": (5, 10),
    "INT": (10, 10),
    "LONG": (19, 10),
    "FLOAT": (24, 2),
    "DOUBLE": (53, 2),
}


def rows(tables: Iterable[Doc]) -> Iterator[Sequence[Any]]:
    """Rows of COLUMNS for all columns of the tables."""
    for table in tables:
        names = (table["catalog_name"], table["schema_name"], table["name"])
        writable = "YES" if table["table_type"] in ("MANAGED", "EXTERNAL") else "NO"
        for column in table.get("columns", ()):
            yield *names, *_row(column, writable)


def _row(column: Doc, writable: str) -> Sequence[Any]:
    metadata = _metadata(column.get("type_json") or "")
    kind = column.get("type_name", "STRING")
    precision, radix = _PRECISION.get(kind, (None, None))
    scale = 0 if radix == 10 else None
    if kind == "DECIMAL":
        precision, radix, scale = column["type_precision"], 10, column["type_scale"]
    partition = column.get("partition_index")
    generated = metadata.get(table_rows.GENERATED)
    return (
        column["name"],
        column["position"] + 1,
        metadata.get(table_rows.DEFAULT),
        "YES" if column.get("nullable", True) else "NO",
        column["type_text"],
        kind,
        0 if kind == "STRING" else None,
        0 if kind == "STRING" else None,
        precision,
        radix,
        scale,
        6 if kind.startswith("TIMESTAMP") else 0 if kind == "DATE" else None,
        None,
        None,
        0 if kind in ("ARRAY", "MAP") else None,
        *_identity(metadata),
        "ALWAYS" if generated else "NO",
        generated,
        "NO",
        "NO",
        None,
        writable,
        None if partition is None else partition + 1,
        column.get("comment"),
    )


def _metadata(type_json: str) -> dict[str, Any]:
    """The field's metadata; most fields have none, which needs no parsing."""
    if not type_json or type_json.endswith('"metadata":{}}'):
        return {}
    found: dict[str, Any] = json.loads(type_json).get("metadata", {})
    return found


def _identity(metadata: dict[str, Any]) -> Sequence[str | None]:
    if table_rows.IDENTITY_START not in metadata:
        return "NO", None, None, None, None, None, None
    generation = "BY DEFAULT" if metadata.get(table_rows.IDENTITY_EXPLICIT) else "ALWAYS"
    start, step = str(metadata[table_rows.IDENTITY_START]), str(metadata[table_rows.IDENTITY_STEP])
    return "YES", generation, start, step, None, None, "NO"
