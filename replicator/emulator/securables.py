"""Catalogs and schemas: the rules that REST and SQL share."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from replicator.emulator import grants, tags
from replicator.emulator.errors import already_exists, invalid, not_empty, not_found
from replicator.emulator.metastore import Doc
from replicator.emulator.principals import require
from replicator.emulator.rename import move
from replicator.emulator.session import Session, created, updated, words
from replicator.emulator.shared_catalogs import open_share, provider, refuse_write, shared_schemas

IN_SCHEMA = ("table", "volume", "function", "model")
_NAME = re.compile(r"[^\x00-\x20\x7f./]{1,255}")
_SINCE = 1_600_000_000_000  # creation time (ms) of what the system brings along
_CATALOG_FIELDS = words(
    "comment owner properties options isolation_mode enable_predictive_optimization custom_max_retention_hours"
)
_SCHEMA_FIELDS = _CATALOG_FIELDS - {"options", "isolation_mode"}


def check_name(kind: str, name: str) -> str:
    """`name` folded to lower case. Raises ApiError 400 for what Unity Catalog refuses: `.`, space, `/`,
    controls.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        title = kind.title()
        raise invalid(
            f'Invalid input: RPC Create{title} Field managedcatalog.{title}Info.name: name "{name}" is not a valid name'
        )
    return name.lower()


def parts_of(full_name: str, size: int) -> tuple[str, ...]:
    """The `size` parts of a dotted full name. Raises ApiError 400 for any other number of parts."""
    parts = tuple(full_name.split("."))
    if len(parts) != size or not all(parts):
        raise invalid(f"'{full_name}' is not a valid name: expected {size} part(s) separated by dots.")
    return parts


# ---- catalogs


def create_catalog(s: Session, doc: Doc, if_not_exists: bool = False) -> Doc:
    """Create a catalog with its `default` schema, or, with `provider_name` and `share_name`, one from a
    share.

    Raises ApiError: CATALOG_ALREADY_EXISTS, PERMISSION_DENIED without CREATE CATALOG, 404 for an unknown
    share.
    """
    name = check_name("catalog", doc.get("name", ""))
    with s.store.transaction():
        grants.check_metastore(s, "CREATE_CATALOG")
        existing = _catalog(s, name)
        if existing is not None:
            if if_not_exists:
                return existing
            raise already_exists("catalog", name)
        made = created(s, _new_catalog(s, name, doc))
        s.store.put(s.ms, "catalog", name, doc=made)
        if made["catalog_type"] == "MANAGED_CATALOG":
            default = {"name": "default", "catalog_name": name, "comment": "Default schema (auto-created)"}
            s.store.put(s.ms, "schema", name, "default", doc=created(s, _new_schema(name, "default", default)))
    return made


def _new_catalog(s: Session, name: str, doc: Doc) -> Doc:
    identifier = str(uuid.uuid4())
    made = {
        "name": name,
        "full_name": name,
        "catalog_type": "MANAGED_CATALOG",
        "securable_type": "CATALOG",
        "securable_kind": "CATALOG_STANDARD",
        "isolation_mode": "OPEN",
        "browse_only": False,
        "enable_predictive_optimization": "INHERIT",
        "provisioning_info": {"state": "ACTIVE"},
        "id": identifier,
        **{key: doc[key] for key in ("comment", "properties", "options", "storage_root") if doc.get(key)},
    }
    if doc.get("connection_name"):
        raise invalid("Foreign catalogs are not supported by the emulator.")
    if doc.get("provider_name") or doc.get("share_name"):
        owner = provider(s, doc.get("provider_name") or "")
        open_share(s, owner["name"], doc.get("share_name") or "")
        if owner["owner"].lower() not in s.identities:
            grants.check_metastore(s, "USE_PROVIDER")
        share = {"provider_name": owner["name"], "share_name": doc["share_name"].lower()}
        return made | share | {"catalog_type": "DELTASHARING_CATALOG", "securable_kind": "CATALOG_DELTASHARING"}
    if "storage_root" in made:
        made["storage_location"] = f"{made['storage_root'].rstrip('/')}/__unitystorage/catalogs/{identifier}"
    return made


def _catalog(s: Session, name: str) -> Doc | None:
    return _system_catalog(s) if name.lower() == "system" else s.store.get(s.ms, "catalog", name)


