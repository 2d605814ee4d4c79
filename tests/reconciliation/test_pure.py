"""The parts that need no engine: types, folds, multisets, definitions, verdicts."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replicator.errors import ExitCode
from replicator.reconciliation import canon, incremental, multiset, schema
from replicator.reconciliation.fingerprint import Cell, bucket_count, differing, fold
from replicator.reconciliation.results import TABLES
from replicator.reconciliation.tables import table_info
from replicator.reconciliation.typetext import Array, Atom, Map, Struct, TypeSyntaxError, parse, render, unify
from replicator.reconciliation.verdicts import (
    AROUND,
    CheckResult,
    DifferenceCounts,
    Report,
    RowKind,
    SchemaKind,
    SideResult,
    Verdict,
    Why,
    summarise,
)

_names = st.text("abz_ -`", min_size=1, max_size=4).filter(lambda name: name.strip() == name and "  " not in name)
_atoms = st.sampled_from([parse(text) for text in ("int", "string", "decimal(12,2)", "timestamp_ntz", "variant")])
_types = st.recursive(
    _atoms,
    lambda inner: (
        st.builds(Array, inner)
        | st.builds(Map, _atoms, inner)
        | st.builds(Struct, st.lists(st.tuples(_names, inner), min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
_word = st.integers(0, (1 << 64) - 1)
_cells = st.builds(Cell, st.integers(0, 1 << 40), st.tuples(_word), st.tuples(_word))
_row = st.tuples(st.integers(0, 3), st.integers(0, 3).map(lambda n: (n,)), st.integers(1, 3))


@given(_types)
def test_a_type_reads_back_from_its_text(kind: Array | Map | Struct | Atom) -> None:
    assert parse(render(kind)) == kind
    assert unify(kind, kind) == kind
    assert canon.unverifiable(kind) is None


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("INTEGER", "int"),
        ("decimal", "decimal(10,0)"),
        ("numeric( 5 )", "decimal(5,0)"),
        ("interval day to second", "interval day to second"),
        ("STRING COLLATE UTF8_LCASE", "string collate UTF8_LCASE"),
        (
            "struct<a: int not null comment 'x, y', b:array<map<string,long>>>",
            "struct<a:int,b:array<map<string,bigint>>>",
        ),
        ("struct<my field:int,b-c:string>", "struct<`my field`:int,`b-c`:string>"),
    ],
)
def test_type_text_has_one_spelling(text: str, canonical: str) -> None:
    assert render(parse(text)) == canonical


@pytest.mark.parametrize("text", ["", "array<int", "map<int>", "struct<a:int", "int)", "decimal(10"])
def test_text_that_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(TypeSyntaxError):
        parse(text)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("tinyint", "bigint", "bigint"),
        ("float", "double", "double"),
        ("int", "double", "double"),
        ("decimal(10,2)", "decimal(12,4)", "decimal(12,4)"),
        ("bigint", "decimal(10,2)", "decimal(21,2)"),
        ("varchar(5)", "string", "string"),
        ("date", "timestamp_ntz", "timestamp_ntz"),
        ("array<int>", "array<bigint>", "array<bigint>"),
        ("struct<A:int>", "struct<a:bigint>", "struct<A:bigint>"),
        ("decimal(38,0)", "decimal(38,10)", None),
        ("bigint", "double", None),
        ("string", "int", None),
        ("struct<a:int>", "struct<b:int>", None),
    ],
)
def test_types_are_compared_in_one_that_holds_both(one: str, other: str, common: str | None) -> None:
    found = unify(parse(one), parse(other))
    assert (render(found) if found else None) == common


@pytest.mark.parametrize("text", ["geometry(4326)", "array<geography>", "struct<a:int,b:something_new>"])
def test_a_type_nobody_can_compare_is_named(text: str) -> None:
    assert canon.unverifiable(parse(text)) in ("geometry", "geography", "something_new")


def test_null_bitmaps_hold_63_columns_each() -> None:
    bitmaps = canon.null_bitmaps([f"c{at}" for at in range(64)])
    assert [text.count("IS NULL") for text in bitmaps] == [63, 1]
    assert str(1 << 62) in bitmaps[0]


@given(st.lists(_cells, max_size=8), st.randoms())
def test_a_fold_does_not_depend_on_order_or_cut(cells: list[Cell], chance: st.DataObject) -> None:
    whole = fold(cells, 1)
    chance.shuffle(cells)  # type: ignore[attr-defined]
    half = len(cells) // 2
    assert fold([fold(cells[:half], 1), fold(cells[half:], 1)], 1) == whole
    assert Cell.parse(whole.text) == whole


@given(_cells, _cells, _cells)
def test_changes_carry_a_fingerprint_forward_and_back(base: Cell, came: Cell, went: Cell) -> None:
    forward = incremental.apply(base, came, went)
    assert incremental.apply(forward, went, came) == base
    assert incremental.apply(base, came, None) == fold([base, came], 1)
    known = incremental.Known(forward, 3)
    if forward.rows >= 0:
        assert incremental.Known.parse(known.text) == known


@pytest.mark.parametrize(
    ("rows", "buckets"), [(None, 4096), (0, 64), (200_000, 128), (5_000_000, 4096), (10**9, 65_536)]
)
def test_buckets_follow_the_size(rows: int | None, buckets: int) -> None:
    assert bucket_count(rows) == buckets


def test_a_bucket_on_one_side_only_differs() -> None:
    cell = Cell(1, (1,), (1,))
    assert differing({1: cell, 2: cell}, {1: cell, 3: cell}) == [2, 3]


@given(st.lists(_row, max_size=10), st.lists(_row, max_size=10))
def test_multisets_differ_by_what_is_counted(
    source: list[tuple[int, tuple[int], int]], target: list[tuple[int, tuple[int], int]]
) -> None:
    findings = multiset.compare(multiset.collect(source), multiset.collect(target))
    counts = multiset.count(findings)
    total = sum(count for *_, count in target) - sum(count for *_, count in source)
    assert counts.extra + counts.duplicated - counts.missing == total
    ours, theirs = Counter(), Counter()  # type: ignore[var-annotated]
    for key, row, count in source:
        ours[key, row] += count
    for key, row, count in target:
        theirs[key, row] += count
    assert (not findings) is (ours == theirs)
    assert counts.changed + counts.missing == (ours - theirs).total()


def test_a_changed_row_is_told_from_a_surplus_copy() -> None:
    source = multiset.collect([(1, (10,), 1), (1, (11,), 1)])
    target = multiset.collect([(1, (10,), 2), (1, (12,), 1)])
    kinds = {finding.kind: finding.copies for finding in multiset.compare(source, target)}
    assert kinds == {RowKind.CHANGED: 1, RowKind.DUPLICATED: 1}


_DOCUMENT = {
    "table_id": "t-1",
    "table_type": "MANAGED",
    "data_source_format": "DELTA",
    "comment": "orders",
    "columns": [
        {"name": "b", "type_text": "string", "position": 1, "comment": "who", "partition_index": 0},
        {
            "name": "Id",
            "type_text": "bigint",
            "position": 0,
            "nullable": False,
            "type_json": '{"name":"Id","type":"long","nullable":false,"metadata":{"delta.identity.start":1}}',
        },
        {"name": "c", "type_text": "int", "position": 2, "type_json": '{"metadata":{"CURRENT_DEFAULT":"7"}}'},
    ],
    "properties": {"delta.constraints.small": "c < 9", "clusteringColumns": '[["a"],["b","c"]]'},
    "table_constraints": [{"primary_key_constraint": {"name": "pk", "child_columns": ["Id"]}}],
}


def test_a_table_is_read_from_its_document() -> None:
    info = table_info("m.s.t", _DOCUMENT)
    assert [column.name for column in info.columns] == ["Id", "b", "c"]
    assert (info.columns[0].identity, info.columns[0].nullable, info.columns[2].default) == (True, False, "7")
    assert (info.primary_key, info.partitioned_by, info.clustered_by) == (("Id",), ("b",), ("a", "b.c"))
    assert info.constraints == {"PRIMARY KEY (Id)", "CHECK c < 9"}
    assert (info.id, info.comment, info.versioned, info.filtered) == ("t-1", "orders", True, False)


def test_every_difference_of_definition_is_told_with_its_weight() -> None:
    source = table_info("m.s.o", _DOCUMENT)
    number, name, count = source.columns
    other = replace(number, name="ID", kind=parse("int"), nullable=True, identity=False)
    target = replace(
        source,
        columns=(
            replace(name, comment=None),
            other,
            replace(count, default=None, generated="1"),
            replace(name, name="z"),
        ),
        comment=None,
        partitioned_by=(),
        clustered_by=(),
        constraints=frozenset(),
    )
    found = {item.kind: item for item in schema.compare(source, target)}
    assert set(found) == set(SchemaKind) - {SchemaKind.MISSING_COLUMN} - AROUND
    assert {kind for kind, item in found.items() if item.breaking} == {
        SchemaKind.EXTRA_COLUMN,
        SchemaKind.TYPE,
        SchemaKind.NULLABILITY,
        SchemaKind.ORDER,
    }
    assert (found[SchemaKind.TYPE].source, found[SchemaKind.TYPE].target) == ("bigint", "int")
    assert all(item.meaning for item in found.values())
    assert {item.kind for item in schema.compare(target, source)} >= {SchemaKind.MISSING_COLUMN}
    assert SchemaKind.TYPE not in {item.kind for item in schema.compare(source, target, exclude=["ID"])}


def _report(*verdicts: Verdict) -> Report:
    side = SideResult(table="t")
    results = tuple(
        CheckResult(table="t", origin="source:table/t", verdict=item, source=side, target=side) for item in verdicts
    )
    return Report(run_id="r", started_at="", finished_at="", summary=summarise(results), tables=results)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((), ExitCode.OK),
        ((Verdict.MATCH, Verdict.STALE), ExitCode.OK),
        ((Verdict.MATCH, Verdict.UNVERIFIABLE), ExitCode.PARTIAL),
        ((Verdict.UNVERIFIABLE, Verdict.ERROR), ExitCode.ERROR),
        ((Verdict.ERROR, Verdict.MISMATCH), ExitCode.CHANGES),
        ((Verdict.SCHEMA_MISMATCH,), ExitCode.CHANGES),
    ],
)
def test_the_exit_code_tells_the_worst_news(verdicts: tuple[Verdict, ...], code: ExitCode) -> None:
    report = _report(*verdicts)
    assert report.exit_code is code
    assert set(report.summary) == set(Verdict)


def test_only_a_match_vouches_for_versions() -> None:
    side = SideResult(table="t", version=3)
    for verdict in Verdict:
        result = CheckResult(table="t", origin="o", verdict=verdict, source=side, target=side)
        assert result.verified == ([3, 3] if verdict in (Verdict.MATCH, Verdict.STALE) else None)
        assert (result.equal is None) == (verdict in (Verdict.ERROR, Verdict.UNVERIFIABLE))
    assert DifferenceCounts(changed=1, missing=2, extra=3, duplicated=4).total == 10


def test_the_documentation_names_every_verdict_reason_and_column_of_results() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text()
    words = [*(item.value for item in Verdict), *(item.value for item in Why if item is not Why.EXCLUDED)]
    words += [name for table, columns in TABLES.items() for name in (table, *columns)]
    fields = {*Report.model_fields, *CheckResult.model_fields, *SideResult.model_fields}
    assert [word for word in (*words, *fields) if word not in text] == []
