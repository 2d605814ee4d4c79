"""Users, groups, service principals and their tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Iterable
from typing import Any

from replicator.emulator.errors import ApiError
from replicator.emulator.metastore import Doc, MetastoreInfo, Store
from replicator.emulator.session import EVERYONE, Session, now_ms

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

# SCIM resource -> (document kind, field that names the principal)
SCIM = {
    "Users": ("user", "userName"),
    "Groups": ("group", "displayName"),
    "ServicePrincipals": ("service_principal", "applicationId"),
}


def add(store: Store, ms: str, resource: str, doc: Doc) -> Doc:
    """Create a SCIM resource (`Users`, `Groups` or `ServicePrincipals`).

    Raises ApiError 409 RESOURCE_CONFLICT when the name is taken.
    """
    kind, field = SCIM[resource]
    made: Doc = {"id": str(uuid.uuid4().int % 10**16), "active": True} | doc
    if resource == "ServicePrincipals":
        made.setdefault(field, str(uuid.uuid4()))
    with store.transaction():
        if store.get(ms, kind, made[field]) is not None:
            raise ApiError(409, "RESOURCE_CONFLICT", f"{resource[:-1]} with name {made[field]} already exists.")
        store.put(ms, kind, made[field], doc=made)
    return made


def add_group(store: Store, ms: str, name: str, members: Iterable[str] = ()) -> Doc:
    """Create a group of the principals named in `members`."""
    return add(store, ms, "Groups", {"displayName": name, "_members": [member.lower() for member in members]})


def find(store: Store, ms: str, name: str) -> Doc | None:
    """The user, group or service principal of that name."""
    for kind, _ in SCIM.values():
        doc = store.get(ms, kind, name)
        if doc is not None:
            return doc
    return None


def require(s: Session, name: str) -> str:
    """`name` if such a principal exists; raises ApiError 404 PRINCIPAL_DOES_NOT_EXIST otherwise.

    Metastores are lenient unless `restrict` was called: a name mentioned for the first time becomes a user
    (with `@`), a service principal (a UUID) or a group, because nobody synchronises an identity provider
    into an emulator.
    """
    known = name.lower() in (EVERYONE, s.metastore.owner.lower()) or find(s.store, s.ms, name) is not None
    if known:
        return name
    if not name or s.store.get(s.ms, "setting", "restrict_principals") is not None:
        raise ApiError(404, "PRINCIPAL_DOES_NOT_EXIST", f"Could not find principal with name {name}.", name=name)
    resource = "Users" if "@" in name else "ServicePrincipals" if _UUID.fullmatch(name) else "Groups"
    add(s.store, s.ms, resource, {SCIM[resource][1]: name, "displayName": name})
    return name


def restrict(store: Store, ms: str) -> None:
    """From now on refuse principals that were not created, as Databricks does."""
    store.put(ms, "setting", "restrict_principals", doc={"value": True})


def issue_token(store: Store, metastore: MetastoreInfo, principal: str, token: str | None = None, **facts: Any) -> str:
    """A bearer token of `principal`; only its digest is stored.

    `facts` are kept with it: `token_id`, `comment`, `creation_time`, `expiry_time` (ms since the epoch, -1 for never).
    """
    value = token or f"emulator-{secrets.token_urlsafe(32)}"
    digest = _digest(value)
    store.put(metastore.name, "token", digest, doc={"principal": principal, "_digest": digest, **facts})
    return value


def revoke_token(store: Store, ms: str, token: str) -> bool:
    """Forget a token; the next request with it is answered 401."""
    return store.delete(ms, "token", _digest(token))


def authenticate(store: Store, ms: str, token: str) -> str | None:
    """The principal of a token, or None. The lookup is by digest: its duration says nothing about any token."""
    doc = store.get(ms, "token", _digest(token))
    if doc is None or 0 <= doc.get("expiry_time", -1) <= now_ms():
        return None
    return str(doc["principal"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
