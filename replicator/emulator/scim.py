"""REST: users, groups and service principals (SCIM), and the OAuth token endpoint for service principals."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import json
import re
import secrets
from typing import Any
from urllib.parse import parse_qs

from replicator.emulator import principals
from replicator.emulator.errors import ApiError, denied, invalid
from replicator.emulator.metastore import Doc, Store, public
from replicator.emulator.routing import Request, Response, Route

_BASE = "/api/2.0/preview/scim/v2"
_FILTER = re.compile(r'\s*(\w+)\s+eq\s+"?([^"]*)"?\s*', re.IGNORECASE)
_MEMBER = re.compile(r'members\[value eq "([^"]*)"\]', re.IGNORECASE)
# What identifies a principal is not changed: its grants are kept under the name.
_FIXED = frozenset({"id", "schemas", "members"})
_TOKEN_SECONDS = 3600


def me(request: Request) -> Doc:
    """GET Me: the caller."""
    s = request.session
    doc = principals.find(s.store, s.ms, request.principal) or {"id": "1", "userName": request.principal}
    name = doc.get("userName") or doc.get("applicationId")
    groups = [
        {"display": group["displayName"], "value": group["id"], "type": "direct"}
        for group in s.store.list(s.ms, "group")
        if request.principal.lower() in group.get("_members", ())
    ]
    admins = [{"display": "admins", "value": "0", "type": "direct"}] if s.is_admin else []
    shown: Doc = {"userName": name, "displayName": doc.get("displayName", name), "active": True}
    shown |= {"emails": [{"value": name, "primary": True}], "groups": admins + groups}
    return _shown(request, "Users", doc) | shown


def list_resources(request: Request) -> Doc:
    """GET Users, Groups or ServicePrincipals?filter=attribute eq "value"."""
    resource = _resource(request)
    kind = principals.SCIM[resource][0]
    docs = [_shown(request, resource, doc) for doc in request.session.store.list(request.session.ms, kind)]
    wanted = _FILTER.fullmatch(request.query["filter"]) if request.query.get("filter") else None
    if wanted is not None:
        docs = [doc for doc in docs if str(doc.get(wanted[1], "")).lower() == wanted[2].lower()]
    elif request.query.get("filter"):
        raise invalid(f"The filter '{request.query['filter']}' is not supported by the emulator.")
    start = max(request.number("startIndex") or 1, 1)
    count = request.number("count")
    page = docs[start - 1 :][: len(docs) if count is None else count]
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": len(docs),
        "startIndex": start,
        "itemsPerPage": len(page),
        "Resources": page,
    }


def create_resource(request: Request) -> Doc:
    """POST Users, Groups or ServicePrincipals."""
    _require_admin(request)
    resource, s = _resource(request), request.session
    field = principals.SCIM[resource][1]
    if resource != "ServicePrincipals":
        request.text(field)
    doc = {key: value for key, value in request.json.items() if key[0] != "_" and key not in ("id", "members")}
    if resource == "Groups":
        doc["_members"] = _member_names(request, request.json.get("members") or [])
    return _shown(request, resource, principals.add(s.store, s.ms, resource, doc))


def get_resource(request: Request) -> Doc:
    """GET Users, Groups or ServicePrincipals/{id}."""
    return _shown(request, _resource(request), _by_id(request))


def replace_resource(request: Request) -> Doc:
    """PUT Users, Groups or ServicePrincipals/{id}: everything but the id and the name that identifies it."""
    doc = _by_id(request)
    changes = {key: value for key, value in request.json.items() if key[0] != "_" and key not in _fixed(request)}
    if _resource(request) == "Groups":
        changes["_members"] = _member_names(request, request.json.get("members") or [])
    return _keep(request, {"active": True} | {key: doc[key] for key in ("id", *_kept(request)) if key in doc} | changes)


def patch_resource(request: Request) -> Doc:
    """PATCH Users, Groups or ServicePrincipals/{id}: `Operations` add, remove and replace."""
    doc = _by_id(request)
    operations = request.json.get("Operations")
    for item in operations if isinstance(operations, list) else []:
        if not isinstance(item, dict):
            raise invalid("The items of Operations must be objects.")
        _operate(request, doc, str(item.get("op", "")).lower(), str(item.get("path") or ""), item.get("value"))
    return _keep(request, doc)


def _operate(request: Request, doc: Doc, op: str, path: str, value: Any) -> None:
    """One operation of a PATCH on `doc`. SCIM lets the path be absent: then `value` names the attributes."""
    if not path:
        for key, item in value.items() if isinstance(value, dict) else ():
            _operate(request, doc, op, str(key), item)
        return
    member = _MEMBER.fullmatch(path)
    if member is not None or path == "members":
        given = [{"value": member[1]}] if member else value if isinstance(value, list) else [value]
        names = _member_names(request, [item for item in given if isinstance(item, dict)])
        before = [] if op == "replace" else doc.get("_members", [])
        kept = [name for name in before if name not in names]
        doc["_members"] = kept if op == "remove" else [*kept, *names]
    elif path[0] != "_" and path not in _fixed(request):
        doc.pop(path, None)
        if op != "remove":
            doc[path] = value


def _fixed(request: Request) -> frozenset[str]:
    return _FIXED | {principals.SCIM[_resource(request)][1]}


def _kept(request: Request) -> tuple[str, ...]:
    return (principals.SCIM[_resource(request)][1], "_secret")


def _keep(request: Request, doc: Doc) -> Doc:
    _require_admin(request)
    s, resource = request.session, _resource(request)
    kind, field = principals.SCIM[resource]
    s.store.put(s.ms, kind, doc[field], doc=doc)
    return _shown(request, resource, doc)


def delete_resource(request: Request) -> None:
    """DELETE Users, Groups or ServicePrincipals/{id}."""
    _require_admin(request)
    kind, field = principals.SCIM[_resource(request)]
    request.session.store.delete(request.session.ms, kind, _by_id(request)[field])


def _resource(request: Request) -> str:
    resource = request.args["resource"]
    if resource not in principals.SCIM:
        raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{request.method} {request.path}'")
    return resource


def _by_id(request: Request) -> Doc:
    resource = _resource(request)
    for doc in request.session.store.list(request.session.ms, principals.SCIM[resource][0]):
        if doc["id"] == request.args["id"]:
            return doc
    raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{resource[:-1]} with id {request.args['id']} not found.")


def _member_names(request: Request, members: list[Doc]) -> list[str]:
    s = request.session
    names = {doc["id"]: doc[field] for kind, field in principals.SCIM.values() for doc in s.store.list(s.ms, kind)}
    return [str(names.get(member.get("value"), member.get("value", ""))).lower() for member in members]


def _shown(request: Request, resource: str, doc: Doc) -> Doc:
    s, members = request.session, []
    for name in doc.get("_members", ()):
        known = principals.find(s.store, s.ms, name)
        members.append({"display": name, "value": known["id"] if known else name})
    schema = f"urn:ietf:params:scim:schemas:core:2.0:{resource.rstrip('s')}"
    return public(doc) | {"schemas": [schema]} | ({"members": members} if resource == "Groups" else {})


def _require_admin(request: Request) -> None:
    if not request.session.is_admin:
        raise denied("Only workspace admins can manage users, groups and service principals.")


# ---- OAuth for service principals (client credentials)


def issue_secret(store: Store, ms: str, display_name: str) -> tuple[str, str]:
    """A new service principal's (client id, client secret)."""
    secret = f"emulator-{secrets.token_urlsafe(24)}"
    doc = principals.add(store, ms, "ServicePrincipals", {"displayName": display_name, "_secret": secret})
    return str(doc["applicationId"]), secret


