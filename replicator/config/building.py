"""The desired graph while it grows: what may stand twice, what may not, and what to tell the reader."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from replicator.address import Address, Side
from replicator.config.loading import Config
from replicator.config.problems import Problem
from replicator.engine.desired import Declared, Position
from replicator.engine.snapshot import Snapshot
from replicator.resources import TYPES
from replicator.resources.base import Observed, Resource

Slot = tuple[Side, str, str]
"""One object of a metastore: side, kind, name. A table and a clone of one name are the same object."""

_IDENTITY = frozenset({"side", "name", "lifecycle", "after"})


@dataclass
class Building:
    """One compilation. Problems are collected, so that all of them are reported at once."""

    config: Config
    source: Snapshot
    target: Snapshot
    resources: dict[Address, Declared] = field(default_factory=dict)
    sections: dict[Address, str] = field(default_factory=dict)
    slots: dict[Slot, Address] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def same_metastore(self) -> bool:
        return self.source.metastore.metastore_id == self.target.metastore.metastore_id

    def problem(self, at: Position, text: str) -> None:
        self.problems.append(Problem(at, text))

    def scratch(self) -> "Building":
        """A copy whose findings are thrown away."""
        return Building(self.config, self.source, self.target, dict(self.resources), {}, dict(self.slots))


def slot_of(resource: Resource) -> Slot:
    return (resource.side, TYPES[resource.type].kind, resource.name)


def add(building: Building, resource: Resource, at: Position, section: str) -> None:
    """Declare an object that nothing else may declare, except in exactly the same way."""
    taken = building.slots.get(slot_of(resource))
    if taken is None:
        building.slots[slot_of(resource)] = resource.address
        building.resources[resource.address] = Declared(resource, at)
        building.sections[resource.address] = section
    elif building.resources[taken].resource != resource:
        first = building.resources[taken].at
        building.problem(at, f"{resource.address} is declared a second time; first as {taken} at {first}")


def contain(building: Building, resource: Resource, at: Position, section: str) -> None:
    """Declare a catalog or schema that an operation needs; whoever else declares it may say more about it."""
    taken = building.slots.get(slot_of(resource))
    if taken is None:
        add(building, resource, at, section)
        return
    existing = building.resources[taken]
    if getattr(existing.resource, "share_name", None) is not None:
        text = f"{taken} (declared at {existing.at}) is made from a share and read-only: nothing can be created in it"
        building.problem(at, text)
        return
    more = {}
    for name in sorted(resource.model_fields_set - _IDENTITY):
        wanted = getattr(resource, name)
        if name not in existing.resource.model_fields_set:
            more[name] = wanted
        elif getattr(existing.resource, name) != wanted:
            building.problem(at, f"`{name}` of {taken} is declared in two ways; the other is at {existing.at}")
    if more:
        building.resources[taken] = Declared(existing.resource.model_copy(update=more), existing.at)


def check_sides(building: Building) -> None:
    """When both sides are one metastore, no object may be wanted from both."""
    if not building.same_metastore:
        return
    for (side, kind, name), address in sorted(building.slots.items()):
        other = building.slots.get((Side.TARGET, kind, name)) if side is Side.SOURCE else None
        if other is not None and kind in ("catalog", "schema", "table"):
            declared = building.resources[other]
            at = declared.at or Position(str(building.config.path), 1)
            building.problem(at, f"{other} and {address} are one object: both sides are the same metastore")


@dataclass(frozen=True)
class SourceIndex:
    """What the source has, and what this configuration will make of it, by container; names are sorted."""

    catalogs: frozenset[str]
    schemas: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, Mapping[str, Observed]]
    unknown: Mapping[str, Mapping[str, str]]


def index_source(building: Building) -> SourceIndex:
    """The source's objects and those that are already declared. A declared clone or table counts as managed."""
    objects = building.source.objects
    catalogs, schemas = set(objects.get("catalog", {})), set(objects.get("schema", {}))
    tables: dict[str, dict[str, Observed]] = defaultdict(dict)
    for name, observed in sorted(objects.get("table", {}).items()):
        tables[name.rpartition(".")[0]][name] = observed
    for side, kind, name in sorted(building.slots):
        if side is not Side.SOURCE or kind not in ("catalog", "schema", "table"):
            continue
        parts = name.split(".")
        catalogs.add(parts[0])
        if kind != "catalog":
            schemas.add(".".join(parts[:2]))
        if kind == "table":
            tables[".".join(parts[:2])].setdefault(name, Observed(name, {}, info={"table_type": "MANAGED"}))
    return SourceIndex(frozenset(catalogs), _by_container(schemas), tables, _unknown_tables(building.source))


def _by_container(names: set[str]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        grouped[name.partition(".")[0]].append(name)
    return {container: tuple(listed) for container, listed in grouped.items()}


def _unknown_tables(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Tables of which only the name is known, with the reason, by schema."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    read = snapshot.objects.get("table", {})
    for key, reason in sorted(snapshot.unknown.items()):
        kind, _, name = key.partition("/")
        if kind == "table" and not name.endswith("*") and name not in read:
            found[name.rpartition(".")[0]][name] = reason
    return found
