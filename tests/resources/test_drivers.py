"""Every driver on a real wire: created as wanted, changed in place, nothing of others touched, gone when deleted."""

import pytest

from replicator.address import Side
from replicator.errors import AlreadyExists, WorkspaceError
from replicator.resources import TYPES
from replicator.resources.base import MARK, Resource
from replicator.resources.catalog import Catalog
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.rest import path
from replicator.resources.schema import Schema
from replicator.resources.share import OBJECTS_PER_CALL, Share, SharedObject
from replicator.resources.table import Column, Table
from replicator.resources.tags import Tags
from replicator.resources.view import View

from .conftest import LINEAGE, Bench, at

S = Side.SOURCE
BEGIN = "CREATE CATALOG c; CREATE SCHEMA c.s"


def steps() -> dict[str, list[Resource]]:
    """Per type, states that follow one another; each is reached from the one before."""
    ids = ("aws:eu-west:00000000-0000-4000-8000-000000000001", "me@example.com")
    nasty = 'it\'s "quoted", `ticked`, $ {not} \\ a\nline; DROP TABLE x -- ünï'
    return {
        "catalog": [
            Catalog(side=S, name="made", comment=nasty, properties={"a": "1", "b": "2"}),
            Catalog(side=S, name="made", comment="other", properties={"a": "3"}),
            Catalog(side=S, name="made", predictive_optimization="enable"),
            Catalog(side=S, name="made", comment=None, owner=ids[1]),
        ],
        "schema": [
            Schema(side=S, name="c.made", comment=nasty, properties={"a": nasty}, predictive_optimization="disable"),
            Schema(side=S, name="c.made", comment="", properties={}, predictive_optimization="inherit"),
            Schema(side=S, name="c.made", owner=ids[1]),
        ],
        "table": [
            Table(
                side=S,
                name="c.s.made",
                columns=(
                    Column(name="Id", type="BIGINT", nullable=False, comment=nasty),
                    Column(name="d", type="date"),
                ),
                comment=nasty,
                properties={"a": nasty, "b": "2"},
                partitioned_by=("D",),
            ),
            Table(
                side=S,
                name="c.s.made",
                columns=(
                    Column(name="id", type="bigint", nullable=True, comment="key"),
                    Column(name="d", type="date"),
                    Column(name="type", type="struct<a:int,b:array<string>>", comment="added"),
                ),
                comment="other",
                properties={"a": "1"},
                partitioned_by=("d",),
            ),
            Table(side=S, name="c.s.made", comment=None, owner=ids[1]),
        ],
        "view": [
            View(side=S, name="c.s.made", definition="SELECT id FROM c.s.t", comment=nasty, properties={"a": nasty}),
            View(side=S, name="c.s.made", definition="SELECT id, 'it''s' AS x\nFROM c.s.t ;\n", properties={}),
            View(side=S, name="c.s.made", definition="SELECT 1 AS one", comment=None),
            View(side=S, name="c.s.made", definition="SELECT 1 AS one", owner=ids[1]),
        ],
        "tags": [
            Tags(side=S, name="column/c.s.t.id", tags={"pii": "yes", "team": ""}),
            Tags(side=S, name="column/c.s.t.id", tags={"pii": nasty[:90], "other": "x"}),
            Tags(side=S, name="column/c.s.t.id", tags={"pii": None, "team": ""}),
            Tags(side=S, name="column/c.s.t.id", tags={"k": "v"}, mode="authoritative"),
        ],
        "share": [
            Share(side=S, name="made", comment=nasty, objects=(SharedObject(name="c.s", type="SCHEMA"),)),
            Share(side=S, name="made", comment="other", objects=(SharedObject(name="c.s.t", shared_as="x.y"),)),
            Share(side=S, name="made", comment="", objects=(SharedObject(name="c.s.t", shared_as="x.z"),)),
            Share(side=S, name="made", owner=ids[1]),
        ],
        "recipient": [
            Recipient(side=S, name="made", metastore_id=ids[0], comment=nasty),
            Recipient(side=S, name="made", metastore_id=ids[0], comment=None),
            Recipient(side=S, name="made", owner=ids[1]),
        ],
        "grants": [
            Grants(side=S, name="schema/c.s", privileges={"me@example.com": ("USE SCHEMA", "SELECT")}),
            Grants(side=S, name="schema/c.s", privileges={"me@example.com": ("SELECT", "MODIFY"), "admins": ("ALL",)}),
            Grants(side=S, name="schema/c.s", privileges={"admins": ("SELECT",)}, mode="authoritative"),
        ],
    }


