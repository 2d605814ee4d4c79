"""Checks that need no statement: both versions were fingerprinted before, and nothing has moved since.

The same check is run, on what a snapshot already holds and with readers that refuse to read. Only a good verdict is
taken from it: whatever else it comes to is asked afresh.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from replicator.address import Address, Side
from replicator.engine.snapshot import Snapshot
from replicator.errors import NotFound
from replicator.reconciliation.check import run_check
from replicator.reconciliation.governance import Governance
from replicator.reconciliation.tables import Lookup, TableInfo, from_snapshot
from replicator.reconciliation.task import CheckTask
from replicator.reconciliation.verdicts import CheckResult
from replicator.resources.base import DeltaVersion, Reader


def _nothing(reader: Reader, name: str) -> tuple[str, ...]:
    """Nothing is read, so that nothing can be hidden."""
    return ()


class _MustRead(Exception):
    """What is known does not settle the check."""


class _Refusing:
    """A reader of one side that reads nothing."""

    def __init__(self, side: Side) -> None:
        self.side = side

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        raise _MustRead

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        raise _MustRead

    def query(self, sql: str) -> list[dict[str, Any]]:
        raise _MustRead


def settled(task: CheckTask, snapshots: Mapping[Side, Snapshot], keys: Mapping[Side, Governance]) -> CheckResult | None:
    """The good verdict that follows from what is known without asking; None when somebody has to look."""
    if not task.known:
        return None

    def table(reader: Reader, name: str) -> TableInfo:
        found = snapshots[reader.side].find(Address(reader.side, "table", name))
        if found is None:
            raise NotFound(name)
        info, known = from_snapshot(found), keys.get(reader.side)
        if known is None:
            return info
        constraints = info.constraints | known.constraints(name)
        return replace(info, primary_key=known.primary_keys.get(name, ()), constraints=constraints)

    def version(reader: Reader, name: str) -> DeltaVersion | None:
        found = snapshots[reader.side].find(Address(reader.side, "table", name))
        return found.version if found is not None else None

    try:
        result = run_check(
            task, _Refusing(Side.SOURCE), _Refusing(Side.TARGET), look=Lookup(table, version, _nothing, local=True)
        )
    except _MustRead:
        return None
    return result if result.equal and result.source.cached and result.target.cached else None
