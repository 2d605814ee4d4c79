"""Results column by column, for Thrift clients that do not say that they read Arrow, and for every catalog call.

The form is Hive's: a list of values per column and a bit per value that is NULL.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes as T

from replicator.emulator import arrow

# base type in the Statement Execution API -> (field of TColumn, its type, value that stands for NULL)
_KINDS: dict[str, tuple[str, Callable[..., Any], Any]] = {
    "BOOLEAN": ("boolVal", T.TBoolColumn, False),
    "BYTE": ("byteVal", T.TByteColumn, 0),
    "SHORT": ("i16Val", T.TI16Column, 0),
    "INT": ("i32Val", T.TI32Column, 0),
    "LONG": ("i64Val", T.TI64Column, 0),
    "FLOAT": ("doubleVal", T.TDoubleColumn, 0.0),
    "DOUBLE": ("doubleVal", T.TDoubleColumn, 0.0),
    "BINARY": ("binaryVal", T.TBinaryColumn, b""),
}
_TEXT = ("stringVal", T.TStringColumn, "")


def row_set(table: pa.Table) -> T.TRowSet:
    """The rows of a table as columns."""
    columns = [_column(field, table.column(index)) for index, field in enumerate(table.schema)]
    return T.TRowSet(rows=[], columns=columns)


def _column(field: pa.Field, values: pa.ChunkedArray) -> T.TColumn:
    place, kind, empty = _KINDS.get(arrow.column(field).name, _TEXT)
    items = values.to_pylist()
    shown = [empty if item is None else _text(item) if kind is T.TStringColumn else item for item in items]
    return T.TColumn(**{place: kind(values=shown, nulls=_nulls(items))})


def _nulls(items: list[Any]) -> bytes:
    """Bit n of the bytes says whether item n is NULL, the lowest bit of a byte first."""
    bits = bytearray((len(items) + 7) // 8)
    for index, item in enumerate(items):
        if item is None:
            bits[index // 8] |= 1 << (index % 8)
    return bytes(bits)


def _text(value: Any) -> str:
    """Timestamps stand as Hive writes them; the rest as in JSON results."""
    if isinstance(value, datetime.datetime):
        text = value.replace(tzinfo=None).isoformat(" ")
        return text.rstrip("0") if "." in text else text
    return arrow.as_text(value) or ""
