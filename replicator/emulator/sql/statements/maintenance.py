"""OPTIMIZE, VACUUM, RESTORE, ANALYZE, REORG, FSCK."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from replicator.emulator import engine
from replicator.emulator.delta import commit, log, read, types, write
from replicator.emulator.delta.deletion_vectors import KEY, identity, vector_file
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.session import Session
from replicator.emulator.sql import commits, names, rows
from replicator.emulator.sql.names import Travel
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import (
    Result,
    Statement,
    rows_of,
    texts,
)
from replicator.emulator.sql.statement import (
    read as read_statement,
)
from replicator.emulator.sql.statement import (
    write as write_statement,
)
from replicator.emulator.sql.statements.clone import read_travel

Json = dict[str, Any]

_DEFAULT_RETENTION_HOURS = 168


# ---- OPTIMIZE


def parse_optimize(reader: Reader) -> Statement:
    """OPTIMIZE t [FULL] [WHERE condition] [ZORDER BY (…)]."""
    reader.expect("OPTIMIZE")
    name = reader.name()
    reader.accept("FULL")
    condition = reader.text_until(("ZORDER", "BY")) if reader.accept("WHERE") else None
    order = tuple(reader.in_parentheses(reader.identifier)) if reader.accept("ZORDER", "BY") else ()
    reader.finish()
    return Statement("OPTIMIZE", True, lambda s: _optimize(s, name, condition, order))


def _optimize(s: Session, name: Name, condition: str | None, order: tuple[str, ...]) -> Result:
    with names.writing(s, name) as (_, state):
        files = _small_files(s, state, condition, bool(order))
        parameters = {"predicate": "[]", "zOrderBy": list(order), "auto": False}
        adds = _rewrite(s, state, files, "OPTIMIZE", parameters, order)
    figures = {"numFilesAdded": len(adds), "numFilesRemoved": len(files)}
    figures["totalConsideredFiles"] = len(state.files)
    row = (str(state.path.as_uri()), figures)
    kind = pa.struct([(key, pa.int64()) for key in figures])
    return Result(rows_of([("path", pa.string()), ("metrics", kind)], [row]), kind="OPTIMIZE")


def _rewrite(
    s: Session, state: Snapshot, files: dict[str, Json], operation: str, parameters: Json, order: tuple[str, ...] = ()
) -> list[Json]:
    """Replace files by as few as hold their rows; the files that were added."""
    if not files:
        return []
    with engine.connect({"t": read.relation(state, files)}) as connection:
        keys = ", ".join(types.quote(item) for item in order or names.clustering_of(state))
        rows_in_order = "FROM t" + (f" ORDER BY {keys}" if keys else "")
        adds = write.write_rows(connection, rows_in_order, state.path, state.schema, state.partition_columns)
    metrics = {
        "numRemovedFiles": len(files),
        "numAddedFiles": len(adds),
        "numRemovedBytes": sum(add["size"] for add in files.values()),
        "numAddedBytes": sum(add["size"] for add in adds),
    }
    removes = list(files.values())
    commits.commit_change(s, state, operation, parameters, metrics, adds=adds, removes=removes, data_change=False)
    return adds


def _small_files(s: Session, state: Snapshot, condition: str | None, forced: bool) -> dict[str, Json]:
    """Files worth rewriting: partitions with more than one file, or everything for an explicit order."""
    chosen = dict(state.files)
    if condition is not None:
        test = rows.expression(s, condition)
        with engine.connect({"t": read.relation(state, row_ids=True)}) as connection:
            found = connection.execute(f"SELECT DISTINCT {read.FILE} FROM t WHERE {test}").fetchall()
        paths = list(state.files)
        chosen = {paths[index]: state.files[paths[index]] for (index,) in sorted(found)}
    groups: dict[str, dict[str, Json]] = {}
    for path, add in chosen.items():
        groups.setdefault(str(sorted((add.get("partitionValues") or {}).items())), {})[path] = add
    return {path: add for group in groups.values() if forced or len(group) > 1 for path, add in group.items()}


# ---- VACUUM


def parse_vacuum(reader: Reader) -> Statement:
    """VACUUM t [FULL | LITE] [RETAIN n HOURS] [DRY RUN]."""
    reader.expect("VACUUM")
    name = reader.name()
    reader.accept_any("FULL", "LITE")
    hours = reader.number() if reader.accept("RETAIN") else None
    if hours is not None:
        reader.expect("HOURS")
    dry = reader.accept("DRY", "RUN")
    reader.finish()
    return Statement("VACUUM", not dry, lambda s: _vacuum(s, name, hours, dry))


def _vacuum(s: Session, name: Name, hours: int | None, dry: bool) -> Result:
    with names.writing(s, name) as (_, state):
        checked = s.conf.get("spark.databricks.delta.retentiondurationcheck.enabled", "true").lower() == "true"
        if hours is not None and hours < _DEFAULT_RETENTION_HOURS and checked:
            message = (
                "Are you sure you would like to vacuum files with such a low retention period? If you have writers that"
                " are currently writing to this table, there is a risk that you may corrupt the state of your table."
            )
            raise SqlError("DELTA_VACUUM_RETENTION_PERIOD_TOO_SHORT", "22003", message)
        gone = _unreferenced(state, _DEFAULT_RETENTION_HOURS if hours is None else hours)
        if dry:
            return Result(texts(("path",), [(path.as_uri(),) for path in gone]), kind="VACUUM")
        size = sum(path.stat().st_size for path in gone)
        parameters = {"retentionCheckEnabled": checked, "defaultRetentionMillis": _DEFAULT_RETENTION_HOURS * 3_600_000}
        metrics = {"numFilesToDelete": len(gone), "sizeOfDataToDelete": size}
        after = commits.commit_change(s, state, "VACUUM START", parameters, metrics)
        for path in gone:
            path.unlink(missing_ok=True)
        done = {"numDeletedFiles": len(gone), "numVacuumedDirectories": 1}
        commits.commit_change(s, after, "VACUUM END", {"status": "COMPLETED"}, done)
    return Result(texts(("path",), [(state.path.as_uri(),)]), kind="VACUUM")


def _unreferenced(state: Snapshot, hours: int) -> list[Path]:
    """Data files that no version within the retention needs."""
    limit = time.time() * 1000 - hours * 3_600_000
    needed = {file for add in state.files.values() for file in _files_of(state, add)}
    for version in log.commit_versions(state.path):
        for action in log.commit_actions(state.path, version):
            if "remove" in action and action["remove"].get("deletionTimestamp", 0) > limit:
                needed.update(_files_of(state, action["remove"]))
    found = []
    for folder, children, files in os.walk(state.path):
        children[:] = [
            name for name in children if name != log.LOG and (not name.startswith("_") or name == write.CHANGE_DATA)
        ]
        for name in files:
            path = Path(folder) / name
            old = path.stat().st_mtime * 1000 <= limit
            if path not in needed and old and not name.startswith((".", "_")):
                found.append(path)
    return sorted(found)


def _files_of(state: Snapshot, action: Json) -> list[Path]:
    """The data file of an action and the file of its deletion vector."""
    vector = vector_file(state.path, action)
    return [log.file_of(state.path, action["path"]), *([] if vector is None else [vector])]


# ---- RESTORE


def parse_restore(reader: Reader) -> Statement:
    """RESTORE [TABLE] t [TO] {VERSION | TIMESTAMP} AS OF …."""
    reader.expect("RESTORE")
    reader.accept("TABLE")
    name = reader.name()
    reader.accept("TO")
    travel = read_travel(reader)
    if not travel.used:
        raise reader.error("VERSION AS OF or TIMESTAMP AS OF")
    reader.finish()
    return Statement("RESTORE", True, lambda s: _restore(s, name, travel))


def _restore(s: Session, name: Name, travel: Travel) -> Result:
    with names.writing(s, name) as (doc, state):
        wanted = names.snapshot_of(doc, travel)
        now = {identity(add): add for add in state.files.values()}
        then = {identity(add): add for add in wanted.files.values()}
        removes = [add for key, add in now.items() if key not in then]
        adds = [add for key, add in then.items() if key not in now]
        for add in adds:
            if not log.file_of(state.path, add["path"]).exists():
                message = (
                    f"RESTORE to version {wanted.version} is not possible: {add['path']} has been deleted by VACUUM."
                )
                raise SqlError("DELTA_MISSING_FILES_UNEXPECTED_VERSION", "42K03", message)
        definition: list[Json] = []
        if wanted.metadata != state.metadata:
            properties = wanted.properties
            protocol = commit.protocol_for(wanted.schema, properties, state.protocol)
            definition = [{"metaData": wanted.metadata}]
            if protocol != state.protocol:
                definition.insert(0, {"protocol": protocol})
        figures = {
            "table_size_after_restore": wanted.size,
            "num_of_files_after_restore": len(wanted.files),
            "num_removed_files": len(removes),
            "num_restored_files": len(adds),
            "removed_files_size": sum(add["size"] for add in removes),
            "restored_files_size": sum(add["size"] for add in adds),
        }
        parameters = {"version": travel.version, "timestamp": travel.timestamp}
        metrics = {_camel(key): value for key, value in figures.items()}
        after = commits.commit_change(
            s, state, "RESTORE", parameters, metrics, adds=adds, removes=removes, definition=definition
        )
        if definition:
            names.publish(s, doc, after)
    table = rows_of([(key, pa.int64()) for key in figures], [list(figures.values())])
    return Result(table, kind="RESTORE")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


# ---- the rest


def parse_analyze(reader: Reader) -> Statement:
    """ANALYZE TABLE t COMPUTE …: statistics are always there, so that only the table is checked."""
    reader.expect("ANALYZE", "TABLE")
    name = reader.name()
    reader.rest()
    return write_statement("ANALYZE", lambda s: names.lookup(s, name))


def parse_reorg(reader: Reader) -> Statement:
    """REORG TABLE t [WHERE condition] APPLY (PURGE): rewrite the files from which deletion vectors take rows."""
    reader.expect("REORG", "TABLE")
    name = reader.name()
    condition = reader.text_until(("APPLY",)) if reader.accept("WHERE") else None
    reader.expect("APPLY")
    reader.parenthesised()
    return write_statement("REORG", lambda s: _purge(s, name, condition))


def _purge(s: Session, name: Name, condition: str | None) -> None:
    with names.writing(s, name) as (_, state):
        chosen = _small_files(s, state, condition, True)
        files = {path: add for path, add in chosen.items() if add.get(KEY)}
        _rewrite(s, state, files, "REORG", {"predicate": "[]", "applyPurge": True})


def parse_fsck(reader: Reader) -> Statement:
    """FSCK REPAIR TABLE t [DRY RUN]: drop log entries whose file is gone."""
    reader.expect("FSCK", "REPAIR", "TABLE")
    name = reader.name()
    dry = reader.accept("DRY", "RUN")
    reader.finish()
    if dry:
        return read_statement("FSCK", lambda s: _missing(names.snapshot_of(names.lookup(s, name)))[1])
    return Statement("FSCK", True, lambda s: _fsck(s, name))


def _missing(state: Snapshot) -> tuple[list[Json], pa.Table]:
    gone = [add for path, add in state.files.items() if not log.file_of(state.path, path).exists()]
    return gone, texts(("dataFilePath",), [(add["path"],) for add in gone])


def _fsck(s: Session, name: Name) -> Result:
    with names.writing(s, name) as (_, state):
        gone, table = _missing(state)
        if gone:
            commits.commit_change(s, state, "FSCK", {}, {"numRemovedFiles": len(gone)}, removes=gone)
    return Result(table, kind="FSCK")
