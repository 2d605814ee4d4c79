"""Drift: what nobody asked for, and nothing else."""

from dataclasses import replace

import pytest

from replicator.address import Side
from replicator.engine.drift import Clock, DriftItem, DriftKind, DriftReport, find_drift
from replicator.engine.remedies import Remedy
from replicator.engine.snapshot import Scope, Snapshot
from replicator.engine.state import Entry
from replicator.resources.base import CloneRecord, DeltaVersion
from tests.engine.build import found, snapshot, state


def kinds(entries: dict[str, Entry], *have: object) -> list[tuple[str, DriftKind]]:
    snapshots = {Side.SOURCE: snapshot(Side.SOURCE), Side.TARGET: snapshot(Side.TARGET, *have)}  # type: ignore[arg-type]
    return [(item.address, item.kind) for item in find_drift(state(entries), snapshots).items]


def test_a_field_that_somebody_changed() -> None:
    entries = {"target:schema/m.s": Entry(inputs={"comment": "ours"})}
    assert kinds(entries, found("schema", "m.s", {"comment": "theirs"})) == [("target:schema/m.s", DriftKind.CHANGED)]
    assert kinds(entries, found("schema", "m.s", {"comment": "ours", "properties": {"x": "y"}})) == []


def test_an_object_that_is_gone() -> None:
    assert kinds({"target:schema/m.s": Entry()}) == [("target:schema/m.s", DriftKind.DELETED)]


def test_an_object_that_was_made_anew_under_the_same_name() -> None:
    entries = {"target:table/m.s.t": Entry(id="ours")}
    assert kinds(entries, found("table", "m.s.t", id="theirs")) == [("target:table/m.s.t", DriftKind.MADE_ANEW)]


def test_access_that_was_opened_although_plan_leaves_it_alone() -> None:
    inputs = {"privileges": {"ana": {"SELECT": True}}}
    entries = {"target:grants/schema/m.s": Entry(inputs=inputs, watched={"privileges": [["ana", "SELECT"]]})}
    have = found("grants", "schema/m.s", {"privileges": {"ana": ["SELECT"], "eve": ["SELECT"]}})
    assert kinds(entries, have) == [("target:grants/schema/m.s", DriftKind.ACCESS_GAINED)]


def test_what_cannot_be_read_is_unknown_and_not_gone() -> None:
    snapshots = {
        Side.SOURCE: snapshot(Side.SOURCE),
        Side.TARGET: snapshot(Side.TARGET, unknown={"schema/m.*": "403"}),
    }
    (item,) = find_drift(state({"target:schema/m.s": Entry()}), snapshots).items
    assert item.kind is DriftKind.UNKNOWN


COPY = Entry(inputs={"source": "shared.s.t", "origin": "source:table/main.s.t"}, outputs={"source_version": 3})


def the_copy(source: Snapshot) -> DriftItem:
    version = DeltaVersion(1, "", CloneRecord("shared.s.t", 3, 1))
    target = snapshot(Side.TARGET, found("table", "dr.s.t", version=version))
    (item,) = find_drift(state({"target:clone/dr.s.t": COPY}), {Side.SOURCE: source, Side.TARGET: target}).items
    return item


def test_an_origin_that_may_not_be_read_is_not_said_to_be_gone() -> None:
    item = the_copy(snapshot(Side.SOURCE, unknown={"table/main.s.*": "403 no USE SCHEMA"}))
    assert (item.kind, "403 no USE SCHEMA" in item.message) == (DriftKind.UNKNOWN, True)
    assert "does not exist" not in item.message


def test_an_origin_that_nobody_read_is_not_said_to_be_gone() -> None:
    for catalogs in ({}, {"main": frozenset({"other"})}):
        item = the_copy(replace(snapshot(Side.SOURCE), scope=Scope(catalogs=catalogs)))
        assert "nobody looked for it" in item.message
    for read in (None, frozenset({"s"})):
        assert (
            "does not exist" in the_copy(replace(snapshot(Side.SOURCE), scope=Scope(catalogs={"main": read}))).message
        )


