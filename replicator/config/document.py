"""The whole file as models, and the keys that belong to features which do not exist here."""

from typing import Literal

from pydantic import Field

from replicator.config.connection import Connection, Section
from replicator.config.sections import BackupConfig, DeltaShareConfig, ReconciliationConfig, ReplicationConfig
from replicator.config.settings import AddressText, AuditConfig, Concurrency, Logging, Moved, Retry, StateConfig


class Document(Section):
    """A configuration after its environment was chosen and its variables were replaced, without its `resources:`."""

    version: Literal["1", "1.0"] = "1.0"
    source: Connection = Field(alias="source_databricks_connect_config")
    target: Connection = Field(alias="target_databricks_connect_config")
    concurrency: Concurrency = Concurrency()
    retry: Retry = Retry()
    logging: Logging = Logging()
    state: StateConfig = StateConfig()
    audit_config: AuditConfig | None = None
    backup_config: BackupConfig | None = None
    delta_share_config: DeltaShareConfig | None = None
    replication_config: ReplicationConfig | None = None
    reconciliation_config: ReconciliationConfig | None = None
    moved: tuple[Moved, ...] = ()
    forget: tuple[AddressText, ...] = ()


ROOT_KEYS = frozenset(
    {info.alias or name for name, info in Document.model_fields.items()}
    | {"variables", "environments", "target_catalogs", "resources"}
)

_USE_SECTIONS = "each section says what it does"
_USE_RESOURCES = "declare the object under `resources`"
_USE_SELECTION = "select by `catalogs`, `schemas` and `tables`, whose names may be patterns"

UNSUPPORTED: dict[str, str] = {
    "auth_type": "the way is told by `token`, `profile` or `client_id`",
    "backup_legacy_backing_tables": "backing tables are always found by themselves",
    "backup_share_name": "declare the share in `delta_share_config`",
    "cloud_url_mapping": "replicas are managed tables",
    "cluster_id": "give `warehouse_id` or `http_path`",
    "create_backup_share": "declare the share in `delta_share_config`",
    "create_dpm_backing_table_share": "backing tables are shared by `delta_share_config`",
    "create_recipient": "declare the recipient in `delta_share_config`",
    "create_share": "declare the share in `delta_share_config`",
    "external_location_config": "",
    "parallel_table_filter": "`max_workers` is the only limit",
    "principal_mapping": "",
    "process_schemas_in_serial": "`max_workers` is the only limit",
    "replication_group": "the file is one group",
    "schema_table_filter_expression": _USE_SELECTION,
    "storage_credential_config": "",
    "table_filter_expression": _USE_SELECTION,
    "table_types": _USE_SECTIONS,
    "tag_policy_config": "",
    "uc_object_types": _USE_RESOURCES,
    "volume_config": "the files of volumes are not replicated",
    "volume_types": "the files of volumes are not replicated",
    "volumes": "the files of volumes are not replicated",
    "warehouse_config": "give `warehouse_id` or `http_path`",
}
"""Keys of the system that grew out of the same design, and what stands in their place here, if anything."""
