"""SHOW: catalogs, schemas, tables, views, columns, properties, partitions, volumes, functions, and sharing."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from replicator.emulator import providers, securables, shares, tables, volumes
from replicator.emulator.delta.read import utc
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.patterns import matches
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, read, rows_of, texts
from replicator.emulator.sql.statements import show_metadata
from replicator.emulator.sql.tokens import Kind

_IN = ("IN", "FROM")


def _like(reader: Reader) -> str | None:
    """[LIKE] 'pattern': `*` matches anything, `|` separates alternatives."""
    reader.accept("LIKE")
    return reader.string() if reader.token.kind is Kind.STRING else None


def _in_schema(reader: Reader) -> Name | None:
    return reader.name() if reader.accept_any(*_IN) else None


def _schema_of(s: Session, name: Name | None) -> tuple[str, str]:
    return names.qualify_schema(s, name if name is not None else (names.current_schema(s),))


# ---- containers


def parse_catalogs(reader: Reader) -> Statement:
    """SHOW CATALOGS [[LIKE] 'pattern']."""
    reader.expect("CATALOGS")
    pattern = _like(reader)
    reader.finish()
    return read(
        "SHOW_CATALOGS",
        lambda s: texts(
            ("catalog",), [(doc["name"],) for doc in securables.list_catalogs(s) if matches(doc["name"], pattern)]
        ),
    )


def parse_schemas(reader: Reader) -> Statement:
    """SHOW SCHEMAS [IN c | IN ALL CATALOGS] [[LIKE] 'pattern']."""
    reader.take()
    scope = show_metadata.accept(reader)
    if not isinstance(scope, bool):
        return show_metadata.parse_schemas(reader, scope)
    catalog = reader.identifier() if reader.accept_any(*_IN) else None
    pattern = _like(reader)
    reader.finish()

    def run(s: Session) -> pa.Table:
        docs = securables.list_schemas(s, catalog or names.current_catalog(s))
        return texts(("databaseName",), [(doc["name"],) for doc in docs if matches(doc["name"], pattern)])

    return read("SHOW_SCHEMAS", run)


def _listing(s: Session, schema: Name | None, pattern: str | None) -> list[Doc]:
    return [doc for doc in tables.list_tables(s, *_schema_of(s, schema)) if matches(doc["name"], pattern)]


def parse_tables(reader: Reader) -> Statement:
    """SHOW TABLES [IN s | IN CATALOG c] [[LIKE] 'pattern']; views are listed too."""
    reader.expect("TABLES")
    scope = show_metadata.accept(reader)
    if not isinstance(scope, bool):
        return show_metadata.parse_tables(reader, scope)
    schema, pattern = _in_schema(reader), _like(reader)
    reader.finish()

    def run(s: Session) -> pa.Table:
        rows = [(doc["schema_name"], doc["name"], False) for doc in _listing(s, schema, pattern)]
        return rows_of([("database", pa.string()), ("tableName", pa.string()), ("isTemporary", pa.bool_())], rows)

    return read("SHOW_TABLES", run)


def parse_table_extended(reader: Reader) -> Statement:
    """SHOW TABLE EXTENDED [IN s] LIKE 'pattern'."""
    reader.expect("TABLE", "EXTENDED")
    schema, pattern = _in_schema(reader), _like(reader)
    reader.finish()

    def run(s: Session) -> pa.Table:
        rows = [(doc["schema_name"], doc["name"], False, _information(doc)) for doc in _listing(s, schema, pattern)]
        columns = [("database", pa.string()), ("tableName", pa.string()), ("isTemporary", pa.bool_())]
        return rows_of([*columns, ("information", pa.string())], rows)

    return read("SHOW_TABLE_EXTENDED", run)


def _information(doc: Doc) -> str:
    facts = {
        "Catalog": doc["catalog_name"],
        "Database": doc["schema_name"],
        "Table": doc["name"],
        "Owner": doc.get("owner"),
        "Created Time": _moment(doc),
        "Type": doc["table_type"],
        "Provider": str(doc.get("data_source_format", "")).lower(),
        "Comment": doc.get("comment"),
        "Location": doc.get("storage_location"),
    }
    lines = [f"{label}: {value}" for label, value in facts.items() if value]
    fields = [f" |-- {item['name']}: {item['type_text']} (nullable = true)" for item in doc["columns"]]
    return "\n".join([*lines, "Schema: root", *fields]) + "\n"


def parse_views(reader: Reader) -> Statement:
    """SHOW VIEWS [IN s] [[LIKE] 'pattern']."""
    reader.expect("VIEWS")
    schema, pattern = _in_schema(reader), _like(reader)
    reader.finish()
    columns = [
        ("namespace", pa.string()),
        ("viewName", pa.string()),
        ("isTemporary", pa.bool_()),
        ("isMaterialized", pa.bool_()),
    ]

    def run(s: Session) -> pa.Table:
        kinds = names.VIEWS | {"MATERIALIZED_VIEW"}
        docs = [doc for doc in _listing(s, schema, pattern) if doc["table_type"] in kinds]
        return rows_of(
            columns,
            [(doc["schema_name"], doc["name"], False, doc["table_type"] == "MATERIALIZED_VIEW") for doc in docs],
        )

    return read("SHOW_VIEWS", run)


# ---- one table


def parse_columns(reader: Reader) -> Statement:
    """SHOW COLUMNS {IN | FROM} t [{IN | FROM} s]; IN CATALOG c."""
    reader.expect("COLUMNS")
    scope = show_metadata.accept(reader)
    if not isinstance(scope, bool):
        return show_metadata.parse_columns(reader, scope)
    name = _table_name(reader)
    reader.finish()
    return read(
        "SHOW_COLUMNS", lambda s: texts(("col_name",), [(item["name"],) for item in names.lookup(s, name)["columns"]])
    )


def _table_name(reader: Reader) -> Name:
    if reader.accept_any(*_IN) is None:
        raise reader.error("IN or FROM")
    name = reader.name()
    schema = _in_schema(reader)
    return name if schema is None else (*schema, name[-1])


def parse_properties(reader: Reader) -> Statement:
    """SHOW TBLPROPERTIES t [(key)]."""
    reader.expect("TBLPROPERTIES")
    name = reader.name()
    keys = reader.in_parentheses(reader.property_key) if reader.peek("(") else []
    if len(keys) > 1:
        raise reader.error("one property key")
    key = keys[0] if keys else None
    reader.finish()
    return read("SHOW_TBLPROPERTIES", lambda s: _properties(s, name, key))


def _properties(s: Session, name: Name, key: str | None) -> pa.Table:
    doc = names.lookup(s, name)
    found = dict(sorted(doc.get("properties", {}).items()))
    if key is not None:
        missing = f"Table {doc['full_name']} does not have property: {key}"
        return texts(("key", "value"), [(key, found.get(key, missing))])
    return texts(("key", "value"), found.items())


def parse_partitions(reader: Reader) -> Statement:
    """SHOW PARTITIONS t."""
    reader.expect("PARTITIONS")
    name = reader.name()
    reader.finish()
    return read("SHOW_PARTITIONS", lambda s: _partitions(s, name))


def _partitions(s: Session, name: Name) -> pa.Table:
    state = names.snapshot_of(names.lookup(s, name))
    if not state.partition_columns:
        table = ".".join(name)
        message = f"Operation not allowed: SHOW PARTITIONS is not allowed on a table that is not partitioned: {table}."
        raise SqlError("INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY", "42601", message)
    values = {tuple((add.get("partitionValues") or {}).values()) for add in state.files.values()}
    return texts(state.partition_columns, sorted(values, key=str))


# ---- other objects of a schema


def _objects(kind: str, label: str) -> Callable[[Reader], Statement]:
    def parse(reader: Reader) -> Statement:
        reader.accept("USER")
        reader.take()
        scope = show_metadata.accept(reader) if kind == "function" else False
        if not isinstance(scope, bool):
            return show_metadata.parse_functions(reader, scope)
        schema, pattern = _in_schema(reader), _like(reader)
        reader.finish()

        def run(s: Session) -> pa.Table:
            docs = [doc for doc in volumes.list_in(s, kind, *_schema_of(s, schema)) if matches(doc["name"], pattern)]
            if kind == "volume":
                return texts(("database", "volume_name"), [(doc["schema_name"], doc["name"]) for doc in docs])
            return texts(("function",), [(doc["full_name"],) for doc in docs])

        return read(label, run)

    return parse


parse_volumes = _objects("volume", "SHOW_VOLUMES")
parse_functions = _objects("function", "SHOW_FUNCTIONS")


# ---- sharing


def _moment(doc: Doc, field: str = "created_at") -> str:
    return str(utc(doc[field])) if field in doc else ""


def parse_shares(reader: Reader) -> Statement:
    """SHOW SHARES [[LIKE] 'pattern']; SHOW SHARES IN PROVIDER p."""
    reader.expect("SHARES")
    if reader.accept("IN", "PROVIDER"):
        return parse_provider_shares(reader)
    pattern = _like(reader)
    reader.finish()

    def run(s: Session) -> pa.Table:
        docs = [doc for doc in shares.list_shares(s) if matches(doc["name"], pattern)]
        return texts(
            ("name", "created_at", "created_by", "comment"),
            [(d["name"], _moment(d), d["created_by"], d.get("comment")) for d in docs],
        )

    return read("SHOW_SHARES", run)


def parse_provider_shares(reader: Reader) -> Statement:
    """The provider's name, after SHOW SHARES IN PROVIDER."""
    name = reader.identifier()
    pattern = _like(reader)
    reader.finish()
    return read(
        "SHOW_SHARES",
        lambda s: texts(
            ("name",), [(doc["name"],) for doc in providers.shares_of(s, name) if matches(doc["name"], pattern)]
        ),
    )


