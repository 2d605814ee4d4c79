"""Arrow results in the words of the two wire protocols: column types, JSON values, chunks, framing."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lz4.frame
import pyarrow as pa

SQL_NAME = b"Spark:DataType:SqlName"
_CHUNK_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Column:
    """`text` is the full SQL type, `name` the base type as the Statement Execution API calls it."""

    label: str
    text: str
    name: str
    precision: int | None = None
    scale: int | None = None


# (test, SQL type, base type in the Statement Execution API)
_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str, str], ...] = (
    (pa.types.is_null, "VOID", "NULL"),
    (pa.types.is_boolean, "BOOLEAN", "BOOLEAN"),
    (pa.types.is_int8, "TINYINT", "BYTE"),
    (pa.types.is_int16, "SMALLINT", "SHORT"),
    (pa.types.is_int32, "INT", "INT"),
    (pa.types.is_int64, "BIGINT", "LONG"),
    (pa.types.is_float32, "FLOAT", "FLOAT"),
    (pa.types.is_float64, "DOUBLE", "DOUBLE"),
    (pa.types.is_string, "STRING", "STRING"),
    (pa.types.is_binary, "BINARY", "BINARY"),
    (pa.types.is_date32, "DATE", "DATE"),
    (lambda kind: pa.types.is_timestamp(kind) and kind.tz is not None, "TIMESTAMP", "TIMESTAMP"),
    (pa.types.is_timestamp, "TIMESTAMP_NTZ", "TIMESTAMP_NTZ"),
    (pa.types.is_duration, "INTERVAL DAY TO SECOND", "INTERVAL"),
)


def sql_type(kind: pa.DataType) -> tuple[str, str]:
    """(full SQL type, base type) of an Arrow type. Raises TypeError for one that no result may have."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})", "DECIMAL"
    if pa.types.is_map(kind):
        return f"MAP<{sql_type(kind.key_type)[0]}, {sql_type(kind.item_type)[0]}>", "MAP"
    if pa.types.is_list(kind):
        return f"ARRAY<{sql_type(kind.value_type)[0]}>", "ARRAY"
    if pa.types.is_struct(kind):
        inner = ", ".join(f"{field.name}: {sql_type(field.type)[0]}" for field in kind)
        return f"STRUCT<{inner}>", "STRUCT"
    for test, text, name in _TYPES:
        if test(kind):
            return text, name
    raise TypeError(f"{kind} is not a type of a Databricks result")


def column(field: pa.Field) -> Column:
    """A result column; metadata names the SQL type where Arrow is ambiguous (VARIANT, intervals, CHAR, …)."""
    text, name = sql_type(field.type)
    named = (field.metadata or {}).get(SQL_NAME, b"").decode().upper()
    if named and named != text.upper():
        text = named
        name = "STRING" if name == "STRING" else name
    if pa.types.is_decimal(field.type):
        return Column(field.name, text, name, field.type.precision, field.type.scale)
    return Column(field.name, text, name)


def is_complex(kind: pa.DataType) -> bool:
    """Whether values are arrays, maps or structs."""
    return bool(pa.types.is_nested(kind))


def as_text(value: Any) -> str | None:
    """One value as the JSON formats carry it: every value is a string, NULL is null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        text = value.replace(tzinfo=None).isoformat(
            timespec="microseconds" if value.microsecond % 1000 else "milliseconds"
        )
        return text + ("Z" if value.tzinfo else "")
    if isinstance(value, list | dict):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _double(value: float) -> str:
    """As Java prints it: `1.0`, `1.0E10`, `NaN`, `Infinity`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(decimal.Decimal(repr(value)), "f")
        return text if "." in text else text + ".0"
    mantissa, _, exponent = format(decimal.Decimal(repr(value)).normalize(), "E").partition("E")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _plain(value: Any) -> Any:
    """A nested value with JSON's types only; maps (lists of pairs) become objects."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {as_text(key): _plain(item) for key, item in value}
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return as_text(value)


def rows(table: pa.Table) -> list[list[str | None]]:
    """All rows in the JSON_ARRAY format."""
    columns = [[as_text(value) for value in item.to_pylist()] for item in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def complex_as_text(table: pa.Table) -> pa.Table:
    """Nested columns as JSON text, for clients that do not read them natively."""
    for index, field in enumerate(table.schema):
        if is_complex(field.type):
            metadata = {SQL_NAME: sql_type(field.type)[0].encode()}
            values = pa.array([as_text(value) for value in table.column(index).to_pylist()], pa.string())
            table = table.set_column(index, pa.field(field.name, pa.string(), metadata=metadata), values)
    return table


def chunk_rows(table: pa.Table) -> int:
    """Rows per chunk of at most 16 MiB."""
    return max(1, int(table.num_rows) * _CHUNK_BYTES // max(int(table.nbytes), _CHUNK_BYTES))


def stream(table: pa.Table, compressed: bool = False) -> bytes:
    """A complete Arrow IPC stream: schema, batches, end; LZ4 goes over the whole."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return bytes(lz4.frame.compress(data, block_linked=False)) if compressed else data


def batches(table: pa.Table, compressed: bool) -> list[tuple[bytes, int]]:
    """(encapsulated RecordBatch message, rows) per batch, without schema and end: Thrift sends those apart."""
    found = []
    for batch in table.to_batches() if table.num_rows else ():
        data = batch.serialize().to_pybytes()
        found.append((bytes(lz4.frame.compress(data, block_linked=False)) if compressed else data, batch.num_rows))
    return found
