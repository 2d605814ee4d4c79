"""reconciliation_config: one check per replicated table, and the schema that their results go to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from replicator.address import Address, Side
from replicator.config.building import Building, add, contain, index_source
from replicator.config.levels import Levels, setting
from replicator.config.operations.common import catalog_at
from replicator.config.operations.replication import Replica
from replicator.config.sections import AcrossShares, ReconciliationConfig
from replicator.config.selection import expand
from replicator.engine.desired import Position
from replicator.resources.base import Lifecycle
from replicator.resources.check import Check
from replicator.resources.schema import Schema

SECTION = "reconciliation"
_KEPT = Lifecycle(on_removed="forget")
"""Results outlive the checks."""


def compile_reconciliation(building: Building, section: ReconciliationConfig, replicas: Sequence[Replica]) -> None:
    """Declare the checks and where their results go."""
    _tell_without_effect(building, section)
    results = _results(building, section)
    after = () if results is None else (Address(Side.TARGET, "schema", results),)
    for replica, levels, at in _selected(building, section, replicas):
        check = Check(
            side=Side.TARGET,
            name=replica.name,
            copy_of=str(Address(Side.TARGET, "clone", replica.name)),
            origin=str(replica.origin),
            schema_check=setting("schema_check", levels, True),
            row_count_check=setting("row_count_check", levels, True),
            missing_data_check=setting("missing_data_check", levels, True),
            exclude_columns=tuple(name.lower() for name in setting("exclude_columns", levels, ())),
            key=tuple(name.lower() for name in setting("key", levels, ())),
            source_filter_expression=setting("source_filter_expression", levels),
            target_filter_expression=setting("target_filter_expression", levels),
            threshold=setting("threshold", levels, 100.0),
            results_schema=results,
            after=after,
        )
        add(building, check, at, SECTION)


def _tell_without_effect(building: Building, section: ReconciliationConfig) -> None:
    for level in (section, *(section.catalogs or ())):
        for name in sorted(AcrossShares.model_fields.keys() & level.model_fields_set):
            building.notices.append(
                f"reconciliation_config: `{name}` has no effect: each side reads its own tables, and no share is needed"
            )


def _results(building: Building, section: ReconciliationConfig) -> str | None:
    """The schema of the results: the configured one, or the audit table's if that is on the target."""
    if section.recon_outputs_catalog is None:
        audit = building.config.audit
        return audit.table.rpartition(".")[0] if audit is not None and audit.side is Side.TARGET else None
    at = building.config.at("reconciliation_config", "recon_outputs_catalog")
    if section.create_recon_catalog:
        made = catalog_at(Side.TARGET, section.recon_outputs_catalog, section.recon_catalog_location, _KEPT)
        contain(building, made, at, SECTION)
    name = f"{section.recon_outputs_catalog}.{section.recon_outputs_schema}"
    contain(building, Schema(side=Side.TARGET, name=name, lifecycle=_KEPT), at, SECTION)
    return name


def _selected(
    building: Building, section: ReconciliationConfig, replicas: Sequence[Replica]
) -> Iterable[tuple[Replica, Levels, Position]]:
    if section.catalogs is None:
        at = building.config.at("reconciliation_config", key=True)
        yield from ((replica, (section,), at) for replica in replicas)
        return
    by_table: dict[str, list[Replica]] = defaultdict(list)
    for replica in replicas:
        by_table[replica.pick.name].append(replica)
    index = index_source(building)
    for number, entry in enumerate(section.catalogs):
        path = ("reconciliation_config", "catalogs", number)
        picks = [pick for schema in expand(building, index, entry, path, (section,)) for pick in schema.picks]
        for pick in picks:
            if pick.named and pick.name not in by_table:
                building.problem(pick.at, f"{pick.name} is not replicated, so there is no copy to compare it with")
            yield from ((replica, pick.levels, pick.at) for replica in by_table.get(pick.name, ()))
