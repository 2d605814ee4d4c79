"""DESCRIBE in all forms."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pyarrow as pa

from replicator.emulator import providers, securables, shares, volumes
from replicator.emulator.delta import history
from replicator.emulator.delta.read import utc
from replicator.emulator.delta.types import column_docs
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import detail, names, rewrite, translate
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, read, texts
from replicator.emulator.sql.statements import views
from replicator.emulator.sql.statements.clone import read_travel
from replicator.emulator.sql.tokens import quote_name

_PAIRS = ("info_name", "info_value")
_COLUMNS = ("col_name", "data_type", "comment")
# ---- DETAIL and HISTORY


def parse_detail(reader: Reader) -> Statement:
    """DESCRIBE DETAIL t."""
    reader.expect("DETAIL")
    reader.accept("TABLE")
    name = reader.name()
    reader.finish()
    return read("DESCRIBE_DETAIL", lambda s: detail.detail(s, name))


def parse_history(reader: Reader) -> Statement:
    """DESCRIBE HISTORY t [LIMIT n]."""
    reader.expect("HISTORY")
    name = reader.name()
    limit = reader.number() if reader.accept("LIMIT") else None
    reader.finish()
    return read("DESCRIBE_HISTORY", lambda s: history.table(rewrite.history_rows(s, name, limit)))


# ---- TABLE


def parse_table(reader: Reader) -> Statement:
    """DESCRIBE [TABLE] [EXTENDED | FORMATTED] t [AS OF …] [column] [AS JSON]; DESCRIBE QUERY query."""
    if reader.accept("QUERY") or any(reader.peek(word) for word in ("SELECT", "WITH", "VALUES")):
        text = reader.rest()
        return read("DESCRIBE_QUERY", lambda s: _query(s, text))
    reader.accept("TABLE")
    extended = bool(reader.accept_any("EXTENDED", "FORMATTED"))
    name = reader.name()
    travel = read_travel(reader)
    as_json = reader.accept("AS", "JSON")
    column = None if reader.at_end() else reader.name()[-1]
    reader.finish()
    if as_json:
        return read("DESCRIBE_TABLE", lambda s: _as_json(s, name))
    if column is not None:
        return read("DESCRIBE_TABLE", lambda s: _column(s, name, column))
    if travel.used:
        raise translate.unsupported(reader.text)
    return read("DESCRIBE_TABLE", lambda s: _table(s, name, extended))


def _query(s: Session, text: str) -> pa.Table:
    schema = views.schema_of(s, text)
    return texts(_COLUMNS, [(column["name"], column["type_text"], None) for column in column_docs(schema)])


def _column(s: Session, name: Name, column: str) -> pa.Table:
    doc = _described(s, name)
    for item in doc["columns"]:
        if item["name"].lower() == column.lower():
            rows = [
                ("col_name", item["name"]),
                ("data_type", item["type_text"]),
                ("comment", item.get("comment") or "NULL"),
            ]
            return texts(_PAIRS, rows)
    message = f"A column, variable, or function parameter with name `{column}` cannot be resolved."
    raise SqlError("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", message)


def _described(s: Session, name: Name) -> Doc:
    if names.is_path(name):
        path = names.reachable(s, name[1], "READ_FILES")
        state = names.snapshot_of({"_path": str(path), "full_name": name[1]})
        return {"columns": names.columns_of({}, state), "table_type": "EXTERNAL"}
    if len(name) > 1 and name[-2].lower() == "information_schema":
        schema = views.schema_of(s, f"SELECT * FROM {quote_name(*name)}")
        return {"columns": column_docs(schema), "table_type": "VIEW", "full_name": ".".join(name)}
    return names.lookup(s, name)


def _table(s: Session, name: Name, extended: bool) -> pa.Table:
    doc = _described(s, name)
    rows = [(item["name"], item["type_text"], item.get("comment")) for item in doc["columns"]]
    partitions = sorted(
        (item for item in doc["columns"] if "partition_index" in item), key=lambda item: item["partition_index"]
    )
    if partitions:
        rows += [("# Partition Information", "", ""), ("# col_name", "data_type", "comment")]
        rows += [(item["name"], item["type_text"], item.get("comment")) for item in partitions]
    clustering = json.loads(doc.get("properties", {}).get("clusteringColumns", "[]"))
    if clustering:
        types_ = {item["name"]: item for item in doc["columns"]}
        rows += [("# Clustering Information", "", ""), ("# col_name", "data_type", "comment")]
        for path in clustering:
            item = types_.get(path[0], {})
            rows.append((".".join(path), item.get("type_text", ""), item.get("comment")))
    if extended and "full_name" in doc:
        rows += _extended(s, doc)
    return texts(_COLUMNS, rows)


def _extended(s: Session, doc: Doc) -> list[tuple[str, str, str]]:
    kind = doc["table_type"]
    facts: list[tuple[str, object]] = [
        ("Catalog", doc.get("catalog_name")),
        ("Database", doc.get("schema_name")),
        ("Table", doc.get("name")),
        ("Owner", doc.get("owner")),
        ("Created Time", utc(doc.get("created_at", 0)).strftime("%a %b %d %H:%M:%S UTC %Y")),
        ("Last Access", "UNKNOWN"),
        ("Created By", "Spark"),
        ("Type", kind),
        ("Comment", doc.get("comment")),
        ("Location", doc.get("storage_location")),
        (
            "Provider",
            None
            if kind in names.VIEWS
            else str(doc.get("data_source_format", "")).lower().replace("deltasharing", "deltaSharing"),
        ),
        ("View Text", doc.get("view_definition")),
        ("Is_managed_location", "true" if kind == "MANAGED" else None),
        ("Predictive Optimization", doc.get("enable_predictive_optimization")),
        (
            "Table Properties",
            "[" + ",".join(f"{key}={value}" for key, value in sorted(doc.get("properties", {}).items())) + "]",
        ),
        ("Row Filter", _row_filter(doc)),
        ("Pipeline ID", doc.get("pipeline_id")),
    ]
    rows = [("", "", ""), ("# Detailed Table Information", "", "")]
    rows += [(label, str(value), "") for label, value in facts if value not in (None, "")]
    if kind in names.PIPELINE_TABLES:
        # dbt reads the schedule here: nothing but REFRESH refreshes anything.
        rows += [("", "", ""), ("# Refresh Information", "", "")]
        rows += [("Latest Refresh Status", "Succeeded", ""), ("Refresh Schedule", "MANUAL", "")]
    masks = [(item["name"], f"{item['mask']['function_name']}", "") for item in doc["columns"] if "mask" in item]
    if masks:
        rows += [("", "", ""), ("# Column Masks", "", ""), *masks]
    keys = doc.get("table_constraints", [])
    if keys:
        rows += [("", "", ""), ("# Constraints", "", ""), *(constraint_text(item) for item in keys)]
    return rows


def _row_filter(doc: Doc) -> str | None:
    found = doc.get("row_filter")
    return None if not found else f"{found['function_name']} ON ({', '.join(found['input_column_names'])})"


def constraint_text(document: Doc) -> tuple[str, str, str]:
    """A key constraint as DESCRIBE EXTENDED shows it."""
    kind, value = next(iter(document.items()))
    columns = ", ".join(quote_name(name) for name in value["child_columns"])
    if kind == "primary_key_constraint":
        return value["name"], f"PRIMARY KEY ({columns})", ""
    parents = ", ".join(quote_name(name) for name in value["parent_columns"])
    parent = quote_name(*value["parent_table"].split("."))
    return value["name"], f"FOREIGN KEY ({columns}) REFERENCES {parent} ({parents})", ""


def _as_json(s: Session, name: Name) -> pa.Table:
    doc = _described(s, name)
    shown = {
        "table_name": doc.get("name"),
        "catalog_name": doc.get("catalog_name"),
        "namespace": [doc.get("schema_name")],
        "schema_name": doc.get("schema_name"),
        "columns": [
            {"name": item["name"], "type": {"name": item["type_text"]}, "nullable": item.get("nullable", True)}
            | ({"comment": item["comment"]} if item.get("comment") else {})
            for item in doc["columns"]
        ],
        "type": doc["table_type"],
        "provider": "delta",
        "location": doc.get("storage_location"),
        "comment": doc.get("comment"),
        "owner": doc.get("owner"),
        "table_properties": doc.get("properties", {}),
    }
    text = json.dumps({key: value for key, value in shown.items() if value is not None}, ensure_ascii=False)
    return texts(("json_metadata",), [(text,)])


# ---- containers and sharing


def parse_catalog(reader: Reader) -> Statement:
    """DESCRIBE CATALOG [EXTENDED] c."""
    reader.expect("CATALOG")
    extended = reader.accept("EXTENDED")
    name = reader.identifier()
    reader.finish()
    return read("DESCRIBE_CATALOG", lambda s: _catalog(s, name, extended))


def _catalog(s: Session, name: str, extended: bool) -> pa.Table:
    doc = securables.get_catalog(s, name)
    facts = [("Catalog Name", doc["name"]), ("Comment", doc.get("comment", "")), ("Owner", doc["owner"])]
    if extended:
        facts += [
            ("Catalog Type", _CATALOG_TYPES.get(doc["catalog_type"], doc["catalog_type"])),
            ("Created By", doc["created_by"]),
            ("Created At", str(utc(doc["created_at"]))),
            ("Updated By", doc["updated_by"]),
            ("Updated At", str(utc(doc["updated_at"]))),
            ("Storage Root", doc.get("storage_root", "")),
            ("Provider Name", doc.get("provider_name", "")),
            ("Share Name", doc.get("share_name", "")),
            ("Predictive Optimization", doc.get("enable_predictive_optimization", "")),
        ]
    return _pairs(facts)


_CATALOG_TYPES = {"MANAGED_CATALOG": "Regular", "DELTASHARING_CATALOG": "Delta Sharing", "SYSTEM_CATALOG": "System"}


def _pairs(facts: Iterable[tuple[str, str]]) -> pa.Table:
    return texts(_PAIRS, [(label, value) for label, value in facts if value != "" or label == "Comment"])


def parse_schema(reader: Reader) -> Statement:
    """DESCRIBE SCHEMA [EXTENDED] s."""
    reader.take()
    extended = reader.accept("EXTENDED")
    name = reader.name()
    reader.finish()
    return read("DESCRIBE_SCHEMA", lambda s: _schema(s, name, extended))


def _schema(s: Session, name: Name, extended: bool) -> pa.Table:
    doc = securables.get_schema(s, *names.qualify_schema(s, name))
    facts = [
        ("Catalog Name", doc["catalog_name"]),
        ("Namespace Name", doc["name"]),
        ("Comment", doc.get("comment", "")),
        ("Location", doc.get("storage_root", "")),
        ("Owner", doc["owner"]),
    ]
    if extended:
        pairs = ",".join(f"({key},{value})" for key, value in sorted(doc.get("properties", {}).items()))
        facts += [
            ("Properties", f"({pairs})" if pairs else ""),
            ("Predictive Optimization", doc.get("enable_predictive_optimization", "")),
        ]
    return texts(
        ("database_description_item", "database_description_value"),
        [fact for fact in facts if fact[1] != "" or fact[0] == "Comment"],
    )


def parse_volume(reader: Reader) -> Statement:
    """DESCRIBE VOLUME v."""
    reader.expect("VOLUME")
    name = reader.name()
    reader.finish()
    return read("DESCRIBE_VOLUME", lambda s: _volume(s, name))


def _volume(s: Session, name: Name) -> pa.Table:
    doc = volumes.get(s, "volume", *names.qualify(s, name))
    columns = ("name", "catalog", "database", "owner", "storageLocation", "volumeType", "comment")
    row = (
        doc["name"],
        doc["catalog_name"],
        doc["schema_name"],
        doc["owner"],
        doc["storage_location"],
        doc["volume_type"],
        doc.get("comment"),
    )
    return texts(columns, [row])


def parse_function(reader: Reader) -> Statement:
    """DESCRIBE FUNCTION [EXTENDED] f."""
    reader.expect("FUNCTION")
    reader.accept("EXTENDED")
    name = reader.name()
    reader.finish()
    return read("DESCRIBE_FUNCTION", lambda s: _function(s, name))


def _function(s: Session, name: Name) -> pa.Table:
    doc = volumes.get(s, "function", *names.qualify(s, name))
    parameters = doc["input_params"]["parameters"]
    lines = [
        f"Function: {doc['full_name']}",
        f"Type: {'TABLE' if 'return_params' in doc else 'SCALAR'}",
        *(f"Input: {item['name']} {item['type_text'].upper()}" for item in parameters),
        f"Returns: {doc['full_data_type'].upper()}",
        f"Comment: {doc.get('comment', '')}",
        f"Owner: {doc['owner']}",
        f"Body: {doc['routine_definition']}",
    ]
    return texts(("function_desc",), [(line,) for line in lines])


def parse_share(reader: Reader) -> Statement:
    """DESCRIBE SHARE s."""
    reader.expect("SHARE")
    name = reader.identifier()
    reader.finish()

    def run(s: Session) -> pa.Table:
        doc = shares.get_share(s, name)
        columns = ("name", "created_at", "created_by", "updated_at", "updated_by", "comment", "owner")
        row = (
            doc["name"],
            str(utc(doc["created_at"])),
            doc["created_by"],
            str(utc(doc["updated_at"])),
            doc["updated_by"],
            doc.get("comment"),
            doc["owner"],
        )
        return texts(columns, [row])

    return read("DESCRIBE_SHARE", run)


def parse_recipient(reader: Reader) -> Statement:
    """DESCRIBE RECIPIENT r."""
    reader.expect("RECIPIENT")
    name = reader.identifier()
    reader.finish()
    return read("DESCRIBE_RECIPIENT", lambda s: _named(shares.get_recipient(s, name), _RECIPIENT))


def parse_provider(reader: Reader) -> Statement:
    """DESCRIBE PROVIDER p."""
    reader.expect("PROVIDER")
    name = reader.identifier()
    reader.finish()
    return read("DESCRIBE_PROVIDER", lambda s: _named(providers.get_provider(s, name), _PROVIDER))


_RECIPIENT = (
    "name",
    "created_at",
    "created_by",
    "comment",
    "authentication_type",
    "data_recipient_global_metastore_id",
    "owner",
)
_PROVIDER = (
    "name",
    "created_at",
    "created_by",
    "comment",
    "authentication_type",
    "data_provider_global_metastore_id",
    "owner",
)


def _named(doc: Doc, fields: tuple[str, ...]) -> pa.Table:
    row = [str(utc(doc[field])) if field == "created_at" and field in doc else doc.get(field) for field in fields]
    return texts(fields, [row])
