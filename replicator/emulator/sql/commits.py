"""Committing a change of a table: files, metadata and what history says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replicator.emulator.delta import commit, log, types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import unpublished

Json = dict[str, Any]

CHANGE_FEED = "delta.enableChangeDataFeed"
_USER_METADATA = "spark.databricks.delta.commitinfo.usermetadata"


def commit_change(
    s: Session,
    state: Snapshot,
    name: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, int] | None = None,
    *,
    adds: Sequence[Json] = (),
    removes: Sequence[Json] = (),
    changes: Sequence[Json] = (),
    definition: Sequence[Json] = (),
    data_change: bool = True,
) -> Snapshot:
    """Commit on top of `state` (whose lock the caller holds) and return the new snapshot."""
    if removes and data_change and state.properties.get("delta.appendOnly", "").lower() == "true":
        message = "This table is configured to only allow appends. If you would like to permit updates or deletes, use"
        message += " 'ALTER TABLE <table_name> SET TBLPROPERTIES (delta.appendOnly=false)'."
        raise SqlError("DELTA_CANNOT_MODIFY_APPEND_ONLY", "42809", message)
    actions: list[Json] = [*definition]
    actions += [commit.remove_action(add, data_change=data_change) for add in removes]
    actions += [{"add": add | {"dataChange": data_change}} for add in adds]
    actions += [{"cdc": change} for change in changes]
    operation = commit.Operation(
        name,
        parameters,
        metrics or {},
        s.principal,
        s.conf.get(_USER_METADATA),
        blind_append=bool(adds) and not removes and not definition,
    )
    if definition:
        unpublished.announce(s, state.path, state.version + 1)
    commit.commit(state.path, state.version + 1, actions, operation)
    return log.snapshot(state.path)


def redefine(
    state: Snapshot,
    *,
    schema: types.Struct | None = None,
    properties: Mapping[str, str] | None = None,
    partition_columns: Sequence[str] | None = None,
    description: str | None = None,
) -> list[Json]:
    """The metaData (and protocol) actions of a changed definition; what is None stays, description "" is cleared."""
    new_schema = schema or state.schema
    new_properties = dict(state.properties if properties is None else properties)
    value = dict(state.metadata)
    value["schemaString"] = types.schema_to_string(new_schema)
    value["configuration"] = new_properties
    if partition_columns is not None:
        value["partitionColumns"] = list(partition_columns)
    if description is not None:
        value["description"] = description
        if not description:
            del value["description"]
    actions: list[Json] = []
    protocol = commit.protocol_for(new_schema, new_properties, state.protocol)
    if protocol != state.protocol:
        actions.append({"protocol": protocol})
    return [*actions, {"metaData": value}]


def feeds_changes(state: Snapshot) -> bool:
    """Whether the table records change data."""
    return state.properties.get(CHANGE_FEED, "").lower() == "true"
