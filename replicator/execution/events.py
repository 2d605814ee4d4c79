"""What happens during a run, as events: one stream that progress, event file, log and audit all listen to."""

import hashlib
import os
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from replicator.values import JSON, canonical_json, redacted

FORMAT_VERSION = "1.0"


class Kind(StrEnum):
    """Every event there is. `action_end` and the counts of `run_end` speak of `Became` (see results)."""

    RUN_START = "run_start"
    PLAN = "plan"
    ACTION_START = "action_start"
    ACTION_RETRY = "action_retry"
    ACTION_END = "action_end"
    CHECK_RESULT = "check_result"
    STATE_SAVED = "state_saved"
    WARNING = "warning"
    RUN_END = "run_end"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `at` is ISO-8601 UTC, `seq` counts from 1 within a run."""

    kind: Kind
    run: str
    seq: int
    at: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> JSON:
        known = {"format_version": FORMAT_VERSION, "event": self.kind.value, "run_id": self.run}
        return {**self.data, **known, "seq": self.seq, "at": self.at}


Observer = Callable[[Event], None]


def now() -> str:
    """The present, as ISO-8601 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_run_id() -> str:
    """A run's name: when it began and four random digits, `2026-11-23T02:11:07Z-5c1e`."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(2)}"


def correlation_id(run: str, address: str) -> str:
    """16 hex digits by which everything about one resource in one run is found again."""
    return hashlib.sha256(f"{run}\n{address}".encode()).hexdigest()[:16]


class Events:
    """The stream of one run. Observers hear every event in order, one at a time, whichever thread it comes from."""

    def __init__(self, run: str, *observers: Observer) -> None:
        self.run = run
        self._observers = list(observers)
        self._lock = threading.RLock()
        self._seq = 0

    def listen(self, observer: Observer) -> None:
        with self._lock:
            self._observers.append(observer)

    def emit(self, kind: Kind, **data: Any) -> None:
        """Tell every observer, but no secret. One that fails is dropped with a warning to the others: what it
        watched did happen."""
        with self._lock:
            self._seq += 1
            event = Event(kind, self.run, self._seq, now(), redacted(data))
            for observer in list(self._observers):
                try:
                    observer(event)
                except Exception as error:  # noqa: BLE001  a broken sink must never turn a good copy into a failure
                    self._observers.remove(observer)
                    self._lost(observer, error)

    def _lost(self, observer: Observer, error: Exception) -> None:
        name = getattr(observer, "__qualname__", type(observer).__qualname__)
        text = f"{name} failed and hears nothing more of this run: {error}"
        if self._observers:
            self.emit(Kind.WARNING, message=text)
        else:
            print(f"warning: {text}", file=sys.stderr)


class EventFile:
    """Events as NDJSON lines in a file (0600, replaced), or on standard output for `-`."""

    def __init__(self, path: str) -> None:
        """Raises OSError when the file cannot be written."""
        self._own = path != "-"
        self._file: TextIO = _private(Path(path)) if self._own else sys.stdout

    def __call__(self, event: Event) -> None:
        self._file.write(canonical_json(event.as_json()) + "\n")
        self._file.flush()

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._file.close()


def _private(path: Path) -> TextIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8")
