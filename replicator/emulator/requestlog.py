"""One JSON line per request in `<root>/requests.ndjson`: what was asked, by whom, and whether it wrote."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from replicator.emulator.disk import is_full
from replicator.emulator.metastore import Doc

FILE = "requests.ndjson"
MAX_STATEMENT = 2_000  # characters


class Log:
    """Appends lines; many processes may append to the same file, each line with one write."""

    def __init__(self, root: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._fd = os.open(root / FILE, flags, 0o600)

    def write(self, metastore: str, method: str, path: str, status: int, seconds: float, extra: Doc) -> None:
        """Append one line. `extra` holds `principal`, `writes` and, for SQL, `statement` and `kind`."""
        entry = {
            "ts": round(time.time(), 6),
            "metastore": metastore,
            "method": method,
            "path": path,
            "status": status,
            "ms": round(seconds * 1000, 3),
            **extra,
        }
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        try:
            os.write(self._fd, line.encode())
        except OSError as error:
            # What was done must be answered, also where there is no room left to write it down.
            if not is_full(error):
                raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def sql_fields(text: str, kind: str, writes: bool) -> Doc:
    """The fields that a SQL statement adds to its line."""
    return {"statement": text[:MAX_STATEMENT], "kind": kind, "writes": writes}


def position(root: Path) -> int:
    """The current end of the log in bytes: pass it to `read` later to see only what came after."""
    path = root / FILE
    return path.stat().st_size if path.exists() else 0


def tail(root: Path, count: int) -> list[Doc]:
    """The newest lines, at most `count`, in order; not many of them, however long the log is."""
    end = position(root)
    entries = read(root, max(0, end - count * MAX_STATEMENT))
    return entries[-count:]


def read(root: Path, since: int = 0, **equal: Any) -> list[Doc]:
    """Lines from byte `since` on, in order; only those whose fields equal `equal`, e.g. `writes=True`."""
    path = root / FILE
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(since)
        entries = [entry for line in file if (entry := _parsed(line)) is not None]
    return [entry for entry in entries if all(entry.get(key) == value for key, value in equal.items())]


def _parsed(line: bytes) -> Doc | None:
    """The entry of a line. A process that was killed may have left half a line, and a reader may begin inside one."""
    try:
        entry = json.loads(line) if line.startswith(b"{") and line.endswith(b"}\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
