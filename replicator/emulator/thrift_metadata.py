"""What `cursor.catalogs()`, `.schemas()`, `.tables()` and `.columns()` of the SQL connectors return (JDBC's tables)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from replicator.emulator import securables
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.tables import list_tables

_TABLES = (
    "TABLE_CAT TABLE_SCHEM TABLE_NAME TABLE_TYPE REMARKS TYPE_CAT TYPE_SCHEM TYPE_NAME SELF_REFERENCING_COL_NAME"
    " REF_GENERATION"
)
# column -> Arrow type
_COLUMNS = {
    "TABLE_CAT": pa.string(),
    "TABLE_SCHEM": pa.string(),
    "TABLE_NAME": pa.string(),
    "COLUMN_NAME": pa.string(),
    "DATA_TYPE": pa.int32(),
    "TYPE_NAME": pa.string(),
    "COLUMN_SIZE": pa.int32(),
    "BUFFER_LENGTH": pa.int8(),
    "DECIMAL_DIGITS": pa.int32(),
    "NUM_PREC_RADIX": pa.int32(),
    "NULLABLE": pa.int32(),
    "REMARKS": pa.string(),
    "COLUMN_DEF": pa.string(),
    "SQL_DATA_TYPE": pa.int32(),
    "SQL_DATETIME_SUB": pa.int32(),
    "CHAR_OCTET_LENGTH": pa.int32(),
    "ORDINAL_POSITION": pa.int32(),
    "IS_NULLABLE": pa.string(),
    "SCOPE_CATALOG": pa.string(),
    "SCOPE_SCHEMA": pa.string(),
    "SCOPE_TABLE": pa.string(),
    "SOURCE_DATA_TYPE": pa.int16(),
    "IS_AUTO_INCREMENT": pa.string(),
}
# type_name of a column -> number of java.sql.Types; all others are OTHER
_JDBC = {
    "BOOLEAN": 16,
    "BYTE": -6,
    "SHORT": 5,
    "INT": 4,
    "LONG": -5,
    "FLOAT": 6,
    "DOUBLE": 8,
    "DECIMAL": 3,
    "STRING": 12,
    "BINARY": -2,
    "DATE": 91,
    "TIMESTAMP": 93,
    "TIMESTAMP_NTZ": 93,
    "ARRAY": 2003,
    "MAP": 2000,
    "STRUCT": 2002,
}
_OTHER = 1111


def catalogs(s: Session) -> pa.Table:
    """TABLE_CAT of every visible catalog."""
    return _strings(["TABLE_CAT"], [[doc["name"]] for doc in securables.list_catalogs(s)])


def schemas(s: Session, catalog: str | None, schema: str | None) -> pa.Table:
    """TABLE_SCHEM and TABLE_CATALOG of schemas like the pattern."""
    found = [[doc["name"], doc["catalog_name"]] for doc in _schemas(s, catalog, schema)]
    return _strings(["TABLE_SCHEM", "TABLE_CATALOG"], found)


def tables(
    s: Session, catalog: str | None, schema: str | None, table: str | None, types: Sequence[str] | None
) -> pa.Table:
    """One row per table like the patterns and of one of the types (TABLE, VIEW)."""
    wanted = {word.upper() for word in types or ()}
    found = [
        [doc["catalog_name"], doc["schema_name"], doc["name"], _type(doc), doc.get("comment", "")] + [None] * 5
        for doc in _tables(s, catalog, schema, table)
        if not wanted or _type(doc) in wanted
    ]
    return _strings(_TABLES.split(), found)


def columns(s: Session, catalog: str | None, schema: str | None, table: str | None, column: str | None) -> pa.Table:
    """One row per column like the patterns."""
    like = _pattern(column)
    found = [
        _column(doc, position, item)
        for doc in _tables(s, catalog, schema, table)
        for position, item in enumerate(doc.get("columns", ()))
        if like.fullmatch(item["name"])
    ]
    arrays = [pa.array([row[name] for row in found], kind) for name, kind in _COLUMNS.items()]
    return pa.table(arrays, names=list(_COLUMNS))


def table_types() -> pa.Table:
    """TABLE_TYPE."""
    return _strings(["TABLE_TYPE"], [["TABLE"], ["VIEW"]])


def _column(doc: Doc, position: int, item: Doc) -> dict[str, Any]:
    nullable = item.get("nullable", True)
    return dict.fromkeys(_COLUMNS) | {
        "TABLE_CAT": doc["catalog_name"],
        "TABLE_SCHEM": doc["schema_name"],
        "TABLE_NAME": doc["name"],
        "COLUMN_NAME": item["name"],
        "DATA_TYPE": _JDBC.get(str(item.get("type_name", "")).upper(), _OTHER),
        "TYPE_NAME": str(item.get("type_text", "")).upper(),
        "COLUMN_SIZE": item.get("type_precision"),
        "DECIMAL_DIGITS": item.get("type_scale"),
        "NULLABLE": int(nullable),
        "REMARKS": item.get("comment", ""),
        "ORDINAL_POSITION": item.get("position", position),
        "IS_NULLABLE": "YES" if nullable else "NO",
        "IS_AUTO_INCREMENT": "NO",
    }


def _schemas(s: Session, catalog: str | None, schema: str | None) -> Iterator[Doc]:
    like = _pattern(schema)
    names = [catalog] if catalog else [doc["name"] for doc in securables.list_catalogs(s)]
    for name in names:
        yield from (doc for doc in securables.list_schemas(s, name) if like.fullmatch(doc["name"]))


def _tables(s: Session, catalog: str | None, schema: str | None, table: str | None) -> Iterator[Doc]:
    like = _pattern(table)
    for doc in _schemas(s, catalog, schema):
        yield from (item for item in list_tables(s, doc["catalog_name"], doc["name"]) if like.fullmatch(item["name"]))


def _type(doc: Doc) -> str:
    return "VIEW" if doc["table_type"] in ("VIEW", "METRIC_VIEW") else "TABLE"


def _pattern(text: str | None) -> re.Pattern[str]:
    """A JDBC pattern: `%` and `*` any text, `_` and `.` one character, `\\` takes the next one literally."""
    pieces, escaped = [], False
    for char in text or "%":
        if escaped:
            pieces.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            pieces.append({"%": ".*", "*": ".*", "_": ".", ".": "."}.get(char, re.escape(char)))
    return re.compile("".join(pieces), re.IGNORECASE | re.DOTALL)


def _strings(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    arrays = [pa.array([row[index] for row in rows], pa.string()) for index in range(len(names))]
    return pa.table(arrays, names=list(names))
