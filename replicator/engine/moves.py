"""Names that changed (`moved:`): state and snapshots as they will be once every object has its new name. Pure.

The rest of the planner then compares under the new names, and finds nothing to create or to delete.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from replicator.address import Address, Side, split_column
from replicator.engine.desired import Desired
from replicator.engine.snapshot import Snapshot
from replicator.engine.state import Entry, State
from replicator.errors import ConfigError
from replicator.resources import TYPES

_TABLES = frozenset({"table", "clone", "view", "check"})
"""Types that speak of the same object when they have the same name."""

_INSIDE = _TABLES | {"schema", "volume", "function"}
_VALUES = frozenset({"grants", "tags"})
"""Types of values on another object, which is part of their name: `type/full.name`."""

_ORDER = {"catalog": 0, "schema": 1}


@dataclass(frozen=True)
class Moved:
    """What the planner works with. `renamed` maps a new address to the one that state has; what is inside a renamed
    object goes along without being named."""

    snapshots: Mapping[Side, Snapshot]
    state: State
    renamed: Mapping[Address, Address]


def carried(at: Address, old: Address, new: Address) -> Address | None:
    """The address that something has after `old` became `new`, None when it is not concerned."""
    if at == old:
        return new
    if at.side is not old.side:
        return None
    if at.type in _VALUES:
        kind, _, name = at.name.partition("/")
        table, column = split_column(name) if kind == "column" else (name, "")
        found = carried(Address(at.side, "table" if column else kind, table), old, new)
        return Address(at.side, at.type, f"{kind}/{found.name}{column}") if found else None
    if at.name == old.name and (at.type == old.type or {at.type, old.type} <= _TABLES):
        return Address(at.side, at.type, new.name)
    if old.type in _ORDER and at.type in _INSIDE and at.name.startswith(old.name + "."):
        return Address(at.side, at.type, new.name + at.name[len(old.name) :])
    return None


def carry(resources: Mapping[str, Entry], old: Address, new: Address) -> dict[str, Entry]:
    """The entries of state after `old` became `new`. One that state has under its new name already stays."""
    names = {text: _carried_text(text, old, new) for text in resources}
    found: dict[str, Entry] = {}
    for text, entry in resources.items():
        needs = [_carried_text(need, old, new) for need in entry.depends_on]
        kept = names[text] != text and names[text] in resources
        changed = entry if needs == entry.depends_on else entry.model_copy(update={"depends_on": needs})
        found[text if kept else names[text]] = changed
    return found


def _carried_text(text: str, old: Address, new: Address) -> str:
    return str(carried(Address.parse(text), old, new) or text)


def resolve(moved: Mapping[Address, Address]) -> dict[Address, Address]:
    """Each old address to its last new one. Raises ConfigError when names are exchanged in a circle."""
    found: dict[Address, Address] = {}
    for old in moved:
        path = [old]
        while path[-1] in moved:
            path.append(moved[path[-1]])
            if path[-1] in path[:-1]:
                raise ConfigError(
                    f"moved: these names are exchanged in a circle: {' → '.join(map(str, path))}",
                    hint="rename one of them to a name that nothing has, apply, and go on from there",
                )
        found[old] = path[-1]
    return found


def follow(desired: Desired, snapshots: Mapping[Side, Snapshot], state: State) -> Moved:
    """Apply the moves that state has not seen yet, containers first.

    Raises ConfigError for a circle, for an old address that is still declared, and for a new one in another container.
    """
    seen, renamed = dict(snapshots), dict[Address, Address]()
    pairs = sorted(resolve(desired.moved).items(), key=lambda pair: (_ORDER.get(pair[0].type, len(_ORDER)), pair[0]))
    for declared, new in pairs:
        old = _now(declared, renamed)
        if old == new or not _due(old, new, desired, state):
            continue
        if declared in desired.resources:
            raise ConfigError(
                f"moved: {declared} is to become {new}, but it is still declared",
                hint="take the old name out of the configuration, or the move",
            )
        side = old.side
        present, taken = seen[side].find(old) is not None, seen[side].find(new) is not None
        if not taken:
            if not present:
                continue
            _refuse_other_container(old, new)
            seen[side] = _as_renamed(seen[side], old, new)
        state = state.model_copy(update={"resources": carry(state.resources, old, new)})
        renamed[new] = old
    return Moved(seen, state, renamed)


def _now(at: Address, renamed: Mapping[Address, Address]) -> Address:
    """The address of something now that what holds it was renamed."""
    for new, old in renamed.items():
        at = carried(at, old, new) or at
    return at


def _due(old: Address, new: Address, desired: Desired, state: State) -> bool:
    resources = state.resources
    known = str(old) in resources and str(new) not in resources
    return known and new in desired.resources and TYPES[old.type].rename is not None


def _refuse_other_container(old: Address, new: Address) -> None:
    """Unity Catalog renames a schema within its catalog and a table within its catalog, never beyond."""
    if old.type != "catalog" and old.container.partition(".")[0] != new.container.partition(".")[0]:
        raise ConfigError(
            f"moved: {old} cannot become {new}: nothing can be renamed into another catalog",
            hint="let the new one be created and the old one be deleted, without a move",
        )


def _as_renamed(snapshot: Snapshot, old: Address, new: Address) -> Snapshot:
    def name_of(kind: str, name: str) -> str:
        found = carried(Address(snapshot.side, kind, name), old, new)
        return found.name if found else name

    objects = {
        kind: {
            (now := name_of(kind, name)): item if now == name else replace(item, name=now)
            for name, item in listed.items()
        }
        for kind, listed in snapshot.objects.items()
    }
    unknown = {
        f"{kind}/{name_of(kind, name)}": why
        for kind, _, name, why in ((*text.partition("/"), why) for text, why in snapshot.unknown.items())
    }
    return replace(snapshot, objects=objects, unknown=unknown)
