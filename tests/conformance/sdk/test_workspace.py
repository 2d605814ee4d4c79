"""Warehouses, statements, files, secrets, pipelines and the metastore itself, by the SDK."""

from __future__ import annotations

import base64
import io

import pytest
from databricks.sdk.errors import BadRequest, DatabricksError, NotFound, PermissionDenied
from databricks.sdk.service import iam
from databricks.sdk.service import sql as dbsql
from databricks.sdk.service.workspace import AclPermission

from tests.conformance.sdk.calls import World
from tests.conformance.targets import Target


def test_metastores(world: World, emulated: Target) -> None:
    with world.every_method("metastores") as api:
        metastore_id = api.current().metastore_id
        summary = api.summary()
        assert summary.metastore_id == metastore_id
        assert summary.global_metastore_id == f"{summary.cloud}:{summary.region}:{metastore_id}"
        assert world.sql("SELECT current_metastore()") == [(summary.global_metastore_id,)]
        assert summary.name in [found.name for found in api.list()]
        api.update(metastore_id, delta_sharing_recipient_token_lifetime_in_seconds=60)
        assert api.get(metastore_id).delta_sharing_recipient_token_lifetime_in_seconds == 60
        for refused in (
            lambda: api.create("m"),
            lambda: api.delete(metastore_id),
            lambda: api.assign(1, metastore_id, "main"),
            lambda: api.unassign(1, metastore_id),
            lambda: api.update_assignment(1),
        ):
            with pytest.raises(PermissionDenied):
                refused()


def test_warehouses(world: World, emulated: Target) -> None:
    name = world.named("w")
    with world.every_method("warehouses") as api:
        made = api.create_and_wait(name=name, cluster_size="Small", max_num_clusters=1)
        assert api.create(name=f"{name}_2", cluster_size="Small").response.id
        assert {name, f"{name}_2"} <= {found.name for found in api.list()}
        assert api.edit_and_wait(made.id, name=f"{name}_3").name == f"{name}_3"
        api.edit(made.id, auto_stop_mins=5)
        api.stop(made.id)
        assert api.stop_and_wait(made.id).state is dbsql.State.STOPPED
        assert api.wait_get_warehouse_stopped(made.id).state is dbsql.State.STOPPED
        api.start(made.id)
        assert api.start_and_wait(made.id).state is dbsql.State.RUNNING
        assert api.wait_get_warehouse_running(made.id).id == made.id
        assert api.get(made.id).auto_stop_mins == 5
        entry = dbsql.WarehouseAccessControlRequest(
            user_name="ann@x.com", permission_level=dbsql.WarehousePermissionLevel.CAN_USE
        )
        api.update_permissions(made.id, access_control_list=[entry])
        assert len(api.get_permissions(made.id).access_control_list) == 2
        assert len(api.set_permissions(made.id, access_control_list=[entry]).access_control_list) == 1
        assert api.get_permission_levels(made.id).permission_levels
        api.set_workspace_warehouse_config(google_service_account="g")
        assert api.get_workspace_warehouse_config().google_service_account == "g"
        for found in list(api.list()):
            if found.name.startswith(name):
                api.delete(found.id)
        with pytest.raises(NotFound):
            api.get(made.id)


def test_statement_execution(world: World) -> None:
    warehouse = world.target.warehouse_id
    with world.every_method("statement_execution") as api:
        done = api.execute_statement("SELECT * FROM range(3)", warehouse, disposition=dbsql.Disposition.INLINE)
        assert done.result.data_array == [["0"], ["1"], ["2"]]
        assert done.manifest.schema.columns[0].type_name is dbsql.ColumnInfoTypeName.LONG
        assert api.get_statement(done.statement_id).status.state is dbsql.StatementState.SUCCEEDED
        assert api.get_statement_result_chunk_n(done.statement_id, 0).row_count == 3
        started = api.execute_statement(
            "SELECT count(*) FROM range(100000) a CROSS JOIN range(100000) b WHERE (a.id * b.id) % 7 = 3",
            warehouse,
            wait_timeout="0s",
        )
        assert started.status.state in (dbsql.StatementState.PENDING, dbsql.StatementState.RUNNING)
        api.cancel_execution(started.statement_id)
        state = dbsql.StatementState.RUNNING
        while state in (dbsql.StatementState.PENDING, dbsql.StatementState.RUNNING):
            state = api.get_statement(started.statement_id).status.state
        assert state is dbsql.StatementState.CANCELED


def test_a_statement_takes_parameters_limits_and_a_place(world: World) -> None:
    run, warehouse = world.w.statement_execution.execute_statement, world.target.warehouse_id
    catalog, schema = world.schema.split(".")
    given = [
        dbsql.StatementParameterListItem("a", "INT", "41"),
        dbsql.StatementParameterListItem("b", value=None),
        dbsql.StatementParameterListItem("d", "DATE", "2024-01-02"),
    ]
    done = run("SELECT :a + 1 AS n, :b AS nothing, :d AS day", warehouse, parameters=given)
    assert done.result.data_array == [["42", None, "2024-01-02"]]
    done = run("SELECT name FROM t", warehouse, catalog=catalog, schema=schema)
    assert done.result.data_array == [["a"]]
    done = run("SELECT * FROM range(10)", warehouse, row_limit=4)
    assert (done.manifest.total_row_count, done.manifest.truncated) == (4, True)
    failed = run("SELECT * FROM none_such", warehouse, catalog=catalog, schema=schema)
    assert failed.status.state is dbsql.StatementState.FAILED
    assert "TABLE_OR_VIEW_NOT_FOUND" in failed.status.error.message
    assert failed.status.error.error_code is dbsql.ServiceErrorCode.BAD_REQUEST
    empty = run("SELECT 1 AS one WHERE false", warehouse)
    assert (empty.manifest.total_row_count, empty.manifest.schema.columns[0].name) == (0, "one")
    with pytest.raises(BadRequest):
        run("SELECT 1", warehouse, wait_timeout="3s")
    with pytest.raises(DatabricksError):
        run("SELECT 1", "0000000000000000")


