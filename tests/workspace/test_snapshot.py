"""The bulk snapshot: the same as looking at each object, and never sure of what it was not told."""

from collections.abc import Callable

import pytest

from replicator.address import Address, Side
from replicator.emulator.faults import Rule
from replicator.engine.snapshot import Scope
from replicator.errors import WorkspaceError
from replicator.resources import TYPES
from replicator.resources.base import MARK
from replicator.resources.rest import path
from replicator.workspace import WorkspaceWriter, read_snapshot

from .conftest import World

Run = Callable[[WorkspaceWriter, str], None]

SOURCE = """
CREATE CATALOG main COMMENT 'it''s ours';
CREATE SCHEMA main.sales COMMENT 'sold';
CREATE SCHEMA main.other;
CREATE TABLE main.sales.orders (id BIGINT NOT NULL COMMENT 'key', `Day` DATE, amount DECIMAL(12, 2))
  PARTITIONED BY (`Day`) COMMENT 'orders' TBLPROPERTIES ('team' = 'x', 'replicator.lineage' = 'abc');
CREATE TABLE main.sales.regions (region STRING, tags MAP<STRING, ARRAY<INT>>) CLUSTER BY (region);
CREATE VIEW main.sales.big AS SELECT * FROM main.sales.orders;
CREATE TABLE main.other.secret (id INT)
"""


def shared(world: World, run: Run) -> tuple[WorkspaceWriter, WorkspaceWriter]:
    """A source with objects of every type, and a target that has a catalog from its share."""
    source, target = world.open("us-east"), world.open("eu-west", Side.TARGET)
    run(source, SOURCE)
    recipient = {
        "name": "europe",
        "authentication_type": "DATABRICKS",
        "data_recipient_global_metastore_id": target.identity().global_id,
        "comment": "the copy",
    }
    source.send("POST", path("recipients"), recipient)
    source.send("POST", path("shares"), {"name": "sales", "comment": "for Europe"})
    whole = {"name": "main.other", "data_object_type": "SCHEMA"}
    one = {"name": "main.sales.orders", "data_object_type": "TABLE", "shared_as": "s.o"}
    updates = [{"action": "ADD", "data_object": item | extra} for item, extra in ((whole, {}), (one, HISTORY))]
    source.send("PATCH", path("shares", "sales"), {"updates": updates})
    select = {"changes": [{"principal": "europe", "add": ["SELECT"]}]}
    source.send("PATCH", path("shares", "sales", "permissions"), select)
    schema = {"changes": [{"principal": "account users", "add": ["USE_SCHEMA", "SELECT"]}]}
    source.send("PATCH", path("permissions", "schema", "main.sales"), schema)
    run(target, "CREATE CATALOG from_source USING SHARE `us-east`.sales")
    return source, target


HISTORY = {"history_data_sharing_status": "ENABLED"}
ALL_OF_SOURCE = Scope(
    catalogs={"main": None},
    shares=frozenset({"sales"}),
    recipients=True,
    providers=True,
    grants=frozenset({"schema/main.sales", "share/sales"}),
)


def test_bulk_and_single_reads_agree_on_every_object(world: World, run: Run) -> None:
    source, target = shared(world, run)
    from_source = Scope(catalogs={"from_source": None}, providers=True)
    for writer, scope in ((source, ALL_OF_SOURCE), (target, from_source)):
        snapshot = read_snapshot(writer, scope, workers=4)
        assert not snapshot.unknown
        for kind, listed in snapshot.objects.items():
            read = TYPES[kind].read
            assert read is not None
            for name, observed in listed.items():
                if not name.endswith(".information_schema"):
                    assert read(writer, Address(writer.side, kind, name)) == observed, f"{kind}/{name}"
    assert {"catalog", "schema", "table", "share", "recipient", "grants"} <= read_snapshot(
        source, ALL_OF_SOURCE, workers=4
    ).objects.keys()


def test_fields_are_canonical_and_the_mark_is_no_property(world: World, run: Run) -> None:
    source, _ = shared(world, run)
    snapshot = read_snapshot(source, ALL_OF_SOURCE, workers=4)
    orders = snapshot.objects["table"]["main.sales.orders"]
    assert orders.mark == "abc"
    assert orders.fields["properties"]["team"] == "x"
    assert MARK not in orders.fields["properties"]
    assert orders.fields["partitioned_by"] == ["day"]
    assert orders.fields["columns"]["id"] == {"type": "bigint", "nullable": False, "comment": "key"}
    assert orders.fields["columns"]["amount"]["type"] == "decimal(12,2)"
    regions = snapshot.objects["table"]["main.sales.regions"].fields
    assert regions["clustered_by"] == ["region"]
    assert regions["columns"]["tags"]["type"] == "map<string,array<int>>"
    assert snapshot.objects["share"]["sales"].fields["objects"] == {
        "SCHEMA:main.other": {},
        "TABLE:main.sales.orders": {"shared_as": "s.o", "history": "ENABLED"},
    }
    assert snapshot.objects["grants"]["share/sales"].fields["privileges"] == {"europe": {"SELECT": True}}


