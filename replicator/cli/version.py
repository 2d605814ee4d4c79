"""`replicator version`."""

from replicator import __version__
from replicator.cli.common import Run, verb


@verb
def version(run: Run) -> None:
    """Print the version."""
    print(f"replicator {__version__}")
