"""One Databricks workspace: authentication, REST, SQL, and reading in bulk. The SDK and the connector live here
alone."""

from replicator.workspace.backlog import Backlog, read_backlog, read_sizes
from replicator.workspace.client import WorkspaceReader, WorkspaceWriter, open_reader, open_writer
from replicator.workspace.information import only_we_write
from replicator.workspace.snapshot import read_snapshot
from replicator.workspace.tables import read_in_full
from replicator.workspace.versions import read_versions

__all__ = [
    "Backlog",
    "WorkspaceReader",
    "WorkspaceWriter",
    "only_we_write",
    "open_reader",
    "open_writer",
    "read_backlog",
    "read_in_full",
    "read_sizes",
    "read_snapshot",
    "read_versions",
]
