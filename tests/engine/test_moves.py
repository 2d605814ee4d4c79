"""What becomes of names that the configuration says were changed."""

import pytest

from replicator.address import Side
from replicator.engine.actions import Do, Plan, Reason
from replicator.engine.desired import Desired
from replicator.engine.moves import carried
from replicator.engine.policy import Code
from replicator.engine.state import Entry
from replicator.errors import ConfigError
from replicator.resources.base import Resource
from replicator.resources.catalog import Catalog
from replicator.resources.grants import Grants
from replicator.resources.schema import Schema
from replicator.resources.table import Table
from tests.engine.build import LINEAGE, address, desired, found, plan, the_action

OLD, NEW = "target:schema/main.sales", "target:schema/main.sold"
HAVE = (
    found("catalog", "main"),
    found("schema", "main.sales", {"comment": "Sales"}, mark=LINEAGE),
    found("table", "main.sales.orders", {"comment": "x"}, mark=LINEAGE),
    found("grants", "schema/main.sales", {"privileges": {"ana": ["SELECT"]}}),
)
KNOWN = {
    "target:catalog/main": Entry(id="id-main"),
    OLD: Entry(id="id-main.sales", inputs={"comment": "Sales"}, depends_on=["target:catalog/main"]),
    "target:table/main.sales.orders": Entry(id="id-main.sales.orders", inputs={"comment": "x"}, depends_on=[OLD]),
    "target:grants/schema/main.sales": Entry(inputs={"privileges": {"ana": {"SELECT": True}}}, depends_on=[OLD]),
}


def wanted(schema: str = "main.sold", **fields: object) -> list[Resource]:
    return [
        Catalog(side=Side.TARGET, name="main"),
        Schema.model_validate({"side": "target", "name": schema, "comment": "Sales", **fields}),
        Table(side=Side.TARGET, name=f"{schema}.orders", comment="x"),
        Grants(side=Side.TARGET, name=f"schema/{schema}", privileges={"ana": ("SELECT",)}),
    ]


def moving(*resources: Resource, **moves: str) -> Desired:
    """`main_sales="main.sold"`, schemas of the target."""
    pairs = {
        address(f"target:schema/{old.replace('_', '.')}"): address(f"target:schema/{new}") for old, new in moves.items()
    }
    declared = desired(*resources)
    return Desired(declared.environment, declared.config_hash, declared.resources, moved=pairs)


def summary(made: Plan) -> list[tuple[str, str]]:
    return [(action.do.value, action.address) for action in made.actions]


def test_a_renamed_schema_takes_along_all_it_holds() -> None:
    made = plan(moving(*wanted(), main_sales="main.sold"), target=HAVE, entries=KNOWN)
    assert summary(made) == [("rename", NEW)]
    action = the_action(made, NEW)
    assert (action.reason, action.previous_address, action.blocked) == (Reason.RENAMED, OLD, ())


def test_a_rename_carries_changes_of_its_fields_and_what_it_holds_waits_for_it() -> None:
    resources = wanted(comment="Sold")
    resources[2] = Table(side=Side.TARGET, name="main.sold.orders", comment="y")
    made = plan(moving(*resources, main_sales="main.sold"), target=HAVE, entries=KNOWN)
    assert summary(made) == [("rename", NEW), ("update", "target:table/main.sold.orders")]
    assert [change.after for change in made.actions[0].changes] == ["Sold"]
    assert made.actions[1].depends_on == (NEW,)


def test_an_object_that_has_its_new_name_already_is_only_known_by_it() -> None:
    renamed = found("schema", "main.sold", {"comment": "Sales"}, id="id-main.sales", mark=LINEAGE)
    inside = found("table", "main.sold.orders", {"comment": "x"}, mark=LINEAGE)
    given = found("grants", "schema/main.sold", {"privileges": {"ana": ["SELECT"]}})
    made = plan(moving(*wanted(), main_sales="main.sold"), target=(HAVE[0], renamed, inside, given), entries=KNOWN)
    assert summary(made) == [("rename", NEW)]
    assert made.applyable


