"""The lock of a state in a volume, where there is no kernel to hold it and none to release it.

The Files API can put a file where none is, and that is all that is needed. Each taking of the lock is a *generation*:
`lock.7.json` is put where none is, so of many that try one succeeds. The newest generation is the lock. Its holder
alone writes to its file: a heartbeat, and at the end that it is released. Nobody ever takes a lock away from its file;
whoever takes over a dead one, or releases it for a person, puts the next generation.

A holder is dead when its file stands still for its time to live while we watch, by our own clock: clocks of two
machines are never compared. Where the holder's process can be looked at from here, its end is known at once.
"""

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from replicator.errors import ReplicatorError, StateError, WorkspaceError
from replicator.execution import holder as holders
from replicator.execution.backend import Notify
from replicator.execution.holder import Holder, is_alive, is_this_process, locked, this_process
from replicator.execution.lock import lost, not_held
from replicator.workspace.files import VolumeFolder

LOOK_SECONDS = 2.0
"""How often a lock is looked at while we watch whether it beats."""
CONFIRMED_SECONDS = 20.0
"""For how long after a heartbeat nobody can have found us dead: less than the time to live, which others wait for."""

_held_here: set[str] = set()
"""Ids of the locks that this process holds."""

_FILE = re.compile(r"lock\.(\d+)\.json")


@dataclass(frozen=True, slots=True)
class Generation:
    """One taking of the lock. `serial` is the newest state that its holder knew; `released`: it has ended."""

    number: int
    holder: Holder
    released: bool = False
    serial: int = 0

    @property
    def name(self) -> str:
        return f"lock.{self.number}.json"

    @property
    def data(self) -> bytes:
        return holders.dump({"holder": asdict(self.holder), "released": self.released, "serial": self.serial})


def newest(folder: VolumeFolder, names: list[str]) -> Generation | None:
    """The newest generation, None if the lock was never taken."""
    while numbers := [int(found[1]) for name in names if (found := _FILE.fullmatch(name))]:
        number = max(numbers)
        data = folder.read(f"lock.{number}.json")
        if data is not None:
            return _read(folder, number, data)
        names = folder.names()  # replaced by its successor since the names were listed
    return None


def _read(folder: VolumeFolder, number: int, data: bytes) -> Generation:
    try:
        body: dict[str, Any] = holders.load(data)
        return Generation(number, Holder(**body["holder"]), bool(body["released"]), int(body["serial"]))
    except (ValueError, TypeError, KeyError) as error:
        raise StateError(
            f"{folder.path}/lock.{number}.json: the lock is damaged ({type(error).__name__})",
            hint="if you know that no apply is running, remove the file",
        ) from error


class Lease:
    """The lock while this process holds it. Safe for many threads."""

    def __init__(self, folder: VolumeFolder, mine: Generation, confirmed: float) -> None:
        self._folder = folder
        self._mine = mine
        self._confirmed = confirmed
        self._lost: ReplicatorError | None = None
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    @property
    def number(self) -> int:
        return self._mine.number

    @property
    def holder(self) -> Holder:
        return self._mine.holder

    def check(self) -> None:
        """Raises LockedError when the lock went to another run, WorkspaceError when that cannot be found out."""
        if self._lost is None and clock() - self._confirmed > CONFIRMED_SECONDS:
            self.renew()
        if self._lost is not None:
            raise self._lost

    def renew(self) -> None:
        """One heartbeat, and a look whether it still counts."""
        with self._turn:
            began = clock()
            mine = replace(self._mine, holder=replace(self.holder, heartbeat=self.holder.heartbeat + 1))
            self._folder.replace(mine.name, mine.data)
            self._mine = mine
            successor = self._folder.read(f"lock.{self.number + 1}.json")
            if successor is not None:
                self._lost = lost(_read(self._folder, self.number + 1, successor).holder)
            else:
                self._confirmed = began

    def saved(self, serial: int) -> None:
        """The state has a new serial: without it, a state that is lost could be taken for an older one."""
        self._mine = replace(self._mine, serial=serial)

    def release(self) -> None:
        """Give the lock back. Raises WorkspaceError when that cannot be written: it then ends by itself."""
        self._stopped.set()
        self._thread.join()
        if self._lost is None:
            self._mine = replace(self._mine, released=True)
            self._folder.replace(self._mine.name, self._mine.data)

    def release_later(self) -> None:
        """Go on trying to give the lock back, as long as this process lives: others see that it does, and wait."""

        def go_on() -> None:
            while True:
                time.sleep(holders.HEARTBEAT_SECONDS)
                with contextlib.suppress(WorkspaceError):
                    return self.release()

        threading.Thread(target=go_on, name="lease", daemon=True).start()

    def _beat(self) -> None:
        while self._lost is None and not self._stopped.wait(holders.HEARTBEAT_SECONDS):
            # A missed beat harms nobody: after too many, `check` tries again and says what is wrong.
            with contextlib.suppress(WorkspaceError, StateError):
                self.renew()


def clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@contextlib.contextmanager
def hold(folder: VolumeFolder, operation: str, serial: int, notify: Notify) -> Iterator[Lease]:
    """Hold the lock. Raises LockedError naming the holder; `notify` hears of a dead lock taken over."""
    before = newest(folder, folder.names())
    if before is not None and not before.released:
        _wait_for_its_end(folder, before, notify)
    known = max(serial, before.serial if before else 0)
    mine = Generation(before.number + 1 if before else 1, this_process(operation), serial=known)
    lease: Lease | None = None
    try:
        lease = _take(folder, mine)
        _held_here.add(mine.holder.id)
        if before is not None and not before.released:
            notify(f"took over the lock of a run that died: {before.holder}")
        yield lease
    except KeyboardInterrupt:
        if lease is None:
            _give_back(folder, mine)
        raise
    finally:
        _held_here.discard(mine.holder.id)
        if lease is not None:
            _release(lease, notify)


def _release(lease: Lease, notify: Notify) -> None:
    try:
        lease.release()
    except WorkspaceError as error:
        ttl = f"{lease.holder.ttl_s:.0f} seconds"
        notify(f"the lock could not be given back, so it is free only after {ttl}: {error.message}")
        lease.release_later()


def _give_back(folder: VolumeFolder, mine: Generation) -> None:
    """We were interrupted while we took the lock, and it may be ours without our having heard of it, or become ours.

    Putting it where none is keeps one that is still under way from arriving. If nothing can be found out the lock ends
    by itself: it does not beat.
    """
    released = replace(mine, released=True).data
    with contextlib.suppress(ReplicatorError):
        if folder.create(mine.name, released):
            return
        data = folder.read(mine.name)
        if data is not None and _read(folder, mine.number, data).holder.id == mine.holder.id:
            folder.replace(mine.name, released)


def _take(folder: VolumeFolder, mine: Generation) -> Lease:
    began = clock()
    if not folder.create(mine.name, mine.data):
        other = newest(folder, folder.names())
        raise locked(other.holder if other else None)
    return Lease(folder, mine, began)


def older(folder: VolumeFolder, names: list[str], number: int) -> list[Generation]:
    """The generations before one whose files are still there."""
    numbers = [int(found[1]) for name in names if (found := _FILE.fullmatch(name)) and int(found[1]) < number]
    files = [(before, folder.read(f"lock.{before}.json")) for before in sorted(numbers)]
    return [_read(folder, before, data) for before, data in files if data is not None]


def _wait_for_its_end(folder: VolumeFolder, seen: Generation, notify: Notify) -> None:
    """Return when the holder is known to be dead. Raises LockedError when it lives, or another one was faster."""
    alive = is_alive(seen.holder)
    if is_this_process(seen.holder) and seen.holder.id not in _held_here:
        return  # we could not give it back
    if alive:
        raise locked(seen.holder)
    if alive is False:
        return
    ttl = seen.holder.ttl_s
    notify(f"the state is locked: {seen.holder}; watching for up to {ttl:.0f} seconds whether that run is alive")
    until = clock() + ttl
    while clock() < until:
        time.sleep(LOOK_SECONDS)
        now = newest(folder, folder.names())
        if now is not None and now != seen:
            if now.released and now.number == seen.number:
                return
            raise locked(now.holder)


def unlock(folder: VolumeFolder, lock_id: str) -> tuple[Generation, Generation]:
    """Put a released generation after one that a person knows to be dead; both.

    Raises StateError when another one holds the lock.
    """
    held = newest(folder, folder.names())
    if held is None or held.released or held.holder.id != lock_id:
        raise not_held(folder.path, lock_id, None if held is None or held.released else held.holder)
    after = Generation(held.number + 1, this_process("state unlock"), released=True, serial=held.serial)
    if not folder.create(after.name, after.data):
        raise StateError(f"{folder.path}: the lock {lock_id} went to another run meanwhile")
    return held, after
