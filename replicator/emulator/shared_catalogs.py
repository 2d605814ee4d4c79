"""What a recipient sees: providers, their shares, and the schemas and tables of a catalog made from a share.

Nothing is copied. A metastore of the same root is a provider for every metastore that one of its DATABRICKS
recipients names; the content of a shared catalog is computed from the provider's documents whenever it is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from replicator.emulator.errors import ApiError, not_found
from replicator.emulator.metastore import Doc, MetastoreInfo
from replicator.emulator.session import Session, now_ms

TABLE_OBJECTS = frozenset({"TABLE", "VIEW", "MATERIALIZED_VIEW", "STREAMING_TABLE", "FOREIGN_TABLE"})
READ_ONLY = frozenset({"DELTASHARING_CATALOG", "SYSTEM_CATALOG"})


def providers(s: Session) -> list[Doc]:
    """Providers visible to this metastore, by name; `_metastore` is the provider's metastore name."""
    found = [_provider(s, other, recipient) for other, recipient in _recipients_for(s)]
    return sorted((doc for doc in found if doc is not None), key=lambda doc: str(doc["name"]))


def provider(s: Session, name: str) -> Doc:
    """One provider by name. Raises ApiError 404 PROVIDER_DOES_NOT_EXIST."""
    for doc in providers(s):
        if doc["name"].lower() == name.lower():
            return doc
    raise not_found("provider", name)


def provider_shares(s: Session, name: str) -> list[Doc]:
    """`{"name": …}` of each share that the provider granted to this metastore, by name."""
    doc = provider(s, name)
    shares = s.store.list(doc["_metastore"], "share")
    return [{"name": share["name"]} for share in shares if _granted(s, doc, share["name"])]


def open_share(s: Session, provider_name: str, share_name: str) -> Doc:
    """The provider's share document. Raises ApiError 404 when the provider or the grant is gone."""
    doc = provider(s, provider_name)
    share = s.store.get(doc["_metastore"], "share", share_name)
    if share is None or not _granted(s, doc, share["name"]):
        raise not_found("share", f"{provider_name}.{share_name}")
    recipient = s.store.get(doc["_metastore"], "recipient", doc["_recipient"]) or {}
    properties = (recipient.get("properties_kvpairs") or {}).get("properties") or {}
    return share | {"_metastore": doc["_metastore"], "_properties": properties}


def shared_schemas(s: Session, catalog: Doc) -> list[Doc]:
    """Schema documents of a shared catalog, by name. Raises ApiError 404 when the share is not available."""
    comments = schemas_of(s, open_share(s, catalog["provider_name"], catalog["share_name"]))
    return [_schema(catalog, name, comments[name]) for name in sorted(comments)]


def schemas_of(s: Session, share: Doc) -> dict[str, str]:
    """Comments of the schemas that an opened share (`_metastore` is its provider's) shows, by name."""
    comments: dict[str, str] = {}
    for item in share.get("objects", ()):
        if not _settled(s, item["added_at"]):
            continue
        if item["data_object_type"] == "SCHEMA":
            source = s.store.get(share["_metastore"], "schema", *item["name"].split(".")) or {}
            comments[schema_alias(item)] = source.get("comment", "")
        elif item["data_object_type"] in TABLE_OBJECTS | {"VOLUME"}:
            comments.setdefault(schema_alias(item), "")
    return comments


def shared_tables(s: Session, catalog: Doc, schema: str) -> list[Doc]:
    """Table documents of one schema of a shared catalog, by name."""
    share = open_share(s, catalog["provider_name"], catalog["share_name"])
    found = dict(tables_of(s, share, schema.lower()))
    return [_table(catalog, schema, name, share, *found[name]) for name in sorted(found)]


