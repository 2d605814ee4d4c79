"""What somebody approved, and whether what would be done now is that: saved plans, expected ids, the rest of a plan."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from replicator.cli.signing import KEY_VARIABLE, is_signed, signed
from replicator.engine.actions import Action, Do, Plan
from replicator.engine.planner import identity
from replicator.engine.state import State
from replicator.errors import BlockedError, StaleError, UsageError
from replicator.render.symbols import is_dangerous

if TYPE_CHECKING:
    from replicator.execution.backend import Backend

APPROVED = "approved"
"""The note beside the state that holds the plan that was last begun."""
SHORTEST_ID = 8
_LEFTOVERS: Mapping[Do, frozenset[Do]] = {
    Do.CREATE: frozenset({Do.IMPORT, Do.UPDATE, Do.SYNC}),
    Do.REPLACE: frozenset({Do.CREATE, Do.IMPORT, Do.UPDATE, Do.SYNC}),
    Do.RENAME: frozenset({Do.UPDATE, Do.SYNC}),
    Do.IMPORT: frozenset({Do.UPDATE, Do.SYNC}),
    Do.UPDATE: frozenset({Do.SYNC}),
    Do.SYNC: frozenset({Do.UPDATE}),
    Do.DELETE: frozenset({Do.FORGET}),
}
"""What may be left to do of an approved action that ended halfway."""


def save_plan(path: Path, plan: Plan) -> None:
    """Sign a plan and write it where only its owner can read it. Raises UsageError when that is not possible."""
    from replicator.execution.files import write_atomic

    try:
        write_atomic(path, _bytes(signed(plan)))
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be saved: {error.strerror}") from error


def _bytes(plan: Plan) -> bytes:
    return (plan.model_dump_json(indent=1) + "\n").encode()


def read_plan(path: Path) -> Plan:
    """A plan to look at. Raises UsageError when the file is none, StaleError when its actions are not as they were
    made.

    Nobody vouches for the rest of it: see `read_signed`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    return _plan(data, str(path))


def _plan(data: bytes, where: str) -> Plan:
    try:
        plan = Plan.model_validate_json(data)
    except ValidationError as error:
        raise UsageError(f"{where}: this is not a saved plan", hint="make one: replicator plan --out FILE") from error
    made = identity(plan.environment, plan.mode, plan.config.hash, plan.metastores, plan.actions, plan.released)
    if made != plan.plan_id:
        raise StaleError(f"{where}: the plan was changed after it was made", hint="make it anew: replicator plan --out")
    return plan


def read_signed(path: Path) -> Plan:
    """A saved plan to carry out. Raises StaleError unless every byte of it is as it was saved with our key."""
    plan = read_plan(path)
    if not plan.signature:
        raise StaleError(f"{path}: the plan is not signed", hint="make it anew: replicator plan --out")
    if not is_signed(plan):
        raise StaleError(
            f"{path}: the plan's signature does not match: it was changed since, or signed with another key",
            hint=f"make it anew: replicator plan --out. To plan and apply on two machines, give both a {KEY_VARIABLE}",
        )
    return plan.model_copy(update={"signature": ""})


def check_saved(saved: Plan, now: Plan) -> None:
    """Raises StaleError when what a saved plan was made from has moved since."""
    moved = [
        what
        for what, before, after in (
            ("the configuration", saved.config.hash, now.config.hash),
            ("the environment", saved.environment, now.environment),
            ("the state's lineage", saved.state.lineage, now.state.lineage),
            ("the state's serial", saved.state.serial, now.state.serial),
            ("the metastores", _ids(saved), _ids(now)),
        )
        if before != after
    ]
    if moved:
        raise StaleError(
            f"the saved plan is stale: {', '.join(moved)} changed since", hint="plan again, and approve it"
        )


def check_blocks(saved: Plan, now: Plan) -> None:
    """Raises BlockedError when a guard holds back now what it let pass when the plan was saved."""
    held = {action.address: action.blocked for action in now.actions}
    found = [
        f"{action.address}: {block.message} [{block.code}]"
        for action in saved.actions
        for block in held.get(action.address, ())
        if block.code not in {known.code for known in action.blocked}
    ]
    if found:
        raise BlockedError(
            "a guard holds back what it did not when the plan was saved:\n  "
            + "\n  ".join(found[:20] + [f"…{len(found) - 20} more"] * (len(found) > 20)),
            hint="plan again, and approve it",
        )


def _ids(plan: Plan) -> dict[str, str]:
    return {side: known.metastore_id for side, known in plan.metastores.items()}


def check_expected(plan: Plan, expected: str) -> None:
    """Raises StaleError when the plan is not the one whose id (8 digits or more) was approved."""
    if len(expected) < SHORTEST_ID:
        raise UsageError(f"--expect {expected}: give at least {SHORTEST_ID} digits of the plan's id")
    if not plan.plan_id.startswith(expected):
        raise StaleError(
            f"what would be done now is plan {plan.plan_id[:8]}, not {expected}",
            hint="look at it: replicator plan. To go on with a plan that ended halfway: --resume",
        )


def was_applied(plan: Plan, state: State, expected: str) -> bool:
    """Whether the approved plan was carried out already and nothing is left to do."""
    last = state.last_apply
    return not plan.actions and bool(expected) and str(last.get("plan_id", "")).startswith(expected)


def remember(backend: "Backend", plan: Plan) -> None:
    """Keep the plan that is about to be carried out, so that its rest can be recognised."""
    backend.write_note(APPROVED, _bytes(plan))


def check_rest(plan: Plan, backend: "Backend", expected: str | None) -> None:
    """Raises StaleError unless all of `plan` is part of the approved plan that ended halfway."""
    stored = backend.note(APPROVED)
    if stored is None:
        raise StaleError("there is nothing to resume: no plan was begun here", hint="plan and apply it instead")
    approved = _plan(stored.data, stored.where)
    if expected:
        check_expected(approved, expected)
    by_address = {action.address: action for action in approved.actions}
    foreign = [action.address for action in plan.actions if not _is_rest(action, by_address.get(action.address))]
    if approved.mode != plan.mode:
        verb = "destroy" if approved.mode == "destroy" else "apply"
        raise StaleError(
            f"what ended halfway is plan {approved.plan_id[:8]} of {verb}", hint=f"replicator {verb} --resume"
        )
    if foreign or approved.config.hash != plan.config.hash or _ids(approved) != _ids(plan):
        why = f"{foreign[0]} is not part of it" if foreign else "the configuration changed"
        raise StaleError(
            f"this is not the rest of plan {approved.plan_id[:8]}: {why}", hint="plan again, and approve it"
        )


def _is_rest(action: Action, approved: Action | None) -> bool:
    if approved is None or action.desired != approved.desired:
        return False
    if is_dangerous(action) and not is_dangerous(approved):
        return False
    return action.do is approved.do or action.do in _LEFTOVERS.get(approved.do, frozenset())
