"""Copies: made at a pinned version, brought up to date with the files they lack, judged by their own history."""

from dataclasses import replace
from typing import Any

import pytest

from replicator.address import Side
from replicator.errors import AlreadyExists, WorkspaceError
from replicator.resources import TYPES
from replicator.resources.base import CloneRecord, DeltaVersion, Lag, Observed, Task
from replicator.resources.catalog import Catalog
from replicator.resources.clone import PIPELINE_PROPERTIES, Clone, lag
from replicator.resources.grants import Grants
from replicator.resources.recipient import Recipient
from replicator.resources.share import Share, SharedObject
from replicator.workspace import read_versions

from .conftest import LINEAGE, Bench, at

BEGIN = """
CREATE CATALOG c; CREATE SCHEMA c.s;
CREATE TABLE c.s.t (id INT NOT NULL, note STRING) COMMENT 'the original';
INSERT INTO c.s.t VALUES (1, 'a'); INSERT INTO c.s.t VALUES (2, 'b')
"""
ORIGIN, COPY = at("source:table/c.s.t"), at("source:clone/c.s.copy")
WANTED = Clone(side=Side.SOURCE, name="c.s.copy", source="c.s.t", origin=str(ORIGIN), comment="it's a copy")


def synced(bench: Bench, clone: Clone = WANTED) -> dict[str, Any]:
    rtype = TYPES["clone"]
    assert rtype.sync is not None
    origin = bench.origin(at(clone.origin))
    task = Task(clone.address, rtype.declared(clone), LINEAGE, bench.read(clone.address), origin=origin)
    return rtype.sync(bench.writer(clone.side), task)


def test_a_copy_is_made_with_what_clone_does_not_carry(bench: Bench) -> None:
    bench.run(BEGIN)
    outputs = bench.settle(WANTED, bench.origin(ORIGIN))
    found = bench.there(COPY)
    assert found.mark == LINEAGE
    assert found.fields["comment"] == "it's a copy"
    assert outputs["source_version"] == 2
    assert outputs["copied_files"] == 2
    assert outputs["copied_bytes"] > 0
    assert outputs["origin_id"] == bench.there(ORIGIN).id
    assert len(bench.writer().query("SELECT * FROM c.s.copy")) == 2


def test_a_sync_copies_only_files_that_the_copy_lacks(bench: Bench) -> None:
    bench.run(BEGIN)
    bench.settle(WANTED, bench.origin(ORIGIN))
    bench.run("INSERT INTO c.s.t VALUES (3, 'c')")
    assert synced(bench)["copied_files"] == 1
    assert synced(bench)["copied_files"] == 0


def test_the_version_that_was_planned_is_copied_although_the_source_moved_on(bench: Bench) -> None:
    bench.run(BEGIN)
    planned = bench.origin(ORIGIN)
    bench.run("INSERT INTO c.s.t VALUES (3, 'c')")
    bench.settle(WANTED, planned)
    assert len(bench.writer().query("SELECT * FROM c.s.copy")) == 2


def test_without_a_known_version_nothing_is_copied(bench: Bench) -> None:
    bench.run(BEGIN)
    with pytest.raises(WorkspaceError, match="version"):
        bench.settle(WANTED, bench.there(ORIGIN))
    assert bench.read(COPY) is None


def test_the_copy_of_a_backing_table_does_not_pass_for_the_pipelines(bench: Bench) -> None:
    bench.run(BEGIN + "; CREATE STREAMING TABLE c.s.stream AS SELECT * FROM STREAM(c.s.t)")
    raw = bench.writer().get("/api/2.1/unity-catalog/tables/c.s.stream")
    backing = f"c.s.__materialization_mat_{raw['pipeline_id'].replace('-', '_')}_stream_1"
    copy = Clone(side=Side.SOURCE, name="c.s.copy", source=backing, origin=f"source:table/{backing}")
    bench.settle(copy, bench.origin(at(copy.origin)))
    found = bench.there(COPY)
    assert found.info["table_type"] == "MANAGED"
    assert not set(PIPELINE_PROPERTIES) & found.fields["properties"].keys()
    bench.run(f"ALTER TABLE c.s.copy SET TBLPROPERTIES ('{PIPELINE_PROPERTIES[0]}' = 'p1')")
    synced(bench, copy)
    assert not set(PIPELINE_PROPERTIES) & bench.there(COPY).fields["properties"].keys()
    assert len(bench.writer().query("SELECT * FROM c.s.copy")) == 2


def test_the_first_copy_never_replaces_a_table_that_was_made_meanwhile(bench: Bench) -> None:
    """Looked for, found absent, made by somebody else, and only then cloned."""
    bench.run(BEGIN)
    rtype, origin = TYPES["clone"], bench.origin(ORIGIN)
    task = Task(COPY, rtype.declared(WANTED), LINEAGE, bench.read(COPY), origin=origin)
    bench.run("CREATE TABLE c.s.copy (precious STRING); INSERT INTO c.s.copy VALUES ('x')")
    assert rtype.create is not None
    with pytest.raises(AlreadyExists):
        rtype.create(bench.writer(), task)
    assert bench.writer().query("SELECT * FROM c.s.copy") == [{"precious": "x"}]


