"""The state in a Unity Catalog volume, so that people and CI on any machine share one.

    /Volumes/catalog/schema/volume/path/ENVIRONMENT/
        state.42.json               each serial in a file of its own, put where none is; the highest is the state
        lock.7.json                 the newest taking of the lock (see lease.py)
        journal.7.000000.ndjson     the journal of the run that holds lock 7, in pieces, each put where none is

Nothing in it depends on clocks: a run that was taken over finds its next piece of the journal put already (*sealed* by
its successor), and its next serial taken. So it can neither begin another call nor save.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from replicator.errors import StateError, WorkspaceError
from replicator.execution import lease as leases
from replicator.execution.backend import Appender, Moved, Notify, Stored, StoredJournal
from replicator.execution.holder import Holder
from replicator.execution.lease import Generation, Lease
from replicator.execution.lock import lost
from replicator.workspace.files import VolumeFolder

_STATE = re.compile(r"state\.(\d+)\.json")
_PIECE = re.compile(r"journal\.(\d+)\.(\d+)\.ndjson")
_SEAL = b"#"
_AT_ONCE = 16
_SEALS_KEPT = 10
_LOOKS = 5

Pieces = dict[int, list[int]]


class Volume:
    """Implements `backend.Backend` in one folder per environment."""

    def __init__(self, folder: VolumeFolder, environment: str) -> None:
        self.environment = environment
        self._folder = folder
        self._lease: Lease | None = None

    @property
    def where(self) -> str:
        return self._folder.path

    @property
    def options(self) -> str:
        return ""  # the configuration names it

    @property
    def anew(self) -> str:
        return f"move the folder {self.where} away, which holds the earlier states too"

    def read(self) -> Stored | None:
        for _ in range(_LOOKS):
            names = self._folder.names()
            kept, lock = _serials(names), leases.newest(self._folder, names)
            saved = lock.serial if lock else 0
            if saved > max(kept, default=0):
                raise self._missing(saved, kept)
            if not kept:
                return None
            stored = self.read_serial(kept[-1])
            if stored is not None:
                return stored
        raise StateError(f"{self.where}: the state changes faster than it can be read", hint="run the command again")

    def _missing(self, saved: int, kept: list[int]) -> StateError:
        back = f"bring back the newest that is kept: replicator state restore{self.options}"
        anew = f"to start anew, remove the folder {self.where}"
        return StateError(
            f"{self.where}: the state file is missing, though serial {saved} was saved",
            hint=f"{back}; or, {anew}" if kept else anew,
        )

    def serials(self) -> list[int]:
        return _serials(self._folder.names())

    def read_serial(self, serial: int) -> Stored | None:
        name = f"state.{serial}.json"
        data = self._folder.read(name)
        return None if data is None else Stored(f"{self.where}/{name}", data)

    def save(self, serial: int, data: bytes, keep: int) -> None:
        lease = self._held()
        lease.check()
        if not self._folder.create(f"state.{serial}.json", data):
            raise StateError(
                f"{self.where}: serial {serial} was saved by another run meanwhile", hint="plan again: replicator plan"
            )
        lease.saved(serial)
        # The state is saved. What is too old and cannot be removed now is removed after the next save.
        with contextlib.suppress(WorkspaceError):
            self._delete(f"state.{old}.json" for old in self.serials()[:-keep])

    def set_aside(self) -> str:
        with contextlib.suppress(StateError):  # the state is missing, which is why an older one is restored
            if (state := self.read()) is not None:
                self._folder.replace("replaced.json", state.data)
        if (journal := self.journal()) is not None:
            self._folder.replace("replaced.journal", journal.first + journal.rest())
            self.drop_journal()
        return f"{self.where}/replaced.json"

    def journal(self) -> StoredJournal | None:
        for _ in range(_LOOKS):
            pieces = _pieces(self._folder.names())
            for generation in sorted(pieces, reverse=True):
                first = self._folder.read(_piece(generation, pieces[generation][0]))
                if first is None:
                    break  # the run ended and dropped its journal while we looked
                if not first.startswith(_SEAL):
                    return self._stored(generation, pieces[generation], first)
            else:
                return None
        raise StateError(f"{self.where}: the journal changes faster than it can be read", hint="run the command again")

    def _stored(self, generation: int, numbers: list[int], first: bytes) -> StoredJournal:
        def rest() -> bytes:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                found = list(pool.map(self._folder.read, [_piece(generation, number) for number in numbers[1:]]))
            if None in found:
                raise Moved(f"{self.where}: the run that wrote the journal ended while it was read")
            return b"".join(piece for piece in found if piece is not None and not piece.startswith(_SEAL))

        where = f"{self.where}/journal.{generation}.*"
        return StoredJournal(where, f"remove the files {where}", first, rest)

    def start_journal(self, first: bytes) -> Appender:
        appender = _Pieces(self._folder, self._held())
        appender.append(first)
        return appender

    def replace_journal(self, data: bytes) -> str:
        if (damaged := self.journal()) is not None:
            self._folder.replace("damaged.journal", damaged.first + damaged.rest())
        # The newest generation's journal is the journal, so the damaged one is out of the way at once.
        self.start_journal(data).close()
        self._drop(before=self._held().number)
        return f"{self.where}/damaged.journal"

    def drop_journal(self) -> None:
        # A journal that is left over continues an older serial, so it is ignored, and the next run drops it.
        with contextlib.suppress(WorkspaceError):
            self._drop(before=self._held().number + 1)

    def _drop(self, *, before: int) -> None:
        """Remove journals, headers last: what is cut off in the middle is still known for an old one by its header.

        The last seals stay, for they keep runs that were taken over from going on.
        """
        found = _pieces(self._folder.names())
        old = {at: self._unsealed(at, numbers) for at, numbers in found.items() if at < before}
        self._delete(_piece(at, number) for at, numbers in old.items() for number in numbers[1:])
        self._delete(_piece(at, number) for at, numbers in old.items() for number in numbers[:1])

    def _unsealed(self, generation: int, numbers: list[int]) -> list[int]:
        """The pieces to remove of a journal: all, or all but the seal at its end."""
        mine = self._held().number
        if generation == mine or generation < mine - _SEALS_KEPT:
            return numbers
        last = self._folder.read(_piece(generation, numbers[-1]))
        return numbers[:-1] if last is not None and last.startswith(_SEAL) else numbers

    def _delete(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._folder.delete, list(names)))

    def note(self, name: str) -> Stored | None:
        data = self._folder.read(f"{name}.json")
        return None if data is None else Stored(f"{self.where}/{name}.json", data)

    def write_note(self, name: str, data: bytes) -> None:
        self._folder.replace(f"{name}.json", data)

    @contextlib.contextmanager
    def lock(self, operation: str, notify: Notify) -> Iterator[Holder]:
        serial = max(self.serials(), default=0)
        with leases.hold(self._folder, operation, serial, notify) as lease:
            self._lease = lease
            try:
                self._succeed(lease)
                yield lease.holder
            finally:
                self._lease = None

    def _succeed(self, lease: Lease) -> None:
        """Keep the runs before us from going on. Their locks are removed only after that, so that it is never left
        out."""
        names = self._folder.names()
        before = leases.older(self._folder, names, lease.number)
        for generation in before:
            if not generation.released:
                self._seal(generation, names, lease.holder)
        self._delete(generation.name for generation in before)

    def _seal(self, generation: Generation, names: list[str], by: Holder) -> None:
        """Put the next piece of a run's journal, so that the run cannot."""
        number = max(_pieces(names).get(generation.number, []), default=-1) + 1
        while not self._folder.create(_piece(generation.number, number), _SEAL + f" sealed by {by.id}\n".encode()):
            number += 1

    def holder(self) -> Holder | None:
        found = leases.newest(self._folder, self._folder.names())
        return None if found is None or found.released else found.holder

    def unlock(self, lock_id: str) -> Holder:
        ended, after = leases.unlock(self._folder, lock_id)
        self._seal(ended, self._folder.names(), after.holder)
        return ended.holder

    def _held(self) -> Lease:
        if self._lease is None:
            raise AssertionError("the state is written under its lock alone")
        return self._lease


class _Pieces:
    """The end of a journal in a volume: each append is a piece of its own, put where none is."""

    def __init__(self, folder: VolumeFolder, lease: Lease) -> None:
        self._folder = folder
        self._lease = lease
        self._number = 0

    def append(self, data: bytes) -> None:
        self._lease.check()
        if not self._folder.create(_piece(self._lease.number, self._number), data):
            now = leases.newest(self._folder, self._folder.names())
            raise lost(now.holder if now else None)
        self._number += 1

    def close(self) -> None:
        """There is nothing to close."""


def _piece(generation: int, number: int) -> str:
    return f"journal.{generation}.{number:06}.ndjson"


def _serials(names: Iterable[str]) -> list[int]:
    return sorted(int(found[1]) for name in names if (found := _STATE.fullmatch(name)))


def _pieces(names: Iterable[str]) -> Pieces:
    """The numbers of the pieces of each generation's journal, in order."""
    pieces: Pieces = {}
    for name in names:
        if found := _PIECE.fullmatch(name):
            pieces.setdefault(int(found[1]), []).append(int(found[2]))
    return {generation: sorted(numbers) for generation, numbers in pieces.items()}
