"""table_changes: the change data feed of a table between two versions or timestamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from replicator.emulator.delta import log, read, types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.sql import names

Json = dict[str, Any]

_ENABLED = "delta.enableChangeDataFeed"
CHANGE_TYPE = "_change_type"
EXTRA = (CHANGE_TYPE, "_commit_version", "_commit_timestamp")


def relation(doc: Doc, bounds: list[str]) -> str:
    """The changes as an engine relation: the table's columns, _change_type, _commit_version, _commit_timestamp.

    Raises SqlError when the feed was not enabled in the range, or the range is not there.
    """
    if doc.get("_read_only") and not doc.get("_cdf"):
        message = f"The change data feed of {doc['full_name']} is not shared."
        raise SqlError("DS_CDF_NOT_ENABLED", "42501", message)
    if not bounds:
        message = "table_changes needs a table and the version or timestamp to begin with."
        raise SqlError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605", message)
    path = names.path_of(doc)
    latest = log.snapshot(path)
    first = _version(path, bounds[0])
    last = _version(path, bounds[1]) if len(bounds) > 1 else latest.version
    if first > last or last > latest.version:
        message = f"CDC range from start {first} to end {last} was invalid. The latest version is {latest.version}."
        raise SqlError("DELTA_INVALID_CDC_RANGE", "22003", message)
    selects = []
    for version in range(first, last + 1):
        state = log.snapshot(path, version)
        if state.properties.get(_ENABLED, "").lower() != "true":
            message = (
                f"Error getting change data for range [{first}, {last}] as change data was not recorded for version"
            )
            raise SqlError("DELTA_MISSING_CHANGE_DATA", "KD002", f"{message} [{version}].")
        selects += _of_version(state, doc)
    columns = ", ".join([*map(types.quote, latest.schema.names), *EXTRA])
    if not selects:
        return f"{_empty(latest)} WHERE false"
    return f"SELECT {columns} FROM ({' UNION ALL BY NAME '.join(selects)})"


def _version(path: Path, bound: str) -> int:
    return int(bound) if bound.isdigit() else log.version_at(path, names.parse_timestamp(bound))


def _empty(state: Snapshot) -> str:
    columns = [
        f"CAST(NULL AS {types.to_duckdb(item.type)}) AS {types.quote(item.name)}" for item in state.schema.fields
    ]
    extra = f"NULL::VARCHAR AS {CHANGE_TYPE}, 0::BIGINT AS _commit_version, NULL::TIMESTAMPTZ AS _commit_timestamp"
    return f"SELECT {', '.join(columns)}, {extra}"


def _of_version(state: Snapshot, doc: Doc) -> list[str]:
    """Changes of one commit: its change files if it wrote any, else its added and removed files."""
    actions = [
        action
        for action in log.commit_actions(state.path, state.version)
        if names.is_shared(doc, next(iter(action.values())))
    ]
    stamp = f"make_timestamp({state.timestamp * 1000})::TIMESTAMPTZ"
    tail = f"{state.version}::BIGINT AS _commit_version, {stamp} AS _commit_timestamp"
    changed = {action["cdc"]["path"]: action["cdc"] for action in actions if "cdc" in action}
    if changed:
        return [f"SELECT *, {tail} FROM ({_change_files(state, changed)})"]
    added, removed = _files(actions, "add"), _files(actions, "remove")
    selects = []
    for files, before, change in ((added, removed, "insert"), (removed, added, "delete")):
        both = {path: action for path, action in files.items() if path in before}
        whole = {path: action for path, action in files.items() if path not in before}
        if whole:
            selects.append(f"SELECT *, '{change}' AS {CHANGE_TYPE}, {tail} FROM ({read.relation(state, whole)})")
        if both:
            rows = _only_in(state, both, {path: before[path] for path in both})
            selects.append(f"SELECT *, '{change}' AS {CHANGE_TYPE}, {tail} FROM ({rows})")
    return selects


def _files(actions: list[Json], kind: str) -> dict[str, Json]:
    found = [action[kind] for action in actions if kind in action]
    return {action["path"]: action for action in found if action.get("dataChange")}


def _only_in(state: Snapshot, files: dict[str, Json], others: dict[str, Json]) -> str:
    """The rows of files that the same files with other deletion vectors do not have."""
    these, those = (read.relation(state, chosen, row_ids=True) for chosen in (files, others))
    keys = f"{read.FILE}, {read.ROW}"
    return f"SELECT * EXCLUDE ({keys}) FROM ({these}) ANTI JOIN ({those}) USING ({keys})"


def _change_files(state: Snapshot, files: dict[str, Json]) -> str:
    schema = with_change_type(state.schema)
    metadata = state.metadata | {"schemaString": types.schema_to_string(schema)}
    return read.relation(Snapshot(state.path, state.version, state.timestamp, state.protocol, metadata, files), files)


def with_change_type(schema: types.Struct) -> types.Struct:
    """The schema of change files."""
    return types.Struct((*schema.fields, types.Field(CHANGE_TYPE, types.STRING)))
