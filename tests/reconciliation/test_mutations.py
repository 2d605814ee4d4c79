"""Whatever happens to one row of a copy is found, counted and named; what makes no difference is not.

All mutations are made in one copy, each to four rows of its own, so that a few checks show them all at once.
"""

import pytest

from replicator.reconciliation.drilldown import Limits
from replicator.reconciliation.recipe import Hashing
from replicator.reconciliation.task import Settings
from replicator.reconciliation.verdicts import CheckResult, DifferenceCounts, RowKind, Verdict
from replicator.workspace import WorkspaceWriter

from .cases import FULL, HARMLESS, MUTATIONS, SPARE, WIDTH, Mutation, about, counts, create, fill
from .conftest import Bench, new_bench

_SPOILING = tuple(mutation for mutation in MUTATIONS if not mutation.spark_only)
_ALL = (*_SPOILING, *HARMLESS)
_BASES = {mutation.name: 10 * number for number, mutation in enumerate(_ALL, 1)}
_LIMITS = Limits(sample=1000, show_values=True)
_BY_NAME = {"ids": lambda mutation: mutation.name}


@pytest.fixture(scope="module")
def spoilt(workspace: WorkspaceWriter) -> Bench:
    made = new_bench(workspace)
    made.run(create("{o}"), *fill("{o}", tuple(_BASES.values())))
    made.clone()
    for mutation in _ALL:
        made.run(*mutation.statements("{t}", _BASES[mutation.name]))
    return made


@pytest.fixture(scope="module", params=Hashing)
def keyed(spoilt: Bench, request: pytest.FixtureRequest) -> CheckResult:
    return spoilt.check(key=("id",), settings=Settings(hashing=request.param, limits=_LIMITS))


@pytest.fixture(scope="module")
def keyless(spoilt: Bench) -> CheckResult:
    return spoilt.check(settings=Settings(limits=_LIMITS))


@pytest.mark.parametrize("mutation", _SPOILING, **_BY_NAME)
def test_a_spoilt_row_is_found_by_its_key(keyed: CheckResult, mutation: Mutation) -> None:
    rows = about(keyed, _BASES[mutation.name])
    assert counts(rows) == {kind.value: getattr(mutation, kind.value) for kind in RowKind}
    assert {name for row in rows for name in row.columns} == set(mutation.columns)
    assert all(row.key is not None and int(row.key["id"] or 0) // 10 * 10 == _BASES[mutation.name] for row in rows)


@pytest.mark.parametrize("mutation", _SPOILING, **_BY_NAME)
def test_a_spoilt_row_is_found_without_a_key(keyless: CheckResult, mutation: Mutation) -> None:
    rows = about(keyless, _BASES[mutation.name])
    assert counts(rows) == {kind.value: getattr(mutation, kind.value) for kind in RowKind}
    assert {name for row in rows for name in row.columns} == set(mutation.columns)
    assert all(row.paired for row in rows if row.kind is RowKind.CHANGED)


@pytest.mark.parametrize("mutation", HARMLESS, **_BY_NAME)
def test_what_changes_no_value_is_no_difference(keyed: CheckResult, keyless: CheckResult, mutation: Mutation) -> None:
    assert about(keyed, _BASES[mutation.name]) == about(keyless, _BASES[mutation.name]) == []


def test_the_verdict_counts_every_spoilt_row(keyed: CheckResult) -> None:
    assert keyed.verdict is Verdict.MISMATCH
    assert keyed.differences == DifferenceCounts(
        **{kind.value: sum(getattr(mutation, kind.value) for mutation in _SPOILING) for kind in RowKind}
    )
    assert keyed.columns_compared == keyed.columns_total == WIDTH
    assert "somebody wrote to the copy" in keyed.notes[0]


def test_without_a_key_a_changed_row_counts_as_one_missing_and_one_extra(keyless: CheckResult) -> None:
    changed = sum(mutation.changed for mutation in _SPOILING)
    assert keyless.differences.changed == 0
    assert keyless.differences.missing == changed + sum(mutation.missing for mutation in _SPOILING)
    assert keyless.differences.extra == changed + sum(mutation.extra for mutation in _SPOILING)


@pytest.mark.parametrize("hashing", Hashing)
def test_an_untouched_copy_in_another_order_of_rows_is_equal(bench: Bench, hashing: Hashing) -> None:
    bench.run(create("{o}"), *fill("{o}"))
    bench.clone()
    bench.run(f"INSERT OVERWRITE {{t}} SELECT * FROM {{o}} WHERE id IN ({FULL}, {SPARE}) ORDER BY id DESC")
    bench.run(f"INSERT INTO {{t}} SELECT * FROM {{o}} WHERE id NOT IN ({FULL}, {SPARE})")
    result = bench.check(settings=Settings(hashing=hashing))
    assert (result.verdict, result.message) == (Verdict.MATCH, f"equal in all {WIDTH} columns")
    assert result.source.rows == result.target.rows == 4
    assert result.source.fingerprint == result.target.fingerprint
