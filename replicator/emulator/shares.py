"""Shares: their objects, and which recipients may read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from replicator.emulator import grants
from replicator.emulator.errors import ApiError, already_exists, denied, invalid, not_found
from replicator.emulator.metastore import Doc, public
from replicator.emulator.principals import require
from replicator.emulator.recipients import (
    create_recipient,
    delete_recipient,
    get_recipient,
    list_recipients,
    update_recipient,
)
from replicator.emulator.securables import check_name
from replicator.emulator.session import Session, created, now_ms, updated
from replicator.emulator.shared_catalogs import (
    TABLE_OBJECTS,
    provider_shares,
    providers,
    schema_alias,
    shared_schemas,
    shared_table,
    shared_tables,
    table_alias,
)

__all__ = [
    "change_permissions",
    "create_recipient",
    "create_share",
    "delete_recipient",
    "delete_share",
    "get_recipient",
    "get_share",
    "list_recipients",
    "list_shares",
    "permissions",
    "provider_shares",
    "providers",
    "recipient_permissions",
    "schema_alias",
    "shared_schemas",
    "shared_table",
    "shared_tables",
    "table_alias",
    "update_recipient",
    "update_share",
]

MAX_UPDATES = 100  # objects per call, as Databricks documents it
_ALIAS = re.compile(r"[A-Za-z0-9_]+\.[A-Za-z0-9_]+")
_KIND = {"SCHEMA": "schema", "VOLUME": "volume", "FUNCTION": "function"} | dict.fromkeys(TABLE_OBJECTS, "table")
_UPDATABLE = (
    "comment",
    "shared_as",
    "string_shared_as",
    "cdf_enabled",
    "history_data_sharing_status",
    "start_version",
    "partitions",
)
# table_type of a table -> how it must be shared; other table types are shared as TABLE
_SHARED_TYPE = {
    "VIEW": "VIEW",
    "METRIC_VIEW": "VIEW",
    "MATERIALIZED_VIEW": "MATERIALIZED_VIEW",
    "STREAMING_TABLE": "STREAMING_TABLE",
    "FOREIGN": "FOREIGN_TABLE",
}


def create_share(s: Session, doc: Doc, if_not_exists: bool = False) -> Doc:
    """Create an empty share. Raises ApiError SHARE_ALREADY_EXISTS, PERMISSION_DENIED without CREATE SHARE."""
    name = check_name("share", doc.get("name", ""))
    with s.store.transaction():
        grants.check_metastore(s, "CREATE_SHARE")
        existing = s.store.get(s.ms, "share", name)
        if existing is not None:
            if if_not_exists:
                return existing
            raise already_exists("share", name)
        given = {key: doc[key] for key in ("comment", "storage_root") if doc.get(key)}
        made = created(s, {"name": name, "objects": [], **given})
        del made["metastore_id"]
        s.store.put(s.ms, "share", name, doc=made)
    return made


def get_share(s: Session, name: str) -> Doc:
    """One share with its objects; `status` of each says whether the share's owner can still read it."""
    doc = _share(s, name)
    return doc | {"objects": [public(item) | {"status": _status(s, doc, item)} for item in doc["objects"]]}


def list_shares(s: Session) -> list[Doc]:
    """Shares that the caller may see, by name."""
    return [doc for doc in s.store.list(s.ms, "share") if _may_see(s, doc)]


def update_share(s: Session, name: str, changes: Doc | None = None, updates: Sequence[Doc] = ()) -> Doc:
    """Change comment, owner or name (`new_name`), and objects: `{"action": ADD|REMOVE|UPDATE, "data_object":
    …}`.

    All or nothing. Raises ApiError INVALID_PARAMETER_VALUE for more than 100 updates, an alias that is not
    valid or taken, a wrong object type; RESOURCE_ALREADY_EXISTS for an object added twice;
    RESOURCE_DOES_NOT_EXIST for one that is not in the share; 404 for an object that does not exist.
    """
    if len(updates) > MAX_UPDATES:
        raise invalid(f"The number of data objects to update exceeds limit {MAX_UPDATES}")
    changes = changes or {}
    with s.store.transaction():
        doc = _share(s, name)
        _require_owner(s, doc, changes, updates)
        if changes.get("owner"):
            require(s, changes["owner"])
        for entry in updates:
            action = _ACTIONS.get(str(entry.get("action", "")).upper())
            if action is None:
                raise invalid(f"Invalid action '{entry.get('action')}': expected ADD, REMOVE or UPDATE.")
            action(s, doc, entry.get("data_object") or {})
        fields = {key: value for key, value in changes.items() if key in ("comment", "owner", "storage_root")}
        doc = updated(s, doc, fields)
        doc = _renamed(s, doc, changes.get("new_name"))
        s.store.put(s.ms, "share", doc["name"], doc=doc)
    return get_share(s, doc["name"])


