"""What the planner proposes, in which order, and what it refuses to propose."""

import json
import random
from typing import Literal

import pytest

from replicator.address import Side
from replicator.engine.actions import Do, Reason
from replicator.engine.planner import make_plan
from replicator.engine.policy import Code, Policy
from replicator.engine.state import Entry
from replicator.errors import ConfigError
from replicator.resources import TYPES
from replicator.resources.base import CloneRecord, DeltaVersion, Lifecycle
from replicator.resources.catalog import Catalog
from replicator.resources.clone import Clone
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.schema import Schema
from replicator.resources.share import Share
from replicator.resources.table import Table
from tests.engine.build import LINEAGE, desired, found, plan, snapshot, state, the_action

MAIN = Catalog(side=Side.TARGET, name="main", comment="Marts")
SALES = Schema(side=Side.TARGET, name="main.sales", comment="Sales")
ORDERS = Table(side=Side.TARGET, name="main.sales.orders", columns=({"name": "id", "type": "bigint"},))
READERS = Grants(side=Side.TARGET, name="schema/main.sales", privileges={"ana": ("SELECT",)})

HAVE_MAIN = found("catalog", "main", {"comment": "Marts"})
HAVE_SALES = found("schema", "main.sales", {"comment": "Sales"})
HAVE_ORDERS = found("table", "main.sales.orders", {"columns": {"id": {"type": "bigint"}}})
KNOWN = {
    "target:catalog/main": Entry(inputs={"comment": "Marts"}),
    "target:schema/main.sales": Entry(inputs={"comment": "Sales"}, depends_on=["target:catalog/main"]),
    "target:table/main.sales.orders": Entry(
        inputs={"columns": {"id": {"type": "bigint"}}}, depends_on=["target:schema/main.sales"]
    ),
}
KNOWN_MAIN = {"target:catalog/main": KNOWN["target:catalog/main"]}


ORDERS_AT = "target:table/main.sales.orders"


def codes(made: object, address: str) -> list[str]:
    return [block.code for block in the_action(made, address).blocked]  # type: ignore[arg-type]


def test_everything_is_created_in_order() -> None:
    made = plan(desired(READERS, ORDERS, SALES, MAIN))
    assert [(action.do, action.address) for action in made.actions] == [
        (Do.CREATE, "target:catalog/main"),
        (Do.CREATE, "target:schema/main.sales"),
        (Do.CREATE, "target:grants/schema/main.sales"),
        (Do.CREATE, "target:table/main.sales.orders"),
    ]
    assert the_action(made, "target:table/main.sales.orders").depends_on == ("target:schema/main.sales",)
    assert made.applyable


def test_nothing_to_do_is_an_empty_plan() -> None:
    made = plan(desired(MAIN, SALES, ORDERS), target=(HAVE_MAIN, HAVE_SALES, HAVE_ORDERS), entries=KNOWN)
    assert made.actions == ()
    assert made.unchanged == 3


def test_a_resource_waits_for_what_acts_behind_one_that_does_not() -> None:
    made = plan(desired(MAIN, SALES, ORDERS), target=(HAVE_SALES,), entries=KNOWN)
    assert the_action(made, "target:table/main.sales.orders").depends_on == ("target:catalog/main",)


def test_what_exists_is_imported_visibly() -> None:
    made = plan(desired(MAIN), target=(found("catalog", "main", {"comment": "theirs"}),))
    action = the_action(made, "target:catalog/main")
    assert (action.do, action.reason) == (Do.IMPORT, Reason.EXISTS_UNMANAGED)
    assert [change.before for change in action.changes] == ["theirs"]


def test_what_carries_an_adopted_mark_is_ours() -> None:
    mark = "22222222-2222-4222-8222-222222222222"
    have = found("table", "main.sales.orders", {"columns": {"id": {"type": "bigint"}}}, mark=mark)
    snapshots = {Side.SOURCE: snapshot(Side.SOURCE), Side.TARGET: snapshot(Side.TARGET, HAVE_MAIN, HAVE_SALES, have)}
    before = make_plan(desired(MAIN, SALES, ORDERS), snapshots, state(), Policy())
    (block, *_) = the_action(before, "target:table/main.sales.orders").blocked
    assert (block.code, block.release.rpartition(" ")[2]) == (Code.MARKED_BY_OTHER, mark)
    mine = state().model_copy(update={"adopted": [mark]})
    after = the_action(make_plan(desired(MAIN, SALES, ORDERS), snapshots, mine, Policy()), ORDERS_AT)
    assert (after.do, after.blocked, after.changes) == (Do.IMPORT, (), ())


