"""SHOW over whole catalogs: what JDBC, ODBC and the SQL connector ask of the Statement Execution API.

`SHOW {SCHEMAS | TABLES | COLUMNS | FUNCTIONS} IN {CATALOG c | ALL CATALOGS}`, `SHOW TABLE_TYPES`,
`SHOW [FOREIGN] KEYS IN CATALOG c IN SCHEMA s IN TABLE t`. Thrift has calls of its own for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from replicator.emulator import securables, tables, volumes
from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql.patterns import matches
from replicator.emulator.sql.reader import Reader
from replicator.emulator.sql.statement import Statement, read, rows_of, texts

_VIEWS = frozenset({"VIEW", "METRIC_VIEW"})


@dataclass(frozen=True)
class Scope:
    """Which objects: of one catalog, or of all (`catalog` is None), with names like the patterns."""

    catalog: str | None
    schema: str | None = None
    table: str | None = None
    name: str | None = None

    def schemas(self, s: Session) -> Iterator[Doc]:
        """Schemas in scope, by catalog and name."""
        names = [self.catalog] if self.catalog else [doc["name"] for doc in securables.list_catalogs(s)]
        for name in names:
            yield from (doc for doc in securables.list_schemas(s, name) if matches(doc["name"], self.schema))

    def tables(self, s: Session, pattern: str | None) -> Iterator[Doc]:
        """Tables and views of the schemas in scope."""
        for doc in self.schemas(s):
            found = tables.list_tables(s, doc["catalog_name"], doc["name"])
            yield from (item for item in found if matches(item["name"], pattern))


def accept(reader: Reader) -> str | bool | None:
    """`IN CATALOG c` gives c, `IN ALL CATALOGS` None, anything else False and is not read."""
    mark = reader.mark()
    if reader.accept("IN", "ALL", "CATALOGS"):
        return None
    if reader.accept("IN", "CATALOG") and not reader.at_end() and not reader.peek("LIKE"):
        return reader.identifier()
    reader.reset(mark)
    return False


def _scope(reader: Reader, catalog: str | None) -> Scope:
    def like(*words: str) -> str | None:
        return reader.string() if reader.accept(*words) else None

    scope = Scope(catalog, like("SCHEMA", "LIKE"), like("TABLE", "LIKE"), like("LIKE"))
    reader.finish()
    return scope


Columns = Sequence[tuple[str, pa.DataType]]


def _strings(names: str) -> Columns:
    return [(name, pa.string()) for name in names.split()]


def _listing(
    kind: str, columns: Columns, rows: Callable[[Session, Scope], Iterator[Sequence[object]]]
) -> Callable[[Reader, str | None], Statement]:
    def parse(reader: Reader, catalog: str | None) -> Statement:
        scope = _scope(reader, catalog)
        return read(kind, lambda s: rows_of(columns, rows(s, scope)))

    return parse


def _schema_rows(s: Session, scope: Scope) -> Iterator[Sequence[object]]:
    whole = Scope(scope.catalog, scope.schema or scope.name)
    return ((doc["name"], doc["catalog_name"]) for doc in whole.schemas(s))


def _table_rows(s: Session, scope: Scope) -> Iterator[Sequence[object]]:
    for doc in scope.tables(s, scope.name):
        kind = "VIEW" if doc["table_type"] in _VIEWS else "TABLE"
        yield doc["schema_name"], doc["name"], False, "", doc["catalog_name"], kind, doc.get("comment", "")


def _column_rows(s: Session, scope: Scope) -> Iterator[Sequence[object]]:
    for doc in scope.tables(s, scope.table):
        for position, item in enumerate(doc.get("columns", ())):
            if matches(item["name"], scope.name):
                yield (
                    item["name"],
                    doc["catalog_name"],
                    doc["schema_name"],
                    doc["name"],
                    str(item["type_text"]).upper(),
                    str(item.get("nullable", True)).lower(),
                    item.get("comment", ""),
                    position,
                    item.get("type_precision"),
                    item.get("type_scale"),
                )


def _function_rows(s: Session, scope: Scope) -> Iterator[Sequence[object]]:
    for parent in scope.schemas(s):
        for doc in volumes.list_in(s, "function", parent["catalog_name"], parent["name"]):
            if matches(doc["name"], scope.name):
                yield doc["name"], doc["catalog_name"], doc["schema_name"], doc.get("comment", ""), doc["full_name"]


parse_schemas = _listing("SHOW_SCHEMAS", _strings("databaseName catalog"), _schema_rows)
parse_tables = _listing(
    "SHOW_TABLES",
    [
        *_strings("namespace tableName"),
        ("isTemporary", pa.bool_()),
        *_strings("information catalogName tableType remarks"),
    ],
    _table_rows,
)
parse_columns = _listing(
    "SHOW_COLUMNS",
    [
        *_strings("col_name catalogName namespace tableName columnType isNullable remarks"),
        *((name, pa.int32()) for name in ("ordinalPosition", "columnSize", "decimalDigits")),
    ],
    _column_rows,
)
parse_functions = _listing(
    "SHOW_FUNCTIONS", _strings("functionName catalogName namespace remarks specificName"), _function_rows
)


def parse_table_types(reader: Reader) -> Statement:
    """SHOW TABLE_TYPES."""
    reader.take()
    reader.finish()
    return read("SHOW_TABLE_TYPES", lambda s: texts(("tableType",), [("TABLE",), ("VIEW",)]))


# ---- keys

_KEYS = _strings("catalogName namespace tableName col_name constraintName")
_PARENT = _strings("parentCatalogName parentNamespace parentTableName parentColName parentConstraintName")
_SEQUENCE = ("keySeq", pa.int32())


def parse_keys(reader: Reader) -> Statement:
    """SHOW [FOREIGN] KEYS IN CATALOG c IN SCHEMA s IN TABLE t."""
    foreign = reader.accept("FOREIGN")
    reader.expect("KEYS")
    parts = []
    for word in ("CATALOG", "SCHEMA", "TABLE"):
        reader.expect("IN", word)
        parts.append(reader.identifier())
    reader.finish()
    rules = _strings("updateRule deleteRule deferrability")
    columns = [*_KEYS, _SEQUENCE, *_PARENT, *rules] if foreign else [*_KEYS, _SEQUENCE]
    keys = foreign_keys if foreign else primary_key
    return read("SHOW_KEYS", lambda s: rows_of(columns, keys(s, tables.get_table(s, *parts))))


def _constraints(doc: Doc, kind: str) -> Iterator[Doc]:
    return (item[kind] for item in doc.get("table_constraints", ()) if kind in item)


def _key_rows(doc: Doc, key: Doc) -> Iterator[tuple[object, ...]]:
    for number, column in enumerate(key["child_columns"], 1):
        yield doc["catalog_name"], doc["schema_name"], doc["name"], column, key["name"], number


def primary_key(s: Session, doc: Doc) -> Iterator[Sequence[object]]:
    """(catalog, schema, table, column, constraint, number from 1) of the columns of a table's primary key."""
    for key in _constraints(doc, "primary_key_constraint"):
        yield from _key_rows(doc, key)


def foreign_keys(s: Session, doc: Doc) -> Iterator[Sequence[object]]:
    """As `primary_key`, then (catalog, schema, table, column, constraint) of the parent and three rules."""
    for key in _constraints(doc, "foreign_key_constraint"):
        parent = key["parent_table"].split(".")
        referred = _primary_name(s, parent)
        for row, column in zip(_key_rows(doc, key), key["parent_columns"], strict=True):
            yield *row, *parent, column, referred, "NO ACTION", "NO ACTION", "NOT DEFERRABLE"


def _primary_name(s: Session, parts: Sequence[str]) -> str | None:
    """The name of the key that is referred to; None where the parent may not be seen."""
    try:
        doc = tables.get_table(s, *parts)
    except ApiError:
        return None
    return next((str(key["name"]) for key in _constraints(doc, "primary_key_constraint")), None)
