"""information_schema of one catalog, and of all of them in `system`: computed from the documents when asked for.

Rows are only of objects that the caller may see, as on Databricks: absence here does not prove absence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from replicator.emulator import grants, providers, securables, shares, tables, tags
from replicator.emulator.delta.read import utc
from replicator.emulator.errors import ApiError, not_found
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import information_columns
from replicator.emulator.sql.information_grants import Granted
from replicator.emulator.sql.statement import rows_of

Row = Sequence[Any]
Columns = list[tuple[str, pa.DataType]]
Build = Callable[[Session, list[Doc]], Iterable[Row]]

_S, _I, _T = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
_WHEN: Columns = [("created", _T), ("created_by", _S), ("last_altered", _T), ("last_altered_by", _S)]


def table(s: Session, catalog: str, name: str, only: frozenset[str] | None = None) -> pa.Table:
    """One view of information_schema; with `only`, rows about other catalogs may be left out. Raises ApiError for an
    unknown catalog or view.
    """
    scope = [doc for doc in _catalogs(s, catalog) if only is None or doc["name"] in only]
    known = VIEWS.get(name.lower())
    if known is None:
        raise not_found("table", f"{catalog}.information_schema.{name}")
    columns, build = known
    return rows_of(columns, build(s, scope))


def _catalogs(s: Session, catalog: str) -> list[Doc]:
    if catalog == "system":
        return securables.list_catalogs(s)
    return [securables.get_catalog(s, catalog)]


def _when(doc: Doc) -> Row:
    return (
        utc(doc["created_at"]) if "created_at" in doc else None,
        doc.get("created_by"),
        utc(doc["updated_at"]) if "updated_at" in doc else None,
        doc.get("updated_by"),
    )


def _texts(*names: str) -> Columns:
    return [(name, _S) for name in names]


# ---- what the catalogs hold


def schemas_in(s: Session, catalogs: list[Doc]) -> Iterator[Doc]:
    """Visible schemas; a shared catalog whose share is gone has none."""
    for catalog in catalogs:
        try:
            yield from securables.list_schemas(s, catalog["name"])
        except ApiError as error:
            if error.status != 404:
                raise


def tables_in(s: Session, catalogs: list[Doc], fields: Sequence[str] = ()) -> Iterator[Doc]:
    """Visible tables of all schemas, hidden backing tables left out; with `fields`, no others need be there."""
    for catalog in catalogs:
        if catalog["catalog_type"] == "MANAGED_CATALOG":
            whole = (s.ms, "table", catalog["name"])
            docs = (
                s.store.list_fields(*whole, fields=fields, hidden=False)
                if fields
                else s.store.list_all(*whole, hidden=False)
            )
            yield from _seen(s, "table", docs)
        elif catalog["catalog_type"] == "DELTASHARING_CATALOG":
            for schema in schemas_in(s, [catalog]):
                if schema["name"] != "information_schema":
                    yield from tables.listed_tables(s, catalog["name"], schema["name"])


def _seen(s: Session, kind: str, docs: list[Doc]) -> Iterable[Doc]:
    if s.is_admin:
        return docs
    return (doc for doc in docs if grants.visible(s, kind, (doc["catalog_name"], doc["schema_name"], doc["name"])))


def _objects(s: Session, catalogs: list[Doc], kind: str) -> Iterator[Doc]:
    for catalog in catalogs:
        yield from _seen(s, kind, s.store.list_all(s.ms, kind, catalog["name"]))


# ---- objects


def _catalog_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in catalogs:
        yield doc["name"], doc["owner"], doc.get("comment"), *_when(doc)


def _schema_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in schemas_in(s, catalogs):
        yield doc["catalog_name"], doc["name"], doc["owner"], doc.get("comment"), *_when(doc)


_NAME = ("catalog_name", "schema_name", "name")
# What a view about tables shows of them. The columns are most of a table, and most views say nothing of them.
_TABLE_FIELDS = (
    *_NAME,
    *("table_type", "_read_only", "owner", "comment", "created_at", "created_by", "updated_at", "updated_by"),
    *("data_source_format", "storage_location"),
)


def _table_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in tables_in(s, catalogs, _TABLE_FIELDS):
        writable = doc["table_type"] in ("MANAGED", "EXTERNAL") and not doc.get("_read_only")
        yield (
            doc["catalog_name"],
            doc["schema_name"],
            doc["name"],
            doc["table_type"],
            "YES" if writable else "NO",
            "PRESERVE",
            doc["owner"],
            doc.get("comment"),
            *_when(doc),
            doc.get("data_source_format", "UNKNOWN_DATA_SOURCE_FORMAT"),
            None,
            doc.get("storage_location"),
        )
    for catalog in catalogs:
        for name in sorted(VIEWS):
            system = "System user"
            yield (
                catalog["name"],
                "information_schema",
                name,
                "VIEW",
                "NO",
                "PRESERVE",
                system,
                None,
                *_when({"created_at": 0, "created_by": system, "updated_at": 0, "updated_by": system}),
                "UNKNOWN_DATA_SOURCE_FORMAT",
                None,
                None,
            )


def _view_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in tables_in(s, catalogs):
        if doc["table_type"] in ("VIEW", "MATERIALIZED_VIEW", "METRIC_VIEW"):
            materialized = doc["table_type"] == "MATERIALIZED_VIEW"
            yield (*_parts(doc), doc.get("view_definition"), "NONE", False, False, "", materialized)


def _parts(doc: Doc) -> Row:
    return doc["catalog_name"], doc["schema_name"], doc["name"]


def _volume_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in _objects(s, catalogs, "volume"):
        yield (*_parts(doc), doc["volume_type"], doc["owner"], doc.get("comment"), doc["storage_location"], *_when(doc))


def _routine_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in _objects(s, catalogs, "function"):
        yield (
            *_parts(doc),
            *_parts(doc),
            doc["owner"],
            "FUNCTION",
            doc.get("data_type"),
            doc.get("full_data_type"),
            doc.get("routine_body"),
            doc.get("routine_definition"),
            doc.get("external_language"),
            "YES" if doc.get("is_deterministic") else "NO",
            doc.get("sql_data_access"),
            "YES" if doc.get("is_null_call") else "NO",
            doc.get("security_type"),
            doc.get("comment"),
            *_when(doc),
        )


def _parameter_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in _objects(s, catalogs, "function"):
        for item in doc.get("input_params", {}).get("parameters", []):
            yield (
                *_parts(doc),
                item["position"],
                item["parameter_mode"],
                "NO",
                item["name"],
                item["type_name"],
                item["type_text"],
                item.get("parameter_default"),
                item.get("comment"),
            )


# ---- tags


def _tag_rows(entity: str) -> Build:
    def build(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
        scope = {doc["name"] for doc in catalogs}
        for tag in tags.every(s, entity):
            parts = tag["_parts"]
            kind = tags.ENTITIES[entity][0]
            if parts[0] in scope and (s.is_admin or grants.visible(s, kind, parts[:3])):
                yield (*parts, tag["tag_key"], tag["tag_value"])

    return build


# ---- privileges


_NAME_FIELDS = {"catalog": ("name",), "schema": ("catalog_name", "name")}


def _owned_tables_in(s: Session, catalogs: list[Doc]) -> Iterator[Doc]:
    """Visible tables with what says whose they are; to an admin all grants are shown, whoever owns the table."""
    for catalog in catalogs:
        if s.is_admin and catalog["catalog_type"] == "MANAGED_CATALOG":
            for parts in s.store.list_keys(s.ms, "table", catalog["name"], hidden=False):
                yield dict(zip(_NAME, parts, strict=True))
        else:
            yield from tables_in(s, [catalog], (*_NAME, "owner"))


def _privilege_rows(kind: str, objects: Callable[[Session, list[Doc]], Iterable[Doc]]) -> Build:
    """Direct grants (`inherited_from` NONE) and those that the object inherits from its schema and catalog."""

    def build(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
        granted = Granted(s, kind, catalogs)
        for doc in objects(s, catalogs):
            parts = tuple(str(doc[field]) for field in _NAME_FIELDS.get(kind, _NAME))
            found = granted.on(parts)
            everything = s.is_admin or str(doc.get("owner", "")).lower() in s.identities
            for principal, privilege, origin in found:
                if everything or principal.lower() in s.identities:
                    yield s.metastore.owner, principal, *parts, privilege, "NO", origin

    return build


# ---- constraints and policies


def _keys(s: Session, catalogs: list[Doc]) -> Iterator[tuple[Doc, str, Doc]]:
    for doc in tables_in(s, catalogs):
        for item in doc.get("table_constraints", []):
            kind, value = next(iter(item.items()))
            yield doc, "PRIMARY KEY" if kind == "primary_key_constraint" else "FOREIGN KEY", value


def _constraint_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc, kind, value in _keys(s, catalogs):
        yield *_parts(doc)[:2], value["name"], *_parts(doc), kind, "YES", "YES", "NO", None


def _key_usage_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc, kind, value in _keys(s, catalogs):
        for position, column in enumerate(value["child_columns"], 1):
            unique = position if kind == "FOREIGN KEY" else None
            yield *_parts(doc)[:2], value["name"], *_parts(doc), column, position, unique


def _referential_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc, kind, value in _keys(s, catalogs):
        if kind == "FOREIGN KEY":
            catalog, schema, name = value["parent_table"].split(".")
            parent = s.store.get(s.ms, "table", catalog, schema, name) or {}
            keys = [
                item["primary_key_constraint"]
                for item in parent.get("table_constraints", [])
                if "primary_key_constraint" in item
            ]
            unique = keys[0]["name"] if keys else None
            yield *_parts(doc)[:2], value["name"], catalog, schema, unique, "FULL", "NO ACTION", "NO ACTION"


def _row_filter_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in tables_in(s, catalogs):
        if "row_filter" in doc:
            found = doc["row_filter"]
            yield *_parts(doc), *found["function_name"].split("."), ",".join(found["input_column_names"])


def _mask_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in tables_in(s, catalogs):
        for column in doc.get("columns", ()):
            if "mask" in column:
                mask = column["mask"]
                using = ",".join(mask.get("using_column_names", ()))
                known = (*_parts(doc), column["name"], *mask["function_name"].split("."), using)
                yield *known, doc["catalog_name"], doc["schema_name"], using


# ---- sharing


def _share_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in shares.list_shares(s):
        yield doc["name"], doc["owner"], doc.get("comment"), *_when(doc)


def _recipient_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in shares.list_recipients(s):
        identifier = doc.get("data_recipient_global_metastore_id")
        where = (doc.get("cloud"), doc.get("region"))
        yield doc["name"], doc["authentication_type"], doc["owner"], doc.get("comment"), *_when(doc), identifier, *where


def _provider_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in providers.list_providers(s):
        identifier = doc.get("data_provider_global_metastore_id")
        where = (doc.get("cloud"), doc.get("region"))
        yield doc["name"], doc["authentication_type"], doc["owner"], doc.get("comment"), *_when(doc), identifier, *where


def _shared_objects(s: Session, catalogs: list[Doc], *kinds: str) -> Iterator[tuple[Doc, Doc, list[str]]]:
    scope = {doc["name"] for doc in catalogs}
    for share in shares.list_shares(s):
        for item in share["objects"]:
            parts = item["name"].split(".")
            if item["data_object_type"] in kinds and parts[0] in scope:
                yield share, item, parts


def _table_share_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    kinds = ("TABLE", "VIEW", "MATERIALIZED_VIEW", "STREAMING_TABLE", "FOREIGN_TABLE")
    for share, item, parts in _shared_objects(s, catalogs, *kinds):
        start = item.get("start_version")
        alias = (shares.schema_alias(item), shares.table_alias(item))
        cdf = bool(item.get("cdf_enabled"))
        yield *parts, share["name"], None, cdf, start, *alias, item.get("comment")


def _schema_share_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for share, item, parts in _shared_objects(s, catalogs, "SCHEMA"):
        yield *parts, share["name"], shares.schema_alias(item), item.get("comment")


def _volume_share_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for share, item, parts in _shared_objects(s, catalogs, "VOLUME"):
        alias = str(item.get("string_shared_as") or ".".join(parts[1:])).split(".")
        yield *parts, share["name"], *alias[-2:], item.get("comment")


def _share_privilege_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for share in shares.list_shares(s):
        for grant in shares.permissions(s, share["name"]):
            yield share["owner"], grant["principal"], share["name"], "SELECT"


def _mounted_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in catalogs:
        if doc["catalog_type"] == "DELTASHARING_CATALOG":
            yield doc["name"], doc["provider_name"], doc["share_name"]


# ---- the rest


def _metastore_rows(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    ms = s.metastore
    root = ms.storage_root.as_uri()
    yield ms.metastore_id, ms.name, ms.owner, root, "INTERNAL_AND_EXTERNAL", ms.cloud, ms.region, ms.global_id


def _metastore_privileges(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
    for doc in s.store.list(s.ms, "grant", "metastore", s.metastore.metastore_id):
        if s.is_admin or doc["principal"].lower() in s.identities:
            for privilege in doc["privileges"]:
                yield s.metastore.owner, doc["principal"], s.metastore.metastore_id, privilege, "NO"


def _named(kind: str, *fields: str) -> Build:
    def build(s: Session, catalogs: list[Doc]) -> Iterator[Row]:
        for doc in s.store.list(s.ms, kind):
            if s.is_admin or str(doc.get("owner", "")).lower() in s.identities:
                yield (
                    doc["name"],
                    doc.get("owner"),
                    doc.get("comment"),
                    *_when(doc),
                    *(doc.get(field) for field in fields),
                )

    return build


_PRIVILEGE_TAIL = ("privilege_type", "is_grantable", "inherited_from")
_TABLE = ("table_catalog", "table_schema", "table_name")
_NAMES = ("catalog_name", "schema_name", "table_name")
_CONSTRAINT = ("constraint_catalog", "constraint_schema", "constraint_name")
_PARTY: Columns = [
    ("comment", _S),
    *_WHEN,
]

VIEWS: dict[str, tuple[Columns, Build]] = {
    "catalogs": (_texts("catalog_name", "catalog_owner", "comment") + _WHEN, _catalog_rows),
    "information_schema_catalog_name": (
        _texts("catalog_name"),
        lambda s, catalogs: [(doc["name"],) for doc in catalogs[:1]],
    ),
    "schemata": (_texts("catalog_name", "schema_name", "schema_owner", "comment") + _WHEN, _schema_rows),
    "tables": (
        _texts(*_TABLE, "table_type", "is_insertable_into", "commit_action", "table_owner", "comment")
        + _WHEN
        + _texts("data_source_format", "storage_sub_directory", "storage_path"),
        _table_rows,
    ),
    "columns": (information_columns.COLUMNS, lambda s, catalogs: information_columns.rows(tables_in(s, catalogs))),
    "views": (
        [
            *_texts(*_TABLE, "view_definition", "check_option"),
            ("is_updatable", pa.bool_()),
            ("is_insertable_into", pa.bool_()),
            ("sql_path", _S),
            ("is_materialized", pa.bool_()),
        ],
        _view_rows,
    ),
    "volumes": (
        _texts(
            "volume_catalog",
            "volume_schema",
            "volume_name",
            "volume_type",
            "volume_owner",
            "comment",
            "storage_location",
        )
        + _WHEN,
        _volume_rows,
    ),
    "routines": (
        _texts(
            "specific_catalog", "specific_schema", "specific_name", "routine_catalog", "routine_schema", "routine_name"
        )
        + _texts("routine_owner", "routine_type", "data_type", "full_data_type", "routine_body", "routine_definition")
        + _texts("external_language", "is_deterministic", "sql_data_access", "is_null_call", "security_type", "comment")
        + _WHEN,
        _routine_rows,
    ),
    "parameters": (
        [
            *_texts("specific_catalog", "specific_schema", "specific_name"),
            ("ordinal_position", pa.int32()),
            *_texts(
                "parameter_mode",
                "is_result",
                "parameter_name",
                "data_type",
                "full_data_type",
                "parameter_default",
                "comment",
            ),
        ],
        _parameter_rows,
    ),
    "catalog_tags": (_texts("catalog_name", "tag_name", "tag_value"), _tag_rows("catalogs")),
    "schema_tags": (_texts("catalog_name", "schema_name", "tag_name", "tag_value"), _tag_rows("schemas")),
    "table_tags": (_texts(*_NAMES, "tag_name", "tag_value"), _tag_rows("tables")),
    "column_tags": (_texts(*_NAMES, "column_name", "tag_name", "tag_value"), _tag_rows("columns")),
    "volume_tags": (
        _texts("catalog_name", "schema_name", "volume_name", "tag_name", "tag_value"),
        _tag_rows("volumes"),
    ),
    "catalog_privileges": (
        _texts("grantor", "grantee", "catalog_name", *_PRIVILEGE_TAIL),
        _privilege_rows("catalog", lambda s, catalogs: catalogs),
    ),
    "schema_privileges": (
        _texts("grantor", "grantee", "catalog_name", "schema_name", *_PRIVILEGE_TAIL),
        _privilege_rows("schema", schemas_in),
    ),
    "table_privileges": (
        _texts("grantor", "grantee", *_TABLE, *_PRIVILEGE_TAIL),
        _privilege_rows("table", _owned_tables_in),
    ),
    "volume_privileges": (
        _texts("grantor", "grantee", "volume_catalog", "volume_schema", "volume_name", *_PRIVILEGE_TAIL),
        _privilege_rows("volume", lambda s, catalogs: _objects(s, catalogs, "volume")),
    ),
    "routine_privileges": (
        _texts("grantor", "grantee", "routine_catalog", "routine_schema", "routine_name", *_PRIVILEGE_TAIL),
        _privilege_rows("function", lambda s, catalogs: _objects(s, catalogs, "function")),
    ),
    "metastore_privileges": (
        _texts("grantor", "grantee", "metastore_id", "privilege_type", "is_grantable"),
        _metastore_privileges,
    ),
    "table_constraints": (
        _texts(*_CONSTRAINT, *_TABLE, "constraint_type", "is_deferrable", "initially_deferred", "enforced", "comment"),
        _constraint_rows,
    ),
    "key_column_usage": (
        [
            *_texts(*_CONSTRAINT, *_TABLE, "column_name"),
            ("ordinal_position", pa.int32()),
            ("position_in_unique_constraint", pa.int32()),
        ],
        _key_usage_rows,
    ),
    "referential_constraints": (
        _texts(*_CONSTRAINT, "unique_constraint_catalog", "unique_constraint_schema", "unique_constraint_name")
        + _texts("match_option", "update_rule", "delete_rule"),
        _referential_rows,
    ),
    # Databricks documents this view as reserved: CHECK constraints are table properties.
    "check_constraints": (_texts(*_CONSTRAINT, "check_clause", "sql_path"), lambda s, catalogs: []),
    "row_filters": (
        _texts(*_NAMES, "filter_catalog", "filter_schema", "filter_name", "filter_col_usage"),
        _row_filter_rows,
    ),
    "column_masks": (
        # The last three are not in the documentation, but dbt-databricks asks for them by these names.
        _texts(*_NAMES, "column_name", "mask_catalog", "mask_schema", "mask_name", "mask_col_usage")
        + _texts("table_catalog", "table_schema", "using_columns"),
        _mask_rows,
    ),
    "shares": (_texts("share_name", "share_owner") + _PARTY, _share_rows),
    "recipients": (
        _texts("recipient_name", "authentication_type", "recipient_owner")
        + _PARTY
        + _texts("data_recipient_global_metastore_id", "cloud", "region"),
        _recipient_rows,
    ),
    "providers": (
        _texts("provider_name", "authentication_type", "provider_owner")
        + _PARTY
        + _texts("data_provider_global_metastore_id", "cloud", "region"),
        _provider_rows,
    ),
    "table_share_usage": (
        [
            *_texts(*_NAMES, "share_name", "partition_spec"),
            ("cdf_enabled", pa.bool_()),
            ("start_version", _I),
            *_texts("shared_as_schema", "shared_as_table", "comment"),
        ],
        _table_share_rows,
    ),
    "schema_share_usage": (
        _texts("catalog_name", "schema_name", "share_name", "shared_as_schema", "comment"),
        _schema_share_rows,
    ),
    "volume_share_usage": (
        _texts(
            "catalog_name",
            "schema_name",
            "volume_name",
            "share_name",
            "shared_as_schema",
            "shared_as_volume",
            "comment",
        ),
        _volume_share_rows,
    ),
    "share_recipient_privileges": (
        _texts("grantor", "recipient_name", "share_name", "privilege_type"),
        _share_privilege_rows,
    ),
    "catalog_provider_share_usage": (_texts("catalog_name", "provider_name", "share_name"), _mounted_rows),
    "metastores": (
        _texts("metastore_id", "metastore_name", "metastore_owner", "storage_root", "delta_sharing_scope")
        + _texts("cloud", "region", "global_metastore_id"),
        _metastore_rows,
    ),
    "external_locations": (
        _texts("external_location_name", "external_location_owner") + _PARTY + _texts("url", "storage_credential_name"),
        _named("external_location", "url", "credential_name"),
    ),
    "storage_credentials": (
        _texts("storage_credential_name", "storage_credential_owner") + _PARTY,
        _named("storage_credential"),
    ),
    "connections": (
        _texts("connection_name", "connection_owner") + _PARTY + _texts("connection_type"),
        _named("connection", "connection_type"),
    ),
}
