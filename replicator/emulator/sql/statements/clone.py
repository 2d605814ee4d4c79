"""CREATE TABLE … {DEEP | SHALLOW} CLONE: incremental copies of a table at a version."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import pyarrow as pa

from replicator.emulator import grants, tables
from replicator.emulator.delta import clone as delta_clone
from replicator.emulator.delta import log
from replicator.emulator.delta.lock import table_lock
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, unpublished
from replicator.emulator.sql.names import LATEST, PIPELINE_TABLES, Travel
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Result, Statement, rows_of
from replicator.emulator.sql.statements.create_table import existing_table, place
from replicator.emulator.sql.tokens import Kind

_METRICS = (
    "source_table_size",
    "source_num_of_files",
    "num_removed_files",
    "num_copied_files",
    "removed_files_size",
    "copied_files_size",
)


@dataclass(frozen=True)
class Clone:
    """What a clone statement says."""

    target: Name
    source: Name
    shallow: bool
    replace: bool
    if_not_exists: bool
    travel: Travel = LATEST
    properties: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    with_history: bool = False


def parse(reader: Reader, replaces: bool) -> Statement | None:
    """TABLE [IF NOT EXISTS] t [SHALLOW | DEEP] CLONE s …; None for any other CREATE TABLE."""
    reader.accept("EXTERNAL")
    reader.expect("TABLE")
    if_not_exists = reader.if_not_exists()
    target = reader.name()
    shallow = reader.accept("SHALLOW")
    if not shallow:
        reader.accept("DEEP")
    if not reader.accept("CLONE"):
        return None
    statement = Clone(target, reader.name(), shallow, replaces, if_not_exists)
    statement = replace(statement, travel=read_travel(reader))
    while not reader.at_end():
        if reader.accept("TBLPROPERTIES"):
            statement = replace(statement, properties=reader.properties())
        elif reader.accept("LOCATION"):
            statement = replace(statement, location=reader.string())
        elif reader.accept("WITH", "HISTORY"):
            statement = replace(statement, with_history=True)
        else:
            raise reader.error("a clause of CLONE")
    return Statement("CLONE", True, lambda s: run(s, statement))


def read_travel(reader: Reader) -> Travel:
    """[FOR] {VERSION | SYSTEM_VERSION} AS OF n, {TIMESTAMP | SYSTEM_TIME} AS OF '…', or @v n; LATEST without one."""
    reader.accept("FOR")
    if reader.accept("VERSION", "AS", "OF") or reader.accept("SYSTEM_VERSION", "AS", "OF"):
        return Travel(version=int(reader.string()) if reader.token.kind is Kind.STRING else reader.number())
    if reader.accept("TIMESTAMP", "AS", "OF") or reader.accept("SYSTEM_TIME", "AS", "OF"):
        reader.accept("TIMESTAMP")
        return Travel(timestamp=names.parse_timestamp(reader.string()))
    if reader.accept("@"):
        word = reader.take().text
        if word[:1] not in "vV" or not word[1:].isdigit():
            raise reader.error("@v and a version number")
        return Travel(version=int(word[1:]))
    return LATEST


def run(s: Session, statement: Clone) -> Result:
    """Clone. Returns one row of metrics. Raises ApiError and SqlError as Databricks refuses."""
    source, state = _source(s, statement)
    if names.is_path(statement.target):
        statement = replace(statement, location=statement.target[1])
        parts, existing = None, None
    else:
        parts = names.qualify(s, statement.target)
        existing = existing_table(s, parts)
    if existing is not None and statement.if_not_exists:
        return _result(None)
    if existing is not None and not statement.replace:
        raise ApiError(400, "TABLE_ALREADY_EXISTS", "Table already exists", name=existing["full_name"])
    if existing is not None and existing["table_type"] in PIPELINE_TABLES:
        raise _not_supported(existing, "target")
    table_id = str(uuid.uuid4())
    path = place(s, statement.location, existing, table_id)
    spec = delta_clone.CloneSpec(
        source["full_name"],
        dict(statement.properties),
        statement.shallow,
        s.principal,
        redefines=lambda version: unpublished.announce(s, path, version),
    )
    with table_lock(path):
        metrics = delta_clone.clone(state, path, spec)
        if parts is not None:
            _register(s, statement, parts, existing, log.snapshot(path), table_id)
        unpublished.done(s, path)
    return _result(metrics)


def _source(s: Session, statement: Clone) -> tuple[Doc, Snapshot]:
    if names.is_path(statement.source):
        path = names.reachable(s, statement.source[1], "READ_FILES")
        doc: Doc = {"full_name": f"delta.`{statement.source[1]}`", "_path": str(path)}
        return doc, names.snapshot_of(doc, statement.travel)
    doc = names.lookup(s, statement.source)
    grants.check(s, "SELECT", "table", names.parts_of(doc))
    if doc["table_type"] in PIPELINE_TABLES:
        _refuse_pipeline_source(doc, statement)
    if statement.shallow and doc["table_type"].endswith("_SHALLOW_CLONE"):
        message = f"Cannot shallow clone a table `{doc['full_name']}` that is already a shallow clone."
        raise SqlError("CANNOT_SHALLOW_CLONE_NESTED", "0AKUC", message)
    if doc["table_type"] in names.VIEWS:
        message = f"Clone source '{doc['full_name']}' is a view: only Delta, Iceberg and Parquet tables can be cloned."
        raise SqlError("DELTA_CLONE_UNSUPPORTED_SOURCE", "0AKDC", message)
    return doc, names.snapshot_of(doc, statement.travel)


def _refuse_pipeline_source(doc: Doc, statement: Clone) -> None:
    """Streaming tables and materialized views are no clone sources: Databricks names the reason as a sub-class."""
    if statement.travel.used:
        reason = ("TIME_TRAVEL_NOT_SUPPORTED", "Time travel is not supported.")
    elif statement.location is not None:
        reason = ("LOCATION_NOT_SUPPORTED", "A LOCATION is not supported.")
    elif not statement.with_history:
        reason = ("REQUIRES_WITH_HISTORY", "Only DEEP CLONE ... WITH HISTORY is supported.")
    else:
        raise _not_supported(doc, "source")
    kind = (
        "DELTA_DEEP_CLONE_STREAMING_TABLE_ERROR"
        if doc["table_type"] == "STREAMING_TABLE"
        else "DELTA_DEEP_CLONE_MV_ST_ERROR"
    )
    message = f"Failed to clone {doc['full_name']}, a {doc['table_type'].replace('_', ' ').lower()}: {reason[1]}"
    raise SqlError(f"{kind}.{reason[0]}", "0A000", message)


def _not_supported(doc: Doc, role: str) -> SqlError:
    noun = doc["table_type"].replace("_", " ").lower()
    message = f"Cloning with a {noun} as {role} is not supported by the emulator: {doc['full_name']}."
    return SqlError("UNSUPPORTED_FEATURE", "0A000", message)


def _register(
    s: Session, statement: Clone, parts: names.Parts, existing: Doc | None, state: Snapshot, table_id: str
) -> None:
    """A new target is registered; an existing one keeps comment, owner, grants and tags and follows the new schema."""
    if existing is not None:
        if _differs(existing, state):
            names.publish(s, existing, state)
        return
    kind = "EXTERNAL" if statement.location else "MANAGED"
    doc: Doc = {
        "catalog_name": parts[0],
        "schema_name": parts[1],
        "name": parts[2],
        "table_type": f"{kind}_SHALLOW_CLONE" if statement.shallow else kind,
        "data_source_format": "DELTA",
        "table_id": table_id,
        "_path": str(state.path),
        "columns": names.columns_of({}, state),
        "properties": names.properties_of(state),
    }
    tables.register_table(s, doc)


def _differs(existing: Doc, state: Snapshot) -> bool:
    """Whether columns or properties differ: a clone that only moved data leaves the catalog alone."""
    moving = ("delta.lastUpdateVersion", "delta.lastCommitTimestamp")
    known = {key: value for key, value in existing.get("properties", {}).items() if key not in moving}
    found = {key: value for key, value in names.properties_of(state).items() if key not in moving}
    return known != found or existing.get("columns") != names.columns_of(existing, state)


def _result(metrics: delta_clone.CloneMetrics | None) -> Result:
    found = [] if metrics is None else [[asdict(metrics)[name] for name in _METRICS]]
    return Result(rows_of([(name, pa.int64()) for name in _METRICS], found), kind="CLONE")
