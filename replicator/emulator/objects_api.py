"""REST: volumes, functions, permissions, tags."""

from __future__ import annotations

from collections.abc import Sequence

from replicator.emulator import grants, tags, volumes
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc, public
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Route
from replicator.emulator.securables import parts_of
from replicator.emulator.unity import UC

_VOLUMES = 10_000  # items per page, as Databricks documents it
_SIZES = {"metastore": 1, "catalog": 1, "schema": 2, "table": 3, "volume": 3, "function": 3, "model": 3}


def list_volumes(request: Request) -> Doc:
    """GET volumes?catalog_name=&schema_name=."""
    names = (request.required("catalog_name"), request.required("schema_name"))
    return paged(request, "volumes", volumes.list_in(request.session, "volume", *names), maximum=_VOLUMES)


def create_volume(request: Request) -> Doc:
    """POST volumes."""
    for field in ("catalog_name", "schema_name", "name"):
        request.text(field)
    return public(volumes.create_volume(request.session, request.json))


def get_volume(request: Request) -> Doc:
    """GET volumes/{name}."""
    return public(volumes.get(request.session, "volume", *parts_of(request.args["name"], 3)))


def update_volume(request: Request) -> Doc:
    """PATCH volumes/{name}."""
    return public(volumes.update(request.session, "volume", parts_of(request.args["name"], 3), request.json))


def delete_volume(request: Request) -> None:
    """DELETE volumes/{name}."""
    volumes.delete(request.session, "volume", parts_of(request.args["name"], 3))


def list_functions(request: Request) -> Doc:
    """GET functions?catalog_name=&schema_name=."""
    names = (request.required("catalog_name"), request.required("schema_name"))
    return paged(request, "functions", volumes.list_in(request.session, "function", *names))


def create_function(request: Request) -> Doc:
    """POST functions."""
    doc = request.json.get("function_info")
    if not isinstance(doc, dict):
        raise invalid("Missing required field: function_info")
    return public(volumes.create(request.session, "function", doc))


def get_function(request: Request) -> Doc:
    """GET functions/{name}."""
    return public(volumes.get(request.session, "function", *parts_of(request.args["name"], 3)))


def update_function(request: Request) -> Doc:
    """PATCH functions/{name}."""
    changes = {"owner": request.text("owner")}
    return public(volumes.update(request.session, "function", parts_of(request.args["name"], 3), changes))


def delete_function(request: Request) -> None:
    """DELETE functions/{name}."""
    volumes.delete(request.session, "function", parts_of(request.args["name"], 3))


# ---- permissions


def get_permissions(request: Request) -> Doc:
    """GET permissions/{securable_type}/{full_name}?principal=."""
    found = grants.direct(request.session, *_securable(request))
    return paged(request, "privilege_assignments", _of_principal(request, found), by="principal", maximum=1_000)


def update_permissions(request: Request) -> Doc:
    """PATCH permissions/{securable_type}/{full_name}."""
    changes = request.json.get("changes") or []
    found = grants.change(request.session, *_securable(request), changes)
    return {} if request.json.get("omit_permissions_in_response") else {"privilege_assignments": found}


def get_effective_permissions(request: Request) -> Doc:
    """GET effective-permissions/{securable_type}/{full_name}?principal=."""
    found = grants.effective(request.session, *_securable(request))
    return paged(request, "privilege_assignments", _of_principal(request, found), by="principal", maximum=1_000)


def list_privilege_assignments(request: Request) -> Doc:
    """GET privilege-assignments/{securable_type}/{full_name}: the same grants under another name."""
    found = _of_principal(request, grants.direct(request.session, *_securable(request)))
    return paged(request, "privilege_assignments", found, by="principal", parameter="page_size")


def list_effective_privilege_assignments(request: Request) -> Doc:
    """GET effective-privilege-assignments/{securable_type}/{full_name}."""
    found = _of_principal(request, grants.effective(request.session, *_securable(request)))
    return paged(request, "effective_privilege_assignments", found, by="principal", parameter="page_size")


def _securable(request: Request) -> tuple[str, Sequence[str]]:
    kind = grants.kind_of(request.args["securable_type"])
    parts = parts_of(request.args["full_name"], _SIZES.get(kind, 1))
    s = request.session
    # Databricks documents that a registered model is a kind of function, and clients ask for its grants as such.
    if kind == "function" and s.store.get(s.ms, kind, *parts) is None and s.store.get(s.ms, "model", *parts):
        return "model", parts
    return kind, parts


