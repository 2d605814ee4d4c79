"""From a name in a statement to the object: current catalog and schema, time travel, who may read or write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from replicator.emulator import grants, tables
from replicator.emulator.delta import log
from replicator.emulator.delta.lock import table_lock
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.delta.mapping import physical_name
from replicator.emulator.delta.types import column_docs
from replicator.emulator.errors import SqlError, missing_privilege
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sharing_filters import in_partitions
from replicator.emulator.sql import unpublished
from replicator.emulator.sql.reader import Name
from replicator.emulator.sql.tokens import quote_name

Parts = tuple[str, str, str]

VIEWS = frozenset({"VIEW", "METRIC_VIEW"})
PIPELINE_TABLES = frozenset({"STREAMING_TABLE", "MATERIALIZED_VIEW"})
_PIPELINE_NOUN = {"STREAMING_TABLE": "streaming table", "MATERIALIZED_VIEW": "materialized view"}


@dataclass(frozen=True)
class Travel:
    """VERSION AS OF or TIMESTAMP AS OF (ms since the epoch); neither means the latest version."""

    version: int | None = None
    timestamp: int | None = None

    @property
    def used(self) -> bool:
        """Whether a version was asked for."""
        return self.version is not None or self.timestamp is not None


LATEST = Travel()


def current_catalog(s: Session) -> str:
    """The catalog of names without one."""
    return s.catalog or "main"


def current_schema(s: Session) -> str:
    """The schema of names without one."""
    return s.schema or "default"


def session_values(s: Session) -> dict[str, str]:
    """Answers of the functions that ask about the session."""
    return {
        "current_user": s.principal,
        "session_user": s.principal,
        "user": s.principal,
        "current_catalog": current_catalog(s),
        "current_schema": current_schema(s),
        "current_database": current_schema(s),
        "current_metastore": s.metastore.global_id,
        "current_timezone": s.time_zone,
    }


def qualify(s: Session, name: Name) -> Parts:
    """A table-like name as catalog, schema and name, lower case. Raises SqlError for more than three parts."""
    if not 1 <= len(name) <= 3:
        message = f"{quote_name(*name)} is not a valid identifier as it has more than 3 name parts."
        raise SqlError("IDENTIFIER_TOO_MANY_NAME_PARTS", "42601", message)
    full = (current_catalog(s), current_schema(s), *name)[-3:] if len(name) == 1 else (current_catalog(s), *name)[-3:]
    catalog, schema, table = (part.lower() for part in full)
    return catalog, schema, table


def qualify_schema(s: Session, name: Name) -> tuple[str, str]:
    """A schema name as catalog and schema, lower case."""
    if not 1 <= len(name) <= 2:
        message = f"{quote_name(*name)} is not a valid schema name."
        raise SqlError("REQUIRES_SINGLE_PART_NAMESPACE", "42K05", message)
    catalog, schema = (current_catalog(s), *name)[-2:]
    return catalog.lower(), schema.lower()


def is_path(name: Name) -> bool:
    """Whether the name is ``delta.`/folder` ``."""
    return len(name) == 2 and name[0].lower() == "delta" and ("/" in name[1] or ":" in name[1])


def folder_of(location: str) -> Path:
    """The folder of a storage location. Raises SqlError for one that is not on this machine."""
    path = tables.local_path(location)
    if path is None:
        message = f"The emulator only reaches folders of this machine (file:/…), not {location}."
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", message)
    return path


def reachable(s: Session, location: str, privilege: str) -> Path:
    """The folder of a storage location that the caller may use: an admin, or by a privilege on an external location."""
    path = folder_of(location)
    if s.is_admin:
        return path
    for doc in s.store.list(s.ms, "external_location"):
        root = tables.local_path(doc.get("url", ""))
        if root is not None and path.is_relative_to(root):
            grants.check(s, privilege, "external_location", (doc["name"],))
            return path
    raise missing_privilege(privilege, "external_location", location)


def lookup(s: Session, name: Name) -> Doc:
    """The document of a table or view. Raises ApiError 404 for the first part that is missing, 403."""
    if len(name) == 1 and name[0].lower() in s.temporary:
        return s.temporary[name[0].lower()]
    return tables.get_table(s, *qualify(s, name))


def path_of(doc: Doc) -> Path:
    """The Delta folder of a table. Raises SqlError for a view."""
    if "_path" not in doc:
        message = f"{quote_name(*parts_of(doc))} is not a Delta table."
        raise SqlError("DELTA_ONLY_OPERATION", "0AKDD", message)
    return Path(doc["_path"])


def parts_of(doc: Doc) -> Parts:
    """The three parts of a document's name."""
    return doc["catalog_name"], doc["schema_name"], doc["name"]


def snapshot_of(doc: Doc, travel: Travel = LATEST) -> Snapshot:
    """The table of a document at a version. Raises SqlError for a missing version, or a share without history."""
    if travel.used:
        require_history(doc)
    path = path_of(doc)
    version = travel.version if travel.timestamp is None else log.version_at(path, travel.timestamp)
    if version is not None and version < int(doc.get("_start_version", 0)):
        raise SqlError("DELTA_VERSION_NOT_FOUND", "22003", f"Version {version} is not shared.")
    state = log.snapshot(path, version)
    if not doc.get("_partitions"):
        return state
    return replace(state, files={name: add for name, add in state.files.items() if is_shared(doc, add)})


