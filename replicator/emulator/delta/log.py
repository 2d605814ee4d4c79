"""Reading a Delta log: the state of a table at a version, replayed from the last checkpoint and the commits after it.

Actions stay the plain JSON objects of the Delta protocol, so that a clone can copy them verbatim.
"""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.parse
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from replicator.emulator.delta import types
from replicator.emulator.errors import SqlError

Json = dict[str, Any]

LOG = "_delta_log"
_COMMIT = re.compile(r"(\d{20})\.json\Z")
# One file, several parts, or one of the second version, whose file actions are in sidecars.
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.[0-9a-fA-F-]{36})?\.(?:parquet|json)\Z")
_SIDECARS = "_sidecars"
_STAGED = "_staged_commits"
_READABLE_FEATURES = {
    "appendOnly",
    "catalogManaged",  # readable as long as the log has everything, see `require_readable`
    "catalogOwned-preview",
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "variantShredding-preview",
    "variantType",
    "variantType-preview",
}
_WRITABLE_FEATURES = _READABLE_FEATURES | {
    "allowColumnDefaults",
    "changeDataFeed",
    "checkConstraints",
    "clustering",
    "domainMetadata",
    "generatedColumns",
    "identityColumns",
    "inCommitTimestamp",
    "invariants",
}
_NEWEST_READER, _NEWEST_WRITER = 3, 7
_CACHE_SIZE = 512
_FIRST = 16_384  # bytes


@dataclass(frozen=True)
class Snapshot:
    """A table at one version. `files` holds the live `add` actions by path, `timestamp` is in ms since the epoch."""

    path: Path
    version: int
    timestamp: int
    protocol: Json
    metadata: Json
    files: Mapping[str, Json]
    transactions: Mapping[str, Json] = field(default_factory=dict)
    domains: Mapping[str, Json] = field(default_factory=dict)
    token: tuple[int, int] = (0, 0)  # inode and mtime of the last commit: a re-created table is another table

    @cached_property
    def schema(self) -> types.Struct:
        """All columns, partition columns included."""
        return types.schema_from_string(self.metadata["schemaString"])

    @property
    def partition_columns(self) -> list[str]:
        """Names of the partition columns, in order."""
        columns: list[str] = self.metadata.get("partitionColumns") or []
        return columns

    @property
    def properties(self) -> dict[str, str]:
        """Table properties."""
        configuration: dict[str, str] = self.metadata.get("configuration") or {}
        return configuration

    @property
    def data_columns(self) -> list[types.Field]:
        """The columns that data files hold."""
        partitions = {name.lower() for name in self.partition_columns}
        return [item for item in self.schema.fields if item.name.lower() not in partitions]

    @property
    def size(self) -> int:
        """Bytes in live data files."""
        return sum(item["size"] for item in self.files.values())

    @property
    def features(self) -> list[str]:
        """Table features that the protocol names."""
        reader = self.protocol.get("readerFeatures") or []
        writer = self.protocol.get("writerFeatures") or []
        return sorted({*reader, *writer})


def file_of(table: Path, log_path: str) -> Path:
    """The data file of an `add.path`: URL-encoded and relative to the table, or an absolute URI."""
    plain = urllib.parse.unquote(log_path)
    if plain.startswith("file:"):
        return Path(urllib.parse.unquote(urllib.parse.urlparse(log_path).path))
    return table / plain


def exists(path: Path) -> bool:
    """Whether there is a Delta table in the folder."""
    return any(_COMMIT.match(name) or _CHECKPOINT.match(name) for name in _log_names(path))


def snapshot(path: Path, version: int | None = None) -> Snapshot:
    """The table at `version`, or at its latest. Raises SqlError for a missing table, version or log file."""
    base = _CACHE.base(path, version)
    if base is not None and base.version == version:
        return base
    if base is None or (version is not None and version < base.version):
        base = _from_checkpoint(path, version)
    state = _replay(path, base, version)
    if state.version < 0:
        raise SqlError("DELTA_TABLE_NOT_FOUND", "42P01", f"Delta table {path.as_uri()} doesn't exist.")
    if version is not None and state.version != version:
        raise version_not_found(path, version, state.version)
    _CACHE.keep(state)
    return state


