"""Storage: JSON documents of all metastores under one root, in one SQLite file.

WAL journal: many threads and processes read while one writes, and a SIGKILL at any moment leaves the last
committed state. Names are folded to lower case, as Unity Catalog folds them; `exact` keeps the few names
that are case-sensitive.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

from replicator.emulator.disk import require_room

Doc = dict[str, Any]
Docs = list[Doc]  # `Store.list` hides the builtin name in its class
Texts = list[tuple[str, str]]
Keys = list[tuple[str, ...]]
Rows = list[tuple[Any, ...]]

SEPARATOR = "\x1f"  # control characters are refused in names, so joined parts stay unambiguous
_AFTER_SEPARATOR = "\x20"
_CHILDREN = "ms = ? AND kind = ? AND parent = ?"
_ONE = f"{_CHILDREN} AND name = ?"
_BELOW = "(parent = ? OR parent >= ? AND parent < ?)"
_PRIVATE = "nullif(private, '')"
_CLOUDS = ("aws", "azure", "gcp")
_INSERT = "INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?, ?)"

_DDL = """
CREATE TABLE IF NOT EXISTS metastores (name TEXT PRIMARY KEY, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS docs (
    ms TEXT NOT NULL, kind TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL,
    hidden INTEGER NOT NULL, doc TEXT NOT NULL, private TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS docs_key ON docs (ms, kind, parent, name, hidden);
"""


@dataclass(frozen=True)
class MetastoreInfo:
    """One metastore and the one workspace and warehouse through which it is reached."""

    name: str
    metastore_id: str
    global_id: str
    cloud: str
    region: str
    workspace_id: int
    warehouse_id: str
    owner: str
    storage_root: Path


class Row(NamedTuple):
    """One document as it is stored: its public part and its private one as JSON text."""

    ms: str
    kind: str
    parent: Sequence[str]
    name: str
    hidden: bool
    doc: str
    private: str


def row_of(doc: Doc, ms: str = "", kind: str = "", name: Sequence[str] = ("",)) -> Row:
    """The row of a document. Keys that begin with `_` are internal."""
    public = {key: value for key, value in doc.items() if key[0] != "_"}
    private = {key: value for key, value in doc.items() if key[0] == "_"}
    shown = _dump(private) if private else ""
    return Row(ms, kind, name[:-1], name[-1], bool(doc.get("_hidden")), _dump(public), shown)


def exact(name: str) -> str:
    """A key for a case-sensitive name (tag keys, principals) that survives the folding of names."""
    return "".join(f"^{char.lower()}" if char.isupper() or char == "^" else char for char in name)


def fold(parts: Sequence[str]) -> str:
    """Name parts as one lower-case key."""
    return SEPARATOR.join(parts).lower()


Metastores = list[MetastoreInfo]


class _Connection(sqlite3.Connection):
    """Weakly referencable, so that `close` finds the connections of threads that still live."""


class Store:
    """Documents by (metastore, kind, name parts). Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._path = root / "metastores.db"
        self._local = threading.local()
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._prepare()

    def _prepare(self) -> None:
        """Create the file, once: the switch to WAL does not wait for other processes, so a file lock orders
        it.
        """
        lock = os.open(self.root / "metastores.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # The WAL files inherit the mode of the database file, so it is created private before SQLite
            # opens it. One that is there is left alone: closing a descriptor of a file drops all locks that this
            # process has on it, those of SQLite too.
            if not self._path.exists():
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = self._open()
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {_DDL} COMMIT;")
            connection.close()
        finally:
            os.close(lock)

    def _connection(self) -> sqlite3.Connection:
        local = self._local
        # A connection must not cross a fork: the child opens its own.
        if getattr(local, "pid", None) != os.getpid():
            local.connection = self._open()
            local.depth = 0
            local.pid = os.getpid()
        return cast(sqlite3.Connection, local.connection)

    def _open(self) -> _Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, timeout=60, check_same_thread=False, factory=_Connection
        )
        connection.execute("PRAGMA synchronous=NORMAL")
        self._connections.add(connection)
        return connection

    def close(self) -> None:
        """Close the connections of all threads; the store must not be in use."""
        for connection in list(self._connections):
            connection.close()
        self._connections.clear()
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock. Re-entrant in a thread; what is inside is committed or rolled back as one."""
        connection = self._connection()
        if self._local.depth == 0:
            connection.execute("BEGIN IMMEDIATE")
        self._local.depth += 1
        try:
            yield
            require_room("catalog")
        except BaseException:
            self._local.depth -= 1
            # A full disk makes SQLite roll back by itself.
            if self._local.depth == 0 and connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._local.depth -= 1
        if self._local.depth == 0:
            connection.execute("COMMIT")

    # ---- metastores

    def metastore(self, name: str) -> MetastoreInfo:
        """The metastore called `name`, created on first use; `azure-…` and `gcp-…` name their cloud."""
        found = self._read_metastore(name)
        if found is not None:
            return found
        with self.transaction():
            found = self._read_metastore(name)
            if found is not None:
                return found
            info = self._new_metastore(name)
            doc = asdict(info) | {"storage_root": str(info.storage_root.relative_to(self.root))}
            self._connection().execute("INSERT INTO metastores VALUES (?, ?)", (name, json.dumps(doc)))
        return info

    def set_owner(self, name: str, owner: str) -> MetastoreInfo:
        """Give a metastore another owner; other processes see it when they start its server."""
        with self.transaction():
            info = replace(self.metastore(name), owner=owner)
            doc = asdict(info) | {"storage_root": str(info.storage_root.relative_to(self.root))}
            self._connection().execute("UPDATE metastores SET doc = ? WHERE name = ?", (json.dumps(doc), name))
        return info

    def _new_metastore(self, name: str) -> MetastoreInfo:
        prefix, _, rest = name.partition("-")
        cloud, region = (prefix, rest) if prefix in _CLOUDS and rest else ("aws", name)
        metastore_id = str(uuid.uuid4())
        return MetastoreInfo(
            name=name,
            metastore_id=metastore_id,
            global_id=f"{cloud}:{region}:{metastore_id}",
            cloud=cloud,
            region=region,
            workspace_id=uuid.uuid4().int % 9_000_000_000_000_000 + 1_000_000_000_000_000,
            warehouse_id=uuid.uuid4().hex[:16],
            owner=f"admin@{name}.emulator",
            storage_root=self.root / "storage" / name,
        )

    def _read_metastore(self, name: str) -> MetastoreInfo | None:
        row = self._connection().execute("SELECT doc FROM metastores WHERE name = ?", (name,)).fetchone()
        return self._metastore_of(row[0]) if row else None

    def _metastore_of(self, text: str) -> MetastoreInfo:
        doc = json.loads(text)
        return MetastoreInfo(**doc | {"storage_root": self.root / doc["storage_root"]})

    def metastores(self) -> Metastores:
        """All metastores of this root, by name."""
        rows = self._connection().execute("SELECT doc FROM metastores ORDER BY name").fetchall()
        return [self._metastore_of(text) for (text,) in rows]

    # ---- documents

    def get(self, ms: str, kind: str, *name: str) -> Doc | None:
        """One document (a copy), internal keys included."""
        row = (
            self._connection()
            .execute(
                f"SELECT doc, private FROM docs WHERE {_ONE}",
                (ms, kind, fold(name[:-1]), name[-1].lower()),
            )
            .fetchone()
        )
        return _merged(row) if row else None

    def private(self, ms: str, kind: str, names: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], Doc]:
        """The internal keys of many documents in one query, by name; one that does not exist is left out."""
        keys = {(fold(name[:-1]), name[-1].lower()): name for name in names}
        rows = self._connection().execute(
            # CROSS JOIN says which is looked up in which: SQLite would read all documents for each name.
            "SELECT docs.parent, name, private FROM json_each(?) asked CROSS JOIN docs ON ms = ? AND kind = ?"
            " AND docs.parent = json_extract(asked.value, '$[0]') AND name = json_extract(asked.value, '$[1]')",
            (json.dumps(list(keys)), ms, kind),
        )
        return {keys[parent, name]: json.loads(text or "{}") for parent, name, text in rows.fetchall()}

    def put(self, ms: str, kind: str, *name: str, doc: Doc) -> None:
        """Insert or replace one document."""
        row = row_of(doc, ms, kind, name)
        key = (ms, kind, fold(row.parent), row.name.lower())
        with self.transaction():
            connection = self._connection()
            updated = connection.execute(
                f"UPDATE docs SET hidden = ?, doc = ?, private = ? WHERE {_ONE}",
                (row.hidden, row.doc, row.private, *key),
            )
            if updated.rowcount == 0:
                connection.execute(_INSERT, (*key, row.hidden, row.doc, row.private))

    def put_rows(self, rows: Iterable[Row]) -> None:
        """Insert documents that do not exist yet."""
        with self.transaction():
            self._connection().executemany(
                _INSERT,
                ((r.ms, r.kind, fold(r.parent), r.name.lower(), r.hidden, r.doc, r.private) for r in rows),
            )

    def delete(self, ms: str, kind: str, *name: str) -> bool:
        """Delete one document; False when there was none."""
        with self.transaction():
            cursor = self._connection().execute(
                f"DELETE FROM docs WHERE {_ONE}",
                (ms, kind, fold(name[:-1]), name[-1].lower()),
            )
            return cursor.rowcount > 0

    def list(
        self,
        ms: str,
        kind: str,
        *parent: str,
        after: str | None = None,
        limit: int | None = None,
        hidden: bool = True,
    ) -> Docs:
        """Children of `parent` by name, from behind the name `after`; internal ones too unless `hidden` is
        False.
        """
        rows = self._connection().execute(
            f"SELECT doc, private FROM docs WHERE {_CHILDREN} AND name > ? AND hidden <= ? ORDER BY name LIMIT ?",
            (ms, kind, fold(parent), (after or "").lower(), int(hidden), -1 if limit is None else limit),
        )
        return [_merged(row) for row in rows.fetchall()]

    def list_all(self, ms: str, kind: str, *ancestor: str, hidden: bool = True) -> Docs:
        """All documents of a kind at any depth below `ancestor` (everything, without one), by parent and name."""
        return [_merged(row) for row in self._below("doc, private", ms, kind, ancestor, hidden)]

    def list_fields(self, ms: str, kind: str, *ancestor: str, fields: Sequence[str], hidden: bool = True) -> Docs:
        """As `list_all`, of plain top-level fields only (no lists, no objects): SQLite finds them without decoding."""
        columns = ", ".join(_extracted(field) for field in fields)
        return [
            {field: value for field, value in zip(fields, row, strict=True) if value is not None}
            for row in self._below(columns, ms, kind, ancestor, hidden)
        ]

    def list_keys(self, ms: str, kind: str, *ancestor: str, hidden: bool = True) -> Keys:
        """As `list_all`, of the names only, as they are folded: the index holds them."""
        rows = self._below("parent, name", ms, kind, ancestor, hidden)
        return [(*parent.split(SEPARATOR), name) for parent, name in rows]

    def list_by_parent(self, ms: str, kind: str, *ancestor: str) -> dict[str, Docs]:
        """As `list_all`, by the parent as `fold` says it."""
        found: dict[str, Docs] = {}
        for parent, *row in self._below("parent, doc, private", ms, kind, ancestor, True):
            found.setdefault(parent, []).append(_merged(row))
        return found

    def _below(self, columns: str, ms: str, kind: str, ancestor: Sequence[str], hidden: bool) -> Rows:
        low, high = _subtree(ancestor)
        query = f"SELECT {columns} FROM docs WHERE ms = ? AND kind = ? AND {_BELOW} AND hidden <= ?"
        keys = (ms, kind, fold(ancestor), low, high, int(hidden))
        return self._connection().execute(f"{query} ORDER BY parent, name", keys).fetchall()

    def texts(
        self,
        ms: str,
        kind: str,
        *parent: str,
        after: str = "",
        limit: int = -1,
        omit: Sequence[str] = (),
    ) -> Texts:
        """(key, public JSON text) of visible children, without the top-level fields `omit`: listings need no
        parsing.
        """
        query = f"SELECT name, {_without(omit)} FROM docs WHERE {_CHILDREN} AND name > ? AND hidden = 0"
        rows = self._connection().execute(f"{query} ORDER BY name LIMIT ?", (ms, kind, fold(parent), after, limit))
        return rows.fetchall()

    def names(self, ms: str, kind: str, *parent: str) -> Iterator[str]:
        """The keys of all visible children, in order: the index holds them."""
        query = f"SELECT name FROM docs WHERE {_CHILDREN} AND hidden = 0 ORDER BY name"
        yield from (name for (name,) in self._connection().execute(query, (ms, kind, fold(parent))).fetchall())

    def field(self, ms: str, kind: str, *parent: str, field: str) -> Texts:
        """(key, one top-level text field) of all visible children."""
        query = f"SELECT name, json_extract(doc, ?) FROM docs WHERE {_CHILDREN} AND hidden = 0 ORDER BY name"
        return self._connection().execute(query, (f"$.{field}", ms, kind, fold(parent))).fetchall()

    def count(self, ms: str, kind: str, *parent: str) -> int:
        """Number of children of `parent`, internal ones included."""
        query = f"SELECT count(*) FROM docs WHERE {_CHILDREN}"
        return int(self._connection().execute(query, (ms, kind, fold(parent))).fetchone()[0])

    def count_all(self, ms: str, kind: str, *ancestor: str) -> int:
        """Number of documents of a kind at any depth below `ancestor`."""
        low, high = _subtree(ancestor)
        query = f"SELECT count(*) FROM docs WHERE ms = ? AND kind = ? AND {_BELOW}"
        return int(self._connection().execute(query, (ms, kind, fold(ancestor), low, high)).fetchone()[0])

    def delete_all(self, ms: str, kind: str, *ancestor: str) -> int:
        """Delete all documents of a kind at any depth below `ancestor`; returns how many."""
        low, high = _subtree(ancestor)
        with self.transaction():
            cursor = self._connection().execute(
                f"DELETE FROM docs WHERE ms = ? AND kind = ? AND {_BELOW}",
                (ms, kind, fold(ancestor), low, high),
            )
            return cursor.rowcount

    def move_all(self, ms: str, kind: str, old: Sequence[str], new: Sequence[str]) -> None:
        """Move all documents of a kind below `old` to the same places below `new`."""
        low, high = _subtree(old)
        with self.transaction():
            self._connection().execute(
                f"UPDATE docs SET parent = ? || substr(parent, ?) WHERE ms = ? AND kind = ? AND {_BELOW}",
                (fold(new), len(fold(old)) + 1, ms, kind, fold(old), low, high),
            )


def public(doc: Doc) -> Doc:
    """The document without internal keys: what REST returns."""
    return {key: value for key, value in doc.items() if key[0] != "_"}


def _without(fields: Sequence[str]) -> str:
    """The expression for a document without some of its top-level fields."""
    paths = "".join(f", '$.{field}'" for field in fields)
    return f"json_remove(doc{paths})" if fields else "doc"


def _extracted(field: str) -> str:
    """The expression for one top-level field."""
    return f"json_extract({_PRIVATE if field[0] == '_' else 'doc'}, '$.{field}')"


def _dump(doc: Doc) -> str:
    return json.dumps(doc, ensure_ascii=False, separators=(",", ":"))


def _merged(row: Sequence[str]) -> Doc:
    doc: Doc = json.loads(row[0])
    if row[1]:
        doc.update(json.loads(row[1]))
    return doc


def _subtree(ancestor: Sequence[str]) -> tuple[str, str]:
    """Bounds of the parents strictly below `ancestor`."""
    if not ancestor:
        return "", "\U0010ffff"
    key = fold(ancestor)
    return key + SEPARATOR, key + _AFTER_SEPARATOR
