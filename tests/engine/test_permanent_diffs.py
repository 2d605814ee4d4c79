"""What other tools show as a change on every run, forever: here each is no difference, or one that goes away."""

from typing import Any

import pytest

from replicator.address import Side
from replicator.engine.actions import Do
from replicator.engine.diff import diff
from replicator.engine.state import Entry
from replicator.resources import TYPES
from replicator.resources.base import CloneRecord, DeltaVersion
from replicator.resources.catalog import Catalog
from replicator.resources.clone import Clone
from replicator.resources.share import Share, SharedObject
from tests.engine.build import LINEAGE, desired, found, plan, the_action


def changes(
    kind: str, desired: dict[str, Any], actual: dict[str, Any], applied: dict[str, Any] | None = None
) -> list[str]:
    """The paths that differ, after both spellings were made canonical."""
    rtype = TYPES[kind]
    known = rtype.canonical(applied) if applied is not None else None
    return [".".join(item.path) for item in diff(rtype, known, rtype.canonical(desired), rtype.canonical(actual))]


@pytest.mark.parametrize(
    ("written", "returned"),
    [
        ("integer", "int"),
        ("LONG", "bigint"),
        ("real", "float"),
        ("dec(5,2)", "decimal(5, 2)"),
        ("numeric", "decimal(10,0)"),
        ("map<double, double>", "MAP<DOUBLE,DOUBLE>"),
        ("array< struct<a: integer, b:string> >", "array<struct<a:int,b:string>>"),
        ("TIMESTAMP", "timestamp"),
    ],
)
def test_aliases_case_and_spaces_of_types(written: str, returned: str) -> None:
    assert changes("table", {"columns": [{"name": "a", "type": written}]}, {"columns": {"a": {"type": returned}}}) == []


def test_a_default_is_no_part_of_the_type() -> None:
    column = {"name": "at", "type": "timestamp"}
    returned = {"at": {"type": "timestamp", "default": "current_timestamp()"}}
    assert changes("table", {"columns": [column]}, {"columns": returned}) == []


def test_properties_that_the_platform_sets() -> None:
    returned = {
        "team": "data",
        "delta.lastUpdateVersion": "9",
        "delta.minReaderVersion": "3",
        "delta.feature.x": "supported",
    }
    assert changes("table", {"properties": {"team": "data"}}, {"properties": returned}) == []


@pytest.mark.parametrize("written", ["ALL PRIVILEGES", "ALL_PRIVILEGES", "all privileges"])
def test_all_privileges_in_each_spelling(written: str) -> None:
    assert changes("grants", {"privileges": {"x": [written]}}, {"privileges": {"x": ["ALL_PRIVILEGES"]}}) == []


def test_the_order_and_spelling_of_privileges() -> None:
    written, returned = ["USE SCHEMA", "select"], ["SELECT", "USE_SCHEMA"]
    assert changes("grants", {"privileges": {"x": written}}, {"privileges": {"x": returned}}) == []


def test_the_case_of_users_folds() -> None:
    assert (
        changes("grants", {"privileges": {"Ana@Corp.COM": ["SELECT"]}}, {"privileges": {"ana@corp.com": ["SELECT"]}})
        == []
    )
    assert changes("schema", {"owner": "Ana@Corp.com"}, {"owner": "ana@corp.com"}) == []


def test_the_case_of_groups_does_not() -> None:
    apart = changes("grants", {"privileges": {"Analysts": ["SELECT"]}}, {"privileges": {"analysts": ["SELECT"]}})
    assert apart == ["privileges.Analysts"]


def test_names_of_columns_fold_case() -> None:
    assert changes("table", {"columns": [{"name": "Id", "type": "int"}]}, {"columns": {"id": {"type": "int"}}}) == []


@pytest.mark.parametrize(
    ("kind", "field"), [("catalog", "storage_root"), ("schema", "storage_root"), ("table", "location")]
)
def test_a_slash_at_the_end_of_a_location(kind: str, field: str) -> None:
    assert changes(kind, {field: "s3://bucket/x/"}, {field: "s3://bucket/x"}) == []
    assert changes(kind, {field: "s3://bucket/x"}, {field: "s3://bucket/x/"}) == []


def test_the_order_of_a_share_s_objects() -> None:
    written = [{"name": "a.b.d"}, {"name": "a.b.c"}]
    assert changes("share", {"objects": written}, {"objects": [{"name": "a.b.c"}, {"name": "a.b.d"}]}) == []


def test_one_more_object_in_a_share_is_one_change() -> None:
    written = [{"name": "a.b.a"}, {"name": "a.b.c"}, {"name": "a.b.d"}]
    added = changes("share", {"objects": written}, {"objects": [{"name": "a.b.c"}, {"name": "a.b.d"}]})
    assert added == ["objects.TABLE:a.b.a"]


def test_an_alias_that_the_server_gives() -> None:
    returned = {"TABLE:a.b.c": {"shared_as": "b.c", "history": "ENABLED"}}
    assert changes("share", {"objects": [{"name": "a.b.c"}]}, {"objects": returned}) == []


def test_change_data_feed_that_sharing_history_implies() -> None:
    share = Share(side=Side.SOURCE, name="out", objects=(SharedObject(name="a.b.c"),))
    fields = {"objects": {"TABLE:a.b.c": {"history": "ENABLED", "cdf_enabled": True, "start_version": 0}}}
    have = found("share", "out", fields)
    known = {"source:share/out": Entry(inputs=TYPES["share"].declared(share))}
    assert plan(desired(share), source=(have,), entries=known).actions == ()


@pytest.mark.parametrize(("kind", "field"), [("schema", "comment"), ("share", "comment"), ("recipient", "comment")])
def test_nothing_and_empty_text(kind: str, field: str) -> None:
    assert changes(kind, {field: ""}, {field: None}) == []
    assert changes(kind, {field: None}, {field: ""}) == []
    assert changes(kind, {field: ""}, {}) == []


def test_a_field_that_nobody_declared() -> None:
    made = plan(
        desired(Catalog(side=Side.TARGET, name="main")),
        target=(found("catalog", "main", {"comment": "written by an assistant in the UI", "owner": "ana@corp.com"}),),
        entries={"target:catalog/main": Entry()},
    )
    assert made.actions == ()


def test_a_field_that_is_never_returned() -> None:
    """What a copy is cloned from is compared with what we applied, and not with what the table says."""
    clone = Clone(side=Side.TARGET, name="dr.s.t", source="shared.s.t", origin="source:table/main.s.t")
    version = DeltaVersion(1, "", CloneRecord("an_older_name.s.t", 3, 1))
    made = plan(
        desired(clone),
        source=(found("table", "main.s.t", version=DeltaVersion(3, "")),),
        target=(found("schema", "dr.s"), found("table", "dr.s.t", version=version, mark=LINEAGE)),
        entries={"target:clone/dr.s.t": Entry(inputs=TYPES["clone"].declared(clone), outputs={"source_version": 3})},
    )
    assert made.actions == ()


def test_an_update_that_would_be_empty_is_not_planned() -> None:
    """Importing what is as declared changes nothing, so that there is nothing to send."""
    made = plan(desired(Catalog(side=Side.TARGET, name="main", comment="")), target=(found("catalog", "main"),))
    action = the_action(made, "target:catalog/main")
    assert (action.do, action.changes) == (Do.IMPORT, ())
