"""The original design's names: `data_replication.orchestrator` and the `data-replicator` command, on top of
replicator."""

from replicator import __version__

__all__ = ["__version__"]
