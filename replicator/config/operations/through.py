"""Through what the target reads the source's tables where delta_share_config does not say it, and the shared catalogs
that replication itself makes."""

from collections.abc import Mapping

from replicator.address import Address, Side
from replicator.config.building import Building, add
from replicator.config.levels import Levels, setting
from replicator.config.operations.common import backing_of
from replicator.config.sections import ReplicationConfig
from replicator.config.selection import Pick
from replicator.engine.desired import Position
from replicator.resources.catalog import Catalog
from replicator.resources.provider import Provider

_MADE = (
    ("create_shared_catalog", "source_catalog", "share_name"),
    ("create_backup_shared_catalog", "backup_catalog", "backup_share_name"),
    ("create_dpm_backing_table_shared_catalog", "dpm_backing_table_catalog", "dpm_backing_table_share_name"),
)
"""Keys that belong together: whether a catalog is ours to create, its name, and the share that it is made from."""


def behind_pipeline(building: Building, pick: Pick, backups: Mapping[str, Address]) -> tuple[str, Address] | None:
    """Where the target reads the rows of a pipeline's table, by the catalogs named for that: the backing table under
    the table's own name, or its backup under the backup's. None where neither is named."""
    backing: str | None = setting("dpm_backing_table_catalog", pick.levels)
    if backing is not None:
        origin = backing_of(building, pick)
        return None if origin is None else (f"{backing}.{pick.schema}.{pick.table}", origin)
    backup, clone = setting("backup_catalog", pick.levels), backups.get(pick.name)
    if backup is None or clone is None:
        return None
    return ".".join((backup, *clone.parts[1:])), clone


def declare_shared_catalogs(building: Building, section: ReplicationConfig, owner: str) -> None:
    """The catalogs from shares that replication is asked to make, each with the provider that it waits for. `owner` is
    the name of the section in the graph."""
    for number, entry in enumerate(section.catalogs or ()):
        at = building.config.at("replication_config", "catalogs", number)
        for create, catalog, share in _MADE:
            if setting(create, (entry, section), False):
                names = (setting(catalog, (entry, section)), setting(share, (entry, section)))
                if None in names:
                    text = f"`{create}` needs `{catalog}` and `{share}`: which catalog, and from which share"
                    building.problem(at, text)
                else:
                    _declare(building, (entry, section), names, at, owner)


def _declare(building: Building, levels: Levels, names: tuple[str, str], at: Position, owner: str) -> None:
    if building.same_metastore:
        building.problem(at, "source and target are the same metastore, and a metastore cannot share with itself")
        return
    name, share = names
    provider: str | None = setting("provider_name", levels)
    if provider is not None:
        add(building, Catalog(side=Side.TARGET, name=name, share_name=share, provider_name=provider), at, owner)
        return
    identifier = building.source.metastore.global_id
    add(building, Provider(side=Side.TARGET, name=identifier), at, owner)
    add(building, Catalog(side=Side.TARGET, name=name, share_name=share, provider_id=identifier), at, owner)
