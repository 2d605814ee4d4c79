"""REST: the metastore of this workspace, and what it allows on the whole."""

from __future__ import annotations

from replicator.emulator import grants
from replicator.emulator.errors import ApiError, denied, invalid, not_found
from replicator.emulator.metastore import Doc
from replicator.emulator.paging import paged
from replicator.emulator.principals import require
from replicator.emulator.routing import Request, Route
from replicator.emulator.session import now_ms, words
from replicator.emulator.unity import UC

_SINCE = 1_600_000_000_000  # creation time (ms) of what the system brings along
_FIELDS = words(
    "delta_sharing_organization_name delta_sharing_recipient_token_lifetime_in_seconds delta_sharing_scope"
    " external_access_enabled privilege_model_version storage_root_credential_id"
)
_SCOPES = ("INTERNAL", "INTERNAL_AND_EXTERNAL")
# System schemas and whether they are on from the beginning
_SYSTEM_SCHEMAS = {"access": False, "billing": False, "information_schema": True, "lineage": False, "storage": False}


def current_metastore(request: Request) -> Doc:
    """GET current-metastore-assignment."""
    info = request.workspace.metastore
    return {"workspace_id": info.workspace_id, "metastore_id": info.metastore_id, "default_catalog_name": "main"}


def metastore_summary(request: Request) -> Doc:
    """GET metastore_summary."""
    return _metastore(request)


def list_metastores(request: Request) -> Doc:
    """GET metastores: the one that this workspace is assigned to."""
    return paged(request, "metastores", [_metastore(request)])


def get_metastore(request: Request) -> Doc:
    """GET metastores/{id}."""
    _require_this(request, request.args["id"])
    return _metastore(request)


def update_metastore(request: Request) -> Doc:
    """PATCH metastores/{id}: the name it shows, its owner, and how it shares."""
    _require_this(request, request.args["id"])
    s, given = request.session, request.json
    if not s.is_admin:
        raise denied("User is not an owner of Metastore.")
    if given.get("delta_sharing_scope") not in (None, *_SCOPES):
        raise invalid(f"Invalid delta_sharing_scope '{given['delta_sharing_scope']}'.")
    with s.store.transaction():
        changes = {key: given[key] for key in _FIELDS if given.get(key) is not None}
        if given.get("new_name"):
            changes["name"] = given["new_name"]
        stamp = {"updated_at": now_ms(), "updated_by": s.principal}
        s.store.put(s.ms, "setting", "metastore", doc=_settings(request) | changes | stamp)
        if given.get("owner"):
            request.workspace.metastore = s.store.set_owner(s.ms, require(s, str(given["owner"])))
    return _metastore(request)


def _settings(request: Request) -> Doc:
    return request.workspace.store.get(request.workspace.metastore.name, "setting", "metastore") or {}


def _require_this(request: Request, metastore_id: str) -> None:
    if metastore_id != request.workspace.metastore.metastore_id:
        raise not_found("metastore", metastore_id)


def _metastore(request: Request) -> Doc:
    info = request.workspace.metastore
    known = {
        "metastore_id": info.metastore_id,
        "name": info.name,
        "owner": info.owner,
        "cloud": info.cloud,
        "region": info.region,
        "global_metastore_id": info.global_id,
        "privilege_model_version": "1.0",
        "delta_sharing_scope": "INTERNAL_AND_EXTERNAL",
        "delta_sharing_recipient_token_lifetime_in_seconds": 0,
        "external_access_enabled": True,
        "storage_root": info.storage_root.as_uri(),
        "created_at": _SINCE,
        "created_by": "System user",
        "updated_at": _SINCE,
        "updated_by": "System user",
    }
    return known | _settings(request)


def account_only(request: Request) -> Doc:
    """POST metastores, DELETE metastores/{id}, and assignments: an account admin's business."""
    raise denied("Only account admins can create, delete and assign metastores; the emulator has none.")


# ---- system schemas


def list_system_schemas(request: Request) -> Doc:
    """GET metastores/{metastore_id}/systemschemas."""
    _require_this(request, request.args["metastore_id"])
    enabled = _enabled(request)
    states = {True: "ENABLE_COMPLETED", False: "AVAILABLE"}
    found = [{"schema": name, "state": states[enabled[name]]} for name in sorted(enabled)]
    return paged(request, "schemas", found, by="schema")


def enable_system_schema(request: Request) -> None:
    """PUT metastores/{metastore_id}/systemschemas/{schema_name}. The schema stays empty."""
    _switch(request, on=True)


def disable_system_schema(request: Request) -> None:
    """DELETE metastores/{metastore_id}/systemschemas/{schema_name}."""
    _switch(request, on=False)


def _enabled(request: Request) -> dict[str, bool]:
    s = request.session
    changed = s.store.get(s.ms, "setting", "system_schemas") or {}
    return {name: bool(changed.get(name, on)) for name, on in _SYSTEM_SCHEMAS.items()}


def _switch(request: Request, *, on: bool) -> None:
    s, name = request.session, request.args["schema_name"]
    _require_this(request, request.args["metastore_id"])
    grants.require_manage(s, "metastore", (s.metastore.metastore_id,))
    if name not in _SYSTEM_SCHEMAS:
        raise ApiError(404, "SCHEMA_DOES_NOT_EXIST", f"System schema '{name}' does not exist.")
    with s.store.transaction():
        s.store.put(s.ms, "setting", "system_schemas", doc=_enabled(request) | {name: on})


_SYSTEM = f"{UC}/metastores/{{metastore_id}}/systemschemas"
_ASSIGNMENT = f"{UC}/workspaces/{{workspace_id}}/metastore"

ROUTES = (
    Route("GET", f"{UC}/current-metastore-assignment", current_metastore),
    Route("GET", f"{UC}/metastore_summary", metastore_summary),
    Route("GET", f"{UC}/metastores", list_metastores),
    Route("POST", f"{UC}/metastores", account_only),
    Route("GET", f"{UC}/metastores/{{id}}", get_metastore),
    Route("PATCH", f"{UC}/metastores/{{id}}", update_metastore),
    Route("DELETE", f"{UC}/metastores/{{id}}", account_only),
    Route("PUT", _ASSIGNMENT, account_only),
    Route("PATCH", _ASSIGNMENT, account_only),
    Route("DELETE", _ASSIGNMENT, account_only),
    Route("GET", _SYSTEM, list_system_schemas),
    Route("PUT", f"{_SYSTEM}/{{schema_name}}", enable_system_schema),
    Route("DELETE", f"{_SYSTEM}/{{schema_name}}", disable_system_schema),
)
