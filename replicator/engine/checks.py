"""When a check is due: whenever its copy moves, and until the versions that are there now were verified. Pure."""

from collections.abc import Mapping

from replicator.address import Address, Side
from replicator.engine.actions import Action, Cause, DeclaredAt, Do, Precondition, Reason
from replicator.engine.desired import Declared
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import State
from replicator.resources import TYPES
from replicator.resources.base import Observed


def verified_key(copy: Observed | None) -> list[int] | None:
    """The pair of versions that a verdict is about: what was copied, and the newest commit of the copy."""
    if copy is None or copy.version is None or copy.version.clone is None:
        return None
    return [copy.version.clone.source_version, copy.version.version]


def decide_check(
    address: Address,
    declared: Declared,
    snapshots: Mapping[Side, Snapshot],
    state: State,
    moving: Mapping[Address, Action],
) -> Action | None:
    """A check action, or None when the same definition passed at the same versions."""
    desired = TYPES[address.type].declared(declared.resource)
    copy_at = Address.parse(desired["copy_of"])
    entry = state.resources.get(str(address))
    key = verified_key(snapshots[copy_at.side].find(copy_at))
    upstream = moving.get(copy_at)
    if upstream is not None and upstream.do is Do.NOOP:
        return None
    still = upstream is None and entry is not None and entry.inputs == desired
    if still and entry is not None and key is not None and entry.outputs.get("verified") == key:
        return None
    return Action(
        address=str(address),
        do=Do.CHECK,
        cause=Cause.CONFIG if upstream is None else Cause.LAG,
        reason=Reason.NOT_VERIFIED,
        precondition=Precondition(exists=False),
        desired=desired,
        declared_at=DeclaredAt(file=declared.at.file, line=declared.at.line) if declared.at else None,
    )
