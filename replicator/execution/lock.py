"""The lock of a state in a folder: a file that the kernel unlocks when its holder dies, and that says who holds it.

On one machine the kernel's file lock decides, whatever the file says. A lock written by another host (a shared folder
without working file locks) is dead only when its heartbeat stands still while we watch it: clocks of two hosts are
never compared.
"""

import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from replicator.errors import LockedError, StateError
from replicator.execution.files import private_directory, remove
from replicator.execution.holder import HEARTBEAT_SECONDS, Holder, encode, locked, parse, this_process

NAMED_SECONDS = 2.0
"""How long to wait for the name of a holder that has just begun."""


def read_holder(path: Path) -> Holder | None:
    """Who holds (or held) a lock; None when there is no file or it says nothing readable."""
    try:
        return parse(path.read_bytes())
    except OSError:
        return None


class Held:
    """A lock that this process took. `check` says whether it still has it."""

    def __init__(self, path: Path, handle: int, holder: Holder) -> None:
        self.holder = holder
        self._path = path
        self._handle = handle

    def check(self) -> None:
        """Raises LockedError when a person or another host took the lock away."""
        try:
            same = os.fstat(self._handle).st_ino == self._path.stat().st_ino
        except FileNotFoundError:
            same = False
        found = parse(os.pread(self._handle, 4096, 0))
        if not same or found is None or found.id != self.holder.id:
            raise lost(read_holder(self._path))


def lost(other: Holder | None) -> LockedError:
    """Our lock is not ours any more: nothing may be done from now on."""
    return LockedError(
        f"this run lost its lock{f' to {other}' if other else ''}; it does nothing more",
        hint="what it did is in the journal: plan again when the state is free",
    )


@contextlib.contextmanager
def hold(path: Path, operation: str, *, notify: Callable[[str], None]) -> Iterator[Held]:
    """Hold a lock. Raises LockedError naming the holder; `notify` hears of a dead lock taken over."""
    private_directory(path.parent)
    handle = _acquire(path)
    try:
        dead = read_holder(path)
        if dead is not None:
            _watch_other_host(path, dead)
            notify(f"took over the lock of a run that died: {dead}")
        mine = this_process(operation)
        held = Held(path, handle, mine)
        try:
            _write(handle, mine)
            with _beating(handle, mine):
                yield held
        finally:
            _give_back(path, held)
    finally:
        os.close(handle)


def _give_back(path: Path, held: Held) -> None:
    with contextlib.suppress(LockedError):  # taken away already, and the file is another run's
        held.check()
        remove(path)


def _acquire(path: Path) -> int:
    """The open, flocked lock file. Created exclusively or opened; one that was removed meanwhile is not the lock."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"{path}: the lock cannot be taken: {error.strerror}; nothing was done",
                hint="make the folder writable, or choose another --state-dir",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise locked(_named_by(path)) from error
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)


def _named_by(path: Path) -> Holder | None:
    """Who holds the lock. It is the kernel's before its holder has written who it is, so give it a moment."""
    until = time.monotonic() + NAMED_SECONDS
    while (holder := read_holder(path)) is None and time.monotonic() < until:
        time.sleep(0.02)
    return holder


def _watch_other_host(path: Path, seen: Holder) -> None:
    """Raises LockedError if a lock of another host beats while we watch for as long as it may be silent."""
    if seen.host == socket.gethostname():
        return
    until = time.monotonic() + seen.ttl_s
    while time.monotonic() < until:
        time.sleep(1.0)
        now = read_holder(path)
        if now is not None and (now.id, now.heartbeat) != (seen.id, seen.heartbeat):
            raise locked(now)


def _write(handle: int, holder: Holder) -> None:
    data = encode(holder)
    os.pwrite(handle, data, 0)
    os.ftruncate(handle, len(data))
    os.fsync(handle)


@contextlib.contextmanager
def _beating(handle: int, holder: Holder) -> Iterator[None]:
    stopped = threading.Event()
    beat = threading.Thread(target=_beat, args=(handle, holder, stopped), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stopped.set()
        beat.join()


def _beat(handle: int, holder: Holder, stopped: threading.Event) -> None:
    while not stopped.wait(HEARTBEAT_SECONDS):
        found = parse(os.pread(handle, 4096, 0))
        if found is None or found.id != holder.id:
            return  # another host took it over; `check` will say so
        holder = replace(holder, heartbeat=holder.heartbeat + 1)
        with contextlib.suppress(OSError):  # a missed beat harms nobody before the time to live is over
            _write(handle, holder)


def unlock(path: Path, lock_id: str) -> Holder:
    """Remove a lock by its id, for a holder that a person knows to be dead. Raises StateError if another holds it."""
    holder = read_holder(path)
    if holder is None or holder.id != lock_id:
        raise not_held(str(path), lock_id, holder)
    remove(path)
    return holder


def not_held(where: str, lock_id: str, holder: Holder | None) -> StateError:
    """Somebody unlocks what is not locked, or by another id."""
    return StateError(f"{where}: no lock {lock_id} is held" + (f", but {holder.id}: {holder}" if holder else ""))
