"""Edits of the state by hand: each under the lock, each a serial of its own, none of them touching a workspace."""

from collections.abc import Callable
from pathlib import Path

from replicator.address import Address
from replicator.engine.moves import carry
from replicator.engine.state import Entry, State
from replicator.errors import StateError
from replicator.execution import lock
from replicator.execution.store import StateStore
from replicator.resources import TYPES

Change = Callable[[dict[str, Entry]], None]


def forget(directory: Path, environment: str, *addresses: str) -> State:
    """Manage resources no more; the objects stay. Raises StateError when state does not hold one."""

    def change(resources: dict[str, Entry]) -> None:
        for address in addresses:
            del resources[_known(resources, address)]

    return _edit(directory, environment, "state forget", change)


def unprotect(directory: Path, environment: str, *addresses: str) -> State:
    """Lift the protection of resources. Raises StateError when state does not hold one."""

    def change(resources: dict[str, Entry]) -> None:
        for address in addresses:
            resources[address] = resources[_known(resources, address)].model_copy(update={"protect": False})

    return _edit(directory, environment, "state unprotect", change)


def move(directory: Path, environment: str, old: str, new: str) -> State:
    """Let a resource have another address, that of the same object under its name of now; what is inside goes along.

    Raises StateError when state does not hold the old one, or holds the new one, or the new one names another kind of
    object or another side.
    """
    at = _meaningful(old, new)

    def change(resources: dict[str, Entry]) -> None:
        if new in resources:
            raise StateError(f"state holds {new} already", hint=f"forget it first: replicator state forget '{new}'")
        moved = carry(resources, Address.parse(_known(resources, old)), at)
        resources.clear()
        resources.update(moved)

    return _edit(directory, environment, "state mv", change)


def _meaningful(old: str, new: str) -> Address:
    """The new address. What state has under an address of no type can be moved to any."""
    before, after = Address.parse(old), Address.parse(new)
    if after.type not in TYPES:
        raise StateError(f"{new}: there is no type {after.type!r}", hint=f"there are: {', '.join(sorted(TYPES))}")
    kind = TYPES[before.type].kind if before.type in TYPES else TYPES[after.type].kind
    if (before.side, kind) != (after.side, TYPES[after.type].kind):
        raise StateError(
            f"{old} and {new} cannot be the same object",
            hint=f"name one like {before.side}:{before.type}/…, or forget the old one: replicator state forget '{old}'",
        )
    return after


def _known(resources: dict[str, Entry], address: str) -> str:
    if address not in resources:
        raise StateError(f"state holds no {address}", hint="see what it holds: replicator state list")
    return address


def _edit(directory: Path, environment: str, operation: str, change: Change) -> State:
    with lock.hold(directory, environment, operation):
        store = StateStore(directory, environment)
        opened = store.open()
        resources = dict(opened.state.resources)
        change(resources)
        last = {name: value for name, value in opened.state.last_apply.items() if name != "pending"}
        return store.commit(opened.state.model_copy(update={"resources": resources}), opened.pending, last)