def test_another_object_under_the_new_name_is_not_taken_for_ours() -> None:
    other = found("schema", "main.sold", {"comment": "Sales"})
    made = plan(moving(*wanted()[:2], main_sales="main.sold"), target=(*HAVE, other), entries=KNOWN)
    assert [block.code for block in the_action(made, NEW).blocked] == [Code.NOT_MANAGED]


def test_a_move_that_state_has_seen_is_over() -> None:
    first = plan(moving(*wanted("main.sales"), main_before="main.sales"), target=HAVE, entries=KNOWN)
    assert first.actions == ()


def test_what_is_gone_under_both_names_is_created_anew() -> None:
    made = plan(moving(*wanted()[:2], main_sales="main.sold"), target=HAVE[:1], entries=KNOWN)
    assert the_action(made, NEW).do is Do.CREATE
    assert the_action(made, OLD).do is Do.FORGET


def test_moves_one_after_the_other_are_one_rename() -> None:
    made = plan(moving(*wanted(), main_sales="main.x", main_x="main.sold"), target=HAVE, entries=KNOWN)
    assert summary(made) == [("rename", NEW)]


def test_a_catalog_and_a_schema_in_it_are_renamed_in_this_order() -> None:
    resources = [Catalog(side=Side.TARGET, name="shop"), *wanted("shop.sold")[1:]]
    declared = desired(*resources)
    pairs = {
        address(OLD): address("target:schema/shop.sold"),
        address("target:catalog/main"): address("target:catalog/shop"),
    }
    moved = Desired(declared.environment, declared.config_hash, declared.resources, moved=pairs)
    made = plan(moved, target=HAVE, entries=KNOWN)
    assert [(action.previous_address, action.address) for action in made.actions] == [
        ("target:catalog/main", "target:catalog/shop"),
        ("target:schema/shop.sales", "target:schema/shop.sold"),
    ]


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        ({"main_sales": "main.sold", "main_sold": "main.sales"}, "exchanged in a circle"),
        ({"main_sales": "other.sold"}, "another catalog"),
    ],
)
def test_what_cannot_be_renamed_is_refused_with_one_message(moves: dict[str, str], message: str) -> None:
    resources = wanted(moves["main_sales"])[1:2]
    with pytest.raises(ConfigError, match=message):
        plan(moving(*resources, **moves), target=HAVE, entries=KNOWN)


def test_a_name_that_is_still_declared_is_not_moved() -> None:
    both = [*wanted()[:2], wanted("main.sales")[1]]
    with pytest.raises(ConfigError, match=r"main\.sales is to become .* still declared"):
        plan(moving(*both, main_sales="main.sold"), target=HAVE, entries=KNOWN)


@pytest.mark.parametrize(
    ("at", "old", "new", "expected"),
    [
        ("source:clone/b.s.t", "source:catalog/b", "source:catalog/k", "source:clone/k.s.t"),
        ("source:grants/table/b.s.t", "source:schema/b.s", "source:schema/b.r", "source:grants/table/b.r.t"),
        ("target:check/b.s.t", "target:clone/b.s.t", "target:clone/b.s.u", "target:check/b.s.u"),
        ("source:grants/share/out", "source:share/out", "source:share/o", "source:grants/share/o"),
        ("target:table/b.s.t", "target:table/b.s.t", "target:clone/b.s.u", "target:clone/b.s.u"),
        ("source:tags/column/b.s.t.a.b", "source:table/b.s.t", "source:table/b.s.u", "source:tags/column/b.s.u.a.b"),
        ("source:tags/column/b.s.t.x", "source:schema/b.s", "source:schema/b.r", "source:tags/column/b.r.t.x"),
        ("source:tags/table/b.s.t", "source:view/b.s.t", "source:view/b.s.u", "source:tags/table/b.s.u"),
        ("source:schema/b.s2", "source:schema/b.s", "source:schema/b.r", None),
        ("source:share/b", "source:catalog/b", "source:catalog/k", None),
        ("target:clone/b.s.t", "source:catalog/b", "source:catalog/k", None),
    ],
)
def test_only_what_is_inside_goes_along(at: str, old: str, new: str, expected: str | None) -> None:
    assert carried(address(at), address(old), address(new)) == (address(expected) if expected else None)
