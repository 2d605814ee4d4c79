"""One Databricks workspace: authentication, REST, SQL, and reading in bulk. The SDK and the connector live here
alone."""

from replicator.workspace.backlog import Backlog, read_backlog, read_sizes
from replicator.workspace.client import WorkspaceReader, WorkspaceWriter, open_reader, open_writer
from replicator.workspace.snapshot import read_snapshot
from replicator.workspace.versions import read_versions

__all__ = [
    "Backlog",
    "WorkspaceReader",
    "WorkspaceWriter",
    "open_reader",
    "open_writer",
    "read_backlog",
    "read_sizes",
    "read_snapshot",
    "read_versions",
]
