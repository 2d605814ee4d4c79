"""Keep two Unity Catalog metastores, objects and data, in the state that a YAML file declares."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_replication.orchestrator import DataReplicationOrchestrator

__version__ = "0.1.0"
__all__ = ["DataReplicationOrchestrator", "__version__"]


def __getattr__(name: str) -> Any:
    """The programmatic interface, imported when it is used: `import replicator` costs nothing."""
    if name != "DataReplicationOrchestrator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from data_replication.orchestrator import DataReplicationOrchestrator

    return DataReplicationOrchestrator
