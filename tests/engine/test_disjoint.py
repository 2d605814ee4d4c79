"""Mappings that have no key in common: each key is a change of its own, and every guard sees it."""

from collections.abc import Sequence
from typing import Any

import deepdiff  # noqa: F401  a second to load, which is not of the first example
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.address import Side
from replicator.engine.actions import Plan
from replicator.engine.diff import diff
from replicator.engine.policy import Code
from replicator.engine.state import Entry
from replicator.resources import TYPES
from replicator.resources.base import Resource
from replicator.resources.grants import Grants
from replicator.resources.share import Share, SharedObject
from replicator.resources.table import Column, Table
from replicator.resources.tags import Tags
from tests.engine.build import LINEAGE, desired, found, plan, the_action

S = Side.SOURCE
ME = "runner@example.com"


def planned(resource: Resource, held: dict[str, Any], applied: dict[str, Any] | None = None) -> Plan:
    """The plan for an object that is ours and holds `held`."""
    kind = TYPES[resource.type].kind
    canonical = TYPES[resource.type].canonical(applied if applied is not None else held)
    mark = {} if TYPES[resource.type].is_value else {"mark": LINEAGE}
    entry = Entry(id=f"id-{resource.name}", inputs=canonical)
    return plan(
        desired(resource), source=(found(kind, resource.name, held, **mark),), entries={str(resource.address): entry}
    )


def codes(made: Plan, address: str) -> set[str]:
    return {block.code for block in the_action(made, address).blocked} | {notice.code for notice in made.notices}


def columns(*names: str) -> Sequence[dict[str, Any]]:
    return [{"name": name, "type": "string", "nullable": True} for name in names]


def test_all_columns_of_a_table_are_not_exchanged_without_a_word() -> None:
    wanted = Table(
        side=S, name="a.b.c", columns=(Column(name="key", type="string"), Column(name="label", type="string"))
    )
    made = planned(wanted, {"columns": columns("id", "name")})
    action = the_action(made, "source:table/a.b.c")
    assert {change.path for change in action.changes if change.lossy} == {("columns", "id"), ("columns", "name")}
    assert Code.DROPS_COLUMN in codes(made, "source:table/a.b.c")


@pytest.mark.parametrize("mode", ["additive", "authoritative"])
def test_all_principals_are_not_exchanged_without_a_word(mode: str) -> None:
    wanted = Grants.model_validate(
        {"side": "source", "name": "schema/a.b", "mode": mode, "privileges": {"other": ("SELECT",)}}
    )
    made = planned(wanted, {"privileges": {ME: ["SELECT"], "spy": ["MODIFY"]}})
    assert {Code.LOCKS_OUT, Code.REVOKES} <= codes(made, "source:grants/schema/a.b")
    told = " ".join(notice.message for notice in made.notices)
    assert f"revokes SELECT from {ME}" in told
    assert "revokes MODIFY from spy" in told


def test_all_objects_of_a_share_are_not_exchanged_without_a_word() -> None:
    held = {"objects": [{"name": "a.b.old", "type": "TABLE"}]}
    made = planned(Share(side=S, name="s", objects=(SharedObject(name="a.b.new"),)), held)
    assert [notice.message for notice in made.notices if notice.code == Code.REVOKES] == [
        "takes a.b.old out of the share"
    ]


def test_all_tags_are_not_exchanged_without_a_word() -> None:
    made = planned(Tags(side=S, name="table/a.b.c", tags={"zone": "eu"}), {"tags": {"pii": "yes", "team": "crm"}})
    told = " ".join(notice.message for notice in made.notices if notice.code == Code.UNTAGS)
    assert "pii" in told
    assert "team" in told


NAMES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"), max_size=6)


@given(NAMES, NAMES)
def test_each_key_that_differs_is_one_change_whatever_else_does(held: dict[str, str], wanted: dict[str, str]) -> None:
    fields = {"tags": wanted, "mode": "authoritative"}
    paths = {change.path: change.after for change in diff(TYPES["tags"], {"tags": held}, fields, {"tags": held})}
    every = held.keys() | wanted.keys()
    assert paths == {("tags", key): wanted.get(key) for key in every if held.get(key) != wanted.get(key)}


PRIVILEGES = st.dictionaries(
    st.sampled_from(["ana", "bob", "cy"]), st.sets(st.sampled_from(["SELECT", "MODIFY", "USE_SCHEMA"])), max_size=3
)


@given(PRIVILEGES, PRIVILEGES)
def test_no_revoke_hides_behind_another_change(held: dict[str, set[str]], wanted: dict[str, set[str]]) -> None:
    rtype = TYPES["grants"]
    before = rtype.canonical({"privileges": {who: sorted(has) for who, has in held.items() if has}})
    after = rtype.canonical({"privileges": {who: sorted(has) for who, has in wanted.items()}}) | {
        "mode": "authoritative"
    }
    revoked = set()
    for change in diff(rtype, before, after, before):
        assert len(change.path) >= 2
        lost = set(change.before or ()) if len(change.path) == 2 else {change.path[2]}
        if change.before is not None and change.after is None:
            assert change.lossy
            revoked |= {(change.path[1], privilege) for privilege in lost}
        elif len(change.path) == 2 and change.before:
            revoked |= {(change.path[1], privilege) for privilege in set(change.before) - set(change.after)}
    expected = {(who, privilege) for who, has in held.items() for privilege in has - wanted.get(who, set())}
    assert revoked == expected
