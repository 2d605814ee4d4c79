"""compile_graph: the sections and the declared resources as one desired graph. Pure: same input, same graph."""

from replicator.address import Address, Side, split_column
from replicator.config.building import Building, add, check_sides
from replicator.config.definitions import references, waiting_for
from replicator.config.garbage import collector_paused
from replicator.config.loading import Config
from replicator.config.operations.backup import compile_backup, existing_backups
from replicator.config.operations.reconciliation import compile_reconciliation
from replicator.config.operations.replication import Replica, compile_replication, find_replicas
from replicator.config.operations.sharing import Exposure, compile_sharing, exposed
from replicator.config.problems import raise_for
from replicator.config.sections import ReplicationConfig
from replicator.config.shorthands import IDENTIFIERS
from replicator.engine.desired import Desired, Position
from replicator.engine.snapshot import Snapshot
from replicator.resources import TYPES
from replicator.resources.base import Resource
from replicator.resources.catalog import Catalog
from replicator.resources.provider import Provider
from replicator.resources.view import View


def compile_graph(config: Config, source: Snapshot, target: Snapshot) -> Desired:
    """The desired graph of both sides, in the order of addresses.

    Raises ConfigError that lists, with its place, whatever is selected but absent or unknown, and whatever is
    declared twice.
    """
    with collector_paused():
        return _compile(Building(config, source, target))


def _compile(building: Building) -> Desired:
    config = building.config
    _check_identity(building)
    _declared(building)
    _operations(building)
    check_sides(building)
    _check_values(building)
    _check_forgotten(building)
    raise_for(building.problems)
    return Desired(
        environment=config.environment,
        config_hash=config.hash,
        resources={address: building.resources[address] for address in sorted(building.resources)},
        sections={address: building.sections[address] for address in sorted(building.sections)},
        disabled_sections=_disabled(config),
        moved=dict(config.moved),
        forget=config.forget,
        notices=tuple(dict.fromkeys(building.notices)),
    )


def _declared(building: Building) -> None:
    """The `resources:` section; the other metastore, named by its side, gets its sharing identifier."""
    known = {Side.SOURCE: building.source.metastore.global_id, Side.TARGET: building.target.metastore.global_id}
    for declared in building.config.declared.values():
        resource, at = declared.resource, declared.at or Position(str(building.config.path), 1)
        for name in ("provider_id", "metastore_id"):
            side = IDENTIFIERS.get(getattr(resource, name, None) or "")
            if side is not None:
                resource = resource.model_copy(update={name: known[side]})
        if isinstance(resource, Catalog) and resource.provider_id is not None:
            add(building, Provider(side=resource.side, name=resource.provider_id), at, "resources")
        add(building, _after_what_it_reads(building, resource, at), at, "resources")


def _check_values(building: Building) -> None:
    """Grants and tags of a table, or of its columns, need that table: one that is mistyped would fail halfway."""
    for address, declared in building.resources.items():
        kind, _, name = address.name.partition("/")
        if not TYPES[address.type].is_value or kind not in ("table", "column"):
            continue
        table = Address(address.side, "table", split_column(name)[0] if kind == "column" else name)
        snapshot = building.source if address.side is Side.SOURCE else building.target
        known = (address.side, "table", table.name) in building.slots or snapshot.find(table) is not None
        if not known and snapshot.silent_about(table) is None:
            at = declared.at or Position(str(building.config.path), 1)
            building.problem(at, f"{address}: there is no table {table.name}, and none is declared")


def _after_what_it_reads(building: Building, resource: Resource, at: Position) -> Resource:
    """A view waits for the tables and views in its query, each named in full."""
    if not isinstance(resource, View):
        return resource
    try:
        read = references(resource.definition)
    except ValueError as error:
        building.problem(at, f"{resource.address}: {error}")
        return resource
    for reference in read:
        if len(reference.parts) != 3:
            text = f"names {reference.name}, which means another table wherever another schema is current"
            building.problem(at, f"{resource.address} {text}; write catalog.schema.table")
    return resource.model_copy(update={"after": (*resource.after, *waiting_for(resource.side, read))})


def _operations(building: Building) -> None:
    """Each operation needs what the one before it makes; reconciliation and replication look through disabled ones."""
    document = building.config.document
    replication, reconciliation = document.replication_config, document.reconciliation_config
    backups = _backups(building)
    copies = [section for section in (replication, reconciliation) if section is not None and section.enabled]
    exposures = _exposures(building, backups, wanted=bool(copies))
    if not copies:
        return
    replicas: tuple[Replica, ...] = find_replicas(building, replication or ReplicationConfig(), exposures, backups)
    if replication is not None and replication.enabled:
        compile_replication(building, replication, replicas)
    if reconciliation is not None and reconciliation.enabled:
        compile_reconciliation(building, reconciliation, replicas)


def _backups(building: Building) -> dict[str, Address]:
    section = building.config.document.backup_config
    if section is None:
        return {}
    return compile_backup(building, section) if section.enabled else existing_backups(building, section)


def _exposures(building: Building, backups: dict[str, Address], *, wanted: bool) -> tuple[Exposure, ...]:
    section = building.config.document.delta_share_config
    if section is None:
        return ()
    if section.enabled:
        return compile_sharing(building, section, backups)
    return exposed(building, section, backups) if wanted else ()


def _disabled(config: Config) -> frozenset[str]:
    document = config.document
    sections = {
        "backup": document.backup_config,
        "delta_share": document.delta_share_config,
        "replication": document.replication_config,
        "reconciliation": document.reconciliation_config,
    }
    return frozenset(name for name, section in sections.items() if section is not None and not section.enabled)


def _check_forgotten(building: Building) -> None:
    """What is declared would be taken over again by the next plan."""
    for index, text in enumerate(building.config.document.forget):
        address = Address.parse(text)
        if address in building.resources:
            at = building.config.at("forget", index)
            building.problem(at, f"{address} is declared, so it cannot be forgotten: take it out of the configuration")


def _check_identity(building: Building) -> None:
    """A metastore that is not the one the file names is never compiled for."""
    for side, snapshot in ((Side.SOURCE, building.source), (Side.TARGET, building.target)):
        wanted = building.config.connection(side).sharing_identifier
        found = snapshot.metastore.global_id
        if wanted is not None and wanted != found:
            at = building.config.at(f"{side.value}_databricks_connect_config", "sharing_identifier")
            building.problem(at, f"the {side.value} workspace belongs to the metastore {found}, not to {wanted}")
