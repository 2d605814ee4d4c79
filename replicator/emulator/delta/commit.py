"""Writing a Delta log: one version per commit, put if absent, with what DESCRIBE HISTORY shows of it."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from replicator.emulator.delta import log, types
from replicator.emulator.delta.log import LOG, commit_file
from replicator.emulator.disk import require_room
from replicator.emulator.errors import SqlError

Json = dict[str, Any]

ENGINE = "Databricks-Runtime/emulator"
CHECKPOINT_EVERY = 100

# Table property -> table feature that the property switches on
_PROPERTY_FEATURES = {
    "delta.enableChangeDataFeed": "changeDataFeed",
    "delta.enableDeletionVectors": "deletionVectors",
    "delta.enableRowTracking": "rowTracking",
    "delta.enableInCommitTimestamps": "inCommitTimestamp",
    "delta.enableTypeWidening": "typeWidening",
    "delta.appendOnly": "appendOnly",
}
_READER_FEATURES = {"columnMapping", "deletionVectors", "timestampNtz", "typeWidening", "variantType", "v2Checkpoint"}
# Feature -> the writer version that implies it in the legacy protocol; readers 1 and 2 (column mapping) likewise
_LEGACY_WRITER = {
    "appendOnly": 2,
    "invariants": 2,
    "checkConstraints": 3,
    "changeDataFeed": 4,
    "generatedColumns": 4,
    "columnMapping": 5,
    "identityColumns": 6,
}
# Features that these files do not use although the property is set: the table stays readable by every client.
_INERT = {"rowTracking", "inCommitTimestamp", "deletionVectors", "typeWidening"}


@dataclass(frozen=True)
class Operation:
    """What a commit says about itself. Parameters and metrics are named as in Databricks' history."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, int] = field(default_factory=dict)
    user: str = ""
    user_metadata: str | None = None
    blind_append: bool = False


def commit(path: Path, version: int, actions: Iterable[Json], operation: Operation) -> int:
    """Write the log entry of `version`. Raises SqlError DELTA_CONCURRENT_WRITE if another writer was first."""
    lines = [{"commitInfo": _commit_info(path, version, operation)}, *actions]
    text = "\n".join(json.dumps(action, separators=(",", ":"), ensure_ascii=False) for action in lines)
    folder = path / LOG
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{uuid.uuid4()}.tmp"
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        require_room("log")
        os.link(temporary, commit_file(path, version))
    except FileExistsError:
        message = f"A concurrent transaction has written version {version} since the transaction read the table."
        raise SqlError("DELTA_CONCURRENT_WRITE", "2D521", message) from None
    finally:
        temporary.unlink(missing_ok=True)
    if version and version % CHECKPOINT_EVERY == 0:
        checkpoint(path)
    return version


def checkpoint(path: Path) -> bool:
    """Write a checkpoint of the latest version; False when the table uses a feature that the writer does not know."""
    try:
        DeltaTable(str(path)).create_checkpoint()
    except (DeltaError, OSError):
        return False  # a checkpoint only saves time: the log stays complete without it
    return True


def _commit_info(path: Path, version: int, operation: Operation) -> Json:
    stamp = time.time_ns() // 1_000_000
    if version > 0:
        stamp = max(stamp, _previous_stamp(path, version) + 1)  # history is strictly ordered in time
    info: Json = {
        "timestamp": stamp,
        "inCommitTimestamp": stamp,  # tables with that feature need it, the others do not mind
        "userId": str(abs(hash_of(operation.user))),
        "userName": operation.user,
        "operation": operation.name,
        "operationParameters": dict(operation.parameters),
        "isolationLevel": "WriteSerializable",
        "isBlindAppend": operation.blind_append,
        "operationMetrics": {key: str(value) for key, value in operation.metrics.items()},
        "engineInfo": ENGINE,
        "txnId": str(uuid.uuid4()),
    }
    if version > 0:
        info["readVersion"] = version - 1
    if operation.user_metadata is not None:
        info["userMetadata"] = operation.user_metadata
    return info