def latest_version(path: Path) -> int:
    """The latest version of the table. A log that was not replayed lately and has all its commits is only listed."""
    if not _CACHE.knows(path):
        listed = _latest_listed(path)
        if listed is not None:
            return listed
    return snapshot(path).version


def _latest_listed(path: Path) -> int | None:
    """The latest version of a log whose commits are all there, from 0 on; None where only a replay can tell."""
    names = _log_names(path)
    commits = [name for name in names if _COMMIT.match(name)]
    newest = max(commits, default="")
    if not commits or int(newest[:20]) + 1 != len(commits):
        return None
    return None if any(name > newest and _CHECKPOINT.match(name) for name in names) else len(commits) - 1


def version_at(path: Path, timestamp: int) -> int:
    """The version that was current at `timestamp` (ms since the epoch), as TIMESTAMP AS OF resolves it."""
    versions = commit_versions(path)
    if not versions:
        raise SqlError("DELTA_TABLE_NOT_FOUND", "42P01", f"Delta table {path.as_uri()} doesn't exist.")
    stamps = [(number, commit_timestamp(path, number)) for number in versions]
    if timestamp > stamps[-1][1]:
        message = (
            f"The provided timestamp ({timestamp}) is after the latest version available to this table "
            f"({stamps[-1][1]}). Please use a timestamp before or at {stamps[-1][1]}."
        )
        raise SqlError("DELTA_TIMESTAMP_GREATER_THAN_COMMIT", "42816", message)
    candidates = [number for number, stamp in stamps if stamp <= timestamp]
    if not candidates:
        message = (
            f"The provided timestamp ({timestamp}) is before the earliest version available to this table "
            f"({stamps[0][1]}). Please use a timestamp at or after {stamps[0][1]}."
        )
        raise SqlError("DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION", "42816", message)
    return candidates[-1]


def require_readable(state: Snapshot) -> None:
    """Refuse a table whose features this reader does not know, by their names. Raises SqlError."""
    if state.protocol.get("minReaderVersion", 1) > _NEWEST_READER:
        raise _unknown_protocol(state)
    readers = set(state.protocol.get("readerFeatures") or [])
    unknown = sorted(readers - _READABLE_FEATURES)
    managed = sorted(readers & {"catalogManaged", "catalogOwned-preview"})
    if managed and _staged(state.path):
        # The newest commits are known to another catalog only: without them the rows would be old ones.
        unknown += managed
    if unknown:
        names = ", ".join(unknown)
        where = state.path.as_uri()
        message = f"Unsupported Delta read feature: table {where} requires reader table feature(s) {names}."
        raise SqlError("DELTA_UNSUPPORTED_FEATURES_FOR_READ", "56038", message)


def require_writable(state: Snapshot) -> None:
    """Refuse to write a table whose features this writer does not keep up, by their names. Raises SqlError."""
    require_readable(state)
    if state.protocol.get("minWriterVersion", 1) > _NEWEST_WRITER:
        raise _unknown_protocol(state)
    unknown = sorted(set(state.protocol.get("writerFeatures") or []) - _WRITABLE_FEATURES)
    if unknown:
        names = ", ".join(unknown)
        where = state.path.as_uri()
        message = f"Unsupported Delta write feature: table {where} requires writer table feature(s) {names}."
        raise SqlError("DELTA_UNSUPPORTED_FEATURES_FOR_WRITE", "56038", message)


def _unknown_protocol(state: Snapshot) -> SqlError:
    versions = f"({state.protocol.get('minReaderVersion')}, {state.protocol.get('minWriterVersion')})"
    message = f"Unsupported Delta protocol version: table {state.path.as_uri()} requires {versions}."
    return SqlError("DELTA_INVALID_PROTOCOL_VERSION", "KD004", message)


def _staged(path: Path) -> bool:
    try:
        return bool(os.listdir(path / LOG / _STAGED))
    except (FileNotFoundError, NotADirectoryError):
        return False


# ---- commits