def _of_principal(request: Request, found: list[Doc]) -> list[Doc]:
    principal = request.query.get("principal")
    kept = [doc for doc in found if not principal or doc["principal"].lower() == principal.lower()]
    return sorted(kept, key=lambda doc: str(doc["principal"]))


# ---- tags


def list_tags(request: Request) -> Doc:
    """GET entity-tag-assignments/{entity_type}/{entity_name}/tags."""
    docs = tags.of(request.session, *_entity(request))
    return paged(request, "tag_assignments", sorted(docs, key=lambda doc: str(doc["tag_key"])), by="tag_key")


def create_tag(request: Request) -> Doc:
    """POST entity-tag-assignments."""
    entity_type = request.text("entity_type")
    parts = _entity_parts(entity_type, request.text("entity_name"))
    value = request.json.get("tag_value") or ""
    return public(tags.assign(request.session, entity_type, parts, request.text("tag_key"), value, create=True))


def get_tag(request: Request) -> Doc:
    """GET entity-tag-assignments/{entity_type}/{entity_name}/tags/{tag_key}."""
    return public(tags.get(request.session, *_entity(request), request.args["tag_key"]))


def update_tag(request: Request) -> Doc:
    """PATCH entity-tag-assignments/{entity_type}/{entity_name}/tags/{tag_key}?update_mask=tag_value."""
    if request.query.get("update_mask", "tag_value") not in ("tag_value", "*"):
        raise invalid(f"Invalid update_mask '{request.query['update_mask']}': only tag_value can be updated.")
    entity, key = _entity(request), request.args["tag_key"]
    tags.get(request.session, *entity, key)
    return public(tags.assign(request.session, *entity, key, request.json.get("tag_value") or ""))


def delete_tag(request: Request) -> None:
    """DELETE entity-tag-assignments/{entity_type}/{entity_name}/tags/{tag_key}."""
    key = request.args["tag_key"]
    if not tags.unassign(request.session, *_entity(request), key):
        raise ApiError(404, "NOT_FOUND", f"Tag assignment '{key}' does not exist on {request.args['entity_name']}.")


def _entity(request: Request) -> tuple[str, list[str]]:
    entity_type = request.args["entity_type"]
    return entity_type, _entity_parts(entity_type, request.args["entity_name"])


def _entity_parts(entity_type: str, name: str) -> list[str]:
    # The name of a column may itself hold dots.
    return name.split(".", 3) if entity_type == "columns" else name.split(".")


_TAGS = f"{UC}/entity-tag-assignments"
_ENTITY = f"{_TAGS}/{{entity_type}}/{{entity_name}}/tags"
_ON = "{securable_type}/{full_name}"

ROUTES = (
    Route("GET", f"{UC}/volumes", list_volumes),
    Route("POST", f"{UC}/volumes", create_volume),
    Route("GET", f"{UC}/volumes/{{name}}", get_volume),
    Route("PATCH", f"{UC}/volumes/{{name}}", update_volume),
    Route("DELETE", f"{UC}/volumes/{{name}}", delete_volume),
    Route("GET", f"{UC}/functions", list_functions),
    Route("POST", f"{UC}/functions", create_function),
    Route("GET", f"{UC}/functions/{{name}}", get_function),
    Route("PATCH", f"{UC}/functions/{{name}}", update_function),
    Route("DELETE", f"{UC}/functions/{{name}}", delete_function),
    Route("GET", f"{UC}/permissions/{_ON}", get_permissions),
    Route("PATCH", f"{UC}/permissions/{_ON}", update_permissions),
    Route("GET", f"{UC}/effective-permissions/{_ON}", get_effective_permissions),
    Route("GET", f"{UC}/privilege-assignments/{_ON}", list_privilege_assignments),
    Route("GET", f"{UC}/effective-privilege-assignments/{_ON}", list_effective_privilege_assignments),
    Route("POST", _TAGS, create_tag),
    Route("GET", _ENTITY, list_tags),
    Route("GET", f"{_ENTITY}/{{tag_key}}", get_tag),
    Route("PATCH", f"{_ENTITY}/{{tag_key}}", update_tag),
    Route("DELETE", f"{_ENTITY}/{{tag_key}}", delete_tag),
)
