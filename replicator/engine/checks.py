"""When a check is due: whenever its copy moves, and until the versions that are there now were verified, or could not
be. Pure."""

from collections.abc import Callable, Mapping

from replicator.address import Address, Side
from replicator.engine.actions import Action, Cause, DeclaredAt, Do, Precondition, Reason
from replicator.engine.desired import Declared
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import State
from replicator.resources import TYPES
from replicator.resources.base import DeltaVersion

SETTLED = ("verified", "asked")
"""Outputs of a check that hold the versions it was about: `verified` when the copy was found equal, `asked` when
nothing can be said about it (UNVERIFIABLE) and asking again about the same versions would only say so again."""


def verified_key(
    copy_at: Address, declared: Mapping[Address, Declared], version_of: Callable[[Address], DeltaVersion | None]
) -> list[int] | None:
    """The pair of versions that a verdict is about: the origin's that was copied, and the copy's newest commit.

    A copy of a staging copy is followed to the origin. None while there is no such copy.
    """
    newest = version_of(copy_at)
    at: Address | None = copy_at
    copied: int | None = None
    while at is not None and at in declared and TYPES[at.type].origin is not None:
        found = newest if at == copy_at else version_of(at)
        if found is None or found.clone is None:
            return None
        copied = found.clone.source_version
        at = _staged(at, declared)
    return None if newest is None or copied is None else [copied, newest.version]


def _staged(at: Address, declared: Mapping[Address, Declared]) -> Address | None:
    """The staging copy that a copy is made from, if there is one on its side."""
    find = TYPES[at.type].origin
    assert find is not None
    origin = find(TYPES[at.type].declared(declared[at].resource))
    return origin if origin is not None and origin.side is at.side else None


def decide_check(
    address: Address,
    everything: Mapping[Address, Declared],
    snapshots: Mapping[Side, Snapshot],
    state: State,
    moving: Mapping[Address, Action],
) -> Action | None:
    """A check action, or None when the same definition passed at the same versions, or could not be judged there."""
    declared = everything[address]
    desired = TYPES[address.type].declared(declared.resource)
    copy_at = Address.parse(desired["copy_of"])
    entry = state.resources.get(str(address))
    key = verified_key(copy_at, everything, lambda at: _version(snapshots[at.side], at))
    upstream = moving.get(copy_at)
    if upstream is not None and upstream.do is Do.NOOP:
        return None
    still = upstream is None and entry is not None and entry.inputs == desired
    if still and entry is not None and key is not None and key in map(entry.outputs.get, SETTLED):
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


def _version(snapshot: Snapshot, at: Address) -> DeltaVersion | None:
    found = snapshot.find(at)
    return found.version if found is not None else None
