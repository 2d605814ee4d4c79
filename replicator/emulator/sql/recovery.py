"""After a kill: the catalog catches up with the commits of tables whose definition had changed last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from replicator.emulator import tables
from replicator.emulator.delta import log
from replicator.emulator.delta.lock import table_lock
from replicator.emulator.metastore import Doc, exact
from replicator.emulator.session import Session
from replicator.emulator.sql import names, unpublished


def catch_up(s: Session) -> None:
    """Publish what was committed and not published. `s` is a session of the metastore's owner."""
    for note in s.store.list(s.ms, unpublished.KIND):
        path = Path(note["path"])
        if not log.exists(path):
            unpublished.done(s, path)
            continue
        # A process that is alive and about to publish holds the lock.
        with table_lock(path), s.store.transaction():
            if s.store.get(s.ms, unpublished.KIND, exact(note["path"])) == note:
                _publish(s, note, path)
                unpublished.done(s, path)


def _publish(s: Session, note: Doc, path: Path) -> None:
    state = log.snapshot(path)
    known = next((doc for doc in s.store.list_all(s.ms, "table") if doc.get("_path") == note["path"]), None)
    if known is None or state.version < note["version"]:
        return
    if note["doc"] is not None:
        known = tables.register_table(replace(s, principal=note["principal"]), note["doc"], replace=True)
    names.publish(s, known, state)
