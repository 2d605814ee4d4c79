"""The state in a folder of this machine: one file, one journal and the last serials of each environment."""

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

from replicator.errors import StateError, UsageError
from replicator.execution import lock
from replicator.execution.backend import Appender, Notify, Stored, StoredJournal
from replicator.execution.files import (
    private_directory,
    read_trusted,
    remove,
    trusted_directory,
    write_atomic,
)
from replicator.execution.holder import Holder

_NAME = re.compile(r"[^\W_][\w.-]*")


class Folder:
    """Implements `backend.Backend`."""

    def __init__(self, directory: Path, environment: str) -> None:
        """Raises UsageError for a name that could be a path to somewhere else."""
        if not _NAME.fullmatch(environment):
            raise UsageError(f"--env {environment}: no environment can have this name")
        self.environment = environment
        self._directory = directory
        self._state = directory / f"{environment}.json"
        self._journal = directory / f"{environment}.journal"
        self._lock = directory / f"{environment}.lock"
        self._history = directory / "history" / environment
        self._held: lock.Held | None = None

    @property
    def where(self) -> str:
        return str(self._state)

    @property
    def options(self) -> str:
        return f" --file {quote(str(self._state))}"

    @property
    def anew(self) -> str:
        # Both go: earlier states without the present one are a state that was lost.
        return f"--state-dir with another folder, or move both {self._state} and {self._history} away"

    def read(self) -> Stored | None:
        trusted_directory(self._directory)
        data = read_trusted(self._state)
        if data is not None:
            return Stored(str(self._state), data)
        kept = self.serials()
        if kept:
            raise StateError(
                f"{self._state}: the state file is missing, though serial {kept[-1]} was saved",
                hint=f"bring it back: replicator state restore --serial {kept[-1]}{self.options}; or, to start anew, "
                f"remove {self._history}",
            )
        return None

    def serials(self) -> list[int]:
        return sorted(int(path.stem) for path in self._history.glob("*.json") if path.stem.isdecimal())

    def read_serial(self, serial: int) -> Stored | None:
        path = self._history / f"{serial}.json"
        data = read_trusted(path)
        return None if data is None else Stored(str(path), data)

    def save(self, serial: int, data: bytes, keep: int) -> None:
        private_directory(self._directory)
        private_directory(self._history)
        self._check()
        try:
            write_atomic(self._state, data)
            write_atomic(self._history / f"{serial}.json", data)
            for old in self.serials()[:-keep]:
                remove(self._history / f"{old}.json")
        except OSError as error:
            raise StateError(
                f"{self._state}: the state cannot be written: {error.strerror}",
                hint="nothing is lost: the journal beside it holds every action; make room and run replicator apply "
                "again",
            ) from error

    def set_aside(self) -> str:
        for old in (self._state, self._journal):
            try:
                with contextlib.suppress(FileNotFoundError):
                    old.replace(old.with_name(old.name + ".replaced"))
            except OSError as error:
                raise StateError(f"{old}: cannot be set aside: {error.strerror}; nothing was done") from error
        return f"{self._state}.replaced"

    def journal(self) -> StoredJournal | None:
        data = read_trusted(self._journal)
        aside = f"mv {quote(str(self._journal))} {quote(f'{self._journal}.other')}"
        return None if data is None else StoredJournal(str(self._journal), aside, data, lambda: b"")

    def start_journal(self, first: bytes) -> Appender:
        private_directory(self._directory)
        self._check()
        try:
            write_atomic(self._journal, first)
            handle = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise StateError(
                f"{self._journal}: the journal cannot be written: {error.strerror}; nothing was done",
                hint="make room, or make the folder writable, and run the command again",
            ) from error
        return _File(handle, self._check)

    def replace_journal(self, data: bytes) -> str:
        damaged = self._journal.with_name(self._journal.name + ".damaged")
        try:
            write_atomic(damaged, self._journal.read_bytes())
            write_atomic(self._journal, data)
        except OSError as error:
            raise StateError(f"{self._journal}: cannot be repaired: {error.strerror}; it is as it was") from error
        return str(damaged)

    def drop_journal(self) -> None:
        # One that is left over continues an older serial, so it is ignored, and the next run replaces it.
        with contextlib.suppress(OSError):
            remove(self._journal)

    def note(self, name: str) -> Stored | None:
        path = self._directory / name / f"{self.environment}.json"
        data = read_trusted(path)
        return None if data is None else Stored(str(path), data)

    def write_note(self, name: str, data: bytes) -> None:
        path = self._directory / name / f"{self.environment}.json"
        private_directory(path.parent)
        try:
            write_atomic(path, data)
        except OSError as error:
            raise StateError(f"{path}: cannot be written: {error.strerror}; nothing was done") from error

    @contextlib.contextmanager
    def lock(self, operation: str, notify: Notify) -> Iterator[Holder]:
        trusted_directory(self._directory)
        with lock.hold(self._lock, operation, notify=notify) as held:
            self._held = held
            try:
                yield held.holder
            finally:
                self._held = None

    def holder(self) -> Holder | None:
        return lock.read_holder(self._lock)

    def unlock(self, lock_id: str) -> Holder:
        return lock.unlock(self._lock, lock_id)

    def _check(self) -> None:
        if self._held is not None:
            self._held.check()


class _File:
    """The end of a journal file. Nothing is appended once another run has the lock."""

    def __init__(self, handle: int, check: Callable[[], None]) -> None:
        self._handle = handle
        self._check = check

    def append(self, data: bytes) -> None:
        self._check()
        if os.write(self._handle, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
