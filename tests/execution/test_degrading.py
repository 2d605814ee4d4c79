"""What apply does with the rest when one of many tables cannot be copied."""

from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.engine.state import Entry
from replicator.errors import ExitCode, PermissionDenied
from replicator.execution.events import Kind
from replicator.execution.results import ApplyResult, Became
from replicator.execution.store import open_state
from replicator.resources.base import Resource
from replicator.resources.catalog import Catalog
from replicator.resources.clone import Clone
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.schema import Schema
from replicator.resources.share import Share, SharedObject, without
from tests.execution.world import Bench, World, install, wanted

SHARE = "source:share/out"
TABLES = ("items", "orders")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    world = World()
    for table in TABLES:
        origin = f"source:table/main.sales.{table}"
        world.put(Address.parse(origin), {})
        world.advance(origin)
    install(world, monkeypatch)
    return Bench(world, tmp_path / "state")


def pipeline(*tables: str, backup: str = "bk.sales") -> list[Resource]:
    """Backup, share and replica of some tables."""
    return [
        Catalog(side=Side.SOURCE, name="bk"),
        Schema(side=Side.SOURCE, name=backup),
        *(
            Clone(
                side=Side.SOURCE,
                name=f"{backup}.{table}",
                source=f"main.sales.{table}",
                origin=f"source:table/main.sales.{table}",
            )
            for table in tables
        ),
        Recipient(side=Side.SOURCE, name="dr", metastore_id="aws:eu:1"),
        Share(side=Side.SOURCE, name="out", objects=tuple(SharedObject(name=f"{backup}.{t}") for t in tables)),
        Grants(side=Side.SOURCE, name="share/out", privileges={"dr": ("SELECT",)}),
        Catalog(side=Side.TARGET, name="shared", share_name="out", provider_id="aws:source:uuid-source"),
        Catalog(side=Side.TARGET, name="dr"),
        Schema(side=Side.TARGET, name="dr.sales"),
        *(
            Clone(
                side=Side.TARGET,
                name=f"dr.sales.{table}",
                source=f"shared.sales.{table}",
                origin=f"source:clone/{backup}.{table}",
            )
            for table in tables
        ),
    ]


def failing(bench: Bench, effect: str, resources: list[Resource]) -> ApplyResult:
    """Apply while one effect is refused."""

    def around(k: int, moment: str, what: str) -> None:
        if what == effect and moment == "before":
            raise PermissionDenied("no", status=403)

    bench.world.around = around
    result = bench.apply(wanted(*resources), workers=4)
    bench.world.around = lambda k, moment, what: None
    return result


def became(result: ApplyResult) -> dict[str, Became]:
    return {item.action.address: item.became for item in result.results}


def shared(bench: Bench) -> set[str]:
    return set(bench.world.objects[SHARE].fields["objects"])


def entry(bench: Bench) -> Entry:
    return open_state(bench.backend).state.resources[SHARE]


def warnings(bench: Bench) -> list[str]:
    return [str(event.data["message"]) for event in bench.events if event.kind is Kind.WARNING]


def test_one_failed_first_copy_leaves_the_others_their_share(bench: Bench) -> None:
    result = failing(bench, "create source:clone/bk.sales.items", pipeline(*TABLES))
    ends = became(result)
    assert [address for address, end in ends.items() if end is not Became.DONE] == [
        "source:clone/bk.sales.items",
        "target:clone/dr.sales.items",
    ]
    assert ends["target:clone/dr.sales.items"] is Became.SKIPPED
    assert result.exit_code == ExitCode.PARTIAL
    assert shared(bench) == {"TABLE:bk.sales.orders"}
    assert (entry(bench).partial, set(entry(bench).inputs["objects"])) == (True, {"TABLE:bk.sales.orders"})
    assert len(warnings(bench)) == 1
    assert "source:clone/bk.sales.items" in warnings(bench)[0]


def test_the_next_apply_adds_what_was_left_out(bench: Bench) -> None:
    failing(bench, "create source:clone/bk.sales.items", pipeline(*TABLES))
    planned = [action.address for action in bench.plan(wanted(*pipeline(*TABLES))).actions]
    assert planned == ["source:clone/bk.sales.items", SHARE, "target:clone/dr.sales.items"]
    assert bench.apply(wanted(*pipeline(*TABLES))).exit_code == ExitCode.OK
    assert shared(bench) == {"TABLE:bk.sales.items", "TABLE:bk.sales.orders"}
    assert not entry(bench).partial
    assert bench.plan(wanted(*pipeline(*TABLES))).actions == ()


def test_what_fails_behind_a_table_is_left_out_as_well(bench: Bench) -> None:
    more = [*pipeline("orders"), *pipeline("items", backup="bk.more")[1:3]]
    objects = (SharedObject(name="bk.sales.orders"), SharedObject(name="bk.more.items"))
    more = [Share(side=Side.SOURCE, name="out", objects=objects) if item.type == "share" else item for item in more]
    ends = became(failing(bench, "create source:schema/bk.more", more))
    assert ends["source:clone/bk.more.items"] is Became.SKIPPED
    assert ends[SHARE] is Became.DONE
    assert shared(bench) == {"TABLE:bk.sales.orders"}


def test_a_failed_sync_takes_nothing_out_of_a_share(bench: Bench) -> None:
    bench.apply(wanted(*pipeline("items")))
    bench.world.advance("source:table/main.sales.items")
    ends = became(failing(bench, "sync source:clone/bk.sales.items", pipeline(*TABLES)))
    assert ends["source:clone/bk.sales.items"] is Became.FAILED
    assert ends["target:clone/dr.sales.orders"] is Became.DONE
    assert shared(bench) == {"TABLE:bk.sales.items", "TABLE:bk.sales.orders"}
    assert not entry(bench).partial
    assert warnings(bench) == []


def test_a_table_that_is_held_back_is_left_out_like_one_that_failed(bench: Bench) -> None:
    bench.world.put(Address.parse("source:table/bk.sales.items"), {})
    result = bench.apply(wanted(*pipeline(*TABLES)), skip_blocked=True)
    assert became(result)["source:clone/bk.sales.items"] is Became.BLOCKED
    assert shared(bench) == {"TABLE:bk.sales.orders"}


@pytest.mark.parametrize(
    ("held", "kept", "missing"),
    [
        ({}, {"TABLE:c.s.b"}, 1),
        ({"objects": {"TABLE:c.s.a": {"history": "ENABLED"}}}, {"TABLE:c.s.a", "TABLE:c.s.b"}, 0),
    ],
    ids=["not in the share", "in the share"],
)
def test_only_what_is_not_in_the_share_is_left_out(held: dict[str, object], kept: set[str], missing: int) -> None:
    desired = {"comment": "x", "objects": {"TABLE:c.s.a": {"history": "ENABLED"}, "TABLE:c.s.b": {}}}
    fields, left_out = without(desired, held, frozenset({Address.parse("source:clone/c.s.a")}))
    assert set(fields["objects"]) == kept
    assert fields["comment"] == "x"
    assert len(left_out) == missing
