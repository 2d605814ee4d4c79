"""Renaming a securable: everything inside it, its grants, tags and places in shares move along."""

from __future__ import annotations

from collections.abc import Sequence

from replicator.emulator import tags
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session

# kind -> kinds inside it
_IN_SCHEMA = ("table", "volume", "function", "model", "model_version")
_INSIDE = {"catalog": ("schema", *_IN_SCHEMA), "schema": _IN_SCHEMA, "model": ("model_version",)}
_PARENT_FIELDS = ("catalog_name", "schema_name")


def move(s: Session, kind: str, old: Sequence[str], new: Sequence[str]) -> Doc:
    """Give the securable `old` the full name `new`; the caller has checked that `new` is free. Returns the
    document.
    """
    with s.store.transaction():
        doc = s.store.get(s.ms, kind, *old)
        assert doc is not None, "the caller has read the document"
        s.store.delete(s.ms, kind, *old)
        moved = _renamed(doc, new)
        s.store.put(s.ms, kind, *new, doc=moved)
        for inner in _INSIDE.get(kind, ()):
            for child in s.store.list_all(s.ms, inner, *old):
                name = child["full_name"].split(".")
                target = [*new, *name[len(old) :]]
                s.store.delete(s.ms, inner, *name)
                s.store.put(s.ms, inner, *target, doc=_renamed(child, target))
        for inner in ("catalog", "schema", "table"):
            s.store.move_all(s.ms, "policy", (inner, *old), (inner, *new))
        for inner in (kind, *_INSIDE.get(kind, ())):
            s.store.move_all(s.ms, "grant", (inner, *old), (inner, *new))
        tags.move(s, old, new)
        _move_shared(s, old, new)
    return moved


def _renamed(doc: Doc, parts: Sequence[str]) -> Doc:
    parents = dict(zip(_PARENT_FIELDS, parts[:-1], strict=False))
    return doc | parents | {"name": parts[-1], "full_name": ".".join(parts)}


def _move_shared(s: Session, old: Sequence[str], new: Sequence[str]) -> None:
    before = ".".join(old).lower()
    for share in s.store.list(s.ms, "share"):
        touched = False
        for item in share.get("objects", ()):
            name = item["name"].lower()
            if name == before or name.startswith(before + "."):
                item["name"] = ".".join(new) + item["name"][len(before) :]
                touched = True
        if touched:
            s.store.put(s.ms, "share", share["name"], doc=share)
