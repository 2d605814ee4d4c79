"""make_plan: from what is wanted, what there is and what was applied, to an ordered plan with an id.

A pure function: the same input gives the same bytes, whatever the order of keys, pages or threads.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from replicator import __version__
from replicator.address import Address, Side
from replicator.engine import guards
from replicator.engine.actions import Action, ConfigRef, Do, Plan, Risk, SideRef, StateRef
from replicator.engine.checks import decide_check
from replicator.engine.decide import View, decide, lag_of, renaming, view
from replicator.engine.desired import Declared, Desired
from replicator.engine.graph import dependencies, effective, order
from replicator.engine.moves import Moved, follow
from replicator.engine.policy import Policy
from replicator.engine.removals import removal_order, removals
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.engine.targeting import narrow
from replicator.engine.uninvited import uninvited
from replicator.engine.unshielded import unshielded
from replicator.resources import TYPES
from replicator.resources.base import Lifecycle
from replicator.values import fingerprint

Snapshots = Mapping[Side, Snapshot]


def make_plan(desired: Desired, snapshots: Snapshots, state: State, policy: Policy, *, created_at: str = "") -> Plan:
    """Plan what brings both metastores to `desired`.

    `created_at` is shown only, and is no part of the plan's identity. Raises ConfigError for a cycle, and for a move
    that cannot be made.
    """
    declared = {} if policy.mode == "destroy" else dict(desired.resources)
    needs = dependencies(declared)
    ordered = order(needs, lambda address: str(declared[address].at or address))
    moved = follow(desired, snapshots, state) if declared else Moved(snapshots, state, {})
    snapshots, state = moved.snapshots, moved.state
    decided, views = _decide_all(ordered, declared, moved)
    waits = effective(ordered, needs, frozenset(decided))
    acting = [_depending(decided[address], waits[address]) for address in ordered if address in decided]
    removed = removals(desired, snapshots, state, destroy=policy.mode == "destroy")
    acting += _in_order(removal_order(removed, state, {action.address: action for action in acting}))
    guarded = _guard(acting, views, snapshots, state, policy)
    actions, complete = narrow(guarded, policy)
    return _assemble(desired, snapshots, state, policy, actions, complete, len(declared) - len(decided), created_at)


def _decide_all(
    ordered: Iterable[Address], declared: Mapping[Address, Declared], moved: Moved
) -> tuple[dict[Address, Action], dict[Address, View]]:
    decided: dict[Address, Action] = {}
    views: dict[Address, View] = {}
    snapshots, state = moved.snapshots, moved.state
    for address in ordered:
        if TYPES[address.type].is_check:
            action = decide_check(address, declared, snapshots, state, decided)
        else:
            views[address] = view(address, declared[address], snapshots, state, decided)
            action = decide(views[address])
        if address in moved.renamed:
            action = renaming(views[address], action, moved.renamed[address])
        if action is not None:
            decided[address] = action
    return decided, views


def _depending(action: Action, needs: Iterable[Address]) -> Action:
    return action.model_copy(update={"depends_on": tuple(str(need) for need in needs)})


def _in_order(actions: Iterable[Action]) -> list[Action]:
    """Removals sorted so that each stands after those it waits for."""
    by_address = {Address.parse(action.address): action for action in actions}
    needs = {
        address: [need for need in map(Address.parse, action.depends_on) if need in by_address]
        for address, action in by_address.items()
    }
    return [by_address[address] for address in order(needs, str)]


def _guard(
    actions: list[Action], views: Mapping[Address, View], snapshots: Snapshots, state: State, policy: Policy
) -> list[Action]:
    leaving = frozenset(
        f"{TYPES[action.at.type].kind}/{action.at.name}" for action in actions if action.do is Do.DELETE
    )
    many = guards.thresholds(actions, state, policy)
    declared = {at: seen.desired for at, seen in views.items() if at.type == "grants"}
    guarded: list[Action] = []
    for action in actions:
        case = replace(_case(action, views.get(action.at), snapshots, state, leaving), verb=guards.verb_of(policy))
        if action.at.type == "share":
            case = replace(case, uninvited=uninvited(action.at, declared, case.snapshot, state))
        found = guards.judge(case, policy, [many[action.address]] if action.address in many else [])
        told = {"blocked": found.blocked, "released": found.released}
        guarded.append(action.model_copy(update=told) if any(told.values()) else action)
    return guarded


def _case(
    action: Action, seen: View | None, snapshots: Snapshots, state: State, leaving: frozenset[str]
) -> guards.Case:
    address = action.at
    rtype = TYPES[address.type]
    lag = lag_of(seen) if seen is not None and action.moves_data else None
    lifecycle = seen.declared.resource.lifecycle if seen is not None else None
    return guards.Case(
        action=action,
        address=address,
        rtype=rtype,
        observed=snapshots[address.side].find(address),
        entry=state.resources.get(action.address),
        lag=lag.lag if lag else None,
        breaks=lag.breaks if lag else (),
        on_existing=(lifecycle.on_existing if lifecycle else None) or rtype.default_on_existing,
        protect=_protected(state.resources.get(action.address), lifecycle),
        state=state,
        snapshot=snapshots[address.side],
        leaving=leaving,
        unshielded=unshielded(seen.origin, seen.observed) if seen is not None and seen.origin is not None else (),
    )


def _protected(entry: Entry | None, lifecycle: Lifecycle | None) -> bool:
    """What state recorded, and what the configuration says already; only an applied `protect: false` lifts it."""
    return (entry is not None and entry.protect) or (lifecycle is not None and bool(lifecycle.protect))


def _assemble(
    desired: Desired,
    snapshots: Snapshots,
    state: State,
    policy: Policy,
    actions: list[Action],
    complete: bool,
    unchanged: int,
    created_at: str,
) -> Plan:
    metastores = {side.value: side_ref(snapshot) for side, snapshot in sorted(snapshots.items())}
    blocked, released = any(action.blocked for action in actions), tuple(sorted(set(policy.allow)))
    return Plan(
        replicator_version=__version__,
        plan_id=identity(desired.environment, policy.mode, desired.config_hash, metastores, actions, released),
        environment=desired.environment,
        mode=policy.mode,
        created_at=created_at,
        config=ConfigRef(hash=desired.config_hash),
        state=StateRef(lineage=state.lineage, serial=state.serial),
        metastores=metastores,
        complete=complete,
        applyable=bool(actions) and not blocked,
        unchanged=unchanged,
        summary=_summary(actions),
        actions=tuple(actions),
        notices=guards.notices(actions, desired),
        released=released,
    )


def side_ref(snapshot: Snapshot) -> SideRef:
    """One metastore as a snapshot saw it."""
    known = snapshot.metastore
    return SideRef(
        metastore_id=known.metastore_id,
        global_id=known.global_id,
        host=known.host,
        principal=known.principal,
        objects=sum(len(found) for found in snapshot.objects.values()),
        calls=snapshot.stats.calls,
        statements=snapshot.stats.statements,
        seconds=round(snapshot.stats.seconds, 3),
    )


def _summary(actions: Iterable[Action]) -> dict[str, int]:
    listed = list(actions)
    counts = Counter(action.do.value for action in listed)
    counts["blocked"] = sum(bool(action.blocked) for action in listed)
    counts["drift"] = sum(action.cause.value in ("drift", "both") for action in listed)
    counts["lossy"] = sum(action.risk is Risk.DATA_LOSS for action in listed)
    counts["moves_data"] = sum(action.moves_data for action in listed)
    return {name: count for name, count in sorted(counts.items()) if count}


_NO_PART_OF_ID = {"estimate", "declared_at", "message", "released"}


def identity(
    environment: str,
    mode: str,
    config_hash: str,
    metastores: Mapping[str, SideRef],
    actions: Iterable[Action],
    released: Iterable[str] = (),
) -> str:
    """64 hex digits over what will be done, and what was released for it: no timestamps, and no current version of
    a busy table."""
    body = {
        "format": 1,
        "environment": environment,
        "mode": mode,
        "config": config_hash,
        "metastores": {side: known.metastore_id for side, known in metastores.items()},
        "actions": [
            action.model_dump(mode="json", exclude=_NO_PART_OF_ID)
            | ({"released": [block.code for block in action.released]} if action.released else {})
            for action in actions
        ],
    } | ({"released": sorted(released)} if released else {})
    return fingerprint(body).removeprefix("sha256:")
