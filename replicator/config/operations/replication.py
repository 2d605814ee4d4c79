"""replication_config: deep clones on the target of what the source shares, through a staging catalog if wanted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from replicator.address import Address, Side
from replicator.config.building import Building, add, contain, index_source
from replicator.config.levels import made_schema, setting
from replicator.config.operations.common import backing_of, catalog_at, limited
from replicator.config.operations.sharing import Exposure
from replicator.config.operations.through import behind_pipeline, declare_shared_catalogs
from replicator.config.sections import ReplicationCatalog, ReplicationConfig
from replicator.config.selection import Pick, expand, skipped_notices
from replicator.engine.desired import Position
from replicator.resources.base import Lifecycle
from replicator.resources.clone import Clone
from replicator.resources.schema import Schema
from replicator.wording import listed

SECTION = "replication"


@dataclass(frozen=True, slots=True)
class Replica:
    """One table to copy: `source` is its name on the target's side, `origin` what is shared on the source."""

    pick: Pick
    source: str
    origin: Address
    catalog: str

    @property
    def schema(self) -> str:
        return made_schema(self.pick.schema, self.pick.levels, "target")

    @property
    def name(self) -> str:
        table = setting("target_table", self.pick.levels) or self.pick.table
        return f"{self.catalog}.{self.schema}.{table}"


@dataclass(frozen=True)
class _Sources:
    """How the target can read the source's tables."""

    exposures: Mapping[str, Sequence[Exposure]]
    backups: Mapping[str, Address]


def find_replicas(
    building: Building, section: ReplicationConfig, exposures: Iterable[Exposure], backups: Mapping[str, Address]
) -> tuple[Replica, ...]:
    """Every table that replication means, whether or not it is enabled."""
    by_table: dict[str, list[Exposure]] = defaultdict(list)
    for exposure in exposures:
        by_table[exposure.pick.name].append(exposure)
    sources = _Sources(by_table, backups)
    if section.catalogs is None:
        return tuple(_everything_shared(building, section, by_table))
    index, found = index_source(building), list[Replica]()
    for number, entry in enumerate(section.catalogs):
        path = ("replication_config", "catalogs", number)
        picked = expand(building, index, entry, path, (section,))
        found.extend(_of_entry(building, entry, [pick for schema in picked for pick in schema.picks], sources, path))
        building.notices.extend(skipped_notices(picked, "replicated"))
    return tuple(found)


def _everything_shared(
    building: Building, section: ReplicationConfig, by_table: Mapping[str, Sequence[Exposure]]
) -> Iterable[Replica]:
    at = building.config.at("replication_config", key=True)
    for name in sorted(by_table):
        exposure = next((exposure for exposure in by_table[name] if exposure.catalog is not None), None)
        if exposure is not None:
            pick = Pick(name, exposure.pick.observed, at, (section,), False)
            yield Replica(pick, exposure.name, exposure.origin, name.partition(".")[0])
    if not by_table:
        building.problem(at, "nothing is shared, so nothing can be replicated; give `catalogs`, or share something")


def _of_entry(
    building: Building,
    entry: ReplicationCatalog,
    picks: Sequence[Pick],
    sources: _Sources,
    path: tuple[str | int, ...],
) -> Iterable[Replica]:
    target, missing = entry.target_catalog or entry.catalog_name, list[Pick]()
    if building.same_metastore and target == entry.catalog_name:
        at = building.config.at(*path, "catalog_name")
        building.problem(at, "source and target are the same metastore; give another `target_catalog`")
        return
    for pick in picks:
        found = _readable(building, pick, sources)
        if found is None:
            missing.append(pick)
        else:
            yield Replica(pick, *found, target)
    _report_missing(building, entry, picks, missing, path)


def _readable(building: Building, pick: Pick, sources: _Sources) -> tuple[str, Address] | None:
    """The name under which the target reads a table, and what is behind it; None when it does not."""
    if pick.of_pipeline and (found := behind_pipeline(building, pick, sources.backups)) is not None:
        return found
    through: str | None = setting("source_catalog", pick.levels)
    share: str | None = setting("share_name", pick.levels)
    for exposure in sources.exposures.get(pick.name, ()):
        catalog = through or exposure.catalog
        if share in (None, exposure.share) and exposure.catalog in (None, catalog) and catalog is not None:
            return f"{catalog}.{exposure.schema}.{exposure.table}", exposure.origin
    if not building.same_metastore and (through is None or _is_shared(sources, through)):
        return None
    origin = sources.backups.get(pick.name) if pick.of_pipeline else None
    origin = origin or backing_of(building, pick)
    if origin is None:
        return None
    if building.same_metastore and through is None:
        return origin.name, origin
    return f"{through}.{pick.schema}.{pick.table}", origin


