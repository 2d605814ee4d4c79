"""Edits of the state: each under the lock, each a serial of its own, none of them touching a workspace."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from replicator.address import Address
from replicator.engine.moves import carry
from replicator.engine.state import Entry, State, load
from replicator.errors import StateError
from replicator.execution.backend import Backend, Notify, silent
from replicator.execution.files import read_trusted
from replicator.execution.folder import Folder
from replicator.execution.store import Opened, StateStore, keep, open_state
from replicator.resources import TYPES

Change = Callable[[dict[str, Entry]], None]


def forget(backend: Backend, *addresses: str, notify: Notify = silent) -> State:
    """Manage resources no more; the objects stay. Raises StateError when state does not hold one."""

    def change(resources: dict[str, Entry]) -> None:
        for address in addresses:
            del resources[_known(resources, address)]

    return _edit(backend, "state forget", change, notify)


def unprotect(backend: Backend, *addresses: str, notify: Notify = silent) -> State:
    """Lift the protection of resources. Raises StateError when state does not hold one."""

    def change(resources: dict[str, Entry]) -> None:
        for address in addresses:
            resources[address] = resources[_known(resources, address)].model_copy(update={"protect": False})

    return _edit(backend, "state unprotect", change, notify)


def move(backend: Backend, old: str, new: str, notify: Notify = silent) -> State:
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

    return _edit(backend, "state mv", change, notify)


def adopt(backend: Backend, lineage: str, notify: Notify = silent) -> State:
    """Take over what carries the mark of a lineage whose state is lost: the next plan imports what of it is declared.

    Raises StateError when it is this state's own lineage, was adopted already, or is the id of a metastore.
    """
    with backend.lock("state adopt", notify):
        store = StateStore(backend)
        opened = store.open()
        if opened.state.owns(lineage):
            raise StateError(f"what carries the mark of {lineage} is this deployment's already")
        for side, metastore in opened.state.metastores.items():
            if metastore == lineage:
                raise StateError(f"{lineage} is the {side} metastore, no lineage", hint="plan prints it beside OW101")
        known = {"lineage": opened.state.lineage or str(uuid.uuid4()), "adopted": [*opened.state.adopted, lineage]}
        return _kept(store, opened, opened.state.model_copy(update=known))


def push(backend: Backend, file: Path, notify: Notify = silent) -> State:
    """Make the state of a file the state, with what a crashed run left beside it: for moving to another place.

    Raises StateError when what is there belongs to another deployment, or is not older than what is pushed.
    """
    with backend.lock("state push", notify):
        found, pushed = open_state(backend).state, _in_file(file, backend.environment)
        if found.lineage and found.lineage != pushed.state.lineage:
            raise StateError(
                f"{backend.where} holds the state of another deployment (lineage {found.lineage}, not "
                f"{pushed.state.lineage})",
                hint="name another place in `state:`, or take that state away first",
            )
        if found.serial >= pushed.state.serial:
            raise StateError(
                f"{backend.where} holds serial {found.serial}, which is not older than serial {pushed.state.serial} "
                f"of {file}",
                hint="look at it: replicator state show; to go back to an earlier one: replicator state restore",
            )
        return keep(backend, pushed)


def _in_file(file: Path, environment: str) -> Opened:
    """The state in a file; if it is that of a folder, with the folder's journal. Raises StateError."""
    if file.stem == environment:
        return open_state(Folder(file.parent, environment))
    data = read_trusted(file)
    if data is None:
        raise StateError(f"{file}: there is no such file")
    state = load(data, where=str(file))
    if state.environment != environment:
        raise StateError(f"{file}: is the state of environment {state.environment!r}, not of {environment!r}")
    return Opened(state)


def remember(backend: Backend, learned: Mapping[str, Mapping[str, Any]], notify: Notify = silent) -> int | None:
    """Add to the outputs of resources that state holds; the new serial, None when there was nothing new to keep.

    Raises LockedError when somebody else is changing the state, StateError or WorkspaceError when it cannot be kept.
    """
    state = open_state(backend).state
    if not _news(state.resources, learned):
        return None

    def change(resources: dict[str, Entry]) -> None:
        for address, outputs in _news(resources, learned).items():
            entry = resources[address]
            resources[address] = entry.model_copy(update={"outputs": {**entry.outputs, **outputs}})

    return _edit(backend, "reconcile", change, notify).serial


def _news(resources: Mapping[str, Entry], learned: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {
        address: outputs
        for address, outputs in learned.items()
        if (entry := resources.get(address)) is not None and {**entry.outputs, **outputs} != entry.outputs
    }


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


def _edit(backend: Backend, operation: str, change: Change, notify: Notify) -> State:
    with backend.lock(operation, notify):
        store = StateStore(backend)
        opened = store.open()
        resources = dict(opened.state.resources)
        change(resources)
        return _kept(store, opened, opened.state.model_copy(update={"resources": resources}))


def _kept(store: StateStore, opened: Opened, state: State) -> State:
    last = {name: value for name, value in opened.state.last_apply.items() if name != "pending"}
    return store.commit(state, opened.pending, last)
