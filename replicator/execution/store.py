"""The state of one environment: read with what a crashed run left, saved under the next serial, restored.

Where it is kept is the business of a `backend.Backend`.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from replicator import __version__
from replicator.engine.actions import Do
from replicator.engine.state import State, dump, load
from replicator.errors import StateError
from replicator.execution import journal
from replicator.execution.backend import Backend, Moved, StoredJournal
from replicator.execution.holder import Holder, is_alive, is_this_process
from replicator.execution.journal import Header, Journal, Pending
from replicator.wording import many

KEPT_SERIALS = 10
_LOOKS = 5


@dataclass(frozen=True)
class Opened:
    """The state with what a crashed run left, not yet saved. `saved` says that the state's file already says so.

    `pending` are calls whose outcome nobody recorded, by address; `notices` are sentences for a person.
    """

    state: State
    pending: Mapping[str, Pending] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    saved: bool = True


def open_state(backend: Backend) -> Opened:
    """Read the state, laying a crashed run's journal over it; writes nothing.

    An environment that was never applied has a state without lineage and serial 0.
    Raises StateError for anything damaged, missing or of another state; never returns an empty state instead.
    """
    for _ in range(_LOOKS):
        with contextlib.suppress(Moved):
            return _opened(backend)
    raise StateError(f"{backend.where}: the state changes faster than it can be read", hint="run the command again")


def _opened(backend: Backend) -> Opened:
    # The journal is looked at before the state: a run that ends in between leaves one that continues an older serial,
    # and not a state without what the run did.
    stored = backend.journal()
    state = _read_state(backend)
    carried = {address: Pending(**body) for address, body in state.last_apply.get("pending", {}).items()}
    if stored is None:
        return Opened(state, carried)
    first = journal.header(stored)
    if first is not None and first.serial < state.serial and first.lineage == state.lineage:
        return Opened(state, carried)
    found = journal.read(stored, _repair_options(backend, stored))
    if found.header is None:
        return Opened(state, carried, found.notices)
    _refuse_other(backend, stored, found.header, state)
    return _overlaid(state, carried, found, under_way(backend))


def _repair_options(backend: Backend, stored: StoredJournal) -> str:
    """A folder's journal is named by its own file."""
    return backend.options.replace(backend.where, stored.where)


def _refuse_other(backend: Backend, stored: StoredJournal, found: Header, state: State) -> None:
    if state.lineage and found.lineage != state.lineage:
        raise StateError(
            f"{stored.where}: the journal belongs to another state (lineage {found.lineage}, not {state.lineage})",
            hint=f"if that is right, set the journal aside: {stored.aside}",
        )
    if found.serial > state.serial:
        raise StateError(
            f"{stored.where}: the journal continues serial {found.serial}, but the state is serial {state.serial}",
            hint=f"bring back the later state: replicator state restore --serial {found.serial}{backend.options}",
        )


def under_way(backend: Backend) -> Holder | None:
    """Who holds the lock, unless it is this process, or one that is known to be dead."""
    holder = backend.holder()
    return None if holder is None or is_this_process(holder) or is_alive(holder) is False else holder


def _overlaid(state: State, carried: Mapping[str, Pending], found: journal.Read, by: Holder | None) -> Opened:
    """The state with what the journal of a crashed run says. Its checks are due again: their results were lost with it,
    since they are kept at its end."""
    assert found.header is not None
    if not found.records:
        return Opened(state, carried, found.notices)
    known = {"lineage": found.header.lineage, "metastores": dict(found.header.metastores) or state.metastores}
    records = [record for record in found.records if record.do != Do.CHECK]
    merged, pending = journal.merge(state.model_copy(update=known), records)
    settled = {record.address for record in records}
    kept = {address: item for address, item in carried.items() if address not in settled}
    lines = f"({many(len(found.records), 'line')})"
    notice = f"run {found.header.run} did not end; continuing from its journal {lines}"
    if by is not None:
        notice = f"the state is being written: {by}; what follows is how far its journal goes {lines}"
    numbered = merged.model_copy(update={"serial": state.serial + 1})
    return Opened(numbered, {**kept, **pending}, (*found.notices, notice), saved=False)


