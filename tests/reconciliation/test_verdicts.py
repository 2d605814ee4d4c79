"""One word per table, and never a better one than was seen."""

import threading

import pytest

from replicator.reconciliation.task import Settings
from replicator.reconciliation.verdicts import CheckResult, DifferenceCounts, SchemaKind, Verdict, Why

from .conftest import Bench


@pytest.fixture
def copied(bench: Bench) -> Bench:
    """Ten rows, twice the same table."""
    bench.run(
        "CREATE TABLE {o} (id BIGINT NOT NULL, name STRING, amount DECIMAL(10,2)) USING DELTA",
        "INSERT INTO {o} SELECT id, concat('n', id), id * 1.5 FROM range(10)",
    )
    bench.clone()
    return bench


def _kinds(result: CheckResult) -> set[SchemaKind]:
    return {item.kind for item in result.schema_differences}


def test_a_fresh_clone_matches_at_the_version_that_was_copied(copied: Bench) -> None:
    result = copied.check()
    assert result.verdict is Verdict.MATCH
    assert (result.source.version, result.lag, result.verified) == (1, 0, [1, 0])
    assert len(result.source.statements) == len(result.target.statements) == 1


def test_an_origin_that_moved_on_is_stale_and_not_different(copied: Bench) -> None:
    copied.run("INSERT INTO {o} VALUES (10, 'new', 1)", "DELETE FROM {o} WHERE id = 3")
    result = copied.check()
    assert (result.verdict, result.lag) == (Verdict.STALE, 2)
    assert result.message == "equal in all 3 columns, at version 1; 2 versions behind"


def test_an_origin_written_to_during_the_check_is_never_different(copied: Bench) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 100
        while not stop.is_set():
            copied.run(f"INSERT INTO {{o}} VALUES ({number}, 'busy', 1)")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        verdicts = {copied.check().verdict for _ in range(5)}
    finally:
        stop.set()
        writer.join()
    assert verdicts <= {Verdict.MATCH, Verdict.STALE}


def test_a_write_to_the_copy_is_found_at_its_newest_version(copied: Bench) -> None:
    copied.run("UPDATE {t} SET name = 'x' WHERE id = 4")
    result = copied.check(key=("id",))
    assert result.verdict is Verdict.MISMATCH
    assert result.message == "rows differ: 1 changed; columns name"
    assert result.notes == ("somebody wrote to the copy after it was made: UPDATE at version 1",)
    assert result.target.version == 1
    assert result.rows[0].key == {"id": "4"}
    assert result.rows[0].source_values is None


def test_the_primary_key_tells_rows_apart_when_no_key_is_configured(copied: Bench) -> None:
    copied.run("ALTER TABLE {o} ADD CONSTRAINT pk PRIMARY KEY (id)", "UPDATE {t} SET amount = 0 WHERE id = 4")
    result = copied.check()
    assert (result.key, result.differences) == (("id",), DifferenceCounts(changed=1))


def test_a_lost_clone_commit_means_newest_is_compared_with_newest(bench: Bench) -> None:
    bench.run("CREATE TABLE {o} USING DELTA AS SELECT id FROM range(3)", "CREATE TABLE {t} AS SELECT * FROM {o}")
    result = bench.check()
    assert result.verdict is Verdict.MATCH
    assert result.notes == ("not a clone: both tables were compared as they are now",)
    assert result.lag is None


def test_a_missing_copy_is_a_mismatch(bench: Bench) -> None:
    bench.run("CREATE TABLE {o} (id INT) USING DELTA")
    result = bench.check()
    assert (result.verdict, result.message) == (Verdict.MISMATCH, "the copy does not exist")
    assert result.reason is Why.COPY_MISSING


def test_a_missing_origin_cannot_be_verified(copied: Bench) -> None:
    copied.run("DROP TABLE {o}")
    result = copied.check()
    assert (result.verdict, result.reason, result.equal) == (Verdict.UNVERIFIABLE, Why.ORIGIN_MISSING, None)


def test_an_origin_made_again_cannot_be_verified(copied: Bench) -> None:
    copied.run("DROP TABLE {o}", "CREATE TABLE {o} (id BIGINT NOT NULL, name STRING, amount DECIMAL(10,2)) USING DELTA")
    result = copied.check()
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIABLE, Why.RECREATED)


def test_another_table_id_is_another_origin_whatever_its_versions(copied: Bench) -> None:
    result = copied.check(origin_id="00000000-0000-0000-0000-000000000000")
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIABLE, Why.RECREATED)


def test_a_vacuumed_version_cannot_be_verified(copied: Bench) -> None:
    copied.run(
        "INSERT OVERWRITE {o} SELECT * FROM {o}", "SET spark.databricks.delta.retentionDurationCheck.enabled = false"
    )
    copied.run("VACUUM {o} RETAIN 0 HOURS")
    result = copied.check()
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIABLE, Why.VERSION_GONE)


