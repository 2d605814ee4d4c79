"""The open Delta Sharing protocol: what the holder of a recipient's token lists and reads.

The protocol and its two response formats are those that the Delta Sharing project documents; the codes of refusals are
those that Databricks documents for its shares.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicator.emulator import open_sharing_files as files
from replicator.emulator import recipient_tokens, sharing_filters
from replicator.emulator.delta import log
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import ApiError, SqlError, invalid, not_found
from replicator.emulator.metastore import Doc
from replicator.emulator.paging import decode, encode
from replicator.emulator.routing import Request, Response
from replicator.emulator.shared_catalogs import schemas_of, tables_of
from replicator.emulator.sql import names

_PAGE = 500
_NDJSON = "application/x-ndjson; charset=utf-8"
_CAPABILITIES = "delta-sharing-capabilities"


@dataclass(frozen=True)
class Shared:
    """A table as one recipient sees it."""

    recipient: Doc
    item: Doc  # the object in the share
    source: Doc  # the provider's table

    @property
    def full_name(self) -> str:
        """The name for messages."""
        return str(self.source["full_name"])

    @property
    def history(self) -> bool:
        """Whether older versions are shared; Databricks documents that schemas always share them."""
        return self.item["data_object_type"] == "SCHEMA" or self.item.get("history_data_sharing_status") == "ENABLED"

    @property
    def changes(self) -> bool:
        """Whether the change data feed is shared."""
        return self.item["data_object_type"] == "SCHEMA" or bool(self.item.get("cdf_enabled")) or self.history

    @property
    def first(self) -> int:
        """The oldest version that is shared."""
        return int(self.item.get("start_version") or 0)

    def visible(self, action: Doc) -> bool:
        """Whether the partitions that are shared hold a file."""
        partitions = self.item.get("partitions") or ()
        properties = (self.recipient.get("properties_kvpairs") or {}).get("properties") or {}
        return sharing_filters.in_partitions(partitions, properties, action.get("partitionValues") or {})


# ---- lists


def list_shares(request: Request) -> Doc:
    """GET shares."""
    return _page(request, [_share_item(request, share) for share in _shares(request, _recipient(request))])


def get_share(request: Request) -> Doc:
    """GET shares/{share}."""
    return {"share": _share_item(request, _share(request)[1])}


def list_schemas(request: Request) -> Doc:
    """GET shares/{share}/schemas."""
    _, share = _share(request)
    found = sorted(schemas_of(request.session, share))
    return _page(request, [{"name": name, "share": share["name"]} for name in found])


def list_tables(request: Request) -> Doc:
    """GET shares/{share}/schemas/{schema}/tables."""
    _, share = _share(request)
    return _page(request, _table_items(request, share, _schema(request, share)))


def list_all_tables(request: Request) -> Doc:
    """GET shares/{share}/all-tables."""
    _, share = _share(request)
    schemas = sorted(schemas_of(request.session, share))
    return _page(request, [item for schema in schemas for item in _table_items(request, share, schema)])


def _page(request: Request, items: Sequence[Doc]) -> Doc:
    """A page of `items`; its token is the position behind it."""
    size = request.number("maxResults")
    size = _PAGE if size is None else min(size, _PAGE)
    token = decode(request.query.get("pageToken", "")) or "0"
    if not token.isdigit():
        raise invalid("Invalid page token.")
    start = int(token)
    more = {"nextPageToken": encode(str(start + size))} if start + size < len(items) else {}
    return {"items": items[start : start + size]} | more


def _share_item(request: Request, share: Doc) -> Doc:
    return {"name": share["name"], "id": _share_id(request, share)}


def _share_id(request: Request, share: Doc) -> str:
    """Databricks' share documents hold no id; the protocol wants one that stays."""
    metastore = request.workspace.metastore.metastore_id
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{metastore}/{share['name']}/{share['created_at']}"))


def _table_items(request: Request, share: Doc, schema: str) -> list[Doc]:
    found = dict(tables_of(request.session, share, schema))
    common = {"schema": schema, "share": share["name"], "shareId": _share_id(request, share)}
    readable = {name: source for name, (_, source) in found.items() if "_path" in source}
    return [{"name": name, "id": readable[name]["table_id"], **common} for name in sorted(readable)]


# ---- who and what


def _recipient(request: Request) -> Doc:
    """The recipient behind the request's token. Raises ApiError 401, 403, 404 for another metastore's id."""
    workspace = request.workspace
    if request.args["metastore_id"] != workspace.metastore.metastore_id:
        raise not_found("metastore", request.args["metastore_id"])
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    found = recipient_tokens.recipient_of(workspace.store, workspace.metastore.name, given, request.client)
    request.log["principal"] = f"recipient {found['name']}"
    # What a share shows does not depend on a user of the provider's workspace: its rules see the owner.
    request.principal = workspace.metastore.owner
    return found


