"""Both metastores and the state as plain values, so that two worlds can be compared whole, what is not ours included.

What every run makes anew (ids, times, paths, versions) is written the same. So equal worlds have no object twice, none
left over, none missing, and what nobody declared is in them as it was.
"""

import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from replicator.emulator import requestlog
from replicator.execution.store import Opened
from replicator.reconciliation import results
from tests.execution import wire

_ANEW = (
    (re.compile(r"file://[^\"]*/\.replicator/"), "file://"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r'"delta\.(lastUpdateVersion|lastCommitTimestamp)": "\d+"'), '"delta.": ""'),
    (re.compile(r"\b1\d{12}\b"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?"), "TIME"),
)
_OF_NO_INTEREST = frozenset({"token", "warehouse", "group"})
"""Who asks, and whom a principal's name was given to by a grant: not what a metastore holds."""

Facts = Counter[str]
"""Every fact of a world as a line, and how often it is there."""


def same_words(text: str) -> str:
    """A text without what every run makes anew."""
    for pattern, word in _ANEW:
        text = pattern.sub(word, text)
    return text


def copied(prepared: Path, folder: Path) -> Path:
    """A copy of a folder that nobody serves, whose metastores find their tables at the new place."""
    shutil.copytree(prepared, folder)
    with sqlite3.connect(wire.root(folder) / "metastores.db") as database:
        old, new = str(prepared), str(folder)
        database.execute(
            "UPDATE docs SET doc = replace(doc, ?, ?), private = replace(private, ?, ?)", (old, new, old, new)
        )
    database.close()
    return folder


def facts(folder: Path, opened: Opened) -> Facts:
    """All of a folder: documents of both metastores, rows of their tables, and what the state holds."""
    found: Facts = Counter()
    for metastore, kind, parent, name, doc, private in documents(folder):
        full = ".".join([*parent.split("\x1f"), name])
        if kind in _OF_NO_INTEREST:
            continue
        for field, value in json.loads(doc).items():
            found[f"{metastore} {kind} {same_words(full)} {field}={same_words(json.dumps(value))}"] += 1
        path = json.loads(private).get("_path") if kind == "table" and private else None
        if path and (Path(path) / "_delta_log").is_dir():
            found[f"{metastore} rows {full} {_rows(path)}"] += 1
    for address, entry in opened.state.resources.items():
        for field, value in entry.model_dump(mode="json", exclude={"id", "outputs"}).items():
            found[f"state entry {address} {field}={same_words(json.dumps(value, sort_keys=True))}"] += 1
    return found


def documents(folder: Path) -> list[tuple[str, ...]]:
    """What both metastores hold: metastore, kind, parent, name, document, and what is internal of it."""
    database = sqlite3.connect(wire.root(folder) / "metastores.db")
    try:
        return database.execute("SELECT ms, kind, parent, name, doc, private FROM docs").fetchall()
    finally:
        database.close()


def _rows(path: str) -> str:
    rows = DeltaTable(path).to_pyarrow_table().to_pylist()
    return same_words(json.dumps(sorted(map(repr, rows))))


def differing(found: Facts, other: Facts) -> list[str]:
    """The lines of two worlds that are not in both, each with a sign."""
    return [*(f"- {line}" for line in sorted(found - other)), *(f"+ {line}" for line in sorted(other - found))]


def tables_in(lines: Iterable[str]) -> frozenset[str]:
    """The tables that lines of `differing` are about."""
    words = (line.split(" ") for line in lines)
    return frozenset(full for _, _, kind, full, *_ in words if kind in ("rows", "table"))


def with_results(tables: Iterable[str]) -> frozenset[str]:
    """The same with all tables of results of a schema that holds one of them, also those that are empty."""
    listed = set(tables)
    schemas = {full.rpartition(".")[0] for full in listed if full.rpartition(".")[2] in results.TABLES}
    return frozenset(listed | {f"{schema}.{name}" for schema in schemas for name in results.TABLES})


def without(world: Facts, tables: Collection[str]) -> Facts:
    """A world without some tables."""
    return Counter({line: n for line, n in world.items() if not _about(line, tables)})


def _about(line: str, tables: Collection[str]) -> bool:
    _, kind, full, *_ = line.split(" ")
    return kind in ("rows", "table") and full in tables


def log_size(folder: Path) -> int:
    """Where the request log of a folder ends, in bytes."""
    return (wire.root(folder) / requestlog.FILE).stat().st_size


def destroyed(folder: Path, since: int) -> set[str]:
    """What requests took away, successfully, from byte `since` of the request log on. Files of a state in a volume are
    not counted."""
    logged: list[dict[str, Any]] = requestlog.read(wire.root(folder), since, writes=True)
    entries = [entry for entry in logged if "/fs/" not in entry["path"]]
    found = set()
    for entry in entries:
        words = entry.get("statement", "").split()
        dropping = bool(words) and (words[0].upper() in ("DROP", "REVOKE", "DELETE", "TRUNCATE") or "DROP" in words)
        if entry["status"] < 400 and (entry["method"] == "DELETE" or dropping):
            found.add(same_words(f"{entry['metastore']} {entry['method']} {entry.get('statement') or entry['path']}"))
    return found
