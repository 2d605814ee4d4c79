"""Drift: what nobody asked for, and nothing else."""

from dataclasses import replace

from replicator.address import Side
from replicator.engine.drift import DriftItem, DriftKind, find_drift
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