def delete_share(s: Session, name: str) -> None:
    """Delete a share and its permissions. Raises ApiError SHARE_DOES_NOT_EXIST, PERMISSION_DENIED."""
    with s.store.transaction():
        doc = _share(s, name)
        _require_owner(s, doc, {}, ())
        s.store.delete(s.ms, "share", name)
        s.store.delete_all(s.ms, "share_grant", name)


# ---- permissions


def permissions(s: Session, name: str) -> list[Doc]:
    """`{"principal": recipient, "privileges": ["SELECT"]}` per recipient, by name."""
    _share(s, name)
    return [public(doc) for doc in s.store.list(s.ms, "share_grant", name)]


def change_permissions(s: Session, name: str, changes: Sequence[Mapping[str, Any]]) -> list[Doc]:
    """Grant or revoke SELECT to recipients: `{"principal", "add": […], "remove": […]}`; all or nothing."""
    with s.store.transaction():
        doc = _share(s, name)
        if not _owns(s, doc):
            grants.check_metastore(s, "SET_SHARE_PERMISSION")
        for entry in changes:
            recipient = s.store.get(s.ms, "recipient", str(entry.get("principal", "")))
            if recipient is None:
                raise not_found("recipient", str(entry.get("principal", "")))
            words = {str(word).upper() for word in (*(entry.get("add") or ()), *(entry.get("remove") or ()))}
            if words - {"SELECT"}:
                raise invalid(f"Privilege {min(words - {'SELECT'})} is not applicable to shares.")
            if "SELECT" in [str(word).upper() for word in entry.get("remove") or ()]:
                s.store.delete(s.ms, "share_grant", name, recipient["name"])
            elif entry.get("add"):
                before = s.store.get(s.ms, "share_grant", name, recipient["name"]) or {"_at": now_ms()}
                grant = before | {"principal": recipient["name"], "privileges": ["SELECT"]}
                s.store.put(s.ms, "share_grant", name, recipient["name"], doc=grant)
    return permissions(s, name)


def recipient_permissions(s: Session, recipient: str) -> list[Doc]:
    """`{"share_name", "privilege_assignments": […]}` of each share that the recipient may read."""
    get_recipient(s, recipient)
    found = []
    for share in s.store.list(s.ms, "share"):
        grant = s.store.get(s.ms, "share_grant", share["name"], recipient)
        if grant is not None:
            found.append({"share_name": share["name"], "privilege_assignments": [public(grant)]})
    return found


# ---- objects


def _add(s: Session, share: Doc, given: Doc) -> None:
    kind, parts, source = _source(s, given)
    item = _new_object(s, share, kind, given, parts, source)
    for other in share["objects"]:
        if other["name"] == item["name"]:
            raise _object_exists(item)
        if _alias(other) == _alias(item):
            raise invalid(f"The alias '{_alias(item)}' is already used in share '{share['name']}'.")
    schema = ".".join(parts[:2])
    if kind != "schema" and any(
        other["name"] == schema and other["data_object_type"] == "SCHEMA" for other in share["objects"]
    ):
        raise _object_exists(item)
    if kind == "schema":
        # Databricks documents that sharing a schema removes what was set for its tables before.
        inside = f"{item['name']}."
        share["objects"] = [other for other in share["objects"] if not other["name"].startswith(inside)]
    share["objects"].append(item)


def _new_object(s: Session, share: Doc, kind: str, given: Doc, parts: Sequence[str], source: Doc) -> Doc:
    object_type = str(given.get("data_object_type") or "TABLE").upper()
    item: Doc = {
        "name": ".".join(parts).lower(),
        "data_object_type": object_type,
        "added_at": now_ms(),
        "added_by": s.principal,
        "_object_id": source.get("table_id") or source.get("schema_id") or source.get("volume_id"),
        **{key: given[key] for key in _UPDATABLE if given.get(key) is not None},
    }
    default = ".".join(parts[1:]).lower()
    if kind == "table":
        item["shared_as"] = _valid_alias(given.get("shared_as") or default, default)
        item.setdefault("cdf_enabled", False)
        # Databricks documents DISABLED as the default of the REST API, unlike that of SQL.
        item.setdefault("history_data_sharing_status", "DISABLED")
        if item["history_data_sharing_status"] == "ENABLED":
            item.setdefault("start_version", 0)
    elif kind == "schema":
        if given.get("shared_as"):
            raise invalid("Schemas cannot be shared under an alias.")
    else:
        item["string_shared_as"] = given.get("string_shared_as") or default
    return item


