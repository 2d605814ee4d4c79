"""A rename keeps the object, and state follows with all that goes along: also through lost answers and crashes."""

from dataclasses import replace
from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.engine.desired import Desired
from replicator.errors import ExitCode
from replicator.execution.store import open_state
from replicator.resources.base import Resource
from replicator.resources.catalog import Catalog
from replicator.resources.check import Check
from replicator.resources.clone import Clone
from replicator.resources.schema import Schema
from tests.execution.world import Bench, Crash, World, install, lost, wanted

ORIGIN = "source:table/main.sales.orders"
OLD, NEW = Address.parse("target:schema/dr.sales"), Address.parse("target:schema/dr.sold")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    world = World()
    world.put(Address.parse(ORIGIN), {"comment": "orders"})
    world.advance(ORIGIN)
    install(world, monkeypatch)
    bench = Bench(world, tmp_path / "state")
    assert bench.apply(wanted(*replica("dr.sales"))).exit_code == ExitCode.OK
    return bench


def replica(schema: str, comment: str = "a") -> list[Resource]:
    copy = f"{schema}.orders"
    return [
        Catalog(side=Side.TARGET, name="dr"),
        Schema(side=Side.TARGET, name=schema, comment=comment),
        Clone(side=Side.TARGET, name=copy, source="shared.sales.orders", origin=ORIGIN),
        Check(side=Side.TARGET, name=copy, copy_of=f"target:clone/{copy}", origin=ORIGIN),
    ]


def renamed(comment: str = "a") -> Desired:
    return wanted(*replica("dr.sold", comment), moved={OLD: NEW})


def settled(bench: Bench, identity: str | None, desired: Desired) -> None:
    """The object is the one it was, state knows everything by its new name, and nothing is left to do."""
    assert bench.world.objects["target:schema/dr.sold"].id == identity
    resources = open_state(bench.backend).state.resources
    assert resources["target:schema/dr.sold"].id == identity
    assert sorted(resources) == [
        "target:catalog/dr",
        "target:check/dr.sold.orders",
        "target:clone/dr.sold.orders",
        "target:schema/dr.sold",
    ]
    assert resources["target:clone/dr.sold.orders"].depends_on == ["target:schema/dr.sold"]
    assert bench.plan(desired).actions == ()


@pytest.mark.parametrize("moment", ["never", "before", "after"])
def test_a_rename_keeps_the_object_and_moves_all_entries(bench: Bench, moment: str) -> None:
    identity = bench.world.objects["target:schema/dr.sales"].id
    began = len(bench.world.effects)
    lost(bench.world, began, moment)
    assert bench.apply(renamed()).exit_code == ExitCode.OK
    assert set(bench.world.effects[began:]) == {"rename target:schema/dr.sold"}
    settled(bench, identity, renamed())


def test_what_else_changes_follows_the_new_name(bench: Bench) -> None:
    identity = bench.world.objects["target:schema/dr.sales"].id
    began = len(bench.world.effects)
    assert bench.apply(renamed("b")).exit_code == ExitCode.OK
    assert bench.world.effects[began:] == ["rename target:schema/dr.sold", "update[comment] target:schema/dr.sold"]
    settled(bench, identity, renamed("b"))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_crash_around_a_rename_is_recovered(bench: Bench, at: int, moment: str) -> None:
    identity = bench.world.objects["target:schema/dr.sales"].id
    began = len(bench.world.effects)

    def around(k: int, when: str, what: str) -> None:
        if (k, when) == (began + at, moment):
            raise Crash

    bench.world.around = around
    with pytest.raises(Crash):
        bench.apply(renamed("b"))
    bench.world.around = lambda k, when, what: None
    assert bench.apply(renamed("b")).exit_code == ExitCode.OK
    settled(bench, identity, renamed("b"))


def test_what_somebody_renamed_already_is_only_known_by_its_new_name(bench: Bench) -> None:
    before = bench.world.objects.pop("target:schema/dr.sales")
    bench.world.objects["target:schema/dr.sold"] = replace(before, name="dr.sold")
    table = bench.world.objects.pop("target:table/dr.sales.orders")
    bench.world.objects["target:table/dr.sold.orders"] = replace(table, name="dr.sold.orders")
    began = len(bench.world.effects)
    assert bench.apply(renamed()).exit_code == ExitCode.OK
    assert bench.world.effects[began:] == []
    settled(bench, before.id, renamed())
