"""Where the data of every copy and of what it copies stands: read from their histories, a few statements for all.

A copy that only we may write is as our last apply left it, and its history need not be read again to know that. What
an origin's data stands at is always read: nothing else says that nobody wrote to it.
"""

import time
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from replicator.address import Address, Side
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.execution.sides import both
from replicator.resources import TYPES
from replicator.resources.base import CloneRecord, DeltaVersion, Fields
from replicator.resources.clone import LEFT_AT, ORIGIN_STOOD_AT
from replicator.wording import many
from replicator.workspace import WorkspaceReader, only_we_write, read_in_full, read_versions
from replicator.workspace.information import WORTH_A_STATEMENT
from replicator.workspace.versions import TABLES_PER_STATEMENT

if TYPE_CHECKING:
    from replicator.execution.session import Seen, Session

TRUSTED_FROM = 5 * TABLES_PER_STATEMENT
"""Up to so many copies a side are read in any case: asking who may write to them would take as long."""


@dataclass(frozen=True)
class _Copies:
    """The copies of one side by name: what each copies, and what state holds of it."""

    origins: Mapping[str, Address | None]
    entries: Mapping[str, Entry]


def with_versions(
    session: "Session", seen: "Seen", resources: Iterable[tuple[Address, Fields]], *, trusting: bool = False
) -> "Seen":
    """The same with the Delta versions of every copy and of what it copies.

    Origins that a glance was enough for so far are read in full where they did not stand still.
    """
    began, state = time.monotonic(), seen.opened.state
    copies = copied(resources, state)
    names = {side: found - seen.origins.get(side, set()) for side, found in origins(copies).items()}
    snapshots = both(lambda side: with_origins(session.readers[side], seen.snapshots[side], names[side]))
    trusted = {side: _trusted(session, snapshots, copies, side) if trusting else {} for side in Side}

    def rest(side: Side) -> Snapshot:
        read = copies[side].origins.keys() - trusted[side].keys()
        found = _versioned(session.readers[side], snapshots[side], read, clones=True)
        moved = _moved(snapshots, copies, side)
        if moved:
            found = read_in_full(session.readers[side], found, moved, workers=session.at_once)
        told = _told(found, trusted[side])
        note = (
            f"{many(len(trusted[side]), 'copy', 'copies')} that only we may write to taken as the last apply left them"
        )
        return replace(told, notes=(*told.notes, f"{note}; drift reads them") if trusted[side] else told.notes)

    snapshots = both(rest)
    return replace(seen, snapshots=snapshots, seconds={**seen.seconds, "versions": time.monotonic() - began})


def with_origins(reader: WorkspaceReader, snapshot: Snapshot, names: Set[str]) -> Snapshot:
    """The same with the Delta versions of some tables that are copied."""
    return _versioned(reader, snapshot, names, clones=False)


def copied(resources: Iterable[tuple[Address, Fields]], state: State) -> dict[Side, _Copies]:
    """All copies by side."""
    origins: dict[Side, dict[str, Address | None]] = {side: {} for side in Side}
    entries: dict[Side, dict[str, Entry]] = {side: {} for side in Side}
    for address, fields in resources:
        find = TYPES[address.type].origin
        if find is None:
            continue
        origins[address.side][address.name] = find(fields)
        entry = state.resources.get(str(address))
        if entry is not None:
            entries[address.side][address.name] = entry
    return {side: _Copies(origins[side], entries[side]) for side in Side}


def origins(copies: Mapping[Side, _Copies]) -> dict[Side, set[str]]:
    """What is copied without being a copy, by side."""
    found: dict[Side, set[str]] = {side: set() for side in Side}
    for held in copies.values():
        for origin in held.origins.values():
            if origin is not None and origin.name not in copies[origin.side].origins:
                found[origin.side].add(origin.name)
    return found


def _versioned(reader: WorkspaceReader, snapshot: Snapshot, names: Iterable[str], *, clones: bool) -> Snapshot:
    tables = snapshot.objects.get("table", {})
    present = sorted(name for name in names if name in tables)
    return _told(snapshot, read_versions(reader, present, clones=clones) if present else {}, reader)