def prepare(bench: Bench) -> None:
    bench.run(f"{BEGIN}; CREATE TABLE c.s.t (id INT)")
    user, group = "/api/2.0/preview/scim/v2/Users", "/api/2.0/preview/scim/v2/Groups"
    bench.writer().send("POST", user, {"userName": "me@example.com"})
    bench.writer().send("POST", group, {"displayName": "admins"})


@pytest.mark.parametrize("kind", steps())
def test_a_resource_reaches_each_state_and_then_needs_no_write(bench: Bench, kind: str) -> None:
    prepare(bench)
    for resource in steps()[kind]:
        bench.settle(resource)
        assert bench.writes(lambda resource=resource: bench.settle(resource)) == []


@pytest.mark.parametrize("kind", steps())
def test_a_resource_that_is_deleted_is_gone(bench: Bench, kind: str) -> None:
    prepare(bench)
    first = steps()[kind][0]
    bench.settle(first)
    bench.delete(first.address)
    assert bench.read(first.address) is None


@pytest.mark.parametrize("kind", sorted(steps().keys() - {"grants", "tags"}))
def test_a_name_that_is_taken_is_said_to_be(bench: Bench, kind: str) -> None:
    prepare(bench)
    first = steps()[kind][0]
    bench.settle(first)
    bench.applied.clear()
    create = TYPES[kind].create
    assert create is not None
    from replicator.resources.base import Task

    with pytest.raises(AlreadyExists):
        create(bench.writer(), Task(first.address, TYPES[kind].declared(first), LINEAGE))


@pytest.mark.parametrize("kind", ["catalog", "schema", "table"])
def test_what_is_created_carries_the_mark_and_keeps_it(bench: Bench, kind: str) -> None:
    prepare(bench)
    for resource in steps()[kind][:2]:
        bench.settle(resource)
        found = bench.there(resource.address)
        assert found.mark == LINEAGE
        assert MARK not in found.fields["properties"]


def test_properties_of_others_stay(bench: Bench) -> None:
    bench.run(BEGIN)
    bench.settle(Catalog(side=S, name="made", properties={"ours": "1", "also": "2"}))
    theirs = {"properties": {"ours": "1", "also": "2", "theirs": "3", MARK: LINEAGE}}
    bench.writer().send("PATCH", path("catalogs", "made"), theirs)
    bench.settle(Catalog(side=S, name="made", properties={"ours": "9"}))
    found = bench.there(at("source:catalog/made"))
    assert found.fields["properties"] == {"ours": "9", "theirs": "3"}
    assert found.mark == LINEAGE


def test_objects_that_others_put_into_a_share_stay(bench: Bench) -> None:
    bench.run(f"{BEGIN}; CREATE TABLE c.s.a (id INT); CREATE TABLE c.s.b (id INT)")
    bench.settle(Share(side=S, name="made", objects=(SharedObject(name="c.s.a"),)))
    theirs = {"action": "ADD", "data_object": {"name": "c.s.b", "data_object_type": "TABLE"}}
    bench.writer().send("PATCH", path("shares", "made"), {"updates": [theirs]})
    bench.settle(Share(side=S, name="made", objects=()))
    assert bench.there(at("source:share/made")).fields["objects"].keys() == {"TABLE:c.s.b"}


def test_history_is_shared_and_repaired_when_somebody_withdraws_it(bench: Bench) -> None:
    bench.run(f"{BEGIN}; CREATE TABLE c.s.a (id INT)")
    wanted = Share(side=S, name="made", objects=(SharedObject(name="c.s.a"),))
    bench.settle(wanted)
    off = {"name": "c.s.a", "data_object_type": "TABLE", "history_data_sharing_status": "DISABLED"}
    bench.writer().send("PATCH", path("shares", "made"), {"updates": [{"action": "UPDATE", "data_object": off}]})
    bench.settle(wanted)
    objects = bench.there(wanted.address).fields["objects"]
    assert objects["TABLE:c.s.a"]["history"] == "ENABLED"


