"""Files that are either the old or the new one, whatever happens, and that only their owner reads."""

import os
from pathlib import Path

from replicator.errors import StateError


def private_directory(path: Path) -> None:
    """Create a directory and its missing parents, all 0700; one that exists keeps its mode. Raises StateError."""
    try:
        for folder in [*reversed(path.parents), path]:
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StateError(f"{path}: cannot be created: {error.strerror}", hint="choose another --state-dir") from error


def sync_directory(path: Path) -> None:
    """Make renames and removals inside a directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file (mode 0600) so that a crash leaves the old or the new content. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Delete a file durably; one that is not there is fine."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)