def commit_file(path: Path, version: int) -> Path:
    """Where the commit of a version is."""
    return Path(_commit_name(path, version))


def _commit_name(path: Path, version: int) -> str:
    # As text: paths are put together for each commit that is read, and objects of paths cost more than the reading.
    return f"{path}/{LOG}/{version:020d}.json"


def commit_versions(path: Path) -> list[int]:
    """Versions whose commit file is still there, ascending."""
    return sorted(int(match[1]) for name in _log_names(path) if (match := _COMMIT.match(name)))


def commit_info(path: Path, version: int) -> Json:
    """The `commitInfo` action of a version, {} when the writer left none."""
    name = _commit_name(path, version)
    line = _first_line(name)
    if b'"commitInfo"' in line:
        first = json.loads(line.decode("utf-8"))
        if "commitInfo" in first:
            found: Json = first["commitInfo"]
            return found
    with open(name, encoding="utf-8") as lines:
        for text in lines:
            if '"commitInfo"' in text:
                action = json.loads(text)
                if "commitInfo" in action:
                    info: Json = action["commitInfo"]
                    return info
    return {}


def _first_line(name: str) -> bytes:
    """The first line of a file, where most writers put `commitInfo`; nothing if it is a long one.

    One read without a file object: a file is opened for each table whose history is asked for.
    """
    file = os.open(name, os.O_RDONLY)
    try:
        data = os.read(file, _FIRST)
    finally:
        os.close(file)
    line, newline, _ = data.partition(b"\n")
    return line if newline or len(data) < _FIRST else b""