def _previous_stamp(path: Path, version: int) -> int:
    try:
        return log.commit_timestamp(path, version - 1)
    except FileNotFoundError:
        return 0  # the log before a checkpoint was cleaned up


def hash_of(text: str) -> int:
    """A stable number for a name, as user ids are numbers."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, text).int % 10**16


# ---- actions


def metadata_action(
    schema: types.Struct,
    partition_columns: Iterable[str],
    properties: Mapping[str, str],
    *,
    table_id: str | None = None,
    description: str | None = None,
    created: int | None = None,
) -> Json:
    """A `metaData` action; a new table id unless one is given."""
    value: Json = {
        "id": table_id or str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": types.schema_to_string(schema),
        "partitionColumns": list(partition_columns),
        "configuration": dict(properties),
        "createdTime": created if created is not None else time.time_ns() // 1_000_000,
    }
    if description:
        value["description"] = description
    return {"metaData": value}


def remove_action(add: Json, *, data_change: bool = True) -> Json:
    """The `remove` of a live file."""
    value: Json = {
        "path": add["path"],
        "deletionTimestamp": time.time_ns() // 1_000_000,
        "dataChange": data_change,
        "extendedFileMetadata": True,
        "partitionValues": add.get("partitionValues") or {},
        "size": add["size"],
    }
    # Without it the file with its deletion vector would stay for other readers.
    value |= {key: add[key] for key in ("deletionVector", "baseRowId", "defaultRowCommitVersion") if key in add}
    return {"remove": value}


def protocol_for(schema: types.Struct, properties: Mapping[str, str], current: Json | None = None) -> Json:
    """The protocol that schema and properties need, never below the `current` one.

    Features that only this emulator would write (row tracking, deletion vectors, …) stay properties: no file uses them.
    """
    needed = _schema_features(schema) | {
        feature
        for name, feature in _PROPERTY_FEATURES.items()
        if properties.get(name, "").lower() == "true" and feature not in _INERT
    }
    if properties.get("delta.columnMapping.mode", "none") != "none":
        needed.add("columnMapping")
    if any(name.startswith("delta.constraints.") for name in properties):
        needed.add("checkConstraints")
    needed |= {
        name.removeprefix("delta.feature.")
        for name, value in properties.items()
        if name.startswith("delta.feature.") and value in ("supported", "enabled")
    } - _INERT
    current = current or {}
    known = set(current.get("readerFeatures") or []) | set(current.get("writerFeatures") or [])
    reader, writer = current.get("minReaderVersion", 1), current.get("minWriterVersion", 2)
    if needed <= known | _implied(writer) and current:
        return current
    if needed <= set(_LEGACY_WRITER) and writer < 7:
        writer = max([writer, *(_LEGACY_WRITER[feature] for feature in needed)])
        reader = max(reader, 2 if "columnMapping" in needed else 1)
        return {"minReaderVersion": reader, "minWriterVersion": writer}
    features = needed | known | {"appendOnly", "invariants"} | (_implied(writer) if writer < 7 else set())
    readers = features & _READER_FEATURES
    protocol: Json = {"minReaderVersion": 3 if readers else max(reader, 1), "minWriterVersion": 7}
    if readers:
        protocol["readerFeatures"] = sorted(readers)
    protocol["writerFeatures"] = sorted(features)
    return protocol


def _implied(writer: int) -> set[str]:
    return {feature for feature, version in _LEGACY_WRITER.items() if 2 < version <= writer < 7}


def _schema_features(schema: types.Struct) -> set[str]:
    text = types.schema_to_string(schema)
    found = set()
    if '"timestamp_ntz"' in text:
        found.add("timestampNtz")
    if '"variant"' in text:
        found.add("variantType")
    if '"CURRENT_DEFAULT"' in text:
        found.add("allowColumnDefaults")
    if '"delta.generationExpression"' in text:
        found.add("generatedColumns")
    if '"delta.identity.' in text:
        found.add("identityColumns")
    return found
