"""Volumes, functions and registered models: what else a schema holds, with the rules that REST and SQL share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from replicator.emulator import grants, tags
from replicator.emulator.errors import already_exists, invalid, not_found
from replicator.emulator.metastore import Doc
from replicator.emulator.principals import require
from replicator.emulator.rename import move
from replicator.emulator.securables import check_name, get_schema, require_parent
from replicator.emulator.session import Session, created, updated
from replicator.emulator.tables import local_path

# kind -> (field of its id, privilege to create one, fields that an update may change)
_RULES: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "volume": ("volume_id", "CREATE_VOLUME", frozenset({"comment", "owner"})),
    "function": ("function_id", "CREATE_FUNCTION", frozenset({"comment", "owner", "properties"})),
    "model": ("id", "CREATE_MODEL", frozenset({"comment", "owner"})),
}


def create_volume(s: Session, doc: Doc, if_not_exists: bool = False) -> Doc:
    """Create a managed or external volume; `_path` is its folder. Raises ApiError VOLUME_ALREADY_EXISTS."""
    kind = doc.get("volume_type", "MANAGED")
    if kind not in ("MANAGED", "EXTERNAL"):
        raise invalid(f"Invalid volume type '{kind}'.")
    if kind == "EXTERNAL" and not doc.get("storage_location"):
        raise invalid("External volumes need a storage_location.")
    volume_id = str(uuid.uuid4())
    own = s.metastore.storage_root / "volumes" / volume_id
    path = (local_path(doc["storage_location"]) if kind == "EXTERNAL" else None) or own
    path.mkdir(parents=True, exist_ok=True)
    location = doc["storage_location"] if kind == "EXTERNAL" else path.as_uri()
    extra = {"volume_type": kind, "volume_id": volume_id, "storage_location": location, "_path": str(path)}
    return create(s, "volume", doc | extra, if_not_exists)


def create(s: Session, kind: str, doc: Doc, if_not_exists: bool = False, replace: bool = False) -> Doc:
    """Create a volume, function or model from a document with catalog_name, schema_name and name."""
    name = check_name(kind, doc.get("name", ""))
    id_field, privilege, _ = _RULES[kind]
    with s.store.transaction():
        schema = require_parent(s, str(doc.get("catalog_name", "")), str(doc.get("schema_name", "")), privilege)
        parts = (schema["catalog_name"], schema["name"], name)
        existing = s.store.get(s.ms, kind, *parts)
        if existing is not None and if_not_exists:
            return existing
        if existing is not None and not replace:
            raise already_exists(kind, ".".join(parts))
        names = {
            "name": name,
            "catalog_name": parts[0],
            "schema_name": parts[1],
            "full_name": ".".join(parts),
        }
        fields = {key: value for key, value in doc.items() if value not in (None, "")}
        made = created(s, {id_field: str(uuid.uuid4())} | fields | names)
        s.store.put(s.ms, kind, *parts, doc=made)
    return made


def get(s: Session, kind: str, catalog: str, schema: str, name: str) -> Doc:
    """One volume, function or model. Raises ApiError 404 for the first part that is missing, 403."""
    doc = s.store.get(s.ms, kind, catalog, schema, name)
    if doc is None:
        get_schema(s, catalog, schema)
        raise not_found(kind, f"{catalog}.{schema}.{name}")
    grants.require_visible(s, kind, (catalog, schema, name))
    return doc


def list_in(s: Session, kind: str, catalog: str, schema: str) -> list[Doc]:
    """Volumes, functions or models of one schema that the caller may see, by name."""
    get_schema(s, catalog, schema)
    return grants.visible_in(s, kind, (catalog, schema), s.store.list(s.ms, kind, catalog, schema))


def update(s: Session, kind: str, parts: Sequence[str], changes: Doc) -> Doc:
    """Change fields, or the name with `new_name`. A missing or null field stays, `""` clears it."""
    with s.store.transaction():
        doc = get(s, kind, *parts)
        grants.require_manage(s, kind, parts)
        if changes.get("owner"):
            require(s, changes["owner"])
        doc = updated(s, doc, {key: value for key, value in changes.items() if key in _RULES[kind][2]})
        s.store.put(s.ms, kind, *parts, doc=doc)
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != parts[2].lower():
            target = (doc["catalog_name"], doc["schema_name"], check_name(kind, new_name))
            if s.store.get(s.ms, kind, *target) is not None:
                raise already_exists(kind, ".".join(target))
            doc = move(s, kind, parts, target)
    return doc


def delete(s: Session, kind: str, parts: Sequence[str]) -> None:
    """Delete one volume, function or model with its grants and tags; the files of a volume stay on disk."""
    with s.store.transaction():
        get(s, kind, *parts)
        grants.require_manage(s, kind, parts)
        s.store.delete(s.ms, kind, *parts)
        grants.drop(s, kind, parts)
        tags.drop(s, parts)


def folder(s: Session, parts: Sequence[str], privilege: str) -> Path:
    """The folder of a volume for a caller who holds READ_VOLUME or WRITE_VOLUME on it."""
    doc = get(s, "volume", *parts)
    grants.check(s, privilege, "volume", parts)
    return Path(doc["_path"])