def test_what_the_lifecycle_ignores_is_no_drift() -> None:
    entry = Entry(inputs={"comment": "ours"}, ignore=("comment",))
    assert kinds({"target:schema/m.s": entry}, found("schema", "m.s", {"comment": "theirs"})) == []
    grants = Entry(inputs={"privileges": {}}, watched={"privileges": []}, ignore=("privileges.eve.*",))
    have = found("grants", "schema/m.s", {"privileges": {"eve": ["SELECT"]}})
    assert kinds({"target:grants/schema/m.s": grants}, have) == []


def one(
    entries: dict[str, Entry], *have: object, source: Snapshot | None = None, clock: Clock | None = None
) -> DriftItem:
    target = snapshot(Side.TARGET, *have)  # type: ignore[arg-type]
    snapshots = {Side.SOURCE: source or snapshot(Side.SOURCE), Side.TARGET: target}
    (item,) = find_drift(state(entries), snapshots, clock=clock).items
    return item


TABLE = "target:table/m.s.t"
COLUMNS = {"columns": {"id": {"type": "bigint"}}}


def test_each_drift_names_its_own_way_out() -> None:
    schema, grants = {"target:schema/m.s": Entry(inputs={"comment": "ours"})}, "target:grants/schema/m.s"
    assert one(schema, found("schema", "m.s", {"comment": "theirs"})).remedy is Remedy.APPLY
    table = {TABLE: Entry(inputs=COLUMNS)}
    narrowed = one(table, found("table", "m.s.t", {"columns": {"id": {"type": "string"}}}))
    assert (narrowed.remedy, narrowed.command) == (Remedy.RELEASE, f"replicator apply --allow-destroy {TABLE}")
    gone = one(table)
    assert (gone.remedy, gone.command) == (Remedy.UNDROP, "UNDROP TABLE m.s.t")
    anew = one({TABLE: Entry(id="ours")}, found("table", "m.s.t", id="theirs"))
    assert (anew.remedy, anew.command) == (Remedy.FORGET, f"replicator state forget {TABLE}")
    given = {"privileges": {"ana": {"SELECT": True}}}
    more = found("grants", "schema/m.s", {"privileges": {"ana": ["SELECT"], "eve": ["SELECT"]}})
    opened = one({grants: Entry(inputs=given, watched={"privileges": [["ana", "SELECT"]]})}, more)
    assert (opened.remedy, opened.command) == (Remedy.BY_HAND, f"replicator drift --accept {grants}")
    hidden = the_copy(snapshot(Side.SOURCE, unknown={"table/main.s.*": "403"}))
    assert hidden.remedy is Remedy.PERMISSION
    assert the_copy(snapshot(Side.SOURCE)).remedy is Remedy.SOURCE


def test_what_authoritative_grants_take_back_is_one_change_that_apply_undoes() -> None:
    given = {"mode": "authoritative", "privileges": {"ana": {"SELECT": True}}}
    entry = Entry(inputs=given, watched={"privileges": [["ana", "SELECT"]]})
    more = found("grants", "schema/m.s", {"privileges": {"ana": ["SELECT"], "eve": ["SELECT"]}})
    item = one({"target:grants/schema/m.s": entry}, more)
    assert (item.kind, item.remedy) == (DriftKind.CHANGED, Remedy.APPLY)


def test_undoing_more_than_plan_lets_through_at_once_needs_a_release() -> None:
    entries = {f"target:schema/m.s{number}": Entry(inputs={"comment": "ours"}) for number in range(20)}
    have = [found("schema", f"m.s{number}", {"comment": "theirs" if number < 7 else "ours"}) for number in range(20)]
    snapshots = {Side.SOURCE: snapshot(Side.SOURCE), Side.TARGET: snapshot(Side.TARGET, *have)}
    items = find_drift(state(entries), snapshots).items
    assert {(item.remedy, item.command) for item in items} == {
        (Remedy.RELEASE, "replicator apply --allow-destroy TH101")
    }


