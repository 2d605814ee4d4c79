"""DEEP CLONE as one log commit: the target gets the files that it lacks and loses those that the source no longer has.

Data files are immutable, so a copy is a hard link: deleting the source's file drops only the source's link.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicator.emulator.delta import commit, history, log
from replicator.emulator.delta.deletion_vectors import identity, moved_vector, vector_file
from replicator.emulator.delta.lock import table_lock
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.disk import require_room
from replicator.emulator.errors import SqlError

Json = dict[str, Any]

# Properties that name versions of the source's own log.
_OF_ONE_LOG = ("delta.inCommitTimestampEnablementVersion", "delta.inCommitTimestampEnablementTimestamp")


@dataclass(frozen=True)
class CloneSpec:
    """What a clone statement asks for. `source_name` is what history records, `overrides` are its TBLPROPERTIES.

    `redefines` is called before the commit of a version that changes the definition of a target that was there.
    """

    source_name: str
    overrides: Mapping[str, str]
    shallow: bool = False
    user: str = ""
    redefines: Callable[[int], None] = lambda version: None


@dataclass(frozen=True)
class CloneMetrics:
    """The row that a CLONE statement returns; sizes in bytes."""

    source_table_size: int
    source_num_of_files: int
    num_removed_files: int
    num_copied_files: int
    removed_files_size: int
    copied_files_size: int

    def for_history(self) -> dict[str, int]:
        """The same figures as DESCRIBE HISTORY names them."""
        return {
            "sourceTableSize": self.source_table_size,
            "sourceNumOfFiles": self.source_num_of_files,
            "numRemovedFiles": self.num_removed_files,
            "numCopiedFiles": self.num_copied_files,
            "removedFilesSize": self.removed_files_size,
            "copiedFilesSize": self.copied_files_size,
        }


def clone(source: Snapshot, target: Path, spec: CloneSpec) -> CloneMetrics:
    """Make the table in `target` (created if missing) equal to `source`.

    No commit is made when the last operation already is a clone of this very version and nothing differs.
    Raises SqlError for a changed column mapping mode and for features that cannot be read.
    """
    log.require_readable(source)
    with table_lock(target):
        current = log.snapshot(target) if log.exists(target) else None
        if current is not None:
            _refuse_mapping_change(source, current)
        wanted = {identity(held): (held, add) for add in source.files.values() for held in [_inside(add)]}
        known = {} if current is None else {identity(add): add for add in current.files.values()}
        pairs = [pair for key, pair in wanted.items() if key not in known]
        copied = [held for held, _ in pairs]
        removed = [add for key, add in known.items() if key not in wanted]
        metrics = CloneMetrics(
            source.size,
            len(source.files),
            len(removed),
            len(copied),
            sum(add["size"] for add in removed),
            sum(add["size"] for add in copied),
        )
        definition = _definition(source, current, spec)
        if not (copied or removed or definition) and _is_last(target, source, spec):
            return metrics
        _link_all(source.path, target, pairs)
        actions = [*definition]
        actions += [commit.remove_action(add) for add in removed]
        actions += [{"add": add | {"dataChange": True}} for add in copied]
        parameters = {"source": spec.source_name, "sourceVersion": source.version, "isShallow": spec.shallow}
        version = 0 if current is None else current.version + 1
        if definition and current is not None:
            spec.redefines(version)
        operation = commit.Operation("CLONE", parameters, metrics.for_history(), spec.user)
        commit.commit(target, version, actions, operation)
    return metrics


def _refuse_mapping_change(source: Snapshot, current: Snapshot) -> None:
    key = "delta.columnMapping.mode"
    old, new = current.properties.get(key, "none"), source.properties.get(key, "none")
    if old != new:
        message = f"Changing column mapping mode from '{old}' to '{new}' is not supported."
        raise SqlError("DELTA_UNSUPPORTED_COLUMN_MAPPING_MODE_CHANGE", "0AKDC", message)


def _definition(source: Snapshot, current: Snapshot | None, spec: CloneSpec) -> list[Json]:
    """The protocol, metaData and domain actions that are needed to define the target as the source is.

    The target keeps its own table id and comment: Databricks documents that a clone does not carry the comment.
    """
    carried = {key: value for key, value in source.properties.items() if key not in _OF_ONE_LOG}
    properties = {**carried, **spec.overrides}
    value = commit.metadata_action(source.schema, source.partition_columns, properties)["metaData"]
    value["schemaString"] = source.metadata["schemaString"]
    kept = ("id", "createdTime", "description") if current is not None else ()
    value |= {key: current.metadata[key] for key in kept if current is not None and key in current.metadata}
    known_protocol = None if current is None else current.protocol
    protocol = source.protocol
    if spec.overrides or known_protocol is not None:
        protocol = commit.protocol_for(source.schema, properties, _merged(source.protocol, known_protocol))
    actions: list[Json] = []
    if current is None or protocol != current.protocol:
        actions.append({"protocol": protocol})
    if current is None or value != current.metadata | {"format": value["format"]}:
        actions.append({"metaData": value})
    known = {} if current is None else current.domains
    actions += [{"domainMetadata": item} for name, item in source.domains.items() if known.get(name) != item]
    gone = [item for name, item in known.items() if name not in source.domains]
    actions += [{"domainMetadata": item | {"removed": True}} for item in gone]
    return actions


def _merged(source: Json, target: Json | None) -> Json:
    """The higher of two protocols: a clone never downgrades its target."""
    if target is None or target == source:
        return source
    merged: Json = {key: max(source[key], target[key]) for key in ("minReaderVersion", "minWriterVersion")}
    for key in ("readerFeatures", "writerFeatures"):
        features = set(source.get(key) or []) | set(target.get(key) or [])
        if features:
            merged[key] = sorted(features)
    return merged


def _is_last(target: Path, source: Snapshot, spec: CloneSpec) -> bool:
    return history.last_clone_source(target) == (spec.source_name, source.version)


def _inside(add: Json) -> Json:
    """A file as the target holds it: what the source names by an absolute path (itself a shallow clone) comes along."""
    if not urllib.parse.urlsplit(add["path"]).scheme:
        return add
    parent, _, name = add["path"].rpartition("/")
    folder = hashlib.sha256(parent.encode()).hexdigest()[:8]
    return moved_vector(add | {"path": f"{folder}/{name}"}, folder)


def _files(pairs: list[tuple[Json, Json]], source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """(origin, destination) of data files and of the deletion vectors beside them."""
    for held, add in pairs:
        yield log.file_of(source, add["path"]), log.file_of(target, held["path"])
        vector, copy = vector_file(source, add), vector_file(target, held)
        if vector is not None and copy is not None:
            yield vector, copy


def _link_all(source: Path, target: Path, pairs: list[tuple[Json, Json]]) -> None:
    folders: set[Path] = set()
    for origin, destination in _files(pairs, source, target):
        if destination.parent not in folders:
            destination.parent.mkdir(parents=True, exist_ok=True)
            folders.add(destination.parent)
        _link(origin, destination)
    require_room("data")


def _link(origin: Path, destination: Path) -> None:
    """Hard-link a file, or copy it to another file system; a file left behind by a removed version is replaced."""
    try:
        os.link(origin, destination)
    except FileExistsError:
        if not os.path.samefile(origin, destination):
            _replace(origin, destination)
    except FileNotFoundError:
        message = f"File {origin.as_uri()} referenced in the transaction log cannot be found."
        raise SqlError("DELTA_FILE_NOT_FOUND_DETAILED", "42K03", message) from None
    except OSError:
        _replace(origin, destination)


def _replace(origin: Path, destination: Path) -> None:
    temporary = destination.parent / f".{uuid.uuid4()}.tmp"
    shutil.copyfile(origin, temporary)
    os.replace(temporary, destination)