def _source(s: Session, given: Doc) -> tuple[str, tuple[str, ...], Doc]:
    object_type = str(given.get("data_object_type") or "TABLE").upper()
    kind = _KIND.get(object_type)
    if kind is None:
        raise invalid(f"Data objects of type {object_type} are not supported by the emulator.")
    parts = tuple(str(given.get("name", "")).split("."))
    if len(parts) != (2 if kind == "schema" else 3):
        raise invalid(f"Invalid name '{given.get('name')}' for a data object of type {object_type}.")
    source = s.store.get(s.ms, kind, *parts)
    if source is None:
        raise not_found(kind, ".".join(parts))
    if kind == "table":
        expected = _SHARED_TYPE.get(source["table_type"], "TABLE")
        if object_type != expected:
            raise invalid(f"'{given['name']}' is a {source['table_type']}: it must be shared as {expected}.")
        grants.check(s, "SELECT", "table", parts)
    return kind, parts, source


def _remove(s: Session, share: Doc, given: Doc) -> None:
    share["objects"].remove(_find(share, given))


def _update(s: Session, share: Doc, given: Doc) -> None:
    item = _find(share, given)
    if given.get("shared_as") == "":
        raise invalid("shared_as must not be empty.")
    changes = {key: given[key] for key in _UPDATABLE if given.get(key) is not None}
    if "shared_as" in changes:
        _valid_alias(changes["shared_as"], ".".join(item["name"].split(".")[1:]))
    item.update(changes)
    if [_alias(other) for other in share["objects"]].count(_alias(item)) > 1:
        raise invalid(f"The alias '{_alias(item)}' is already used in share '{share['name']}'.")


_ACTIONS: Mapping[str, Callable[[Session, Doc, Doc], None]] = {"ADD": _add, "REMOVE": _remove, "UPDATE": _update}


def _find(share: Doc, given: Doc) -> Doc:
    name = str(given.get("name", "")).lower()
    for item in share["objects"]:
        if item["name"] == name:
            return cast(Doc, item)
    kind = str(given.get("data_object_type") or "TABLE").title()
    raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Shared {kind} '{name}' does not exist.", name=name)


def _object_exists(item: Doc) -> ApiError:
    kind = item["data_object_type"].title()
    return ApiError(
        400, "RESOURCE_ALREADY_EXISTS", f"Shared {kind} '{item['name']}' already exists.", name=item["name"]
    )


def _alias(item: Doc) -> str:
    if item["data_object_type"] == "SCHEMA":
        return schema_alias(item)
    return str(item.get("shared_as") or f"{item['data_object_type']}:{item.get('string_shared_as')}").lower()


def _valid_alias(alias: str, default: str) -> str:
    if alias.lower() != default.lower() and not _ALIAS.fullmatch(alias):
        raise invalid(f"shared_as '{alias}' is not valid: expected schema.table of letters, digits and underscores.")
    return alias


def _status(s: Session, share: Doc, item: Doc) -> str:
    """ACTIVE, or PERMISSION_DENIED when the object is gone or the share's owner lost SELECT on it."""
    parts = item["name"].split(".")
    kind = _KIND[item["data_object_type"]]
    source = s.store.get(s.ms, kind, *parts)
    if source is None:
        return "PERMISSION_DENIED"
    if kind != "table":
        return "ACTIVE"
    if source["table_id"] != item["_object_id"]:
        return "PERMISSION_DENIED"
    owner = Session(s.store, s.metastore, share["owner"])
    return "ACTIVE" if grants.allowed(owner, "SELECT", "table", parts) else "PERMISSION_DENIED"


# ---- who may


def _share(s: Session, name: str) -> Doc:
    doc = s.store.get(s.ms, "share", name) if name else None
    if doc is None:
        raise not_found("share", name)
    if not _may_see(s, doc):
        raise denied(f"User does not have USE SHARE on Share '{name}'.")
    return doc


def _owns(s: Session, doc: Doc) -> bool:
    return s.is_admin or str(doc["owner"]).lower() in s.identities


def _may_see(s: Session, doc: Doc) -> bool:
    return _owns(s, doc) or grants.allowed(s, "USE_SHARE", "metastore", (s.metastore.metastore_id,))


def _require_owner(s: Session, doc: Doc, changes: Doc, updates: Sequence[Doc]) -> None:
    if str(doc["owner"]).lower() in s.identities:
        return
    # Databricks documents that a metastore admin who does not own the share may change nothing but its owner.
    if s.is_admin and not updates:
        return
    raise denied(f"User is not an owner of Share '{doc['name']}'.")


def _renamed(s: Session, doc: Doc, new_name: str | None) -> Doc:
    if not new_name or new_name.lower() == doc["name"]:
        return doc
    name = check_name("share", new_name)
    if s.store.get(s.ms, "share", name) is not None:
        raise already_exists("share", name)
    s.store.delete(s.ms, "share", doc["name"])
    s.store.move_all(s.ms, "share_grant", (doc["name"],), (name,))
    return doc | {"name": name}
