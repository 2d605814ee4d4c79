"""The four operations of the original design as they are written: what is selected, and what becomes of it.

Settings that may stand on several levels (section, catalog, schema, table) hold for everything below, and the
innermost one wins; see `levels`.
"""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from replicator.config.connection import Section
from replicator.config.names import Name, Pattern, TableName
from replicator.resources.base import Lifecycle
from replicator.resources.clone import MaxLag


def _excluded(key: str) -> BeforeValidator:
    """`exclude_tables: [a, b*]`; the form `[{table_name: a}]` means the same."""

    def flat(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return tuple(item[key] if isinstance(item, dict) and set(item) == {key} else item for item in value)

    return BeforeValidator(flat)


def _only(value: bool, why: str) -> AfterValidator:
    """A key that says what happens anyway: any other value is refused, with the reason."""

    def check(given: bool) -> bool:
        if given is not value:
            raise ValueError(f"only `{str(value).lower()}` is possible: {why}")
        return given

    return AfterValidator(check)


NeverReplaced = Annotated[bool, _only(False, "a table is never replaced by its definition, which would empty it")]
NeverPipelines = Annotated[bool, _only(False, "the copy of a pipeline's table is an ordinary table")]
AlwaysManaged = Annotated[bool, _only(True, "replicas are managed tables, whose files are copied")]
NeverGranted = Annotated[
    bool, _only(False, "access to copies is declared under `resources`, where a reviewer sees who gets it")
]
NeverTagged = Annotated[bool, _only(False, "tags of copies are declared under `resources`")]
NeverViews = Annotated[bool, _only(False, "views are declared under `resources`, over the copies that they read")]

ExcludedTables = Annotated[tuple[Pattern, ...], _excluded("table_name")]
ExcludedSchemas = Annotated[tuple[Pattern, ...], _excluded("schema_name")]
Affix = Annotated[Name, Field(min_length=1)]


class TableEntry(Section):
    table_name: Pattern


class SchemaEntry(Section):
    """Without `tables`: all of them."""

    schema_name: Pattern
    tables: tuple[TableEntry, ...] | None = None
    exclude_tables: ExcludedTables = ()


class CatalogEntry(Section):
    """Without `schemas`: all of them."""

    catalog_name: Name
    schemas: tuple[SchemaEntry, ...] | None = None
    exclude_schemas: ExcludedSchemas = ()


class BackupTable(TableEntry):
    backup_table: Name | None = None
    lifecycle: Lifecycle = Lifecycle()
    max_lag: MaxLag | None = None


class BackupSchema(SchemaEntry):
    """The backup's schema is `backup_schema`, or the schema's own name between prefix and suffix."""

    backup_schema: Name | None = None
    backup_schema_prefix: Affix | None = None
    backup_schema_suffix: Affix | None = None
    lifecycle: Lifecycle = Lifecycle()
    max_lag: MaxLag | None = None
    tables: tuple[BackupTable, ...] | None = None


class BackupCatalog(CatalogEntry):
    backup_catalog: Name
    backup_catalog_location: str | None = None
    create_backup_catalog: bool = True
    backup_schema_prefix: Affix | None = None
    backup_schema_suffix: Affix | None = None
    lifecycle: Lifecycle = Lifecycle()
    max_lag: MaxLag | None = None
    schemas: tuple[BackupSchema, ...] | None = None


class BackupConfig(Section):
    enabled: bool = True
    audit_log_table: TableName | None = None
    backup_schema_prefix: Affix | None = None
    backup_schema_suffix: Affix | None = None
    lifecycle: Lifecycle = Lifecycle()
    max_lag: MaxLag | None = None
    catalogs: tuple[BackupCatalog, ...] = ()


class Share(CatalogEntry):
    """What is shared of one catalog. Several entries may name one share; `shared_catalog_name` is the catalog that
    the target makes from it."""

    share_name: Name
    shared_catalog_name: Name | None = None
    schema_prefix: Affix | None = None
    schema_suffix: Affix | None = None
    comment: str | None = None


class DeltaShareConfig(Section):
    """`recipient_id` names the recipient that stands for the target's metastore."""

    enabled: bool = True
    recipient_id: Name | None = None
    shares: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def _recipient(self) -> Self:
        if self.enabled and self.recipient_id is None:
            raise ValueError("`recipient_id` is required when delta_share_config is enabled")
        return self


class ReplicaOptions(Section):
    """What holds for copies on every level."""

    enforce_schema: bool = True
    overwrite_comments: bool = True
    overwrite_grants: NeverGranted = False
    overwrite_tags: NeverTagged = False
    create_or_replace_view: NeverViews = False
    create_or_replace_table: NeverReplaced = False
    create_or_replace_streaming_table: NeverPipelines = False
    create_or_replace_materialized_view: NeverPipelines = False
    replicate_as_managed: AlwaysManaged = True
    copy_files: AlwaysManaged = True
    lifecycle: Lifecycle = Lifecycle()
    max_lag: MaxLag | None = None


class ReplicaContainers(Section):
    """What holds for the catalogs and schemas that copies go to."""

    create_target_catalog: bool = True
    create_intermediate_catalog: bool = True
    intermediate_catalog: Name | None = None
    intermediate_catalog_location: str | None = None
    target_schema_prefix: Affix | None = None
    target_schema_suffix: Affix | None = None
    replicate_enable_predictive_optimization: bool | None = None


class ThroughShares(Section):
    """The catalogs on the target through which the source's tables are read, and whether they are ours to create.

    `backup_catalog` shows the backups, and `dpm_backing_table_catalog` the backing tables, of tables of pipelines.
    """

    provider_name: Name | None = None
    create_shared_catalog: bool = False
    source_catalog: Name | None = None
    share_name: Name | None = None
    create_backup_shared_catalog: bool = False
    backup_catalog: Name | None = None
    backup_share_name: Name | None = None
    create_dpm_backing_table_shared_catalog: bool = False
    dpm_backing_table_catalog: Name | None = None
    dpm_backing_table_share_name: Name | None = None


class ReplicationTable(TableEntry, ReplicaOptions):
    target_table: Name | None = None


class ReplicationSchema(SchemaEntry, ReplicaOptions):
    """The target's schema is `target_schema`, or the schema's own name between prefix and suffix."""

    target_schema: Name | None = None
    target_schema_prefix: Affix | None = None
    target_schema_suffix: Affix | None = None
    replicate_enable_predictive_optimization: bool | None = None
    tables: tuple[ReplicationTable, ...] | None = None


class ReplicationCatalog(CatalogEntry, ReplicaOptions, ReplicaContainers, ThroughShares):
    """`catalog_name` is the source's catalog. `target_catalog` defaults to the same name; `source_catalog`, the
    catalog on the target through which the shared tables are read, to the one that delta_share_config makes."""

    target_catalog: Name | None = None
    target_catalog_location: str | None = None
    schemas: tuple[ReplicationSchema, ...] | None = None


class ReplicationConfig(ReplicaOptions, ReplicaContainers, ThroughShares):
    """Without `catalogs`: everything that delta_share_config shares, into catalogs of the source's names."""

    enabled: bool = True
    catalogs: tuple[ReplicationCatalog, ...] | None = None


class CheckOptions(Section):
    """What is compared. `threshold` is the percentage of equal rows that is still good."""

    schema_check: bool = True
    row_count_check: bool = True
    missing_data_check: bool = True
    exclude_columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    source_filter_expression: str | None = None
    target_filter_expression: str | None = None
    threshold: float = Field(default=100.0, ge=0, le=100)


class ReconciliationTable(TableEntry, CheckOptions):
    pass


class ReconciliationSchema(SchemaEntry, CheckOptions):
    tables: tuple[ReconciliationTable, ...] | None = None


class AcrossShares(Section):
    """What similar tools need to reach the source's tables; here each side reads its own, so it has no effect."""

    create_shared_catalog: bool = False
    source_catalog: Name | None = None
    share_name: Name | None = None


class ReconciliationCatalog(CatalogEntry, CheckOptions, AcrossShares):
    schemas: tuple[ReconciliationSchema, ...] | None = None


class ReconciliationConfig(CheckOptions, AcrossShares):
    """Names are the source's. Without `catalogs`: every replicated table. Results go to
    `recon_outputs_catalog.recon_outputs_schema` on the target."""

    enabled: bool = True
    recon_outputs_catalog: Name | None = None
    recon_outputs_schema: Name | None = None
    recon_schema_check_table: Name = "recon_columns"
    recon_missing_data_table: Name = "recon_rows"
    create_recon_catalog: bool = True
    recon_catalog_location: str | None = None
    enable_sampling: bool = False
    no_of_sampling_tables: int = Field(default=10, ge=1)
    catalogs: tuple[ReconciliationCatalog, ...] | None = None

    @model_validator(mode="after")
    def _outputs(self) -> Self:
        if (self.recon_outputs_catalog is None) != (self.recon_outputs_schema is None):
            raise ValueError("`recon_outputs_catalog` and `recon_outputs_schema` are given together")
        names = ["recon_runs", "recon_tables", self.recon_schema_check_table, self.recon_missing_data_table]
        if len(set(names)) < len(names):
            raise ValueError("two tables of results cannot have one name")
        return self
