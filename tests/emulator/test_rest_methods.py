"""Every method of the SDK's services that the emulator supports, called by the SDK itself and checked once."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import DatabricksError, NotFound, PermissionDenied
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import iam, sharing
from databricks.sdk.service import sql as dbsql
from databricks.sdk.service.workspace import AclPermission

from replicator.emulator import Endpoint, sql

SETUP = """
CREATE CATALOG main;
CREATE SCHEMA main.s;
CREATE TABLE main.s.t (id INT NOT NULL, name STRING);
CREATE TABLE main.s.child (id INT, parent INT);
INSERT INTO main.s.t VALUES (1, 'a');
CREATE FUNCTION main.s.mask(x STRING) RETURNS STRING RETURN '***';
CREATE MATERIALIZED VIEW main.s.mv AS SELECT * FROM main.s.t
"""

# Methods that are refused on purpose, each with the reason.
REFUSED = {
    "metastores.create": "needs an account admin",
    "metastores.delete": "needs an account admin",
    "metastores.assign": "needs an account admin",
    "metastores.unassign": "needs an account admin",
    "metastores.update_assignment": "needs an account admin",
}
PIPELINES = (
    *("apply_environment", "clone", "create", "delete", "get_update", "list_pipeline_events", "list_updates"),
    *("start_update", "stop", "stop_and_wait", "update", "wait_get_pipeline_idle"),
)
# Methods without a counterpart.
UNSUPPORTED = {
    **dict.fromkeys(
        [
            f"warehouses.{verb}_default_warehouse_override{'s' if verb == 'list' else ''}"
            for verb in ("create", "delete", "get", "list", "update")
        ],
        "which warehouse a person's editor opens",
    ),
    "credentials.generate_temporary_service_credential": "there is no cloud to ask for one",
    **dict.fromkeys([f"pipelines.{name}" for name in PIPELINES], "pipelines are made by SQL"),
    **dict.fromkeys(
        [
            f"users_v2.{verb}"
            for verb in ("get_permission_levels", "get_permissions", "set_permissions", "update_permissions")
        ],
        "passwords: there are none",
    ),
}


@dataclass
class Calls:
    """A service of the client that notes which of its methods are called."""

    name: str
    service: Any
    called: set[str] = field(default_factory=set)

    def __getattr__(self, method: str) -> Any:
        self.called.add(f"{self.name}.{method}")
        return getattr(self.service, method)

    def missing(self) -> set[str]:
        """Public methods that were not called, without those that have no counterpart."""
        methods = inspect.getmembers(type(self.service), inspect.isfunction)
        return {f"{self.name}.{name}" for name, _ in methods if name[0] != "_"} - self.called - set(UNSUPPORTED)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A metastore with two catalogs' worth of objects, for all scenarios: each undoes what it does."""
    from replicator.emulator import start, stop

    e = start("us-east", tmp_path_factory.mktemp("root"))
    session = e.session()
    for statement in SETUP.strip().split(";\n"):
        sql.execute(session, statement)
    yield e
    stop(e)


@pytest.fixture(scope="module")
def w(filled: Endpoint) -> WorkspaceClient:
    return WorkspaceClient(host=filled.url, token=filled.token, auth_type="pat")


# ---- scenarios: one per service


