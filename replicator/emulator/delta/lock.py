"""One writer at a time per table, across threads and processes."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replicator.emulator.delta.log import LOG

_held = threading.local()


@contextmanager
def table_lock(path: Path) -> Iterator[None]:
    """Hold the write lock of the table in `path` (created with its log folder). Re-entrant in a thread."""
    depths: dict[Path, int] = _held.__dict__.setdefault("depths", {})
    if depths.get(path):
        depths[path] += 1
        try:
            yield
        finally:
            depths[path] -= 1
        return
    descriptor = _acquire(path / LOG)
    depths[path] = 1
    try:
        yield
    finally:
        del depths[path]
        os.close(descriptor)


def _acquire(folder: Path) -> int:
    """Open and lock the lock file; again if the table was dropped and re-created while we waited."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / ".lock"
        try:
            descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.stat(file).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
