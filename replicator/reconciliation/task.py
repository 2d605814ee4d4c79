"""One check as asked for, and what has been learned of it so far."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from replicator.address import Address, Side
from replicator.reconciliation.drilldown import Limits
from replicator.reconciliation.fingerprint import Buckets, Cell, by_hand_sql
from replicator.reconciliation.probe import Pair, Probe
from replicator.reconciliation.recipe import Hashing, Place, Recipe
from replicator.reconciliation.tables import TableInfo
from replicator.reconciliation.verdicts import (
    CheckResult,
    ColumnDifference,
    DifferenceCounts,
    RowDifference,
    SchemaDifference,
    SideResult,
    UncomparedColumn,
    Verdict,
    Why,
)
from replicator.resources.base import DeltaVersion, Fields, Reader


@dataclass(frozen=True, slots=True)
class Settings:
    """How checks are run. `buckets` fixes their number, otherwise it follows `rows`, the size when last counted.
    `incremental` lets a fingerprint be carried forward over the change data feed."""

    hashing: Hashing = Hashing.XXHASH64
    limits: Limits = field(default_factory=Limits)
    buckets: int | None = None
    incremental: bool = True


@dataclass(frozen=True)
class CheckTask:
    """Is `table` on the target what it was copied from, `origin`?

    `via` names the staging copy in between, if the copy was cloned from one. `threshold` is the percentage of equal
    rows that is still good. `origin_id` is the origin's table id when it was copied (None: not known). `known` are
    fingerprints of earlier results (`CheckResult.fingerprints`): versions are immutable, so they need no second scan.
    """

    table: str
    origin: Address
    via: str | None = None
    schema_check: bool = True
    row_count_check: bool = True
    missing_data_check: bool = True
    exclude_columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    source_filter: str | None = None
    target_filter: str | None = None
    threshold: float = 100.0
    origin_id: str | None = None
    rows: int | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = Settings()

    @classmethod
    def from_fields(cls, address: Address, fields: Fields, **more: Any) -> "CheckTask":
        """From the fields of a `check` resource; `more` overrides or adds (`settings`, `known`, `via`, …)."""
        return cls(
            **{
                "table": address.name,
                "origin": Address.parse(fields["origin"]),
                "schema_check": fields.get("schema_check", True),
                "row_count_check": fields.get("row_count_check", True),
                "missing_data_check": fields.get("missing_data_check", True),
                "exclude_columns": tuple(fields.get("exclude_columns") or ()),
                "key": tuple(fields.get("key") or ()),
                "source_filter": fields.get("source_filter_expression"),
                "target_filter": fields.get("target_filter_expression"),
                "threshold": float(fields.get("threshold", 100.0)),
                **more,
            }
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why a check ends here."""

    verdict: Verdict
    message: str
    reason: Why | None = None


@dataclass
class Work:
    """A check in progress: each stage adds what it learned, `result` tells it."""

    task: CheckTask
    pair: Pair
    started: float
    source: TableInfo | None = None
    target: TableInfo | None = None
    source_now: DeltaVersion | None = None
    target_now: DeltaVersion | None = None
    lag: int | None = None
    notes: list[str] = field(default_factory=list)
    schema_differences: tuple[SchemaDifference, ...] = ()
    recipe: Recipe | None = None
    uncompared: tuple[UncomparedColumn, ...] = ()
    columns_total: int = 0
    source_cell: Cell | None = None
    target_cell: Cell | None = None
    source_cached: bool = False
    target_cached: bool = False
    counts: tuple[int, int] | None = None
    buckets: int | None = None
    found: tuple[Buckets, Buckets] | None = None
    bad: int | None = None
    differing_rows_at_most: int = 0
    complete: bool = True
    differences: DifferenceCounts = field(default_factory=DifferenceCounts)
    columns: tuple[ColumnDifference, ...] = ()
    rows: tuple[RowDifference, ...] = ()
    tolerated: bool = False
    fingerprints: dict[str, str] = field(default_factory=dict)

    @property
    def blind(self) -> tuple[UncomparedColumn, ...]:
        """Columns that should have been compared and could not be."""
        return tuple(item for item in self.uncompared if item.why is not Why.EXCLUDED)

    def result(self, outcome: Outcome) -> CheckResult:
        """Everything learned so far, under a verdict."""
        recipe = self.recipe
        return CheckResult(
            table=self.task.table,
            origin=str(self.task.origin),
            verdict=outcome.verdict,
            reason=outcome.reason,
            message=outcome.message,
            notes=tuple(self.notes),
            lag=self.lag,
            source=self._side(Side.SOURCE),
            target=self._side(Side.TARGET),
            columns_compared=len(recipe.columns) if recipe else 0,
            columns_total=self.columns_total,
            uncompared=self.uncompared,
            schema_differences=self.schema_differences,
            key=recipe.key if recipe else (),
            hashing=self.task.settings.hashing.value,
            buckets=self.buckets,
            buckets_differing=self.bad,
            complete=self.complete,
            differences=self.differences,
            columns=self.columns,
            rows=self.rows,
            tolerated=self.tolerated,
            seconds=round(time.monotonic() - self.started, 3),
            fingerprints=self.fingerprints,
        )

    def _side(self, side: Side) -> SideResult:
        ours = side is Side.SOURCE
        probe = self.pair.source if ours else self.pair.target
        cell = self.source_cell if ours else self.target_cell
        now = self.source_now if ours else self.target_now
        counted = self.counts[0 if ours else 1] if self.counts else None
        return SideResult(
            table=probe.place.table,
            version=probe.place.version,
            current_version=now.version if now else None,
            rows=cell.rows if cell else counted,
            fingerprint=cell.text.partition(":")[2] if cell else None,
            cached=self.source_cached if ours else self.target_cached,
            statements=tuple(probe.statements),
            seconds=round(probe.seconds, 3),
            by_hand=by_hand_sql(self.recipe, probe.place) if self.recipe and self.recipe.columns else "",
        )


def begin(task: CheckTask, source: Reader, target: Reader) -> Work:
    """A check of which nothing is known yet."""
    origin_reader = source if task.origin.side is Side.SOURCE else target
    ours = Probe(origin_reader, Place(task.origin.name, Side.SOURCE, where=task.source_filter))
    theirs = Probe(target, Place(task.table, Side.TARGET, where=task.target_filter))
    return Work(task=task, pair=Pair(ours, theirs), started=time.monotonic())


def sentence(parts: Iterable[str]) -> str:
    """Words of a message that are not empty, put together."""
    return "; ".join(part for part in parts if part)