def _told(snapshot: Snapshot, versions: Mapping[str, DeltaVersion], reader: WorkspaceReader | None = None) -> Snapshot:
    tables = dict(snapshot.objects.get("table", {}))
    tables |= {name: replace(tables[name], version=version) for name, version in versions.items()}
    stats = reader.stats() if reader is not None else snapshot.stats
    return replace(snapshot, objects={**snapshot.objects, "table": tables}, stats=stats)


# ---- what stands still


def _stands(origin: Address | None, entry: Entry | None, snapshots: Mapping[Side, Snapshot]) -> bool:
    """Whether an origin is at the very commit that the copy holds: another table, or a later state of this one, would
    be at another version or have another time of it."""
    if origin is None or entry is None:
        return False
    found = snapshots[origin.side].find(origin)
    if found is None or found.version is None:
        return False
    return entry.outputs.get(ORIGIN_STOOD_AT) == [found.version.version, found.version.timestamp]


def _moved(snapshots: Mapping[Side, Snapshot], copies: Mapping[Side, _Copies], side: Side) -> set[str]:
    """The schemas of a side with an origin that a glance is not enough for."""
    found: set[str] = set()
    for held in copies.values():
        for name, origin in held.origins.items():
            if origin is None or origin.side is not side:
                continue
            observed = snapshots[side].find(origin)
            glanced = observed is not None and bool(observed.info.get("glance"))
            if glanced and not _stands(origin, held.entries.get(name), snapshots):
                found.add(origin.name.rpartition(".")[0])
    return found


def _trusted(
    session: "Session", snapshots: Mapping[Side, Snapshot], copies: Mapping[Side, _Copies], side: Side
) -> dict[str, DeltaVersion]:
    """The copies of a side whose history need not be read, at the versions that our last apply saw."""
    held, snapshot = copies[side], snapshots[side]
    if len(held.origins) <= TRUSTED_FROM:
        return {}
    tables = snapshot.objects.get("table", {})
    known = {
        name: version
        for name, origin in held.origins.items()
        if name in tables
        and (entry := held.entries.get(name)) is not None
        and (version := _left(entry)) is not None
        and entry.id == tables[name].id
        and _stands(origin, entry, snapshots)
    }
    ours = only_we_write(session.readers[side], snapshot, known) if known else frozenset()
    return {name: version for name, version in known.items() if name in ours}


def _left(entry: Entry) -> DeltaVersion | None:
    """Where our last apply left a copy, if it looked."""
    left, stood = entry.outputs.get(LEFT_AT), entry.outputs.get(ORIGIN_STOOD_AT)
    if not left or not stood or entry.partial or entry.id is None:
        return None
    version, cloned_at, source = left
    return DeltaVersion(int(version), "", CloneRecord(str(source), int(stood[0]), int(cloned_at)))


def worth_remembering(addresses: Iterable[Address]) -> bool:
    """Whether there are so many copies that the next command gains by knowing where they stood."""
    return sum(1 for address in addresses if TYPES[address.type].origin is not None) > WORTH_A_STATEMENT


def remembered(entry: Entry, at: Address, snapshots: Mapping[Side, Snapshot]) -> Fields:
    """The outputs of an entry; those of a copy that was found current with where it and its origin stand."""
    find = TYPES[at.type].origin
    if find is None:
        return entry.outputs
    origin = find(entry.inputs)
    copy = snapshots[at.side].find(at)
    found = snapshots[origin.side].find(origin) if origin is not None else None
    if copy is None or copy.version is None or found is None or found.version is None:
        return entry.outputs
    clone, stood = copy.version.clone, [found.version.version, found.version.timestamp]
    if clone is None or copy.version.foreign is not None or clone.source_version != found.version.version:
        return entry.outputs
    return {
        **entry.outputs,
        ORIGIN_STOOD_AT: stood,
        LEFT_AT: [copy.version.version, clone.at_version, clone.source],
    }
