"""Storage credentials, external locations and connections: what a metastore knows of the world outside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from replicator.emulator import grants
from replicator.emulator.errors import already_exists, invalid, not_found, noun
from replicator.emulator.metastore import Doc
from replicator.emulator.principals import require
from replicator.emulator.securables import check_name
from replicator.emulator.session import Session, created, updated, words

# One of these says what a credential is, as Databricks documents it.
_IDENTITIES = (
    "aws_iam_role",
    "azure_managed_identity",
    "azure_service_principal",
    "databricks_gcp_service_account",
    "cloudflare_api_token",
)
# `file` is what the emulator itself can reach; the others are kept, and never opened.
_SCHEMES = ("s3", "s3a", "s3n", "abfss", "abfs", "gs", "r2", "file")


@dataclass(frozen=True)
class Rules:
    """A kind of securable: its path, the privilege to create one, its fields, those it needs, those that change."""

    path: str
    privilege: str
    fields: frozenset[str]
    needed: frozenset[str]


KINDS: Mapping[str, Rules] = {
    "storage_credential": Rules(
        "storage-credentials",
        "CREATE_STORAGE_CREDENTIAL",
        words("comment owner read_only isolation_mode purpose").union(_IDENTITIES),
        frozenset(),
    ),
    "external_location": Rules(
        "external-locations",
        "CREATE_EXTERNAL_LOCATION",
        words("comment owner url credential_name credential_id read_only fallback isolation_mode encryption_details"),
        words("url credential_name"),
    ),
    "connection": Rules(
        "connections",
        "CREATE_CONNECTION",
        words("comment owner connection_type options properties read_only"),
        words("connection_type options"),
    ),
}


def create(s: Session, kind: str, doc: Doc) -> Doc:
    """Create a securable of one of `KINDS`. Raises ApiError *_ALREADY_EXISTS, PERMISSION_DENIED, 400."""
    rules = KINDS[kind]
    name = check_name(kind, doc.get("name", ""))
    missing = [field for field in sorted(rules.needed) if not doc.get(field)]
    if missing:
        raise invalid(f"Missing required field: {missing[0]}")
    with s.store.transaction():
        grants.check_metastore(s, rules.privilege)
        if s.store.get(s.ms, kind, name) is not None:
            raise already_exists(kind, name)
        doc = _checked(s, kind, name, doc)
        given = {key: doc[key] for key in rules.fields if doc.get(key) not in (None, "")}
        made = created(s, {"name": name, "full_name": name, "id": str(uuid.uuid4()), **given})
        s.store.put(s.ms, kind, name, doc=made)
    return made


def get(s: Session, kind: str, name: str) -> Doc:
    """One securable. Raises ApiError *_DOES_NOT_EXIST, PERMISSION_DENIED."""
    doc = s.store.get(s.ms, kind, name)
    if doc is None:
        raise not_found(kind, name)
    grants.require_visible(s, kind, (name,))
    return doc


def update(s: Session, kind: str, name: str, changes: Doc) -> Doc:
    """Change fields, or the name with `new_name`. A missing or null field stays, `""` clears it."""
    with s.store.transaction():
        doc = get(s, kind, name)
        grants.require_manage(s, kind, (name,))
        if changes.get("owner"):
            require(s, changes["owner"])
        doc = updated(s, doc, {key: value for key, value in changes.items() if key in KINDS[kind].fields})
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != doc["name"]:
            new_name = check_name(kind, new_name)
            if s.store.get(s.ms, kind, new_name) is not None:
                raise already_exists(kind, new_name)
            s.store.delete(s.ms, kind, doc["name"])
            s.store.move_all(s.ms, "grant", (kind, doc["name"]), (kind, new_name))
            _rename_users(s, kind, doc["name"], new_name)
            doc |= {"name": new_name, "full_name": new_name}
        doc = _checked(s, kind, doc["name"], doc)
        s.store.put(s.ms, kind, doc["name"], doc=doc)
    return doc


def delete(s: Session, kind: str, name: str, force: bool) -> None:
    """Delete a securable; one that others depend on only with `force`."""
    with s.store.transaction():
        doc = get(s, kind, name)
        grants.require_manage(s, kind, (name,))
        dependent = _dependents(s, kind, doc)
        if dependent and not force:
            raise invalid(f"{noun(kind)} '{name}' has dependent {dependent}.")
        s.store.delete(s.ms, kind, name)
        grants.drop(s, kind, (name,))


def _rename_users(s: Session, kind: str, old: str, new: str) -> None:
    for location in s.store.list(s.ms, "external_location") if kind == "storage_credential" else ():
        if location["credential_name"] == old:
            s.store.put(s.ms, "external_location", location["name"], doc=location | {"credential_name": new})


def _dependents(s: Session, kind: str, doc: Doc) -> str:
    """What needs the securable, in words; `""` when nothing does."""
    if kind == "storage_credential":
        users = [item for item in s.store.list(s.ms, "external_location") if item["credential_name"] == doc["name"]]
        return "external locations" if users else ""
    if kind == "external_location":
        inside = _folder(doc["url"])
        for other in ("table", "volume"):
            for item in s.store.list_all(s.ms, other):
                external = "EXTERNAL" in (item.get("table_type"), item.get("volume_type"))
                if external and _folder(item.get("storage_location", "")).startswith(inside):
                    return f"external {other}s"
    return ""


def _checked(s: Session, kind: str, name: str, doc: Doc) -> Doc:
    """`doc` with what follows from it. Raises ApiError for what Databricks documents as invalid."""
    if kind == "storage_credential":
        given = [field for field in _IDENTITIES if doc.get(field)]
        if len(given) != 1 or not isinstance(doc[given[0]], dict):
            raise invalid(f"Exactly one of {', '.join(_IDENTITIES)} must be given.")
        return doc
    if kind != "external_location":
        return doc
    credential = s.store.get(s.ms, "storage_credential", doc["credential_name"])
    if credential is None:
        raise not_found("storage_credential", doc["credential_name"])
    if urlsplit(doc["url"]).scheme not in _SCHEMES:
        raise invalid(f"Input path url '{doc['url']}' is not a cloud storage path.")
    url = _folder(doc["url"])
    for other in s.store.list(s.ms, kind):
        taken = _folder(other["url"])
        # An external location needs a path that no other location covers.
        if other["name"] != name and (url.startswith(taken) or taken.startswith(url)):
            raise invalid(f"Input path url '{doc['url']}' overlaps with external location '{other['name']}'.")
    return doc | {"credential_id": credential["id"], "credential_name": credential["name"]}


def _folder(url: str) -> str:
    return url.rstrip("/") + "/"
