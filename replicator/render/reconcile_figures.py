"""The pictures of a reconciliation as numbers: what the page draws. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from replicator.reconciliation.verdicts import CheckResult, Report, RowKind, Verdict
from replicator.render.reconcile import WORST_FIRST

LARGEST = 10
"""How many tables or schemas a picture names."""

_LAGS = ((1, 1, "1"), (2, 5, "2–5"), (6, 20, "6–20"), (21, 100, "21–100"), (101, None, "over 100"))


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar, from `start` for `share`, both in percent of the whole picture."""

    kind: str
    count: int
    start: float
    share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One labelled bar."""

    label: str
    count: int
    parts: tuple[Part, ...]


def verdict_bar(report: Report) -> Bar:
    """All tables in one bar, the worst first."""
    counts = Counter(result.verdict for result in report.tables)
    return _bar("", [(verdict.value, counts[verdict]) for verdict in WORST_FIRST], len(report.tables))


def lag_bars(report: Report) -> list[Bar]:
    """How many copies are how many versions behind; those that are not are the first bar. Empty without any lag."""
    lags = [result.lag for result in report.tables if result.lag is not None]
    if not any(lags):
        return []
    bins = [("none", sum(not lag for lag in lags))]
    for low, high, label in _LAGS:
        bins.append((label, sum(low <= lag and (high is None or lag <= high) for lag in lags)))
    most = max(count for _, count in bins)
    return [_bar(label, [("MATCH" if label == "none" else "STALE", count)], most) for label, count in bins]


def most_behind(report: Report) -> list[CheckResult]:
    behind = [result for result in report.tables if result.lag]
    return sorted(behind, key=lambda result: (-(result.lag or 0), result.table))[:5]


def difference_bars(report: Report) -> list[Bar]:
    """The tables with the most differing rows, by kind of difference."""
    differing = [result for result in report.tables if result.differences.total]
    differing.sort(key=lambda result: (-result.differences.total, result.table))
    most = max((result.differences.total for result in differing), default=0)
    kinds = [kind.value for kind in RowKind]
    return [
        _bar(result.table, [(kind, getattr(result.differences, kind)) for kind in kinds], most)
        for result in differing[:LARGEST]
    ]


def schema_bars(report: Report) -> list[Bar]:
    """Each schema's tables by verdict, the worst schemas first."""
    counts: dict[str, Counter[Verdict]] = {}
    for result in report.tables:
        counts.setdefault(result.table.rpartition(".")[0], Counter())[result.verdict] += 1
    ordered = sorted(counts.items(), key=lambda item: ([-item[1][verdict] for verdict in WORST_FIRST[:4]], item[0]))
    return [_bar(name, [(v.value, found[v]) for v in WORST_FIRST], found.total()) for name, found in ordered]


def _bar(label: str, counts: Sequence[tuple[str, int]], whole: int) -> Bar:
    """Pieces of at least half a percent, so that one table among ten thousand can be seen."""
    total = sum(count for _, count in counts)
    width = 100 * total / max(1, whole)
    least = min(0.5, width / max(1, len(counts)))
    present = [(kind, count) for kind, count in counts if count]
    shares = [max(least, width * count / max(1, total)) for _, count in present]
    scale = width / sum(shares) if shares else 0.0
    parts, start = [], 0.0
    for (kind, count), share in zip(present, shares, strict=True):
        parts.append(Part(kind, count, round(start, 3), round(share * scale, 3)))
        start += share * scale
    return Bar(label, total, tuple(parts))
