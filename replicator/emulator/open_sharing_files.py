"""Tables as lines of the Delta Sharing protocol, in its two response formats, with signed links to the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from replicator.emulator.delta import log
from replicator.emulator.delta.deletion_vectors import KEY, vector_file
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.routing import Request
from replicator.emulator.session import now_ms
from replicator.emulator.signed_links import LIFETIME, sign

Json = dict[str, Any]

FEED = "delta.enableChangeDataFeed"


@dataclass(frozen=True)
class Linked:
    """A file action with the link under which a client fetches the file. `expires` is in ms since the epoch."""

    action: Json
    url: str
    expires: int

    @property
    def id(self) -> str:
        """The same for the same file in every response, as the protocol demands."""
        return hashlib.md5(self.action["path"].encode(), usedforsecurity=False).hexdigest()


def linker(request: Request, state: Snapshot) -> Callable[[Json], Linked]:
    """A function that makes links to files of the table."""
    store, url, expires = request.workspace.store, request.workspace.url, now_ms() + LIFETIME

    def link(action: Json) -> Linked:
        vector = vector_file(state.path, action)
        if vector is not None:
            absolute = {"storageType": "p", "pathOrInlineDv": url + sign(store, vector, expires)}
            action = action | {KEY: action[KEY] | absolute}
        return Linked(action, url + sign(store, log.file_of(state.path, action["path"]), expires), expires)

    return link


def changed(state: Snapshot, *, feed: bool) -> Iterator[tuple[str, Json]]:
    """(`cdc`, `add` or `remove`, action) of one commit: its change files if there are any and a `feed` is asked for."""
    actions = log.commit_actions(state.path, state.version)
    if feed and any("cdc" in action for action in actions):
        yield from (("cdc", action["cdc"]) for action in actions if "cdc" in action)
        return
    for action in actions:
        for kind in ("add", "remove"):
            if kind in action and action[kind].get("dataChange"):
                yield kind, action[kind]


def limited(actions: Iterable[Json], limit: Any) -> Iterator[Json]:
    """As many files as hold `limit` rows; all of them if one does not say how many it holds."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise invalid("limitHint must be a non-negative number.")
    found = list(actions)
    counts = [_rows(action) for action in found]
    left = limit
    for action, rows in zip(found, counts, strict=True):
        if left is not None and None not in counts:
            if left <= 0:
                return
            left -= rows or 0
        yield action


def _rows(action: Json) -> int | None:
    stats = json.loads(action.get("stats") or "{}")
    deleted = (action.get(KEY) or {}).get("cardinality", 0)
    return int(stats["numRecords"]) - deleted if "numRecords" in stats else None


# ---- formats


@dataclass(frozen=True)
class Layout:
    """A response format: `parquet`, which every client reads, or `delta`, which passes the log's actions on."""

    name: str
    protocol: Callable[[Snapshot], Json]
    describe: Callable[[Snapshot, Json], Json]
    wrap: Callable[[Linked, str, Json, bool], Json]

    def metadata(self, state: Snapshot, files: Sequence[Json], *, versioned: bool = False) -> Json:
        """The metadata line; `files` are those that the recipient may see."""
        facts: Json = {"size": sum(item["size"] for item in files), "numFiles": len(files)}
        if versioned or self.name == "delta":
            facts["version"] = state.version
        return {"metaData": self.describe(state, facts)}

    def file(self, linked: Linked, kind: str, state: Snapshot | None, *, change: bool = False) -> Json:
        """The line of a file; `state` is the version it is reported for, if the client asked for one."""
        facts: Json = {"id": linked.id, "expirationTimestamp": linked.expires}
        if state is not None:
            facts |= {"version": state.version, "timestamp": state.timestamp}
        return self.wrap(linked, kind, facts, change)


def _describe_parquet(state: Snapshot, facts: Json) -> Json:
    known = {key: state.metadata[key] for key in ("name", "description") if state.metadata.get(key)}
    feed = {"enableChangeDataFeed": "true"} if state.properties.get(FEED, "").lower() == "true" else {}
    return {
        "id": state.metadata["id"],
        **known,
        "format": {"provider": "parquet"},
        "schemaString": state.metadata["schemaString"],
        "partitionColumns": state.partition_columns,
        "configuration": feed,
        **facts,
    }


def _wrap_parquet(linked: Linked, kind: str, facts: Json, change: bool) -> Json:
    action = linked.action
    stats = {"stats": action["stats"]} if kind == "add" and action.get("stats") else {}
    values = action.get("partitionValues") or {}
    body = {"url": linked.url, "partitionValues": values, "size": action.get("size", 0), **stats, **facts}
    # The format calls a file of the change data feed `cdf`, and one that is not about a change `file`.
    return {{"cdc": "cdf"}.get(kind, kind) if change else "file": body}


def _wrap_delta(linked: Linked, kind: str, facts: Json, change: bool) -> Json:
    return {"file": facts | {"deltaSingleAction": {kind: linked.action | {"path": linked.url}}}}


_PARQUET = Layout("parquet", lambda state: {"protocol": {"minReaderVersion": 1}}, _describe_parquet, _wrap_parquet)
_DELTA = Layout(
    "delta",
    lambda state: {"protocol": {"deltaProtocol": state.protocol}},
    lambda state, facts: facts | {"deltaMetadata": state.metadata},
    _wrap_delta,
)


def layout(capabilities: str, full_name: str, state: Snapshot) -> Layout:
    """The format for a client with these capabilities: parquet if client and table allow it.

    Raises ApiError 400 when the table has features that only the delta format carries and the client does not take it,
    SqlError for features that the emulator cannot read itself.
    """
    log.require_readable(state)
    asked = {}
    for part in capabilities.lower().split(";"):
        key, _, value = part.partition("=")
        asked[key.strip()] = {item.strip() for item in value.split(",")}
    formats = asked.get("responseformat", {"parquet"})
    needed = _advanced(state)
    if "parquet" in formats and not needed:
        return _PARQUET
    unknown = {feature.lower() for feature in needed} - asked.get("readerfeatures", set())
    if "delta" in formats and not unknown:
        return _DELTA
    message = (
        f"Unable to read shared table {full_name}: table features {', '.join(sorted(needed))} are found in version"
        f" {state.version}, which the client does not support. Please upgrade it, or contact your data provider."
    )
    raise ApiError(400, "DS_UNSUPPORTED_DELTA_TABLE_FEATURES", message)


def _advanced(state: Snapshot) -> set[str]:
    """Reader features in use: what keeps a client from reading the files as plain parquet."""
    features = set(state.protocol.get("readerFeatures") or ())
    if state.properties.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    return features