def _shares(request: Request, recipient: Doc) -> Iterable[Doc]:
    """Shares on which the recipient has SELECT, opened, by name."""
    s = request.session
    for share in s.store.list(s.ms, "share"):
        if s.store.get(s.ms, "share_grant", share["name"], recipient["name"]) is not None:
            yield share | {"_metastore": s.ms}


def _share(request: Request) -> tuple[Doc, Doc]:
    recipient = _recipient(request)
    for share in _shares(request, recipient):
        if share["name"] == request.args["share"].lower():
            return recipient, share
    raise _missing("Share", request.args["share"])


def _schema(request: Request, share: Doc) -> str:
    schema = request.args["schema"].lower()
    if schema not in schemas_of(request.session, share):
        raise _missing("Schema", f"{share['name']}.{schema}")
    return schema


def _table(request: Request) -> Shared:
    recipient, share = _share(request)
    schema, table = _schema(request, share), request.args["table"].lower()
    for name, (item, source) in tables_of(request.session, share, schema, table):
        if name == table:
            if "_path" not in source:
                message = f"Table '{schema}.{name}' is a view, which the emulator shares with other metastores only."
                raise ApiError(400, "DS_UNSUPPORTED_TABLE_TYPE", message)
            return Shared(recipient, item, source)
    raise _missing("Table", f"{share['name']}.{schema}.{table}")


def _missing(kind: str, name: str) -> ApiError:
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{kind} '{name}' does not exist, or is not shared with you.")


# ---- tables


