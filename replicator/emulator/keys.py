"""Primary and foreign keys: what refers to what."""

from __future__ import annotations

from replicator.emulator import tables
from replicator.emulator.errors import invalid
from replicator.emulator.securables import parts_of
from replicator.emulator.session import Session

_FOREIGN = "foreign_key_constraint"


def drop_references(s: Session, full_name: str, *, cascade: bool) -> None:
    """Remove the foreign keys that refer to a table's primary key. Raises ApiError 400 unless it may `cascade`."""
    for other in s.store.list_all(s.ms, "table"):
        found = other.get("table_constraints", ())
        kept = [item for item in found if item.get(_FOREIGN, {}).get("parent_table", "").lower() != full_name.lower()]
        if len(kept) == len(found):
            continue
        if not cascade:
            raise invalid(f"The primary key is referred to by table '{other['full_name']}'.")
        catalog, schema, table = parts_of(other["full_name"], 3)
        tables.update_table(s, catalog, schema, table, {"table_constraints": kept})