def test_a_table_that_is_not_ours_is_not_taken_over() -> None:
    made = plan(desired(MAIN, SALES, ORDERS), target=(HAVE_MAIN, HAVE_SALES, HAVE_ORDERS))
    assert codes(made, "target:table/main.sales.orders") == [Code.NOT_MANAGED]
    assert not made.applyable


def test_a_table_that_carries_our_mark_is_ours_although_state_was_lost() -> None:
    ours = found("table", "main.sales.orders", {"columns": {"id": {"type": "bigint"}}}, mark=LINEAGE)
    made = plan(desired(ORDERS), target=(ours,))
    assert codes(made, "target:table/main.sales.orders") == []


def test_an_object_of_another_deployment_is_left_alone() -> None:
    theirs = found("catalog", "main", {"comment": "x"}, mark="another")
    assert codes(plan(desired(MAIN), target=(theirs,)), "target:catalog/main") == [Code.MARKED_BY_OTHER]


def test_lifecycle_can_take_a_table_over() -> None:
    willing = ORDERS.model_copy(update={"lifecycle": Lifecycle(on_existing="import")})
    assert codes(plan(desired(willing), target=(HAVE_ORDERS,)), "target:table/main.sales.orders") == []


def test_unknown_is_not_absent() -> None:
    made = plan(desired(MAIN, SALES), unknown={"schema/main.*": "403 PERMISSION_DENIED"}, target=(HAVE_MAIN,))
    action = the_action(made, "target:schema/main.sales")
    assert (action.do, action.reason) == (Do.NOOP, Reason.UNKNOWN)
    assert codes(made, "target:schema/main.sales") == [Code.UNKNOWN]


def test_removals_go_from_the_leaves_to_the_root() -> None:
    made = plan(
        desired(), target=(HAVE_MAIN, HAVE_SALES, HAVE_ORDERS), entries=KNOWN, policy=Policy(allow=("target:table/*",))
    )
    assert [action.address for action in made.actions] == [
        "target:table/main.sales.orders",
        "target:schema/main.sales",
        "target:catalog/main",
    ]
    assert all(not action.blocked for action in made.actions)


def test_a_table_is_not_dropped_unasked() -> None:
    made = plan(desired(MAIN, SALES), target=(HAVE_MAIN, HAVE_SALES, HAVE_ORDERS), entries=KNOWN)
    assert codes(made, "target:table/main.sales.orders") == [Code.DROPS_DATA]


def test_a_schema_that_holds_what_is_not_ours_is_not_dropped_even_when_allowed() -> None:
    theirs = found("table", "main.sales.theirs")
    made = plan(
        desired(MAIN),
        target=(HAVE_MAIN, HAVE_SALES, theirs),
        entries={key: entry for key, entry in KNOWN.items() if "orders" not in key},
        policy=Policy(allow=("*",)),
    )
    assert codes(made, "target:schema/main.sales") == [Code.DROPS_CHILDREN]


def test_protection_lives_in_state_and_no_allowance_lifts_it() -> None:
    entries = {**KNOWN, "target:catalog/main": Entry(protect=True)}
    made = plan(desired(), target=(HAVE_MAIN,), entries=entries, policy=Policy(allow=("*",)))
    assert codes(made, "target:catalog/main") == [Code.PROTECTED]


def test_what_was_imported_is_forgotten_when_it_leaves_the_file() -> None:
    entries = {"target:catalog/main": Entry(imported=True)}
    action = the_action(plan(desired(), target=(HAVE_MAIN,), entries=entries), "target:catalog/main")
    assert (action.do, action.reason) == (Do.FORGET, Reason.IMPORTED_THEN_REMOVED)


def test_what_is_gone_already_is_forgotten() -> None:
    action = the_action(plan(desired(), entries={"target:catalog/main": Entry()}), "target:catalog/main")
    assert (action.do, action.reason) == (Do.FORGET, Reason.GONE)


