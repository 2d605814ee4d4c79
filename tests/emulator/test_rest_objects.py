"""Catalogs, schemas and tables through the SDK."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound
from databricks.sdk.service.catalog import CatalogIsolationMode, DataSourceFormat, TableType

from replicator.emulator import Endpoint, tables
from replicator.emulator.session import Session

Serve = Callable[..., Endpoint]
Sdk = Callable[..., Any]


def register(s: Session, name: str, **fields: Any) -> None:
    """A table without data, past HTTP: REST creates external tables only."""
    catalog, schema, table = name.split(".")
    doc = {"catalog_name": catalog, "schema_name": schema, "name": table, "table_type": "MANAGED"}
    tables.register_table(s, doc | {"data_source_format": "DELTA"} | fields)


def test_a_new_catalog_holds_default_and_information_schema(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    made = w.catalogs.create("Sales", comment="facts", properties={"team": "a"})
    assert (made.name, made.comment, made.properties) == ("sales", "facts", {"team": "a"})
    assert made.owner == "admin@us-east.emulator"
    assert made.created_at
    assert [schema.name for schema in w.schemas.list("sales")] == ["default", "information_schema"]
    assert [catalog.name for catalog in w.catalogs.list()] == ["sales", "system"]


def test_taken_names_are_refused_with_400(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    w.catalogs.create("c")
    w.schemas.create("s", "c")
    with pytest.raises(BadRequest, match="Catalog 'c' already exists") as caught:
        w.catalogs.create("C")
    assert caught.value.error_code == "CATALOG_ALREADY_EXISTS"
    with pytest.raises(BadRequest, match="Schema 's' already exists") as caught:
        w.schemas.create("S", "c")
    assert caught.value.error_code == "SCHEMA_ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda w: w.catalogs.get("no"), "CATALOG_DOES_NOT_EXIST"),
        (lambda w: w.schemas.get("no.s"), "CATALOG_DOES_NOT_EXIST"),
        (lambda w: w.schemas.get("c.no"), "SCHEMA_DOES_NOT_EXIST"),
        (lambda w: w.tables.get("no.s.t"), "CATALOG_DOES_NOT_EXIST"),
        (lambda w: w.tables.get("c.no.t"), "SCHEMA_DOES_NOT_EXIST"),
        (lambda w: w.tables.get("c.default.no"), "TABLE_DOES_NOT_EXIST"),
        (lambda w: list(w.tables.list("c", "no")), "SCHEMA_DOES_NOT_EXIST"),
        (lambda w: w.volumes.read("c.default.no"), "VOLUME_DOES_NOT_EXIST"),
        (lambda w: w.functions.get("c.default.no"), "FUNCTION_DOES_NOT_EXIST"),
        (lambda w: w.shares.get("no"), "SHARE_DOES_NOT_EXIST"),
        (lambda w: w.recipients.get("no"), "RECIPIENT_DOES_NOT_EXIST"),
        (lambda w: w.providers.get("no"), "PROVIDER_DOES_NOT_EXIST"),
    ],
)
def test_what_is_missing_is_named(endpoint: Serve, sdk: Sdk, call: Callable[[Any], Any], code: str) -> None:
    w = sdk(endpoint())
    w.catalogs.create("c")
    with pytest.raises(NotFound) as caught:
        call(w)
    assert caught.value.error_code == code


@pytest.mark.parametrize("name", ["a.b", "a b", "a/b", "a\x01", "", "x" * 256])
def test_names_that_unity_catalog_refuses(endpoint: Serve, sdk: Sdk, name: str) -> None:
    with pytest.raises(InvalidParameterValue):
        sdk(endpoint()).catalogs.create(name)


@pytest.mark.parametrize("name", ["a-b", "größe", "x'y", "日本", "a`b", 'q"q', "per%cent", "a#b?c", "x" * 255])
def test_any_other_name_works_when_the_path_is_quoted(endpoint: Serve, sdk: Sdk, name: str) -> None:
    from urllib.parse import quote

    w = sdk(endpoint())
    assert w.catalogs.create(name).name == name
    assert w.catalogs.get(quote(name, safe="")).name == name


def test_update_changes_only_what_is_sent_and_clears_with_empty(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    w.catalogs.create("c", comment="old", properties={"a": "1"})
    changed = w.catalogs.update("c", isolation_mode=CatalogIsolationMode.ISOLATED, properties={"b": "2"})
    assert (changed.comment, changed.properties) == ("old", {"b": "2"})
    assert w.catalogs.update("c", comment="").comment is None
    assert w.catalogs.get("c").isolation_mode is CatalogIsolationMode.ISOLATED
    w.schemas.create("s", "c", comment="x")
    assert w.schemas.update("c.s", comment="y", owner="team").owner == "team"


def test_containers_that_are_not_empty_need_force(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    w.schemas.create("s", "c")
    register(e.session(), "c.s.t")
    with pytest.raises(BadRequest, match="not empty"):
        w.schemas.delete("c.s")
    with pytest.raises(BadRequest, match="not empty"):
        w.catalogs.delete("c")
    w.schemas.delete("c.s", force=True)
    w.catalogs.delete("c", force=True)
    w.catalogs.create("c")
    w.schemas.create("s", "c")
    assert list(w.tables.list("c", "s")) == []


def test_rename_carries_everything_inside(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("old")
    w.schemas.create("s", "old")
    register(e.session(), "old.s.t", columns=[{"name": "id"}])
    w.grants.update("TABLE", "old.s.t", changes=[_grant("ann@x.com", "SELECT")])
    w.catalogs.update("old", new_name="new")
    w.schemas.update("new.s", new_name="s2")
    table = w.tables.get("new.s2.t")
    assert (table.full_name, table.catalog_name, table.schema_name) == ("new.s2.t", "new", "s2")
    assert w.grants.get("TABLE", "new.s2.t").privilege_assignments[0].principal == "ann@x.com"
    with pytest.raises(NotFound):
        w.catalogs.get("old")


def test_deleting_and_recreating_forgets_grants(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    register(e.session(), "c.default.t")
    first = w.tables.get("c.default.t").table_id
    w.grants.update("TABLE", "c.default.t", changes=[_grant("ann@x.com", "SELECT")])
    w.tables.delete("c.default.t")
    assert not w.tables.exists("c.default.t").table_exists
    register(e.session(), "c.default.t")
    assert w.tables.get("c.default.t").table_id != first
    assert not w.grants.get("TABLE", "c.default.t").privilege_assignments


def test_a_listing_is_paged_and_can_leave_out_columns(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    constraint = [{"primary_key_constraint": {"name": "pk", "child_columns": ["id"]}}]
    for number in range(25):
        register(e.session(), f"c.default.t{number:02}", columns=[{"name": "id"}], table_constraints=constraint)
    names = [f"t{number:02}" for number in range(25)]
    assert [table.name for table in w.tables.list("c", "default", max_results=10)] == names
    listed = list(w.tables.list("c", "default", omit_columns=True))
    assert [table.name for table in listed] == names
    assert not any(table.columns for table in listed)
    page = w.api_client.do(
        "GET",
        "/api/2.1/unity-catalog/tables",
        query={"catalog_name": "c", "schema_name": "default", "max_results": 7},
    )
    assert len(page["tables"]) == 7
    assert page["next_page_token"]
    assert "table_constraints" not in page["tables"][0]
    assert w.tables.get("c.default.t00").table_constraints[0].primary_key_constraint.name == "pk"


def test_a_forged_page_token_is_refused(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    with pytest.raises(InvalidParameterValue, match="page token"):
        w.api_client.do("GET", "/api/2.1/unity-catalog/catalogs", query={"page_token": "ÿ"})


def test_summaries_match_patterns_over_schemas(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    w.schemas.create("op", "c")
    for schema in ("ops", "opx", "fin"):
        w.schemas.create(schema, "c")
        register(e.session(), f"c.{schema}.a_1")
        register(e.session(), f"c.{schema}.b_1")
    found = w.tables.list_summaries("c", schema_name_pattern="op_", table_name_pattern="a%")
    assert [item.full_name for item in found] == ["c.ops.a_1", "c.opx.a_1"]
    register(e.session(), "c.op.v", table_type="VIEW")
    w.schemas.create("op-a", "c")
    register(e.session(), "c.op-a.z")
    whole = [(item.full_name, item.table_type) for item in w.tables.list_summaries("c")]
    assert whole == sorted(whole, key=lambda item: str(item[0]))
    assert (len(whole), whole[3]) == (8, ("c.op.v", TableType.VIEW))
    pages = w.tables.list_summaries("c", max_results=3)
    assert [(item.full_name, item.table_type) for item in pages] == whole


def test_hidden_tables_are_found_by_name_only(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    register(e.session(), "c.default.__materialization_mat_x_t_1", _hidden=True)
    assert list(w.tables.list("c", "default")) == []
    assert list(w.tables.list_summaries("c")) == []
    assert w.tables.get("c.default.__materialization_mat_x_t_1").table_type is TableType.MANAGED


def test_rest_creates_external_tables_only(endpoint: Serve, sdk: Sdk, tmp_path: Path) -> None:
    w = sdk(endpoint())
    w.catalogs.create("c")
    location = (tmp_path / "data").as_uri()
    arguments = ("t", "c", "default")
    made = w.tables.create(*arguments, TableType.EXTERNAL, DataSourceFormat.DELTA, location)
    assert (made.full_name, made.storage_location) == ("c.default.t", location)
    with pytest.raises(InvalidParameterValue, match="external"):
        w.tables.create("m", "c", "default", TableType.MANAGED, DataSourceFormat.DELTA, location)


def test_the_owner_of_a_table_can_be_changed(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    register(e.session(), "c.default.t")
    w.tables.update("c.default.t", owner="data-team")
    assert w.tables.get("c.default.t").owner == "data-team"


def test_internal_fields_never_leave_the_server(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    register(e.session(), "c.default.t", _view_sql="select 1")
    for path, query in (
        ("tables/c.default.t", {}),
        ("tables", {"catalog_name": "c", "schema_name": "default"}),
    ):
        answer = w.api_client.do("GET", f"/api/2.1/unity-catalog/{path}", query=query)
        assert '"_' not in str(answer).replace("'", '"')


def test_quotas_count_what_exists(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint()
    w = sdk(e)
    w.catalogs.create("c")
    register(e.session(), "c.default.t")
    quota = w.resource_quotas.get_quota("schema", "c.default", "table-quota").quota_info
    assert (quota.quota_count, quota.quota_limit) == (1, 10_000)
    assert {item.quota_name for item in w.resource_quotas.list_quotas()} >= {"catalog-quota", "table-quota"}


def test_the_metastore_describes_itself(endpoint: Serve, sdk: Sdk) -> None:
    e = endpoint("azure-westeurope")
    w = sdk(e)
    summary = w.metastores.summary()
    assert summary.global_metastore_id == f"azure:westeurope:{summary.metastore_id}"
    assert w.metastores.current().metastore_id == summary.metastore_id
    assert [item.name for item in w.metastores.list()] == ["azure-westeurope"]
    assert w.metastores.get(summary.metastore_id).owner == e.metastore.owner


def test_workspace_bindings_of_a_catalog(endpoint: Serve, sdk: Sdk) -> None:
    w = sdk(endpoint())
    w.catalogs.create("c")
    w.workspace_bindings.update("c", assign_workspaces=[1, 2])
    w.workspace_bindings.update("c", unassign_workspaces=[1])
    assert w.workspace_bindings.get("c").workspaces == [2]
    assert [item.workspace_id for item in w.workspace_bindings.get_bindings("catalog", "c")] == [2]


def test_everything_survives_a_restart(endpoint: Serve, sdk: Sdk) -> None:
    first = endpoint()
    sdk(first).catalogs.create("c", comment="kept")
    first.close()
    second = endpoint()
    assert second.metastore == first.metastore
    assert second.token != first.token
    assert sdk(second).catalogs.get("c").comment == "kept"


def _grant(principal: str, privilege: str) -> Any:
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    return PermissionsChange(principal=principal, add=[Privilege(privilege)])
