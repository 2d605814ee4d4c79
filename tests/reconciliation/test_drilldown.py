"""From buckets to rows and columns in a fixed number of statements, however many rows differ."""

import pytest

from replicator.reconciliation.drilldown import Limits
from replicator.reconciliation.recipe import Hashing
from replicator.reconciliation.results import TABLES, append
from replicator.reconciliation.task import Settings
from replicator.reconciliation.verdicts import DifferenceCounts, Report, RowKind, Verdict, summarise

from .conftest import Bench

_ROWS = 3000
_SPOIL = (
    "UPDATE {t} SET name = 'x' WHERE id % 300 = 7",
    "DELETE FROM {t} WHERE id % 600 = 11",
    "INSERT INTO {t} SELECT id + 100000, 'secret', 0 FROM range(5)",
    "INSERT INTO {t} SELECT * FROM {t} WHERE id IN (1, 2, 3)",
)
_FOUND = DifferenceCounts(changed=10, missing=5, extra=5, duplicated=3)


@pytest.fixture
def scattered(bench: Bench) -> Bench:
    """10 changed, 5 missing, 5 extra and 3 duplicated rows among 3,000."""
    bench.run("CREATE TABLE {o} (id BIGINT, name STRING, amount BIGINT) USING DELTA")
    bench.run(f"INSERT INTO {{o}} SELECT id, concat('n', id), id * 7 FROM range({_ROWS})")
    bench.clone()
    bench.run(*_SPOIL)
    return bench


@pytest.mark.parametrize("hashing", Hashing)
def test_scattered_differences_are_all_found_in_three_statements_per_side(scattered: Bench, hashing: Hashing) -> None:
    result = scattered.check(key=("id",), settings=Settings(hashing=hashing))
    assert result.differences == _FOUND
    assert len(result.source.statements) == len(result.target.statements) == 3
    assert len(result.rows) == 10 + 5 + 5 + 3
    assert [(item.name, item.rows) for item in result.columns] == [("name", 10)]
    assert {row.key["id"] for row in result.rows if row.key and row.kind is RowKind.DUPLICATED} == {"1", "2", "3"}


def test_too_many_rows_in_the_buckets_are_cut_smaller_first(scattered: Bench) -> None:
    settings = Settings(buckets=64, limits=Limits(rows=500))
    result = scattered.check(key=("id",), settings=settings)
    assert (result.differences, result.complete) == (_FOUND, True)
    assert len(result.source.statements) == 4


def test_the_sample_shows_some_of_each_kind(scattered: Bench) -> None:
    result = scattered.check(key=("id",), settings=Settings(limits=Limits(sample=8)))
    assert result.differences == _FOUND
    assert {kind: sum(row.kind is kind for row in result.rows) for kind in RowKind} == dict.fromkeys(RowKind, 2)


def test_a_systemic_difference_names_columns_instead_of_rows(scattered: Bench) -> None:
    scattered.clone()
    scattered.run("UPDATE {t} SET amount = amount + 1 WHERE id % 2 = 0")
    result = scattered.check(key=("id",), settings=Settings(buckets=64, limits=Limits(systemic_rows=1000)))
    assert result.verdict is Verdict.MISMATCH
    assert (result.complete, result.rows, result.buckets_differing) == (False, (), 64)
    assert [item.name for item in result.columns] == ["amount"]
    assert result.message == "rows differ all over the table (64 of 64 buckets differ), in amount"
    assert len(result.source.statements) == 2


def test_rows_that_no_bucket_can_hold_apart_are_not_listed(scattered: Bench) -> None:
    result = scattered.check(key=("id",), settings=Settings(buckets=64, limits=Limits(rows=3)))
    assert (result.verdict, result.complete) == (Verdict.MISMATCH, False)
    assert {item.name for item in result.columns} == {"id", "name", "amount"}


