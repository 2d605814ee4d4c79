"""The difference of two multisets of rows, told as missing, extra, changed and duplicated. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from replicator.reconciliation.verdicts import DifferenceCounts, RowKind

RowHash = tuple[int, ...]
Rows = Mapping[int, Counter[RowHash]]
"""Hash of the key (of the row where there is no key) to the hashes of its rows, with how often each occurs."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One difference; `copies` is how many rows are affected in the same way."""

    kind: RowKind
    key: int
    source: RowHash | None
    target: RowHash | None
    copies: int = 1


def collect(rows: Iterable[tuple[int, RowHash, int]]) -> dict[int, Counter[RowHash]]:
    """Group (key, row hash, count) by key."""
    found: dict[int, Counter[RowHash]] = {}
    for key, row, count in rows:
        found.setdefault(key, Counter())[row] += count
    return found


def compare(source: Rows, target: Rows) -> list[Finding]:
    """Every difference, in an order that depends on nothing but the data."""
    findings: list[Finding] = []
    nothing: Counter[RowHash] = Counter()
    for key in sorted(source.keys() | target.keys()):
        findings += _compare_key(key, source.get(key, nothing), target.get(key, nothing))
    return findings


def _compare_key(key: int, source: Counter[RowHash], target: Counter[RowHash]) -> list[Finding]:
    lost, gained = _list(source - target), _list(target - source)
    # a row that the source has too is a surplus copy before it is the new content of a changed row
    gained.sort(key=lambda row: (row in source, row))
    findings = [Finding(RowKind.CHANGED, key, a, b) for a, b in zip(lost, gained, strict=False)]
    paired = len(findings)
    for row, copies in sorted(Counter(lost[paired:]).items()):
        findings.append(Finding(RowKind.MISSING, key, row, None, copies))
    for row, copies in sorted(Counter(gained[paired:]).items()):
        kind = RowKind.DUPLICATED if row in source else RowKind.EXTRA
        findings.append(Finding(kind, key, row if row in source else None, row, copies))
    return findings


def _list(rows: Counter[RowHash]) -> list[RowHash]:
    return sorted(rows.elements())


def count(findings: Iterable[Finding]) -> DifferenceCounts:
    """How many rows of each kind."""
    totals: Counter[RowKind] = Counter()
    for finding in findings:
        totals[finding.kind] += finding.copies
    return DifferenceCounts(**{kind.value: totals[kind] for kind in RowKind})