def is_shared(doc: Doc, action: Doc) -> bool:
    """Whether the partitions of a table that are shared hold a file."""
    values = action.get("partitionValues") or {}
    return in_partitions(doc.get("_partitions") or (), doc.get("_recipient_properties") or {}, values)


def require_history(doc: Doc) -> None:
    """Refuse time travel and history on a table that is shared without history. Raises SqlError."""
    if doc.get("_read_only") and not doc.get("_history"):
        message = (
            "Time travel query is not permitted unless history is shared on table(s) "
            f"{doc['full_name']}. Contact your data provider for permission to query the history."
        )
        raise SqlError("DS_TIME_TRAVEL_NOT_PERMITTED", "42501", message)


def parse_timestamp(text: str) -> int:
    """A timestamp literal (UTC unless it says otherwise) in ms since the epoch. Raises SqlError."""
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        message = f"The timestamp expression '{text}' cannot be converted to a timestamp."
        raise SqlError("INVALID_TIME_TRAVEL_TIMESTAMP_EXPR.INPUT", "42K0E", message) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


# ---- writing


@contextmanager
def writing(s: Session, name: Name, privilege: str = "MODIFY") -> Iterator[tuple[Doc, Snapshot]]:
    """A table locked for writing, with its latest snapshot.

    Raises ApiError or SqlError for a missing table, privilege, or one that cannot be written: a view, a shared table, a
    streaming table or materialized view.
    """
    if is_path(name):
        path = reachable(s, name[1], "WRITE_FILES")
        with table_lock(path):
            doc: Doc = {"full_name": quote_name(*name), "_path": str(path), "_external": True}
            yield doc, _to_change(doc)
        return
    doc = writable(s, name, privilege)
    with table_lock(path_of(doc)):
        yield doc, _to_change(doc)


def _to_change(doc: Doc) -> Snapshot:
    state = snapshot_of(doc)
    log.require_writable(state)
    return state


def writable(s: Session, name: Name, privilege: str = "MODIFY") -> Doc:
    """The document of a table that may be written. Raises ApiError and SqlError as `writing` does."""
    doc = lookup(s, name)
    require_writable(doc)
    if privilege == "MANAGE":
        grants.require_manage(s, "table", parts_of(doc))
    else:
        grants.check(s, privilege, "table", parts_of(doc))
    return doc


def require_writable(doc: Doc) -> None:
    """Refuse to write what only a provider or a pipeline may write. Raises SqlError."""
    kind = doc.get("table_type", "")
    if doc.get("_read_only"):
        message = f"The table {doc['full_name']} is shared with you: a catalog created from a share is read-only."
        raise SqlError("DELTA_SHARING_READ_ONLY", "42501", message)
    if kind in PIPELINE_TABLES:
        noun = _PIPELINE_NOUN[kind]
        message = (
            f"The operation is not allowed: The table {doc['full_name']} is a {noun}, which only its pipeline writes."
        )
        raise SqlError(f"{kind}_OPERATION_NOT_ALLOWED", "0A000", message)
    if kind in VIEWS:
        message = f"'{doc['full_name']}' is a view, and views cannot be written."
        raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809", message)


def publish(s: Session, doc: Doc, state: Snapshot, **changes: object) -> Doc:
    """Bring the catalog's copy of columns and properties up to date after a commit that changed the metadata."""
    with s.store.transaction():
        unpublished.done(s, state.path)
        if doc.get("_external"):
            return doc
        fields = {"columns": columns_of(doc, state), "properties": properties_of(state)}
        return tables.update_table(s, *parts_of(doc), fields | changes)


def columns_of(doc: Doc, state: Snapshot) -> list[Doc]:
    """ColumnInfo documents of a snapshot; masks of the known document stay."""
    masks = {column["name"].lower(): column["mask"] for column in doc.get("columns", ()) if "mask" in column}
    columns = column_docs(state.schema, state.partition_columns)
    return [
        column | ({"mask": masks[column["name"].lower()]} if column["name"].lower() in masks else {})
        for column in columns
    ]


def properties_of(state: Snapshot) -> dict[str, str]:
    """Table properties as Unity Catalog lists them: the table's own and what the protocol and the last change say."""
    found = dict(state.properties)
    found["delta.minReaderVersion"] = str(state.protocol["minReaderVersion"])
    found["delta.minWriterVersion"] = str(state.protocol["minWriterVersion"])
    found |= {f"delta.feature.{feature}": "supported" for feature in state.features}
    found["delta.lastUpdateVersion"] = str(state.version)
    found["delta.lastCommitTimestamp"] = str(state.timestamp)
    clustering = clustering_of(state)
    if clustering:
        found["clusteringColumns"] = "[" + ",".join(f'["{name}"]' for name in clustering) + "]"
    return found


def clustering_of(state: Snapshot) -> list[str]:
    """Logical names of the clustering columns."""
    domain = state.domains.get("delta.clustering")
    if domain is None:
        return []
    physical = {physical_name(item): item.name for item in state.schema.fields}
    paths = json.loads(domain["configuration"])["clusteringColumns"]
    return [".".join([physical.get(path[0], path[0]), *path[1:]]) for path in paths]