def commit_actions(path: Path, version: int) -> list[Json]:
    """All actions of a version."""
    with open(_commit_name(path, version), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def commit_timestamp(path: Path, version: int) -> int:
    """When a version was committed, ms since the epoch."""
    info = commit_info(path, version)
    stamp = info.get("inCommitTimestamp", info.get("timestamp"))
    return int(stamp) if stamp is not None else int(commit_file(path, version).stat().st_mtime * 1000)


# ---- replay


def _log_names(path: Path) -> list[str]:
    try:
        return os.listdir(f"{path}/{LOG}")
    except (FileNotFoundError, NotADirectoryError):
        return []


def version_not_found(path: Path, version: int, latest: int) -> SqlError:
    """The refusal to travel to a version that is not there."""
    earliest = min(commit_versions(path), default=latest)
    message = f"Cannot time travel Delta table to version {version}. Available versions: [{earliest}, {latest}]."
    return SqlError("DELTA_VERSION_NOT_FOUND", "22003", message)


def _from_checkpoint(path: Path, version: int | None) -> Snapshot:
    """The newest checkpoint at or below `version`; an empty state at version -1 when there is none."""
    parts: dict[int, list[tuple[str, int]]] = {}
    for name in _log_names(path):
        match = _CHECKPOINT.match(name)
        if match and (version is None or int(match[1]) <= version):
            parts.setdefault(int(match[1]), []).append((name, int(match[3] or 1)))
    complete = [number for number, found in parts.items() if len(found) >= found[0][1]]
    state = Snapshot(path, -1, 0, {}, {}, {})
    if not complete:
        return state
    newest = max(complete)
    actions: list[Json] = []
    for name, _ in _one_kind(parts[newest]):
        actions += _checkpoint_actions(path / LOG / name)
    sidecars = [action["sidecar"]["path"] for action in actions if "sidecar" in action]
    for name in sidecars:
        actions += _checkpoint_actions(path / LOG / _SIDECARS / urllib.parse.unquote(name))
    return _apply(state, newest, [action for action in actions if "sidecar" not in action])


def _one_kind(found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """All parts of a checkpoint of several files; of files that are a checkpoint each, one."""
    return found if found[0][1] > 1 else found[:1]


def _replay(path: Path, base: Snapshot, version: int | None) -> Snapshot:
    state = base
    while version is None or state.version < version:
        number = state.version + 1
        try:
            actions = commit_actions(path, number)
        except FileNotFoundError:
            break
        state = _apply(state, number, actions)
    if state.version < 0 and commit_versions(path):
        name = f"{0:020d}.json"
        raise SqlError("DELTA_TRUNCATED_TRANSACTION_LOG", "42K03", f"Unable to reconstruct state: {name} is missing.")
    return state


def _apply(state: Snapshot, version: int, actions: Iterable[Json]) -> Snapshot:
    files, transactions, domains = dict(state.files), dict(state.transactions), dict(state.domains)
    protocol, metadata, stamp = state.protocol, state.metadata, None
    added: Json = {}
    for action in actions:
        kind, value = next(iter(action.items()))
        match kind:
            case "add":
                added[value["path"]] = value
            case "remove":
                files.pop(value["path"], None)
            case "metaData":
                metadata = value
            case "protocol":
                protocol = value
            case "txn":
                transactions[value["appId"]] = value
            case "domainMetadata":
                if value.get("removed"):
                    domains.pop(value["domain"], None)
                else:
                    domains[value["domain"]] = value
            case "commitInfo":
                stamp = value.get("inCommitTimestamp", value.get("timestamp"))
    # A file whose deletion vector changes is removed and added under one path, in any order.
    files |= added
    token, mtime = _stat(state.path, version)
    return Snapshot(state.path, version, int(stamp or mtime), protocol, metadata, files, transactions, domains, token)


def _stat(path: Path, version: int) -> tuple[tuple[int, int], int]:
    """Identity of a commit file and its time in ms; zeros when only the checkpoint is left."""
    try:
        found = os.stat(_commit_name(path, version))
    except FileNotFoundError:
        return (0, 0), 0
    return (found.st_ino, found.st_mtime_ns), found.st_mtime_ns // 1_000_000


def _checkpoint_actions(file: Path) -> list[Json]:
    """The actions in a checkpoint parquet file, as the JSON objects they were."""
    wanted = ("protocol", "metaData", "add", "txn", "domainMetadata", "sidecar")
    if file.suffix == ".json":
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
        return [action for action in lines if next(iter(action)) in wanted]
    present = pq.read_schema(file).names
    table = pq.read_table(file, columns=[name for name in wanted if name in present])
    actions: list[Json] = []
    for name in table.column_names:
        for value in table.column(name).drop_null().to_pylist(maps_as_pydicts="strict"):
            actions.append({name: _plain(value)})
    return actions


def _plain(value: Json) -> Json:
    """Without absent fields and without the typed copies that only checkpoints have."""
    return {
        key: _plain(item) if key in ("format", "deletionVector") and isinstance(item, dict) else item
        for key, item in value.items()
        if item is not None and not key.endswith("_parsed")
    }


class _Cache:
    """The last snapshots read, so that a repeated read only looks whether a newer commit exists."""

    def __init__(self) -> None:
        # By the text of a path, which a path keeps: its hash is put together each time.
        self._kept: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()
        self._newest: dict[str, int] = {}
        self._lock = threading.Lock()

    def knows(self, path: Path) -> bool:
        """Whether a snapshot of the table is kept."""
        with self._lock:
            return str(path) in self._newest

    def base(self, path: Path, version: int | None) -> Snapshot | None:
        """A valid snapshot to replay from: the one asked for, else the newest one known below it."""
        key = str(path)
        with self._lock:
            newest = self._newest.get(key)
            wanted = version if version is not None and (key, version) in self._kept else newest
            found = self._kept.get((key, wanted)) if wanted is not None else None
        if found is None or _stat(path, found.version)[0] != found.token or found.token == (0, 0):
            return None
        return found

    def keep(self, state: Snapshot) -> None:
        """Remember a snapshot, forgetting the one that was kept longest ago."""
        key = str(state.path)
        with self._lock:
            self._kept[key, state.version] = state
            self._kept.move_to_end((key, state.version))
            known = self._newest.get(key)
            if known is None or known < state.version or (key, known) not in self._kept:
                self._newest[key] = state.version
            while len(self._kept) > _CACHE_SIZE:
                (oldest, version), _ = self._kept.popitem(last=False)
                if self._newest.get(oldest) == version:
                    del self._newest[oldest]


_CACHE = _Cache()
