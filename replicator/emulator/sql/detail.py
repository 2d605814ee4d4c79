"""DESCRIBE DETAIL: one row about the state of a Delta table."""

from __future__ import annotations

import pyarrow as pa

from replicator.emulator import grants
from replicator.emulator.delta.read import utc
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names
from replicator.emulator.sql.reader import Name
from replicator.emulator.sql.statement import rows_of
from replicator.emulator.sql.tokens import quote_name

_TEXT_MAP = pa.map_(pa.string(), pa.string())
_TEXT_LIST = pa.list_(pa.string())
_DETAIL: list[tuple[str, pa.DataType]] = [
    ("format", pa.string()),
    ("id", pa.string()),
    ("name", pa.string()),
    ("description", pa.string()),
    ("location", pa.string()),
    ("createdAt", pa.timestamp("us", "UTC")),
    ("lastModified", pa.timestamp("us", "UTC")),
    ("partitionColumns", _TEXT_LIST),
    ("clusteringColumns", _TEXT_LIST),
    ("numFiles", pa.int64()),
    ("sizeInBytes", pa.int64()),
    ("properties", _TEXT_MAP),
    ("minReaderVersion", pa.int32()),
    ("minWriterVersion", pa.int32()),
    ("tableFeatures", _TEXT_LIST),
    ("statistics", _TEXT_MAP),
    ("clusterByAuto", pa.bool_()),
]


def detail(s: Session, name: Name) -> pa.Table:
    """One row about the Delta table: id, location, times, files, size, properties, protocol."""
    if names.is_path(name):
        path = names.reachable(s, name[1], "READ_FILES")
        doc: Doc = {"_path": str(path), "storage_location": name[1]}
    else:
        doc = names.lookup(s, name)
        grants.check(s, "SELECT", "table", names.parts_of(doc))
    if doc.get("table_type") in names.VIEWS:
        message = f"{quote_name(*names.parts_of(doc))} is a view. 'DESCRIBE DETAIL' expects a table."
        raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", message)
    state = names.snapshot_of(doc)
    created = state.metadata.get("createdTime") or doc.get("created_at", 0)
    row: tuple[object, ...] = (
        "delta",
        state.metadata["id"],
        doc.get("full_name"),
        doc.get("comment", state.metadata.get("description")),
        doc.get("storage_location"),
        utc(created),
        utc(state.timestamp),
        state.partition_columns,
        names.clustering_of(state),
        len(state.files),
        state.size,
        list(state.properties.items()),
        state.protocol["minReaderVersion"],
        state.protocol["minWriterVersion"],
        state.features,
        [],
        False,
    )
    return rows_of(_DETAIL, [row])