def shared_table(s: Session, catalog: Doc, schema: str, table: str) -> Doc:
    """One table of a shared catalog. Raises ApiError 404 TABLE_DOES_NOT_EXIST when the share does not hold
    it.

    The document carries `_read_only`, `_provider` (metastore name), `_source` (full name there), `_path`
    and, for views, `_view_sql` of the provider's table, and `_history`, `_cdf`, `_start_version` of the
    shared object.
    """
    share = open_share(s, catalog["provider_name"], catalog["share_name"])
    for name, (item, source) in tables_of(s, share, schema.lower(), table.lower()):
        if name == table.lower():
            _remember(s, catalog["name"], schema.lower(), name)
            return _table(catalog, schema, name, share, item, source)
    raise not_found("table", f"{catalog['name']}.{schema}.{table}")


def remembered(s: Session, catalog: Doc, schema: str) -> list[Doc]:
    """The tables of a shared schema as information_schema lists them; see `faults.Rule`, stale_information_schema."""
    docs = shared_tables(s, catalog, schema)
    if not s.stale_listing():
        return docs
    key = (catalog["name"], schema.lower())
    known = s.store.get(s.ms, "shared_listing", *key)
    if known is None:
        known = {"names": [doc["name"] for doc in docs]}
        s.store.put(s.ms, "shared_listing", *key, doc=known)
    return [doc for doc in docs if doc["name"] in known["names"]]


def _remember(s: Session, catalog: str, schema: str, table: str) -> None:
    known = s.store.get(s.ms, "shared_listing", catalog, schema) if s.stale_listing() else None
    if known is not None and table not in known["names"]:
        s.store.put(s.ms, "shared_listing", catalog, schema, doc={"names": [*known["names"], table]})


def schema_alias(item: Doc) -> str:
    """The schema under which recipients see a shared object."""
    if item["data_object_type"] == "SCHEMA":
        return str(item.get("shared_as") or item["name"].split(".")[-1]).lower()
    alias = item.get("shared_as") or item.get("string_shared_as")
    return str(alias or ".".join(item["name"].split(".")[1:])).split(".")[0].lower()


def table_alias(item: Doc) -> str:
    """The table name under which recipients see a shared table-like object."""
    return str(item.get("shared_as") or item["name"]).split(".")[-1].lower()


def unshareable(table: Doc) -> str | None:
    """Why a schema share silently leaves a table out, as Databricks documents it; None if shared."""
    if str(table.get("table_type", "")).endswith("SHALLOW_CLONE"):
        return "shallow clones cannot be shared"
    if table.get("row_filter"):
        return "tables with a row filter cannot be shared"
    if any(column.get("mask") for column in table.get("columns", ())):
        return "tables with a column mask cannot be shared"
    if any("foreign_key_constraint" in item for item in table.get("table_constraints", ())):
        return "tables with foreign key constraints cannot be shared"
    return None


def _recipients_for(s: Session) -> Iterator[tuple[MetastoreInfo, Doc]]:
    for other in s.store.metastores():
        if other.name == s.ms:
            continue
        for recipient in s.store.list(other.name, "recipient"):
            if recipient.get("data_recipient_global_metastore_id") == s.metastore.global_id:
                yield other, recipient


def _provider(s: Session, other: MetastoreInfo, recipient: Doc) -> Doc | None:
    changes = s.store.get(s.ms, "provider_binding", other.metastore_id) or {}
    if changes.get("_deleted_for") == recipient["id"]:
        return None
    doc = {
        "name": other.name,
        "authentication_type": "DATABRICKS",
        "cloud": other.cloud,
        "region": other.region,
        "data_provider_global_metastore_id": other.global_id,
        "metastore_id": s.metastore.metastore_id,
        "owner": s.metastore.owner,
        "created_at": recipient["created_at"],
        "created_by": "System user",
        "updated_at": recipient["created_at"],
        "updated_by": "System user",
        "_metastore": other.name,
        "_recipient": recipient["name"],
        "_recipient_id": recipient["id"],
        "_metastore_id": other.metastore_id,
    }
    return doc | changes


def _granted(s: Session, provider_doc: Doc, share: str) -> bool:
    grant = s.store.get(provider_doc["_metastore"], "share_grant", share, provider_doc["_recipient"])
    return grant is not None and "SELECT" in grant["privileges"] and _settled(s, grant.get("_at", 0))