_CONTENT = (
    "name",
    "type",
    "shared_object",
    "added_at",
    "added_by",
    "comment",
    "partitions",
    "cdf_enabled",
    "start_version",
    "history_data_sharing_status",
)


def parse_share_content(reader: Reader) -> Statement:
    """SHOW ALL IN SHARE s."""
    reader.expect("ALL", "IN", "SHARE")
    name = reader.identifier()
    reader.finish()
    return read("SHOW_ALL_IN_SHARE", lambda s: _content(s, name))


def _content(s: Session, name: str) -> pa.Table:
    rows = []
    for item in shares.get_share(s, name)["objects"]:
        alias = item.get("shared_as") or item.get("string_shared_as") or ".".join(item["name"].split(".")[1:])
        cdf = str(bool(item.get("cdf_enabled"))).lower()
        rows.append(
            (
                alias,
                item["data_object_type"],
                item["name"],
                _moment(item, "added_at"),
                item.get("added_by"),
                item.get("comment"),
                ",".join(_partition(one) for one in item.get("partitions") or ()),
                cdf,
                str(item.get("start_version", "")),
                item.get("history_data_sharing_status", "DISABLED"),
            )
        )
    return texts(_CONTENT, rows)


def _partition(doc: Doc) -> str:
    """One set of values as ALTER SHARE spells it."""
    words = {"EQUAL": "=", "LIKE": "LIKE"}
    shown = []
    for item in doc.get("values", ()):
        key = item.get("recipient_property_key")
        value = f"CURRENT_RECIPIENT().{key}" if key else f"'{item.get('value')}'"
        shown.append(f"{item['name']} {words.get(item.get('op', 'EQUAL'), '=')} {value}")
    return f"({', '.join(shown)})"


