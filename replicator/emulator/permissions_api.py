"""REST: permissions on warehouses and pipelines. They are kept and shown; only those of Unity Catalog bind."""

from __future__ import annotations

from collections.abc import Mapping

from replicator.emulator.errors import ApiError, denied, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.principals import require
from replicator.emulator.routing import Request, Route
from replicator.emulator.session import Session

_OBJECT = "/api/2.0/permissions/{object_type}/{object_id}"
# object type in the path -> (kind of the document, level of its creator, levels from the least to the most)
_TYPES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "warehouses": ("warehouse", "IS_OWNER", ("CAN_VIEW", "CAN_MONITOR", "CAN_USE", "CAN_MANAGE", "IS_OWNER")),
    "pipelines": ("pipeline", "IS_OWNER", ("CAN_VIEW", "CAN_RUN", "CAN_MANAGE", "IS_OWNER")),
}
_NAMES = ("user_name", "group_name", "service_principal_name")


def get_permissions(request: Request) -> Doc:
    """GET permissions/{object_type}/{object_id}."""
    return _shown(request, _stored(request))


def get_levels(request: Request) -> Doc:
    """GET permissions/{object_type}/{object_id}/permissionLevels."""
    levels = _type(request)[2]
    return {"permission_levels": [{"permission_level": level, "description": level.lower()} for level in levels]}


def set_permissions(request: Request) -> Doc:
    """PUT permissions/{object_type}/{object_id}: replaces all of them."""
    return _change(request, {})


def update_permissions(request: Request) -> Doc:
    """PATCH permissions/{object_type}/{object_id}: replaces those of the principals named."""
    return _change(request, _stored(request))


def _change(request: Request, kept: dict[str, str]) -> Doc:
    s, levels = request.session, _type(request)[2]
    _exists(request)
    if not s.is_admin:
        raise denied(f"{s.principal} does not have CAN_MANAGE on {request.args['object_id']}.")
    given = request.json.get("access_control_list")
    for item in given if isinstance(given, list) else []:
        name = next((f"{field}:{item[field]}" for field in _NAMES if isinstance(item, dict) and item.get(field)), None)
        if name is None or item.get("permission_level") not in levels:
            raise invalid(f"Each entry needs one of {', '.join(_NAMES)} and a permission_level of {', '.join(levels)}.")
        require(s, name.partition(":")[2])
        kept[name] = item["permission_level"]
    s.store.put(s.ms, "permissions", request.args["object_type"], request.args["object_id"], doc=dict(kept))
    return _shown(request, kept)


def _stored(request: Request) -> dict[str, str]:
    doc, s = _exists(request), request.session
    owner = doc.get("creator_name") or doc.get("creator_user_name") or s.metastore.owner
    default = {f"user_name:{owner}": _type(request)[1]}
    return s.store.get(s.ms, "permissions", request.args["object_type"], request.args["object_id"]) or default


def _shown(request: Request, kept: Mapping[str, str]) -> Doc:
    entries = []
    for name, level in sorted(kept.items()):
        field, _, principal = name.partition(":")
        granted = [{"permission_level": level, "inherited": False}]
        entries.append({field: principal, "display_name": principal, "all_permissions": granted})
    kind, object_id = request.args["object_type"], request.args["object_id"]
    path = f"/sql/{kind}/{object_id}" if kind == "warehouses" else f"/{kind}/{object_id}"
    return {"object_id": path, "object_type": kind, "access_control_list": entries}


def _type(request: Request) -> tuple[str, str, tuple[str, ...]]:
    kind = request.args["object_type"]
    if kind not in _TYPES:
        raise invalid(f"Permissions of {kind} are not supported by the emulator.")
    return _TYPES[kind]


def _exists(request: Request) -> Doc:
    s: Session = request.session
    doc = s.store.get(s.ms, _type(request)[0], request.args["object_id"])
    if doc is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{request.args['object_id']} does not exist.")
    return doc


ROUTES = (
    Route("GET", _OBJECT, get_permissions),
    Route("PUT", _OBJECT, set_permissions),
    Route("PATCH", _OBJECT, update_permissions),
    Route("GET", f"{_OBJECT}/permissionLevels", get_levels),
)
