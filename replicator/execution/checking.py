"""Checks as apply and reconcile run them: a declared check in, a verdict out, results into tables."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from replicator import __version__
from replicator.address import Address, Side
from replicator.engine.actions import Action
from replicator.engine.desired import Desired
from replicator.engine.snapshot import Snapshot
from replicator.errors import ReplicatorError
from replicator.execution.events import Events, Kind, now
from replicator.execution.job import Verdict
from replicator.execution.retrying import Attempts, Retry
from replicator.reconciliation import metadata
from replicator.reconciliation.check import run_check
from replicator.reconciliation.governance import Governance
from replicator.reconciliation.incremental import merged
from replicator.reconciliation.results import append
from replicator.reconciliation.settled import settled
from replicator.reconciliation.task import CheckTask, Settings
from replicator.reconciliation.verdicts import CheckResult, Report, SideResult, summarise
from replicator.reconciliation.verdicts import Verdict as Verdicts
from replicator.resources import TYPES
from replicator.resources.base import Fields, Reader, Writer
from replicator.resources.canonical import principal

_NOT_FOR_LOGS: dict[str, Any] = {"rows": True, "source": {"statements"}, "target": {"statements"}}
"""Keys of rows belong into the results alone, and statements can be asked for."""


@dataclass
class Checks:
    """The checks of one run, implementing `job.Check`. Safe to call from many threads.

    What could not be verified is kept in the tables of results once for the same versions and reason, not by each
    apply that asks again. `snapshots` and `governance`, where given, settle what needs no reading, and add what differs
    beside the data. `tables` are the names of tables of results that the configuration chose.
    """

    desired: Desired
    readers: Mapping[Side, Reader]
    settings: Settings = field(default_factory=Settings)
    snapshots: Mapping[Side, Snapshot] = field(default_factory=dict)
    governance: Mapping[Side, Governance] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    started: str = field(default_factory=now)
    results: dict[str, tuple[str | None, CheckResult]] = field(default_factory=dict)

    def __call__(self, action: Action, known: Mapping[str, Any], copied: Mapping[str, Any]) -> Verdict:
        result = self.run(action.at, action.desired, known, copied)
        said = [result.source.version, result.target.version, result.reason.value if result.reason else None]
        if result.verdict is Verdicts.UNVERIFIABLE and said == known.get("said"):
            self.results[action.address] = (None, result)
        told = {"verdict": result.verdict.value, "message": result.message, "rows": result.target.rows}
        return Verdict(
            equal=result.equal is True,
            verified=result.verified,
            hopeless=result.hopeless,
            message=f"{result.verdict}: {result.message}",
            remember={
                "fingerprints": merged(known.get("fingerprints") or {}, result.fingerprints),
                "rows": result.source.rows,
                "said": said,
            },
            told={**told, "source_version": result.source.version, "target_version": result.target.version},
            details=result.model_dump(mode="json", exclude=_NOT_FOR_LOGS),
        )

    def failed(self, address: Address, fields: Fields, error: Exception) -> CheckResult:
        """Keep, as the result of a check, that it broke: a verdict like any other, and never a good one."""
        said = error.message if isinstance(error, ReplicatorError) else f"{type(error).__name__}: {error}"
        origin = Address.parse(fields["origin"])
        result = CheckResult(
            table=address.name,
            origin=str(origin),
            verdict=Verdicts.ERROR,
            message=f"the check broke: {said}",
            source=SideResult(table=origin.name),
            target=SideResult(table=address.name),
        )
        self.results[str(address)] = (fields.get("results_schema"), result)
        return result

    def run(self, address: Address, fields: Fields, known: Mapping[str, Any], copied: Mapping[str, Any]) -> CheckResult:
        """Run one check and keep its result."""
        task = self._task(address, fields, known, copied)
        result = settled(task, self.snapshots, self.governance) if self.snapshots else None
        result = result or run_check(task, self.readers[Side.SOURCE], self.readers[Side.TARGET])
        if task.schema_check and self.governance:
            result = self._with_metadata(result, task)
        self.results[str(address)] = (fields.get("results_schema"), result)
        return result

    def _with_metadata(self, result: CheckResult, task: CheckTask) -> CheckResult:
        """The same with what the snapshots know beside the data of both tables."""
        copy_at = Address(Side.TARGET, "table", task.table)
        pair = [self.snapshots[at.side].find(at) for at in (task.origin, copy_at)]
        if pair[0] is None or pair[1] is None:
            return result
        ours, theirs = (self.governance[side] for side in (task.origin.side, Side.TARGET))
        us = tuple(principal(self.snapshots[side].metastore.principal) for side in (task.origin.side, Side.TARGET))
        found = metadata.compare(pair[0], pair[1], ours, theirs, (us[0], us[1]))
        return result.model_copy(update={"schema_differences": (*result.schema_differences, *found)})

    def _task(self, address: Address, fields: Fields, known: Mapping[str, Any], copied: Mapping[str, Any]) -> CheckTask:
        """With what the last check learned, and the staging copy in between, if there is one."""
        declared = self.desired.resources.get(Address.parse(fields["copy_of"]))
        cloned = TYPES["clone"].declared(declared.resource).get("origin") if declared else None
        staged = cloned is not None and cloned != fields["origin"]
        return CheckTask.from_fields(
            address,
            fields,
            via=Address.parse(cloned).name if staged and cloned else None,
            origin_id=None if staged else copied.get("origin_id"),
            rows=known.get("rows"),
            known=known.get("fingerprints") or {},
            settings=self.settings,
        )

    def report(self, run: str, schema: str | None = None, **about: Any) -> Report:
        """All results, in the order of addresses; with `schema` only those that are kept there. `about` are further
        fields of the report."""
        ordered = [self.results[address] for address in sorted(self.results)]
        listed = [result for kept, result in ordered if schema in (None, kept)]
        return Report(
            run_id=run,
            environment=self.desired.environment,
            replicator_version=__version__,
            started_at=self.started,
            finished_at=now(),
            summary=summarise(listed),
            tables=tuple(listed),
            **{"declared": len(listed), **about},
        )

    @property
    def schemas(self) -> list[str]:
        """The schemas that keep results of this run."""
        return sorted({schema for schema, _ in self.results.values() if schema})

    def keep(self, writer: Writer, events: Events, retry: Retry, *, values: bool = False) -> None:
        """Append the results to their tables, which may be sent again; a table that cannot be written is a warning."""
        for schema in self.schemas:
            report = self.report(events.run, schema)
            attempts = Attempts(retry, threading.Event(), lambda attempt, error, wait: None)
            add = partial(append, writer, schema, report, values=values, names=self.tables)
            try:
                attempts.call(add)
            except ReplicatorError as error:
                events.emit(Kind.WARNING, message=f"results were not written to {schema}: {error.message}")
