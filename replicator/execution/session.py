"""One command's way: open both workspaces, look at them, plan. Only readers; writers exist in `running` alone."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from replicator.address import Address, Side
from replicator.config import Config, compile_graph, scope
from replicator.config.garbage import collector_paused
from replicator.engine.actions import Plan
from replicator.engine.desired import Desired
from replicator.engine.planner import make_plan
from replicator.engine.policy import Code, Policy
from replicator.engine.saved import Saved
from replicator.engine.snapshot import Metastore, Scope, Snapshot
from replicator.engine.state import State
from replicator.errors import BlockedError, StaleError
from replicator.execution import places, snapshots
from replicator.execution.backend import Backend, Notify, silent
from replicator.execution.events import now
from replicator.execution.pending import resolved
from replicator.execution.sides import both
from replicator.execution.standing import copied, origins, with_origins, with_versions
from replicator.execution.store import Opened, StateStore
from replicator.resources import TYPES
from replicator.resources.base import Fields
from replicator.workspace import WorkspaceReader, open_reader, read_snapshot
from replicator.workspace.limiter import MOST

Snapshots = Mapping[Side, Snapshot]


@dataclass(frozen=True)
class Session:
    """Both workspaces, open for reading, and where the state is.

    `workers` actions go to each at a time, and at most `at_once` requests that only read. `trusting`: of many copies,
    those that only we may write are taken as the last apply left them. With a `saved` snapshot nothing is read; unless
    something is to be done, there are no `readers` then.
    """

    config: Config
    readers: Mapping[Side, WorkspaceReader]
    store: StateStore
    workers: int
    at_once: int = MOST
    trusting: bool = True
    saved: Saved | None = None


@dataclass(frozen=True)
class Seen:
    """What there is: the state, a crashed run's calls settled, and both sides. `seconds`: how long each step took.
    `origins`: the tables whose Delta versions were read, or cannot be."""

    opened: Opened
    snapshots: Snapshots
    seconds: Mapping[str, float] = field(default_factory=dict)
    origins: Mapping[Side, Set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What a command needs to show, guard and execute: the plan and all that it was made from.

    `unsettled` are addresses that are not as desired although the plan, saved earlier, leaves them alone.
    """

    plan: Plan
    desired: Desired
    seen: Seen
    unsettled: frozenset[str] = frozenset()

    @property
    def snapshots(self) -> Snapshots:
        return self.seen.snapshots

    @property
    def state(self) -> State:
        return self.seen.opened.state

    @property
    def notices(self) -> tuple[str, ...]:
        return self.seen.opened.notices


@contextlib.contextmanager
def open_session(
    config: Config,
    *,
    state_directory: Path | None = None,
    workers: int | None = None,
    locked_for: str = "",
    notify: Notify = silent,
    trusting: bool = True,
    saved: Saved | None = None,
) -> Iterator[Session]:
    """Both workspaces open for reading, closed at the end. Raises WorkspaceError when one cannot be reached.

    `locked_for` names the operation that holds the state's lock while the session lasts (LockedError when another one
    does); without it none is taken. `notify` hears of a dead lock that was taken over.
    """
    state = places.backend(config, state_directory)
    with contextlib.ExitStack() as stack:
        if locked_for:
            stack.enter_context(state.lock(locked_for, notify))
        readers = both(lambda side: _open(config, side)) if saved is None or locked_for else {}
        for reader in readers.values():
            stack.callback(reader.close)
        at_a_time = workers or config.concurrency.max_workers
        yield Session(config, readers, StateStore(state), at_a_time, workers or MOST, trusting, saved)


def _open(config: Config, side: Side) -> WorkspaceReader:
    """A reader whose warehouse exists: one that does not would be found out halfway through an apply."""
    connection = config.connection(side)
    reader = open_reader(connection, side, retry=config.retry, directory=config.directory)
    if connection.warehouse_id is not None or connection.http_path is not None:
        reader.check_warehouse()
    return reader