def oauth_server(request: Request) -> Doc:
    """GET oidc/.well-known/oauth-authorization-server."""
    oidc = f"{request.workspace.url}/oidc"
    return {"issuer": oidc, "authorization_endpoint": f"{oidc}/v1/authorize", "token_endpoint": f"{oidc}/v1/token"}


def oauth_token(request: Request) -> Doc | Response:
    """POST oidc/v1/token with grant_type=client_credentials. Refusals have the body of RFC 6749, section 5.2."""
    try:
        return _oauth_token(request)
    except ApiError as error:
        body = {"error": error.error_code, "error_description": error.message}
        return Response(error.status, json.dumps(body).encode())


def _oauth_token(request: Request) -> Doc:
    form = {key: values[-1] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        raise ApiError(400, "unsupported_grant_type", "Only client_credentials is supported by the emulator.")
    client_id, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    workspace = request.workspace
    doc = workspace.store.get(workspace.metastore.name, "service_principal", client_id) if client_id else None
    if not _is_secret_of(doc or {}, secret):
        raise ApiError(401, "invalid_client", "Client authentication failed")
    token = principals.issue_token(workspace.store, workspace.metastore, client_id)
    return {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "scope": "all-apis"}


def _is_secret_of(doc: Doc, secret: str) -> bool:
    """Whether a service principal has this secret, and it has not expired. Every one is compared, in constant time."""
    digest, now = hashlib.sha256(secret.encode()).hexdigest(), datetime.datetime.now(datetime.UTC).isoformat()
    valid = [item["secret_hash"] for item in doc.get("_secrets", ()) if item["expire_time"] > now]
    if doc.get("_secret"):
        valid.append(hashlib.sha256(str(doc["_secret"]).encode()).hexdigest())
    return sum(hmac.compare_digest(known, digest) for known in valid) > 0


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise ApiError(401, "invalid_client", "Client authentication failed") from None
    return client_id, secret


ROUTES = (
    Route("GET", f"{_BASE}/Me", me),
    Route("GET", f"{_BASE}/{{resource}}", list_resources),
    Route("POST", f"{_BASE}/{{resource}}", create_resource),
    Route("GET", f"{_BASE}/{{resource}}/{{id}}", get_resource),
    Route("PUT", f"{_BASE}/{{resource}}/{{id}}", replace_resource),
    Route("PATCH", f"{_BASE}/{{resource}}/{{id}}", patch_resource),
    Route("DELETE", f"{_BASE}/{{resource}}/{{id}}", delete_resource),
    Route("GET", "/oidc/.well-known/oauth-authorization-server", oauth_server, public=True),
    Route("POST", "/oidc/v1/token", oauth_token, public=True, writes=False),
)