def _settled(s: Session, moment: int) -> bool:
    """Whether what was shared at a moment (ms) shows by now."""
    return moment + s.sharing_delay() <= now_ms()


def tables_of(s: Session, share: Doc, schema: str, table: str | None = None) -> Iterator[tuple[str, tuple[Doc, Doc]]]:
    """(name, (shared object, provider's table)) of the visible tables of one schema of an opened share."""
    ms = share["_metastore"]
    for item in share.get("objects", ()):
        if schema_alias(item) != schema or not _settled(s, item["added_at"]):
            continue
        parts = item["name"].split(".")
        if item["data_object_type"] == "SCHEMA":
            one = s.store.get(ms, "table", *parts, table) if table is not None else None
            members = [one] if one else s.store.list(ms, "table", *parts, hidden=False) if table is None else []
            for source in members:
                shown = not source.get("_hidden") and unshareable(source) is None
                if shown and _settled(s, source["created_at"]):
                    yield source["name"], (item, source)
        elif item["data_object_type"] in TABLE_OBJECTS:
            source_doc = s.store.get(ms, "table", *parts)
            if source_doc is not None and source_doc["table_id"] == item.get("_object_id"):
                yield table_alias(item), (item, source_doc)


def _schema(catalog: Doc, name: str, comment: str) -> Doc:
    doc = {
        "name": name,
        "catalog_name": catalog["name"],
        "full_name": f"{catalog['name']}.{name}",
        "catalog_type": "DELTASHARING_CATALOG",
        "owner": catalog["owner"],
        "metastore_id": catalog["metastore_id"],
        "created_at": catalog["created_at"],
        "created_by": catalog["created_by"],
        "updated_at": catalog["updated_at"],
        "updated_by": catalog["updated_by"],
        "_read_only": True,
    }
    return doc | {"comment": comment} if comment else doc


def _table(catalog: Doc, schema: str, name: str, share: Doc, item: Doc, source: Doc) -> Doc:
    """The recipient's view of a table: external ones appear as MANAGED, as on Databricks."""
    full_name = f"{catalog['name']}.{schema.lower()}.{name}"
    is_view = source["table_type"] in ("VIEW", "METRIC_VIEW")
    whole_schema = item["data_object_type"] == "SCHEMA"
    history = whole_schema or item.get("history_data_sharing_status") == "ENABLED"
    carried = ("columns", "comment", "table_constraints", "_path", "_view_sql", "_delta_version")
    doc = {key: source[key] for key in carried if key in source} | {
        "name": name,
        "catalog_name": catalog["name"],
        "schema_name": schema.lower(),
        "full_name": full_name,
        "table_type": "VIEW" if is_view else "MANAGED",
        "data_source_format": "DELTASHARING",
        "securable_type": "TABLE",
        "properties": {},
        "table_id": source["table_id"],
        "metastore_id": catalog["metastore_id"],
        "owner": catalog["owner"],
        "created_at": source["created_at"],
        "created_by": "System user",
        "updated_at": source["updated_at"],
        "updated_by": "System user",
        "_read_only": True,
        "_provider": share["_metastore"],
        "_source": source["full_name"],
        "_history": history,
        # Databricks documents that sharing with history shares the change data feed of a table that records one.
        "_cdf": history or bool(item.get("cdf_enabled")),
        "_start_version": item.get("start_version", 0),
        "_partitions": item.get("partitions", []),
        "_recipient_properties": share["_properties"],
    }
    if not is_view:
        doc["storage_location"] = f"uc-deltasharing://{full_name}#{share['name']}.{schema.lower()}.{name}"
    return doc


def refuse_write(catalog: Doc) -> None:
    """Raise ApiError 400 when the catalog is a shared or system one: recipients read only."""
    if catalog.get("catalog_type") in READ_ONLY:
        message = f"Catalog '{catalog['name']}' is a {catalog['catalog_type']}: it is read-only."
        raise ApiError(400, "INVALID_STATE", message)