def test_a_shared_catalog_knows_its_metastore_although_nobody_asked_for_providers(world: World, run: Run) -> None:
    source, target = shared(world, run)
    snapshot = read_snapshot(target, Scope(catalogs={"from_source": None}), workers=4)
    fields = snapshot.objects["catalog"]["from_source"].fields
    assert fields["provider_id"] == source.identity().global_id
    assert fields["share_name"] == "sales"
    assert {"from_source.other.secret", "from_source.s.o"} <= snapshot.objects["table"].keys()


def test_a_share_that_was_withdrawn_leaves_its_catalog_unknown_and_not_empty(world: World, run: Run) -> None:
    source, target = shared(world, run)
    revoke = {"changes": [{"principal": "europe", "remove": ["SELECT"]}]}
    source.send("PATCH", path("shares", "sales", "permissions"), revoke)
    snapshot = read_snapshot(target, Scope(catalogs={"from_source": None}), workers=4)
    assert "from_source" in snapshot.objects["catalog"]
    assert snapshot.unknown_reason(Address(Side.TARGET, "schema", "from_source.s"))
    assert snapshot.unknown_reason(Address(Side.TARGET, "table", "from_source.s.o"))


def test_only_what_the_scope_names_is_listed(world: World, run: Run) -> None:
    source = world.open()
    run(source, SOURCE)
    source.identity()
    since = world.position()
    snapshot = read_snapshot(source, Scope(catalogs={"main": frozenset({"sales"})}), workers=4)
    asked = [entry["path"] for entry in world.requests(since)]
    assert len(asked) == 3, asked  # the catalog, its schemas, the tables of one of them
    assert {name.split(".")[1] for name in snapshot.objects["table"]} == {"sales"}
    assert {"main.sales", "main.other"} <= snapshot.objects["schema"].keys()
    assert snapshot.stats.calls >= 3
    assert snapshot.stats.bytes > 0


def test_absent_is_what_the_workspace_says_does_not_exist(world: World) -> None:
    snapshot = read_snapshot(
        world.open(),
        Scope(catalogs={"nothing": None}, shares=frozenset({"none"}), grants=frozenset({"schema/nothing.x"})),
        workers=4,
    )
    assert snapshot.unknown == {}
    assert all(not listed for listed in snapshot.objects.values())


def test_what_may_not_be_seen_is_unknown_with_all_that_is_in_it(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world.open(), SOURCE)
    bob = world.open_as("bob@example.com", monkeypatch)
    scope = Scope(catalogs={"main": None}, grants=frozenset({"schema/main.sales"}))
    snapshot = read_snapshot(bob, scope, workers=4)
    for kind, name in (("catalog", "main"), ("schema", "main.sales"), ("table", "main.sales.orders")):
        assert snapshot.unknown_reason(Address(Side.SOURCE, kind, name)), f"{kind}/{name}"


def _bob_who_may_use_the_catalog_alone(world: World, run: Run, monkeypatch: pytest.MonkeyPatch) -> WorkspaceWriter:
    admin = world.open()
    run(admin, SOURCE)
    use = {"changes": [{"principal": "bob@example.com", "add": ["USE_CATALOG"]}]}
    admin.send("PATCH", path("permissions", "catalog", "main"), use)
    return world.open_as("bob@example.com", monkeypatch)