def test_a_row_filter_makes_a_table_unverifiable(copied: Bench) -> None:
    copied.run(f"CREATE FUNCTION {copied.schema}.small(a DECIMAL(10,2)) RETURNS BOOLEAN RETURN a < 5")
    copied.run(f"ALTER TABLE {{o}} SET ROW FILTER {copied.schema}.small ON (amount)")
    result = copied.check()
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIABLE, Why.MASKED)
    assert not result.source.statements


def test_a_masked_column_is_left_out_and_said_so(copied: Bench) -> None:
    copied.run(f"CREATE FUNCTION {copied.schema}.hide(n STRING) RETURNS STRING RETURN '***'")
    copied.run(f"ALTER TABLE {{o}} ALTER COLUMN name SET MASK {copied.schema}.hide")
    result = copied.check()
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIABLE, Why.MASKED)
    assert result.message == "equal in 2 of 3 columns; could not be compared: name"
    copied.run("UPDATE {t} SET amount = 0 WHERE id = 4")
    assert copied.check().verdict is Verdict.MISMATCH


@pytest.mark.parametrize(
    ("excepted", "verdict"), [([], Verdict.UNVERIFIABLE), (["me"], Verdict.MATCH), (["others"], Verdict.UNVERIFIABLE)]
)
def test_a_policy_that_is_meant_for_us_may_hide_what_no_table_mentions(
    copied: Bench, excepted: list[str], verdict: Verdict
) -> None:
    copied.run(f"CREATE FUNCTION {copied.schema}.hide(n STRING) RETURNS STRING RETURN '***'")
    me = copied.writer.who().principal
    copied.writer.send(
        "POST",
        "/api/2.1/unity-catalog/policies",
        {
            "name": "hush",
            "on_securable_type": "SCHEMA",
            "on_securable_fullname": copied.schema,
            "for_securable_type": "TABLE",
            "policy_type": "POLICY_TYPE_COLUMN_MASK",
            "column_mask": {"function_name": f"{copied.schema}.hide", "on_column": "x"},
            "match_columns": [{"alias": "x", "condition": "has_tag('pii')"}],
            "to_principals": ["account users"],
            "except_principals": [me if name == "me" else name for name in excepted],
        },
    )
    result = copied.check()
    assert result.verdict is verdict
    if verdict is Verdict.UNVERIFIABLE:
        assert result.reason is Why.MASKED
        assert f"policy hush on schema {copied.schema} may hide values" in result.message
        assert not result.source.statements


def test_an_excluded_column_does_not_count(copied: Bench) -> None:
    copied.run("UPDATE {t} SET name = 'x' WHERE id = 4")
    result = copied.check(exclude_columns=("NAME",))
    assert (result.verdict, result.message) == (Verdict.MATCH, "equal in 2 of 3 columns")
    assert [item.why for item in result.uncompared] == [Why.EXCLUDED]


def test_filters_choose_the_rows_of_each_side(copied: Bench) -> None:
    copied.run("DELETE FROM {t} WHERE id < 4")
    assert copied.check(source_filter="id >= 4").verdict is Verdict.MATCH
    assert copied.check(source_filter="id >= 4 -- and no more", target_filter="id >= 4").verdict is Verdict.MATCH
    assert copied.check(source_filter="id >= 3").differences == DifferenceCounts(missing=1)


def test_a_filter_that_is_no_sql_is_an_error_and_never_a_match(copied: Bench) -> None:
    result = copied.check(source_filter="nonsense >")
    assert (result.verdict, result.equal) == (Verdict.ERROR, None)


def test_a_threshold_tolerates_that_many_rows(copied: Bench) -> None:
    copied.run("UPDATE {t} SET name = 'x' WHERE id = 4")
    good = copied.check(key=("id",), threshold=90.0)
    assert (good.verdict, good.tolerated, good.differences.total) == (Verdict.MATCH, True, 1)
    assert good.message == "equal in all 3 columns; 1 row differs, which the threshold allows"
    assert copied.check(key=("id",), threshold=91.0).verdict is Verdict.MISMATCH


def test_row_counts_alone_cost_one_statement_and_see_no_more(copied: Bench) -> None:
    copied.run("UPDATE {t} SET name = 'x' WHERE id = 4")
    assert copied.check(missing_data_check=False).message == "equal in row count"
    copied.run("DELETE FROM {t} WHERE id = 4")
    result = copied.check(missing_data_check=False)
    assert (result.verdict, result.message) == (Verdict.MISMATCH, "10 rows in the origin, 9 in the copy")


def test_the_definition_alone_needs_no_scan(copied: Bench) -> None:
    copied.run("DELETE FROM {t}")
    result = copied.check(missing_data_check=False, row_count_check=False)
    assert (result.verdict, result.message) == (Verdict.MATCH, "equal in definition")
    assert not result.source.statements


def test_with_every_check_switched_off_nothing_is_claimed(copied: Bench) -> None:
    result = copied.check(missing_data_check=False, row_count_check=False, schema_check=False)
    assert (result.verdict, result.reason, result.equal) == (Verdict.UNVERIFIABLE, Why.NOTHING_TO_COMPARE, None)
    assert result.message.startswith("nothing is checked")


