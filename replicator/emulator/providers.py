"""Providers as the recipient manages them: a name, a comment and an owner for what another metastore shares."""

from __future__ import annotations

import json

from replicator.emulator import grants
from replicator.emulator.errors import already_exists, denied, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.principals import require
from replicator.emulator.securables import check_name
from replicator.emulator.session import Session, created, now_ms, updated
from replicator.emulator.shared_catalogs import (
    open_share,
    provider,
    provider_shares,
    schema_alias,
    shared_schemas,
    shared_tables,
)
from replicator.emulator.shared_catalogs import providers as derived

_FIELDS = ("comment", "owner", "recipient_profile_str")


def list_providers(s: Session) -> list[Doc]:
    """Providers that the caller may see, by name."""
    docs = [*derived(s), *s.store.list(s.ms, "provider")]
    visible = [doc for doc in docs if _owns(s, doc) or _may_use(s)]
    return sorted(visible, key=lambda doc: str(doc["name"]))


def get_provider(s: Session, name: str) -> Doc:
    """One provider. Raises ApiError PROVIDER_DOES_NOT_EXIST, PERMISSION_DENIED."""
    doc = s.store.get(s.ms, "provider", name) or provider(s, name)
    if not (_owns(s, doc) or _may_use(s)):
        raise denied(f"User does not have USE PROVIDER on Provider '{name}'.")
    return doc


def create_provider(s: Session, doc: Doc) -> Doc:
    """Create a provider of type TOKEN from a sharing profile. Raises ApiError PROVIDER_ALREADY_EXISTS."""
    name = check_name("provider", doc.get("name", ""))
    with s.store.transaction():
        grants.check_metastore(s, "CREATE_PROVIDER")
        if any(other["name"].lower() == name for other in list_providers(s)):
            raise already_exists("provider", name)
        if doc.get("authentication_type") != "TOKEN":
            raise invalid("Only providers with authentication type TOKEN can be created.")
        made = created(s, {"name": name, "authentication_type": "TOKEN", **_profile(doc)})
        if doc.get("comment"):
            made["comment"] = doc["comment"]
        s.store.put(s.ms, "provider", name, doc=made)
    return made


def _profile(doc: Doc) -> Doc:
    text = doc.get("recipient_profile_str") or ""
    try:
        profile = json.loads(text)
        kept = {
            "share_credentials_version": profile["shareCredentialsVersion"],
            "endpoint": profile["endpoint"],
            "bearer_token": "REDACTED",
        }
    except (ValueError, KeyError, TypeError):
        raise invalid("recipient_profile_str is not a valid sharing profile.") from None
    return {"recipient_profile": kept, "_profile": text}


def update_provider(s: Session, name: str, changes: Doc) -> Doc:
    """Change comment, owner or name (`new_name`); catalogs made from its shares follow the name."""
    with s.store.transaction():
        doc = get_provider(s, name)
        _require_owner(s, doc)
        if changes.get("owner"):
            require(s, changes["owner"])
        doc = updated(s, doc, {key: value for key, value in changes.items() if key in _FIELDS})
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != doc["name"].lower():
            new_name = check_name("provider", new_name)
            if any(other["name"].lower() == new_name for other in list_providers(s)):
                raise already_exists("provider", new_name)
            _rename_catalogs(s, doc["name"], new_name)
            s.store.delete(s.ms, "provider", doc["name"])
            doc["name"] = new_name
        _keep(s, doc)
    return get_provider(s, doc["name"])


def _keep(s: Session, doc: Doc) -> None:
    if doc["authentication_type"] == "TOKEN":
        s.store.put(s.ms, "provider", doc["name"], doc=doc)
        return
    binding: Doc = {key: doc[key] for key in ("name", "comment", "owner", "updated_at", "updated_by") if key in doc}
    s.store.put(s.ms, "provider_binding", doc["_metastore_id"], doc=binding)


def _rename_catalogs(s: Session, old: str, new: str) -> None:
    for catalog in s.store.list(s.ms, "catalog"):
        if catalog.get("provider_name") == old:
            s.store.put(s.ms, "catalog", catalog["name"], doc=catalog | {"provider_name": new})


def delete_provider(s: Session, name: str) -> None:
    """Delete a provider; one of type DATABRICKS stays away until its owner makes a new recipient."""
    with s.store.transaction():
        doc = get_provider(s, name)
        _require_owner(s, doc)
        if doc["authentication_type"] == "TOKEN":
            s.store.delete(s.ms, "provider", name)
        else:
            gone = {"_deleted_for": doc["_recipient_id"], "updated_at": now_ms()}
            s.store.put(s.ms, "provider_binding", doc["_metastore_id"], doc=gone)


def shares_of(s: Session, name: str) -> list[Doc]:
    """`{"name": …}` of each share that the provider granted, by name."""
    doc = get_provider(s, name)
    return [] if doc["authentication_type"] == "TOKEN" else provider_shares(s, name)


def share_assets(s: Session, name: str, share_name: str) -> Doc:
    """What a share holds, before any catalog is made from it."""
    get_provider(s, name)
    share = open_share(s, name, share_name)
    # A catalog that does not exist yet: the rules for reading it are the same.
    catalog = {"name": "", "provider_name": name, "share_name": share_name} | dict.fromkeys(
        ("owner", "metastore_id", "created_at", "created_by", "updated_at", "updated_by"), ""
    )
    tables = [
        {"name": table["name"], "schema": schema["name"], "share": share["name"], "id": table["table_id"]}
        for schema in shared_schemas(s, catalog)
        for table in shared_tables(s, catalog, schema["name"])
    ]
    volumes = [
        {"name": item["string_shared_as"].split(".")[-1], "schema": schema_alias(item), "share": share["name"]}
        for item in share["objects"]
        if item["data_object_type"] == "VOLUME"
    ]
    return {"share": {"name": share["name"]}, "tables": tables, "volumes": volumes}


def _owns(s: Session, doc: Doc) -> bool:
    return s.is_admin or str(doc["owner"]).lower() in s.identities


def _may_use(s: Session) -> bool:
    return grants.allowed(s, "USE_PROVIDER", "metastore", (s.metastore.metastore_id,))


def _require_owner(s: Session, doc: Doc) -> None:
    if not _owns(s, doc):
        raise denied(f"User is not an owner of Provider '{doc['name']}'.")
