"""SHOW CREATE TABLE: a statement that makes the same table or view."""

from __future__ import annotations

import json

import pyarrow as pa

from replicator.emulator.delta import types
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, rows
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, read, texts
from replicator.emulator.sql.statements.describe import constraint_text
from replicator.emulator.sql.tokens import quote_name, quote_string

_VIEW_WORDS = {"VIEW": "VIEW", "MATERIALIZED_VIEW": "MATERIALIZED VIEW", "STREAMING_TABLE": "STREAMING TABLE"}
_NOT_SHOWN = ("delta.lastUpdateVersion", "delta.lastCommitTimestamp", "clusteringColumns")


def parse(reader: Reader) -> Statement:
    """SHOW CREATE TABLE t."""
    reader.expect("CREATE", "TABLE")
    name = reader.name()
    reader.finish()
    return read("SHOW_CREATE_TABLE", lambda s: _show(s, name))


def _show(s: Session, name: Name) -> pa.Table:
    doc = names.lookup(s, name)
    text = _view(doc) if doc["table_type"] in _VIEW_WORDS else _table(doc)
    return texts(("createtab_stmt",), [(text,)])


def _view(doc: Doc) -> str:
    columns = [f"  {quote_name(item['name'])}{_comment(item.get('comment'))}" for item in doc["columns"]]
    lines = [f"CREATE {_VIEW_WORDS[doc['table_type']]} {_full(doc)} (", ",\n".join(columns) + ")"]
    if doc.get("comment"):
        lines.append(f"COMMENT {quote_string(doc['comment'])}")
    if doc.get("properties"):
        lines.append(_properties(doc["properties"]))
    lines.append(f"AS {doc['view_definition']}")
    return "\n".join(lines) + "\n"


def _table(doc: Doc) -> str:
    schema = types.schema_of_docs(doc["columns"])
    elements = [f"  {_column(item, doc['columns'][index])}" for index, item in enumerate(schema.fields)]
    for constraint in doc.get("table_constraints", []):
        name, text, _ = constraint_text(constraint)
        elements.append(f"  CONSTRAINT {quote_name(name)} {text}")
    lines = [f"CREATE TABLE {_full(doc)} (", ",\n".join(elements) + ")", "USING delta"]
    partitions = sorted(
        (item for item in doc["columns"] if "partition_index" in item), key=lambda item: item["partition_index"]
    )
    if partitions:
        lines.append(f"PARTITIONED BY ({', '.join(quote_name(item['name']) for item in partitions)})")
    clustering = json.loads(doc.get("properties", {}).get("clusteringColumns", "[]"))
    if clustering:
        lines.append(f"CLUSTER BY ({', '.join(quote_name(*path) for path in clustering)})")
    if doc.get("comment"):
        lines.append(f"COMMENT {quote_string(doc['comment'])}")
    if doc["table_type"].startswith("EXTERNAL"):
        lines.append(f"LOCATION {quote_string(doc['storage_location'])}")
    shown = {key: value for key, value in doc.get("properties", {}).items() if key not in _NOT_SHOWN}
    if shown:
        lines.append(_properties(shown))
    return "\n".join(lines) + "\n"


def _column(item: types.Field, doc: Doc) -> str:
    char = item.metadata.get(types.CHAR_METADATA)
    text = f"{quote_name(item.name)} {char.upper() if char else types.ddl_of(item.type)}"
    if not item.nullable:
        text += " NOT NULL"
    if rows.GENERATED in item.metadata:
        text += f" GENERATED ALWAYS AS ({item.metadata[rows.GENERATED]})"
    if rows.IDENTITY_START in item.metadata:
        word = "BY DEFAULT" if item.metadata.get(rows.IDENTITY_EXPLICIT) else "ALWAYS"
        start, step = item.metadata[rows.IDENTITY_START], item.metadata[rows.IDENTITY_STEP]
        text += f" GENERATED {word} AS IDENTITY (START WITH {start} INCREMENT BY {step})"
    if rows.DEFAULT in item.metadata:
        text += f" DEFAULT {item.metadata[rows.DEFAULT]}"
    text += _comment(item.comment)
    mask = doc.get("mask")
    if mask:
        text += f" MASK {quote_name(*mask['function_name'].split('.'))}"
        if mask.get("using_column_names"):
            text += f" USING COLUMNS ({', '.join(quote_name(name) for name in mask['using_column_names'])})"
    return text


def _comment(text: str | None) -> str:
    return f" COMMENT {quote_string(text)}" if text else ""


def _properties(properties: dict[str, str]) -> str:
    pairs = [f"  {quote_string(key)} = {quote_string(value)}" for key, value in sorted(properties.items())]
    return "TBLPROPERTIES (\n" + ",\n".join(pairs) + ")"


def _full(doc: Doc) -> str:
    return ".".join(types.quote_name(part) for part in names.parts_of(doc))
