"""DROP TABLE, VIEW, STREAMING TABLE and MATERIALIZED VIEW."""

from __future__ import annotations

import shutil
from pathlib import Path

from replicator.emulator import tables
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write


def parse_table(reader: Reader) -> Statement:
    """DROP [STREAMING] TABLE [IF EXISTS] t."""
    reader.accept("STREAMING")
    reader.expect("TABLE")
    return _parse(reader, "DROP_TABLE", views=False)


def parse_view(reader: Reader) -> Statement:
    """DROP [MATERIALIZED] VIEW [IF EXISTS] v."""
    reader.accept("MATERIALIZED")
    reader.expect("VIEW")
    return _parse(reader, "DROP_VIEW", views=True)


def _parse(reader: Reader, kind: str, *, views: bool) -> Statement:
    if_exists = reader.if_exists()
    name = reader.name()
    reader.finish()
    return write(kind, lambda s: _drop(s, name, if_exists, views))


def _drop(s: Session, name: Name, if_exists: bool, views: bool) -> None:
    try:
        doc = names.lookup(s, name)
    except ApiError as error:
        if if_exists and error.status == 404:
            return
        raise
    _require_kind(doc, views)
    if doc.get("_temporary"):
        del s.temporary[doc["name"]]
        return
    tables.delete_table(s, *names.parts_of(doc))
    if doc.get("table_type") == "MANAGED" and doc.get("_path"):
        shutil.rmtree(Path(doc["_path"]), ignore_errors=True)


def _require_kind(doc: Doc, views: bool) -> None:
    kind = doc["table_type"]
    if kind == "MATERIALIZED_VIEW" or kind == "STREAMING_TABLE":
        return
    is_view = kind in names.VIEWS
    if is_view and not views:
        message = f"'DROP TABLE' expects a table but `{doc['full_name']}` is a view. Please use DROP VIEW instead."
        raise SqlError("EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW", "42809", message)
    if views and not is_view:
        message = f"The table `{doc['full_name']}` does not support DROP VIEW. Please use DROP TABLE instead."
        raise SqlError("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809", message)
