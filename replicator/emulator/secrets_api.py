"""REST: secret scopes, secrets and who may read, write or manage them."""

from __future__ import annotations

import base64
import binascii

from replicator.emulator.errors import ApiError, denied, invalid
from replicator.emulator.metastore import Doc, exact, public
from replicator.emulator.principals import require
from replicator.emulator.routing import Request, Route
from replicator.emulator.session import Session, now_ms

_SECRETS = "/api/2.0/secrets"
_ACLS = f"{_SECRETS}/acls"
_LEVELS = ("READ", "WRITE", "MANAGE")  # each includes those before
_EVERYBODY = "users"


# ---- scopes


def list_scopes(request: Request) -> Doc:
    """GET secrets/scopes/list: those that the caller may at least read."""
    s = request.session
    names = [doc["name"] for doc in s.store.list(s.ms, "secret_scope") if _level(s, doc["name"]) >= 0]
    return {"scopes": [{"name": name, "backend_type": "DATABRICKS"} for name in names]}


def create_scope(request: Request) -> None:
    """POST secrets/scopes/create: its creator manages it, or everybody with initial_manage_principal=users."""
    s, name = request.session, request.text("scope")
    initial = request.json.get("initial_manage_principal")
    if initial not in (None, "", _EVERYBODY):
        raise invalid(f"initial_manage_principal must be '{_EVERYBODY}' when given.")
    with s.store.transaction():
        if s.store.get(s.ms, "secret_scope", exact(name)) is not None:
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Scope {name} already exists!")
        s.store.put(s.ms, "secret_scope", exact(name), doc={"name": name})
        _put_acl(s, name, initial or s.principal, "MANAGE")


def delete_scope(request: Request) -> None:
    """POST secrets/scopes/delete."""
    s, name = request.session, request.text("scope")
    with s.store.transaction():
        _require(s, name, "MANAGE")
        s.store.delete(s.ms, "secret_scope", exact(name))
        for kind in ("secret", "secret_acl"):
            s.store.delete_all(s.ms, kind, exact(name))


# ---- secrets


def list_secrets(request: Request) -> Doc:
    """GET secrets/list?scope=: keys without values."""
    s, scope = request.session, request.required("scope")
    _require(s, scope, "READ")
    return {"secrets": [public(doc) for doc in s.store.list(s.ms, "secret", exact(scope))]}


def get_secret(request: Request) -> Doc:
    """GET secrets/get?scope=&key=: the value in base64."""
    s, scope, key = request.session, request.required("scope"), request.required("key")
    _require(s, scope, "READ")
    doc = s.store.get(s.ms, "secret", exact(scope), exact(key))
    if doc is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Failed to get secret {key} for scope {scope}.")
    return {"key": key, "value": doc["_value"]}


def put_secret(request: Request) -> None:
    """POST secrets/put with `string_value` or `bytes_value` (base64)."""
    s, scope, key = request.session, request.text("scope"), request.text("key")
    _require(s, scope, "WRITE")
    text, encoded = request.json.get("string_value"), request.json.get("bytes_value")
    if (text is None) == (encoded is None):
        raise invalid("Exactly one of string_value and bytes_value must be given.")
    value = base64.b64encode(str(text).encode("utf-8", "backslashreplace")).decode() if encoded is None else encoded
    doc = {"key": key, "last_updated_timestamp": now_ms(), "_value": _checked_base64(value)}
    s.store.put(s.ms, "secret", exact(scope), exact(key), doc=doc)


def delete_secret(request: Request) -> None:
    """POST secrets/delete."""
    s, scope, key = request.session, request.text("scope"), request.text("key")
    _require(s, scope, "WRITE")
    if not s.store.delete(s.ms, "secret", exact(scope), exact(key)):
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Failed to delete secret {key} of scope {scope}.")


def _checked_base64(value: str) -> str:
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except (binascii.Error, ValueError, TypeError):
        raise invalid("bytes_value is not valid base64.") from None


# ---- access


def list_acls(request: Request) -> Doc:
    """GET secrets/acls/list?scope=."""
    s, scope = request.session, request.required("scope")
    _require(s, scope, "MANAGE")
    return {"items": s.store.list(s.ms, "secret_acl", exact(scope))}


def get_acl(request: Request) -> Doc:
    """GET secrets/acls/get?scope=&principal=."""
    s, scope, principal = request.session, request.required("scope"), request.required("principal")
    _require(s, scope, "MANAGE")
    return _acl(s, scope, principal)


def put_acl(request: Request) -> None:
    """POST secrets/acls/put: replaces what the principal had."""
    s, scope, principal = request.session, request.text("scope"), request.text("principal")
    permission = request.json.get("permission")
    if permission not in _LEVELS:
        raise invalid(f"Invalid permission '{permission}': expected READ, WRITE or MANAGE.")
    with s.store.transaction():
        _require(s, scope, "MANAGE")
        _put_acl(s, scope, principal if principal == _EVERYBODY else require(s, principal), str(permission))


def delete_acl(request: Request) -> None:
    """POST secrets/acls/delete."""
    s, scope, principal = request.session, request.text("scope"), request.text("principal")
    with s.store.transaction():
        _require(s, scope, "MANAGE")
        _acl(s, scope, principal)
        s.store.delete(s.ms, "secret_acl", exact(scope), exact(principal))


def _put_acl(s: Session, scope: str, principal: str, permission: str) -> None:
    doc = {"principal": principal, "permission": permission}
    s.store.put(s.ms, "secret_acl", exact(scope), exact(principal), doc=doc)


def _acl(s: Session, scope: str, principal: str) -> Doc:
    doc = s.store.get(s.ms, "secret_acl", exact(scope), exact(principal))
    if doc is None:
        message = f"Failed to get secret acl for principal {principal} for scope {scope}."
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", message)
    return doc


def _level(s: Session, scope: str) -> int:
    """Position in `_LEVELS` of the most that the caller may do; -1 for nothing."""
    if s.is_admin:
        return len(_LEVELS) - 1
    members = s.identities | {_EVERYBODY}
    acls = s.store.list(s.ms, "secret_acl", exact(scope))
    return max((_LEVELS.index(doc["permission"]) for doc in acls if doc["principal"].lower() in members), default=-1)


def _require(s: Session, scope: str, permission: str) -> None:
    if s.store.get(s.ms, "secret_scope", exact(scope)) is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Scope {scope} does not exist!")
    if _level(s, scope) < _LEVELS.index(permission):
        raise denied(f"User {s.principal} does not have {permission} permission on scope {scope}.")


ROUTES = (
    Route("GET", f"{_SECRETS}/scopes/list", list_scopes),
    Route("POST", f"{_SECRETS}/scopes/create", create_scope),
    Route("POST", f"{_SECRETS}/scopes/delete", delete_scope),
    Route("GET", f"{_SECRETS}/list", list_secrets),
    Route("GET", f"{_SECRETS}/get", get_secret),
    Route("POST", f"{_SECRETS}/put", put_secret),
    Route("POST", f"{_SECRETS}/delete", delete_secret),
    Route("GET", f"{_ACLS}/list", list_acls),
    Route("GET", f"{_ACLS}/get", get_acl),
    Route("POST", f"{_ACLS}/put", put_acl),
    Route("POST", f"{_ACLS}/delete", delete_acl),
)
