"""Registered models and their versions. Weights are the client's business: only what Unity Catalog knows is kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from replicator.emulator import grants, volumes
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session, created, updated

_WIDTH = 10  # digits of a version in its key, so that names sort as numbers


def create(s: Session, doc: Doc) -> Doc:
    """Create a registered model without versions. Raises ApiError as `volumes.create` does."""
    location = doc.get("storage_location") or (s.metastore.storage_root / "models" / str(uuid.uuid4())).as_uri()
    given = {key: doc.get(key) for key in ("catalog_name", "schema_name", "name", "comment")}
    return volumes.create(s, "model", given | {"storage_location": location, "_aliases": {}, "_last": 0})


def get(s: Session, parts: Sequence[str]) -> Doc:
    """One model. Raises ApiError 404 for the first part that is missing, 403."""
    catalog, schema, name = parts
    return volumes.get(s, "model", catalog, schema, name)


def all_in(s: Session, catalog: str | None, schema: str | None) -> list[Doc]:
    """Models of one schema that the caller may see, by name; of the whole metastore without one."""
    if (catalog is None) != (schema is None):
        raise invalid("catalog_name and schema_name must be given together.")
    if catalog is not None and schema is not None:
        return volumes.list_in(s, "model", catalog, schema)
    found = s.store.list_all(s.ms, "model")
    return [doc for doc in found if grants.visible(s, "model", doc["full_name"].split("."))]


def delete(s: Session, parts: Sequence[str]) -> None:
    """Delete a model with all its versions."""
    with s.store.transaction():
        volumes.delete(s, "model", parts)
        s.store.delete_all(s.ms, "model_version", *parts)


# ---- versions


def create_version(s: Session, parts: Sequence[str], doc: Doc) -> Doc:
    """Add the next version of a model, ready at once. Needs CREATE MODEL VERSION or ownership."""
    with s.store.transaction():
        model = get(s, parts)
        grants.check(s, "CREATE_MODEL_VERSION", "model", parts)
        number = int(model["_last"]) + 1
        location = f"{model['storage_location']}/versions/{uuid.uuid4()}"
        given = {key: doc[key] for key in ("source", "run_id", "comment") if doc.get(key)}
        facts = {"id": str(uuid.uuid4()), "version": number, "status": "READY", "storage_location": location}
        made = created(s, facts | given | {"full_name": f"{model['full_name']}.{_key(number)}"})
        del made["owner"]
        s.store.put(s.ms, "model", *parts, doc=model | {"_last": number})
        s.store.put(s.ms, "model_version", *parts, _key(number), doc=made)
    return made


def version(s: Session, parts: Sequence[str], number: int) -> Doc:
    """One version. Raises ApiError 404."""
    get(s, parts)
    doc = s.store.get(s.ms, "model_version", *parts, _key(number))
    if doc is None:
        raise _missing(f"Model version '{number}' of '{'.'.join(parts)}'")
    return doc


def versions(s: Session, parts: Sequence[str]) -> list[Doc]:
    """Versions of a model, in order."""
    get(s, parts)
    return s.store.list(s.ms, "model_version", *parts)


def update_version(s: Session, parts: Sequence[str], number: int, changes: Doc) -> Doc:
    """Change the comment."""
    with s.store.transaction():
        doc = version(s, parts, number)
        grants.require_manage(s, "model", parts)
        doc = updated(s, doc, {"comment": changes.get("comment")})
        s.store.put(s.ms, "model_version", *parts, _key(number), doc=doc)
    return doc


def delete_version(s: Session, parts: Sequence[str], number: int) -> None:
    """Delete a version; its aliases go with it."""
    with s.store.transaction():
        version(s, parts, number)
        grants.require_manage(s, "model", parts)
        model = get(s, parts)
        kept = {alias: found for alias, found in model["_aliases"].items() if found != number}
        s.store.put(s.ms, "model", *parts, doc=model | {"_aliases": kept})
        s.store.delete(s.ms, "model_version", *parts, _key(number))


def set_alias(s: Session, parts: Sequence[str], alias: str, number: int) -> Doc:
    """Let an alias name a version; it may have named another."""
    with s.store.transaction():
        version(s, parts, number)
        _change_aliases(s, parts, {alias: number})
    return _alias(parts, alias, number)


def delete_alias(s: Session, parts: Sequence[str], alias: str) -> None:
    """Forget an alias. Raises ApiError 404."""
    with s.store.transaction():
        by_alias(s, parts, alias)
        _change_aliases(s, parts, {alias: None})


def by_alias(s: Session, parts: Sequence[str], alias: str) -> Doc:
    """The version that an alias names. Raises ApiError 404."""
    number = get(s, parts)["_aliases"].get(alias)
    if number is None:
        raise _missing(f"Alias '{alias}' of '{'.'.join(parts)}'")
    return version(s, parts, int(number))


def aliases(s: Session, parts: Sequence[str], number: int | None = None) -> list[Doc]:
    """Aliases of a model, or of one version, by name."""
    found = sorted(get(s, parts)["_aliases"].items())
    return [_alias(parts, alias, int(of)) for alias, of in found if number in (None, of)]


def _change_aliases(s: Session, parts: Sequence[str], changes: dict[str, int | None]) -> None:
    grants.require_manage(s, "model", parts)
    model = get(s, parts)
    merged = {alias: number for alias, number in (model["_aliases"] | changes).items() if number is not None}
    s.store.put(s.ms, "model", *parts, doc=model | {"_aliases": merged})


def _alias(parts: Sequence[str], alias: str, number: int) -> Doc:
    catalog, schema, name = (part.lower() for part in parts)
    known = {"alias_name": alias, "version_num": number}
    return known | {"catalog_name": catalog, "schema_name": schema, "model_name": name}


def _key(number: int) -> str:
    return f"{number:0{_WIDTH}d}"


def _missing(what: str) -> ApiError:
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{what} does not exist.")
