"""Tables, views, materialized views and streaming tables: the rules that REST and SQL share."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from replicator.emulator import grants, tags
from replicator.emulator.errors import ApiError, already_exists, invalid, not_found
from replicator.emulator.metastore import Doc, public
from replicator.emulator.principals import require
from replicator.emulator.rename import move
from replicator.emulator.securables import check_name, get_catalog, get_schema, require_parent
from replicator.emulator.session import Session, created, updated
from replicator.emulator.shared_catalogs import refuse_write, remembered, shared_table, shared_tables

MAX_TABLES = 10_000  # per schema, as Databricks documents its default quota
# Databricks documents that these need MODIFY only; every other change needs ownership or MANAGE.
_MODIFY_FIELDS = frozenset({"columns", "properties", "comment"})


def managed_path(s: Session, table_id: str) -> Path:
    """The folder of a managed table."""
    return s.metastore.storage_root / "tables" / table_id


def local_path(location: str) -> Path | None:
    """The folder that a storage location names, if it is on this machine (`file:` URL or absolute path)."""
    parts = urlsplit(location)
    if parts.scheme in ("", "file") and parts.path.startswith("/"):
        return Path(unquote(parts.path))
    return None


def register_table(s: Session, doc: Doc, replace: bool = False) -> Doc:
    """Add a table-like object to its schema; with `replace`, an existing one keeps id, owner, grants and
    creation.

    `doc` needs catalog_name, schema_name, name, table_type; `table_id` and `_path` are kept when given.
    Raises ApiError TABLE_ALREADY_EXISTS, SCHEMA_/CATALOG_DOES_NOT_EXIST, PERMISSION_DENIED, QUOTA_EXCEEDED.
    """
    name = check_name("table", doc.get("name", ""))
    with s.store.transaction():
        schema = get_schema(s, doc["catalog_name"], doc["schema_name"])
        parts = (schema["catalog_name"], schema["name"], name)
        existing = s.store.get(s.ms, "table", *parts)
        if existing is not None and not replace:
            raise already_exists("table", ".".join(parts))
        if existing is None:
            require_parent(s, *parts[:2], "CREATE_TABLE")
            _check_quota(s, parts)
            made = created(s, _new_table(s, doc, parts))
        else:
            refuse_write(get_catalog(s, parts[0]))
            grants.require_manage(s, "table", parts)
            kept = {key: existing[key] for key in ("table_id", "owner", "created_at", "created_by")}
            made = updated(s, _new_table(s, doc, parts) | kept | {"metastore_id": existing["metastore_id"]}, {})
        s.store.put(s.ms, "table", *parts, doc=made)
    return made


def _new_table(s: Session, doc: Doc, parts: Sequence[str]) -> Doc:
    table_id = doc.get("table_id") or str(uuid.uuid4())
    made = {
        "columns": [],
        "properties": {},
        **{key: value for key, value in doc.items() if value not in (None, "")},
        "name": parts[2],
        "catalog_name": parts[0],
        "schema_name": parts[1],
        "full_name": ".".join(parts),
        "securable_type": "TABLE",
        "table_id": table_id,
    }
    if doc.get("table_type") in ("VIEW", "METRIC_VIEW"):
        return made
    made.setdefault("enable_predictive_optimization", "INHERIT")
    if "_path" not in made:
        location = local_path(made["storage_location"]) if "storage_location" in made else None
        path = location or managed_path(s, table_id)
        made["_path"] = str(path)
    made.setdefault("storage_location", Path(made["_path"]).as_uri())
    return made


def _check_quota(s: Session, parts: Sequence[str]) -> None:
    count = s.store.count(s.ms, "table", *parts[:2])
    if count >= MAX_TABLES:
        message = f"Cannot create 1 Table(s) in Schema {parts[1]} (estimated count: {count}, limit: {MAX_TABLES})."
        raise ApiError(400, "QUOTA_EXCEEDED", message)


def get_table(s: Session, catalog: str, schema: str, table: str) -> Doc:
    """One table, of a shared catalog too (see `shared_catalogs.shared_table`); hidden backing tables are
    found.

    Raises ApiError 404 CATALOG_/SCHEMA_/TABLE_DOES_NOT_EXIST for the first part that is missing, 403.
    """
    doc = s.store.get(s.ms, "table", catalog, schema, table)
    if doc is None:
        parent = get_catalog(s, catalog)
        if parent["catalog_type"] == "DELTASHARING_CATALOG" and schema.lower() != "information_schema":
            doc = shared_table(s, parent, schema, table)
        else:
            get_schema(s, catalog, schema)
            raise not_found("table", f"{catalog}.{schema}.{table}")
    grants.require_visible(s, "table", (catalog, schema, table))
    return doc


def exists(s: Session, catalog: str, schema: str, table: str) -> bool:
    """Whether the table exists; still raises for a missing catalog or schema, as the REST endpoint does."""
    try:
        get_table(s, catalog, schema, table)
    except ApiError as error:
        if error.error_code != "TABLE_DOES_NOT_EXIST":
            raise
        return False
    return True


def list_tables(s: Session, catalog: str, schema: str, include_hidden: bool = False) -> list[Doc]:
    """Tables of one schema that the caller may see, by name."""
    parent = get_catalog(s, catalog)
    get_schema(s, catalog, schema)
    if parent["catalog_type"] == "DELTASHARING_CATALOG":
        docs = [] if schema.lower() == "information_schema" else shared_tables(s, parent, schema)
    else:
        docs = s.store.list(s.ms, "table", catalog, schema, hidden=include_hidden)
    return grants.visible_in(s, "table", (catalog, schema), docs)


def listed_tables(s: Session, catalog: str, schema: str) -> list[Doc]:
    """Tables of one schema of a shared catalog as information_schema lists them: perhaps not the newest."""
    docs = remembered(s, get_catalog(s, catalog), schema)
    return grants.visible_in(s, "table", (catalog, schema), docs)


def page_of_tables(
    s: Session, catalog: str, schema: str, after: str, limit: int, omit: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """One page of a listing as (key, JSON text), from behind the key `after`; nothing is parsed."""
    parent = get_catalog(s, catalog)
    if parent["catalog_type"] == "DELTASHARING_CATALOG" or not s.is_admin:
        docs = [doc for doc in list_tables(s, catalog, schema) if doc["name"] > after][:limit]
        kept = ({key: doc[key] for key in doc if key not in omit} for doc in docs)
        return [(doc["name"], json.dumps(public(doc), ensure_ascii=False)) for doc in kept]
    get_schema(s, catalog, schema)
    return s.store.texts(s.ms, "table", catalog, schema, after=after, limit=limit, omit=omit)


def names_and_types(s: Session, catalog: str, schema: str) -> list[tuple[str, str]]:
    """(name, table_type) of the tables of one schema that the caller may see, by name."""
    parent = get_catalog(s, catalog)
    if parent["catalog_type"] != "MANAGED_CATALOG" or not s.is_admin:
        return [(doc["name"], doc["table_type"]) for doc in list_tables(s, catalog, schema)]
    return s.store.field(s.ms, "table", catalog, schema, field="table_type")


def names_and_known_types(s: Session, catalog: str, schema: str) -> Sequence[tuple[str, str | None]]:
    """As `names_and_types`, with None for a type that would have to be looked for in the table's document."""
    parent = get_catalog(s, catalog)
    if parent["catalog_type"] != "MANAGED_CATALOG" or not s.is_admin:
        return names_and_types(s, catalog, schema)
    return [(name, None) for name in s.store.names(s.ms, "table", catalog, schema)]


