"""REST: what a workspace holds beside Unity Catalog: warehouses, pipelines, its own description."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from replicator.emulator.errors import ApiError, denied
from replicator.emulator.metastore import Doc, MetastoreInfo, Store, public
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Route

WAREHOUSES = "/api/2.0/sql/warehouses"
_WAREHOUSE_FIELDS = (
    "name",
    "cluster_size",
    "auto_stop_mins",
    "min_num_clusters",
    "max_num_clusters",
    "enable_serverless_compute",
    "warehouse_type",
    "enable_photon",
    "spot_instance_policy",
    "tags",
    "channel",
)


_CONFIG: Doc = {"security_policy": "DATA_ACCESS_CONTROL", "sql_configuration_parameters": {}}


def well_known(request: Request) -> Doc:
    """GET /.well-known/databricks-config: which workspace this is; clients ask it without a token."""
    info = request.workspace.metastore
    return {
        "oidc_endpoint": f"{request.workspace.url}/oidc",
        "account_id": request.workspace.account_id,
        "workspace_id": str(info.workspace_id),
        "cloud": info.cloud.upper(),
    }


# ---- warehouses


def ensure_warehouse(store: Store, info: MetastoreInfo) -> None:
    """Every metastore has one warehouse to begin with."""
    with store.transaction():
        if store.get(info.name, "warehouse", info.warehouse_id) is None:
            doc = _new_warehouse(info, info.warehouse_id, {"name": "Serverless Starter Warehouse"})
            store.put(info.name, "warehouse", info.warehouse_id, doc=doc)


def _new_warehouse(info: MetastoreInfo, warehouse_id: str, given: Doc) -> Doc:
    return {
        "id": warehouse_id,
        "cluster_size": "2X-Small",
        "auto_stop_mins": 10,
        "min_num_clusters": 1,
        "max_num_clusters": 1,
        "num_clusters": 1,
        "num_active_sessions": 0,
        "enable_serverless_compute": True,
        "enable_photon": True,
        "spot_instance_policy": "COST_OPTIMIZED",
        "warehouse_type": "PRO",
        "channel": {"name": "CHANNEL_NAME_CURRENT"},
        "creator_name": info.owner,
        "state": "RUNNING",
        "health": {"status": "HEALTHY"},
        **{key: given[key] for key in _WAREHOUSE_FIELDS if given.get(key) is not None},
    }


def _with_address(request: Request, doc: Doc) -> Doc:
    url = urlsplit(request.workspace.url)
    path = f"/sql/1.0/warehouses/{doc['id']}"
    odbc = {"hostname": url.hostname, "path": path, "protocol": url.scheme, "port": url.port}
    ssl = int(url.scheme == "https")
    jdbc = f"jdbc:databricks://{url.netloc}/default;transportMode=http;ssl={ssl};AuthMech=3;httpPath={path};"
    return doc | {"odbc_params": odbc, "jdbc_url": jdbc}


def list_warehouses(request: Request) -> Doc:
    """GET sql/warehouses."""
    docs = request.workspace.store.list(request.workspace.metastore.name, "warehouse")
    found = [_with_address(request, doc) for doc in docs]
    return paged(request, "warehouses", found, by="id", parameter="page_size")


def get_warehouse(request: Request) -> Doc:
    """GET sql/warehouses/{id}."""
    return _with_address(request, request.workspace.warehouse(request.args["id"]))


def create_warehouse(request: Request) -> Doc:
    """POST sql/warehouses."""
    info, store, name = request.workspace.metastore, request.workspace.store, request.text("name")
    with store.transaction():
        if any(doc["name"] == name for doc in store.list(info.name, "warehouse")):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"SQL warehouse with name `{name}` already exists")
        warehouse_id = uuid.uuid4().hex[:16]
        doc = _new_warehouse(info, warehouse_id, request.json) | {"creator_name": request.principal}
        store.put(info.name, "warehouse", warehouse_id, doc=doc)
    return {"id": warehouse_id}


def edit_warehouse(request: Request) -> None:
    """POST sql/warehouses/{id}/edit."""
    changes = {key: request.json[key] for key in _WAREHOUSE_FIELDS if request.json.get(key) is not None}
    _change_warehouse(request, changes)


def delete_warehouse(request: Request) -> None:
    """DELETE sql/warehouses/{id}."""
    doc = request.workspace.warehouse(request.args["id"])
    request.workspace.store.delete(request.workspace.metastore.name, "warehouse", doc["id"])


def start_warehouse(request: Request) -> None:
    """POST sql/warehouses/{id}/start."""
    _change_warehouse(request, {"state": "RUNNING", "num_clusters": 1})


def stop_warehouse(request: Request) -> None:
    """POST sql/warehouses/{id}/stop: the next statement starts it again."""
    _change_warehouse(request, {"state": "STOPPED", "num_clusters": 0})


def _change_warehouse(request: Request, changes: Doc) -> None:
    store, ms = request.workspace.store, request.workspace.metastore.name
    with store.transaction():
        doc = request.workspace.warehouse(request.args["id"])
        store.put(ms, "warehouse", doc["id"], doc=doc | changes)


def get_config(request: Request) -> Doc:
    """GET sql/config/warehouses."""
    s = request.session
    return s.store.get(s.ms, "setting", "warehouses") or dict(_CONFIG)


def set_config(request: Request) -> None:
    """PUT sql/config/warehouses."""
    s = request.session
    if not s.is_admin:
        raise denied("Only workspace admins can change the configuration of SQL warehouses.")
    s.store.put(s.ms, "setting", "warehouses", doc=_CONFIG | public(request.json))


# ---- pipelines


def list_pipelines(request: Request) -> Doc:
    """GET pipelines: those that own a streaming table or a materialized view."""
    docs = request.workspace.store.list(request.workspace.metastore.name, "pipeline")
    return paged(request, "statuses", [_pipeline(doc) for doc in docs], by="pipeline_id")


def get_pipeline(request: Request) -> Doc:
    """GET pipelines/{pipeline_id}."""
    pipeline_id = request.args["pipeline_id"]
    doc = request.workspace.store.get(request.workspace.metastore.name, "pipeline", pipeline_id)
    if doc is None:
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The specified pipeline {pipeline_id} was not found.")
    spec = {"id": pipeline_id, "name": doc.get("name", ""), **doc.get("spec", {})}
    return _pipeline(doc) | {"spec": spec, "last_modified": doc.get("last_modified", 0)}


def _pipeline(doc: Doc) -> Doc:
    shown = ("pipeline_id", "name", "creator_user_name", "run_as_user_name")
    return {"state": "IDLE", "health": "HEALTHY"} | {key: doc[key] for key in shown if key in doc}


ROUTES = (
    Route("GET", "/.well-known/databricks-config", well_known, public=True),
    Route("GET", WAREHOUSES, list_warehouses),
    Route("POST", WAREHOUSES, create_warehouse),
    Route("GET", f"{WAREHOUSES}/{{id}}", get_warehouse),
    Route("DELETE", f"{WAREHOUSES}/{{id}}", delete_warehouse),
    Route("POST", f"{WAREHOUSES}/{{id}}/edit", edit_warehouse),
    Route("POST", f"{WAREHOUSES}/{{id}}/start", start_warehouse, writes=False),
    Route("POST", f"{WAREHOUSES}/{{id}}/stop", stop_warehouse, writes=False),
    Route("GET", "/api/2.0/sql/config/warehouses", get_config),
    Route("PUT", "/api/2.0/sql/config/warehouses", set_config),
    Route("GET", "/api/2.0/pipelines", list_pipelines),
    Route("GET", "/api/2.0/pipelines/{pipeline_id}", get_pipeline),
)
