"""backup_config: deep clones on the source, of tables and of the tables behind pipelines."""

from collections.abc import Mapping

from replicator.address import Address, Side
from replicator.config.building import Building, add, contain, index_source
from replicator.config.levels import made_schema, setting
from replicator.config.operations.common import backing_of, catalog_at, limited
from replicator.config.sections import BackupCatalog, BackupConfig
from replicator.config.selection import Pick, PickedSchema, expand, skipped_notices
from replicator.engine.unshielded import unshielded
from replicator.resources.base import Lifecycle
from replicator.resources.clone import Clone
from replicator.resources.schema import Schema

SECTION = "backup"


def compile_backup(building: Building, section: BackupConfig) -> dict[str, Address]:
    """Declare catalogs, schemas and clones. Returns each backed-up table's clone by the table's name."""
    index, clones = index_source(building), dict[str, Address]()
    for number, entry in enumerate(section.catalogs):
        path = ("backup_config", "catalogs", number)
        if entry.schemas is None and entry.backup_catalog == entry.catalog_name:
            at = building.config.at(*path, "backup_catalog")
            building.problem(at, "a catalog backed up into itself needs `schemas`, or backups would be backed up too")
            continue
        picked = expand(building, index, entry, path, (section,))
        if entry.create_backup_catalog:
            made = catalog_at(Side.SOURCE, entry.backup_catalog, entry.backup_catalog_location)
            contain(building, made, building.config.at(*path, "backup_catalog"), SECTION)
        for schema in picked:
            clones |= _schema(building, entry, schema)
        building.notices.extend(skipped_notices(picked, "backed up"))
    return clones


def existing_backups(building: Building, section: BackupConfig) -> dict[str, Address]:
    """The clones that a disabled section would make, as far as they exist: they can still be shared."""
    planned = compile_backup(building.scratch(), section)
    tables: Mapping[str, object] = building.source.objects.get("table", {})
    return {name: clone for name, clone in planned.items() if clone.name in tables}


def _schema(building: Building, entry: BackupCatalog, schema: PickedSchema) -> dict[str, Address]:
    made = f"{entry.backup_catalog}.{made_schema(schema.name.partition('.')[2], schema.levels, 'backup')}"
    contain(building, Schema(side=Side.SOURCE, name=made), schema.at, SECTION)
    clones: dict[str, Address] = {}
    for pick in schema.picks:
        clone = _clone(building, pick, f"{made}.{setting('backup_table', pick.levels) or pick.table}")
        if clone is not None:
            add(building, clone, pick.at, SECTION)
            clones[pick.name] = clone.address
    return clones


def _clone(building: Building, pick: Pick, name: str) -> Clone | None:
    origin = backing_of(building, pick)
    if origin is None:
        return None
    if name in (origin.name, pick.name):
        building.problem(pick.at, f"{name} would be a backup of itself; give another backup_catalog or backup_schema")
        return None
    if pick.of_pipeline and (lost := unshielded(pick.observed, None)):
        building.notices.append(f"the backup of {pick.name} does not have {' and '.join(lost)} of the pipeline's table")
    lifecycle: Lifecycle = setting("lifecycle", pick.levels, Lifecycle())
    made = Clone(side=Side.SOURCE, name=name, source=origin.name, origin=str(origin), lifecycle=lifecycle)
    return limited(made, pick.levels)