def test_a_copy_that_still_passes_for_the_pipelines_own_table_is_due_for_a_sync() -> None:
    """The run died between the clone and the statement that takes the pipeline's properties away."""
    passing = replace(copy(7), fields={**copy(7).fields, "properties": {PIPELINE_PROPERTIES[0]: "p1"}})
    report = lag(DESIRED, passing, table(7), DONE)
    assert (report.lag, report.versions) == (Lag.BEHIND, 0)
    assert lag(DESIRED, copy(7), table(7), DONE).lag is Lag.CURRENT


def test_a_shared_table_is_copied_into_the_other_metastore(bench: Bench) -> None:
    bench.run(BEGIN)
    target, there = bench.writer(Side.TARGET), Side.TARGET
    identifier = target.identity().global_id
    bench.settle(Recipient(side=Side.SOURCE, name="other", metastore_id=identifier))
    bench.settle(Share(side=Side.SOURCE, name="sh", objects=(SharedObject(name="c.s.t", shared_as="s_share.t"),)))
    bench.settle(Grants(side=Side.SOURCE, name="share/sh", privileges={"other": ("SELECT",)}))
    provider = bench.writer().identity().global_id
    assert bench.there(at(f"target:provider/{provider}")).info["provider_name"] == "the-source"
    bench.settle(Catalog(side=there, name="shared", share_name="sh", provider_id=provider))
    bench.run("CREATE CATALOG dr; CREATE SCHEMA dr.s", there)
    copy = Clone(side=there, name="dr.s.t", source="shared.s_share.t", origin=str(ORIGIN))
    bench.settle(copy, bench.origin(ORIGIN))
    assert len(target.query("SELECT * FROM dr.s.t")) == 2
    bench.delete(at("target:catalog/shared"))
    assert bench.read(at("target:catalog/shared")) is None


# ---- lag


def table(version: int | None, **fields: Any) -> Observed:
    columns = {"id": {"type": "int", "nullable": False}, "note": {"type": "string", "nullable": True}}
    found = DeltaVersion(version, "") if version is not None else None
    return Observed("c.s.t", {"columns": {**columns, **fields}}, id="1", version=found)


def copy(source_version: int | None, foreign: tuple[int, str] | None = None) -> Observed:
    held = CloneRecord("c.s.t", source_version, 4) if source_version is not None else None
    return replace(table(0), version=DeltaVersion(foreign[0] if foreign else 4, "", held, foreign))


DESIRED = {"source": "c.s.t", "origin": str(ORIGIN)}
DONE = {"origin_id": "1", "source_version": 7}


@pytest.mark.parametrize(
    ("held", "origin", "outputs", "expected"),
    [
        (copy(7), table(7), DONE, Lag.CURRENT),
        (copy(5), table(7), DONE, Lag.BEHIND),
        (None, table(7), {}, Lag.NEVER_COPIED),
        (copy(None), table(7), {}, Lag.NEVER_COPIED),
        (copy(None), table(7), DONE, Lag.FOREIGN_WRITE),
        (copy(7, (5, "WRITE")), table(7), DONE, Lag.FOREIGN_WRITE),
        (copy(5, (5, "DELETE")), table(7), DONE, Lag.FOREIGN_WRITE),
        (copy(9), table(7), DONE, Lag.RECREATED),
        (copy(7), replace(table(7), id="2"), DONE, Lag.RECREATED),
        (copy(7), None, DONE, Lag.UNKNOWN),
        (copy(7), table(None), DONE, Lag.UNKNOWN),
        (replace(copy(7), version=None), table(7), DONE, Lag.UNKNOWN),
    ],
)
def test_a_copy_is_judged_by_its_own_history(
    held: Observed | None, origin: Observed | None, outputs: dict[str, Any], expected: Lag
) -> None:
    report = lag(DESIRED, held, origin, outputs)
    assert report.lag is expected
    assert report.why
    assert report.versions == (2 if expected is Lag.BEHIND else 0)


@pytest.mark.parametrize(
    ("change", "breaks"),
    [
        ({"added": {"type": "int", "nullable": True}}, 0),
        ({"id": {"type": "bigint", "nullable": False}}, 1),
        ({"id": {"type": "int", "nullable": True}}, 1),
        ({"note": {"type": "int", "nullable": False}}, 1),
    ],
)
def test_an_added_column_follows_and_any_other_change_of_the_schema_is_told(change: Any, breaks: int) -> None:
    assert len(lag(DESIRED, copy(5), table(7, **change), DONE).breaks) == breaks
    assert lag({**DESIRED, "enforce_schema": False}, copy(5), table(7, **change), DONE).breaks == ()


def test_a_column_that_is_gone_is_told() -> None:
    origin = replace(table(7), fields={"columns": {"id": {"type": "int", "nullable": False}}})
    assert lag(DESIRED, copy(5), origin, DONE).breaks == ("column note is gone",)


def test_a_replica_that_somebody_made_anew_is_not_overwritten_silently(bench: Bench) -> None:
    bench.run(BEGIN)
    outputs = bench.settle(WANTED, bench.origin(ORIGIN))
    bench.run(
        "DROP TABLE c.s.copy; CREATE TABLE c.s.copy (id INT, precious STRING); INSERT INTO c.s.copy VALUES (1, 'x')"
    )
    held = replace(bench.there(COPY), version=read_versions(bench.writer(), ["c.s.copy"], clones=True)["c.s.copy"])
    assert lag(DESIRED, held, bench.origin(ORIGIN), outputs).lag is Lag.FOREIGN_WRITE
