"""Saved snapshots: the same when read back, silent about secrets, and never taken for more than was looked at."""

from dataclasses import replace

import pytest

from replicator.address import Side
from replicator.engine.saved import Saved, dump, lacks, load
from replicator.engine.snapshot import Metastore, Scope, Snapshot
from replicator.errors import ConfigError
from replicator.resources.base import CloneRecord, DeltaVersion, Observed
from replicator.values import keep_secret

COLUMNS = {"id": {"type": "bigint", "nullable": False, "comment": None}}
HAD = Scope(
    catalogs={"main": None, "bk": frozenset({"s"})},
    shares=frozenset({"sh"}),
    grants=frozenset({"schema/main.s"}),
    names=frozenset({"table/main.s.t"}),
    glance={"main": frozenset({"s"})},
)


def a_snapshot(side: Side) -> Snapshot:
    version = DeltaVersion(7, "2026-01-01T00:00:00.000+00:00", CloneRecord("main.s.t", 3, 6), (7, "WRITE"))
    tables = [
        Observed("main.s.t", {"columns": COLUMNS, "comment": "é"}, "id", "mark", version, {"table_type": "MANAGED"}),
        Observed("main.s.u", {"columns": dict(COLUMNS)}, None, None, DeltaVersion(1, "")),
        Observed("main.s.v", {}, info={"glance": True}),
    ]
    metastore = Metastore("uuid", "aws:x:uuid", "https://host", "me")
    objects = {"table": {item.name: item for item in tables}, "share": {}}
    return Snapshot(side, metastore, objects, {"schema/x.*": "denied"}, scope=HAD, notes=("a note",))


def saved() -> Saved:
    return Saved("prod", "lineage", 4, "2026-01-02T00:00:00+00:00", {side: a_snapshot(side) for side in Side})


def test_it_is_the_same_when_read_back_and_equal_columns_are_one_object() -> None:
    again = load(dump(saved()), where="x")
    assert again == saved()
    tables = again.snapshots[Side.SOURCE].objects["table"]
    assert tables["main.s.t"].fields["columns"] is tables["main.s.u"].fields["columns"]


def test_a_secret_that_this_process_knows_is_not_in_it() -> None:
    keep_secret("dapi-very-secret-value")
    source = a_snapshot(Side.SOURCE)
    told = {"table": {"a.b.c": Observed("a.b.c", {"comment": "use dapi-very-secret-value"})}}
    text = dump(replace(saved(), snapshots={Side.SOURCE: replace(source, objects=told), Side.TARGET: source}))
    assert "very-secret" not in text
    assert load(text, where="x").snapshots[Side.SOURCE].objects["table"]["a.b.c"].fields["comment"] == "use ***"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1}', "null", dump(saved())[:-40]])
def test_what_is_no_snapshot_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.json: not a saved snapshot"):
        load(text, where="x.json")


def test_another_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="format 2"):
        load(dump(saved()).replace('"format_version":1', '"format_version":2', 1), where="x")


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (HAD, None),
        (Scope(catalogs={"main": frozenset({"s"})}, glance={"main": frozenset()}), None),
        (Scope(catalogs={"bk": frozenset({"s", "more"})}), "catalog bk"),
        (Scope(catalogs={"bk": None}), "catalog bk"),
        (Scope(catalogs={"new": frozenset()}), "catalog new"),
        (Scope(catalogs={"main": None}), "catalog main in full"),
        (Scope(catalogs={"main": None}, glance={"main": frozenset({"other"})}), "catalog main in full"),
        (Scope(shares=frozenset({"sh", "other"})), "other"),
        (Scope(grants=frozenset({"table/main.s.t"})), "table/main.s.t"),
        (Scope(names=frozenset({"table/main.s.new"})), "table/main.s.new"),
        (Scope(recipients=True), "recipients and providers"),
    ],
)
def test_what_nobody_looked_for_is_not_absent(wanted: Scope, missing: str | None) -> None:
    assert lacks(a_snapshot(Side.SOURCE), wanted) == missing
