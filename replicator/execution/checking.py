"""Checks as apply and reconcile run them: a declared check in, the reconciliation's verdict out."""

from collections.abc import Mapping
from typing import Any

from replicator.address import Address, Side
from replicator.engine.actions import Action
from replicator.engine.desired import Desired
from replicator.execution.job import Check, Verdict
from replicator.resources import TYPES
from replicator.resources.base import Fields, Reader


def checker(desired: Desired, readers: Mapping[Side, Reader]) -> Check:
    """The check of one copy, over open readers."""
    from replicator.reconciliation.check import run_check

    def check(action: Action, known: Mapping[str, Any], copied: Mapping[str, Any]) -> Verdict:
        task = check_task(desired, action.at, action.desired, known, copied)
        result = run_check(task, readers[Side.SOURCE], readers[Side.TARGET])
        return Verdict(
            equal=result.equal is True,
            verified=result.verified,
            message=f"{result.verdict}: {result.message}",
            remember={"fingerprints": dict(result.fingerprints), "rows": result.source.rows},
            details=result.model_dump(mode="json"),
        )

    return check


def check_task(
    desired: Desired, address: Address, fields: Fields, known: Mapping[str, Any], copied: Mapping[str, Any]
) -> Any:
    """The reconciliation's task: with what the last check learned, and the staging copy in between, if there is one."""
    from replicator.reconciliation.task import CheckTask

    declared = desired.resources.get(Address.parse(fields["copy_of"]))
    cloned = TYPES["clone"].declared(declared.resource).get("origin") if declared else None
    staged = cloned is not None and cloned != fields["origin"]
    return CheckTask.from_fields(
        address,
        fields,
        via=Address.parse(cloned).name if staged and cloned else None,
        origin_id=None if staged else copied.get("origin_id"),
        rows=known.get("rows"),
        known=known.get("fingerprints") or {},
    )
