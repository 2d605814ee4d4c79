"""REST: personal access tokens, tokens on behalf of service principals, and the secrets of service principals."""

from __future__ import annotations

import datetime
import hashlib
import secrets

from replicator.emulator import principals
from replicator.emulator.errors import ApiError, denied, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Route
from replicator.emulator.session import now_ms

_MANAGED = "/api/2.0/token-management"
_SECRETS = "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets"
_LIFETIME = 730 * 86400  # seconds: Databricks' longest, and its default for secrets
_PUBLIC = ("token_id", "comment", "creation_time", "expiry_time")


def create_token(request: Request) -> Doc:
    """POST token/create: another token of the caller."""
    return _issue(request, request.principal)


def create_on_behalf(request: Request) -> Doc:
    """POST token-management/on-behalf-of/tokens: a token of a service principal, for admins."""
    _require_admin(request)
    application = request.text("application_id")
    s = request.session
    if s.store.get(s.ms, "service_principal", application) is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Service principal {application} does not exist.")
    return _issue(request, application)


def _issue(request: Request, principal: str) -> Doc:
    seconds, now = request.json.get("lifetime_seconds"), now_ms()
    if seconds is not None and (not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0):
        raise invalid("lifetime_seconds must be a positive number of seconds.")
    facts: Doc = {
        "token_id": secrets.token_hex(32),
        "comment": str(request.json.get("comment") or ""),
        "creation_time": now,
        "expiry_time": -1 if seconds is None else now + 1000 * seconds,
        "created_by": request.principal,
    }
    info = request.workspace.metastore
    value = principals.issue_token(request.workspace.store, info, principal, **facts)
    return {"token_value": value, "token_info": _shown(request, facts | {"principal": principal})}


def list_tokens(request: Request) -> Doc:
    """GET token/list: the caller's tokens."""
    return {"token_infos": [{key: doc[key] for key in _PUBLIC} for doc in _issued(request, request.principal)]}


def list_all_tokens(request: Request) -> Doc:
    """GET token-management/tokens: everybody's, for admins."""
    _require_admin(request)
    creator = request.query.get("created_by_username")
    found = [doc for doc in _issued(request) if creator is None or doc["created_by"] == creator]
    return {"token_infos": [_shown(request, doc) for doc in found]}


def get_token(request: Request) -> Doc:
    """GET token-management/tokens/{token_id}."""
    return {"token_info": _shown(request, _managed(request))}


def delete_token(request: Request) -> None:
    """POST token/delete: one of the caller's tokens."""
    _delete(request, _find(request, request.text("token_id"), request.principal))


def delete_any_token(request: Request) -> None:
    """DELETE token-management/tokens/{token_id}."""
    _delete(request, _managed(request))


def update_token(request: Request) -> None:
    """PATCH token/{token_id}: its comment."""
    _comment(request, _find(request, request.args["token_id"], request.principal))


def update_any_token(request: Request) -> None:
    """PATCH token-management/tokens/{token_id}: its comment."""
    _comment(request, _managed(request))


def _managed(request: Request) -> Doc:
    _require_admin(request)
    return _find(request, request.args["token_id"])


def _issued(request: Request, principal: str | None = None) -> list[Doc]:
    """Tokens that were asked for; those that the emulator made to begin with have no id, and are not listed."""
    s = request.session
    every = [doc for doc in s.store.list(s.ms, "token") if "token_id" in doc]
    return [doc for doc in every if principal is None or doc["principal"] == principal]


def _find(request: Request, token_id: str, principal: str | None = None) -> Doc:
    for doc in _issued(request, principal):
        if doc["token_id"] == token_id:
            return doc
    raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Token with id {token_id} does not exist.")


def _delete(request: Request, doc: Doc) -> None:
    request.session.store.delete(request.session.ms, "token", doc["_digest"])


def _comment(request: Request, doc: Doc) -> None:
    given = request.json.get("token")
    if not isinstance(given, dict):
        raise invalid("Missing required field: token")
    changed = doc | {"comment": str(given.get("comment") or "")}
    request.session.store.put(request.session.ms, "token", doc["_digest"], doc=changed)


def _shown(request: Request, doc: Doc) -> Doc:
    found = {key: doc[key] for key in _PUBLIC} | {"created_by_username": doc["created_by"]}
    owner = principals.find(request.session.store, request.session.ms, doc["principal"]) or {}
    return found | ({"owner_id": owner["id"]} if "id" in owner else {})


def _require_admin(request: Request) -> None:
    if not request.session.is_admin:
        raise denied("Only workspace admins can manage the tokens of others.")


# ---- secrets of service principals


def create_secret(request: Request) -> Doc:
    """POST …/credentials/secrets: shown this once."""
    doc = _service_principal(request)
    lifetime = str(request.json.get("lifetime") or f"{_LIFETIME}s").removesuffix("s")
    if not lifetime.isdigit():
        raise invalid(f"Invalid lifetime '{lifetime}': a number of seconds such as '3600s' is expected.")
    value, now = f"emulator-{secrets.token_urlsafe(24)}", datetime.datetime.now(datetime.UTC)
    made = {
        "id": secrets.token_hex(16),
        "secret_hash": hashlib.sha256(value.encode()).hexdigest(),
        "create_time": _text(now),
        "update_time": _text(now),
        "expire_time": _text(now + datetime.timedelta(seconds=int(lifetime))),
        "status": "ACTIVE",
    }
    _keep(request, doc, [*doc.get("_secrets", ()), made])
    return made | {"secret": value}


def list_secrets(request: Request) -> Doc:
    """GET …/credentials/secrets: without their values."""
    found = sorted(_service_principal(request).get("_secrets", ()), key=lambda item: str(item["id"]))
    return paged(request, "secrets", found, by="id", parameter="page_size")


def delete_secret(request: Request) -> None:
    """DELETE …/credentials/secrets/{secret_id}."""
    doc, secret_id = _service_principal(request), request.args["secret_id"]
    kept = [item for item in doc.get("_secrets", ()) if item["id"] != secret_id]
    if len(kept) == len(doc.get("_secrets", ())):
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The secret {secret_id} does not exist.")
    _keep(request, doc, kept)


def _service_principal(request: Request) -> Doc:
    _require_admin(request)
    s = request.session
    for doc in s.store.list(s.ms, "service_principal"):
        if doc["id"] == request.args["id"]:
            return doc
    raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Service principal {request.args['id']} does not exist.")


def _keep(request: Request, doc: Doc, found: list[Doc]) -> None:
    request.session.store.put(
        request.session.ms, "service_principal", doc["applicationId"], doc=doc | {"_secrets": found}
    )


def _text(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


ROUTES = (
    Route("POST", "/api/2.0/token/create", create_token),
    Route("GET", "/api/2.0/token/list", list_tokens),
    Route("POST", "/api/2.0/token/delete", delete_token),
    Route("PATCH", "/api/2.0/token/{token_id}", update_token),
    Route("POST", f"{_MANAGED}/on-behalf-of/tokens", create_on_behalf),
    Route("GET", f"{_MANAGED}/tokens", list_all_tokens),
    Route("GET", f"{_MANAGED}/tokens/{{token_id}}", get_token),
    Route("PATCH", f"{_MANAGED}/tokens/{{token_id}}", update_any_token),
    Route("DELETE", f"{_MANAGED}/tokens/{{token_id}}", delete_any_token),
    Route("POST", _SECRETS, create_secret),
    Route("GET", _SECRETS, list_secrets),
    Route("DELETE", f"{_SECRETS}/{{secret_id}}", delete_secret),
)