def lagging(limit: dict[str, float], *, since: str | None = None) -> DriftReport:
    """A copy at version 3 of an origin at version 9, looked at on the second of January at noon."""
    entry = COPY.model_copy(update={"inputs": {**COPY.inputs, "max_lag": limit}})
    origin = snapshot(Side.SOURCE, found("table", "main.s.t", version=DeltaVersion(9, "")))
    copy = found("table", "dr.s.t", version=DeltaVersion(1, "", CloneRecord("shared.s.t", 3, 1)))
    waiting = {"target:clone/dr.s.t": since} if since else {}
    clock = Clock("2027-01-02T12:00:00+00:00", waiting)
    snapshots = {Side.SOURCE: origin, Side.TARGET: snapshot(Side.TARGET, copy)}
    return find_drift(state({"target:clone/dr.s.t": entry}), snapshots, clock=clock)


@pytest.mark.parametrize(
    ("limit", "since", "message"),
    [
        ({"versions": 5}, None, "6 versions behind, more than the 5 versions of its max_lag"),
        ({"hours": 24}, "2027-01-01T11:59:00+00:00", "6 versions behind, more than the 24 hours of its max_lag"),
        (
            {"versions": 1, "hours": 0.5},
            "2027-01-02T11:00:00+00:00",
            "6 versions behind, more than the 1 version and the 0.5 hours of its max_lag",
        ),
    ],
)
def test_lag_beyond_its_limit_is_drift(limit: dict[str, float], since: str | None, message: str) -> None:
    report = lagging(limit, since=since)
    assert [(item.kind, item.message, item.remedy) for item in report.items] == [
        (DriftKind.LAG_EXCEEDED, message, Remedy.APPLY)
    ]
    assert report.lag == ()


def test_lag_within_its_limit_is_none() -> None:
    for limit, since in (({"versions": 6}, None), ({"hours": 24}, "2027-01-01T12:00:00+00:00"), ({}, None)):
        report = lagging(limit, since=since)
        assert (report.items, [item.versions for item in report.lag]) == ((), [6])
    assert lagging({"versions": 5}).items[0].fingerprint == lagging({"versions": 2}).items[0].fingerprint


def test_a_limit_in_hours_that_nobody_can_tell_about_is_not_said_to_be_kept() -> None:
    (item,) = lagging({"hours": 24}).items
    assert (item.kind, item.remedy) == (DriftKind.UNKNOWN, Remedy.PERMISSION)


def test_nothing_of_a_copy_is_undone_while_a_guard_holds_back_its_data() -> None:
    entry = COPY.model_copy(update={"inputs": {**COPY.inputs, "comment": "ours"}})
    written = DeltaVersion(2, "", CloneRecord("shared.s.t", 3, 1), foreign=(2, "WRITE"))
    copy = found("table", "dr.s.t", {"comment": "theirs"}, version=written)
    origin = snapshot(Side.SOURCE, found("table", "main.s.t", version=DeltaVersion(3, "")))
    snapshots = {Side.SOURCE: origin, Side.TARGET: snapshot(Side.TARGET, copy)}
    items = find_drift(state({"target:clone/dr.s.t": entry}), snapshots).items
    assert {item.kind for item in items} == {DriftKind.CHANGED, DriftKind.REPLICA_WRITTEN}
    assert {item.remedy for item in items} == {Remedy.RELEASE}


def test_it_says_who_changed_the_object_last() -> None:
    told = {"updated_by": "ana@corp.com", "updated_at": 1795363391000, "created_by": "us", "created_at": 1}
    entries = {"target:schema/m.s": Entry(inputs={"comment": "ours"})}
    item = one(entries, found("schema", "m.s", {"comment": "theirs"}, info=told))
    assert (item.by, item.at) == ("ana@corp.com", "2026-11-22T16:03:11+00:00")
    assert item.fingerprint == one(entries, found("schema", "m.s", {"comment": "theirs"})).fingerprint
