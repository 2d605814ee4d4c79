"""--target and --exclude: a part of a plan that can be applied by itself. Pure."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from replicator.engine.actions import Action, Do
from replicator.engine.policy import Policy


def _matches(address: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(address, pattern) for pattern in patterns)


def narrow(actions: list[Action], policy: Policy) -> tuple[list[Action], bool]:
    """The chosen actions with all that they wait for, and whether that is everything.

    What is excluded takes along what waits for it: half an order is no order. Only what is not forgotten, which touches
    nothing, is not worth waiting for.
    """
    if not policy.targets and not policy.excludes:
        return actions, True
    by_address = {action.address: action for action in actions}
    wanted: set[str] = set()
    stack = [address for address in by_address if not policy.targets or _matches(address, policy.targets)]
    while stack:
        address = stack.pop()
        if address in wanted:
            continue
        wanted.add(address)
        stack += [need for need in by_address[address].depends_on if need in by_address]
    dropped: set[str] = set()
    forgets = {action.address for action in actions if action.do is Do.FORGET}
    for action in actions:
        if _matches(action.address, policy.excludes) or (dropped - forgets) & set(action.depends_on):
            dropped.add(action.address)
    chosen = [action for action in actions if action.address in wanted - dropped]
    return chosen, len(chosen) == len(actions)
