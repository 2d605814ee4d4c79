"""Drift: what differs from what we last applied although nobody asked for it. Pure; configuration plays no part."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from replicator.address import Address, Side
from replicator.engine.actions import Cause, Change, Model, SideRef
from replicator.engine.diff import diff
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.resources import TYPES
from replicator.resources.base import Effect, Lag, Observed, ResourceType
from replicator.values import fingerprint


class DriftKind(StrEnum):
    """What happened behind our back."""

    CHANGED = "changed"
    DELETED = "deleted"
    ACCESS_GAINED = "access_gained"
    REPLICA_WRITTEN = "replica_written"
    SOURCE_RECREATED = "source_recreated"
    MADE_ANEW = "made_anew"
    UNKNOWN = "unknown"


class DriftItem(Model):
    """One resource that drifted; `fingerprint` tells whether it is the same drift as last night."""

    address: str
    kind: DriftKind
    message: str
    changes: tuple[Change, ...] = ()
    fingerprint: str


class LagItem(Model):
    """A copy behind its origin: not drift by itself, only how far there is to go."""

    address: str
    versions: int
    message: str


class DriftReport(Model):
    """The whole answer of `replicator drift`."""

    format_version: str = "1.0"
    environment: str
    state_serial: int
    metastores: dict[str, SideRef] = Field(default_factory=dict)
    objects: int
    items: tuple[DriftItem, ...]
    lag: tuple[LagItem, ...]


def find_drift(
    state: State, snapshots: Mapping[Side, Snapshot], metastores: Mapping[str, SideRef] | None = None
) -> DriftReport:
    """Compare what state says was applied with what both snapshots hold, in address order."""
    items: list[DriftItem] = []
    lags: list[LagItem] = []
    for text, entry in sorted(state.resources.items()):
        address = Address.parse(text)
        rtype = TYPES[address.type]
        if rtype.is_check or rtype.observed_only:
            continue
        snapshot = snapshots[address.side]
        reason = snapshot.unknown_reason(address)
        observed = snapshot.find(address)
        if reason is not None:
            items.append(_item(text, DriftKind.UNKNOWN, f"cannot be read: {reason}"))
        elif observed is None and not rtype.is_value:
            items.append(_item(text, DriftKind.DELETED, "deleted outside replicator"))
        elif observed is None:
            items += _compare(text, rtype, entry, Observed(address.name, {}))
        elif entry.id is not None and observed.id is not None and entry.id != observed.id:
            items.append(_item(text, DriftKind.MADE_ANEW, "dropped and made again outside replicator"))
        else:
            items += _compare(text, rtype, entry, observed)
            found, behind = _data(text, rtype, entry, observed, snapshots)
            items += found
            lags += behind
    return DriftReport(
        environment=state.environment,
        state_serial=state.serial,
        metastores=dict(metastores or {}),
        objects=len(state.resources),
        items=tuple(items),
        lag=tuple(lags),
    )


def _compare(text: str, rtype: ResourceType, entry: Entry, observed: Observed) -> Iterable[DriftItem]:
    # A field that the server never returns cannot be compared with what it holds: it is always what we applied.
    changes = diff(rtype, entry.inputs, entry.inputs, observed.fields, entry.ignore)
    if changes:
        yield _item(text, DriftKind.CHANGED, "changed outside replicator", tuple(map(_as_found, changes)))
    gained = tuple(_gained(rtype, entry, observed))
    if gained:
        yield _item(text, DriftKind.ACCESS_GAINED, "access was opened outside replicator", gained)


def _as_found(change: Change) -> Change:
    """A drift report reads from what was applied to what is there now; a plan reads the other way round."""
    return change.model_copy(update={"before": change.after, "after": change.before})


def _gained(rtype: ResourceType, entry: Entry, observed: Observed) -> Iterable[Change]:
    for name, rule in rtype.rules.items():
        if not rule.watch or name not in entry.watched:
            continue
        for path in sorted(leaves(observed.fields.get(name) or {}) - {tuple(item) for item in entry.watched[name]}):
            ignored = any(fnmatchcase(".".join((name, *path)), pattern) for pattern in entry.ignore)
            if not ignored and not _applied(entry.inputs.get(name), path):
                yield Change(
                    path=(name, *path), after=True, cause=Cause.DRIFT, effect=Effect.ADDITIVE, lossy=False, why=rule.why
                )


def leaves(value: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """The key paths of a watched field: `(principal, privilege)` for grants, `(TYPE:name,)` for a share's objects."""
    found: set[tuple[str, ...]] = set()
    for key, inner in value.items():
        nested = isinstance(inner, Mapping) and bool(inner) and all(item is True for item in inner.values())
        found |= {(key, name) for name in inner} if nested else {(key,)}
    return found


def _applied(inputs: Any, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(inputs, Mapping) or step not in inputs:
            return False
        inputs = inputs[step]
    return True


_DATA_DRIFT = {Lag.FOREIGN_WRITE: DriftKind.REPLICA_WRITTEN, Lag.RECREATED: DriftKind.SOURCE_RECREATED}


def _data(
    text: str, rtype: ResourceType, entry: Entry, observed: Observed, snapshots: Mapping[Side, Snapshot]
) -> tuple[list[DriftItem], list[LagItem]]:
    if rtype.lag is None or rtype.origin is None:
        return [], []
    origin_at = rtype.origin(entry.inputs)
    hidden = snapshots[origin_at.side].silent_about(origin_at) if origin_at else None
    if hidden is not None:
        return [_item(text, DriftKind.UNKNOWN, f"its origin {origin_at} cannot be read: {hidden}")], []
    origin = snapshots[origin_at.side].find(origin_at) if origin_at else None
    report = rtype.lag(entry.inputs, observed, origin, entry.outputs)
    if report.lag in _DATA_DRIFT:
        return [_item(text, _DATA_DRIFT[report.lag], report.why)], []
    if report.lag in (Lag.BEHIND, Lag.NEVER_COPIED):
        return [], [LagItem(address=text, versions=report.versions, message=report.why)]
    if report.lag is Lag.UNKNOWN:
        return [_item(text, DriftKind.UNKNOWN, report.why)], []
    return [], []


def _item(text: str, kind: DriftKind, message: str, changes: tuple[Change, ...] = ()) -> DriftItem:
    identity = {
        "address": text,
        "kind": kind.value,
        "changes": [change.model_dump(mode="json", include={"path", "after"}) for change in changes],
    }
    return DriftItem(address=text, kind=kind, message=message, changes=changes, fingerprint=fingerprint(identity))
