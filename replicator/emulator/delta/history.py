"""DESCRIBE HISTORY: the commits of a table, newest first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from replicator.emulator.delta import log
from replicator.emulator.delta.read import utc

Json = dict[str, Any]

_TEXT_MAP = pa.map_(pa.string(), pa.string())
SCHEMA = pa.schema(
    [
        ("version", pa.int64()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("userId", pa.string()),
        ("userName", pa.string()),
        ("operation", pa.string()),
        ("operationParameters", _TEXT_MAP),
        (
            "job",
            pa.struct(
                [(name, pa.string()) for name in ("jobId", "jobName", "jobRunId", "runId", "jobOwnerId", "triggerType")]
            ),
        ),
        ("notebook", pa.struct([("notebookId", pa.string())])),
        ("clusterId", pa.string()),
        ("readVersion", pa.int64()),
        ("isolationLevel", pa.string()),
        ("isBlindAppend", pa.bool_()),
        ("operationMetrics", _TEXT_MAP),
        ("userMetadata", pa.string()),
        ("engineInfo", pa.string()),
    ]
)


def rows(path: Path, limit: int | None = None) -> list[Json]:
    """The newest `limit` commits (all of them without one) as rows of SCHEMA."""
    versions = log.commit_versions(path)[::-1]
    return [_row(path, version) for version in versions[:limit]]


def newest(path: Path) -> Json:
    """The newest commit as a row of SCHEMA, found through the cached snapshot instead of a listing."""
    return _row(path, log.latest_version(path))


def table(found: list[Json]) -> pa.Table:
    """Rows as the Arrow table that DESCRIBE HISTORY returns."""
    return pa.Table.from_pylist(found, schema=SCHEMA)


def last_clone_source(path: Path) -> tuple[str, int] | None:
    """(source, sourceVersion) when the newest commit of the table is a CLONE."""
    info = log.commit_info(path, log.latest_version(path))
    if info.get("operation") != "CLONE":
        return None
    parameters = info["operationParameters"]
    return parameters["source"], int(parameters["sourceVersion"])


def _row(path: Path, version: int) -> Json:
    info = log.commit_info(path, version)
    return {
        "version": version,
        "timestamp": utc(log.commit_timestamp(path, version) if "timestamp" not in info else info["timestamp"]),
        "userId": info.get("userId"),
        "userName": info.get("userName"),
        "operation": info.get("operation"),
        "operationParameters": _texts(info.get("operationParameters")),
        "readVersion": info.get("readVersion"),
        "isolationLevel": info.get("isolationLevel"),
        "isBlindAppend": info.get("isBlindAppend"),
        "operationMetrics": _texts(info.get("operationMetrics")),
        "userMetadata": info.get("userMetadata"),
        "engineInfo": info.get("engineInfo"),
    }


def _texts(values: Json | None) -> list[tuple[str, str | None]]:
    """Log values as the text that history shows: strings as they are, everything else as JSON."""
    return [
        (key, value if isinstance(value, str) or value is None else json.dumps(value, separators=(",", ":")))
        for key, value in (values or {}).items()
    ]
