"""Apply, over types that act on dictionaries: order, preconditions, failures, owners, imports, and what state holds."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from replicator.address import Address, Side
from replicator.engine.actions import Do
from replicator.engine.policy import Policy
from replicator.errors import BlockedError, ExitCode, PermissionDenied, StaleError, Unavailable, WorkspaceError
from replicator.execution.events import Kind
from replicator.execution.job import Verdict
from replicator.execution.results import Became
from replicator.execution.store import open_state
from replicator.resources.base import Lifecycle, Resource
from replicator.resources.catalog import Catalog
from replicator.resources.check import Check
from replicator.resources.clone import Clone
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.schema import Schema
from replicator.resources.share import Share, SharedObject
from tests.execution.world import Bench, World, install, lost, wanted

ORIGIN = "source:table/main.sales.orders"
BACKUP = "source:clone/bk.sales.orders"
COPY = "target:clone/dr.sales.orders"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    world = World()
    world.put(Address.parse(ORIGIN), {"comment": "orders"})
    world.advance(ORIGIN)
    install(world, monkeypatch)
    return Bench(world, tmp_path / "state")


def schema(name: str = "dr.sales", **fields: object) -> Schema:
    return Schema.model_validate({"side": "target", "name": name, **fields})


def pipeline(**copy: object) -> list[Resource]:
    """Backup, share, replica, check."""
    return [
        Catalog(side=Side.SOURCE, name="bk"),
        Schema(side=Side.SOURCE, name="bk.sales"),
        Clone(side=Side.SOURCE, name="bk.sales.orders", source="main.sales.orders", origin=ORIGIN),
        Recipient(side=Side.SOURCE, name="dr", metastore_id="aws:eu:1"),
        Share(side=Side.SOURCE, name="out", objects=(SharedObject(name="bk.sales.orders"),)),
        Grants(side=Side.SOURCE, name="share/out", privileges={"dr": ("SELECT",)}),
        Catalog(side=Side.TARGET, name="dr"),
        schema(),
        Clone.model_validate(
            {"side": "target", "name": "dr.sales.orders", "source": "shared.sales.orders", "origin": BACKUP, **copy}
        ),
        Check(side=Side.TARGET, name="dr.sales.orders", copy_of=COPY, origin=BACKUP),
    ]


def effects_of(bench: Bench, *resources: Resource, **options: object) -> list[str]:
    before = len(bench.world.effects)
    result = bench.apply(wanted(*resources), **options)
    assert result.exit_code == ExitCode.OK, [(r.action.address, r.error) for r in result.results]
    return bench.world.effects[before:]


def test_everything_is_done_in_order_once_and_nothing_is_left_to_do(bench: Bench) -> None:
    effects = effects_of(bench, *pipeline(), workers=4)
    assert set(effects) == {f"create {item.address}" for item in pipeline() if item.type != "check"}
    assert effects.index(f"create {BACKUP}") < effects.index("create source:share/out")
    assert effects.index("create target:schema/dr.sales") < effects.index(f"create {COPY}")
    assert effects_of(bench, *pipeline()) == []
    assert bench.plan(wanted(*pipeline())).actions == ()


def test_a_second_apply_leaves_every_file_as_it_was(bench: Bench) -> None:
    effects_of(bench, *pipeline())
    before = {path: path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()}
    effects_of(bench, *pipeline())
    assert {path: path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()} == before


def test_state_holds_what_was_applied(bench: Bench) -> None:
    effects_of(bench, *pipeline())
    state = open_state(bench.backend).state
    share = state.resources["source:share/out"]
    assert share.inputs == {"objects": {"TABLE:bk.sales.orders": {"history": "ENABLED"}}}
    assert share.watched == {"objects": [["TABLE:bk.sales.orders"]]}
    assert share.depends_on == [BACKUP]
    assert state.resources["source:grants/share/out"].watched == {"privileges": [["dr", "SELECT"]]}
    assert state.resources["source:schema/bk.sales"].id == bench.world.objects["source:schema/bk.sales"].id
    assert state.metastores == {"source": "uuid-source", "target": "uuid-target"}
    assert state.last_apply["result"] == "complete"


def test_a_failure_blocks_what_waits_for_it_and_nothing_else(bench: Bench) -> None:
    def around(k: int, moment: str, what: str) -> None:
        if what == "create source:recipient/dr" and moment == "before":
            raise PermissionDenied("no", code="PERMISSION_DENIED", status=403)

    bench.world.around = around
    result = bench.apply(wanted(*pipeline()))
    became = {item.action.address: item.became for item in result.results}
    assert became["source:recipient/dr"] is Became.FAILED
    assert became["source:grants/share/out"] is Became.SKIPPED
    assert became[COPY] is Became.DONE
    assert result.exit_code == ExitCode.PARTIAL
    skipped = next(item for item in result.results if item.became is Became.SKIPPED)
    assert skipped.because_of == "source:recipient/dr"
    bench.world.around = lambda k, moment, what: None
    assert effects_of(bench, *pipeline()) == ["create source:recipient/dr", "create source:grants/share/out"]


def test_one_tables_failed_copy_does_not_stop_the_others_of_an_unchanged_share(bench: Bench) -> None:
    other = "source:table/main.sales.items"
    bench.world.put(Address.parse(other), {})
    bench.world.advance(other)
    shared = Catalog(side=Side.TARGET, name="shared", share_name="out", provider_id="aws:source:uuid-source")
    both = (SharedObject(name="bk.sales.orders"), SharedObject(name="bk.sales.items"))
    resources = [
        *(item for item in pipeline() if item.type != "share"),
        Share(side=Side.SOURCE, name="out", objects=both),
        shared,
        Clone(side=Side.SOURCE, name="bk.sales.items", source="main.sales.items", origin=other),
        Clone(
            side=Side.TARGET, name="dr.sales.items", source="shared.sales.items", origin="source:clone/bk.sales.items"
        ),
    ]
    effects_of(bench, *resources)
    bench.world.advance(ORIGIN)
    bench.world.advance(other)

    def around(k: int, moment: str, what: str) -> None:
        if what == f"sync {BACKUP}" and moment == "before":
            raise PermissionDenied("no", status=403)

    bench.world.around = around
    became = {item.action.address: item.became for item in bench.apply(wanted(*resources)).results}
    assert became[BACKUP] is Became.FAILED
    assert became[COPY] is Became.SKIPPED
    assert became["target:clone/dr.sales.items"] is Became.DONE


def test_only_what_may_succeed_later_is_tried_again(bench: Bench) -> None:
    answers = [WorkspaceError("slow down", status=429), WorkspaceError("slow down", status=429)]

    def around(k: int, moment: str, what: str) -> None:
        if answers and moment == "before":
            raise answers.pop()

    bench.world.around = around
    result = bench.apply(wanted(Catalog(side=Side.TARGET, name="dr")))
    assert result.exit_code == ExitCode.OK
    assert result.results[0].attempts == 3
    assert [event.kind for event in bench.events].count(Kind.ACTION_RETRY) == 2
    answers.append(PermissionDenied("no", status=403))
    result = bench.apply(wanted(Catalog(side=Side.TARGET, name="dr", comment="x")))
    assert result.results[0].attempts == 1
    assert result.exit_code == ExitCode.ERROR


def test_an_object_that_changed_since_it_was_planned_is_not_touched_and_others_go_on(bench: Bench) -> None:
    effects_of(bench, Catalog(side=Side.TARGET, name="dr"), schema(comment="a"), schema("dr.other", comment="a"))
    desired = wanted(Catalog(side=Side.TARGET, name="dr"), schema(comment="b"), schema("dr.other", comment="b"))
    plan = bench.plan(desired)
    key = "target:schema/dr.sales"
    bench.world.objects[key] = replace(bench.world.objects[key], fields={"comment": "edited meanwhile"})
    result = bench.apply(desired, plan=plan)
    assert {r.action.address: r.became for r in result.results} == {
        key: Became.STALE,
        "target:schema/dr.other": Became.DONE,
    }
    assert bench.world.objects[key].fields["comment"] == "edited meanwhile"
    assert result.exit_code == ExitCode.PARTIAL


def test_an_object_that_was_created_by_others_since_it_was_planned_is_not_taken(bench: Bench) -> None:
    desired = wanted(Catalog(side=Side.TARGET, name="dr"))
    plan = bench.plan(desired)
    bench.world.put(Address.parse("target:catalog/dr"), {"comment": "theirs"})
    result = bench.apply(desired, plan=plan)
    assert result.results[0].became is Became.STALE
    assert result.exit_code == ExitCode.STALE


def test_an_object_that_is_gone_already_needs_no_delete(bench: Bench) -> None:
    effects_of(bench, Catalog(side=Side.TARGET, name="dr"), schema())
    desired = wanted(Catalog(side=Side.TARGET, name="dr"))
    plan = bench.plan(desired)
    del bench.world.objects["target:schema/dr.sales"]
    result = bench.apply(desired, plan=plan)
    assert result.results[0].became is Became.ALREADY
    assert "target:schema/dr.sales" not in open_state(bench.backend).state.resources


def test_the_schema_that_a_new_catalog_is_born_with_is_ours(bench: Bench) -> None:
    effects = effects_of(bench, Catalog(side=Side.TARGET, name="dr"), schema("dr.default", comment="x"))
    assert effects == ["create target:catalog/dr", "update[comment] target:schema/dr.default"]
    assert not open_state(bench.backend).state.resources["target:schema/dr.default"].imported


def test_a_plan_of_another_state_is_refused_before_anything_is_called(bench: Bench) -> None:
    desired = wanted(Catalog(side=Side.TARGET, name="dr"))
    plan = bench.plan(desired)
    effects_of(bench, Catalog(side=Side.TARGET, name="other"))
    with pytest.raises(StaleError, match="serial 0"):
        bench.apply(desired, plan=plan)
    assert "create target:catalog/dr" not in bench.world.effects


def test_what_a_guard_holds_back_stops_everything_unless_it_is_left_out(bench: Bench) -> None:
    table = Address.parse("target:clone/dr.sales.orders")
    bench.world.put(table, {"comment": "somebody's"})
    with pytest.raises(BlockedError) as refused:
        bench.apply(wanted(*pipeline()))
    assert "OW102" in refused.value.message
    assert refused.value.exit_code == ExitCode.BLOCKED
    assert bench.world.effects == []
    result = bench.apply(wanted(*pipeline()), skip_blocked=True, fail_fast=True)
    became = {item.action.address: item.became for item in result.results}
    assert became[COPY] is Became.BLOCKED
    assert became["target:check/dr.sales.orders"] is Became.SKIPPED
    assert became["source:share/out"] is Became.DONE
    assert bench.world.objects[bench.world.key(table)].fields == {"comment": "somebody's"}
    assert result.exit_code == ExitCode.PARTIAL


def test_owners_change_last_and_a_container_after_all_that_it_holds(bench: Bench) -> None:
    effects = effects_of(
        bench,
        Catalog(side=Side.TARGET, name="dr", owner="platform"),
        schema(owner="sales", comment="x"),
        schema("dr.ops"),
        workers=3,
    )
    assert effects[-2:] == ["update[owner] target:schema/dr.sales", "update[owner] target:catalog/dr"]
    assert bench.world.objects["target:schema/dr.sales"].fields == {"comment": "x", "owner": "sales"}
    assert bench.plan(wanted(Catalog(side=Side.TARGET, name="dr", owner="platform"))).summary == {"delete": 2}


def test_an_owner_that_cannot_be_set_leaves_the_object_partial_and_only_that_step_is_planned(bench: Bench) -> None:
    def around(k: int, moment: str, what: str) -> None:
        if "owner" in what and moment == "before":
            raise PermissionDenied("no", status=403)

    bench.world.around = around
    resources = [Catalog(side=Side.TARGET, name="dr"), schema(owner="sales", comment="x")]
    result = bench.apply(wanted(*resources))
    assert result.exit_code == ExitCode.PARTIAL
    entry = open_state(bench.backend).state.resources["target:schema/dr.sales"]
    assert entry.partial
    assert entry.inputs == {"comment": "x"}
    bench.world.around = lambda k, moment, what: None
    assert effects_of(bench, *resources) == ["update[owner] target:schema/dr.sales"]
    assert not open_state(bench.backend).state.resources["target:schema/dr.sales"].partial


def test_taking_over_an_equal_object_writes_to_the_state_alone(bench: Bench) -> None:
    bench.world.put(Address.parse("target:catalog/dr"), {"comment": "ours now"})
    assert effects_of(bench, Catalog(side=Side.TARGET, name="dr", comment="ours now")) == []
    assert open_state(bench.backend).state.resources["target:catalog/dr"].imported


def test_an_imported_object_is_forgotten_and_a_created_one_deleted(bench: Bench) -> None:
    bench.world.put(Address.parse("target:catalog/theirs"), {})
    effects_of(bench, Catalog(side=Side.TARGET, name="theirs"), Recipient(side=Side.SOURCE, name="r"))
    assert effects_of(bench) == ["delete source:recipient/r"]
    assert open_state(bench.backend).state.resources == {}
    assert "target:catalog/theirs" in bench.world.objects


def test_a_replace_deletes_and_creates(bench: Bench) -> None:
    effects_of(bench, Recipient(side=Side.SOURCE, name="r", metastore_id="aws:a:1"))
    allowed = Policy(allow=("AC103",))
    effects = effects_of(bench, Recipient(side=Side.SOURCE, name="r", metastore_id="aws:a:2"), policy=allowed)
    assert effects == ["delete source:recipient/r", "create source:recipient/r"]


def test_data_moves_first_and_fields_that_it_overwrote_are_set_again(bench: Bench) -> None:
    effects_of(bench, *pipeline(comment="a replica"))
    bench.world.advance(ORIGIN)
    effects = effects_of(bench, *pipeline(comment="a replica"))
    assert effects == [f"sync {BACKUP}", f"sync {COPY}", f"update[comment] {COPY}"]
    assert bench.world.objects["target:table/dr.sales.orders"].fields["comment"] == "a replica"


def test_the_planned_version_is_copied_even_if_the_source_has_moved_on(bench: Bench) -> None:
    effects_of(bench, *pipeline()[:3])
    bench.world.advance(ORIGIN)
    desired = wanted(*pipeline()[:3])
    plan = bench.plan(desired)
    bench.world.advance(ORIGIN)
    bench.apply(desired, plan=plan)
    version = bench.world.objects["source:table/bk.sales.orders"].version
    assert version is not None
    assert version.clone is not None
    assert version.clone.source_version == 1


def test_a_copy_of_what_this_run_moves_takes_its_new_version(bench: Bench) -> None:
    effects_of(bench, *pipeline())
    bench.world.advance(ORIGIN)
    effects_of(bench, *pipeline())
    backup = bench.world.objects["source:table/bk.sales.orders"].version
    copy = bench.world.objects["target:table/dr.sales.orders"].version
    assert backup is not None
    assert copy is not None
    assert copy.clone is not None
    assert copy.clone.source_version == backup.version


def test_a_write_to_the_replica_after_the_plan_is_not_overwritten(bench: Bench) -> None:
    effects_of(bench, *pipeline())
    bench.world.advance(ORIGIN)
    desired = wanted(*pipeline())
    plan = bench.plan(desired)
    bench.world.advance(COPY)
    before = bench.world.objects["target:table/dr.sales.orders"]
    result = bench.apply(desired, plan=plan)
    became = {item.action.address: item.became for item in result.results}
    assert became[BACKUP] is Became.DONE
    assert became[COPY] is Became.STALE
    assert bench.world.objects["target:table/dr.sales.orders"] == before


def test_a_check_that_can_say_nothing_is_not_asked_again_about_the_same_versions(bench: Bench) -> None:
    bench.verdict = Verdict(False, hopeless=True, message="UNVERIFIABLE: a row filter hides rows")
    assert bench.apply(wanted(*pipeline())).exit_code == ExitCode.CHANGES
    assert bench.plan(wanted(*pipeline())).actions == ()
    bench.world.advance(ORIGIN)
    assert bench.apply(wanted(*pipeline())).results[-1].action.do is Do.CHECK


def test_a_check_that_finds_a_difference_stops_nothing_and_is_due_again(bench: Bench) -> None:
    bench.verdict = Verdict(False, [0, 0], "3 rows are missing")
    result = bench.apply(wanted(*pipeline()))
    assert result.exit_code == ExitCode.CHANGES
    assert [item.error for item in result.mismatches] == ["3 rows are missing"]
    assert [action.address for action in bench.plan(wanted(*pipeline())).actions] == ["target:check/dr.sales.orders"]


def test_protection_is_recorded_without_touching_the_object(bench: Bench) -> None:
    effects_of(bench, Catalog(side=Side.TARGET, name="dr"))
    assert effects_of(bench, Catalog(side=Side.TARGET, name="dr", lifecycle=Lifecycle(protect=True))) == []
    assert open_state(bench.backend).state.resources["target:catalog/dr"].protect
    assert effects_of(bench, Catalog(side=Side.TARGET, name="dr")) == []
    assert open_state(bench.backend).state.resources["target:catalog/dr"].protect


def test_what_somebody_else_already_set_as_desired_is_recorded_as_applied(bench: Bench) -> None:
    effects_of(bench, Catalog(side=Side.TARGET, name="dr", comment="a"))
    key = "target:catalog/dr"
    bench.world.objects[key] = replace(bench.world.objects[key], fields={"comment": "b"})
    assert effects_of(bench, Catalog(side=Side.TARGET, name="dr", comment="b")) == []
    assert open_state(bench.backend).state.resources[key].inputs == {"comment": "b"}


def test_the_first_interrupt_lets_the_running_action_end_and_begins_no_other(bench: Bench) -> None:
    stop = threading.Event()
    bench.world.around = lambda k, moment, what: stop.set()
    result = bench.apply(wanted(*pipeline()), stop=stop)
    assert len(bench.world.effects) == 1
    assert result.interrupted
    assert result.exit_code == ExitCode.INTERRUPTED
    assert not (bench.folder / "test.journal").exists()
    bench.world.around = lambda k, moment, what: None
    effects_of(bench, *pipeline())


def test_every_action_ends_with_exactly_one_event(bench: Bench) -> None:
    def around(k: int, moment: str, what: str) -> None:
        if what.startswith("create source:share") and moment == "before":
            raise PermissionDenied("no", status=403)

    bench.world.around = around
    resources = [*pipeline(), schema("dr.owned", owner="sales")]
    plan = bench.plan(wanted(*resources))
    result = bench.apply(wanted(*resources), plan=plan, workers=4)
    ended = [event.data for event in bench.events if event.kind is Kind.ACTION_END]
    assert sorted(data["address"] for data in ended) == sorted(action.address for action in plan.actions)
    said = {data["address"]: data["result"] for data in ended}
    assert said == {item.action.address: item.became.value for item in result.results}
    assert [event.seq for event in bench.events] == list(range(1, len(bench.events) + 1))


def test_a_defect_in_a_type_fails_one_action_and_leaves_its_traceback_in_the_log(bench: Bench) -> None:
    def around(k: int, moment: str, what: str) -> None:
        if what == "create source:recipient/dr":
            raise KeyError("oops")

    bench.world.around = around
    result = bench.apply(wanted(*pipeline()))
    failed = next(item for item in result.results if item.became is Became.FAILED)
    assert failed.error == "KeyError: 'oops'"
    traces = [event.data["traceback"] for event in bench.events if "traceback" in event.data]
    assert len(traces) == 1
    assert "around" in traces[0]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer_at_any_effect_is_looked_into_and_nothing_is_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    for at in range(8):
        world = World()
        world.put(Address.parse(ORIGIN), {})
        world.advance(ORIGIN)
        install(world, monkeypatch)
        bench = Bench(world, tmp_path / f"{moment}-{at}")
        lost(world, at, moment)
        result = bench.apply(wanted(*pipeline()))
        assert result.exit_code == ExitCode.OK, [(r.action.address, r.error) for r in result.results if r.error]
        assert bench.plan(wanted(*pipeline())).actions == (), at
        tables = [effect for effect in world.effects if effect.startswith("create") and "clone" not in effect]
        doubled = {effect for effect in tables if tables.count(effect) > 1}
        assert not (moment == "after" and doubled), at


def test_a_workspace_that_falls_silent_leaves_the_question_to_the_next_run(bench: Bench) -> None:
    def around(k: int, moment: str, what: str) -> None:
        if moment == "after":
            bench.world.silent = True
            raise Unavailable("no answer")

    bench.world.around = around
    resources = [Recipient(side=Side.SOURCE, name="r")]
    result = bench.apply(wanted(*resources))
    assert result.exit_code == ExitCode.ERROR
    assert set(open_state(bench.backend).pending) == {"source:recipient/r"}
    bench.world.silent = False
    assert effects_of(bench, *resources) == []
    assert not open_state(bench.backend).state.resources["source:recipient/r"].imported
    assert open_state(bench.backend).pending == {}


def test_an_update_whose_answer_was_lost_is_not_sent_again(bench: Bench) -> None:
    resources = [Catalog(side=Side.TARGET, name="dr"), schema(comment="a")]
    effects_of(bench, *resources)
    lost(bench.world, len(bench.world.effects), "after")
    assert effects_of(bench, resources[0], schema(comment="b")) == ["update[comment] target:schema/dr.sales"]
    assert open_state(bench.backend).state.resources["target:schema/dr.sales"].inputs == {"comment": "b"}


def test_an_update_that_never_arrived_is_sent_again(bench: Bench) -> None:
    resources = [Catalog(side=Side.TARGET, name="dr"), schema(comment="a")]
    effects_of(bench, *resources)
    lost(bench.world, len(bench.world.effects), "before")
    assert effects_of(bench, resources[0], schema(comment="b")) == ["update[comment] target:schema/dr.sales"] * 2