def _read_state(backend: Backend) -> State:
    stored = backend.read()
    if stored is None:
        return State(environment=backend.environment, lineage="", tool_version=__version__)
    state = load(stored.data, where=stored.where, options=backend.options)
    if state.environment != backend.environment:
        raise StateError(
            f"{stored.where}: is the state of environment {state.environment!r}, not of {backend.environment!r}",
            hint="move it where it belongs, or name its environment: --env",
        )
    return state


def save(backend: Backend, state: State) -> None:
    """Write the state under its own serial, keeping the last ones. Raises StateError; the state stays as it was
    then."""
    backend.save(state.serial, dump(state).encode(), KEPT_SERIALS)


def keep(backend: Backend, opened: Opened) -> State:
    """Save an opened state with what is pending of it."""
    state = _with_pending(opened.state, opened.pending)
    save(backend, state)
    return state


def restore(backend: Backend, serial: int | None = None) -> State:
    """Make a kept serial (the newest readable one by default) the state again, under a serial above all others.

    What was there, and its journal, are kept under another name. Raises StateError when no such serial can be read.
    """
    kept = backend.serials()
    for candidate in [serial] if serial is not None else reversed(kept):
        state = _kept(backend, candidate)
        if state is None:
            continue
        backend.set_aside()
        restored = state.model_copy(update={"serial": max([*kept, state.serial]) + 1})
        save(backend, restored)
        return restored
    wanted = "no serial" if serial is None else f"serial {serial}"
    raise StateError(f"{backend.where}: {wanted} that can be read is kept", hint=f"kept serials: {kept or 'none'}")


def _kept(backend: Backend, serial: int) -> State | None:
    """A kept state, None when it is damaged or there is none."""
    try:
        stored = backend.read_serial(serial)
        return None if stored is None else load(stored.data, where=stored.where)
    except StateError:
        return None


def repair(backend: Backend) -> tuple[int, int, str] | None:
    """Keep the readable lines of a damaged journal: how many were kept and lost, and where the damaged one is now.

    None when there is no journal. Raises StateError when not even its header can be read.
    """
    stored = backend.journal()
    if stored is None:
        return None
    data, kept, lost = journal.readable(stored)
    return kept, lost, backend.replace_journal(data)


@dataclass(frozen=True)
class StateStore:
    """The state of one environment, as apply uses it. Every method may raise StateError or WorkspaceError."""

    backend: Backend

    def open(self) -> Opened:
        return open_state(self.backend)

    def begin(self, opened: Opened, *, run: str, plan_id: str) -> Journal:
        """Save what a crashed run left, then start this run's journal in place of that one's."""
        if not opened.saved:
            keep(self.backend, opened)
        state = opened.state
        environment, metastores = self.backend.environment, dict(state.metastores)
        return Journal(self.backend, Header(run, plan_id, environment, state.lineage, state.serial, metastores))

    def commit(self, state: State, pending: Mapping[str, Pending], last_apply: Mapping[str, Any]) -> State:
        """Save the outcome of a run under the next serial and drop its journal."""
        numbered = state.model_copy(
            update={"serial": state.serial + 1, "tool_version": __version__, "last_apply": dict(last_apply)}
        )
        final = _with_pending(numbered, pending)
        save(self.backend, final)
        self.backend.drop_journal()
        return final


def _with_pending(state: State, pending: Mapping[str, Pending]) -> State:
    """The state, remembering the calls whose outcome is still not known."""
    known = {name: value for name, value in state.last_apply.items() if name != "pending"}
    if pending:
        known["pending"] = {address: asdict(item) for address, item in sorted(pending.items())}
    return state.model_copy(update={"last_apply": known})