def test_values_are_shown_only_when_asked_for(scattered: Bench) -> None:
    silent = scattered.check(key=("id",))
    assert all(row.source_values is None and row.target_values is None for row in silent.rows)
    assert "secret" not in silent.model_dump_json()
    loud = scattered.check(key=("id",), settings=Settings(limits=Limits(show_values=True)))
    changed = [row for row in loud.rows if row.kind is RowKind.CHANGED]
    assert all(row.target_values is not None and row.target_values["name"] == "x" for row in changed)
    assert {(row.source_values or {})["name"] for row in changed} == {f"n{300 * n + 7}" for n in range(10)}


def test_a_changed_key_is_one_row_missing_and_one_extra(scattered: Bench) -> None:
    scattered.clone()
    scattered.run("UPDATE {t} SET id = -1 WHERE id = 5")
    assert scattered.check(key=("id",)).differences == DifferenceCounts(missing=1, extra=1)


def test_keys_that_repeat_are_counted_as_a_multiset(bench: Bench) -> None:
    bench.run(
        "CREATE TABLE {o} (id INT, v INT) USING DELTA", "INSERT INTO {o} VALUES (1, 1), (1, 1), (1, 2), (NULL, 3)"
    )
    bench.clone()
    bench.run("INSERT OVERWRITE {t} VALUES (1, 1), (1, 2), (1, 9), (1, 2), (NULL, 3), (NULL, 3)")
    assert bench.check(key=("id",)).differences == DifferenceCounts(changed=1, duplicated=2)


def test_the_change_feed_carries_a_fingerprint_forward(bench: Bench) -> None:
    bench.run("CREATE TABLE {o} (id INT, v STRING) USING DELTA TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    bench.run("INSERT INTO {o} SELECT id, concat('v', id) FROM range(50)")
    bench.clone()
    first = bench.check()
    bench.run(
        "INSERT INTO {o} VALUES (51, 'new')", "UPDATE {o} SET v = 'w' WHERE id = 3", "DELETE FROM {o} WHERE id = 4"
    )
    bench.clone()
    forward = bench.check(known=first.fingerprints)
    assert forward.verdict is Verdict.MATCH
    assert any("table_changes" in statement for statement in forward.source.statements)
    full = bench.check()
    assert forward.source.fingerprint == full.source.fingerprint
    assert forward.source.rows == full.source.rows == 50


def _report(*results: object) -> Report:
    return Report.model_validate(
        {
            "run_id": "run-1",
            "environment": "dev",
            "replicator_version": "0",
            "started_at": "2026-01-01T00:00:00+00:00",
            "finished_at": "2026-01-01T00:00:05.5+00:00",
            "summary": summarise(results),  # type: ignore[arg-type]
            "tables": results,
        }
    )


def test_results_are_appended_once_however_often_they_are_sent(scattered: Bench) -> None:
    report = _report(scattered.check(key=("id",)), scattered.check(exclude_columns=("amount",)))
    for _ in range(2):
        append(scattered.writer, scattered.schema, report)
    counts = {
        table: scattered.writer.query(f"SELECT count(*) AS n FROM {scattered.schema}.{table}")[0]["n"]
        for table in TABLES
    }
    columns = sum(len(item.columns) + len(item.uncompared) + len(item.schema_differences) for item in report.tables)
    rows = sum(len(item.rows) for item in report.tables)
    assert counts == {"recon_runs": 1, "recon_tables": 2, "recon_columns": columns, "recon_rows": rows}
    (kept,) = scattered.writer.query(
        f"SELECT verdict, changed, source_rows, checked_at FROM {scattered.schema}.recon_tables WHERE changed > 0"
    )
    assert (kept["verdict"], kept["changed"], kept["source_rows"]) == ("MISMATCH", 10, _ROWS)
    assert kept["checked_at"].isoformat() == "2026-01-01T00:00:05.500000+00:00"


def test_kept_results_hold_values_only_when_asked_for(scattered: Bench) -> None:
    report = _report(scattered.check(key=("id",), settings=Settings(limits=Limits(show_values=True))))
    query = f"SELECT count(source_values) AS n FROM {scattered.schema}.recon_rows"
    append(scattered.writer, scattered.schema, report)
    assert scattered.writer.query(query)[0]["n"] == 0
    append(scattered.writer, scattered.schema, report.model_copy(update={"run_id": "run-2"}), values=True)
    assert scattered.writer.query(query)[0]["n"] == 18
