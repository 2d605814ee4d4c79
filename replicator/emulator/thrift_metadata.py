"""What `cursor.catalogs()`, `.schemas()`, `.tables()` and `.columns()` of the SQL connectors return (JDBC's tables)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from replicator.emulator import securables, volumes
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql.statements import show_metadata
from replicator.emulator.tables import get_table, list_tables

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


def primary_keys(s: Session, catalog: str, schema: str, table: str) -> pa.Table:
    """One row per column of a table's primary key."""
    rows = show_metadata.primary_key(s, get_table(s, catalog, schema, table))
    columns = ("TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "PK_NAME", "KEY_SEQ")
    return _keys(columns, rows, ("TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ", "PK_NAME"))


_CHILD = ("FKTABLE_CAT", "FKTABLE_SCHEM", "FKTABLE_NAME", "FKCOLUMN_NAME", "FK_NAME", "KEY_SEQ")
_PARENT = ("PKTABLE_CAT", "PKTABLE_SCHEM", "PKTABLE_NAME", "PKCOLUMN_NAME", "PK_NAME")
_CROSS = (*_PARENT[:4], *_CHILD[:4], "KEY_SEQ", "UPDATE_RULE", "DELETE_RULE", "FK_NAME", "PK_NAME", "DEFERRABILITY")


def cross_reference(s: Session, parent: Sequence[str | None], child: Sequence[str | None]) -> pa.Table:
    """One row per column of the foreign keys of `child` (of any table in `parent`'s catalog if it has no name) to
    `parent` (any if it has none); both are (catalog, schema, table)."""
    where = child if child[2] else parent
    docs = _tables(s, where[0], where[1] if child[2] else None, _literally(child[2]))
    wanted = [part.lower() for part in parent if part]
    found = []
    for doc in docs:
        for row in show_metadata.foreign_keys(s, get_table(s, doc["catalog_name"], doc["schema_name"], doc["name"])):
            if [str(part).lower() for part in row[6:9]][3 - len(wanted) :] == wanted or not parent[2]:
                # no action and not deferrable, in JDBC's numbers
                found.append((*row[:11], 3, 3, 7))
    return _keys((*_CHILD, *_PARENT, "UPDATE_RULE", "DELETE_RULE", "DEFERRABILITY"), found, _CROSS)


def _literally(name: str | None) -> str | None:
    return None if name is None else re.sub(r"([%_\\])", r"\\\1", name)


def _keys(given: Sequence[str], rows: Iterable[Sequence[Any]], wanted: Sequence[str]) -> pa.Table:
    """Rows of the columns `given` as a table of the columns `wanted`."""
    listed = list(rows)
    values = {name: [row[index] for row in listed] for index, name in enumerate(given)}
    kinds = {name: pa.string() if name.endswith(("_CAT", "_SCHEM", "_NAME")) else pa.int32() for name in wanted}
    return pa.table([pa.array(values[name], kinds[name]) for name in wanted], names=list(wanted))


def functions(s: Session, catalog: str | None, schema: str | None, function: str | None) -> pa.Table:
    """One row per function like the patterns."""
    like = _pattern(function)
    found = [
        [doc["catalog_name"], doc["schema_name"], doc["name"], doc.get("comment", ""), doc["full_name"]]
        for parent in _schemas(s, catalog, schema)
        for doc in volumes.list_in(s, "function", parent["catalog_name"], parent["name"])
        if like.fullmatch(doc["name"])
    ]
    names = ["FUNCTION_CAT", "FUNCTION_SCHEM", "FUNCTION_NAME", "REMARKS", "SPECIFIC_NAME"]
    return _strings(names, found).add_column(4, "FUNCTION_TYPE", pa.array([1] * len(found), pa.int32()))


def type_info() -> pa.Table:
    """TYPE_NAME and DATA_TYPE of every type."""
    spelled = {"BYTE": "TINYINT", "SHORT": "SMALLINT", "LONG": "BIGINT"}
    names = [spelled.get(name, name) for name in _JDBC]
    return _strings(["TYPE_NAME"], [[name] for name in names]).append_column(
        "DATA_TYPE", pa.array(list(_JDBC.values()), pa.int32())
    )


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
    among = _pattern(catalog)  # drivers escape the underscores of a catalog's name: it is a pattern too
    names = [doc["name"] for doc in securables.list_catalogs(s)]
    for name in filter(among.fullmatch, names):
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