def parse_recipients(reader: Reader) -> Statement:
    """SHOW RECIPIENTS [[LIKE] 'pattern']."""
    reader.expect("RECIPIENTS")
    pattern = _like(reader)
    reader.finish()
    fields = (
        "name",
        "created_at",
        "created_by",
        "comment",
        "authentication_type",
        "cloud",
        "region",
        "data_recipient_global_metastore_id",
    )
    return read("SHOW_RECIPIENTS", lambda s: _docs(shares.list_recipients(s), pattern, fields))


def parse_providers(reader: Reader) -> Statement:
    """SHOW PROVIDERS [[LIKE] 'pattern']."""
    reader.expect("PROVIDERS")
    pattern = _like(reader)
    reader.finish()
    fields = (
        "name",
        "created_at",
        "created_by",
        "comment",
        "authentication_type",
        "cloud",
        "region",
        "data_provider_global_metastore_id",
    )
    return read("SHOW_PROVIDERS", lambda s: _docs(providers.list_providers(s), pattern, fields))


def _docs(docs: list[Doc], pattern: str | None, fields: tuple[str, ...]) -> pa.Table:
    chosen = [doc for doc in docs if matches(doc["name"], pattern)]
    return texts(
        fields, [[_moment(doc) if field == "created_at" else doc.get(field) for field in fields] for doc in chosen]
    )
