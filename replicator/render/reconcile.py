"""Verdicts for people: one line per table, below it what differs; tables that are equal are counted when they are
many."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from replicator.reconciliation.verdicts import CheckResult, Report, RowDifference, Verdict, Why
from replicator.render.look import Look, clean, count, cut, duration, folded, listed, many

LISTED_EQUAL = 20
"""Up to this many equal tables have a line each."""

ROWS_SHOWN = 5

_SYMBOLS = {
    Verdict.MATCH: "✓",
    Verdict.STALE: "✓",
    Verdict.MISMATCH: "✗",
    Verdict.SCHEMA_MISMATCH: "✗",
    Verdict.UNVERIFIABLE: "?",
    Verdict.ERROR: "!",
}
_WORST_FIRST = (
    Verdict.SCHEMA_MISMATCH,
    Verdict.MISMATCH,
    Verdict.ERROR,
    Verdict.UNVERIFIABLE,
    Verdict.STALE,
    Verdict.MATCH,
)
_WORDS = {
    Verdict.MATCH: "equal",
    Verdict.STALE: "equal, though the source moved on",
    Verdict.MISMATCH: "with other rows",
    Verdict.SCHEMA_MISMATCH: "with another schema",
    Verdict.UNVERIFIABLE: "that cannot be verified",
    Verdict.ERROR: "not checked, for an error",
}


def report_text(report: Report, look: Look) -> str:
    """All verdicts, the worst first, and what they add up to."""
    if not report.tables:
        return "Nothing to reconcile: no check is declared for any copy that exists.\n"
    ordered = sorted(report.tables, key=lambda result: (_WORST_FIRST.index(result.verdict), result.table))
    equal = [result for result in ordered if result.equal]
    shown = ordered if len(equal) <= LISTED_EQUAL or look.full else [result for result in ordered if not result.equal]
    widths = (
        max(len(result.verdict) for result in shown or ordered),
        max((len(item.table) for item in shown), default=0),
    )
    lines = [line for result in shown for line in _result(result, widths, look)]
    if len(shown) < len(ordered):
        lines.append(f"✓ {count(len(equal))} more copies are equal: --full names them")
    return "\n".join([*lines, *_sums(report, look)]) + "\n"


def _result(result: CheckResult, widths: tuple[int, int], look: Look) -> list[str]:
    verdict, table = widths
    head = f"{_SYMBOLS[result.verdict]} {result.verdict:<{verdict}}  {clean(result.table):<{table}}"
    lines = [f"{head}  {_facts(result)}".rstrip()]
    if result.message and not result.equal:
        lines.append(f"    {clean(result.message)}")
    lines += [f"    {clean(note)}" for note in result.notes]
    told = [item for item in result.schema_differences if item.breaking or look.full]
    lines += [f"    {_schema(item.kind, item.column, item.source, item.target)}" for item in told]
    lines += _rows(result.rows, look)
    left_out = [f"{clean(item.name)} ({item.detail or item.why})" for item in result.uncompared]
    return [*lines, f"    not compared: {listed(left_out, 6)}"] if left_out else lines


def _facts(result: CheckResult) -> str:
    found = []
    if result.target.rows is not None:
        same = result.source.rows in (result.target.rows, None)
        rows = count(result.target.rows) if same else f"{count(result.source.rows or 0)} → {count(result.target.rows)}"
        found.append(f"{rows} rows")
    if result.columns_total:
        compared = f"{result.columns_compared} of " if result.columns_compared < result.columns_total else ""
        found.append(f"{compared}{many(result.columns_total, 'column')}")
    if result.source.version is not None and result.target.version is not None:
        found.append(f"source v{result.source.version}, copy v{result.target.version}")
    found += [f"{many(result.lag, 'version')} behind"] if result.lag else []
    return " · ".join(found)


def _schema(kind: str, column: str | None, source: str | None, target: str | None) -> str:
    what = kind.replace("_", " ") + (f" {clean(column)}" if column else "")
    return f"{what}: source {clean(source or 'none')}, copy {clean(target or 'none')}"


def _rows(rows: Sequence[RowDifference], look: Look) -> list[str]:
    shown = rows if look.full else rows[:ROWS_SHOWN]
    lines = [f"      {cut(_row(row), max(60, look.width - 6))}" for row in shown]
    return [*lines, f"      …{count(len(rows) - len(shown))} more rows"] if len(shown) < len(rows) else lines


def _row(row: RowDifference) -> str:
    key = ", ".join(f"{clean(name)}={clean(value or 'NULL')}" for name, value in (row.key or {}).items())
    name = key or f"hash {row.target_hash or row.source_hash or ''}"
    return f"{row.kind.value} {name}" + (f": {_values(row)}" if row.columns else "")


def _values(row: RowDifference) -> str:
    """The columns that differ, with both values where they were asked for."""
    if row.source_values is None or row.target_values is None:
        return ", ".join(map(clean, row.columns))
    source, target = row.source_values, row.target_values
    return ", ".join(
        f"{clean(name)} {clean(source.get(name) or 'NULL')} → {clean(target.get(name) or 'NULL')}"
        for name in row.columns
    )


def _word(result: CheckResult) -> str:
    """What a verdict is called among others; a copy that is not there has no rows that could be other ones."""
    return "missing" if result.reason is Why.COPY_MISSING else _WORDS[result.verdict]


def _sums(report: Report, look: Look) -> list[str]:
    counts = Counter(map(_word, sorted(report.tables, key=lambda result: _WORST_FIRST.index(result.verdict))))
    words = [f"{count(number)} {word}" for word, number in counts.items()]
    rows = sum(result.target.rows or 0 for result in report.tables)
    statements = sum(len(result.source.statements) + len(result.target.statements) for result in report.tables)
    took = datetime.fromisoformat(report.finished_at) - datetime.fromisoformat(report.started_at)
    total = folded(f"{many(len(report.tables), 'copy', 'copies')}: ", [*words[:-1], f"{words[-1]}."], look.width)
    read = f"{many(rows, 'row')} on the target, {many(statements, 'statement')}, {duration(took.total_seconds())}."
    return [*total, read]