def catalogs(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.create("made", comment="c", properties={"a": "b"}).properties == {"a": "b"}
    assert "made" in [found.name for found in api.list()]
    assert api.update("made", new_name="renamed", comment="d").comment == "d"
    assert api.get("renamed").owner == e.metastore.owner
    api.delete("renamed", force=True)


def schemas(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.create("made", "main", comment="c").full_name == "main.made"
    assert "made" in [found.name for found in api.list("main")]
    assert api.update("main.made", new_name="renamed").full_name == "main.renamed"
    assert api.get("main.renamed").comment == "c"
    api.delete("main.renamed")


def tables(api: Any, e: Endpoint, tmp: Path) -> None:
    column = uc.ColumnInfo(name="id", type_name=uc.ColumnTypeName.LONG, type_text="bigint", position=0)
    location = (tmp / "external").as_uri()
    kinds = (uc.TableType.EXTERNAL, uc.DataSourceFormat.DELTA)
    assert api.create("made", "main", "s", *kinds, location, columns=[column]).columns[0].name == "id"
    assert {"made", "t"} <= {found.name for found in api.list("main", "s")}
    assert "main.s.t" in [found.full_name for found in api.list_summaries("main")]
    api.update("main.s.made", owner="ann@x.com")
    assert api.get("main.s.made").owner == "ann@x.com"
    assert api.exists("main.s.made").table_exists
    api.delete("main.s.made")
    assert not api.exists("main.s.made").table_exists


def table_constraints(api: Any, e: Endpoint, tmp: Path) -> None:
    primary = uc.PrimaryKeyConstraint(name="pk", child_columns=["id"])
    made = api.create("main.s.t", uc.TableConstraint(primary_key_constraint=primary))
    assert made.primary_key_constraint.child_columns == ["id"]
    foreign = uc.ForeignKeyConstraint("fk", ["parent"], "main.s.t", ["id"])
    api.create("main.s.child", uc.TableConstraint(foreign_key_constraint=foreign))
    with pytest.raises(DatabricksError, match="referred to"):
        api.delete("main.s.t", "pk", cascade=False)
    api.delete("main.s.t", "pk", cascade=True)
    with pytest.raises(NotFound):
        api.delete("main.s.child", "fk", cascade=False)


def volumes(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.create("main", "s", "v", uc.VolumeType.MANAGED).volume_type is uc.VolumeType.MANAGED
    assert [found.name for found in api.list("main", "s")] == ["v"]
    assert api.update("main.s.v", new_name="v2", comment="c").name == "v2"
    assert api.read("main.s.v2").comment == "c"
    api.delete("main.s.v2")


def functions(api: Any, e: Endpoint, tmp: Path) -> None:
    made = uc.CreateFunction(
        name="f",
        catalog_name="main",
        schema_name="s",
        input_params=uc.FunctionParameterInfos([uc.FunctionParameterInfo("x", "int", uc.ColumnTypeName.INT, 0)]),
        data_type=uc.ColumnTypeName.INT,
        full_data_type="int",
        routine_body=uc.CreateFunctionRoutineBody.SQL,
        routine_definition="x + 1",
        parameter_style=uc.CreateFunctionParameterStyle.S,
        is_deterministic=True,
        sql_data_access=uc.CreateFunctionSqlDataAccess.CONTAINS_SQL,
        is_null_call=False,
        security_type=uc.CreateFunctionSecurityType.DEFINER,
        specific_name="f",
    )
    assert api.create(made).full_name == "main.s.f"
    assert {found.name for found in api.list("main", "s")} == {"f", "mask"}
    assert api.update("main.s.f", owner="ann@x.com").owner == "ann@x.com"
    assert api.get("main.s.f").routine_definition == "x + 1"
    api.delete("main.s.f")


def grants(api: Any, e: Endpoint, tmp: Path) -> None:
    change = uc.PermissionsChange(principal="ann@x.com", add=[uc.Privilege.SELECT])
    assert api.update("SCHEMA", "main.s", changes=[change]).privilege_assignments[0].principal == "ann@x.com"
    assert api.get("SCHEMA", "main.s").privilege_assignments[0].privileges == [uc.Privilege.SELECT]
    effective = api.get_effective("TABLE", "main.s.t").privilege_assignments[0].privileges[0]
    assert (effective.inherited_from_name, effective.privilege) == ("main.s", uc.Privilege.SELECT)
    assert [found.principal for found in api.list("SCHEMA", "main.s")] == ["ann@x.com"]
    assert [found.principal for found in api.list_effective("TABLE", "main.s.t")] == ["ann@x.com"]
    api.update("SCHEMA", "main.s", changes=[uc.PermissionsChange(principal="ann@x.com", remove=[uc.Privilege.SELECT])])


def shares(api: Any, e: Endpoint, tmp: Path) -> None:
    api.create("sh", comment="c")
    item = sharing.SharedDataObject("main.s.t", data_object_type=sharing.SharedDataObjectDataObjectType.TABLE)
    add = sharing.SharedDataObjectUpdate(sharing.SharedDataObjectUpdateAction.ADD, item)
    assert api.update("sh", updates=[add]).objects[0].shared_as == "s.t"
    assert api.get("sh", include_shared_data=True).objects[0].name == "main.s.t"
    assert [found.name for found in api.list_shares()] == ["sh"]
    sql.execute(e.session(), "CREATE RECIPIENT r")
    api.update_permissions("sh", changes=[sharing.PermissionsChange(principal="r", add=["SELECT"])])
    assert api.share_permissions("sh").privilege_assignments[0].principal == "r"
    api.delete("sh")
    sql.execute(e.session(), "DROP RECIPIENT r")


def recipients(api: Any, e: Endpoint, tmp: Path) -> None:
    properties = sharing.SecurablePropertiesKvPairs(properties={"country": "us"})
    made = api.create("r", sharing.AuthenticationType.TOKEN, properties_kvpairs=properties)
    assert made.properties_kvpairs.properties["country"] == "us"
    other = sharing.SecurablePropertiesKvPairs(properties={"country": "eu"})
    changed = api.update("r", comment="c", properties_kvpairs=other).properties_kvpairs.properties
    assert changed == {"country": "eu", "databricks.name": "r"}
    assert api.get("r").comment == "c"
    assert [found.name for found in api.list()] == ["r"]
    assert len(api.rotate_token("r", 0).tokens) == 2
    assert not api.share_permissions("r").permissions_out
    api.delete("r")


def recipient_activation(api: Any, e: Endpoint, tmp: Path) -> None:
    sql.execute(e.session(), "CREATE RECIPIENT r")
    link = WorkspaceClient(host=e.url, token=e.token).recipients.get("r").tokens[0].activation_url
    api.get_activation_url_info(link)
    assert api.retrieve_token(link).share_credentials_version == 1
    sql.execute(e.session(), "DROP RECIPIENT r")


def providers(api: Any, e: Endpoint, tmp: Path) -> None:
    profile = '{"shareCredentialsVersion": 1, "endpoint": "https://x", "bearerToken": "t"}'
    made = api.create("p", sharing.AuthenticationType.TOKEN, recipient_profile_str=profile)
    assert made.recipient_profile.endpoint == "https://x"
    assert [found.name for found in api.list()] == ["p"]
    assert api.update("p", comment="c").comment == "c"
    assert api.get("p").comment == "c"
    assert list(api.list_shares("p")) == []
    with pytest.raises(NotFound):
        api.list_provider_share_assets("p", "sh")
    api.delete("p")


def metastores(api: Any, e: Endpoint, tmp: Path) -> None:
    metastore_id = e.metastore.metastore_id
    assert api.current().metastore_id == metastore_id
    assert api.summary().global_metastore_id == e.metastore.global_id
    assert [found.name for found in api.list()] == ["us-east"]
    lifetime = {"delta_sharing_recipient_token_lifetime_in_seconds": 60}
    api.update(metastore_id, new_name="shown", **lifetime)
    assert api.get(metastore_id).delta_sharing_recipient_token_lifetime_in_seconds == 60
    assert api.update(metastore_id, new_name="us-east", owner="ann@x.com").owner == "ann@x.com"
    e.workspace.metastore = e.store.set_owner("us-east", e.metastore.owner)
    for refused in (
        lambda: api.create("m"),
        lambda: api.delete(metastore_id),
        lambda: api.assign(1, metastore_id, "main"),
        lambda: api.unassign(1, metastore_id),
        lambda: api.update_assignment(1),
    ):
        with pytest.raises(PermissionDenied):
            refused()


def warehouses(api: Any, e: Endpoint, tmp: Path) -> None:
    made = api.create_and_wait(name="w", cluster_size="Small", max_num_clusters=1)
    assert api.create(name="w2", cluster_size="Small").response.id
    assert {found.name for found in api.list()} == {"Serverless Starter Warehouse", "w", "w2"}
    assert api.edit_and_wait(made.id, name="w3").name == "w3"
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
        if found.name != "Serverless Starter Warehouse":
            api.delete(found.id)


def statement_execution(api: Any, e: Endpoint, tmp: Path) -> None:
    done = api.execute_statement("SELECT * FROM range(3)", e.warehouse_id, disposition=dbsql.Disposition.INLINE)
    assert done.result.data_array == [["0"], ["1"], ["2"]]
    assert api.get_statement(done.statement_id).status.state is dbsql.StatementState.SUCCEEDED
    assert api.get_statement_result_chunk_n(done.statement_id, 0).row_count == 3
    api.cancel_execution(done.statement_id)


def files(api: Any, e: Endpoint, tmp: Path) -> None:
    sql.execute(e.session(), "CREATE VOLUME main.s.f")
    folder = "/Volumes/main/s/f/a folder"
    api.create_directory(folder)
    api.get_directory_metadata(folder)
    api.upload(f"{folder}/ü #1.txt", io.BytesIO(b"content"), overwrite=True)
    assert api.download(f"{folder}/ü #1.txt").contents.read() == b"content"
    (tmp / "local").write_bytes(b"local")
    api.upload_from(f"{folder}/b", str(tmp / "local"))
    api.download_to(f"{folder}/b", str(tmp / "back"))
    assert (tmp / "back").read_bytes() == b"local"
    assert api.get_metadata(f"{folder}/b").content_length == 5
    assert [found.name for found in api.list_directory_contents(folder)] == ["b", "ü #1.txt"]
    for name in ("b", "ü #1.txt"):
        api.delete(f"{folder}/{name}")
    api.delete_directory(folder)
    sql.execute(e.session(), "DROP VOLUME main.s.f")


def secrets(api: Any, e: Endpoint, tmp: Path) -> None:
    api.create_scope("sc")
    api.put_secret("sc", "k", string_value="v")
    assert api.get_secret("sc", "k").value == "dg=="
    assert [found.key for found in api.list_secrets("sc")] == ["k"]
    assert [found.name for found in api.list_scopes()] == ["sc"]
    api.put_acl("sc", "ann@x.com", AclPermission.READ)
    assert api.get_acl("sc", "ann@x.com").permission is AclPermission.READ
    assert {found.principal for found in api.list_acls("sc")} == {"ann@x.com", e.metastore.owner}
    ann = WorkspaceClient(host=e.url, token=e.token_for("ann@x.com")).secrets
    assert ann.get_secret("sc", "k").value == "dg=="
    with pytest.raises(PermissionDenied):
        ann.put_secret("sc", "k", string_value="w")
    api.delete_acl("sc", "ann@x.com")
    with pytest.raises(PermissionDenied):
        ann.get_secret("sc", "k")
    assert list(ann.list_scopes()) == []
    api.delete_secret("sc", "k")
    api.delete_scope("sc")


def entity_tag_assignments(api: Any, e: Endpoint, tmp: Path) -> None:
    tag = uc.EntityTagAssignment(entity_type="tables", entity_name="main.s.t", tag_key="k", tag_value="v")
    assert api.create(tag).tag_value == "v"
    where = ("tables", "main.s.t", "k")
    changed = uc.EntityTagAssignment("main.s.t", "k", "tables", tag_value="w")
    assert api.update(*where, changed, "tag_value").tag_value == "w"
    assert api.get(*where).tag_value == "w"
    assert [found.tag_key for found in api.list("tables", "main.s.t")] == ["k"]
    api.delete(*where)


def registered_models(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.create(catalog_name="main", schema_name="s", name="m", comment="c").full_name == "main.s.m"
    _register(e, "main.s.m")
    assert api.set_alias("main.s.m", "champion", 1).version_num == 1
    assert api.get("main.s.m", include_aliases=True).aliases[0].alias_name == "champion"
    assert api.update("main.s.m", new_name="m2", comment="d").comment == "d"
    assert [found.name for found in api.list(catalog_name="main", schema_name="s")] == ["m2"]
    assert [found.full_name for found in api.list()] == ["main.s.m2"]
    api.delete_alias("main.s.m2", "champion")
    api.delete("main.s.m2")


def model_versions(api: Any, e: Endpoint, tmp: Path) -> None:
    client = WorkspaceClient(host=e.url, token=e.token)
    client.registered_models.create(catalog_name="main", schema_name="s", name="m")
    assert [_register(e, "main.s.m") for _ in range(11)] == [str(number) for number in range(1, 12)]
    client.registered_models.set_alias("main.s.m", "champion", 11)
    assert [found.version for found in api.list("main.s.m")] == list(range(1, 12))
    assert api.get_by_alias("main.s.m", "champion").version == 11
    api.update("main.s.m", 11, comment="best")
    found = api.get("main.s.m", 11, include_aliases=True)
    assert (found.comment, found.model_name, found.aliases[0].alias_name) == ("best", "m", "champion")
    api.delete("main.s.m", 11)
    with pytest.raises(NotFound):
        api.get_by_alias("main.s.m", "champion")
    client.registered_models.delete("main.s.m")


def _register(e: Endpoint, name: str) -> str:
    """Add a version as MLflow does."""
    client = WorkspaceClient(host=e.url, token=e.token).api_client
    body = {"name": name, "source": "dbfs:/x"}
    made = client.do("POST", "/api/2.0/mlflow/unity-catalog/model-versions/create", body=body)
    version: str = made["model_version"]["version"]
    body = {"name": name, "version": version}
    done = client.do("POST", "/api/2.0/mlflow/unity-catalog/model-versions/finalize", body=body)
    assert done["model_version"]["status"] == "READY"
    return version


def policies(api: Any, e: Endpoint, tmp: Path) -> None:
    policy = uc.PolicyInfo(
        name="hide",
        to_principals=["account users"],
        for_securable_type=uc.SecurableType.TABLE,
        policy_type=uc.PolicyType.POLICY_TYPE_COLUMN_MASK,
        on_securable_type=uc.SecurableType.CATALOG,
        on_securable_fullname="main",
        column_mask=uc.ColumnMaskOptions(function_name="main.s.mask", on_column="c"),
        match_columns=[uc.MatchColumn(condition="has_tag('pii')", alias="c")],
    )
    assert api.create_policy(policy).column_mask.function_name == "main.s.mask"
    where = ("CATALOG", "main", "hide")
    policy.comment = "why"
    assert api.update_policy(*where, policy, update_mask="comment").comment == "why"
    assert api.get_policy(*where).to_principals == ["account users"]
    assert [found.name for found in api.list_policies("TABLE", "main.s.t", include_inherited=True)] == ["hide"]
    assert list(api.list_policies("TABLE", "main.s.t")) == []
    api.delete_policy(*where)
    with pytest.raises(NotFound):
        api.get_policy(*where)


def storage_credentials(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.create("sc", aws_iam_role=uc.AwsIamRoleRequest("arn:aws:iam::1:role/r")).aws_iam_role.role_arn
    assert [found.name for found in api.list()] == ["sc"]
    assert api.update("sc", comment="c").comment == "c"
    assert api.get("sc").comment == "c"
    results = api.validate(storage_credential_name="sc", url=tmp.as_uri()).results
    assert {found.result for found in results} == {uc.ValidationResultResult.PASS}
    api.delete("sc")
    with pytest.raises(DatabricksError, match="Exactly one"):
        api.create("none")


def credentials(api: Any, e: Endpoint, tmp: Path) -> None:
    role = uc.AwsIamRole(role_arn="arn:aws:iam::1:role/r")
    made = api.create_credential("svc", aws_iam_role=role, purpose=uc.CredentialPurpose.SERVICE)
    assert made.purpose is uc.CredentialPurpose.SERVICE
    assert [found.name for found in api.list_credentials(purpose=uc.CredentialPurpose.SERVICE)] == ["svc"]
    assert api.update_credential("svc", comment="c").comment == "c"
    assert api.get_credential("svc").comment == "c"
    assert api.validate_credential(credential_name="svc", purpose=uc.CredentialPurpose.SERVICE).results == []
    assert list(WorkspaceClient(host=e.url, token=e.token).storage_credentials.list()) == []
    api.delete_credential("svc")


def external_locations(api: Any, e: Endpoint, tmp: Path) -> None:
    client = WorkspaceClient(host=e.url, token=e.token).storage_credentials
    client.create("sc", aws_iam_role=uc.AwsIamRoleRequest("arn:aws:iam::1:role/r"))
    made = api.create("loc", tmp.as_uri(), "sc")
    assert made.credential_id == client.get("sc").id
    assert [found.name for found in api.list()] == ["loc"]
    assert api.update("loc", comment="c", new_name="loc2").name == "loc2"
    assert api.get("loc2").comment == "c"
    with pytest.raises(DatabricksError, match="dependent external locations"):
        client.delete("sc")
    client.update("sc", new_name="sc2")
    assert api.get("loc2").credential_name == "sc2"
    with pytest.raises(DatabricksError, match="not a cloud storage path"):
        api.create("bad", "ftp://x", "sc2")
    api.delete("loc2")
    client.delete("sc2")


def connections(api: Any, e: Endpoint, tmp: Path) -> None:
    options = {"host": "h", "user": "u", "password": "p"}
    made = api.create(name="pg", connection_type=uc.ConnectionType.POSTGRESQL, options=options)
    assert "password" not in made.options
    assert [found.name for found in api.list()] == ["pg"]
    assert api.update("pg", {"host": "h2", "user": "u"}).options["host"] == "h2"
    assert api.get("pg").connection_type is uc.ConnectionType.POSTGRESQL
    api.delete("pg")


def workspace_bindings(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.update("main", assign_workspaces=[7]).workspaces == [7]
    assert api.get("main").workspaces == [7]
    binding = uc.WorkspaceBinding(workspace_id=8, binding_type=uc.WorkspaceBindingBindingType.BINDING_TYPE_READ_ONLY)
    api.update_bindings("catalog", "main", add=[binding], remove=[uc.WorkspaceBinding(workspace_id=7)])
    assert [found.workspace_id for found in api.get_bindings("catalog", "main")] == [8]
    api.update("main", unassign_workspaces=[8])


def resource_quotas(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.get_quota("schema", "main.s", "table-quota").quota_info.quota_count >= 3
    assert "table-quota" in [found.quota_name for found in api.list_quotas()]


def system_schemas(api: Any, e: Endpoint, tmp: Path) -> None:
    metastore_id = e.metastore.metastore_id
    api.enable(metastore_id, "access")
    assert {found.schema: found.state for found in api.list(metastore_id)}["access"] == "ENABLE_COMPLETED"
    api.disable(metastore_id, "access")


def current_user(api: Any, e: Endpoint, tmp: Path) -> None:
    assert api.me().user_name == e.metastore.owner


def users_v2(api: Any, e: Endpoint, tmp: Path) -> None:
    made = api.create(user_name="new@x.com", display_name="New")
    assert [found.user_name for found in api.list(filter='userName eq "new@x.com"')] == ["new@x.com"]
    api.update(made.id, user_name="new@x.com", display_name="Newer")
    assert api.get(made.id).display_name == "Newer"
    change = iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="Newest")
    api.patch(made.id, operations=[change], schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP])
    assert api.get(made.id).display_name == "Newest"
    api.delete(made.id)


def groups_v2(api: Any, e: Endpoint, tmp: Path) -> None:
    people = WorkspaceClient(host=e.url, token=e.token).users_v2
    one, two = people.create(user_name="one@x.com"), people.create(user_name="two@x.com")
    made = api.create(display_name="team", members=[iam.ComplexValue(value=one.id)])
    assert [member.value for member in made.members] == [one.id]
    add = iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": two.id}])
    remove = iam.Patch(op=iam.PatchOp.REMOVE, path=f'members[value eq "{one.id}"]')
    api.patch(made.id, operations=[add, remove])
    assert [member.value for member in api.get(made.id).members] == [two.id]
    api.update(made.id, display_name="team", members=[])
    assert not api.get(made.id).members
    assert "team" in [found.display_name for found in api.list()]
    api.delete(made.id)


def service_principals_v2(api: Any, e: Endpoint, tmp: Path) -> None:
    made = api.create(display_name="robot")
    assert made.application_id in [found.application_id for found in api.list()]
    api.update(made.id, display_name="robot 2", application_id=made.application_id)
    assert api.get(made.id).display_name == "robot 2"
    api.patch(made.id, operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="robot 3")])
    assert api.get(made.id).display_name == "robot 3"
    api.delete(made.id)


def permissions(api: Any, e: Endpoint, tmp: Path) -> None:
    where = ("warehouses", e.warehouse_id)
    entry = iam.AccessControlRequest(group_name="team", permission_level=iam.PermissionLevel.CAN_USE)
    assert len(api.update(*where, access_control_list=[entry]).access_control_list) == 2
    assert len(api.get(*where).access_control_list) == 2
    assert len(api.set(*where, access_control_list=[]).access_control_list) == 0
    assert api.get_permission_levels(*where).permission_levels


def pipelines(api: Any, e: Endpoint, tmp: Path) -> None:
    (found,) = api.list_pipelines()
    assert api.get(found.pipeline_id).pipeline_id == found.pipeline_id
    assert api.get_permissions(found.pipeline_id).access_control_list
    assert api.get_permission_levels(found.pipeline_id).permission_levels
    api.update_permissions(found.pipeline_id, access_control_list=[])
    api.set_permissions(found.pipeline_id, access_control_list=[])


SCENARIOS: list[Callable[[Any, Endpoint, Path], None]] = [
    catalogs,
    schemas,
    tables,
    table_constraints,
    volumes,
    functions,
    grants,
    shares,
    recipients,
    recipient_activation,
    providers,
    metastores,
    warehouses,
    statement_execution,
    files,
    secrets,
    entity_tag_assignments,
    registered_models,
    model_versions,
    policies,
    storage_credentials,
    credentials,
    external_locations,
    connections,
    workspace_bindings,
    resource_quotas,
    system_schemas,
    current_user,
    users_v2,
    groups_v2,
    service_principals_v2,
    permissions,
    pipelines,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_every_method_of_a_service_works(
    scenario: Callable[[Any, Endpoint, Path], None], w: WorkspaceClient, filled: Endpoint, tmp_path: Path
) -> None:
    name = scenario.__name__
    calls = Calls(name, getattr(w, name))
    scenario(calls, filled, tmp_path)
    assert calls.missing() == set()


def test_what_is_refused_exists(w: WorkspaceClient) -> None:
    for name in (*REFUSED, *UNSUPPORTED):
        service, method = name.split(".")
        assert callable(getattr(getattr(w, service), method)), name
