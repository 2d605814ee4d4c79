"""Histories of many tables in one statement: the way without a parser answers as the two with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from replicator.emulator.delta import log
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.sql import history_listing, history_union, query

from .sql_support import Warehouse, open_warehouse

_ALL = (
    "version, timestamp, userId, userName, operation, operationParameters, readVersion, isolationLevel, isBlindAppend,"
    " operationMetrics, userMetadata, engineInfo"
)
_NAMES = ("main.s.t", "s.t", "t", "`main`.`s`.`odd ``name`", "MAIN.S.T", "main.s.t")


@pytest.fixture
def db(tmp_path: Path) -> Warehouse:
    warehouse = open_warehouse(tmp_path)
    warehouse.run(
        "CREATE TABLE t (id BIGINT, x STRING) PARTITIONED BY (x)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        "DELETE FROM t WHERE id = 1",
        "CREATE TABLE u AS SELECT 1 AS a",
        "CREATE VIEW v AS SELECT id FROM t",
    )
    # A name that Unity Catalog refuses, but which a log may well have been registered under by others.
    doc = warehouse.session.store.get("us-east", "table", "main", "s", "u")
    assert doc is not None
    warehouse.session.store.put("us-east", "table", "main", "s", "odd `name", doc={**doc, "name": "odd `name"})
    return warehouse


def _union(template: str, names: tuple[str, ...] = _NAMES) -> str:
    return " UNION ALL ".join(template.format(name=name, n=number) for number, name in enumerate(names))


@pytest.mark.parametrize(
    "template",
    [
        "SELECT 'x{n}' AS t, version, timestamp, operation, operationParameters FROM (DESCRIBE HISTORY {name} LIMIT 1)",
        "SELECT 'x' AS t, " + _ALL + " FROM (DESCRIBE HISTORY {name})",
        "select 'it\\'s \\u0041 \\\\ {n}' as t, Version from (desc history {name} limit 2)",
        "SELECT 'ä😀' AS VERSION,\n  version ,VERSION\nFROM(DESCRIBE\tHISTORY {name} LIMIT 0 )",
        "SELECT '' AS t, timestamp FROM (DESCRIBE HISTORY {name} LIMIT 99)",
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_three_ways_to_one_answer(db: Warehouse, template: str, zone: str) -> None:
    db.run(f"SET TIME ZONE '{zone}'")
    text = _union(template)
    ordinary = query.select(db.session, text)
    parsed, chosen = history_union.parsed(db.session, text), history_union.select(db.session, text)
    assert parsed is not None
    assert chosen is not None
    for other in (parsed, chosen):
        assert other.schema.equals(ordinary.schema, check_metadata=True)
        assert _sorted(other) == _sorted(ordinary)
    assert chosen.column(0).to_pylist() == parsed.column(0).to_pylist()


def _sorted(table: pa.Table) -> list[str]:
    """UNION ALL promises no order."""
    return sorted(str(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_the_plain_form_needs_no_parser(db: Warehouse) -> None:
    text = _union("SELECT '{n}' AS t, version, operation FROM (DESCRIBE HISTORY {name} LIMIT 1)")
    listed = history_listing.select(db.session, text, 4)
    assert listed is not None
    assert listed.to_pylist()[0] == {"t": "0", "version": 2, "operation": "DELETE"}
    assert history_listing.select(db.session, text, 7) is None


@pytest.mark.parametrize(
    "template",
    [
        "SELECT 'x' AS t, max(version) AS v FROM (DESCRIBE HISTORY {name})",
        "SELECT 'x' AS t, version AS v FROM (DESCRIBE HISTORY {name})",
        "SELECT 'x' AS t, current_date FROM (DESCRIBE HISTORY {name})",
        "SELECT 'x' AS t, job FROM (DESCRIBE HISTORY {name})",
        "SELECT 'x' 'y' AS t, version FROM (DESCRIBE HISTORY {name})",
        "SELECT 'x' AS t, version FROM (DESCRIBE HISTORY {name}) WHERE version > 0",
        "SELECT 'x' AS t, version -- it\nFROM (DESCRIBE HISTORY {name})",
        "SELECT version, 'x' AS t FROM (DESCRIBE HISTORY {name})",
        "SELECT 'x' AS t, * FROM (DESCRIBE HISTORY {name})",
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(db: Warehouse, template: str) -> None:
    text = _union(template)
    assert history_listing.select(db.session, text, 4) is None
    assert _sorted(query.select(db.session, text)) == _sorted(_chosen(db, text))


def test_branches_of_several_shapes_are_left_to_the_parser(db: Warehouse) -> None:
    names = ("t, version", "t, version", "t, version", "t, readVersion")
    text = " UNION ALL ".join(f"SELECT 'x' AS {columns} FROM (DESCRIBE HISTORY main.s.t)" for columns in names)
    assert history_listing.select(db.session, text, 4) is None
    assert db.run(text)[-1]["version"] is None


def _chosen(db: Warehouse, text: str) -> pa.Table:
    found = history_union.select(db.session, text)
    return query.select(db.session, text) if found is None else found


def _said(run: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises((SqlError, ApiError)) as caught:
        run()
    return type(caught.value).__name__, str(caught.value)


@pytest.mark.parametrize(
    "bad",
    ["main.s.nope", "main.nope.t", "nope.s.t", "a.b.c.d", "main.s.v", "delta.`/nowhere`", "`x\ud800`", "main.s.t-x"],
)
def test_refusals_are_the_same(db: Warehouse, bad: str) -> None:
    plain = "SELECT 'x' AS t, version FROM (DESCRIBE HISTORY {name} LIMIT 1)"
    text = _union(plain, ("main.s.t", "t", bad, "main.s.other_nope", "t"))
    assert _said(lambda: history_union.select(db.session, text)) == _said(
        lambda: history_union.parsed(db.session, text)
    )


def test_who_may_not_see_a_table_may_not_see_its_history(db: Warehouse) -> None:
    text = _union("SELECT 'x' AS t, version FROM (DESCRIBE HISTORY {name} LIMIT 1)", ("main.s.t",) * 4)
    other = db.as_principal("ann@example.com")
    refused = _said(lambda: history_union.select(other.session, text))
    assert refused == _said(lambda: history_union.parsed(other.session, text))
    db.run(
        "GRANT USE CATALOG ON CATALOG main TO `ann@example.com`",
        "GRANT USE SCHEMA ON SCHEMA main.s TO `ann@example.com`",
        "GRANT SELECT ON TABLE main.s.t TO `ann@example.com`",
    )
    assert _chosen(other, text).num_rows == 4


def test_the_newest_version_is_listed_only_where_the_log_is_whole(db: Warehouse) -> None:
    (doc,) = (doc for doc in db.session.store.list("us-east", "table", "main", "s") if doc["name"] == "t")
    folder = Path(doc["_path"])
    copy = folder.with_name("copy")
    (copy / "_delta_log").mkdir(parents=True)
    for number in range(3):
        log.commit_file(copy, number).write_bytes(log.commit_file(folder, number).read_bytes())
    assert log.latest_version(copy) == 2
    assert log.snapshot(copy).version == 2
    log.commit_file(copy, 3).write_bytes(log.commit_file(folder, 2).read_bytes())
    assert log.latest_version(copy) == 3
    gap = folder.with_name("gap")
    (gap / "_delta_log").mkdir(parents=True)
    for number in (0, 1, 3):
        log.commit_file(gap, number).write_bytes(log.commit_file(folder, 0).read_bytes())
    assert log.latest_version(gap) == log.snapshot(gap).version == 1
    headless = folder.with_name("headless")
    (headless / "_delta_log").mkdir(parents=True)
    log.commit_file(headless, 1).write_bytes(log.commit_file(folder, 0).read_bytes())
    with pytest.raises(SqlError) as caught:
        log.latest_version(headless)
    assert caught.value.error_class == "DELTA_TRUNCATED_TRANSACTION_LOG"
