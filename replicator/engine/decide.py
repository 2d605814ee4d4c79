"""One declared resource: what to do with it. Pure; the rules of safety are in guards."""

from collections.abc import Mapping
from dataclasses import dataclass

from replicator.address import Address, Side
from replicator.engine import preexisting
from replicator.engine.actions import (
    Action,
    Cause,
    Change,
    DeclaredAt,
    Do,
    Estimate,
    Precondition,
    Reason,
    Risk,
)
from replicator.engine.desired import Declared
from replicator.engine.diff import diff
from replicator.engine.fingerprints import object_fingerprint
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.resources import TYPES
from replicator.resources.base import Effect, Fields, Lag, LagReport, Observed, ResourceType

LOSES_DATA = frozenset({Lag.FOREIGN_WRITE, Lag.RECREATED, Lag.NEVER_COPIED})
"""Where a sync puts the origin's rows in the place of others that exist nowhere else."""


@dataclass(frozen=True)
class View:
    """All that is known of one declared resource, side by side. `origin_moves`: what it copies from changes in
    this plan. `marked`: it carries our mark."""

    address: Address
    declared: Declared
    rtype: ResourceType
    desired: Fields
    observed: Observed | None
    entry: Entry | None
    unknown: str | None
    origin: Observed | None
    origin_unknown: str | None
    origin_moves: bool
    marked: bool

    @property
    def made_anew(self) -> bool:
        """It has the name of what we knew, and is another object."""
        known = self.entry.id if self.entry else None
        found = self.observed.id if self.observed else None
        return known is not None and found is not None and known != found

    @property
    def ours(self) -> bool:
        """We created it: state says so, or its mark does (the state was lost)."""
        return self.entry is not None or self.marked


def view(
    address: Address,
    declared: Declared,
    snapshots: Mapping[Side, Snapshot],
    state: State,
    moving: Mapping[Address, Action],
) -> View:
    """Look one resource up everywhere. `moving` holds the actions decided so far (what it depends on comes first)."""
    rtype = TYPES[address.type]
    desired = rtype.declared(declared.resource)
    snapshot = snapshots[address.side]
    origin_at = rtype.origin(desired) if rtype.origin else None
    origin_snapshot = snapshots[origin_at.side] if origin_at else None
    upstream = moving.get(origin_at) if origin_at else None
    observed = snapshot.find(address)
    return View(
        address=address,
        declared=declared,
        rtype=rtype,
        desired=desired,
        observed=observed,
        entry=state.resources.get(str(address)),
        unknown=snapshot.unknown_reason(address),
        origin=origin_snapshot.find(origin_at) if origin_snapshot and origin_at else None,
        origin_unknown=origin_snapshot.unknown_reason(origin_at) if origin_snapshot and origin_at else None,
        origin_moves=upstream is not None and (upstream.moves_data or upstream.do in (Do.CREATE, Do.REPLACE)),
        marked=observed is not None and state.owns(observed.mark),
    )


def decide(seen: View) -> Action | None:
    """The action for one declared resource, or None when nothing is to be done."""
    if seen.unknown is not None:
        return _action(seen, Do.NOOP, Cause.CONFIG, Reason.UNKNOWN, message=seen.unknown)
    if seen.rtype.observed_only:
        return _expected(seen)
    if seen.observed is None:
        return None if _wants_nothing(seen) else _create(seen)
    changes = _changes(seen)
    lag = lag_of(seen)
    if seen.entry is None and not (seen.rtype.is_value and changes):
        return _import(seen, changes, lag)
    return _settle(seen, changes, lag)


def renaming(seen: View, action: Action | None, previous: Address) -> Action:
    """The same under a new name, with all that can be changed in place; what cannot is left to the next plan."""
    if action is not None and action.do is Do.NOOP:
        return action
    base = action or _action(seen, Do.RENAME, Cause.CONFIG, Reason.RENAMED)
    told: dict[str, object] = {
        "do": Do.RENAME,
        "cause": Cause.CONFIG,
        "reason": Reason.RENAMED,
        "previous_address": str(previous),
    }
    if base.do is Do.REPLACE:
        kept = tuple(change for change in base.changes if change.effect is not Effect.REPLACE)
        told |= {"changes": kept, "moves_data": False, "estimate": None, "risk": Risk.NONE}
    return base.model_copy(update=told)


def _expected(seen: View) -> Action | None:
    if seen.observed is not None:
        return None
    return _action(
        seen, Do.CHECK, Cause.CONFIG, Reason.EXPECTED_SOON, message="appears by itself once the share is granted"
    )


def _wants_nothing(seen: View) -> bool:
    """Values that are wanted absent and are; state knows it, or has nothing to forget."""
    if not seen.rtype.is_value or diff(seen.rtype, {}, seen.desired, {}):
        return False
    return seen.entry is None or seen.entry.inputs == seen.desired


def _create(seen: View) -> Action:
    gone = seen.entry is not None
    lag = lag_of(seen)
    if lag is not None and lag.lag is Lag.UNKNOWN:
        return _action(seen, Do.NOOP, Cause.CONFIG, Reason.ORIGIN_MISSING, message=lag.why)
    return _action(
        seen,
        Do.CREATE,
        Cause.DRIFT if gone else Cause.CONFIG,
        Reason.GONE if gone else Reason.NOT_PRESENT,
        message="deleted behind our back" if gone else "",
        changes=diff(seen.rtype, seen.entry.inputs if seen.entry else {}, seen.desired, {}),
        lag=lag,
        moves=seen.rtype.sync is not None,
    )