def test_files(world: World) -> None:
    world.sql("CREATE VOLUME f")
    folder = f"/Volumes/{world.schema.replace('.', '/')}/f/a folder"
    with world.every_method("files") as api:
        api.create_directory(folder)
        api.get_directory_metadata(folder)
        api.upload(f"{folder}/ü #1.txt", io.BytesIO(b"content"), overwrite=True)
        with pytest.raises(DatabricksError) as taken:
            api.upload(f"{folder}/ü #1.txt", io.BytesIO(b"again"), overwrite=False)
        assert taken.value.error_code in ("ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS")
        assert api.download(f"{folder}/ü #1.txt").contents.read() == b"content"
        (world.tmp / "local").write_bytes(b"local" * 1000)
        api.upload_from(f"{folder}/b", str(world.tmp / "local"))
        api.download_to(f"{folder}/b", str(world.tmp / "back"))
        assert (world.tmp / "back").read_bytes() == b"local" * 1000
        assert api.get_metadata(f"{folder}/b").content_length == 5000
        entries = {found.name: (found.is_directory, found.file_size) for found in api.list_directory_contents(folder)}
        assert entries == {"b": (False, 5000), "ü #1.txt": (False, 7)}
        with pytest.raises(DatabricksError):
            api.delete_directory(folder)
        for name in entries:
            api.delete(f"{folder}/{name}")
        api.delete_directory(folder)
        with pytest.raises(NotFound):
            api.download(f"{folder}/b")


def test_secrets(world: World) -> None:
    scope, (who, reader) = world.named("sc"), world.other
    with world.every_method("secrets") as api:
        api.create_scope(scope)
        api.put_secret(scope, "k", string_value="v")
        assert base64.b64decode(api.get_secret(scope, "k").value) == b"v"
        api.put_secret(scope, "b", bytes_value=base64.b64encode(b"\x00\xff").decode())
        assert base64.b64decode(api.get_secret(scope, "b").value) == b"\x00\xff"
        assert sorted(found.key for found in api.list_secrets(scope)) == ["b", "k"]
        assert scope in [found.name for found in api.list_scopes()]
        api.put_acl(scope, who, AclPermission.READ)
        assert api.get_acl(scope, who).permission is AclPermission.READ
        assert {found.principal for found in api.list_acls(scope)} >= {who}
        assert base64.b64decode(reader.secrets.get_secret(scope, "k").value) == b"v"
        with pytest.raises(PermissionDenied):
            reader.secrets.put_secret(scope, "k", string_value="w")
        api.delete_acl(scope, who)
        with pytest.raises(PermissionDenied):
            reader.secrets.get_secret(scope, "k")
        assert scope not in [found.name for found in reader.secrets.list_scopes()]
        api.delete_secret(scope, "k")
        with pytest.raises(NotFound):
            api.get_secret(scope, "k")
        with pytest.raises(DatabricksError) as taken:
            api.create_scope(scope)
        assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
        api.delete_scope(scope)
        with pytest.raises(NotFound):
            api.delete_scope(scope)


def test_resource_quotas(world: World) -> None:
    with world.every_method("resource_quotas") as api:
        found = api.get_quota("schema", world.schema, "table-quota").quota_info
        assert (found.quota_name, found.parent_full_name) == ("table-quota", world.schema)
        assert found.quota_limit == 10_000
        assert "table-quota" in [item.quota_name for item in api.list_quotas()]


def test_system_schemas(world: World, emulated: Target) -> None:
    metastore_id = world.w.metastores.current().metastore_id
    with world.every_method("system_schemas") as api:
        api.enable(metastore_id, "access")
        assert {found.schema: found.state for found in api.list(metastore_id)}["access"] == "ENABLE_COMPLETED"
        api.disable(metastore_id, "access")


def test_permissions(world: World, emulated: Target) -> None:
    where = ("warehouses", emulated.warehouse_id)
    entry = iam.AccessControlRequest(group_name="team", permission_level=iam.PermissionLevel.CAN_USE)
    with world.every_method("permissions") as api:
        before = len(api.get(*where).access_control_list)
        assert len(api.update(*where, access_control_list=[entry]).access_control_list) == before + 1
        assert len(api.set(*where, access_control_list=[]).access_control_list) == 0
        assert api.get_permission_levels(*where).permission_levels


def test_pipelines(world: World, emulated: Target) -> None:
    world.sql("CREATE MATERIALIZED VIEW mv AS SELECT * FROM t")
    made = world.w.tables.get(f"{world.schema}.mv").pipeline_id
    with world.every_method("pipelines") as api:
        (found,) = [item for item in api.list_pipelines() if item.pipeline_id == made]
        assert api.get(found.pipeline_id).pipeline_id == made
        assert api.get_permissions(made).access_control_list
        assert api.get_permission_levels(made).permission_levels
        api.update_permissions(made, access_control_list=[])
        api.set_permissions(made, access_control_list=[])
        with pytest.raises(NotFound):
            api.get("00000000-0000-0000-0000-000000000000")
