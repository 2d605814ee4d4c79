"""REST: attribute-based policies (row filters, column masks, grants, denials) on catalogs, schemas and tables.

They are kept and listed as Databricks documents them. The SQL front does not evaluate them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from replicator.emulator import grants, volumes
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc, exact, public
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Route
from replicator.emulator.securables import parts_of
from replicator.emulator.session import Session, created, updated, words
from replicator.emulator.unity import UC

_SIZES = {"catalog": 1, "schema": 2, "table": 3}
# policy type -> the field with its options
_OPTIONS: Mapping[str, str] = {
    "POLICY_TYPE_ROW_FILTER": "row_filter",
    "POLICY_TYPE_COLUMN_MASK": "column_mask",
    "POLICY_TYPE_GRANT": "grant",
    "POLICY_TYPE_DENY": "deny",
}
_FIELDS = words("name comment to_principals except_principals for_securable_type when_condition match_columns")
_NEEDED = ("name", "on_securable_type", "on_securable_fullname", "to_principals", "for_securable_type", "policy_type")
_ON = f"{UC}/policies/{{on_securable_type}}/{{on_securable_fullname}}"

On = tuple[str, Sequence[str]]


def create_policy(request: Request) -> Doc:
    """POST policies."""
    s, given = request.session, request.json
    for field in _NEEDED:
        if not given.get(field):
            raise invalid(f"Missing required field: {field}")
    kind, parts = on = _on(str(given["on_securable_type"]), str(given["on_securable_fullname"]))
    _check(s, given)
    with s.store.transaction():
        grants.ensure_exists(s, kind, parts)
        grants.require_manage(s, kind, parts)
        if s.store.get(s.ms, "policy", *_key(on, str(given["name"]))) is not None:
            raise ApiError(409, "ALREADY_EXISTS", f"Policy '{given['name']}' already exists on {'.'.join(parts)}.")
        fields = _FIELDS | {"policy_type", _OPTIONS[given["policy_type"]]}
        kept = {key: given[key] for key in fields if given.get(key)}
        where = {"on_securable_type": kind.upper(), "on_securable_fullname": ".".join(parts)}
        made = created(s, {"id": str(uuid.uuid4()), **kept, **where})
        for field in ("owner", "metastore_id"):
            del made[field]
        s.store.put(s.ms, "policy", *_key(on, made["name"]), doc=made)
    return public(made)


def get_policy(request: Request) -> Doc:
    """GET policies/{on_securable_type}/{on_securable_fullname}/{name}."""
    return public(_get(request.session, _target(request), request.args["name"]))


def list_policies(request: Request) -> Doc:
    """GET policies/{on_securable_type}/{on_securable_fullname}?include_inherited=: outermost first."""
    s = request.session
    kind, parts = _target(request)
    grants.ensure_exists(s, kind, parts)
    grants.require_visible(s, kind, parts)
    levels: list[On] = [(kind, parts)]
    if request.flag("include_inherited"):
        levels = [level for level in grants.chain(s, kind, parts) if level[0] in _SIZES]
    found = [_at(on, doc) for on in reversed(levels) for doc in s.store.list(s.ms, "policy", on[0], *on[1])]
    keyed = [doc | {"_key": f"{position:06d}"} for position, doc in enumerate(found)]
    return paged(request, "policies", keyed, by="_key")


def update_policy(request: Request) -> Doc:
    """PATCH policies/{on_securable_type}/{on_securable_fullname}/{name}?update_mask=: `*`, or fields and commas."""
    s, on, given = request.session, _target(request), request.json
    with s.store.transaction():
        doc = _get(s, on, request.args["name"])
        grants.require_manage(s, *on)
        allowed = _FIELDS | {_OPTIONS[doc["policy_type"]]}
        mask = request.query.get("update_mask") or "*"
        wanted = allowed & given.keys() if mask == "*" else {field.split(".")[0] for field in mask.split(",")}
        if wanted - allowed:
            raise invalid(f"The field {min(wanted - allowed)} cannot be updated.")
        changes = {field: given.get(field) or "" for field in wanted}
        _check(s, doc | changes)
        made = updated(s, doc, changes)
        if not made.get("name"):
            raise invalid("Missing required field: name")
        s.store.delete(s.ms, "policy", *_key(on, doc["name"]))
        s.store.put(s.ms, "policy", *_key(on, made["name"]), doc=made)
    return public(made)


def delete_policy(request: Request) -> None:
    """DELETE policies/{on_securable_type}/{on_securable_fullname}/{name}."""
    s, on = request.session, _target(request)
    with s.store.transaction():
        doc = _get(s, on, request.args["name"])
        grants.require_manage(s, *on)
        s.store.delete(s.ms, "policy", *_key(on, doc["name"]))


def _target(request: Request) -> On:
    return _on(request.args["on_securable_type"], request.args["on_securable_fullname"])


def _on(securable_type: str, full_name: str) -> On:
    kind = securable_type.lower()
    if kind not in _SIZES:
        raise invalid(f"Policies on {securable_type} are not supported: expected CATALOG, SCHEMA or TABLE.")
    return kind, [part.lower() for part in parts_of(full_name, _SIZES[kind])]


def _get(s: Session, on: On, name: str) -> Doc:
    kind, parts = on
    grants.ensure_exists(s, kind, parts)
    grants.require_visible(s, kind, parts)
    doc = s.store.get(s.ms, "policy", *_key(on, name))
    if doc is None:
        raise ApiError(404, "NOT_FOUND", f"Policy '{name}' does not exist on {'.'.join(parts)}.")
    return _at(on, doc)


def _at(on: On, doc: Doc) -> Doc:
    """A policy with the name that its securable has now."""
    return doc | {"on_securable_fullname": ".".join(on[1])}


def _key(on: On, name: str) -> list[str]:
    kind, parts = on
    return [kind, *parts, exact(name)]


def _check(s: Session, doc: Doc) -> None:
    """The options of a policy's type must be there, and the function they name."""
    field = _OPTIONS.get(str(doc["policy_type"]))
    if field is None:
        raise invalid(f"Invalid policy type '{doc['policy_type']}'.")
    options = doc.get(field)
    if not isinstance(options, dict):
        raise invalid(f"Policies of type {doc['policy_type']} need {field}.")
    if field in ("row_filter", "column_mask"):
        catalog, schema, name = parts_of(str(options.get("function_name", "")), 3)
        volumes.get(s, "function", catalog, schema, name)


ROUTES = (
    Route("POST", f"{UC}/policies", create_policy),
    Route("GET", _ON, list_policies),
    Route("GET", f"{_ON}/{{name}}", get_policy),
    Route("PATCH", f"{_ON}/{{name}}", update_policy),
    Route("DELETE", f"{_ON}/{{name}}", delete_policy),
)
