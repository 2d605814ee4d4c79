"""Drift reports, written down as plain data."""

from replicator.engine.actions import Cause, Change
from replicator.engine.drift import DriftItem, DriftKind, DriftReport, LagItem
from replicator.resources.base import Effect
from replicator.values import fingerprint


def item(
    address: str, now: str = "edited in the UI", kind: DriftKind = DriftKind.CHANGED, message: str = ""
) -> DriftItem:
    changes = {
        DriftKind.CHANGED: (_change("comment", before="Sales marts", after=now),),
        DriftKind.ACCESS_GAINED: (_change("privileges", "contractors", "SELECT", after=True),),
    }.get(kind, ())
    return DriftItem(
        address=address,
        kind=kind,
        message=message,
        changes=changes,
        fingerprint=fingerprint([address, kind.value, now]),
    )


def _change(*path: str, before: object = None, after: object = None) -> Change:
    return Change(path=path, applied=before, before=before, after=after, cause=Cause.DRIFT, effect=Effect.UPDATE)


def report(*items: DriftItem, lag: tuple[LagItem, ...] = ()) -> DriftReport:
    return DriftReport(environment="prod", state_serial=41, objects=310, items=items, lag=lag)


def night() -> DriftReport:
    """One of each kind, and one edit that hit 198 tables alike."""
    return report(
        item("target:schema/main.sales"),
        item("source:share/partner", kind=DriftKind.DELETED, message="deleted outside replicator"),
        item("target:grants/schema/main.ops", kind=DriftKind.ACCESS_GAINED),
        item("target:clone/dr.ops.events", kind=DriftKind.REPLICA_WRITTEN, message="version 9 (WRITE) is not ours"),
        item("target:clone/dr.ops.users", kind=DriftKind.UNKNOWN, message="cannot be read: no USE SCHEMA"),
        *(item(f"target:table/main.crm.t{number:03d}", "by a script") for number in range(198)),
        lag=(
            LagItem(address="target:clone/dr.ops.a", versions=1, message="1 version behind"),
            LagItem(address="target:clone/dr.ops.b", versions=41, message="41 versions behind"),
        ),
    )
