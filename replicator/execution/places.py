"""Where a configuration keeps its state: the one place that knows which backends there are."""

from pathlib import Path

from replicator.address import Side
from replicator.config import Config
from replicator.errors import UsageError
from replicator.execution.backend import Backend
from replicator.execution.folder import Folder
from replicator.execution.volume import Volume
from replicator.workspace.files import open_volume


def backend(config: Config, directory: Path | None = None) -> Backend:
    """The backend that the file names, or a folder if one is given instead.

    Raises ConfigError or WorkspaceError when the volume's workspace cannot be opened.
    """
    state = config.document.state
    if directory is not None or state.volume is None:
        return Folder(local(directory) if directory is not None else config.state_directory, config.environment)
    connection = config.connection(Side(state.side))
    path = f"{state.volume}/{config.environment}"
    folder = open_volume(connection, path, retry=config.retry, directory=config.directory)
    return Volume(folder, config.environment)


def local(directory: Path) -> Path:
    """Raises UsageError for a volume that is mounted as a folder: such a mount knows no locks, and does not say when
    something is durable."""
    if directory.absolute().parts[:2] == ("/", "Volumes"):
        raise UsageError(
            f"--state-dir {directory}: a volume that is mounted as a folder cannot hold a state safely",
            hint=f"name it in the configuration: `state: {{volume: {directory}}}`",
        )
    return directory
