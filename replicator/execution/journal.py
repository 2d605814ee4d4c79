"""The journal: one fsynced line before and after every call of an apply, from which a crash is recovered.

A line that cannot be read is never skipped: only the very last one can be torn by a crash, and losing it is harmless,
because its effect is found again by reading the object it was about.
"""

import errno
import json
import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from replicator.address import Address
from replicator.engine.moves import carry
from replicator.engine.state import Entry, State
from replicator.errors import StateError
from replicator.execution.files import write_atomic
from replicator.values import JSON, canonical_json


class What(StrEnum):
    """INTENT: about to be called. DONE: `attrs.entry` is what state holds now. FAILED: known to have had no effect that
    state must learn (`attrs.partial`: some of it). GONE: state holds the resource no more."""

    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Header:
    """Whose journal it is: the run, the plan, and the state that it continues."""

    run: str
    plan_id: str
    environment: str
    lineage: str
    serial: int
    metastores: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One event of one resource. `do` is the action's word, `attrs` what the event carries."""

    event: What
    address: str
    do: str
    attrs: JSON = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """An intent without an outcome. `entry` is what state would have held, `at` the time before the call (ISO, UTC)."""

    address: str
    do: str
    at: str
    entry: JSON = field(default_factory=dict)
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A journal as found on disk; `header` is None when nothing of it can be used."""

    header: Header | None
    records: tuple[Record, ...] = ()
    notices: tuple[str, ...] = ()


def encode(seq: int, body: Mapping[str, Any]) -> bytes:
    """One line: the canonical JSON of the body with its number and crc32."""
    numbered = {**body, "seq": seq}
    return canonical_json({**numbered, "crc": zlib.crc32(canonical_json(numbered).encode())}).encode() + b"\n"


def _decode(line: bytes, seq: int) -> JSON | None:
    """The body of a line, None when it is not exactly what was written as line `seq`."""
    try:
        body = json.loads(line)
        crc = body.pop("crc")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    if not isinstance(body, dict) or crc != zlib.crc32(canonical_json(body).encode()) or body.pop("seq", None) != seq:
        return None
    return body


def _lines(data: bytes) -> list[JSON | None]:
    raw = data.split(b"\n")
    if raw[-1] == b"":
        raw.pop()
    return [_decode(line, seq) for seq, line in enumerate(raw)]


def read(path: Path) -> Read:
    """Read a journal. Raises StateError when any line but the last is damaged."""
    try:
        bodies = _lines(path.read_bytes())
    except FileNotFoundError:
        return Read(None)
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    notices: tuple[str, ...] = ()
    if not bodies or bodies[-1] is None:
        notices = (f"{path.name}: its last line was not written to the end and is ignored",)
        bodies = bodies[:-1]
    if None in bodies:
        raise StateError(
            f"{path}: line {bodies.index(None) + 1} of the journal is damaged",
            hint=f"keep the readable lines and look the rest up: replicator state repair --file '{path}'",
        )
    return _understood(path, [body for body in bodies if body is not None], notices)


def _understood(path: Path, bodies: list[JSON], notices: tuple[str, ...]) -> Read:
    if not bodies:
        return Read(None, notices=notices)
    try:
        header = Header(**bodies[0])
        records = tuple(Record(**{**body, "event": What(body["event"])}) for body in bodies[1:])
    except (TypeError, ValueError, KeyError) as error:
        raise StateError(
            f"{path}: the journal is not one that this version of replicator writes",
            hint="use the version of replicator that wrote it, or a newer one",
        ) from error
    return Read(header, records, notices)


def repair(path: Path) -> tuple[int, int]:
    """Rewrite a damaged journal with its readable lines, the damaged one kept as `*.damaged`; (kept, lost) lines.

    What a lost line was about is recognised by the next plan through the marks on the objects.
    Raises StateError when the header itself is lost.
    """
    data = path.read_bytes()
    raw = [line for line in data.split(b"\n") if line]
    kept = [body for line in raw if (body := _checked(line)) is not None]
    if not kept or "lineage" not in kept[0]:
        raise StateError(
            f"{path}: not even the journal's header can be read", hint=f"set it aside: mv '{path}' '{path}.damaged'"
        )
    write_atomic(path.with_name(path.name + ".damaged"), data)
    write_atomic(path, b"".join(encode(seq, body) for seq, body in enumerate(kept)))
    return len(kept), len(raw) - len(kept)


def _checked(line: bytes) -> JSON | None:
    """The body of a line that is whole, whatever its number."""
    try:
        seq = json.loads(line)["seq"]
    except (ValueError, KeyError, TypeError):
        return None
    return _decode(line, seq)


class Journal:
    """The journal of a running apply; every method returns after its line is on disk. Safe to use from many threads,
    whose lines share a write when they come at the same time."""

    def __init__(self, path: Path, header: Header) -> None:
        """Start a journal, in place of what was there. Raises StateError, so that nothing begins unrecorded."""
        self.path = path
        self._lock = threading.Lock()
        self._disk = threading.Lock()
        self._seq = self._durable = 0
        self._waiting: list[bytes] = []
        self._broken: OSError | None = None
        first = encode(0, {name: getattr(header, name) for name in Header.__slots__})
        try:
            write_atomic(path, first)
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        except OSError as error:
            raise StateError(f"{path}: the journal cannot be written: {error.strerror}; nothing was done") from error

    def append(self, record: Record) -> None:
        """Write one line through to the disk. Raises StateError when that fails, and from then on."""
        body = {name: getattr(record, name) for name in Record.__slots__}
        with self._lock:
            self._seq += 1
            mine = self._seq
            self._waiting.append(encode(mine, body))
        with self._disk:
            if self._durable < mine:
                self._flush()

    def _flush(self) -> None:
        """Write every waiting line. What comes after a failed write would follow half a line, so nothing does."""
        with self._lock:
            data, last, self._waiting = b"".join(self._waiting), self._seq, []
        try:
            if self._broken is not None:
                raise self._broken
            if os.write(self._handle, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._handle)
        except OSError as error:
            self._broken = error
            raise StateError(
                f"{self.path}: the journal cannot be written: {error.strerror}",
                hint="make room, then run replicator apply again: it continues from what was recorded",
            ) from error
        self._durable = last

    def close(self) -> None:
        with self._disk:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1


def merge(state: State, records: Iterable[Record]) -> tuple[State, dict[str, Pending]]:
    """What state holds after the records, and the intents whose outcome is not known."""
    resources, pending = dict(state.resources), dict[str, Pending]()
    for record in records:
        if record.event is What.INTENT:
            attrs = record.attrs
            pending[record.address] = Pending(
                record.address, record.do, attrs["at"], attrs.get("entry", {}), attrs.get("previous")
            )
            continue
        pending.pop(record.address, None)
        if record.event is What.DONE:
            previous = record.attrs.get("previous")
            if previous:
                resources = carry(resources, Address.parse(previous), Address.parse(record.address))
            resources[record.address] = Entry.model_validate(record.attrs["entry"])
        elif record.event is What.GONE:
            resources.pop(record.address, None)
        elif record.attrs.get("partial") and record.address in resources:
            resources[record.address] = resources[record.address].model_copy(update={"partial": True})
    return state.model_copy(update={"resources": resources}), pending
