"""REST: catalogs, schemas, tables, quotas and bindings."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import replace

from replicator.emulator import securables, tables
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc, public
from replicator.emulator.paging import PAGE, after, encode, page_size, paged
from replicator.emulator.routing import Request, Route
from replicator.emulator.securables import parts_of

UC = "/api/2.1/unity-catalog"
_SUMMARIES = 10_000  # items per page of table summaries, as Databricks documents it
_BARE = 1_000  # tables per page without their columns
_NOT_LISTED = ('"table_constraints":', '"view_dependencies":')
_OMIT = {"omit_columns": "columns", "omit_properties": "properties", "omit_username": "owner"}


# ---- catalogs


def list_catalogs(request: Request) -> Doc:
    """GET catalogs."""
    return paged(request, "catalogs", securables.list_catalogs(request.session))


def create_catalog(request: Request) -> Doc:
    """POST catalogs."""
    return public(securables.create_catalog(request.session, request.json))


def get_catalog(request: Request) -> Doc:
    """GET catalogs/{name}."""
    return public(securables.get_catalog(request.session, request.args["name"]))


def update_catalog(request: Request) -> Doc:
    """PATCH catalogs/{name}."""
    return public(securables.update_catalog(request.session, request.args["name"], request.json))


def delete_catalog(request: Request) -> None:
    """DELETE catalogs/{name}?force=."""
    securables.delete_catalog(request.session, request.args["name"], request.flag("force"))


# ---- schemas


def list_schemas(request: Request) -> Doc:
    """GET schemas?catalog_name=."""
    return paged(request, "schemas", securables.list_schemas(request.session, request.required("catalog_name")))


def create_schema(request: Request) -> Doc:
    """POST schemas."""
    return public(securables.create_schema(request.session, request.json))


def get_schema(request: Request) -> Doc:
    """GET schemas/{full_name}."""
    return public(securables.get_schema(request.session, *_schema(request)))


def update_schema(request: Request) -> Doc:
    """PATCH schemas/{full_name}."""
    return public(securables.update_schema(request.session, *_schema(request), request.json))


def delete_schema(request: Request) -> None:
    """DELETE schemas/{full_name}?force=."""
    securables.delete_schema(request.session, *_schema(request), request.flag("force"))


# ---- tables


def list_tables(request: Request) -> str:
    """GET tables?catalog_name=&schema_name=: stored JSON is passed on as it is."""
    omit = [field for flag, field in _OMIT.items() if request.flag(flag)]
    size = page_size(request, _BARE if "columns" in omit else PAGE)
    limit = -1 if size is None else size + 1
    catalog, schema = request.required("catalog_name"), request.required("schema_name")
    rows = tables.page_of_tables(request.session, catalog, schema, after(request), limit, omit)
    token = ""
    if size is not None and len(rows) > size:
        rows = rows[:size]
        token = f',"next_page_token":{json.dumps(encode(rows[-1][0]))}'
    return f'{{"tables":[{",".join(_listed(text) for _, text in rows)}]{token}}}'


def _listed(text: str) -> str:
    """A table as listings show it: Databricks documents that they hold neither constraints nor view dependencies."""
    if not any(field in text for field in _NOT_LISTED):
        return text
    doc = json.loads(text)
    return json.dumps({key: value for key, value in doc.items() if f'"{key}":' not in _NOT_LISTED}, ensure_ascii=False)


def table_summaries(request: Request) -> Doc:
    """GET table-summaries?catalog_name=&schema_name_pattern=&table_name_pattern=."""
    catalog = request.required("catalog_name")
    schema_like, table_like = (_like(request, f"{kind}_name_pattern") for kind in ("schema", "table"))
    found: list[Doc] = []
    for schema in securables.list_schemas(request.session, catalog):
        if schema_like.fullmatch(schema["name"]):
            listed = tables.names_and_known_types(request.session, catalog, schema["name"])
            found += [
                {"full_name": f"{schema['full_name']}.{name}", "table_type": kind}
                for name, kind in listed
                if table_like.fullmatch(name)
            ]
    found.sort(key=lambda doc: str(doc["full_name"]))
    # Unlike other listings this one is always paginated.
    if "max_results" not in request.query and len(found) > _SUMMARIES:
        request = replace(request, target=f"{request.target}&max_results={_SUMMARIES}")
    page = paged(request, "tables", found, by="full_name", maximum=_SUMMARIES)
    return page | {"tables": _with_types(request, page["tables"])}


def _with_types(request: Request, page: list[Doc]) -> list[Doc]:
    """The summaries of one page with the types that were left open: of the schemas on it, and not of all."""
    names = {tuple(doc["full_name"].split(".")[:2]) for doc in page if doc["table_type"] is None}
    known = {
        f"{catalog}.{schema}.{name}": kind
        for catalog, schema in names
        for name, kind in tables.names_and_types(request.session, catalog, schema)
    }
    typed = [doc | {"table_type": doc["table_type"] or known.get(doc["full_name"])} for doc in page]
    return [doc for doc in typed if doc["table_type"] is not None]  # one may be dropped meanwhile


def _like(request: Request, parameter: str) -> re.Pattern[str]:
    """A SQL LIKE pattern in the query as a regular expression; absent matches everything."""
    pattern = request.query.get(parameter) or "%"
    shell = "".join({"%": "*", "_": "?"}.get(char, f"[{char}]" if char in "*?[" else char) for char in pattern)
    return re.compile(fnmatch.translate(shell), re.IGNORECASE)


def create_table(request: Request) -> Doc:
    """POST tables: Databricks documents that REST creates external Delta tables only."""
    doc = request.json
    if doc.get("table_type") != "EXTERNAL" or not doc.get("storage_location"):
        raise invalid("Only external tables with a storage_location can be created through this API.")
    if tables.local_path(doc["storage_location"]) is None:
        raise invalid(f"The emulator reads file: locations only, not '{doc['storage_location']}'.")
    return public(tables.register_table(request.session, doc))


def get_table(request: Request) -> Doc:
    """GET tables/{full_name}."""
    return public(tables.get_table(request.session, *_table(request)))


def table_exists(request: Request) -> Doc:
    """GET tables/{full_name}/exists."""
    return {"table_exists": tables.exists(request.session, *_table(request))}


def update_table(request: Request) -> None:
    """PATCH tables/{full_name}: Databricks documents that only the owner can be changed here."""
    tables.update_table(request.session, *_table(request), {"owner": request.text("owner")})


def delete_table(request: Request) -> None:
    """DELETE tables/{full_name}."""
    tables.delete_table(request.session, *_table(request))


def _schema(request: Request) -> tuple[str, str]:
    catalog, schema = parts_of(request.args["full_name"], 2)
    return catalog, schema


def _table(request: Request) -> tuple[str, str, str]:
    catalog, schema, table = parts_of(request.args["full_name"], 3)
    return catalog, schema, table


# ---- quotas and bindings

# quota name -> (kind of the parent, kind counted, limit that Databricks documents)
_QUOTAS = {
    "catalog-quota": ("metastore", "catalog", 1_000),
    "share-quota": ("metastore", "share", 1_000),
    "recipient-quota": ("metastore", "recipient", 5_000),
    "schema-quota": ("catalog", "schema", 10_000),
    "table-quota": ("schema", "table", tables.MAX_TABLES),
    "volume-quota": ("schema", "volume", 10_000),
    "function-quota": ("schema", "function", 10_000),
}


def get_quota(request: Request) -> Doc:
    """GET resource-quotas/{parent_type}/{parent_name}/{quota_name}."""
    parent_kind, name, quota = (request.args[key] for key in ("parent_type", "parent_name", "quota_name"))
    if quota not in _QUOTAS or _QUOTAS[quota][0] != parent_kind.lower():
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Quota {quota} does not exist for {parent_kind}.")
    return {"quota_info": _quota(request, quota, name)}


def list_quotas(request: Request) -> Doc:
    """GET resource-quotas/all-resource-quotas."""
    s = request.session
    catalogs = [doc["name"] for doc in s.store.list(s.ms, "catalog")]
    schemas = [doc["full_name"] for doc in s.store.list_all(s.ms, "schema")]
    parents = {"metastore": [s.metastore.metastore_id], "catalog": catalogs, "schema": schemas}
    quotas = [_quota(request, quota, name) for quota, (parent, _, _) in _QUOTAS.items() for name in parents[parent]]
    keyed = [doc | {"_key": f"{doc['parent_full_name']} {doc['quota_name']}"} for doc in quotas]
    return paged(request, "quotas", sorted(keyed, key=lambda doc: str(doc["_key"])), by="_key", maximum=500)


def _quota(request: Request, quota: str, name: str) -> Doc:
    s = request.session
    parent, kind, limit = _QUOTAS[quota]
    parts = () if parent == "metastore" else name.split(".")
    return {
        "parent_securable_type": parent.upper(),
        "parent_full_name": name,
        "quota_name": quota,
        "quota_count": s.store.count(s.ms, kind, *parts),
        "quota_limit": limit,
    }


def get_bindings(request: Request) -> Doc:
    """GET bindings/{securable_type}/{securable_name}."""
    bindings = _bindings(request, request.args["securable_name"])
    return paged(request, "bindings", [doc | {"_key": str(doc["workspace_id"])} for doc in bindings], by="_key")


def update_bindings(request: Request) -> Doc:
    """PATCH bindings/{securable_type}/{securable_name}: `add` and `remove` lists."""
    add, remove = request.json.get("add") or [], request.json.get("remove") or []
    return {"bindings": _change_bindings(request, request.args["securable_name"], add, remove)}


def get_workspace_bindings(request: Request) -> Doc:
    """GET workspace-bindings/catalogs/{name}, the older form."""
    return {"workspaces": [doc["workspace_id"] for doc in _bindings(request, request.args["name"])]}


def update_workspace_bindings(request: Request) -> Doc:
    """PATCH workspace-bindings/catalogs/{name}, the older form."""
    add = [{"workspace_id": number} for number in request.json.get("assign_workspaces") or []]
    remove = [{"workspace_id": number} for number in request.json.get("unassign_workspaces") or []]
    bindings = _change_bindings(request, request.args["name"], add, remove)
    return {"workspaces": [doc["workspace_id"] for doc in bindings]}


def _bindings(request: Request, catalog: str) -> list[Doc]:
    kind = request.args.get("securable_type", "catalog").rstrip("s")
    if kind != "catalog":
        raise invalid(f"Bindings of {kind} are not supported by the emulator.")
    doc = securables.get_catalog(request.session, catalog)
    bound: list[Doc] = doc.get("_bindings", [])
    return sorted(bound, key=lambda item: str(item["workspace_id"]))


def _change_bindings(request: Request, catalog: str, add: list[Doc], remove: list[Doc]) -> list[Doc]:
    s = request.session
    with s.store.transaction():
        bound = {item["workspace_id"]: item for item in _bindings(request, catalog)}
        for item in remove:
            bound.pop(item.get("workspace_id"), None)
        for item in add:
            bound[item.get("workspace_id")] = {"binding_type": "BINDING_TYPE_READ_WRITE"} | item
        securables.update_catalog(s, catalog, {})
        doc = securables.get_catalog(s, catalog)
        s.store.put(s.ms, "catalog", catalog, doc=doc | {"_bindings": list(bound.values())})
    return _bindings(request, catalog)


ROUTES = (
    Route("GET", f"{UC}/catalogs", list_catalogs),
    Route("POST", f"{UC}/catalogs", create_catalog),
    Route("GET", f"{UC}/catalogs/{{name}}", get_catalog),
    Route("PATCH", f"{UC}/catalogs/{{name}}", update_catalog),
    Route("DELETE", f"{UC}/catalogs/{{name}}", delete_catalog),
    Route("GET", f"{UC}/schemas", list_schemas),
    Route("POST", f"{UC}/schemas", create_schema),
    Route("GET", f"{UC}/schemas/{{full_name}}", get_schema),
    Route("PATCH", f"{UC}/schemas/{{full_name}}", update_schema),
    Route("DELETE", f"{UC}/schemas/{{full_name}}", delete_schema),
    Route("GET", f"{UC}/tables", list_tables),
    Route("POST", f"{UC}/tables", create_table),
    Route("GET", f"{UC}/table-summaries", table_summaries),
    Route("GET", f"{UC}/tables/{{full_name}}", get_table),
    Route("GET", f"{UC}/tables/{{full_name}}/exists", table_exists),
    Route("PATCH", f"{UC}/tables/{{full_name}}", update_table),
    Route("DELETE", f"{UC}/tables/{{full_name}}", delete_table),
    Route("GET", f"{UC}/resource-quotas/all-resource-quotas", list_quotas),
    Route("GET", f"{UC}/resource-quotas/{{parent_type}}/{{parent_name}}/{{quota_name}}", get_quota),
    Route("GET", f"{UC}/bindings/{{securable_type}}/{{securable_name}}", get_bindings),
    Route("PATCH", f"{UC}/bindings/{{securable_type}}/{{securable_name}}", update_bindings),
    Route("GET", f"{UC}/workspace-bindings/catalogs/{{name}}", get_workspace_bindings),
    Route("PATCH", f"{UC}/workspace-bindings/catalogs/{{name}}", update_workspace_bindings),
)
