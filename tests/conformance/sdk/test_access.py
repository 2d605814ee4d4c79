"""Grants, tags, policies and bindings, by the SDK."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import DatabricksError, NotFound, PermissionDenied
from databricks.sdk.service import catalog as uc

from tests.conformance.sdk.calls import World
from tests.conformance.targets import Target


def test_grants(world: World) -> None:
    who, reader = world.other
    with world.every_method("grants") as api:
        with pytest.raises((PermissionDenied, NotFound)):
            reader.tables.get(f"{world.schema}.t")
        for kind, name, privilege in (
            ("catalog", world.catalog, uc.Privilege.USE_CATALOG),
            ("schema", world.schema, uc.Privilege.USE_SCHEMA),
            ("schema", world.schema, uc.Privilege.SELECT),
        ):
            changed = api.update(kind, name, changes=[uc.PermissionsChange(principal=who, add=[privilege])])
            assert who in [found.principal for found in changed.privilege_assignments]
        (found,) = [item for item in api.get("schema", world.schema).privilege_assignments if item.principal == who]
        assert set(found.privileges) == {uc.Privilege.USE_SCHEMA, uc.Privilege.SELECT}
        only = api.get("schema", world.schema, principal=who).privilege_assignments
        assert [item.principal for item in only] == [who]
        assert not api.get("table", f"{world.schema}.t").privilege_assignments
        (below,) = api.get_effective("table", f"{world.schema}.t", principal=who).privilege_assignments
        inherited = {(item.privilege, item.inherited_from_name) for item in below.privileges}
        assert (uc.Privilege.SELECT, world.schema) in inherited
        assert who in [item.principal for item in api.list("schema", world.schema)]
        assert who in [item.principal for item in api.list_effective("table", f"{world.schema}.t")]
        assert reader.tables.get(f"{world.schema}.t").name == "t"
        with pytest.raises(PermissionDenied):
            reader.tables.delete(f"{world.schema}.t")
        misplaced = uc.PermissionsChange(principal=who, add=[uc.Privilege.SET_SHARE_PERMISSION])
        with pytest.raises(DatabricksError):
            api.update("schema", world.schema, changes=[misplaced])
        gone = uc.PermissionsChange(principal=who, remove=[uc.Privilege.SELECT, uc.Privilege.USE_SCHEMA])
        assert not api.update("schema", world.schema, changes=[gone]).privilege_assignments
        away = uc.PermissionsChange(principal=who, remove=[uc.Privilege.USE_CATALOG])
        api.update("catalog", world.catalog, changes=[away])
        with pytest.raises((PermissionDenied, NotFound)):
            reader.tables.get(f"{world.schema}.t")


def test_entity_tag_assignments(world: World) -> None:
    name = f"{world.schema}.t"
    with world.every_method("entity_tag_assignments") as api:
        tag = uc.EntityTagAssignment(entity_type="tables", entity_name=name, tag_key="k", tag_value="v")
        assert api.create(tag).tag_value == "v"
        where = ("tables", name, "k")
        changed = uc.EntityTagAssignment(name, "k", "tables", tag_value="w")
        assert api.update(*where, changed, "tag_value").tag_value == "w"
        assert api.get(*where).tag_value == "w"
        assert [found.tag_key for found in api.list("tables", name)] == ["k"]
        api.delete(*where)
        with pytest.raises(NotFound):
            api.get(*where)
        world.sql("CREATE VOLUME v")
        entities = {
            "catalogs": world.catalog,
            "schemas": world.schema,
            "columns": f"{name}.id",
            "volumes": f"{world.schema}.v",
        }
        for kind, entity in entities.items():
            api.create(uc.EntityTagAssignment(entity_type=kind, entity_name=entity, tag_key="k", tag_value="v"))
            assert [found.tag_value for found in api.list(kind, entity)] == ["v"], kind
            api.delete(kind, entity, "k")
        assert world.sql(f"SELECT * FROM {world.catalog}.information_schema.column_tags WHERE schema_name = 'x'") == []


def test_policies(world: World) -> None:
    world.sql("CREATE FUNCTION mask (x STRING) RETURNS STRING RETURN '***'")
    policy = uc.PolicyInfo(
        name="hide",
        to_principals=["account users"],
        for_securable_type=uc.SecurableType.TABLE,
        policy_type=uc.PolicyType.POLICY_TYPE_COLUMN_MASK,
        on_securable_type=uc.SecurableType.SCHEMA,
        on_securable_fullname=world.schema,
        column_mask=uc.ColumnMaskOptions(function_name=f"{world.schema}.mask", on_column="c"),
        match_columns=[uc.MatchColumn(condition="has_tag('pii')", alias="c")],
    )
    with world.every_method("policies") as api:
        assert api.create_policy(policy).column_mask.function_name == f"{world.schema}.mask"
        where = ("SCHEMA", world.schema, "hide")
        policy.comment = "why"
        assert api.update_policy(*where, policy, update_mask="comment").comment == "why"
        assert api.get_policy(*where).to_principals == ["account users"]
        table = f"{world.schema}.t"
        assert [found.name for found in api.list_policies("TABLE", table, include_inherited=True)] == ["hide"]
        assert list(api.list_policies("TABLE", table)) == []
        api.delete_policy(*where)
        with pytest.raises(NotFound):
            api.get_policy(*where)


def test_workspace_bindings(world: World, emulated: Target) -> None:
    with world.every_method("workspace_bindings") as api:
        assert api.update(world.catalog, assign_workspaces=[7]).workspaces == [7]
        assert api.get(world.catalog).workspaces == [7]
        kind = uc.WorkspaceBindingBindingType.BINDING_TYPE_READ_ONLY
        binding = uc.WorkspaceBinding(workspace_id=8, binding_type=kind)
        api.update_bindings("catalog", world.catalog, add=[binding], remove=[uc.WorkspaceBinding(workspace_id=7)])
        (found,) = api.get_bindings("catalog", world.catalog)
        assert (found.workspace_id, found.binding_type) == (8, kind)
        api.update(world.catalog, unassign_workspaces=[8])
        assert list(api.get_bindings("catalog", world.catalog)) == []