def test_a_schema_that_a_listing_hides_is_unknown_and_not_absent(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = _bob_who_may_use_the_catalog_alone(world, run, monkeypatch)
    snapshot = read_snapshot(bob, Scope(catalogs={"main": frozenset({"sales", "nothing"})}), workers=4)
    assert "main.sales" not in snapshot.objects["schema"]
    assert snapshot.unknown_reason(Address(Side.SOURCE, "schema", "main.sales"))
    assert snapshot.unknown_reason(Address(Side.SOURCE, "table", "main.sales.orders"))
    assert snapshot.unknown_reason(Address(Side.SOURCE, "schema", "main.nothing")) is None


@pytest.mark.parametrize("names", [{"schema/main.sales", "table/main.sales.orders"}, {"table/main.sales.orders"}])
def test_what_is_in_a_hidden_schema_of_a_whole_catalog_is_unknown_and_not_absent(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, names: set[str]
) -> None:
    """All schemas are meant, so that none is wanted by name; only what state knows tells which are missing."""
    bob = _bob_who_may_use_the_catalog_alone(world, run, monkeypatch)
    named = frozenset({*names, "table/main.nothing.orders"})
    snapshot = read_snapshot(bob, Scope(catalogs={"main": None}, names=named), workers=4)
    assert "main.sales" not in snapshot.objects["schema"]
    assert snapshot.unknown_reason(Address(Side.SOURCE, "schema", "main.sales"))
    assert snapshot.unknown_reason(Address(Side.SOURCE, "table", "main.sales.orders"))
    assert snapshot.unknown_reason(Address(Side.SOURCE, "table", "main.nothing.orders")) is None


def test_a_part_that_fails_is_unknown_and_the_rest_is_read(world: World, run: Run) -> None:
    source = world.open()
    run(source, SOURCE)
    world.endpoint().faults.add(Rule("status", method="GET", path="tables.*schema_name=sales", status=500, times=None))
    snapshot = read_snapshot(source, Scope(catalogs={"main": None}), workers=4)
    assert snapshot.unknown_reason(Address(Side.SOURCE, "table", "main.sales.orders"))
    assert "main.other.secret" in snapshot.objects["table"]


def test_credentials_that_expire_half_way_end_the_reading(world: World, run: Run) -> None:
    source = world.open()
    run(source, SOURCE)
    expired = Rule("status", method="GET", path="/tables", status=401, error_code="UNAUTHENTICATED", times=None)
    world.endpoint().faults.add(expired)
    with pytest.raises(WorkspaceError) as raised:
        read_snapshot(source, Scope(catalogs={"main": None}), workers=4)
    assert raised.value.status == 401


@pytest.mark.parametrize("form", ["dpm", "legacy", "legacy_prefixed", "legacy_short"])
def test_the_backing_table_is_found_in_each_form(world: World, run: Run, form: str) -> None:
    source = world.open()
    run(source, SOURCE)
    run(
        source,
        f"CREATE STREAMING TABLE main.sales.stream TBLPROPERTIES ('emulator.backing' = '{form}') "
        "AS SELECT * FROM STREAM(main.other.secret)",
    )
    tables = read_snapshot(source, Scope(catalogs={"main": frozenset({"sales"})}), workers=4).objects["table"]
    backing = tables["main.sales.stream"].info["backing_table"]
    assert backing.startswith("main.sales." if form == "dpm" else "__databricks_internal.")
    assert tables[backing].info["table_type"] == "MANAGED"
    assert tables[backing].id


def test_a_backing_table_that_may_not_be_looked_at_is_unknown(world: World, run: Run) -> None:
    source = world.open()
    run(source, SOURCE)
    run(
        source,
        "CREATE STREAMING TABLE main.sales.stream TBLPROPERTIES ('emulator.backing' = 'legacy') "
        "AS SELECT * FROM STREAM(main.other.secret)",
    )
    denied = Rule("status", path="tables/__databricks", status=403, error_code="PERMISSION_DENIED", times=None)
    world.endpoint().faults.add(denied)
    found = read_snapshot(source, Scope(catalogs={"main": frozenset({"sales"})}), workers=4)
    info = found.objects["table"]["main.sales.stream"].info
    assert "backing_table" not in info
    assert "Injected fault" in info["backing_unknown"]


NAMED = frozenset({"table/main.sales.orders", "table/main.sales.nothing", "recipient/europe", "recipient/nobody"})


def test_what_a_listing_leaves_out_is_asked_for_by_name(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, _ = shared(world, run)
    bob = world.open_as("bob@example.com", monkeypatch)
    for kind, name, privilege in (("catalog", "main", "USE_CATALOG"), ("schema", "main.sales", "USE_SCHEMA")):
        changes = {"changes": [{"principal": "bob@example.com", "add": [privilege]}]}
        admin.send("PATCH", path("permissions", kind, name), changes)
        changes = {"changes": [{"principal": "account users", "remove": ["SELECT"]}]}
        admin.send("PATCH", path("permissions", kind, name), changes)
    scope = Scope(catalogs={"main": frozenset({"sales"})}, recipients=True, names=NAMED)
    snapshot = read_snapshot(bob, scope, workers=4)
    for kind, name in (("table", "main.sales.orders"), ("recipient", "europe")):
        assert name not in snapshot.objects.get(kind, {})
        assert snapshot.unknown_reason(Address(Side.SOURCE, kind, name)), f"{kind}/{name}"
    assert snapshot.unknown_reason(Address(Side.SOURCE, "table", "main.sales.nothing")) is None


def test_only_names_that_no_listing_showed_cost_a_call(world: World, run: Run) -> None:
    source, _ = shared(world, run)
    scope = Scope(catalogs={"main": frozenset({"sales"})}, recipients=True, names=NAMED)
    since = world.position()
    snapshot = read_snapshot(source, scope, workers=4)
    assert snapshot.unknown == {}
    asked = [entry["path"] for entry in world.requests(since, method="GET")]
    assert len([path for path in asked if path.endswith(("nothing", "nobody"))]) == 2
    assert not any(path.endswith(("orders", "europe")) for path in asked)


def test_nothing_is_asked_by_name_in_a_catalog_that_is_not_there(world: World) -> None:
    source = world.open()
    source.identity()
    since = world.position()
    names = frozenset({"table/none.s.t", "table/none.s.u", "schema/none.s"})
    read_snapshot(source, Scope(catalogs={"none": frozenset({"s"})}, names=names), workers=4)
    assert len(world.requests(since)) == 1
