"""How each drift goes away: what apply undoes by itself, what a guard will hold back, what it leaves alone. Pure."""

import shlex
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from replicator.address import Address, Side
from replicator.engine.actions import Change
from replicator.engine.policy import Code, Policy
from replicator.engine.state import State
from replicator.resources.base import Effect, ResourceType
from replicator.resources.canonical import principal


class Remedy(StrEnum):
    """How a drift goes away."""

    APPLY = "apply"
    RELEASE = "release"
    BY_HAND = "by_hand"
    UNDROP = "undrop"
    FORGET = "forget"
    PERMISSION = "permission"
    SOURCE = "source"


Way = tuple[Remedy, str]
"""The remedy, and what a person types for it."""

UNDONE: Way = (Remedy.APPLY, "replicator apply")
PERMISSION: Way = (Remedy.PERMISSION, "give the principal the right to read it (BROWSE or USE)")
SOURCE: Way = (Remedy.SOURCE, "bring the source back, or take the copy out of the configuration")


def left_alone(address: str) -> Way:
    """What plan never takes back, as nobody declared it."""
    return Remedy.BY_HAND, f"replicator drift --accept {shlex.quote(address)}"


def overwritten(address: str) -> Way:
    """A sync would put the origin's rows in the place of others."""
    return Remedy.RELEASE, f"replicator apply --allow-destroy {shlex.quote(address)}"


def made_again(address: str, rtype: ResourceType) -> Way:
    """Another object under the name of ours: a copy is overwritten once that is allowed, anything else is imported."""
    if rtype.lag is not None:
        return overwritten(address)
    return Remedy.FORGET, f"replicator state forget {shlex.quote(address)}"


def brought_back(at: Address, rtype: ResourceType) -> Way:
    """Apply makes anew what was deleted; only the rows of a table that is no copy are nowhere else."""
    if rtype.bears_data and rtype.sync is None:
        return Remedy.UNDROP, f"UNDROP TABLE {at.name}"
    return UNDONE


def changed_back(address: str, rtype: ResourceType, changes: Iterable[Change], runner: str) -> Way:
    """`changes` as a plan has them, from what is there to what was applied."""
    me = principal(runner)
    held = any(
        change.effect is Effect.REPLACE
        or (change.lossy and rtype.bears_data)
        or (change.path[:2] == ("privileges", me) and change.after is None)
        for change in changes
    )
    return overwritten(address) if held else UNDONE


def too_many(updated: Iterable[Address], state: State, policy: Policy | None = None) -> dict[Side, Way]:
    """The sides on which undoing all of it at once is what a guard stops (TH101)."""
    rules = policy or Policy()
    held = Counter(Address.parse(text).side for text in state.resources)
    hit = Counter(at.side for at in updated)
    way = (Remedy.RELEASE, f"replicator apply --allow-destroy {Code.MANY_UPDATES.value}")
    return {
        side: way
        for side in Side
        if held[side] >= rules.threshold_objects and hit[side] * 100 > rules.max_update_percent * held[side]
    }