def _answering(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """The handler, with refusals of the Delta log as the protocol's 400."""

    def handle(request: Request) -> Response:
        try:
            return handler(request)
        except SqlError as error:
            raise ApiError(400, error.error_class, error.message) from error

    return handle


@_answering
def version(request: Request) -> Response:
    """GET tables/{table}/version?startingTimestamp=, and HEAD tables/{table}: the version is in the header."""
    shared = _table(request)
    path = Path(shared.source["_path"])
    start = request.query.get("startingTimestamp")
    found = log.latest_version(path) if start is None else _version_from(path, names.parse_timestamp(start))
    return Response(200, b"", headers={"Delta-Table-Version": str(found)})


@_answering
def metadata(request: Request) -> Response:
    """GET tables/{table}/metadata: protocol and schema of the latest version."""
    shared = _table(request)
    state = log.snapshot(Path(shared.source["_path"]))
    layout = files.layout(request.headers.get(_CAPABILITIES, ""), shared.full_name, state)
    return _lines(state.version, layout, [layout.protocol(state), layout.metadata(state, _shown(shared, state))])


@_answering
def query(request: Request) -> Response:
    """POST tables/{table}/query: links to the files of a version, or with `startingVersion` what was added since."""
    shared, body = _table(request), request.json
    if body.get("startingVersion") is not None:
        return _changes_since(request, shared, _number(body, "startingVersion"))
    state, travelled = _state(shared, body)
    layout = files.layout(request.headers.get(_CAPABILITIES, ""), shared.full_name, state)
    keep = sharing_filters.hints(body.get("predicateHints"), body.get("jsonPredicateHints"))
    actions = [add for add in state.files.values() if shared.visible(add) and keep(add.get("partitionValues") or {})]
    link = files.linker(request, state)
    lines = [layout.protocol(state), layout.metadata(state, _shown(shared, state), versioned=travelled)]
    for add in files.limited(actions, body.get("limitHint")):
        lines.append(layout.file(link(add), "add", state if travelled else None))
    return _lines(state.version, layout, lines)


@_answering
def changes(request: Request) -> Response:
    """GET tables/{table}/changes: the change data feed between two versions or timestamps, both inclusive."""
    shared = _table(request)
    if not shared.changes:
        message = (
            f"Unable to access change data feed for {shared.full_name}. CDF is not shared on the table."
            " Please contact your data provider."
        )
        raise ApiError(400, "DS_CDF_NOT_SHARED", message)
    path = Path(shared.source["_path"])
    first, last = _range(request, path)
    _require_shared(shared, first)
    history = request.query.get("includeHistoricalMetadata", "").lower() == "true"
    states = [log.snapshot(path, number) for number in range(first, last + 1)]
    off = [state.version for state in states if state.properties.get(files.FEED, "").lower() != "true"]
    if off:
        message = (
            f"Unable to access change data feed for {shared.full_name}. CDF is not enabled on the original delta table"
            f" for version(s) {', '.join(map(str, off))}. Please contact your data provider."
        )
        raise ApiError(400, "DS_CDF_NOT_ENABLED", message)
    return _change_lines(request, shared, states, feed=True, history=history)


def _changes_since(request: Request, shared: Shared, first: int) -> Response:
    """What a stream reads: added and removed files of every version from `first` on."""
    _require_history(shared)
    _require_shared(shared, first)
    path = Path(shared.source["_path"])
    latest = log.latest_version(path)
    if first > latest:
        raise invalid(f"Provided start version({first}) for reading data is greater than the latest version {latest}.")
    states = [log.snapshot(path, number) for number in range(first, latest + 1)]
    return _change_lines(request, shared, states, feed=False, history=True)


def _change_lines(request: Request, shared: Shared, states: list[Snapshot], *, feed: bool, history: bool) -> Response:
    newest = states[-1]
    layout = files.layout(request.headers.get(_CAPABILITIES, ""), shared.full_name, newest)
    begin = states[0] if history else newest
    lines = [layout.protocol(newest), layout.metadata(begin, _shown(shared, begin), versioned=True)]
    before = states[0]
    for state in states:
        if history and state.metadata != before.metadata:
            lines.append(layout.metadata(state, _shown(shared, state), versioned=True))
        before = state
        link = files.linker(request, state)
        for kind, action in files.changed(state, feed=feed):
            if shared.visible(action):
                lines.append(layout.file(link(action), kind, state, change=True))
    return _lines(states[0].version, layout, lines)


def _range(request: Request, path: Path) -> tuple[int, int]:
    latest = log.latest_version(path)
    start, end = request.number("startingVersion"), request.number("endingVersion")
    if start is None and "startingTimestamp" not in request.query:
        raise ApiError(400, "DS_CDF_RPC_INVALID_PARAMETER", "No startingVersion or startingTimestamp provided for CDF.")
    if start is None:
        start = _version_from(path, names.parse_timestamp(request.query["startingTimestamp"]))
    if end is None:
        until = request.query.get("endingTimestamp")
        end = latest if until is None else _version_until(path, names.parse_timestamp(until), latest)
    if not start <= end <= latest:
        message = f"CDF range from start {start} to end {end} was invalid: the latest version is {latest}."
        raise ApiError(400, "DS_CDF_RPC_INVALID_PARAMETER", message)
    return start, end


def _version_from(path: Path, moment: int) -> int:
    """The first version committed at or after a moment (ms)."""
    found = [number for number in log.commit_versions(path) if log.commit_timestamp(path, number) >= moment]
    if not found:
        raise invalid("The provided timestamp is after the latest version of the table.")
    return found[0]


def _version_until(path: Path, moment: int, latest: int) -> int:
    """The last version committed before or at a moment (ms)."""
    newest = log.commit_timestamp(path, latest)
    return latest if moment >= newest else log.version_at(path, moment)


def _state(shared: Shared, body: Doc) -> tuple[Snapshot, bool]:
    """The version that a query asks for, and whether it asked for one at all."""
    path = Path(shared.source["_path"])
    number, moment = body.get("version"), body.get("timestamp")
    if number is None and moment is None:
        return log.snapshot(path), False
    if number is not None and moment is not None:
        raise invalid("Please either provide version or timestamp, not both.")
    _require_history(shared)
    wanted = (
        _number(body, "version") if number is not None else log.version_at(path, names.parse_timestamp(str(moment)))
    )
    _require_shared(shared, wanted)
    return log.snapshot(path, wanted), True


def _number(body: Doc, field: str) -> int:
    value = body[field]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise invalid(f"{field} must be a non-negative number.")
    return value


def _require_history(shared: Shared) -> None:
    if not shared.history:
        message = (
            f"Time travel query is not permitted unless history is shared on table(s) {shared.full_name}."
            " Contact your data provider for more details."
        )
        raise ApiError(400, "DS_TIME_TRAVEL_NOT_PERMITTED", message)


def _require_shared(shared: Shared, wanted: int) -> None:
    if wanted < shared.first:
        raise invalid(f"You can only query table data since version {shared.first}.")


def _shown(shared: Shared, state: Snapshot) -> list[Doc]:
    """The live files that the recipient may see: what sizes and counts are about."""
    return [add for add in state.files.values() if shared.visible(add)]


def _lines(number: int, layout: files.Layout, lines: Iterable[Any]) -> Response:
    text = "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)
    headers = {"Delta-Table-Version": str(number), "Delta-Sharing-Capabilities": f"responseformat={layout.name}"}
    return Response(200, text.encode(), _NDJSON, headers)
