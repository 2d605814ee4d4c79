"""What a plan's copies will cost, and how long copies have been behind: read from the origins' own histories.

An estimate is no part of what a plan is: it has no share in its id, and nothing is decided by it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from replicator.address import Address, Side
from replicator.engine.actions import Action, Do, Estimate, Reason
from replicator.engine.planner import side_ref
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import State
from replicator.execution.session import Prepared, Session
from replicator.execution.sides import both
from replicator.resources import TYPES
from replicator.resources.base import Lag
from replicator.workspace import Backlog, read_backlog, read_sizes

TAKES_ALL = frozenset({Reason.SOURCE_RECREATED, Reason.NEVER_COPIED})
"""A copy that holds nothing of its origin. What one lacks that somebody wrote to is not known."""

Wanted = dict[Side, dict[str, tuple[str, int]]]
"""By side of the origin and by copy: the origin's name, and how many commits the copy lacks."""


def estimated(session: Session, prepared: Prepared) -> Prepared:
    """The same with how many files and bytes each copy will move and which rows it will lose, as far as it can be told.

    A copy that is there lacks its origin's newest commits; one that is made, or made again, takes the whole table; and
    one whose origin moves in this plan follows what the origin gets.
    """
    moving = {
        action.address: (action, origin)
        for action in prepared.plan.actions
        if action.moves_data and (origin := _origin(action)) is not None
    }
    if not moving or not session.readers:
        return prepared
    behind: Wanted = {side: {} for side in Side}
    whole: dict[Side, set[str]] = {side: set() for side in Side}
    for action, origin in moving.values():
        if prepared.snapshots[origin.side].find(origin) is None or str(origin) in moving:
            continue
        if action.estimate and action.estimate.versions:
            behind[origin.side][action.address] = (origin.name, action.estimate.versions)
        elif not action.precondition.exists or action.do is Do.REPLACE or action.reason in TAKES_ALL:
            whole[origin.side].add(origin.name)
    commits = both(lambda side: read_backlog(session.readers[side], behind[side]) if behind[side] else {})
    sizes = both(lambda side: read_sizes(session.readers[side], whole[side]) if whole[side] else {})
    found: dict[str, Backlog] = {address: known for side in Side for address, known in commits[side].items()}
    for address, (_, origin) in moving.items():
        known = found.get(str(origin)) or sizes[origin.side].get(origin.name)
        if address not in found and known is not None:
            found[address] = known
    return _with(session, prepared, found)


def _with(session: Session, prepared: Prepared, found: Mapping[str, Backlog]) -> Prepared:
    """The plan with sizes, their sum, and what it cost to read them."""
    plan = prepared.plan
    actions = tuple(_sized(action, found.get(action.address)) for action in plan.actions)
    snapshots = {side: replace(seen, stats=session.readers[side].stats()) for side, seen in prepared.snapshots.items()}
    told = {
        "actions": actions,
        "summary": dict(sorted((plan.summary | totals(actions)).items())),
        "metastores": {side.value: side_ref(seen) for side, seen in sorted(snapshots.items())},
    }
    return replace(prepared, plan=plan.model_copy(update=told))


def _origin(action: Action) -> Address | None:
    find = TYPES[action.at.type].origin
    return find(action.desired) if find is not None else None


def _sized(action: Action, size: Backlog | None) -> Action:
    if size is None:
        return action
    known = action.estimate or Estimate()
    told = {"files": size.files, "bytes": size.bytes, "removed": dict(size.removed)}
    return action.model_copy(update={"estimate": known.model_copy(update=told)})


def totals(actions: Iterable[Action]) -> dict[str, int]:
    """What all copies together move: `copy_bytes` and `copy_files`, of those whose size is known."""
    known = [action.estimate for action in actions if action.moves_data and action.estimate is not None]
    sums = {
        "copy_bytes": sum(item.bytes for item in known if item.bytes is not None),
        "copy_files": sum(item.files for item in known if item.files is not None),
    }
    return {name: number for name, number in sums.items() if number}


def waiting(session: Session, state: State, snapshots: Mapping[Side, Snapshot]) -> dict[str, str]:
    """By copy, the time of the origin's first commit that it lacks; of copies whose `max_lag` is in hours."""
    late: Wanted = {side: {} for side in Side}
    for text, entry in state.resources.items():
        if (entry.inputs.get("max_lag") or {}).get("hours") is None:
            continue
        if (found := _behind(Address.parse(text), state, snapshots)) is not None:
            origin, versions = found
            late[origin.side][text] = (origin.name, versions)
    read = both(lambda side: read_backlog(session.readers[side], late[side]) if late[side] else {})
    return {text: known.since for side in Side for text, known in read[side].items() if known.since is not None}


def _behind(at: Address, state: State, snapshots: Mapping[Side, Snapshot]) -> tuple[Address, int] | None:
    """The origin of a copy, and how many of its commits the copy lacks; None when it lacks none."""
    rtype, entry = TYPES[at.type], state.resources[str(at)]
    origin = rtype.origin(entry.inputs) if rtype.origin else None
    if origin is None or rtype.lag is None:
        return None
    seen = snapshots[at.side].find(at), snapshots[origin.side].find(origin)
    report = rtype.lag(entry.inputs, *seen, entry.outputs)
    return (origin, report.versions) if report.lag is Lag.BEHIND and report.versions else None
