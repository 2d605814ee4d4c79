"""REST: users, groups and service principals (SCIM), and the OAuth token endpoint for service principals."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from urllib.parse import parse_qs

from replicator.emulator import principals
from replicator.emulator.errors import ApiError, denied, invalid
from replicator.emulator.metastore import Doc, Store, public
from replicator.emulator.routing import Request, Route

_BASE = "/api/2.0/preview/scim/v2"
_FILTER = re.compile(r'\s*(\w+)\s+eq\s+"?([^"]*)"?\s*', re.IGNORECASE)
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
    shown = {"userName": name, "displayName": doc.get("displayName", name), "active": True}
    return _shown("Users", doc) | shown | {"emails": [{"value": name, "primary": True}], "groups": admins + groups}


def list_resources(request: Request) -> Doc:
    """GET Users, Groups or ServicePrincipals?filter=attribute eq "value"."""
    resource = _resource(request)
    kind = principals.SCIM[resource][0]
    docs = [_shown(resource, doc) for doc in request.session.store.list(request.session.ms, kind)]
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
    return _shown(resource, principals.add(s.store, s.ms, resource, doc))


def get_resource(request: Request) -> Doc:
    """GET Users, Groups or ServicePrincipals/{id}."""
    return _shown(_resource(request), _by_id(request))


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


def _shown(resource: str, doc: Doc) -> Doc:
    members = [{"display": name, "value": name} for name in doc.get("_members", ())]
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


def oauth_token(request: Request) -> Doc:
    """POST oidc/v1/token with grant_type=client_credentials."""
    form = {key: values[-1] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        raise ApiError(400, "unsupported_grant_type", "Only client_credentials is supported by the emulator.")
    client_id, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    workspace = request.workspace
    doc = workspace.store.get(workspace.metastore.name, "service_principal", client_id) if client_id else None
    expected = str((doc or {}).get("_secret", ""))
    if not expected or not hmac.compare_digest(expected.encode(), secret.encode()):
        raise ApiError(401, "invalid_client", "Client authentication failed")
    token = principals.issue_token(workspace.store, workspace.metastore, client_id)
    return {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS, "scope": "all-apis"}


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
    Route("DELETE", f"{_BASE}/{{resource}}/{{id}}", delete_resource),
    Route("GET", "/oidc/.well-known/oauth-authorization-server", oauth_server, public=True),
    Route("POST", "/oidc/v1/token", oauth_token, public=True, writes=False),
)