@pytest.mark.parametrize("mode", ["normal", "destroy"])
def test_what_is_to_be_forgotten_is_never_deleted(mode: Literal["normal", "destroy"]) -> None:
    wanted = desired(MAIN, SALES, forget=("target:table/main.sales.orders",))
    have = (HAVE_MAIN, HAVE_SALES, HAVE_ORDERS)
    action = the_action(
        plan(wanted, target=have, entries=KNOWN, policy=Policy(mode=mode)), "target:table/main.sales.orders"
    )
    assert (action.do, action.reason, action.blocked) == (Do.FORGET, Reason.REQUESTED, ())


def test_what_is_to_be_forgotten_need_not_be_readable() -> None:
    wanted = desired(MAIN, SALES, forget=("target:table/main.sales.orders",))
    made = plan(wanted, target=(HAVE_MAIN, HAVE_SALES), entries=KNOWN, unknown={"table/main.sales.*": "403"})
    assert [(action.do, action.blocked) for action in made.actions] == [(Do.FORGET, ())]


def test_what_was_forgotten_already_asks_for_nothing() -> None:
    assert plan(desired(MAIN, forget=("target:share/x",)), target=(HAVE_MAIN,), entries=KNOWN_MAIN).actions == ()


def test_a_disabled_section_keeps_what_it_made() -> None:
    entries = {"target:catalog/main": Entry(section="backup")}
    assert plan(desired(disabled=frozenset({"backup"})), target=(HAVE_MAIN,), entries=entries).actions == ()


def test_an_immutable_field_replaces_and_replacing_a_container_is_blocked() -> None:
    moved = Schema(side=Side.TARGET, name="main.sales", storage_root="s3://new")
    entries = {"target:schema/main.sales": Entry(inputs={"storage_root": "s3://old"})}
    made = plan(desired(moved), target=(found("schema", "main.sales", {"storage_root": "s3://old"}),), entries=entries)
    assert the_action(made, "target:schema/main.sales").do is Do.REPLACE
    assert codes(made, "target:schema/main.sales") == [Code.REPLACES_DATA]


def test_a_revoke_is_said() -> None:
    entries = {
        "target:grants/schema/main.sales": Entry(inputs={"privileges": {"ana": {"SELECT": True, "MODIFY": True}}})
    }
    have = found("grants", "schema/main.sales", {"privileges": {"ana": ["SELECT", "MODIFY"]}})
    made = plan(desired(READERS), target=(have,), entries=entries)
    assert [notice.message for notice in made.notices] == ["revokes MODIFY from ana"]


def test_who_runs_this_cannot_be_locked_out() -> None:
    mine = {"privileges": {"runner@example.com": {"MANAGE": True}, "ana": {"SELECT": True}}}
    made = plan(
        desired(READERS),
        target=(
            found("grants", "schema/main.sales", {"privileges": {"runner@example.com": ["MANAGE"], "ana": ["SELECT"]}}),
        ),
        entries={"target:grants/schema/main.sales": Entry(inputs=mine)},
    )
    assert codes(made, "target:grants/schema/main.sales") == [Code.LOCKS_OUT]


def many(count: int) -> tuple[list[Schema], dict[str, Entry], list[object]]:
    names = [f"main.s{number:02}" for number in range(count)]
    schemas = [Schema(side=Side.TARGET, name=name, comment="new") for name in names]
    entries = {f"target:schema/{name}": Entry(inputs={"comment": "old"}) for name in names}
    return schemas, entries, [found("schema", name, {"comment": "old"}) for name in names]


def test_too_many_updates_at_once_are_blocked_until_released() -> None:
    schemas, entries, have = many(20)
    made = plan(desired(*schemas), target=tuple(have), entries=entries)  # type: ignore[arg-type]
    assert {block.code for action in made.actions for block in action.blocked} == {Code.MANY_UPDATES}
    released = plan(desired(*schemas), target=tuple(have), entries=entries, policy=Policy(allow=("TH101",)))  # type: ignore[arg-type]
    assert released.applyable


def test_too_many_deletes_at_once_are_blocked() -> None:
    schemas, entries, have = many(20)
    kept = [schema.model_copy(update={"comment": "old"}) for schema in schemas[:-3]]
    made = plan(desired(*kept), target=tuple(have), entries=entries)  # type: ignore[arg-type]
    assert [codes(made, action.address) for action in made.actions] == [[Code.MANY_DELETES]] * 3


def test_a_cycle_is_spelled_out() -> None:
    a = Schema(side=Side.TARGET, name="c.a", after=(SALES.address,))
    b = SALES.model_copy(update={"after": (a.address,)})
    with pytest.raises(ConfigError, match=r"target:schema/c\.a → target:schema/main\.sales → target:schema/c\.a"):
        plan(desired(a, b))


