"""Recipients: other metastores (DATABRICKS) and holders of a bearer token (TOKEN)."""

from __future__ import annotations

import re
import uuid

from replicator.emulator import grants
from replicator.emulator.errors import ApiError, already_exists, denied, invalid, not_found
from replicator.emulator.metastore import Doc
from replicator.emulator.principals import require
from replicator.emulator.recipient_tokens import check_addresses, new_token, rotated, with_links
from replicator.emulator.securables import check_name
from replicator.emulator.session import Session, created, updated

_GLOBAL_ID = re.compile(r"(aws|azure|gcp):[^:\s]+:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FIELDS = frozenset({"comment", "owner", "ip_access_list", "properties_kvpairs", "expiration_time"})


def create_recipient(s: Session, doc: Doc, if_not_exists: bool = False) -> Doc:
    """Create a recipient; `authentication_type` DATABRICKS needs `data_recipient_global_metastore_id`.

    Raises ApiError RECIPIENT_ALREADY_EXISTS, also when another recipient has the same metastore id;
    INVALID_PARAMETER_VALUE for an identifier that is not `cloud:region:uuid`; PERMISSION_DENIED.
    """
    name = check_name("recipient", doc.get("name", ""))
    with s.store.transaction():
        grants.check_metastore(s, "CREATE_RECIPIENT")
        existing = s.store.get(s.ms, "recipient", name)
        if existing is not None:
            if if_not_exists:
                return existing
            raise already_exists("recipient", name)
        check_addresses(doc)
        made = created(s, _new_recipient(s, name, doc))
        s.store.put(s.ms, "recipient", name, doc=made)
    return with_links(s, made)


def _new_recipient(s: Session, name: str, doc: Doc) -> Doc:
    identifier = doc.get("data_recipient_global_metastore_id")
    kind = doc.get("authentication_type") or ("DATABRICKS" if identifier else "TOKEN")
    given = {key: doc[key] for key in ("comment", "ip_access_list", "expiration_time") if doc.get(key)}
    properties = dict((doc.get("properties_kvpairs") or {}).get("properties") or {})
    made = {"name": name, "id": str(uuid.uuid4()), "authentication_type": kind, **given}
    if doc.get("owner"):
        made["owner"] = require(s, doc["owner"])
    if kind == "DATABRICKS":
        cloud, region = _check_identifier(s, identifier)
        properties |= {"databricks.accountId": "emulator", "databricks.metastoreId": str(identifier).split(":")[2]}
        made |= {"data_recipient_global_metastore_id": identifier, "cloud": cloud, "region": region}
    elif kind == "TOKEN":
        made |= {"activated": False, "tokens": [new_token(s, made["id"], doc.get("expiration_time"))]}
    else:
        raise invalid(f"Recipients with authentication type {kind} are not supported by the emulator.")
    properties["databricks.name"] = name
    return made | {"properties_kvpairs": {"properties": properties}}


def _check_identifier(s: Session, identifier: str | None) -> tuple[str, str]:
    if not identifier or not _GLOBAL_ID.fullmatch(identifier):
        raise invalid(f"'{identifier}' is not a valid sharing identifier: expected <cloud>:<region>:<uuid>.")
    if identifier == s.metastore.global_id:
        raise invalid("The sharing identifier of the recipient is that of the current metastore.")
    for other in s.store.list(s.ms, "recipient"):
        if other.get("data_recipient_global_metastore_id") == identifier:
            message = f"There is already a Recipient object '{other['name']}' with the same sharing identifier."
            raise ApiError(400, "RECIPIENT_ALREADY_EXISTS", message, name=other["name"])
    cloud, region, _ = identifier.split(":")
    return cloud, region


def _stored(s: Session, name: str) -> Doc:
    doc = s.store.get(s.ms, "recipient", name) if name else None
    if doc is None:
        raise not_found("recipient", name)
    if not _may_see(s, doc):
        raise denied(f"User does not have USE RECIPIENT on Recipient '{name}'.")
    return doc


def get_recipient(s: Session, name: str) -> Doc:
    """One recipient. Raises ApiError RECIPIENT_DOES_NOT_EXIST, PERMISSION_DENIED."""
    return with_links(s, _stored(s, name))


def list_recipients(s: Session, global_metastore_id: str | None = None) -> list[Doc]:
    """Recipients that the caller may see, by name; only those of one metastore when its global id is given."""
    docs = [with_links(s, doc) for doc in s.store.list(s.ms, "recipient") if _may_see(s, doc)]
    if global_metastore_id is None:
        return docs
    return [doc for doc in docs if doc.get("data_recipient_global_metastore_id") == global_metastore_id]


def update_recipient(s: Session, name: str, changes: Doc) -> Doc:
    """Change fields, or the name with `new_name`. A missing or null field stays, `""` clears it."""
    with s.store.transaction():
        doc = _stored(s, name)
        _require_owner(s, doc)
        check_addresses(changes)
        if changes.get("owner"):
            require(s, changes["owner"])
        given = {key: value for key, value in changes.items() if key in _FIELDS}
        if given.get("properties_kvpairs"):
            given["properties_kvpairs"] = _properties(doc, given["properties_kvpairs"])
        doc = updated(s, doc, given)
        if changes.get("expiration_time") and doc.get("tokens"):
            latest = doc["tokens"][-1] | {"expiration_time": int(changes["expiration_time"])}
            doc["tokens"] = [*doc["tokens"][:-1], latest]
        new_name = changes.get("new_name")
        if new_name and new_name.lower() != doc["name"]:
            new_name = check_name("recipient", new_name)
            if s.store.get(s.ms, "recipient", new_name) is not None:
                raise already_exists("recipient", new_name)
            _move_grants(s, doc["name"], new_name)
            s.store.delete(s.ms, "recipient", doc["name"])
            doc["name"] = new_name
        s.store.put(s.ms, "recipient", doc["name"], doc=doc)
    return with_links(s, doc)


def _properties(doc: Doc, given: Doc) -> Doc:
    """Databricks documents that an update replaces all properties; those that it sets itself stay."""
    before = (doc.get("properties_kvpairs") or {}).get("properties") or {}
    own = {key: value for key, value in before.items() if key.startswith("databricks.")}
    return {"properties": dict(given.get("properties") or {}) | own}


def delete_recipient(s: Session, name: str) -> None:
    """Delete a recipient; it loses every share. Raises ApiError RECIPIENT_DOES_NOT_EXIST, PERMISSION_DENIED."""
    with s.store.transaction():
        doc = _stored(s, name)
        _require_owner(s, doc)
        for share in s.store.list(s.ms, "share"):
            s.store.delete(s.ms, "share_grant", share["name"], name)
        s.store.delete(s.ms, "recipient", name)


def rotate_token(s: Session, name: str, seconds: int) -> Doc:
    """Issue a new token to a TOKEN recipient; the existing one expires in `seconds`."""
    with s.store.transaction():
        doc = _stored(s, name)
        _require_owner(s, doc)
        if doc["authentication_type"] != "TOKEN":
            raise invalid(f"Recipient '{name}' does not use a token.")
        doc = updated(s, rotated(s, doc, seconds), {})
        s.store.put(s.ms, "recipient", name, doc=doc)
    return with_links(s, doc)


def _move_grants(s: Session, old: str, new: str) -> None:
    for share in s.store.list(s.ms, "share"):
        grant = s.store.get(s.ms, "share_grant", share["name"], old)
        if grant is not None:
            s.store.delete(s.ms, "share_grant", share["name"], old)
            s.store.put(s.ms, "share_grant", share["name"], new, doc=grant | {"principal": new})


def _owns(s: Session, doc: Doc) -> bool:
    return s.is_admin or str(doc["owner"]).lower() in s.identities


def _may_see(s: Session, doc: Doc) -> bool:
    return _owns(s, doc) or grants.allowed(s, "USE_RECIPIENT", "metastore", (s.metastore.metastore_id,))


def _require_owner(s: Session, doc: Doc) -> None:
    if not _owns(s, doc):
        raise denied(f"User is not an owner of Recipient '{doc['name']}'.")
