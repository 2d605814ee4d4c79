"""Describing differing rows: which columns differ, and which rows without a key belong together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from replicator.reconciliation.multiset import Finding, RowHash
from replicator.reconciliation.recipe import Recipe
from replicator.reconciliation.verdicts import RowDifference, RowKind


@dataclass(frozen=True, slots=True)
class RowDetail:
    """One row of one side: hash of its key, its own hash, key columns as text, a hash per column, values or nothing."""

    key: int
    row: RowHash
    key_texts: tuple[str | None, ...]
    columns: tuple[int, ...]
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """The rows that one side gave for a sample of findings."""

    rows: tuple[RowDetail, ...]

    def find(self, key: int, row: RowHash | None) -> RowDetail | None:
        return next((item for item in self.rows if item.key == key and item.row == row), None)


@dataclass(frozen=True, slots=True)
class _Match:
    finding: Finding
    source: RowDetail | None
    target: RowDetail | None
    paired: bool = False


def describe(recipe: Recipe, findings: Sequence[Finding], source: Detail, target: Detail) -> list[RowDifference]:
    """Each finding as a difference for people; without a key, a missing and an extra row that resemble each other
    become one changed row."""
    matches = [
        _Match(item, source.find(item.key, item.source), target.find(item.key, item.target)) for item in findings
    ]
    if not recipe.key:
        matches = _pair(matches, len(recipe.columns))
    return [_difference(recipe, match) for match in matches]


def _pair(matches: list[_Match], width: int) -> list[_Match]:
    missing = [match for match in matches if match.finding.kind is RowKind.MISSING and match.source]
    extra = [match for match in matches if match.finding.kind is RowKind.EXTRA and match.target]
    distances = sorted(
        (distance, i, j)
        for i, lost in enumerate(missing)
        for j, found in enumerate(extra)
        if 2 * (distance := len(_differing(lost.source, found.target))) <= width
        and lost.finding.copies == found.finding.copies
    )
    used_missing: set[int] = set()
    used_extra: set[int] = set()
    pairs: list[_Match] = []
    for _, i, j in distances:
        if i in used_missing or j in used_extra:
            continue
        used_missing.add(i)
        used_extra.add(j)
        lost, found = missing[i], extra[j]
        both = Finding(
            RowKind.CHANGED, lost.finding.key, lost.finding.source, found.finding.target, lost.finding.copies
        )
        pairs.append(_Match(both, lost.source, found.target, paired=True))
    gone = {id(missing[i]) for i in used_missing} | {id(extra[j]) for j in used_extra}
    return pairs + [match for match in matches if id(match) not in gone]


def _differing(one: RowDetail | None, other: RowDetail | None) -> list[int]:
    if one is None or other is None:
        return []
    return [at for at, (a, b) in enumerate(zip(one.columns, other.columns, strict=True)) if a != b]


def _difference(recipe: Recipe, match: _Match) -> RowDifference:
    seen = match.source or match.target
    finding = match.finding
    changed = finding.kind is RowKind.CHANGED
    return RowDifference(
        kind=finding.kind,
        key=dict(zip(recipe.key, seen.key_texts, strict=True)) if recipe.key and seen else None,
        source_hash=_hex(finding.source),
        target_hash=_hex(finding.target),
        copies=finding.copies,
        columns=tuple(recipe.columns[at].name for at in _differing(match.source, match.target)) if changed else (),
        paired=match.paired,
        source_values=_values(recipe, match.source),
        target_values=_values(recipe, match.target),
    )


def _hex(row: RowHash | None) -> str | None:
    return "".join(f"{word & ((1 << 64) - 1):016x}" for word in row) if row is not None else None


def _values(recipe: Recipe, detail: RowDetail | None) -> dict[str, str | None] | None:
    if detail is None or not detail.values:
        return None
    return {column.name: value for column, value in zip(recipe.columns, detail.values, strict=True)}
