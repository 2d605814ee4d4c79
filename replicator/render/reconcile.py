"""Verdicts for people: one line per table, below it what differs; tables that are equal are counted when they are
many."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from replicator.reconciliation.verdicts import CheckResult, Report, RowDifference, SchemaDifference, Verdict, Why
from replicator.render.look import Look, clean, cut, duration, folded
from replicator.wording import count, listed, many

LISTED_EQUAL = 20
"""Up to this many equal tables have a line each."""

ROWS_SHOWN = 5

SYMBOLS = {
    Verdict.MATCH: "✓",
    Verdict.STALE: "✓",
    Verdict.MISMATCH: "✗",
    Verdict.SCHEMA_MISMATCH: "✗",
    Verdict.UNVERIFIABLE: "?",
    Verdict.ERROR: "!",
}
WORST_FIRST = (
    Verdict.SCHEMA_MISMATCH,
    Verdict.MISMATCH,
    Verdict.ERROR,
    Verdict.UNVERIFIABLE,
    Verdict.STALE,
    Verdict.MATCH,
)
WORDS = {
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
    ordered = sorted(report.tables, key=lambda result: (WORST_FIRST.index(result.verdict), result.table))
    equal = [result for result in ordered if result.equal]
    shown = ordered if len(equal) <= LISTED_EQUAL or look.full else [result for result in ordered if not result.equal]
    widths = (
        max(len(result.verdict) for result in shown or ordered),
        max((len(item.table) for item in shown), default=0),
    )
    lines = [line for result in shown for line in _result(result, widths, look)]
    if len(shown) < len(ordered):
        lines.append(f"✓ {many(len(equal), 'more copy is', 'more copies are')} equal: --full names them")
    return "\n".join([*lines, *_sums(report, look)]) + "\n"


def _result(result: CheckResult, widths: tuple[int, int], look: Look) -> list[str]:
    verdict, table = widths
    head = f"{SYMBOLS[result.verdict]} {result.verdict:<{verdict}}  {clean(result.table):<{table}}"
    told = facts(result)
    if len(head) + 2 + len(told) > look.width:
        return [head.rstrip(), *([f"    {told}"] if told else []), *detail_lines(result, look)]
    return [f"{head}  {told}".rstrip(), *detail_lines(result, look)]


def detail_lines(result: CheckResult, look: Look) -> list[str]:
    """What there is to say of one table below its line."""
    lines = []
    if result.message and not result.equal:
        lines.append(f"    {clean(result.message)}")
    lines += [f"    {clean(note)}" for note in result.notes]
    told = [item for item in result.schema_differences if item.breaking or look.full]
    lines += [f"    {_schema(item)}" for item in told]
    lines += _rows(result.rows, look)
    if result.rows and not result.key:
        lines.append("      nothing tells rows apart: declare a `key` to see which ones these are")
    left_out = [f"{clean(item.name)} ({clean(item.detail or item.why)})" for item in result.uncompared]
    return [*lines, f"    not compared: {listed(left_out, 6)}"] if left_out else lines


def facts(result: CheckResult) -> str:
    """Numbers about one table in a few words."""
    found = []
    if result.target.rows is not None:
        same = result.source.rows in (result.target.rows, None)
        rows = count(result.target.rows) if same else f"{count(result.source.rows or 0)} → {count(result.target.rows)}"
        found.append(f"{rows} {'row' if same and result.target.rows == 1 else 'rows'}")
    if result.columns_total:
        compared = f"{result.columns_compared} of " if result.columns_compared < result.columns_total else ""
        found.append(f"{compared}{many(result.columns_total, 'column')}")
    if result.source.version is not None and result.target.version is not None:
        found.append(f"source v{result.source.version}, copy v{result.target.version}")
    found += [f"{many(result.lag, 'version')} behind"] if result.lag else []
    return " · ".join(found)


def _schema(item: SchemaDifference) -> str:
    what = item.kind.replace("_", " ") + (f" {clean(item.column)}" if item.column else "")
    return f"{what}: source {clean(item.source or 'none')}, copy {clean(item.target or 'none')}"


def _rows(rows: Sequence[RowDifference], look: Look) -> list[str]:
    shown = rows if look.full else rows[:ROWS_SHOWN]
    lines = [f"      {cut(_row(row), max(60, look.width - 6))}" for row in shown]
    return [*lines, f"      …{many(len(rows) - len(shown), 'more row')}"] if len(shown) < len(rows) else lines


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


def word(result: CheckResult) -> str:
    """What a verdict is called among others; a copy that is not there has no rows that could be other ones."""
    return "missing" if result.reason is Why.COPY_MISSING else WORDS[result.verdict]


def _sums(report: Report, look: Look) -> list[str]:
    counts = Counter(map(word, sorted(report.tables, key=lambda result: WORST_FIRST.index(result.verdict))))
    words = [f"{count(number)} {word}" for word, number in counts.items()]
    total = folded(f"{many(len(report.tables), 'copy', 'copies')}: ", [*words[:-1], f"{words[-1]}."], look.width - 2)
    if report.sampled is not None:
        total.append(f"A sample of {count(report.declared)}, drawn for {report.sampled}: the others were not compared.")
    return [
        *total,
        *_beside(report, look),
        *_cost_lines(report, look),
        *(f"! {clean(notice)}" for notice in report.notices),
    ]


def _beside(report: Report, look: Look) -> list[str]:
    """What differs and breaks no copy, added up."""
    tables = Counter(
        kind
        for result in report.tables
        for kind in {item.kind for item in result.schema_differences if not item.breaking}
    )
    if not tables:
        return []
    copies = sum(any(not item.breaking for item in result.schema_differences) for result in report.tables)
    kinds = [f"{kind.replace('_', ' ')} {count(number)}" for kind, number in tables.most_common()]
    hint = "" if look.full else " (--full names them)"
    end = [*kinds[:-1], f"{kinds[-1]}{hint}."]
    return folded(
        f"Beside the data, {many(copies, 'copy differs', 'copies differ')} from the origin: ", end, look.width - 2
    )


def _cost_lines(report: Report, look: Look) -> list[str]:
    parts = costs(report)
    return folded("", [*parts[:-1], f"{parts[-1]}."], look.width - 2)


def costs(report: Report) -> list[str]:
    """What the answer cost."""
    rows = sum(result.target.rows or 0 for result in report.tables)
    known = sum(result.source.cached and result.target.cached for result in report.tables)
    took = datetime.fromisoformat(report.finished_at) - datetime.fromisoformat(report.started_at)
    spent = f"compared in {duration(took.total_seconds())}"
    read = [f"{many(rows, 'row')} on the target", many(report.statements, "statement"), spent]
    if known:
        read.insert(1, f"{many(known, 'copy', 'copies')} not read again: neither side moved")
    return read