def _is_shared(sources: _Sources, catalog: str) -> bool:
    """Whether delta_share_config itself says what is in a catalog."""
    return any(exposure.catalog == catalog for listed in sources.exposures.values() for exposure in listed)


def _report_missing(
    building: Building,
    entry: ReplicationCatalog,
    picks: Sequence[Pick],
    missing: Sequence[Pick],
    path: tuple[str | int, ...],
) -> None:
    unshared = [pick for pick in missing if not building.same_metastore]
    remedy = "share it in `delta_share_config`, with a `shared_catalog_name`, or give `source_catalog`"
    if unshared and len(unshared) == len(picks):
        at = building.config.at(*path, "catalog_name")
        building.problem(at, f"the target cannot read any selected table of {entry.catalog_name}: {remedy}")
        return
    for pick in unshared:
        if pick.named:
            building.problem(pick.at, f"the target cannot read {pick.name}: {remedy}")
    silent = [pick.name for pick in unshared if not pick.named]
    if silent:
        told = f"{len(silent)} of {entry.catalog_name}: {listed(silent, 5)}"
        building.notices.append(f"not shared, and so not replicated: {told}")


def compile_replication(building: Building, section: ReplicationConfig, replicas: Iterable[Replica]) -> None:
    """Declare catalogs, schemas and clones on the target."""
    declare_shared_catalogs(building, section, SECTION)
    placed: set[tuple[str, str, str | None]] = set()
    for replica in replicas:
        levels, at = replica.pick.levels, replica.pick.at
        staging: str | None = setting("intermediate_catalog", levels)
        source, origin = replica.source, replica.origin
        if staging is not None:
            _place(building, placed, replica, staging, "intermediate")
            table = replica.name.rpartition(".")[2]
            staged = _clone(replica, f"{staging}.{replica.schema}.{table}", source, origin)
            _add_clone(building, staged, at)
            source, origin = staged.name, staged.address
        _place(building, placed, replica, replica.catalog, "target")
        _add_clone(building, _with_comment(building, replica, _clone(replica, replica.name, source, origin)), at)


def _place(
    building: Building, placed: set[tuple[str, str, str | None]], replica: Replica, catalog: str, what: str
) -> None:
    """The catalog, if it is ours to create, and the schema of a copy; once for all copies in it."""
    schema, levels, at = replica.schema, replica.pick.levels, replica.pick.at
    location: str | None = setting(f"{what}_catalog_location", levels)
    if (catalog, schema, location) in placed:
        return
    placed.add((catalog, schema, location))
    if setting(f"create_{what}_catalog", levels, True):
        contain(building, catalog_at(Side.TARGET, catalog, location), at, SECTION)
    contain(building, _schema(building, replica, f"{catalog}.{schema}"), at, SECTION)


def _schema(building: Building, replica: Replica, name: str) -> Schema:
    """The schema of copies. Where it is to follow, its predictive optimization is as on the source, else off:
    maintenance would rewrite files that the next clone then copies again."""
    made = Schema(side=Side.TARGET, name=name)
    follow: bool | None = setting("replicate_enable_predictive_optimization", replica.pick.levels)
    if follow is None:
        return made
    origin = building.source.find(Address(Side.SOURCE, "schema", replica.pick.name.rpartition(".")[0]))
    asked = origin.fields.get("predictive_optimization") if follow and origin is not None else "disable"
    return made if asked is None else made.model_copy(update={"predictive_optimization": asked})


def _clone(replica: Replica, name: str, source: str, origin: Address) -> Clone:
    levels = replica.pick.levels
    lifecycle: Lifecycle = setting("lifecycle", levels, Lifecycle())
    enforce: bool = setting("enforce_schema", levels, True)
    made = Clone(
        side=Side.TARGET, name=name, source=source, origin=str(origin), enforce_schema=enforce, lifecycle=lifecycle
    )
    return limited(made, levels)


def _with_comment(building: Building, replica: Replica, clone: Clone) -> Clone:
    """The source table's comment belongs to the copy; CLONE does not bring it."""
    if not setting("overwrite_comments", replica.pick.levels, True):
        return clone
    declared = building.resources.get(Address(Side.SOURCE, "table", replica.pick.name))
    if declared is not None and "comment" in declared.resource.model_fields_set:
        return clone.model_copy(update={"comment": getattr(declared.resource, "comment", None)})
    fields = replica.pick.observed.fields
    return clone.model_copy(update={"comment": fields["comment"]}) if "comment" in fields else clone


def _add_clone(building: Building, clone: Clone, at: Position) -> None:
    if building.same_metastore and clone.name in (clone.source, Address.parse(clone.origin).name):
        building.problem(at, f"{clone.name} would be a copy of itself")
        return
    add(building, clone, at, SECTION)
