"""A full disk: told from other errors, and brought about by a fault rule for what one thread writes."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from replicator.emulator.errors import ApiError

# Where it strikes: data files, the table's log, or the catalog's database.
Stage = Literal["data", "log", "catalog"]

_full: ContextVar[Stage | None] = ContextVar("full", default=None)
_SQLITE_FULL = 13


@contextmanager
def full(stage: Stage | None) -> Iterator[None]:
    """Let what this thread writes inside fail at a stage; None leaves it alone."""
    token = _full.set(stage)
    try:
        yield
    finally:
        _full.reset(token)


def require_room(stage: Stage) -> None:
    """Called where something has been written and is not in force yet. Raises OSError as a full disk does."""
    if _full.get() == stage:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) == _SQLITE_FULL


def no_room() -> ApiError:
    """The refusal: what was asked has not been done."""
    return ApiError(507, "INSUFFICIENT_STORAGE", "No space left on the disk that holds the emulator's metastores.")
