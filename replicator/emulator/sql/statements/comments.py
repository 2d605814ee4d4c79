"""COMMENT ON every kind of object."""

from __future__ import annotations

from replicator.emulator import providers, securables, shares, tables
from replicator.emulator import volumes as volume_rules
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import commits, names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import alter_column

_WORDS = (
    "CATALOG",
    "SCHEMA",
    "DATABASE",
    "TABLE",
    "VIEW",
    "COLUMN",
    "VOLUME",
    "FUNCTION",
    "SHARE",
    "RECIPIENT",
    "PROVIDER",
)


def parse(reader: Reader) -> Statement:
    """COMMENT ON kind name IS {'text' | NULL}."""
    reader.expect("COMMENT", "ON")
    reader.accept("MATERIALIZED") or reader.accept("STREAMING")
    word = reader.accept_any(*_WORDS)
    if word is None:
        raise reader.error("a kind of object")
    name = reader.name()
    reader.expect("IS")
    text = "" if reader.accept("NULL") else reader.string()
    reader.finish()
    return write("COMMENT", lambda s: _comment(s, word, name, text))


def _comment(s: Session, word: str, name: Name, text: str) -> None:
    changes: Doc = {"comment": text}
    match word:
        case "CATALOG":
            securables.update_catalog(s, name[0], changes)
        case "SCHEMA" | "DATABASE":
            securables.update_schema(s, *names.qualify_schema(s, name), changes)
        case "TABLE" | "VIEW":
            comment_table(s, name, text)
        case "COLUMN":
            _comment_column(s, name, text)
        case "VOLUME" | "FUNCTION":
            volume_rules.update(s, word.lower(), names.qualify(s, name), changes)
        case "SHARE":
            shares.update_share(s, name[0], changes)
        case "RECIPIENT":
            shares.update_recipient(s, name[0], changes)
        case "PROVIDER":
            providers.update_provider(s, name[0], changes)


def comment_table(s: Session, name: Name, text: str) -> None:
    """Set the comment of a table or view; a Delta table records it in its log too, as Databricks does."""
    doc = names.lookup(s, name)
    if doc.get("_read_only"):
        names.require_writable(doc)
    if doc["table_type"] in names.VIEWS | names.PIPELINE_TABLES:
        tables.update_table(s, *names.parts_of(doc), {"comment": text})
        return
    with names.writing(s, name) as (doc, state):
        definition = commits.redefine(state, description=text)
        after = commits.commit_change(
            s, state, "SET TBLPROPERTIES", {"properties": {"comment": text}}, definition=definition
        )
        names.publish(s, doc, after, comment=text)


def _comment_column(s: Session, name: Name, text: str) -> None:
    doc = names.lookup(s, name[:-1])
    if doc["table_type"] in names.VIEWS:
        columns = [
            item | {"comment": text} if item["name"].lower() == name[-1].lower() else item for item in doc["columns"]
        ]
        kept = [{key: value for key, value in item.items() if key != "comment" or value} for item in columns]
        tables.update_table(s, *names.parts_of(doc), {"columns": kept})
        return
    alter_column.set_comment(s, name[:-1], name[-1], text)