def get_catalog(s: Session, name: str) -> Doc:
    """One catalog. Raises ApiError CATALOG_DOES_NOT_EXIST, PERMISSION_DENIED."""
    doc = _catalog(s, name)
    if doc is None:
        raise not_found("catalog", name)
    if doc["catalog_type"] != "SYSTEM_CATALOG":
        grants.require_visible(s, "catalog", (name,))
    return doc


def list_catalogs(s: Session) -> list[Doc]:
    """Catalogs that the caller may see, by name; `system` is always among them."""
    docs = [doc for doc in s.store.list(s.ms, "catalog") if grants.visible(s, "catalog", (doc["name"],))]
    return sorted([*docs, _system_catalog(s)], key=lambda doc: str(doc["name"]))


def update_catalog(s: Session, name: str, changes: Doc) -> Doc:
    """Change fields, or the name with `new_name`. A missing or null field stays, `""` clears it."""
    with s.store.transaction():
        doc = get_catalog(s, name)
        _require_change(s, "catalog", (name,), doc, changes)
        doc = updated(s, doc, {key: value for key, value in changes.items() if key in _CATALOG_FIELDS})
        s.store.put(s.ms, "catalog", name, doc=doc)
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != name.lower():
            new_name = check_name("catalog", new_name)
            if _catalog(s, new_name) is not None:
                raise already_exists("catalog", new_name)
            move(s, "catalog", (name,), (new_name,))
            doc = get_catalog(s, new_name)
    return doc


def delete_catalog(s: Session, name: str, force: bool = False) -> None:
    """Delete a catalog; one that holds schemas (`default` counts) or objects only with `force`."""
    with s.store.transaction():
        doc = get_catalog(s, name)
        if doc["catalog_type"] == "SYSTEM_CATALOG":
            refuse_write(doc)
        grants.require_manage(s, "catalog", (name,))
        if not force and s.store.count(s.ms, "schema", name):
            raise not_empty("catalog", name.lower(), "schema")
        for kind in ("schema", *IN_SCHEMA, "model_version"):
            s.store.delete_all(s.ms, kind, name)
        _forget(s, "catalog", (name,))


def _system_catalog(s: Session) -> Doc:
    return {
        "name": "system",
        "full_name": "system",
        "catalog_type": "SYSTEM_CATALOG",
        "securable_type": "CATALOG",
        "securable_kind": "CATALOG_SYSTEM",
        "isolation_mode": "OPEN",
        "comment": "System catalog (auto-created)",
        **_system_audit(s),
    }


def _system_audit(s: Session) -> Doc:
    return {
        "owner": "System user",
        "metastore_id": s.metastore.metastore_id,
        "created_at": _SINCE,
        "created_by": "System user",
        "updated_at": _SINCE,
        "updated_by": "System user",
    }


# ---- schemas


def create_schema(s: Session, doc: Doc, if_not_exists: bool = False) -> Doc:
    """Create a schema. Raises ApiError SCHEMA_ALREADY_EXISTS, CATALOG_DOES_NOT_EXIST, PERMISSION_DENIED."""
    catalog_name = str(doc.get("catalog_name", ""))
    name = check_name("schema", doc.get("name", ""))
    with s.store.transaction():
        catalog = get_catalog(s, catalog_name)
        existing = _schema(s, catalog, name)
        if existing is not None:
            if if_not_exists:
                return existing
            raise already_exists("schema", f"{catalog['name']}.{name}")
        refuse_write(catalog)
        grants.check(s, "USE_CATALOG", "catalog", (catalog_name,))
        grants.check(s, "CREATE_SCHEMA", "catalog", (catalog_name,))
        made = created(s, _new_schema(catalog["name"], name, doc))
        s.store.put(s.ms, "schema", catalog["name"], name, doc=made)
    return made


def _new_schema(catalog: str, name: str, doc: Doc) -> Doc:
    return {
        "name": name,
        "catalog_name": catalog,
        "full_name": f"{catalog}.{name}",
        "catalog_type": "MANAGED_CATALOG",
        "securable_type": "SCHEMA",
        "securable_kind": "SCHEMA_STANDARD",
        "browse_only": False,
        "enable_predictive_optimization": "INHERIT",
        "schema_id": str(uuid.uuid4()),
        **{key: doc[key] for key in ("comment", "properties", "storage_root") if doc.get(key)},
    }


def _schema(s: Session, catalog: Doc, name: str) -> Doc | None:
    if name.lower() == "information_schema":
        return _information_schema(s, catalog)
    if catalog["catalog_type"] == "DELTASHARING_CATALOG":
        return next((doc for doc in shared_schemas(s, catalog) if doc["name"] == name.lower()), None)
    return s.store.get(s.ms, "schema", catalog["name"], name)


