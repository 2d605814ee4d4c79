"""What state still has and the configuration no longer declares. Pure."""

from collections.abc import Mapping

from replicator.address import Address, Side
from replicator.engine import preexisting
from replicator.engine.actions import Action, Cause, Do, Precondition, Reason, Risk
from replicator.engine.desired import Desired
from replicator.engine.fingerprints import object_fingerprint
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.resources import TYPES
from replicator.resources.base import ResourceType

RESULTS = "reconciliation"
"""The section of the schema that keeps what reconcile found."""


def removals(
    desired: Desired, snapshots: Mapping[Side, Snapshot], state: State, *, destroy: bool = False
) -> list[Action]:
    """Forget or delete, in address order. Resources of a disabled section stay as they are, unless all is destroyed;
    what the configuration asks to forget is forgotten in any case, and never deleted."""
    found: list[Action] = []
    wanted = frozenset() if destroy else frozenset(map(_slot, desired.resources))
    for text, entry in sorted(state.resources.items()):
        address = Address.parse(text)
        if address in desired.forget:
            found.append(_forgotten(address, entry, snapshots[address.side]))
            continue
        if not destroy and (address in desired.resources or entry.section in desired.disabled_sections):
            continue
        if _slot(address) in wanted:
            found.append(_forgotten(address, entry, snapshots[address.side], Reason.NOT_IN_CONFIG))
            continue
        removed = _removal(address, entry, snapshots[address.side], requested=destroy)
        gone = None if destroy or removed.do is not Do.DELETE else _lost_origin(address, entry, snapshots)
        found.append(_last_copy(removed, gone) if gone is not None else removed)
    return _keeping_what_holds(found, snapshots)


def _lost_origin(address: Address, entry: Entry, snapshots: Mapping[Side, Snapshot]) -> Address | None:
    """What a copy copied, when that does not exist any more."""
    find = TYPES[address.type].origin
    origin = find(entry.inputs) if find is not None else None
    if origin is None or snapshots[origin.side].find(origin) is not None:
        return None
    return origin if snapshots[origin.side].silent_about(origin) is None else None


def _last_copy(removed: Action, origin: Address) -> Action:
    """A copy that nothing selects since its origin was dropped: nobody asked for it to go, and it may be all that is
    left of the data."""
    return removed.model_copy(
        update={
            "do": Do.NOOP,
            "reason": Reason.ORIGIN_MISSING,
            "risk": Risk.NONE,
            "message": f"its origin {origin} is gone, and this may be the last copy; it stays",
        }
    )


def _slot(address: Address) -> tuple[Side, str, str]:
    """A table and a clone of one name are one object; what becomes the other is not to be dropped."""
    return address.side, TYPES[address.type].kind, address.name


def _keeping_what_holds(removed: list[Action], snapshots: Mapping[Side, Snapshot]) -> list[Action]:
    """A container of something that is forgotten and stays is forgotten too, so that what is kept is not dropped."""
    kept = {
        action.at
        for action in removed
        if action.do is Do.FORGET and snapshots[action.at.side].find(action.at) is not None
    }
    return [
        action.model_copy(
            update={"do": Do.FORGET, "risk": Risk.NONE, "message": f"kept, as it holds {min(held)}, which is kept"}
        )
        if action.do is Do.DELETE and TYPES[action.at.type].holds_children and (held := _held(action.at, kept))
        else action
        for action in removed
    ]


def _held(container: Address, kept: set[Address]) -> list[Address]:
    return [at for at in kept if at.side is container.side and at.name.startswith(container.name + ".")]


def _removal(address: Address, entry: Entry, snapshot: Snapshot, *, requested: bool) -> Action:
    rtype = TYPES[address.type]
    observed = snapshot.find(address)
    unknown = snapshot.unknown_reason(address)
    ours = preexisting.held_by_us(entry.inputs, entry.outputs, observed) if rtype.is_value else entry.inputs
    on_removed = entry.on_removed or ("forget" if entry.imported else rtype.default_on_removed)
    if unknown is not None:
        do, reason = Do.NOOP, Reason.UNKNOWN
    elif rtype.is_check or rtype.observed_only or rtype.delete is None:
        do, reason = Do.FORGET, Reason.NOT_IN_CONFIG
    elif observed is None or (entry.id is not None and observed.id is not None and entry.id != observed.id):
        do, reason = Do.FORGET, Reason.GONE
    elif rtype.is_value and not any(isinstance(value, Mapping) and value for value in ours.values()):
        do, reason = Do.FORGET, Reason.NOT_IN_CONFIG
    elif on_removed == "forget":
        do, reason = Do.FORGET, Reason.IMPORTED_THEN_REMOVED if entry.imported else Reason.NOT_IN_CONFIG
    else:
        do, reason = Do.DELETE, Reason.REQUESTED if requested else Reason.NOT_IN_CONFIG
    return Action(
        address=str(address),
        do=do,
        cause=Cause.REMOVED,
        reason=reason,
        message=unknown or _why_it_stays(rtype, entry, do, reason, requested=requested),
        risk=_risk(address) if do is Do.DELETE else Risk.NONE,
        precondition=Precondition(exists=observed is not None, fingerprint=object_fingerprint(observed)),
        desired=ours,
    )


def _why_it_stays(rtype: ResourceType, entry: Entry, do: Do, reason: Reason, *, requested: bool) -> str:
    """Why what leaves the state is not dropped, where the reason of the action does not say it."""
    if do is not Do.FORGET or reason is Reason.GONE:
        return ""
    if entry.on_removed == "forget" and not rtype.is_check:
        return "kept: results of reconcile are never dropped" if entry.section == RESULTS else "kept by on_removed"
    if not requested:
        return ""
    if rtype.is_check:
        return "a check is nothing in a metastore"
    return "it existed before us and stays" if entry.imported else "nothing of it is ours to drop"


def _forgotten(address: Address, entry: Entry, snapshot: Snapshot, reason: Reason = Reason.REQUESTED) -> Action:
    """Nothing is touched, so it does not matter whether the object is there or can be read."""
    observed = snapshot.find(address)
    return Action(
        address=str(address),
        do=Do.FORGET,
        cause=Cause.REMOVED,
        reason=reason,
        precondition=Precondition(exists=observed is not None, fingerprint=object_fingerprint(observed)),
        desired=entry.inputs,
    )


def _risk(address: Address) -> Risk:
    if TYPES[address.type].bears_data:
        return Risk.DATA_LOSS
    return Risk.ACCESS_LOSS if address.type in ("grants", "share", "recipient") else Risk.NONE


def removal_order(removed: list[Action], state: State, acting: Mapping[str, Action]) -> list[Action]:
    """Dependants go before what they depend on; an update that lets go of an object goes before its removal.

    Only a container that is forgotten goes before all: with its children forgotten first, a run that is cut short would
    leave it with what is not ours, and so not to be dropped.
    """
    gone = {action.address: action for action in removed}
    waits: dict[str, set[str]] = {address: set() for address in gone}
    for text, entry in state.resources.items():
        for need in entry.depends_on:
            if need not in gone or text == need or not (text in gone or text in acting):
                continue
            if not _forgets_container(gone[need]):
                waits[need].add(text)
            elif text in gone and gone[text].do is Do.FORGET:
                waits[text].add(need)
    return [
        action.model_copy(update={"depends_on": tuple(sorted(waits[action.address]))})
        for action in sorted(removed, key=lambda item: item.address)
    ]


def _forgets_container(action: Action) -> bool:
    return action.do is Do.FORGET and TYPES[action.at.type].holds_children
