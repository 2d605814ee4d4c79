"""Catalogs, schemas and what they hold, by the SDK."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import BadRequest, DatabricksError, NotFound
from databricks.sdk.service import catalog as uc

from tests.conformance.sdk.calls import World


def test_catalogs(world: World) -> None:
    made, renamed = world.named("made"), world.named("renamed")
    with world.every_method("catalogs") as api:
        assert api.create(made, comment="c", properties={"a": "b"}).properties == {"a": "b"}
        assert made in [found.name for found in api.list()]
        assert made in [found.name for found in api.list(max_results=1)], "pages are followed"
        assert api.update(made, new_name=renamed, comment="d").comment == "d"
        found = api.get(renamed)
        assert (found.owner, found.full_name, found.comment) == (world.me, renamed, "d")
        assert found.catalog_type is uc.CatalogType.MANAGED_CATALOG
        assert found.securable_type is uc.SecurableType.CATALOG
        assert found.isolation_mode is uc.CatalogIsolationMode.OPEN
        assert None not in (found.metastore_id, found.created_at, found.created_by, found.updated_at, found.updated_by)
        assert {schema.name for schema in world.w.schemas.list(renamed)} == {"default", "information_schema"}
        with pytest.raises(DatabricksError) as taken:
            api.create(renamed)
        assert taken.value.error_code == "CATALOG_ALREADY_EXISTS"
        world.w.schemas.create("s", renamed)
        with pytest.raises(BadRequest, match="not empty"):
            api.delete(renamed)
        api.delete(renamed, force=True)
        with pytest.raises(NotFound) as gone:
            api.get(renamed)
        assert gone.value.error_code == "CATALOG_DOES_NOT_EXIST"


def test_schemas(world: World) -> None:
    catalog, made = world.catalog, world.named("made")
    with world.every_method("schemas") as api:
        assert api.create(made, catalog, comment="c", properties={"k": "v"}).full_name == f"{catalog}.{made}"
        assert made in [found.name for found in api.list(catalog)]
        assert api.update(f"{catalog}.{made}", new_name=f"{made}_2").full_name == f"{catalog}.{made}_2"
        found = api.get(f"{catalog}.{made}_2")
        assert (found.comment, found.properties, found.catalog_name) == ("c", {"k": "v"}, catalog)
        assert found.catalog_type is uc.CatalogType.MANAGED_CATALOG
        with pytest.raises(DatabricksError) as taken:
            api.create(f"{made}_2", catalog)
        assert taken.value.error_code == "SCHEMA_ALREADY_EXISTS"
        world.sql(f"CREATE TABLE {catalog}.{made}_2.t (id INT)")
        with pytest.raises(BadRequest) as full:
            api.delete(f"{catalog}.{made}_2")
        assert "not empty" in str(full.value)
        api.delete(f"{catalog}.{made}_2", force=True)
        with pytest.raises(NotFound) as gone:
            api.get(f"{catalog}.{made}_2")
        assert gone.value.error_code == "SCHEMA_DOES_NOT_EXIST"


def test_tables(world: World) -> None:
    name = f"{world.schema}.t"
    world.sql("COMMENT ON TABLE t IS 'what it is'")
    world.sql("ALTER TABLE t SET TBLPROPERTIES ('team' = 'retail')")
    with world.every_method("tables") as api:
        if world.target.is_live:
            api.called.add("create")  # needs a cloud's storage
        else:
            _create_external(world, api)
        catalog, schema = world.schema.split(".")
        assert {"t", "child"} <= {found.name for found in api.list(catalog, schema)}
        assert {"t", "child"} <= {found.name for found in api.list(catalog, schema, max_results=1)}
        (bare,) = [found for found in api.list(catalog, schema, omit_columns=True) if found.name == "t"]
        assert not bare.columns
        (bare,) = [found for found in api.list(catalog, schema, omit_properties=True) if found.name == "t"]
        assert not bare.properties
        assert name in [found.full_name for found in api.list_summaries(catalog, schema_name_pattern=schema)]
        assert [s.full_name for s in api.list_summaries(catalog, schema_name_pattern=schema, table_name_pattern="chi%")]
        found = api.get(name)
        assert (found.comment, found.properties["team"]) == ("what it is", "retail")
        assert (found.table_type, found.data_source_format) == (uc.TableType.MANAGED, uc.DataSourceFormat.DELTA)
        assert [(column.name, column.type_text, column.nullable, column.position) for column in found.columns] == [
            ("id", "int", False, 0),
            ("name", "string", True, 1),
        ]
        assert found.storage_location
        api.update(name, owner=world.other[0])
        assert api.get(name).owner == world.other[0]
        assert api.exists(name).table_exists is True
        assert api.exists(f"{world.schema}.none").table_exists is False
        api.delete(name)
        with pytest.raises(NotFound) as gone:
            api.get(name)
        assert gone.value.error_code == "TABLE_DOES_NOT_EXIST"


def _create_external(world: World, api: object) -> None:
    column = uc.ColumnInfo(name="id", type_name=uc.ColumnTypeName.LONG, type_text="bigint", position=0)
    catalog, schema = world.schema.split(".")
    kinds = (uc.TableType.EXTERNAL, uc.DataSourceFormat.DELTA)
    location = (world.tmp / "external").as_uri()
    made = api.create("made", catalog, schema, *kinds, location, columns=[column])  # type: ignore[attr-defined]
    assert (made.table_type, made.columns[0].name) == (uc.TableType.EXTERNAL, "id")


def test_table_constraints(world: World) -> None:
    parent, child = f"{world.schema}.t", f"{world.schema}.child"
    with world.every_method("table_constraints") as api:
        primary = uc.PrimaryKeyConstraint(name="pk", child_columns=["id"])
        made = api.create(parent, uc.TableConstraint(primary_key_constraint=primary))
        assert made.primary_key_constraint.child_columns == ["id"]
        foreign = uc.ForeignKeyConstraint("fk", ["parent"], parent, ["id"])
        api.create(child, uc.TableConstraint(foreign_key_constraint=foreign))
        kept = world.w.tables.get(child).table_constraints[0].foreign_key_constraint
        assert (kept.parent_table, kept.parent_columns) == (parent, ["id"])
        with pytest.raises(DatabricksError):
            api.delete(parent, "pk", cascade=False)
        api.delete(parent, "pk", cascade=True)
        assert not world.w.tables.get(child).table_constraints


def test_volumes(world: World) -> None:
    catalog, schema = world.schema.split(".")
    with world.every_method("volumes") as api:
        made = api.create(catalog, schema, "v", uc.VolumeType.MANAGED, comment="c")
        assert (made.volume_type, made.full_name) == (uc.VolumeType.MANAGED, f"{world.schema}.v")
        assert [found.name for found in api.list(catalog, schema)] == ["v"]
        assert api.update(f"{world.schema}.v", new_name="v2", comment="d").name == "v2"
        found = api.read(f"{world.schema}.v2")
        assert (found.comment, found.owner) == ("d", world.me)
        assert found.volume_id
        assert found.storage_location
        api.delete(f"{world.schema}.v2")
        with pytest.raises(NotFound):
            api.read(f"{world.schema}.v2")


def test_functions(world: World) -> None:
    catalog, schema = world.schema.split(".")
    parameter = uc.FunctionParameterInfo("x", "int", uc.ColumnTypeName.INT, 0, type_json='"integer"')
    made = uc.CreateFunction(
        name="f",
        catalog_name=catalog,
        schema_name=schema,
        input_params=uc.FunctionParameterInfos([parameter]),
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
    with world.every_method("functions") as api:
        assert api.create(made).full_name == f"{world.schema}.f"
        assert world.sql(f"SELECT {world.schema}.f(1)") == [(2,)]
        assert [found.name for found in api.list(catalog, schema)] == ["f"]
        assert api.get(f"{world.schema}.f").routine_definition == "x + 1"
        assert api.update(f"{world.schema}.f", owner=world.other[0]).owner == world.other[0]
        api.delete(f"{world.schema}.f")
        with pytest.raises(NotFound):
            api.get(f"{world.schema}.f")


def test_registered_models(world: World) -> None:
    catalog, schema = world.schema.split(".")
    with world.every_method("registered_models") as api:
        assert api.create(catalog_name=catalog, schema_name=schema, name="m", comment="c").full_name.endswith(".m")
        register(world, f"{world.schema}.m")
        assert api.set_alias(f"{world.schema}.m", "champion", 1).version_num == 1
        assert api.get(f"{world.schema}.m", include_aliases=True).aliases[0].alias_name == "champion"
        assert api.update(f"{world.schema}.m", new_name="m2", comment="d").comment == "d"
        assert [found.name for found in api.list(catalog_name=catalog, schema_name=schema)] == ["m2"]
        api.delete_alias(f"{world.schema}.m2", "champion")
        world.w.model_versions.delete(f"{world.schema}.m2", 1)
        api.delete(f"{world.schema}.m2")
        with pytest.raises(NotFound):
            api.get(f"{world.schema}.m2")


def test_model_versions(world: World) -> None:
    catalog, schema = world.schema.split(".")
    name = f"{world.schema}.m"
    world.w.registered_models.create(catalog_name=catalog, schema_name=schema, name="m")
    with world.every_method("model_versions") as api:
        assert [register(world, name) for _ in range(11)] == [str(number) for number in range(1, 12)]
        world.w.registered_models.set_alias(name, "champion", 11)
        assert sorted(found.version for found in api.list(name)) == list(range(1, 12))
        assert api.get_by_alias(name, "champion").version == 11
        api.update(name, 11, comment="best")
        found = api.get(name, 11, include_aliases=True)
        assert (found.comment, found.model_name, found.aliases[0].alias_name) == ("best", "m", "champion")
        world.w.registered_models.delete_alias(name, "champion")
        for number in range(1, 12):
            api.delete(name, number)
        with pytest.raises(NotFound):
            api.get(name, 11)


def register(world: World, name: str) -> str:
    """Add a version as MLflow does: the SDK has no method for it."""
    client, path = world.w.api_client, "/api/2.0/mlflow/unity-catalog/model-versions"
    made = client.do("POST", f"{path}/create", body={"name": name, "source": "dbfs:/x"})
    version: str = made["model_version"]["version"]
    done = client.do("POST", f"{path}/finalize", body={"name": name, "version": version})
    assert done["model_version"]["status"] == "READY"
    return version