def _import(seen: View, changes: tuple[Change, ...], lag: LagReport | None) -> Action:
    """It exists and state does not know it."""
    behind = lag is not None and lag.lag is not Lag.CURRENT
    if lag is not None and lag.lag is Lag.UNKNOWN:
        return _action(seen, Do.NOOP, Cause.IMPORT, Reason.ORIGIN_MISSING, message=lag.why)
    return _action(
        seen,
        Do.IMPORT,
        Cause.IMPORT,
        Reason.EXISTS_UNMANAGED,
        message="created by this deployment earlier" if seen.ours else "exists already; will be managed from now on",
        changes=changes,
        lag=lag,
        moves=behind,
    )


_LAG_REASONS = {
    Lag.BEHIND: Reason.SOURCE_ADVANCED,
    Lag.FOREIGN_WRITE: Reason.REPLICA_WRITTEN,
    Lag.RECREATED: Reason.SOURCE_RECREATED,
    Lag.NEVER_COPIED: Reason.NEVER_COPIED,
}


def _settle(seen: View, changes: tuple[Change, ...], lag: LagReport | None) -> Action | None:
    """It exists and is ours: fields, data, both or nothing."""
    behind = lag is not None and lag.lag is not Lag.CURRENT
    if lag is not None and lag.lag is Lag.UNKNOWN:
        return _action(seen, Do.NOOP, Cause.LAG, Reason.ORIGIN_MISSING, message=lag.why)
    if changes:
        replaced = any(change.effect is Effect.REPLACE for change in changes)
        return _action(
            seen,
            Do.REPLACE if replaced else Do.UPDATE,
            _joint_cause(changes),
            Reason.IMMUTABLE_FIELD if replaced else Reason.FIELDS_DIFFER,
            changes=changes,
            lag=lag,
            moves=behind or (replaced and seen.rtype.sync is not None),
        )
    if lag is None or not behind:
        return None
    cause = Cause.DRIFT if lag.lag is Lag.FOREIGN_WRITE else Cause.LAG
    return _action(seen, Do.SYNC, cause, _LAG_REASONS[lag.lag], message=lag.why, lag=lag, moves=True)


def _changes(seen: View) -> tuple[Change, ...]:
    assert seen.observed is not None
    entry = seen.entry
    applied = preexisting.managed(entry.inputs, entry.outputs, seen.desired) if entry else None
    lifecycle = seen.declared.resource.lifecycle
    return diff(seen.rtype, applied, seen.desired, seen.observed.fields, lifecycle.ignore)


def lag_of(seen: View) -> LagReport | None:
    """How a copy stands to its origin. An origin that moves in this very plan takes the copy along, and hides no
    danger."""
    if seen.rtype.lag is None:
        return None
    if seen.origin_unknown is not None:
        return LagReport(Lag.UNKNOWN, f"its origin cannot be read: {seen.origin_unknown}")
    if seen.made_anew:
        return LagReport(Lag.RECREATED, "the copy itself was dropped and made again by somebody else")
    report = seen.rtype.lag(seen.desired, seen.observed, seen.origin, seen.entry.outputs if seen.entry else {})
    if seen.origin_moves and (seen.observed is None or report.lag not in LOSES_DATA):
        return LagReport(Lag.BEHIND, "its origin moves in this plan", breaks=report.breaks)
    return report


def _joint_cause(changes: tuple[Change, ...]) -> Cause:
    causes = {change.cause for change in changes}
    return causes.pop() if len(causes) == 1 else Cause.BOTH


def _risk(seen: View, do: Do, changes: tuple[Change, ...], lag: LagReport | None) -> Risk:
    if do is Do.REPLACE and (seen.rtype.bears_data or seen.rtype.holds_children):
        return Risk.DATA_LOSS
    if seen.observed is not None and lag is not None and lag.lag in LOSES_DATA:
        return Risk.DATA_LOSS
    if any(change.lossy for change in changes):
        return Risk.DATA_LOSS if seen.rtype.bears_data else Risk.ACCESS_LOSS
    if changes and all(change.effect is Effect.ADDITIVE for change in changes):
        return Risk.ADDITIVE
    return Risk.NONE


def _action(
    seen: View,
    do: Do,
    cause: Cause,
    reason: Reason,
    *,
    message: str = "",
    changes: tuple[Change, ...] = (),
    lag: LagReport | None = None,
    moves: bool = False,
) -> Action:
    return Action(
        address=str(seen.address),
        do=do,
        cause=cause,
        reason=reason,
        message=message or (lag.why if lag and moves else ""),
        risk=_risk(seen, do, changes, lag),
        precondition=Precondition(exists=seen.observed is not None, fingerprint=object_fingerprint(seen.observed)),
        desired=seen.desired,
        changes=changes,
        moves_data=moves,
        estimate=_estimate(seen, lag) if moves else None,
        declared_at=DeclaredAt(file=seen.declared.at.file, line=seen.declared.at.line) if seen.declared.at else None,
    )


def _estimate(seen: View, lag: LagReport | None) -> Estimate:
    pinned = None if seen.origin_moves or not seen.origin or not seen.origin.version else seen.origin.version.version
    return Estimate(versions=lag.versions if lag and lag.versions else None, source_version=pinned)
