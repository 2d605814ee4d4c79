"""Level 2: from buckets that differ to the rows and columns that differ, in at most three statements per side.

1. only when the differing buckets hold too many rows: they are cut into smaller ones;
2. key hash, row hash and count of every row in the differing buckets;
3. for a sample of the differing rows: their keys and a hash per column, which names the columns.
When a large part of all buckets differs there is no point in listing rows: one statement names the columns instead.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replicator.reconciliation import canon, multiset
from replicator.reconciliation.fingerprint import Buckets, Cell, aggregates, bucket_of, cell, differing
from replicator.reconciliation.multiset import Finding, RowHash
from replicator.reconciliation.pairing import Detail, RowDetail, describe
from replicator.reconciliation.probe import Pair, Rows
from replicator.reconciliation.recipe import Place, Recipe, column_hash, hashed_rows, projection
from replicator.reconciliation.verdicts import ColumnDifference, DifferenceCounts, RowDifference

SUB_CELLS = 65_536
_SUB_SHIFT = 20
"""Buckets use a hash's low 16 bits at most; smaller ones are cut by bits above."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When rows are no longer listed one by one.

    `rows` is the most rows that one statement may bring back. More than `systemic_share` of all buckets differing, with
    at least `systemic_rows` rows in them, is called systemic. `sample` rows are described in detail.
    """

    rows: int = 250_000
    systemic_rows: int = 20_000
    systemic_share: float = 0.15
    sample: int = 100
    show_values: bool = False


@dataclass(frozen=True, slots=True)
class Drilled:
    """What was found; `complete` is False when rows were not listed."""

    complete: bool
    differences: DifferenceCounts = field(default_factory=DifferenceCounts)
    columns: tuple[ColumnDifference, ...] = ()
    rows: tuple[RowDifference, ...] = ()


def drill(
    recipe: Recipe, pair: Pair, source: Buckets, target: Buckets, buckets: int, limits: Limits = Limits()
) -> Drilled:
    """Find what differs between two bucket tables that are not equal."""
    bad = differing(source, target)
    if _is_systemic(bad, source, target, limits):
        return Drilled(complete=False, columns=tuple(_by_columns(recipe, pair)))
    wanted = bucket_of(recipe, buckets)
    if _rows_in(bad, source, target) > limits.rows:
        parts = max(2, SUB_CELLS // (1 << (len(bad) - 1).bit_length()))
        cells = pair.query(lambda probe: sub_buckets_sql(recipe, probe.place, buckets, bad, parts))
        source, target = (_cells(rows, recipe) for rows in cells)
        bad, wanted = differing(source, target), _sub_bucket(recipe, buckets, parts)
        if _rows_in(bad, source, target) > limits.rows:
            return Drilled(complete=False, columns=tuple(_by_columns(recipe, pair)))
    listed = pair.query(lambda probe: bucket_rows_sql(recipe, probe.place, wanted, bad))
    findings = multiset.compare(*(multiset.collect(_rows(rows, recipe)) for rows in listed))
    return _describe(recipe, pair, findings, limits)


def _is_systemic(bad: Sequence[int], source: Buckets, target: Buckets, limits: Limits) -> bool:
    used = len(source.keys() | target.keys())
    return len(bad) > limits.systemic_share * used and _rows_in(bad, source, target) >= limits.systemic_rows


def _rows_in(bad: Iterable[int], source: Buckets, target: Buckets) -> int:
    nothing = Cell(0, (), ())
    return sum(max(source.get(b, nothing).rows, target.get(b, nothing).rows) for b in bad)


def _cells(rows: Rows, recipe: Recipe) -> dict[int, Cell]:
    return {int(row["b"]): cell(row, recipe.hashing.words) for row in rows}


def _rows(rows: Rows, recipe: Recipe) -> Iterable[tuple[int, RowHash, int]]:
    for row in rows:
        yield int(row[recipe.bucket_by]), _hash(row, recipe), int(row["n"])


def _hash(row: Mapping[str, Any], recipe: Recipe) -> RowHash:
    return tuple(int(row[word]) for word in recipe.hashing.words)


# ---- statements


def _sub_bucket(recipe: Recipe, buckets: int, parts: int) -> str:
    above = f"shiftright({recipe.bucket_by}, {_SUB_SHIFT}) & {parts - 1}"
    return f"({bucket_of(recipe, buckets)}) * {parts} + ({above})"


def _in(expression: str, values: Collection[int]) -> str:
    return f"({expression}) IN ({', '.join(str(value) for value in values)})"


def sub_buckets_sql(recipe: Recipe, place: Place, buckets: int, bad: Sequence[int], parts: int) -> str:
    """The level-1 columns, for the differing buckets cut into `parts` each."""
    sub = _sub_bucket(recipe, buckets, parts)
    where = _in(bucket_of(recipe, buckets), bad)
    return f"SELECT {sub} AS b, {aggregates(recipe)} FROM ({hashed_rows(recipe, place)}) WHERE {where} GROUP BY {sub}"


def bucket_rows_sql(recipe: Recipe, place: Place, bucket: str, bad: Sequence[int]) -> str:
    """Columns k (with a key), the hash words, and n: how many rows are equal in all of them."""
    names = ", ".join([*(["k"] if recipe.key else []), *recipe.hashing.words])
    rows = hashed_rows(recipe, place)
    return f"SELECT {names}, count(*) AS n FROM ({rows}) WHERE {_in(bucket, bad)} GROUP BY {names}"


def details_sql(recipe: Recipe, place: Place, keys: Sequence[int], *, limit: int, show_values: bool) -> str:
    """Hash words, k, key columns as text (t0, t1, …), a hash per column (y0, …), and values (v0, …) if asked for."""
    extras = [_text(recipe, place, position, f"t{at}") for at, position in enumerate(recipe.key_positions)]
    extras += [f"{column_hash(recipe, place, at)} AS y{at}" for at in range(len(recipe.columns))]
    if show_values:
        extras += [_text(recipe, place, at, f"v{at}") for at in range(len(recipe.columns))]
    rows = hashed_rows(recipe, place, extras)
    return f"SELECT * FROM ({rows}) WHERE {_in(recipe.bucket_by, keys)} LIMIT {limit}"


def _text(recipe: Recipe, place: Place, position: int, name: str) -> str:
    return f"{canon.shown(f'c{position}', recipe.columns[position].on(place.side)[1])} AS {name}"


def column_sums_sql(recipe: Recipe, place: Place) -> str:
    """One row: per column i its non-NULL count n_i and the sums hi_i, lo_i of both halves of its hash."""
    hashes = ", ".join(f"{column_hash(recipe, place, at)} AS y{at}, c{at}" for at in range(len(recipe.columns)))
    sums = ", ".join(
        f"count(c{at}) AS n_{at}, sum(shiftright(y{at}, 32)) AS hi_{at}, sum(y{at} & 4294967295) AS lo_{at}"
        for at in range(len(recipe.columns))
    )
    return f"SELECT {sums} FROM (SELECT {hashes} FROM ({projection(recipe, place)}))"


# ---- columns and rows


def _by_columns(recipe: Recipe, pair: Pair) -> Iterable[ColumnDifference]:
    (source,), (target,) = pair.query(lambda probe: column_sums_sql(recipe, probe.place))
    for at, column in enumerate(recipe.columns):
        if any(source[f"{part}_{at}"] != target[f"{part}_{at}"] for part in ("n", "hi", "lo")):
            yield ColumnDifference(name=column.name)


def _describe(recipe: Recipe, pair: Pair, findings: list[Finding], limits: Limits) -> Drilled:
    shown = _sample(findings, limits.sample)
    keys = sorted({finding.key for finding in shown})
    if not keys:
        return Drilled(complete=True, differences=multiset.count(findings))
    limit = 20 * limits.sample
    details = pair.query(
        lambda probe: details_sql(recipe, probe.place, keys, limit=limit, show_values=limits.show_values)
    )
    source, target = (Detail(tuple(_row_detail(row, recipe, limits) for row in rows)) for rows in details)
    rows = describe(recipe, shown, source, target)
    columns = Counter(name for row in rows for name in row.columns)
    return Drilled(
        complete=True,
        differences=multiset.count(findings),
        columns=tuple(ColumnDifference(name=name, rows=count) for name, count in sorted(columns.items())),
        rows=tuple(rows),
    )


def _sample(findings: Sequence[Finding], size: int) -> list[Finding]:
    """Some of each kind: taken in turn, so that many of one kind do not hide the others."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    taken: list[Finding] = []
    for at in range(max((len(items) for items in by_kind.values()), default=0)):
        taken += [items[at] for items in by_kind.values() if at < len(items)]
        if len(taken) >= size:
            break
    return sorted(taken[:size], key=lambda finding: (finding.kind, finding.key))


def _row_detail(row: Mapping[str, Any], recipe: Recipe, limits: Limits) -> RowDetail:
    width = len(recipe.columns)
    return RowDetail(
        key=int(row[recipe.bucket_by]),
        row=_hash(row, recipe),
        key_texts=tuple(row[f"t{at}"] for at in range(len(recipe.key))),
        columns=tuple(int(row[f"y{at}"]) for at in range(width)),
        values=tuple(row[f"v{at}"] for at in range(width)) if limits.show_values else (),
    )
