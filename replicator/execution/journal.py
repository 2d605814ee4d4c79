"""The journal: one durable line before and after every call of an apply, from which a crash is recovered.

A line that cannot be read is never skipped: only the very last one can be torn by a crash, and losing it is harmless,
because its effect is found again by reading the object it was about.
"""

import json
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from replicator.address import Address
from replicator.engine.moves import carry
from replicator.engine.state import Entry, State
from replicator.errors import ReplicatorError, StateError
from replicator.execution.backend import Backend, StoredJournal
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
    """One line: the canonical JSON of the body with its number, and its crc32 before all else."""
    text = canonical_json({**body, "seq": seq}).encode()
    return b'{"crc":%d,%b\n' % (zlib.crc32(text), text[1:])


def _decode(line: bytes, seq: int) -> JSON | None:
    """The body of a line, None when it is not exactly what was written as line `seq`."""
    try:
        body = json.loads(line)
        crc = body.pop("crc")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    if not isinstance(body, dict) or crc != zlib.crc32(canonical_json(body).encode()) or body.pop("seq", None) != seq:
        return None
    return body


def _lines(data: bytes) -> list[JSON | None]:
    raw = data.split(b"\n")
    if raw[-1] == b"":
        raw.pop()
    return [_decode(line, seq) for seq, line in enumerate(raw)]


def header(found: StoredJournal) -> Header | None:
    """What a journal's first line says; None when it cannot be read."""
    body = _decode(found.first.partition(b"\n")[0], 0)
    return None if body is None else _header(found.where, body)


def read(found: StoredJournal, options: str = "") -> Read:
    """Read a journal. Raises StateError when any line but the last is damaged; `options` are what `state repair`
    needs."""
    bodies = _lines(found.first + found.rest())
    notices: tuple[str, ...] = ()
    if not bodies or bodies[-1] is None:
        notices = (f"{found.where}: its last line was not written to the end and is ignored",)
        bodies = bodies[:-1]
    if None in bodies:
        raise StateError(
            f"{found.where}: line {bodies.index(None) + 1} of the journal is damaged",
            hint=f"keep the readable lines and look the rest up: replicator state repair{options}",
        )
    return _understood(found.where, [body for body in bodies if body is not None], notices)


def _understood(where: str, bodies: list[JSON], notices: tuple[str, ...]) -> Read:
    if not bodies:
        return Read(None, notices=notices)
    first = _header(where, bodies[0])
    try:
        records = tuple(Record(**{**body, "event": What(body["event"])}) for body in bodies[1:])
    except (TypeError, ValueError, KeyError) as error:
        raise _unknown(where) from error
    return Read(first, records, notices)


def _header(where: str, body: JSON) -> Header:
    try:
        return Header(**body)
    except TypeError as error:
        raise _unknown(where) from error


def _unknown(where: str) -> StateError:
    return StateError(
        f"{where}: the journal is not one that this version of replicator writes",
        hint="use the version of replicator that wrote it, or a newer one",
    )


def readable(found: StoredJournal) -> tuple[bytes, int, int]:
    """The readable lines of a damaged journal as a new one, and how many were kept and lost.

    What a lost line was about is recognised by the next plan through the marks on the objects.
    Raises StateError when the header itself is lost.
    """
    raw = [line for line in (found.first + found.rest()).split(b"\n") if line]
    kept = [body for line in raw if (body := _checked(line)) is not None]
    if not kept or "lineage" not in kept[0]:
        raise StateError(
            f"{found.where}: not even the journal's header can be read",
            hint=f"set it aside: {found.aside}",
        )
    return b"".join(encode(seq, body) for seq, body in enumerate(kept)), len(kept), len(raw) - len(kept)


def _checked(line: bytes) -> JSON | None:
    """The body of a line that is whole, whatever its number."""
    try:
        seq = json.loads(line)["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return _decode(line, seq)


class Journal:
    """The journal of a running apply. Safe to use from many threads, whose lines share a write when they come at the
    same time."""

    def __init__(self, backend: Backend, header: Header) -> None:
        """Start a journal, in place of what was there. Raises StateError or WorkspaceError, so that nothing begins
        unrecorded."""
        self._where = backend.where
        self._lock = threading.Lock()
        self._disk = threading.Lock()
        self._seq = self._durable = 0
        self._waiting: list[bytes] = []
        self._broken: OSError | ReplicatorError | None = None
        self._end = backend.start_journal(encode(0, {name: getattr(header, name) for name in Header.__slots__}))

    def append(self, record: Record) -> None:
        """Write one line; it is durable when this returns. Raises StateError, LockedError or WorkspaceError when that
        fails, and from then on."""
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
            self._end.append(data)
        except ReplicatorError as error:
            self._broken = error
            raise
        except OSError as error:
            self._broken = error
            raise StateError(
                f"{self._where}: the journal cannot be written: {error.strerror}",
                hint="make room, then run replicator apply again: it continues from what was recorded",
            ) from error
        self._durable = last

    def close(self) -> None:
        with self._disk:
            self._end.close()


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
