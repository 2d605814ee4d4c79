"""Files that are either the old or the new one, whatever happens, and that only their owner reads."""

import errno
import os
import stat
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


def trusted_directory(path: Path) -> None:
    """Raises StateError for a directory in which others could put files in place of ours; one that is missing is
    fine."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"{path}: is not a folder", hint="choose another --state-dir")
    _refuse_others(path, found)


def read_trusted(path: Path) -> bytes | None:
    """A file that nobody else can have written; None when there is none. Symbolic links are not followed.

    Raises StateError when it cannot be read, is no regular file, belongs to another user, or others may write to it.
    """
    try:
        # A pipe in its place would otherwise be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "it is a symbolic link, and those are not followed" if error.errno == errno.ELOOP else error.strerror
        raise StateError(f"{path}: cannot be read: {why}") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise StateError(f"{path}: cannot be read: it is not a regular file")
        _refuse_others(path, found)
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)


def _refuse_others(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (os.geteuid(), 0):
        raise StateError(
            f"{path}: belongs to another user (uid {found.st_uid}), who could have written anything into it",
            hint=f"if you trust it, make it yours: chown {os.geteuid()} '{path}'",
        )
    if found.st_mode & 0o022:
        raise StateError(
            f"{path}: others may write to it (mode {stat.S_IMODE(found.st_mode):04o}), so it cannot be trusted",
            hint=f"if you trust what it holds now: chmod go-w '{path}'",
        )


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