def get_schema(s: Session, catalog: str, name: str) -> Doc:
    """One schema, of a shared catalog too. Raises ApiError 404 for the part that is missing, 403."""
    parent = _catalog(s, catalog)
    if parent is None:
        raise not_found("catalog", catalog)
    doc = _schema(s, parent, name)
    if doc is None:
        raise not_found("schema", f"{parent['name']}.{name}")
    if name.lower() != "information_schema":
        grants.require_visible(s, "schema", (catalog, name))
    return doc


def list_schemas(s: Session, catalog: str) -> list[Doc]:
    """Schemas that the caller may see, by name; `information_schema` is always among them."""
    parent = get_catalog(s, catalog)
    if parent["catalog_type"] == "DELTASHARING_CATALOG":
        docs = shared_schemas(s, parent)
    else:
        docs = s.store.list(s.ms, "schema", catalog)
    if not s.is_admin:
        docs = [doc for doc in docs if grants.visible(s, "schema", (catalog, doc["name"]))]
    return sorted([*docs, _information_schema(s, parent)], key=lambda doc: str(doc["name"]))


def update_schema(s: Session, catalog: str, name: str, changes: Doc) -> Doc:
    """Change fields, or the name with `new_name`. A missing or null field stays, `""` clears it."""
    with s.store.transaction():
        doc = get_schema(s, catalog, name)
        refuse_write(get_catalog(s, catalog))
        _require_change(s, "schema", (catalog, name), doc, changes)
        doc = updated(s, doc, {key: value for key, value in changes.items() if key in _SCHEMA_FIELDS})
        s.store.put(s.ms, "schema", catalog, name, doc=doc)
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != name.lower():
            new_name = check_name("schema", new_name)
            if s.store.get(s.ms, "schema", catalog, new_name) is not None:
                raise already_exists("schema", f"{catalog}.{new_name}")
            move(s, "schema", (catalog, name), (catalog.lower(), new_name))
            doc = get_schema(s, catalog, new_name)
    return doc


def delete_schema(s: Session, catalog: str, name: str, force: bool = False) -> None:
    """Delete a schema; one that holds objects only with `force`."""
    with s.store.transaction():
        doc = get_schema(s, catalog, name)
        refuse_write(get_catalog(s, catalog))
        if name.lower() == "information_schema":
            raise invalid("The schema information_schema cannot be dropped.")
        grants.require_manage(s, "schema", (catalog, name))
        for kind in IN_SCHEMA:
            if not force and s.store.count(s.ms, kind, catalog, name):
                raise not_empty("schema", doc["full_name"], kind)
            s.store.delete_all(s.ms, kind, catalog, name)
        s.store.delete_all(s.ms, "model_version", catalog, name)
        _forget(s, "schema", (catalog, name))


def _information_schema(s: Session, catalog: Doc) -> Doc:
    return {
        "name": "information_schema",
        "catalog_name": catalog["name"],
        "full_name": f"{catalog['name']}.information_schema",
        "catalog_type": catalog["catalog_type"],
        "comment": "Information schema (auto-created)",
        "_read_only": True,
        **_system_audit(s),
    }


# ---- both


def require_parent(s: Session, catalog: str, schema: str, privilege: str) -> Doc:
    """The schema in which a new object may be created; refuses shared catalogs and missing privileges."""
    doc = get_schema(s, catalog, schema)
    refuse_write(get_catalog(s, catalog))
    if doc.get("_read_only"):
        raise invalid(f"The schema {doc['full_name']} is read-only.")
    grants.check(s, "USE_SCHEMA", "schema", (catalog, schema))
    grants.check(s, privilege, "schema", (catalog, schema))
    return doc


def _require_change(s: Session, kind: str, parts: Sequence[str], doc: Doc, changes: Doc) -> None:
    if doc.get("catalog_type") == "SYSTEM_CATALOG":
        refuse_write(doc)
    grants.require_manage(s, kind, parts)
    if changes.get("owner"):
        require(s, changes["owner"])


def _forget(s: Session, kind: str, parts: Sequence[str]) -> None:
    s.store.delete(s.ms, kind, *parts)
    grants.drop(s, kind, parts)
    s.store.delete_all(s.ms, "shared_listing", *parts)
    tags.drop(s, parts)
    for inner in ("catalog", "schema", "table"):
        s.store.delete_all(s.ms, "policy", inner, *parts)