def test_the_same_input_in_any_order_gives_the_same_bytes() -> None:
    resources = [MAIN, SALES, ORDERS, READERS, *many(8)[0]]
    have = [HAVE_MAIN, *many(8)[2]]
    first = plan(desired(*resources), target=tuple(have)).model_dump_json()  # type: ignore[arg-type]
    for seed in range(20):
        random.Random(seed).shuffle(resources)
        random.Random(seed).shuffle(have)
        assert plan(desired(*resources), target=tuple(have)).model_dump_json() == first  # type: ignore[arg-type]


def test_the_id_says_what_will_be_done_and_not_when() -> None:
    wanted, empty = desired(MAIN), {side: snapshot(side) for side in Side}
    early = make_plan(wanted, empty, state(), Policy(), created_at="2026-01-01T00:00:00Z")
    late = make_plan(wanted, empty, state(), Policy(), created_at="2026-01-02T00:00:00Z")
    other = make_plan(desired(SALES), empty, state(), Policy())
    assert early.plan_id == late.plan_id != other.plan_id


def test_a_target_takes_along_what_it_waits_for() -> None:
    made = plan(desired(MAIN, SALES, ORDERS, READERS), policy=Policy(targets=("target:table/*",)))
    assert [action.address for action in made.actions] == [
        "target:catalog/main",
        "target:schema/main.sales",
        "target:table/main.sales.orders",
    ]
    assert not made.complete


def test_what_is_excluded_takes_along_what_waits_for_it() -> None:
    made = plan(desired(MAIN, SALES, ORDERS), policy=Policy(excludes=("target:schema/*",)))
    assert [action.address for action in made.actions] == ["target:catalog/main"]


def test_a_plan_survives_being_written_to_json() -> None:
    made = plan(desired(MAIN, SALES, ORDERS, READERS))
    assert type(made).model_validate(json.loads(made.model_dump_json())) == made


def test_destroy_removes_all_that_state_knows() -> None:
    made = plan(
        desired(MAIN, SALES),
        target=(HAVE_MAIN, HAVE_SALES),
        entries={key: entry for key, entry in KNOWN.items() if "orders" not in key},
        policy=Policy(mode="destroy"),
    )
    assert [(action.do, action.reason) for action in made.actions] == [(Do.DELETE, Reason.REQUESTED)] * 2


PARTNER = Recipient(side=Side.SOURCE, name="dr", metastore_id="aws:eu:y")


def test_what_exists_as_something_else_is_neither_taken_over_nor_released() -> None:
    theirs = found("recipient", "dr", {"metastore_id": "aws:eu:x"})
    made = plan(desired(PARTNER), source=(theirs,), policy=Policy(allow=("*",)))
    assert codes(made, "source:recipient/dr") == [Code.OTHER_OBJECT]


def test_a_recipient_is_not_replaced_unasked() -> None:
    entries = {"source:recipient/dr": Entry(inputs={"metastore_id": "aws:eu:x"})}
    theirs = found("recipient", "dr", {"metastore_id": "aws:eu:x"})
    made = plan(desired(PARTNER), source=(theirs,), entries=entries)
    assert codes(made, "source:recipient/dr") == [Code.REPLACES_ACCESS]


ORIGIN = found("table", "a.b.t", {"columns": {"id": {"type": "int"}}}, version=DeltaVersion(5, "2026-01-01"))
COPY = Clone(side=Side.TARGET, name="main.sales.t", source="shared.b.t", origin="source:table/a.b.t")
COPIED = Entry(id="id-main.sales.t", inputs={"origin": "source:table/a.b.t", "source": "shared.b.t"})


def copy_at(version: DeltaVersion, **rest: object) -> tuple[str, object]:
    return found("table", "main.sales.t", {"columns": {"id": {"type": "int"}}}, version=version, **rest)


def test_rows_that_were_never_copied_are_not_overwritten() -> None:
    willing = COPY.model_copy(update={"lifecycle": Lifecycle(on_existing="import")})
    theirs = copy_at(DeltaVersion(3, "2026-01-01"))
    made = plan(desired(willing), source=(ORIGIN,), target=(theirs,))  # type: ignore[arg-type]
    assert codes(made, "target:clone/main.sales.t") == [Code.OVERWRITES_REPLICA]


