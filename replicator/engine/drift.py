"""Drift: what differs from what we last applied although nobody asked for it. Pure; configuration plays no part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from replicator.address import Address, Side
from replicator.engine import remedies
from replicator.engine.actions import Cause, Change, Model, SideRef
from replicator.engine.diff import diff
from replicator.engine.remedies import Remedy
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.resources import TYPES
from replicator.resources.base import Effect, Lag, LagReport, Observed, ResourceType
from replicator.values import fingerprint


class DriftKind(StrEnum):
    """What happened behind our back."""

    CHANGED = "changed"
    DELETED = "deleted"
    ACCESS_GAINED = "access_gained"
    REPLICA_WRITTEN = "replica_written"
    SOURCE_RECREATED = "source_recreated"
    MADE_ANEW = "made_anew"
    LAG_EXCEEDED = "lag_exceeded"
    UNKNOWN = "unknown"


class DriftItem(Model):
    """One resource that drifted; `fingerprint` tells whether it is the same drift as last night.

    `remedy` is what makes it go away, `command` what a person types for it (or does, where no command helps). `by` and
    `at` say who changed the object last, and when (ISO-8601 UTC), as far as the platform tells.
    """

    address: str
    kind: DriftKind
    message: str
    changes: tuple[Change, ...] = ()
    remedy: Remedy = Remedy.APPLY
    command: str = "replicator apply"
    by: str | None = None
    at: str | None = None
    fingerprint: str


class LagItem(Model):
    """A copy behind its origin, within its `max_lag` if it has one: not drift, only how far there is to go. `since` is
    the time of the origin's first commit that it lacks, where it was read (ISO-8601 UTC)."""

    address: str
    versions: int
    message: str
    since: str | None = None


class DriftReport(Model):
    """The whole answer of `replicator drift`."""

    format_version: str = "1.0"
    environment: str
    state_serial: int
    metastores: dict[str, SideRef] = Field(default_factory=dict)
    objects: int
    items: tuple[DriftItem, ...]
    lag: tuple[LagItem, ...]


@dataclass(frozen=True)
class Clock:
    """What drift must know of time: `now`, and by copy the time of the origin's first commit that it lacks (ISO-8601
    UTC), where a `max_lag` in hours asks for it."""

    now: str = ""
    waiting: Mapping[str, str] = field(default_factory=dict)

    def hours(self, address: str) -> float | None:
        """How long a copy has been behind."""
        since = self.waiting.get(address)
        if since is None:
            return None
        return (datetime.fromisoformat(self.now) - datetime.fromisoformat(since)).total_seconds() / 3600