def test_what_may_change_by_itself_is_asked_again(copied: Bench) -> None:
    """A mask can be dropped without a new version; a column cannot appear without one."""
    copied.run(f"CREATE FUNCTION {copied.schema}.hide(n STRING) RETURNS STRING RETURN '***'")
    copied.run("ALTER TABLE {t} ADD COLUMN more INT")
    absent = copied.check(schema_check=False)
    copied.run(f"ALTER TABLE {{o}} ALTER COLUMN name SET MASK {copied.schema}.hide")
    masked = copied.check(schema_check=False)
    assert [(item.reason, item.hopeless) for item in (absent, masked)] == [(Why.ABSENT, True), (Why.MASKED, False)]


def test_a_key_that_is_no_column_is_an_error(copied: Bench) -> None:
    result = copied.check(key=("nr",))
    assert result.verdict is Verdict.ERROR
    assert "nr, which is not a column" in result.message


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("ALTER TABLE {t} ADD COLUMN more INT", SchemaKind.EXTRA_COLUMN),
        ("ALTER TABLE {t} ALTER COLUMN id DROP NOT NULL", SchemaKind.NULLABILITY),
    ],
)
def test_a_copy_with_another_definition_is_not_scanned(copied: Bench, change: str, kind: SchemaKind) -> None:
    copied.run(change)
    result = copied.check()
    assert result.verdict is Verdict.SCHEMA_MISMATCH
    assert kind in _kinds(result)
    assert not result.source.statements


def test_comments_are_told_and_break_nothing(copied: Bench) -> None:
    copied.run("COMMENT ON TABLE {o} IS 'ten rows'", "ALTER TABLE {t} ALTER COLUMN name COMMENT 'who'")
    result = copied.check()
    assert result.verdict in (Verdict.MATCH, Verdict.STALE)
    assert _kinds(result) == {SchemaKind.TABLE_COMMENT, SchemaKind.COLUMN_COMMENT}


def test_an_origin_that_gained_a_column_since_is_only_stale(copied: Bench) -> None:
    copied.run("ALTER TABLE {o} ADD COLUMN later INT", "INSERT INTO {o} VALUES (10, 'new', 1, 1)")
    result = copied.check()
    assert (result.verdict, result.lag) == (Verdict.STALE, 2)
    assert result.notes == ("the origin's definition changed after the copied version 1",)
    assert not result.schema_differences
    assert copied.check(schema_check=False).verdict is Verdict.STALE


def test_an_origin_whose_column_grew_since_is_only_stale(bench: Bench) -> None:
    bench.run("CREATE TABLE {o} (id INT) USING DELTA TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
    bench.run("INSERT INTO {o} SELECT id FROM range(5)")
    bench.clone()
    bench.run("ALTER TABLE {o} ALTER COLUMN id TYPE BIGINT")
    assert bench.check().verdict is Verdict.STALE


def test_a_copy_that_gained_a_column_differs_even_if_the_origin_moved_on(copied: Bench) -> None:
    copied.run("ALTER TABLE {t} ADD COLUMN mine INT", "INSERT INTO {o} VALUES (10, 'new', 1)")
    result = copied.check()
    assert result.verdict is Verdict.SCHEMA_MISMATCH
    assert result.message == "definitions differ: extra column mine; rows were not compared"


def test_without_the_schema_check_common_columns_are_compared_in_a_common_type(bench: Bench) -> None:
    bench.run(
        "CREATE TABLE {o} USING DELTA AS SELECT id, CAST(id AS INT) AS n, 1 AS gone FROM range(5)",
        "CREATE TABLE {t} USING DELTA AS SELECT CAST(id AS INT) AS id, CAST(id AS DECIMAL(12,2)) AS n FROM range(5)",
    )
    assert bench.check().verdict is Verdict.SCHEMA_MISMATCH
    result = bench.check(schema_check=False)
    assert (result.verdict, result.reason) == (Verdict.UNVERIFIABLE, Why.ABSENT)
    assert result.message == "equal in 2 of 3 columns; could not be compared: gone"
    assert bench.check(schema_check=False, exclude_columns=("gone",)).verdict is Verdict.MATCH


def test_a_known_fingerprint_is_not_computed_again(copied: Bench) -> None:
    first = copied.check()
    again = copied.check(known=first.fingerprints)
    assert (again.verdict, again.source.statements, again.target.statements) == (Verdict.MATCH, (), ())
    assert (again.source.cached, again.target.cached) == (True, True)
    copied.run("UPDATE {t} SET name = 'x' WHERE id = 4")
    assert copied.check(known=first.fingerprints).verdict is Verdict.MISMATCH


def test_a_fingerprint_of_other_columns_is_not_taken_for_known(copied: Bench) -> None:
    known = copied.check(exclude_columns=("name",)).fingerprints
    copied.run("UPDATE {t} SET name = 'x' WHERE id = 4")
    assert copied.check(known=known).verdict is Verdict.MISMATCH
    assert known.keys().isdisjoint(copied.check(settings=Settings(incremental=False)).fingerprints)
