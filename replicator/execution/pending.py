"""Calls whose outcome nobody recorded: what became of them is read from the objects themselves."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from replicator.address import Address, Side
from replicator.engine import preexisting
from replicator.engine.actions import Do
from replicator.engine.diff import diff
from replicator.engine.drift import leaves
from replicator.engine.moves import carry
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State, same
from replicator.execution.journal import Pending
from replicator.execution.store import Opened
from replicator.resources import TYPES
from replicator.resources.base import Fields, Observed, ResourceType

_MARKED = frozenset({"catalog", "schema", "table", "clone", "view"})
"""Types that carry the deployment's mark; a shared catalog is read-only and carries none."""

_CLOCK_SKEW = timedelta(minutes=5)
_UNDONE_BY_PLANNING = frozenset({Do.IMPORT, Do.CHECK, Do.FORGET, Do.NOOP})


def instant(value: Any) -> datetime | None:
    """A server's time stamp: milliseconds since 1970 (as REST returns it) or ISO-8601 text."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC)
    if isinstance(value, str) and value:
        parsed = datetime.fromisoformat(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return None


def is_ours(address: Address, observed: Observed, *, lineage: str, principal: str, since: str) -> bool:
    """Whether an object that was absent before `since` was made by our own call.

    It carries our mark; or, where objects of its type carry none, our principal created it after that time.
    Values on another object (grants) have no creator: what we meant to grant is ours.
    """
    if observed.mark is not None:
        return observed.mark == lineage
    if TYPES[address.type].is_value:
        return True
    if address.type in _MARKED and not observed.fields.get("share_name"):
        return False
    created = instant(observed.info.get("created_at"))
    began = instant(since)
    if created is None or began is None:
        return False
    same = str(observed.info.get("created_by", "")).lower() == principal.lower()
    return same and created >= began - _CLOCK_SKEW


def differing(rtype: ResourceType, desired: Fields, observed: Observed) -> frozenset[str]:
    """The top-level fields in which an object is not what is desired."""
    return frozenset(change.path[0] for change in diff(rtype, desired, desired, observed.fields))


def still_pending(pending: Mapping[str, Pending], snapshots: Mapping[Side, Snapshot]) -> dict[str, Pending]:
    """Those about which the snapshots know nothing: unknown is not absent."""
    return {
        text: item
        for text, item in pending.items()
        if snapshots[(at := Address.parse(text)).side].unknown_reason(at) is not None
    }


def resolved(opened: Opened, snapshots: Mapping[Side, Snapshot]) -> Opened:
    """The opened state with what the snapshots show of its pending calls; what was learned is yet to be saved."""
    state = resolve_pending(opened.state, opened.pending, snapshots)
    left = still_pending(opened.pending, snapshots)
    if left == dict(opened.pending) and same(state, opened.state):
        return opened
    numbered = state.model_copy(update={"serial": state.serial + int(opened.saved)})
    return replace(opened, state=numbered, pending=left, saved=False)


def resolve_pending(state: State, pending: Mapping[str, Pending], snapshots: Mapping[Side, Snapshot]) -> State:
    """The state with the outcome of each pending call, as far as the snapshots show it."""
    open_ones = still_pending(pending, snapshots)
    resources = dict(state.resources)
    for text, item in sorted(pending.items()):
        if text not in open_ones and Do(item.do) not in _UNDONE_BY_PLANNING:
            _resolve(resources, state.lineage, item, snapshots[Address.parse(text).side])
    return state.model_copy(update={"resources": resources})


def _resolve(resources: dict[str, Entry], lineage: str, item: Pending, snapshot: Snapshot) -> None:
    address = Address.parse(item.address)
    observed = snapshot.find(address)
    if Do(item.do) is Do.DELETE:
        if observed is None:
            resources.pop(item.address, None)
        return
    if observed is None:
        return
    before = item.previous if item.previous in resources else item.address
    principal = snapshot.metastore.principal
    known = before in resources
    if not known and not is_ours(address, observed, lineage=lineage, principal=principal, since=item.at):
        return
    recovered = _recovered(TYPES[address.type], Entry.model_validate(item.entry), resources.get(before), observed)
    if before != item.address:
        moved = carry(resources, Address.parse(before), address)
        resources.clear()
        resources.update(moved)
    resources[item.address] = recovered


def _recovered(rtype: ResourceType, intended: Entry, known: Entry | None, observed: Observed) -> Entry:
    """What state holds of an object after a call that may or may not have been made.

    What state knew already is not forgotten before it is seen to be gone; what a call returned is not known.
    """
    inputs, outputs = intended.inputs, intended.outputs
    if known is not None:
        inputs = _not_forgotten(rtype, known.inputs, intended.inputs, observed)
        others = preexisting.recovered(rtype, intended.inputs, intended.outputs, known.outputs)
        outputs = {**known.outputs, **others}
    update = {
        "id": observed.id,
        "inputs": inputs,
        "outputs": outputs,
        "watched": _still_watched(rtype, intended, observed),
        "partial": inputs != intended.inputs or bool(differing(rtype, intended.inputs, observed)),
    }
    return intended.model_copy(update=update)


def _not_forgotten(rtype: ResourceType, applied: Fields, intended: Fields, observed: Observed) -> Fields:
    """The intended fields, with what was applied and is to go as far as it is still there, so that the next plan sees
    it; and with the applied value of what cannot be read, so that it is sent again."""
    found: Fields = {}
    for name, value in intended.items():
        rule = rtype.rules.get(name)
        if rule is not None and rule.keyed:
            held = observed.fields.get(name) or {}
            found[name] = _still_held(applied.get(name) or {}, value or {}, held, rule.keyed) or value
        elif rule is None or not rule.write_only:
            found[name] = value
        elif name in applied:
            found[name] = applied[name]
    return found


def _still_held(applied: Fields, intended: Fields, held: Fields, depth: int) -> Fields:
    found = dict(intended)
    for key in applied.keys() & held.keys():
        if key not in intended and depth == 1:
            found[key] = applied[key]
        elif depth > 1:
            left = _still_held(applied[key] or {}, intended.get(key) or {}, held[key] or {}, depth - 1)
            if left or key in intended:
                found[key] = left
    return found


def _still_watched(rtype: ResourceType, intended: Entry, observed: Observed) -> dict[str, Any]:
    """What there was before the call or was meant by it, as far as it is held now: what else is held was opened since,
    and what is gone and comes back will be."""
    found: dict[str, Any] = {}
    for name, held in watched(rtype, observed).items():
        ours = leaves(intended.inputs.get(name) or {}) | {tuple(path) for path in intended.watched.get(name, ())}
        found[name] = [path for path in held if tuple(path) in ours]
    return found


def watched(rtype: ResourceType, observed: Observed) -> dict[str, Any]:
    """The keys of an object's access-bearing fields (see Rule.watch)."""
    return {
        name: [list(path) for path in sorted(leaves(observed.fields.get(name) or {}))]
        for name, rule in rtype.rules.items()
        if rule.watch
    }
