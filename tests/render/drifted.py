"""Drift reports, written down as plain data."""

from collections.abc import Callable

from replicator.engine.actions import Cause, Change
from replicator.engine.drift import DriftItem, DriftKind, DriftReport, LagItem
from replicator.engine.remedies import PERMISSION, UNDONE, Remedy, Way, left_alone, overwritten
from replicator.resources.base import Effect
from replicator.values import fingerprint

_WAYS: dict[DriftKind, Callable[[str], Way]] = {
    DriftKind.ACCESS_GAINED: left_alone,
    DriftKind.REPLICA_WRITTEN: overwritten,
    DriftKind.SOURCE_RECREATED: overwritten,
    DriftKind.MADE_ANEW: lambda at: (Remedy.FORGET, f"replicator state forget {at}"),
    DriftKind.UNKNOWN: lambda at: PERMISSION,
}


def item(
    address: str, now: str = "edited in the UI", kind: DriftKind = DriftKind.CHANGED, message: str = ""
) -> DriftItem:
    changes = {
        DriftKind.CHANGED: (_change("comment", before="Sales marts", after=now),),
        DriftKind.ACCESS_GAINED: (_change("privileges", "contractors", "SELECT", after=True),),
    }.get(kind, ())
    remedy, command = _WAYS.get(kind, lambda at: UNDONE)(address)
    edited = kind is DriftKind.CHANGED
    return DriftItem(
        address=address,
        by="ana@corp.com" if edited else None,
        at="2026-11-22T16:03:11+00:00" if edited else None,
        remedy=remedy,
        command=command,
        kind=kind,
        message=message,
        changes=changes,
        fingerprint=fingerprint([address, kind.value, now]),
    )


def _change(*path: str, before: object = None, after: object = None) -> Change:
    return Change(path=path, applied=before, before=before, after=after, cause=Cause.DRIFT, effect=Effect.UPDATE)


def report(*items: DriftItem, lag: tuple[LagItem, ...] = ()) -> DriftReport:
    return DriftReport(environment="prod", state_serial=41, objects=310, items=items, lag=lag)


LATE = "9 versions behind, more than the 5 versions of its max_lag"


def night() -> DriftReport:
    """One of each kind, and one edit that hit 198 tables alike."""
    return report(
        item("target:schema/main.sales"),
        item("source:share/partner", kind=DriftKind.DELETED, message="deleted outside replicator"),
        item("target:grants/schema/main.ops", kind=DriftKind.ACCESS_GAINED),
        item("target:clone/dr.ops.events", kind=DriftKind.REPLICA_WRITTEN, message="version 9 (WRITE) is not ours"),
        item("target:clone/dr.ops.users", kind=DriftKind.UNKNOWN, message="cannot be read: no USE SCHEMA"),
        item("target:clone/dr.ops.late", kind=DriftKind.LAG_EXCEEDED, message=LATE),
        item("target:schema/main.temp", kind=DriftKind.MADE_ANEW, message="dropped and made again outside replicator"),
        item("target:clone/dr.ops.jobs", kind=DriftKind.SOURCE_RECREATED, message="the source was dropped and made"),
        *(item(f"target:table/main.crm.t{number:03d}", "by a script") for number in range(198)),
        lag=(
            LagItem(address="target:clone/dr.ops.a", versions=1, message="1 version behind"),
            LagItem(address="target:clone/dr.ops.b", versions=41, message="41 versions behind"),
        ),
    )
