"""The three-way diff: one case for each difference that other tools never get rid of, and for each cause."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.engine.actions import Cause
from replicator.engine.diff import diff
from replicator.resources import TYPES
from replicator.resources.base import Effect

NEVER_DIFFERENT = [
    ("table", {"columns": [{"name": "A", "type": "INTEGER"}]}, {"columns": [{"name": "a", "type": "int"}]}),
    (
        "table",
        {"columns": [{"name": "a", "type": "map<double, double>"}]},
        {"columns": {"a": {"type": "MAP<DOUBLE,DOUBLE>"}}},
    ),
    ("table", {"columns": [{"name": "a", "type": "decimal"}]}, {"columns": {"a": {"type": "DECIMAL(10, 0)"}}}),
    (
        "table",
        {"columns": [{"name": "a", "type": "int"}]},
        {"columns": {"a": {"type": "int"}, "added_by_hand": {"type": "int"}}},
    ),
    ("table", {"properties": {"a": "1"}}, {"properties": {"a": "1", "delta.lastCommitTimestamp": "17"}}),
    ("table", {"properties": {"delta.appendOnly": True}}, {"properties": {"delta.appendOnly": "true"}}),
    ("schema", {"comment": ""}, {"comment": None}),
    ("schema", {"comment": None}, {}),
    ("schema", {}, {"comment": "written by an assistant in the UI"}),
    ("schema", {"storage_root": "s3://bucket/x/"}, {"storage_root": "s3://bucket/x"}),
    ("schema", {"owner": "Ana@Corp.com"}, {"owner": "ana@corp.com"}),
    ("grants", {"privileges": {"a@b.c": ["ALL PRIVILEGES"]}}, {"privileges": {"A@B.C": ["ALL_PRIVILEGES"]}}),
    ("grants", {"privileges": {"x": ["SELECT", "USE SCHEMA"]}}, {"privileges": {"x": ["USE_SCHEMA", "SELECT"]}}),
    ("grants", {"privileges": {"x": ["SELECT"]}}, {"privileges": {"x": ["SELECT", "MODIFY"], "y": ["SELECT"]}}),
    ("share", {"objects": [{"name": "a.b.c"}, {"name": "a.b.d"}]}, {"objects": [{"name": "a.b.d"}, {"name": "a.b.c"}]}),
    ("share", {"objects": [{"name": "a.b", "type": "SCHEMA"}]}, {"objects": {"SCHEMA:a.b": {"shared_as": "b"}}}),
]


@pytest.mark.parametrize(("kind", "desired", "actual"), NEVER_DIFFERENT)
def test_spellings_of_one_value_are_no_difference(kind: str, desired: dict[str, Any], actual: dict[str, Any]) -> None:
    rtype = TYPES[kind]
    assert diff(rtype, None, rtype.canonical(desired), rtype.canonical(actual)) == ()


CAUSES = [
    ({"comment": "old"}, {"comment": "new"}, {"comment": "old"}, Cause.CONFIG),
    ({"comment": "same"}, {"comment": "same"}, {"comment": "edited"}, Cause.DRIFT),
    ({"comment": "old"}, {"comment": "new"}, {"comment": "edited"}, Cause.BOTH),
    (None, {"comment": "new"}, {"comment": "theirs"}, Cause.IMPORT),
    ({}, {"comment": "new"}, {"comment": "theirs"}, Cause.CONFIG),
    ({"comment": None}, {"comment": "new"}, {"comment": "edited"}, Cause.BOTH),
]


@pytest.mark.parametrize(("applied", "desired", "actual", "cause"), CAUSES)
def test_three_values_tell_who_made_the_difference(
    applied: dict[str, Any] | None, desired: dict[str, Any], actual: dict[str, Any], cause: Cause
) -> None:
    (change,) = diff(TYPES["schema"], applied, desired, actual)
    assert (change.cause, change.before, change.after) == (cause, actual["comment"], desired["comment"])


def test_a_column_that_leaves_the_file_is_no_drift_for_what_was_never_declared_of_it() -> None:
    table = TYPES["table"]
    kept = {"name": "id", "type": "bigint"}
    applied = table.canonical({"columns": [kept, {"name": "Note", "type": "string"}]})
    desired = table.canonical({"columns": [kept]})
    for theirs, cause in (("string", Cause.CONFIG), ("binary", Cause.BOTH)):
        note = {"name": "Note", "type": theirs, "nullable": True, "comment": "theirs"}
        actual = table.canonical({"columns": [kept | {"nullable": True, "comment": None}, note]})
        (change,) = diff(table, applied, desired, actual)
        assert (change.path, change.after, change.cause) == (("columns", "note"), None, cause)


def test_what_is_declared_or_taken_away_for_the_first_time_is_no_drift() -> None:
    """Whatever was there before, no apply had decided on it."""
    held = {"tags": {"team": "theirs", "other": "x"}}
    mine = {"mode": "additive", "tags": {"other": "x"}}
    declared, all_of_them = {"tags": {"other": "x", "team": "ours"}}, {"mode": "authoritative", "tags": {"other": "x"}}
    unset = {"tags": {"other": "x", "team": None}}
    for desired in (declared, all_of_them, unset):
        (change,) = diff(TYPES["tags"], mine, desired, held)
        assert (change.path, change.cause) == (("tags", "team"), Cause.CONFIG)
    (change,) = diff(TYPES["tags"], all_of_them, all_of_them, held)
    assert (change.path, change.cause) == (("tags", "team"), Cause.DRIFT)


def grants(**privileges: list[str]) -> dict[str, Any]:
    return TYPES["grants"].canonical({"privileges": privileges})


def test_a_privilege_that_left_the_file_is_revoked_and_only_that_one() -> None:
    applied, desired = grants(ana=["SELECT", "MODIFY"]), grants(ana=["SELECT"])
    (change,) = diff(TYPES["grants"], applied, desired, grants(ana=["SELECT", "MODIFY", "EXECUTE"], bob=["SELECT"]))
    assert change.path == ("privileges", "ana", "MODIFY")
    assert (change.before, change.after, change.lossy) == (True, None, True)


def test_a_principal_that_left_the_file_loses_what_we_gave_and_keeps_the_rest() -> None:
    changes = diff(TYPES["grants"], grants(ana=["SELECT"]), grants(), grants(ana=["SELECT", "MODIFY"]))
    assert [(change.path, change.before) for change in changes] == [(("privileges", "ana"), {"SELECT": True})]


def test_authoritative_grants_revoke_what_nobody_declared() -> None:
    desired = {**grants(ana=["SELECT"]), "mode": "authoritative"}
    changes = diff(TYPES["grants"], desired, desired, grants(ana=["SELECT"], bob=["MODIFY"]))
    assert [change.path for change in changes] == [("privileges", "bob")]


def table(**columns: dict[str, Any]) -> dict[str, Any]:
    return TYPES["table"].canonical({"columns": columns})


def test_an_added_column_is_additive() -> None:
    applied = table(a={"type": "int"})
    (change,) = diff(TYPES["table"], applied, table(a={"type": "int"}, b={"type": "string"}), applied)
    assert (change.path, change.effect, change.lossy) == (("columns", "b"), Effect.ADDITIVE, False)


def test_a_column_that_left_the_file_is_a_lossy_change() -> None:
    applied = table(a={"type": "int"}, b={"type": "string"})
    (change,) = diff(TYPES["table"], applied, table(a={"type": "int"}), applied)
    assert (change.path, change.after, change.lossy) == (("columns", "b"), None, True)


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [("int", "bigint", Effect.UPDATE), ("bigint", "int", Effect.REPLACE), ("float", "string", Effect.REPLACE)],
)
def test_a_type_widens_in_place_and_changes_otherwise_by_replacement(before: str, after: str, effect: Effect) -> None:
    (change,) = diff(TYPES["table"], None, table(a={"type": after}), table(a={"type": before}))
    assert change.effect is effect


def test_an_attribute_that_left_the_file_is_no_longer_managed() -> None:
    applied = table(a={"type": "int", "comment": "ours"})
    assert diff(TYPES["table"], applied, table(a={"type": "int"}), table(a={"type": "int", "comment": "theirs"})) == ()


def test_a_column_s_name_keeps_its_case_and_is_found_in_any() -> None:
    declared = TYPES["table"].canonical({"columns": [{"name": "OrderId", "type": "int"}]})
    assert declared["columns"] == {"orderid": {"name": "OrderId", "type": "int"}}
    assert diff(TYPES["table"], None, declared, table(orderid={"type": "int"})) == ()


def test_a_list_changes_as_a_whole() -> None:
    (change,) = diff(TYPES["table"], {}, {"clustered_by": ["a", "b"]}, {"clustered_by": ["a", "c"]})
    assert (change.path, change.before, change.after) == (("clustered_by",), ["a", "c"], ["a", "b"])


def test_a_declared_null_removes_a_property() -> None:
    (change,) = diff(TYPES["schema"], {}, {"properties": {"k": None}}, {"properties": {"k": "v", "other": "w"}})
    assert (change.path, change.before, change.after) == (("properties", "k"), "v", None)


def test_ignored_paths_are_not_looked_at() -> None:
    desired, actual = {"comment": "a", "properties": {"k": "v"}}, {"comment": "b", "properties": {"k": "w"}}
    assert diff(TYPES["schema"], {}, desired, actual, ["comment", "properties.*"]) == ()


values = st.fixed_dictionaries(
    {},
    optional={
        "comment": st.none() | st.text(max_size=3),
        "properties": st.dictionaries(st.sampled_from("abc"), st.text(max_size=2), max_size=3),
        "owner": st.sampled_from(["x", "y@z"]),
    },
)


@given(applied=st.none() | values, desired=values, actual=values)
def test_carrying_out_the_changes_leaves_no_difference(
    applied: dict[str, Any] | None, desired: dict[str, Any], actual: dict[str, Any]
) -> None:
    rtype = TYPES["schema"]
    applied = rtype.canonical(applied) if applied is not None else None
    desired, actual = rtype.canonical(desired), rtype.canonical(actual)
    for change in diff(rtype, applied, desired, actual):
        holder = actual
        for step in change.path[:-1]:
            holder = holder.setdefault(step, {})
        if change.after is None:
            holder.pop(change.path[-1], None)
        else:
            holder[change.path[-1]] = change.after
    assert diff(rtype, applied, desired, actual) == ()
    assert diff(rtype, desired, desired, actual) == ()


@given(value=values)
def test_equal_values_are_no_difference(value: dict[str, Any]) -> None:
    rtype = TYPES["schema"]
    value = rtype.canonical(value)
    assert diff(rtype, None, value, value) == diff(rtype, value, value, value) == ()


@given(value=values)
def test_canonical_forms_are_stable(value: dict[str, Any]) -> None:
    once = TYPES["schema"].canonical(value)
    assert TYPES["schema"].canonical(once) == once