def find_drift(
    state: State,
    snapshots: Mapping[Side, Snapshot],
    metastores: Mapping[str, SideRef] | None = None,
    clock: Clock | None = None,
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
            items.append(_item(text, DriftKind.UNKNOWN, f"cannot be read: {reason}", remedies.PERMISSION))
        elif observed is None and not rtype.is_value:
            way = remedies.brought_back(address, rtype)
            items.append(_item(text, DriftKind.DELETED, "deleted outside replicator", way))
        elif observed is None:
            items += _compare(text, rtype, entry, Observed(address.name, {}), snapshot.metastore.principal)
        elif entry.id is not None and observed.id is not None and entry.id != observed.id:
            way = remedies.made_again(text, rtype)
            made = _item(text, DriftKind.MADE_ANEW, "dropped and made again outside replicator", way)
            items.append(made.model_copy(update=_who(observed, "created")))
        else:
            items += _compare(text, rtype, entry, observed, snapshot.metastore.principal)
            found, behind = _data(text, rtype, entry, observed, snapshots, clock or Clock())
            items += found
            lags += behind
    return DriftReport(
        environment=state.environment,
        state_serial=state.serial,
        metastores=dict(metastores or {}),
        objects=len(state.resources),
        items=tuple(_guarded(items, state)),
        lag=tuple(lags),
    )


def _guarded(items: Sequence[DriftItem], state: State) -> Iterable[DriftItem]:
    """The same, where undoing all of it at once would be stopped, or something else about the same object is: apply
    leaves out an object as a whole."""
    undone = [item for item in items if item.kind is DriftKind.CHANGED and item.remedy is Remedy.APPLY]
    many = remedies.too_many((Address.parse(item.address) for item in undone), state)
    held = {item.address: (item.remedy, item.command) for item in items if item.remedy is Remedy.RELEASE}
    for item in items:
        way = many.get(Address.parse(item.address).side) if item in undone else None
        way = held.get(item.address, way) if item.remedy is Remedy.APPLY else way
        yield item.model_copy(update={"remedy": way[0], "command": way[1]}) if way else item


def _compare(text: str, rtype: ResourceType, entry: Entry, observed: Observed, runner: str) -> Iterable[DriftItem]:
    # A field that the server never returns cannot be compared with what it holds: it is always what we applied.
    changes = diff(rtype, entry.inputs, entry.inputs, observed.fields, entry.ignore)
    if changes:
        way = remedies.changed_back(text, rtype, changes, runner)
        item = _item(text, DriftKind.CHANGED, "changed outside replicator", way, tuple(map(_as_found, changes)))
        yield item.model_copy(update=_who(observed, "updated"))
    gained = tuple(_gained(rtype, entry, observed))
    if gained:
        way = remedies.left_alone(text)
        yield _item(text, DriftKind.ACCESS_GAINED, "access was opened outside replicator", way, gained)


def _who(observed: Observed, did: str) -> dict[str, str]:
    """Who `updated` or `created` an object, and when."""
    by, at = observed.info.get(f"{did}_by"), observed.info.get(f"{did}_at")
    found = {"by": str(by)} if by else {}
    if isinstance(at, int | float):  # milliseconds since 1970
        found["at"] = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
    return found


def _as_found(change: Change) -> Change:
    """A drift report reads from what was applied to what is there now; a plan reads the other way round."""
    return change.model_copy(update={"before": change.after, "after": change.before})


def _gained(rtype: ResourceType, entry: Entry, observed: Observed) -> Iterable[Change]:
    for name, rule in rtype.rules.items():
        pruned = rule.prune is not None and rule.prune(entry.inputs)
        if not rule.watch or pruned or name not in entry.watched:
            continue  # what is pruned is a change, and goes as one
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
    text: str,
    rtype: ResourceType,
    entry: Entry,
    observed: Observed,
    snapshots: Mapping[Side, Snapshot],
    clock: Clock,
) -> tuple[list[DriftItem], list[LagItem]]:
    if rtype.lag is None or rtype.origin is None:
        return [], []
    origin_at = rtype.origin(entry.inputs)
    hidden = snapshots[origin_at.side].silent_about(origin_at) if origin_at else None
    if hidden is not None:
        message = f"its origin {origin_at} cannot be read: {hidden}"
        return [_item(text, DriftKind.UNKNOWN, message, remedies.PERMISSION)], []
    origin = snapshots[origin_at.side].find(origin_at) if origin_at else None
    report = rtype.lag(entry.inputs, observed, origin, entry.outputs)
    if report.lag in _DATA_DRIFT:
        return [_item(text, _DATA_DRIFT[report.lag], report.why, remedies.overwritten(text))], []
    if report.lag is Lag.UNKNOWN:
        way = remedies.SOURCE if origin is None else remedies.PERMISSION
        return [_item(text, DriftKind.UNKNOWN, report.why, way)], []
    if report.lag not in (Lag.BEHIND, Lag.NEVER_COPIED):
        return [], []
    limit = entry.inputs.get("max_lag") or {}
    if limit.get("hours") is not None and report.lag is Lag.BEHIND and text not in clock.waiting:
        message = f"{report.why}; since when cannot be read from its origin's history"
        return [_item(text, DriftKind.UNKNOWN, message, remedies.PERMISSION)], []
    excess = _excess(limit, report, clock.hours(text))
    if excess:
        return [_item(text, DriftKind.LAG_EXCEEDED, f"{report.why}, {excess}")], []
    since = clock.waiting.get(text)
    return [], [LagItem(address=text, versions=report.versions, message=report.why, since=since)]


def _excess(limit: Mapping[str, float], report: LagReport, hours: float | None) -> str:
    """By what a lag is more than its `max_lag` allows; empty when it is not."""
    if limit and report.lag is Lag.NEVER_COPIED:
        return "and has a max_lag"
    told = []
    if limit.get("versions") is not None and report.versions > limit["versions"]:
        told.append(f"{limit['versions']:g} version{'s' * (limit['versions'] != 1)}")
    if limit.get("hours") is not None and hours is not None and hours > limit["hours"]:
        told.append(f"{limit['hours']:g} hour{'s' * (limit['hours'] != 1)}")
    return f"more than the {' and the '.join(told)} of its max_lag" if told else ""


def _item(
    text: str,
    kind: DriftKind,
    message: str,
    way: remedies.Way = remedies.UNDONE,
    changes: tuple[Change, ...] = (),
) -> DriftItem:
    identity = {
        "address": text,
        "kind": kind.value,
        "changes": [change.model_dump(mode="json", include={"path", "after"}) for change in changes],
    }
    remedy, command = way
    return DriftItem(
        address=text,
        kind=kind,
        message=message,
        changes=changes,
        remedy=remedy,
        command=command,
        fingerprint=fingerprint(identity),
    )
