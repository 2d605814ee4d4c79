"""Tags on catalogs, schemas, tables, columns and volumes (the entity tag assignments of the REST API)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.grants import allowed, ensure_exists
from replicator.emulator.metastore import Doc, exact
from replicator.emulator.session import Session

# entity type -> (kind of the securable, number of its name parts)
ENTITIES = {
    "catalogs": ("catalog", 1),
    "schemas": ("schema", 2),
    "tables": ("table", 3),
    "columns": ("table", 3),
    "volumes": ("volume", 3),
    "functions": ("function", 3),
}
_MAX_TAGS = 50
_FORBIDDEN_IN_KEY = ".,-=/:"


def of(s: Session, entity_type: str, parts: Sequence[str]) -> list[Doc]:
    """Tags of one entity, by key. `parts` of a column end with the column's name."""
    _securable(s, entity_type, parts)
    return s.store.list(s.ms, "tag", entity_type, *parts)


def every(s: Session, entity_type: str) -> list[Doc]:
    """All tags of a kind of entity; `_parts` of each holds the name parts."""
    return s.store.list_all(s.ms, "tag", entity_type)


def get(s: Session, entity_type: str, parts: Sequence[str], key: str) -> Doc:
    """One tag. Raises ApiError 404 NOT_FOUND."""
    _securable(s, entity_type, parts)
    doc = s.store.get(s.ms, "tag", entity_type, *parts, exact(key))
    if doc is None:
        raise ApiError(404, "NOT_FOUND", f"Tag assignment '{key}' does not exist on {'.'.join(parts)}.")
    return doc


def assign(
    s: Session, entity_type: str, parts: Sequence[str], key: str, value: str = "", *, create: bool = False
) -> Doc:
    """Set one tag. `create` refuses an existing one (409 ALREADY_EXISTS). Needs APPLY TAG or ownership."""
    with s.store.transaction():
        kind, names = _securable(s, entity_type, parts)
        _require_apply(s, kind, names)
        _check(key, value)
        existing = s.store.get(s.ms, "tag", entity_type, *parts, exact(key))
        if create and existing is not None:
            raise ApiError(409, "ALREADY_EXISTS", f"Tag assignment '{key}' already exists on {'.'.join(parts)}.")
        if existing is None and s.store.count(s.ms, "tag", entity_type, *parts) >= _MAX_TAGS:
            raise invalid(f"The number of tags on {'.'.join(parts)} exceeds limit {_MAX_TAGS}")
        doc = {
            "entity_type": entity_type,
            "entity_name": ".".join(parts),
            "tag_key": key,
            "tag_value": value,
            "update_time": datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z"),
            "updated_by": s.principal,
            "_parts": list(parts),
        }
        s.store.put(s.ms, "tag", entity_type, *parts, exact(key), doc=doc)
    return doc


def unassign(s: Session, entity_type: str, parts: Sequence[str], key: str) -> bool:
    """Remove one tag; False when it was not set."""
    with s.store.transaction():
        kind, names = _securable(s, entity_type, parts)
        _require_apply(s, kind, names)
        return s.store.delete(s.ms, "tag", entity_type, *parts, exact(key))


def drop(s: Session, parts: Sequence[str]) -> None:
    """Forget all tags of an object (or of a column: four parts) and of everything inside it."""
    for entity_type in ENTITIES:
        s.store.delete_all(s.ms, "tag", entity_type, *parts)


def move(s: Session, old: Sequence[str], new: Sequence[str]) -> None:
    """Carry all tags of `old` (an object, or a column as four parts) and of everything inside it over to
    `new`.
    """
    with s.store.transaction():
        for entity_type in ENTITIES:
            docs = s.store.list_all(s.ms, "tag", entity_type, *old)
            s.store.delete_all(s.ms, "tag", entity_type, *old)
            for doc in docs:
                parts = [*new, *doc["_parts"][len(old) :]]
                doc = doc | {"entity_name": ".".join(parts), "_parts": parts}
                s.store.put(s.ms, "tag", entity_type, *parts, exact(doc["tag_key"]), doc=doc)


def _securable(s: Session, entity_type: str, parts: Sequence[str]) -> tuple[str, Sequence[str]]:
    if entity_type not in ENTITIES:
        raise invalid(f"Invalid entity type '{entity_type}'.")
    kind, size = ENTITIES[entity_type]
    if len(parts) != size + (entity_type == "columns"):
        raise invalid(f"Invalid entity name '{'.'.join(parts)}' for entity type '{entity_type}'.")
    names = parts[:size]
    ensure_exists(s, kind, names)
    if entity_type == "columns":
        columns = (s.store.get(s.ms, kind, *names) or {}).get("columns", ())
        if parts[-1].lower() not in [column["name"].lower() for column in columns]:
            raise ApiError(404, "COLUMN_DOES_NOT_EXIST", f"Column '{'.'.join(parts)}' does not exist.")
    return kind, names


def _require_apply(s: Session, kind: str, parts: Sequence[str]) -> None:
    if not (allowed(s, "APPLY_TAG", kind, parts) or allowed(s, "MANAGE", kind, parts)):
        raise ApiError(403, "PERMISSION_DENIED", f"User does not have APPLY TAG on {kind} '{'.'.join(parts)}'.")


def _check(key: str, value: str) -> None:
    if not key or len(key) > 255 or key != key.strip() or any(char in _FORBIDDEN_IN_KEY for char in key):
        raise invalid(f"Tag key '{key}' is not valid: the characters {' '.join(_FORBIDDEN_IN_KEY)} are refused.")
    if len(value) > 1000:
        raise invalid("The length of a tag value exceeds limit 1000")
