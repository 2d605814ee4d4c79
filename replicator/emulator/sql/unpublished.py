"""What the catalog still has to learn of a commit: a definition is in the table's log first, and in the catalog after.

A process that is killed between the two leaves a note; who serves the metastore next catches up (`recovery`).
"""

from __future__ import annotations

from pathlib import Path

from replicator.emulator.metastore import Doc, exact
from replicator.emulator.session import Session

KIND = "unpublished"


def announce(s: Session, path: Path, version: int, doc: Doc | None = None) -> None:
    """Note that a commit of `version` will change a definition; `doc` is what a replacing CREATE TABLE registers.

    The caller holds the table's lock from before this until `done`.
    """
    note = {"path": str(path), "version": version, "principal": s.principal, "doc": doc}
    s.store.put(s.ms, KIND, exact(str(path)), doc=note)


def done(s: Session, path: Path) -> None:
    """The catalog has learnt it."""
    s.store.delete(s.ms, KIND, exact(str(path)))
