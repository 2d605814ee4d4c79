"""REST: storage credentials, external locations and connections: what a metastore knows of the world outside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from replicator.emulator import grants
from replicator.emulator.errors import already_exists, invalid, not_found
from replicator.emulator.metastore import Doc, public
from replicator.emulator.paging import paged
from replicator.emulator.principals import require
from replicator.emulator.routing import Handler, Request, Route
from replicator.emulator.securables import check_name
from replicator.emulator.session import Session, created, updated, words
from replicator.emulator.unity import UC

# Databricks documents that secrets given to a connection or credential are never returned.
_SECRET = words("password pat token client_secret oauth_client_secret secret private_key GoogleServiceAccountKeyJson")


@dataclass(frozen=True)
class _Rules:
    """A kind of securable: its path, the privilege to create one, its fields, those it needs, those that change."""

    path: str
    privilege: str
    fields: frozenset[str]
    needed: frozenset[str]

    @property
    def key(self) -> str:
        return self.path.replace("-", "_")


_KINDS: Mapping[str, _Rules] = {
    "storage_credential": _Rules(
        "storage-credentials",
        "CREATE_STORAGE_CREDENTIAL",
        words(
            "comment owner read_only isolation_mode aws_iam_role azure_managed_identity azure_service_principal"
            " databricks_gcp_service_account cloudflare_api_token"
        ),
        frozenset(),
    ),
    "external_location": _Rules(
        "external-locations",
        "CREATE_EXTERNAL_LOCATION",
        words("comment owner url credential_name read_only fallback isolation_mode encryption_details"),
        words("url credential_name"),
    ),
    "connection": _Rules(
        "connections",
        "CREATE_CONNECTION",
        words("comment owner connection_type options properties read_only"),
        words("connection_type options"),
    ),
}


def _create(s: Session, kind: str, doc: Doc) -> Doc:
    rules = _KINDS[kind]
    name = check_name(kind, doc.get("name", ""))
    missing = [field for field in sorted(rules.needed) if not doc.get(field)]
    if missing:
        raise invalid(f"Missing required field: {missing[0]}")
    with s.store.transaction():
        grants.check_metastore(s, rules.privilege)
        if s.store.get(s.ms, kind, name) is not None:
            raise already_exists(kind, name)
        _check_location(s, kind, name, doc)
        given = {key: doc[key] for key in rules.fields if doc.get(key) not in (None, "")}
        made = created(s, {"name": name, "full_name": name, "id": str(uuid.uuid4()), **given})
        s.store.put(s.ms, kind, name, doc=made)
    return made


def _get(s: Session, kind: str, name: str) -> Doc:
    doc = s.store.get(s.ms, kind, name)
    if doc is None:
        raise not_found(kind, name)
    grants.require_visible(s, kind, (name,))
    return doc


def _update(s: Session, kind: str, name: str, changes: Doc) -> Doc:
    with s.store.transaction():
        doc = _get(s, kind, name)
        grants.require_manage(s, kind, (name,))
        if changes.get("owner"):
            require(s, changes["owner"])
        doc = updated(s, doc, {key: value for key, value in changes.items() if key in _KINDS[kind].fields})
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != doc["name"]:
            new_name = check_name(kind, new_name)
            if s.store.get(s.ms, kind, new_name) is not None:
                raise already_exists(kind, new_name)
            s.store.delete(s.ms, kind, doc["name"])
            s.store.move_all(s.ms, "grant", (kind, doc["name"]), (kind, new_name))
            doc |= {"name": new_name, "full_name": new_name}
        _check_location(s, kind, doc["name"], doc)
        s.store.put(s.ms, kind, doc["name"], doc=doc)
    return doc


def _delete(s: Session, kind: str, name: str, force: bool) -> None:
    with s.store.transaction():
        _get(s, kind, name)
        grants.require_manage(s, kind, (name,))
        users = [doc for doc in s.store.list(s.ms, "external_location") if doc.get("credential_name") == name]
        if kind == "storage_credential" and users and not force:
            raise invalid(f"Storage Credential '{name}' has dependent external locations.")
        s.store.delete(s.ms, kind, name)
        grants.drop(s, kind, (name,))


def _check_location(s: Session, kind: str, name: str, doc: Doc) -> None:
    """An external location needs an existing credential and a path that no other location covers."""
    if kind != "external_location":
        return
    if s.store.get(s.ms, "storage_credential", doc["credential_name"]) is None:
        raise not_found("storage_credential", doc["credential_name"])
    url = doc["url"].rstrip("/") + "/"
    for other in s.store.list(s.ms, kind):
        taken = other["url"].rstrip("/") + "/"
        if other["name"] != name and (url.startswith(taken) or taken.startswith(url)):
            raise invalid(f"Input path url '{doc['url']}' overlaps with external location '{other['name']}'.")


def _shown(doc: Doc) -> Doc:
    def without_secrets(value: Doc) -> Doc:
        return {
            key: without_secrets(item) if isinstance(item, dict) else item
            for key, item in value.items()
            if key not in _SECRET
        }

    return without_secrets(public(doc))


# ---- routes


def _lister(kind: str) -> Handler:
    def handle(request: Request) -> Doc:
        s = request.session
        docs = [_shown(doc) for doc in s.store.list(s.ms, kind) if grants.visible(s, kind, (doc["name"],))]
        return paged(request, _KINDS[kind].key, docs)

    return handle


def _routes(kind: str) -> tuple[Route, ...]:
    path = f"{UC}/{_KINDS[kind].path}"
    return (
        Route("GET", path, _lister(kind)),
        Route("POST", path, lambda r: _shown(_create(r.session, kind, r.json))),
        Route("GET", f"{path}/{{name}}", lambda r: _shown(_get(r.session, kind, r.args["name"]))),
        Route("PATCH", f"{path}/{{name}}", lambda r: _shown(_update(r.session, kind, r.args["name"], r.json))),
        Route("DELETE", f"{path}/{{name}}", lambda r: _delete(r.session, kind, r.args["name"], r.flag("force"))),
    )


ROUTES = tuple(route for kind in _KINDS for route in _routes(kind))