def test_views_in_a_share_settle_although_they_have_no_history(bench: Bench) -> None:
    bench.run(f"{BEGIN}; CREATE TABLE c.s.a (id INT); CREATE VIEW c.s.v AS SELECT * FROM c.s.a")
    wanted = Share(side=S, name="made", objects=(SharedObject(name="c.s.v", type="VIEW", shared_as="s.seen"),))
    bench.settle(wanted)
    assert bench.writes(lambda: bench.settle(wanted)) == []


def test_many_objects_take_a_request_for_each_hundred(bench: Bench) -> None:
    names = [f"t{number:03}" for number in range(OBJECTS_PER_CALL + 5)]
    bench.run(";".join([BEGIN, *(f"CREATE TABLE c.s.{name} (id INT)" for name in names)]))
    wanted = Share(side=S, name="made", objects=tuple(SharedObject(name=f"c.s.{name}") for name in names))
    writes = bench.writes(lambda: bench.settle(wanted))
    assert [write.partition(" ")[0] for write in writes] == ["POST", "PATCH", "PATCH"]


def test_additive_grants_leave_those_of_others_alone(bench: Bench) -> None:
    prepare(bench)
    theirs = {"changes": [{"principal": "admins", "add": ["MODIFY"]}]}
    bench.writer().send("PATCH", path("permissions", "schema", "c.s"), theirs)
    mine = Grants(side=S, name="schema/c.s", privileges={"me@example.com": ("SELECT",)})
    bench.settle(mine)
    bench.delete(mine.address)
    assert bench.there(mine.address).fields["privileges"] == {"admins": {"MODIFY": True}}


def test_only_the_privileges_that_differ_are_sent(bench: Bench) -> None:
    prepare(bench)
    bench.settle(Grants(side=S, name="schema/c.s", privileges={"me@example.com": ("SELECT",), "admins": ("MODIFY",)}))
    both = Grants(side=S, name="schema/c.s", privileges={"me@example.com": ("SELECT", "MODIFY"), "admins": ("MODIFY",)})
    assert len(bench.writes(lambda: bench.settle(both))) == 1


@pytest.mark.parametrize("where", ["default", "kept"])
def test_a_catalog_that_still_holds_data_is_not_dropped(bench: Bench, where: str) -> None:
    bench.settle(Catalog(side=S, name="made"))
    bench.run(f"CREATE SCHEMA IF NOT EXISTS made.{where}; CREATE TABLE made.{where}.precious (id INT)")
    with pytest.raises(WorkspaceError):
        bench.delete(at("source:catalog/made"))
    assert bench.read(at(f"source:table/made.{where}.precious")) is not None


def test_a_schema_that_still_holds_data_is_not_dropped(bench: Bench) -> None:
    bench.run("CREATE CATALOG c")
    bench.settle(Schema(side=S, name="c.made"))
    bench.run("CREATE TABLE c.made.precious (id INT)")
    with pytest.raises(WorkspaceError):
        bench.delete(at("source:schema/c.made"))
    assert bench.read(at("source:table/c.made.precious")) is not None


def test_a_column_that_was_added_before_the_answer_was_lost_is_added_once(bench: Bench) -> None:
    bench.run(BEGIN)
    first = Table(side=S, name="c.s.made", columns=(Column(name="id", type="int"),))
    bench.settle(first)
    before = bench.there(first.address)
    bench.run("ALTER TABLE c.s.made ADD COLUMNS (more INT)")
    more = Table(side=S, name="c.s.made", columns=(*(first.columns or ()), Column(name="more", type="int")))
    from replicator.resources.base import Task

    rtype = TYPES["table"]
    assert rtype.update is not None
    again = Task(more.address, rtype.declared(more), LINEAGE, before, frozenset({"columns"}), rtype.declared(first))
    rtype.update(bench.writer(), again)
    assert bench.there(more.address).fields["columns"].keys() == {"id", "more"}