@collector_paused()
def prepare(session: Session, policy: Policy | None = None) -> Prepared:
    """Look at both sides, compile the configuration, and plan."""
    seen = _look(session)
    desired = compile_graph(session.config, seen.snapshots[Side.SOURCE], seen.snapshots[Side.TARGET])
    declared = {address: TYPES[address.type].declared(item.resource) for address, item in desired.resources.items()}
    former = _known(seen.opened.state) if desired.moved else ()
    if session.saved is None:
        seen = with_versions(session, seen, (*declared.items(), *former), trusting=session.trusting)
    plan = make_plan(desired, seen.snapshots, seen.opened.state, policy or Policy(), created_at=now())
    return Prepared(plan, desired, seen)


@collector_paused()
def observe(session: Session) -> Seen:
    """Look at both sides as far as state knows them, for drift: the configuration's wishes play no part."""
    seen = _look(session)
    return seen if session.saved else with_versions(session, seen, _known(seen.opened.state))


def _known(state: State) -> Iterable[tuple[Address, Fields]]:
    """What state holds, under the names that the objects have until they are renamed."""
    return ((Address.parse(text), entry.inputs) for text, entry in state.resources.items())


def _look(session: Session) -> Seen:
    opened = session.store.open()
    began = time.monotonic()
    if session.readers:
        refuse_other_metastores(
            session.store.backend, opened.state, both(lambda side: session.readers[side].identity())
        )
    scopes = scope(session.config, (*opened.state.resources, *opened.pending), _origins(opened))
    if session.saved is not None:
        return _from_saved(session, session.saved, opened, scopes)
    names = origins(copied(_known(opened.state), opened.state))

    def look(side: Side) -> Snapshot:
        reader = session.readers[side]
        snapshot = read_snapshot(reader, scopes[side], workers=session.at_once)
        # One side reads its histories while the other may still be listing.
        return with_origins(reader, snapshot, names[side])

    found = both(look)
    return Seen(resolved(opened, found), found, {"snapshots": time.monotonic() - began}, names)


def _from_saved(session: Session, saved: Saved, opened: Opened, scopes: Mapping[Side, Scope]) -> Seen:
    """What was read before. Raises StaleError unless it is of this state, these metastores, and all that is wanted."""
    snapshots.check(saved, session.config, opened.state, scopes)
    known = {side: snapshot.metastore for side, snapshot in saved.snapshots.items()}
    refuse_other_metastores(session.store.backend, opened.state, known)
    for side, reader in session.readers.items():
        if reader.identity().metastore_id != known[side].metastore_id:
            raise StaleError(f"the snapshot is of another {side} metastore", hint="read it again: replicator plan")
    return Seen(resolved(opened, saved.snapshots), saved.snapshots)


def _origins(opened: Opened) -> Iterator[Address]:
    """What the copies that state knows, or that a crashed run was making, are copies of."""
    held = ((text, entry.inputs) for text, entry in opened.state.resources.items())
    begun = ((text, item.entry.get("inputs", {})) for text, item in opened.pending.items())
    for text, fields in (*held, *begun):
        find = TYPES[Address.parse(text).type].origin
        origin = find(fields) if find is not None and fields else None
        if origin is not None:
            yield origin


def refuse_other_metastores(backend: Backend, state: State, found: Mapping[Side, Metastore]) -> None:
    """Raises BlockedError (ID101) when state was written about another metastore: right state, wrong workspace."""
    anew = f"for a metastore that was made anew, begin with no state, and keep the old one: {backend.anew}"
    for side, metastore in found.items():
        known = state.metastores.get(side.value)
        if known is not None and known != metastore.metastore_id:
            raise BlockedError(
                f"the {side} workspace {metastore.host} belongs to metastore {metastore.metastore_id}, "
                f"but the state is about {known} [{Code.OTHER_METASTORE}]",
                hint=f"check the host and the environment\n{anew}",
            )
