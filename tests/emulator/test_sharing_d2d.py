"""Shares, recipients, providers and shared catalogs between two metastores of one root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service import sharing
from databricks.sdk.service.catalog import PermissionsChange as Grants
from databricks.sdk.service.catalog import Privilege
from databricks.sdk.service.sharing import (
    AuthenticationType,
    PermissionsChange,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectHistoryDataSharingStatus,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)

from replicator.emulator import Endpoint, sql, tables
from replicator.emulator.faults import Rule

Kind = SharedDataObjectDataObjectType
Action = SharedDataObjectUpdateAction
Op = sharing.PartitionValueOp


@dataclass
class Pair:
    """A provider with catalog main (schemas sales, ops; two tables each), share sh, recipient eu; and the latter."""

    source: Endpoint
    target: Endpoint
    w: Any
    v: Any

    def table(self, name: str, **fields: Any) -> None:
        """Register a table without data on the source."""
        catalog, schema, table = name.split(".")
        doc = {"catalog_name": catalog, "schema_name": schema, "name": table, "table_type": "MANAGED"}
        tables.register_table(self.source.session(), doc | {"columns": [{"name": "id"}]} | fields)

    def update(self, action: Action, name: str, kind: Kind = Kind.TABLE, **fields: Any) -> Any:
        """One object update of the share."""
        item = SharedDataObject(name=name, data_object_type=kind, **fields)
        return self.w.shares.update("sh", updates=[SharedDataObjectUpdate(action=action, data_object=item)])

    def mount(self, name: str = "shared") -> Any:
        """A catalog on the target from the share."""
        return self.v.catalogs.create(name, provider_name="us-east", share_name="sh")


@pytest.fixture
def pair(endpoint: Callable[..., Endpoint], sdk: Callable[..., Any]) -> Pair:
    source, target = endpoint("us-east"), endpoint("eu-west")
    made = Pair(source, target, sdk(source), sdk(target))
    made.w.catalogs.create("main")
    for schema in ("sales", "ops"):
        made.w.schemas.create(schema, "main")
        made.table(f"main.{schema}.a")
        made.table(f"main.{schema}.b")
    made.w.shares.create("sh", comment="for eu")
    made.w.recipients.create(
        "eu",
        AuthenticationType.DATABRICKS,
        data_recipient_global_metastore_id=target.metastore.global_id,
    )
    made.w.shares.update_permissions("sh", changes=[PermissionsChange(add=["SELECT"], principal="eu")])
    return made


# ---- the provider's side


def test_objects_have_the_defaults_of_the_rest_api(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales.a")
    (item,) = pair.w.shares.get("sh", include_shared_data=True).objects
    assert (item.name, item.shared_as, item.cdf_enabled) == ("main.sales.a", "sales.a", False)
    assert item.history_data_sharing_status is SharedDataObjectHistoryDataSharingStatus.DISABLED
    assert (item.status.value, item.added_by) == ("ACTIVE", "admin@us-east.emulator")
    assert not pair.w.shares.get("sh").objects


def test_objects_are_updated_and_removed(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales.a")
    enabled = SharedDataObjectHistoryDataSharingStatus.ENABLED
    pair.update(Action.UPDATE, "main.sales.a", shared_as="x.y", history_data_sharing_status=enabled)
    (item,) = pair.w.shares.get("sh", include_shared_data=True).objects
    assert (item.shared_as, item.history_data_sharing_status) == ("x.y", enabled)
    pair.update(Action.REMOVE, "main.sales.a")
    assert not pair.w.shares.get("sh", include_shared_data=True).objects


@pytest.mark.parametrize(
    ("action", "name", "fields", "error"),
    [
        (Action.ADD, "main.sales.a", {}, ResourceAlreadyExists),
        (Action.ADD, "main.sales.no", {}, NotFound),
        (Action.ADD, "main.no.a", {"kind": Kind.TABLE}, NotFound),
        (Action.ADD, "main.no", {"kind": Kind.SCHEMA}, NotFound),
        (Action.ADD, "main.sales", {"kind": Kind.TABLE}, InvalidParameterValue),
        (Action.ADD, "main.sales.b", {"shared_as": "sales.a"}, InvalidParameterValue),
        (Action.ADD, "main.sales.b", {"shared_as": "sa-les.b"}, InvalidParameterValue),
        (Action.ADD, "main.sales.b", {"kind": Kind.VIEW}, InvalidParameterValue),
        (Action.REMOVE, "main.sales.b", {}, ResourceDoesNotExist),
        (Action.UPDATE, "main.sales.b", {"cdf_enabled": True}, ResourceDoesNotExist),
        (Action.UPDATE, "main.sales.a", {"shared_as": ""}, InvalidParameterValue),
    ],
)
def test_updates_that_are_refused(
    pair: Pair, action: Action, name: str, fields: dict[str, Any], error: type[Exception]
) -> None:
    pair.update(Action.ADD, "main.sales.a")
    before = pair.w.shares.get("sh", include_shared_data=True).objects
    with pytest.raises(error):
        pair.update(action, name, **fields)
    assert pair.w.shares.get("sh", include_shared_data=True).objects == before


def test_at_most_100_objects_per_call_and_all_or_nothing(pair: Pair) -> None:
    for number in range(101):
        pair.table(f"main.ops.t{number}")
    adds = [
        SharedDataObjectUpdate(Action.ADD, SharedDataObject(f"main.ops.t{number}", data_object_type=Kind.TABLE))
        for number in range(101)
    ]
    with pytest.raises(InvalidParameterValue, match="exceeds limit 100"):
        pair.w.shares.update("sh", updates=adds)
    with pytest.raises(ResourceAlreadyExists):
        pair.w.shares.update("sh", updates=[*adds[:50], adds[0]])
    assert not pair.w.shares.get("sh", include_shared_data=True).objects
    pair.w.shares.update("sh", updates=adds[:100])
    assert len(pair.w.shares.get("sh", include_shared_data=True).objects) == 100


def test_a_schema_replaces_its_tables_and_covers_them(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales.a", shared_as="x.y")
    pair.update(Action.ADD, "main.ops.a")
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    names = [item.name for item in pair.w.shares.get("sh", include_shared_data=True).objects]
    assert names == ["main.ops.a", "main.sales"]
    with pytest.raises(ResourceAlreadyExists):
        pair.update(Action.ADD, "main.sales.b")


def test_two_schemas_of_one_name_do_not_fit_into_one_share(pair: Pair) -> None:
    pair.w.catalogs.create("other")
    pair.w.schemas.create("sales", "other")
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    with pytest.raises(InvalidParameterValue, match="already used"):
        pair.update(Action.ADD, "other.sales", Kind.SCHEMA)


def test_an_object_that_is_gone_is_no_longer_active(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales.a")
    pair.w.tables.delete("main.sales.a")
    pair.table("main.sales.a")
    (item,) = pair.w.shares.get("sh", include_shared_data=True).objects
    assert item.status.value == "PERMISSION_DENIED"


def test_the_share_owner_must_keep_select(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales.a")
    pair.w.shares.update("sh", owner="ann@x.com")
    assert pair.w.shares.get("sh", include_shared_data=True).objects[0].status.value == "PERMISSION_DENIED"
    change = Grants(principal="ann@x.com", add=[Privilege.SELECT])
    pair.w.grants.update("TABLE", "main.sales.a", changes=[change])
    assert pair.w.shares.get("sh", include_shared_data=True).objects[0].status.value == "ACTIVE"


def test_only_the_owner_changes_objects_but_an_admin_may_change_the_owner(pair: Pair) -> None:
    pair.w.shares.update("sh", owner="ann@x.com")
    with pytest.raises(PermissionDenied, match="not an owner"):
        pair.update(Action.ADD, "main.sales.a")
    pair.w.shares.update("sh", owner="admin@us-east.emulator")
    pair.update(Action.ADD, "main.sales.a")


def test_permissions_are_listed_from_both_ends(pair: Pair) -> None:
    (item,) = pair.w.shares.share_permissions("sh").privilege_assignments
    assert (item.principal, [word.value for word in item.privileges]) == ("eu", ["SELECT"])
    (share,) = pair.w.recipients.share_permissions("eu").permissions_out
    assert share.share_name == "sh"
    with pytest.raises(NotFound):
        pair.w.shares.update_permissions("sh", changes=[PermissionsChange(add=["SELECT"], principal="no")])


def test_shares_and_recipients_are_renamed(pair: Pair) -> None:
    pair.w.shares.update("sh", new_name="sh2", comment="")
    pair.w.recipients.update("eu", new_name="eu2")
    assert pair.w.shares.get("sh2").comment is None
    assert pair.w.shares.share_permissions("sh2").privilege_assignments[0].principal == "eu2"
    assert [item.name for item in pair.v.providers.list_shares("us-east")] == ["sh2"]


def test_one_recipient_per_metastore(pair: Pair) -> None:
    identifier = pair.target.metastore.global_id
    databricks = AuthenticationType.DATABRICKS
    with pytest.raises(BadRequest, match="same sharing identifier"):
        pair.w.recipients.create("eu2", databricks, data_recipient_global_metastore_id=identifier)
    with pytest.raises(InvalidParameterValue, match="sharing identifier"):
        pair.w.recipients.create("bad", databricks, data_recipient_global_metastore_id="aws:eu")
    found = pair.w.recipients.list(data_recipient_global_metastore_id=identifier)
    assert [(item.name, item.cloud, item.region) for item in found] == [("eu", "aws", "eu-west")]


# ---- the recipient's side


def test_a_provider_appears_by_itself(pair: Pair) -> None:
    (provider,) = pair.v.providers.list()
    assert provider.name == "us-east"
    assert provider.data_provider_global_metastore_id == pair.source.metastore.global_id
    assert [share.name for share in pair.v.providers.list_shares("us-east")] == ["sh"]
    pair.w.shares.update_permissions("sh", changes=[PermissionsChange(remove=["SELECT"], principal="eu")])
    assert list(pair.v.providers.list_shares("us-east")) == []


def test_a_shared_catalog_shows_the_share(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.update(Action.ADD, "main.ops.a", shared_as="renamed.orders")
    catalog = pair.mount()
    assert (catalog.catalog_type.value, catalog.provider_name, catalog.share_name) == (
        "DELTASHARING_CATALOG",
        "us-east",
        "sh",
    )
    assert [schema.name for schema in pair.v.schemas.list("shared")] == ["information_schema", "renamed", "sales"]
    assert [table.name for table in pair.v.tables.list("shared", "sales")] == ["a", "b"]
    table = pair.v.tables.get("shared.renamed.orders")
    assert (table.table_type.value, table.data_source_format.value) == ("MANAGED", "DELTASHARING")
    assert [column.name for column in table.columns] == ["id"]
    pair.table("main.sales.late")
    assert "late" in [table.name for table in pair.v.tables.list("shared", "sales")]
    with pytest.raises(NotFound):
        pair.v.tables.get("shared.renamed.a")


def test_a_schema_share_silently_leaves_out_what_cannot_be_shared(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.table("main.sales.filtered", row_filter={"function_name": "main.sales.f", "input_column_names": []})
    pair.table("main.sales.masked", columns=[{"name": "id", "mask": {"function_name": "main.sales.m"}}])
    pair.table("main.sales.shallow", table_type="MANAGED_SHALLOW_CLONE")
    pair.table("main.sales.__materialization_mat_x_1", _hidden=True)
    pair.mount()
    assert [table.name for table in pair.v.tables.list("shared", "sales")] == ["a", "b"]
    with pytest.raises(NotFound):
        pair.v.tables.get("shared.sales.masked")


def test_a_shared_catalog_is_read_only(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.mount()
    with pytest.raises(BadRequest, match="read-only"):
        pair.v.schemas.create("mine", "shared")
    with pytest.raises(BadRequest, match="read-only"):
        pair.v.tables.delete("shared.sales.a")
    change = Grants(principal="ann@x.com", add=[Privilege.MODIFY])
    with pytest.raises(InvalidParameterValue):
        pair.v.grants.update("SCHEMA", "shared.sales", changes=[change])
    pair.v.catalogs.update("shared", comment="ours", owner="team")
    pair.v.catalogs.delete("shared")


def test_grants_on_shared_objects_reach_other_principals(pair: Pair, sdk: Callable[..., Any]) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.mount()
    ann = sdk(pair.target, pair.target.token_for("ann@x.com"))
    for kind, name, word in (
        ("CATALOG", "shared", Privilege.USE_CATALOG),
        ("SCHEMA", "shared.sales", Privilege.USE_SCHEMA),
        ("TABLE", "shared.sales.a", Privilege.SELECT),
    ):
        pair.v.grants.update(kind, name, changes=[Grants(principal="ann@x.com", add=[word])])
    assert [table.name for table in ann.tables.list("shared", "sales")] == ["a"]


def test_a_share_that_was_revoked_is_not_an_empty_one(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.mount()
    pair.w.shares.update_permissions("sh", changes=[PermissionsChange(remove=["SELECT"], principal="eu")])
    with pytest.raises(NotFound) as caught:
        list(pair.v.schemas.list("shared"))
    assert caught.value.error_code == "SHARE_DOES_NOT_EXIST"
    assert pair.v.catalogs.get("shared").share_name == "sh"


def test_what_is_newly_shared_shows_after_a_delay(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.mount()
    pair.table("main.sales.before")
    pair.target.faults.add(Rule("visibility", metastore="eu-west", ms=3_600_000))
    assert [share.name for share in pair.v.providers.list_shares("us-east")] == []
    with pytest.raises(NotFound):
        list(pair.v.schemas.list("shared"))
    pair.target.faults.clear()
    pair.target.faults.add(Rule("visibility", metastore="us-east", ms=3_600_000))
    assert "before" in [table.name for table in pair.v.tables.list("shared", "sales")]


def test_tables_and_objects_show_after_the_delay_that_is_theirs(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.mount()
    store, ms = pair.source.store, "us-east"
    grant = store.get(ms, "share_grant", "sh", "eu") or {}
    store.put(ms, "share_grant", "sh", "eu", doc=grant | {"_at": 0})
    share = store.get(ms, "share", "sh") or {}
    share["objects"] = [item | {"added_at": 0} for item in share["objects"]]
    store.put(ms, "share", "sh", doc=share)
    table = store.get(ms, "table", "main", "sales", "a") or {}
    store.put(ms, "table", "main", "sales", "a", doc=table | {"created_at": 0})
    pair.target.faults.add(Rule("visibility", ms=3_600_000))
    pair.update(Action.ADD, "main.ops.a")
    assert [schema.name for schema in pair.v.schemas.list("shared")] == ["information_schema", "sales"]
    assert [table.name for table in pair.v.tables.list("shared", "sales")] == ["a"]
    pair.target.faults.clear()
    assert [table.name for table in pair.v.tables.list("shared", "sales")] == ["a", "b"]


def test_the_information_schema_of_a_shared_catalog_may_lag_behind(pair: Pair) -> None:
    def listed() -> list[str]:
        query = "SELECT table_name FROM shared.information_schema.tables WHERE table_schema = 'sales' ORDER BY 1"
        return [row["table_name"] for row in sql.execute(session, query).table.to_pylist()]

    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    pair.mount()
    session = pair.target.session()
    pair.target.faults.add(Rule("stale_information_schema", metastore="eu-west"))
    assert listed() == ["a", "b"]
    sql.execute(pair.source.session(), "CREATE TABLE main.sales.c (id INT)")
    sql.execute(pair.source.session(), "CREATE TABLE main.sales.d (id INT)")
    assert listed() == ["a", "b"]
    assert [table.name for table in pair.v.tables.list("shared", "sales")] == ["a", "b", "c", "d"]
    sql.execute(session, "DESCRIBE TABLE shared.sales.c")
    assert listed() == ["a", "b", "c"]
    pair.target.faults.clear()
    assert listed() == ["a", "b", "c", "d"]


def test_only_the_shared_partitions_are_read(pair: Pair) -> None:
    provider, recipient = pair.source.session(), pair.target.session()
    for statement in (
        "CREATE TABLE main.ops.p (id INT, region STRING) PARTITIONED BY (region)"
        " TBLPROPERTIES (delta.enableChangeDataFeed = true)",
        "INSERT INTO main.ops.p VALUES (1, 'eu'), (2, 'us'), (3, NULL)",
        "ALTER RECIPIENT eu SET PROPERTIES ('country' = 'us')",
    ):
        sql.execute(provider, statement)
    own = [sharing.PartitionValue(name="region", op=Op.EQUAL, recipient_property_key="country")]
    pair.update(
        Action.ADD,
        "main.ops.p",
        partitions=[sharing.Partition(values=own)],
        history_data_sharing_status=SharedDataObjectHistoryDataSharingStatus.ENABLED,
    )
    pair.mount()
    for query in (
        "SELECT id FROM shared.ops.p",
        "SELECT id FROM shared.ops.p VERSION AS OF 1",
        "SELECT id FROM table_changes('shared.ops.p', 1)",
    ):
        assert sql.execute(recipient, query).table.to_pylist() == [{"id": 2}], query
    assert sql.execute(provider, "SELECT count(*) AS n FROM main.ops.p").table.to_pylist() == [{"n": 3}]


def test_a_catalog_needs_an_existing_share(pair: Pair) -> None:
    with pytest.raises(NotFound):
        pair.v.catalogs.create("x", provider_name="us-east", share_name="no")
    with pytest.raises(NotFound):
        pair.v.catalogs.create("x", provider_name="no", share_name="sh")


def test_a_provider_can_be_renamed_and_deleted(pair: Pair) -> None:
    pair.mount()
    pair.v.providers.update("us-east", new_name="america", comment="across the sea")
    assert pair.v.providers.get("america").comment == "across the sea"
    assert pair.v.catalogs.get("shared").provider_name == "america"
    pair.v.providers.delete("america")
    assert list(pair.v.providers.list()) == []


def test_the_assets_of_a_share_are_listed_before_it_is_mounted(pair: Pair) -> None:
    pair.update(Action.ADD, "main.sales", Kind.SCHEMA)
    assets = pair.v.providers.list_provider_share_assets("us-east", "sh")
    assert [(table.schema, table.name) for table in assets.tables] == [("sales", "a"), ("sales", "b")]


def test_token_recipients_have_a_token_to_activate_and_rotate(pair: Pair) -> None:
    made = pair.w.recipients.create("partner", AuthenticationType.TOKEN)
    assert made.tokens[0].activation_url
    rotated = pair.w.recipients.rotate_token("partner", 60)
    assert rotated.tokens[0].id == made.tokens[0].id
    assert len(rotated.tokens) == 2
    with pytest.raises(InvalidParameterValue):
        pair.w.recipients.rotate_token("eu", 60)