def test_allowing_to_destroy_does_not_take_over_what_is_not_ours() -> None:
    theirs = copy_at(DeltaVersion(3, "2026-01-01"))
    made = plan(desired(COPY), source=(ORIGIN,), target=(theirs,), policy=Policy(allow=("*",)))  # type: ignore[arg-type]
    assert codes(made, "target:clone/main.sales.t") == [Code.NOT_MANAGED]


def test_a_copy_that_somebody_made_anew_is_not_ours_to_overwrite() -> None:
    current = DeltaVersion(1, "2026-01-01", CloneRecord("shared.b.t", 5, 1))
    other = copy_at(current, id="another")
    made = plan(
        desired(COPY),
        source=(ORIGIN,),
        target=(other,),
        entries={"target:clone/main.sales.t": COPIED},  # type: ignore[arg-type]
    )
    assert codes(made, "target:clone/main.sales.t") == [Code.SOURCE_RECREATED]


def test_what_somebody_made_anew_is_forgotten_and_not_deleted() -> None:
    entries = {"source:share/s": Entry(id="old")}
    made = plan(desired(), source=(found("share", "s", {"objects": []}),), entries=entries)
    assert the_action(made, "source:share/s").do is Do.FORGET


def test_a_table_that_becomes_a_clone_is_not_dropped() -> None:
    entries = {"target:table/main.sales.t": Entry(id="id-main.sales.t")}
    have = copy_at(DeltaVersion(1, "2026-01-01", CloneRecord("shared.b.t", 5, 1)), mark=LINEAGE)
    made = plan(desired(COPY), source=(ORIGIN,), target=(have,), entries=entries)  # type: ignore[arg-type]
    assert the_action(made, "target:table/main.sales.t").do is Do.FORGET


def test_protection_counts_from_the_moment_it_is_declared() -> None:
    guarded = PARTNER.model_copy(update={"lifecycle": Lifecycle(protect=True)})
    entries = {"source:recipient/dr": Entry(inputs={"metastore_id": "aws:eu:x"})}
    theirs = found("recipient", "dr", {"metastore_id": "aws:eu:x"})
    made = plan(desired(guarded), source=(theirs,), entries=entries, policy=Policy(allow=("*",)))
    assert codes(made, "source:recipient/dr") == [Code.PROTECTED]


def test_every_access_that_is_taken_away_is_said() -> None:
    share = Share(side=Side.SOURCE, name="s", objects=({"name": "a.b.c"},))  # type: ignore[arg-type]
    objects = TYPES["share"].canonical({"objects": [{"name": "a.b.c"}, {"name": "a.b.d"}]})
    gone = {"privileges": {"eve": {"SELECT": True, "MODIFY": True}}}
    made = plan(
        desired(share),
        source=(
            found("share", "s", objects),
            found("grants", "share/s", {"privileges": {"eve": ["SELECT", "MODIFY"]}}),
        ),
        entries={"source:share/s": Entry(inputs=objects), "source:grants/share/s": Entry(inputs=gone)},
    )
    assert [notice.message for notice in made.notices] == [
        "takes a.b.d out of the share",
        "revokes MODIFY, SELECT from eve",
    ]


def test_what_is_kept_keeps_what_holds_it() -> None:
    entries = {**KNOWN, "target:schema/main.sales": Entry(on_removed="forget")}
    made = plan(
        desired(),
        target=(HAVE_MAIN, HAVE_SALES),
        entries={key: entry for key, entry in entries.items() if "orders" not in key},
        policy=Policy(mode="destroy"),
    )
    assert [action.do for action in made.actions] == [Do.FORGET, Do.FORGET]


def test_what_holds_what_is_kept_is_forgotten_before_it() -> None:
    """Cut short in between, the other way round, it would hold what is not ours and could not be dropped."""
    kept = Entry(on_removed="forget", depends_on=["target:catalog/main"])
    entries = {**KNOWN_MAIN, "target:schema/main.sales": kept}
    objects = (HAVE_MAIN, HAVE_SALES)
    made = plan(desired(), target=objects, entries=entries, policy=Policy(mode="destroy"))
    assert [action.address for action in made.actions] == ["target:catalog/main", "target:schema/main.sales"]
    rest = {"target:schema/main.sales": kept}
    again = plan(desired(), target=objects, entries=rest, policy=Policy(mode="destroy"))
    assert [(action.do, action.blocked) for action in again.actions] == [(Do.FORGET, ())]