def update_table(s: Session, catalog: str, schema: str, table: str, changes: Doc) -> Doc:
    """Change fields (a null one stays, `""` clears it). Internal fields alone leave `updated_at` as it is."""
    parts = (catalog, schema, table)
    with s.store.transaction():
        doc = _own_table(s, parts)
        fields = {key for key in changes if key[0] != "_"}
        if not fields:
            doc = doc | changes
        else:
            needs_manage = fields - _MODIFY_FIELDS or not grants.allowed(s, "MODIFY", "table", parts)
            if needs_manage:
                grants.require_manage(s, "table", parts)
            if changes.get("owner"):
                require(s, changes["owner"])
            doc = updated(s, doc, changes)
        s.store.put(s.ms, "table", *parts, doc=doc)
    return doc


def rename_table(s: Session, old: Sequence[str], new: Sequence[str]) -> Doc:
    """Rename within the catalog: `old` and `new` are (catalog, schema, table). Grants, tags and shares
    follow.
    """
    with s.store.transaction():
        _own_table(s, old)
        grants.require_manage(s, "table", old)
        if old[0].lower() != new[0].lower():
            raise invalid("A table cannot be renamed into another catalog.")
        name = check_name("table", new[2])
        schema = require_parent(s, new[0], new[1], "CREATE_TABLE")
        target = (schema["catalog_name"], schema["name"], name)
        if s.store.get(s.ms, "table", *target) is not None:
            raise already_exists("table", ".".join(target))
        return move(s, "table", old, target)


def delete_table(s: Session, catalog: str, schema: str, table: str) -> Doc:
    """Remove a table from the catalog and return its last document; files stay, as UNDROP needs them.

    The backing tables of a streaming table or materialized view (`_backing`: full names) go with it.
    """
    parts = (catalog, schema, table)
    with s.store.transaction():
        doc = _own_table(s, parts)
        grants.require_manage(s, "table", parts)
        for name in (doc["full_name"], *doc.get("_backing", ())):
            _remove(s, name.split("."))
    return doc


def _remove(s: Session, parts: Sequence[str]) -> None:
    doc = s.store.get(s.ms, "table", *parts)
    if doc is not None:
        s.store.put(s.ms, "dropped_table", *parts, doc["table_id"], doc=doc)
        s.store.delete(s.ms, "table", *parts)
        grants.drop(s, "table", parts)
        tags.drop(s, parts)
        s.store.delete_all(s.ms, "policy", "table", *parts)


def _own_table(s: Session, parts: Sequence[str]) -> Doc:
    doc = get_table(s, *parts)
    if doc.get("_read_only"):
        refuse_write(get_catalog(s, parts[0]))
    return doc
