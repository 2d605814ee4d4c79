"""Reports of a reconciliation, written down as plain data."""

from typing import Any

from replicator.reconciliation.verdicts import (
    CheckResult,
    ColumnDifference,
    DifferenceCounts,
    Report,
    RowDifference,
    RowKind,
    SchemaDifference,
    SchemaKind,
    SideResult,
    UncomparedColumn,
    Verdict,
    Why,
    summarise,
)


def result(
    table: str, verdict: Verdict = Verdict.MATCH, *, counted: tuple[int, int] = (1000, 1000), **rest: Any
) -> CheckResult:
    given: dict[str, Any] = {
        "origin": f"source:table/main.{table.partition('.')[2]}",
        "source": SideResult(table=f"main.{table}", version=34, rows=counted[0], statements=("SELECT 1",), seconds=0.5),
        "target": SideResult(table=table, version=12, rows=counted[1], statements=("SELECT 1",), seconds=0.4),
        "columns_compared": 8,
        "columns_total": 8,
        "seconds": 0.9,
        **rest,
    }
    return CheckResult(table=table, verdict=verdict, **given)


def report(*results: CheckResult) -> Report:
    return Report(
        run_id="2026-11-23T02:11:07Z-5c1e",
        environment="prod",
        started_at="2026-11-23T02:11:07Z",
        finished_at="2026-11-23T02:11:17Z",
        statements=sum(len(item.source.statements) + len(item.target.statements) for item in results),
        summary=summarise(results),
        tables=results,
    )


def a_bad_day(equal: int = 3) -> Report:
    """One of each verdict, and some equal tables."""
    changed = RowDifference(
        kind=RowKind.CHANGED,
        key={"id": "7"},
        columns=("amount",),
        source_values={"amount": "12.50"},
        target_values={"amount": None},
    )
    missing = [RowDifference(kind=RowKind.MISSING, source_hash=f"{number:016x}") for number in range(8)]
    altered = SchemaDifference(
        kind=SchemaKind.TYPE, column="total", source="decimal(12,2)", target="double", breaking=True, meaning="rounds"
    )
    return report(
        result(
            "dr.sales.orders",
            Verdict.MISMATCH,
            counted=(1000, 992),
            message="rows differ: 1 changed, 8 missing; columns amount",
            differences=DifferenceCounts(changed=1, missing=8),
            columns=(ColumnDifference(name="amount", rows=1),),
            rows=(changed, *missing),
            key=("id",),
        ),
        result(
            "dr.sales.totals",
            Verdict.SCHEMA_MISMATCH,
            message="another type: total",
            schema_differences=(altered,),
        ),
        result("dr.sales.late", Verdict.STALE, message="equal in all 8 columns, at version 34", lag=3),
        result(
            "dr.hr.people",
            Verdict.UNVERIFIABLE,
            reason=Why.MASKED,
            message="equal in 7 of 8 columns; could not be compared: salary",
            columns_compared=7,
            uncompared=(UncomparedColumn(name="salary", why=Why.MASKED, detail="a mask hides it from us"),),
        ),
        result("dr.ops.events", Verdict.ERROR, message="the warehouse stopped answering"),
        *(result(f"dr.ops.t{number:03d}") for number in range(equal)),
    )
