"""Privileges: who may do what, on the object itself or through the objects that contain it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replicator.emulator.errors import invalid, missing_privilege, not_found
from replicator.emulator.metastore import Doc, exact
from replicator.emulator.principals import require
from replicator.emulator.session import Session, words
from replicator.emulator.shared_catalogs import READ_ONLY, shared_schemas, shared_table

_DATA = {"SELECT", "MODIFY", "READ_VOLUME", "WRITE_VOLUME", "EXECUTE", "REFRESH"}
_CREATE = {"CREATE_TABLE", "CREATE_VOLUME", "CREATE_FUNCTION", "CREATE_MODEL", "CREATE_MODEL_VERSION"}
_SCHEMA = (
    _DATA
    | _CREATE
    | {
        "CREATE_MATERIALIZED_VIEW",
        "USE_SCHEMA",
        "EXTERNAL_USE_SCHEMA",
        "APPLY_TAG",
        "MANAGE",
        "ALL_PRIVILEGES",
    }
)
_LOCATION = {"READ_FILES", "WRITE_FILES", "CREATE_EXTERNAL_TABLE", "CREATE_EXTERNAL_VOLUME", "BROWSE"}

# securable type -> privileges that Databricks accepts on it
PRIVILEGES: Mapping[str, frozenset[str]] = {
    "metastore": words(
        "CREATE_CATALOG CREATE_CONNECTION CREATE_EXTERNAL_LOCATION CREATE_PROVIDER CREATE_RECIPIENT"
        " CREATE_SHARE CREATE_STORAGE_CREDENTIAL CREATE_SERVICE_CREDENTIAL CREATE_CLEAN_ROOM"
        " MANAGE_ALLOWLIST USE_PROVIDER USE_RECIPIENT USE_SHARE SET_SHARE_PERMISSION USE_MARKETPLACE_ASSETS"
    ),
    "catalog": frozenset(_SCHEMA | {"CREATE_SCHEMA", "USE_CATALOG", "BROWSE"}),
    "schema": frozenset(_SCHEMA),
    "table": frozenset({"SELECT", "MODIFY", "REFRESH", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"}),
    "volume": frozenset({"READ_VOLUME", "WRITE_VOLUME", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"}),
    "function": frozenset({"EXECUTE", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"}),
    "model": frozenset({"EXECUTE", "CREATE_MODEL_VERSION", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"}),
    "connection": frozenset({"USE_CONNECTION", "CREATE_FOREIGN_CATALOG", "MANAGE", "ALL_PRIVILEGES"}),
    "external_location": frozenset(_LOCATION | {"MANAGE", "ALL_PRIVILEGES"}),
    "storage_credential": frozenset(_LOCATION - {"BROWSE"} | {"CREATE_EXTERNAL_LOCATION", "MANAGE", "ALL_PRIVILEGES"}),
}
_RECIPIENT_SIDE = words("USE_CATALOG USE_SCHEMA SELECT READ_VOLUME EXECUTE BROWSE MANAGE APPLY_TAG ALL_PRIVILEGES")
_NOT_IN_ALL = frozenset({"MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION", "ALL_PRIVILEGES"})
_USE = (("catalog", 1, "USE_CATALOG"), ("schema", 2, "USE_SCHEMA"))
_IN_SCHEMA = ("table", "volume", "function", "model")

Securable = tuple[str, tuple[str, ...]]


def kind_of(securable_type: str) -> str:
    """The document kind of a securable type as clients spell it (`TABLE`, `external-location`, …)."""
    kind = securable_type.lower().replace("-", "_").replace(" ", "_")
    kind = {"view": "table", "registered_model": "model", "credential": "storage_credential"}.get(kind, kind)
    if kind not in PRIVILEGES:
        raise invalid(f"Unknown securable type: {securable_type}")
    return kind


def privilege_of(name: str) -> str:
    """`USE CATALOG` and `use_catalog` as `USE_CATALOG`; `ALL` and `ALL PRIVILEGES` as `ALL_PRIVILEGES`."""
    word = name.strip().upper().replace(" ", "_")
    return {"ALL": "ALL_PRIVILEGES", "USAGE": "USE_SCHEMA"}.get(word, word)


def chain(s: Session, kind: str, parts: Sequence[str]) -> Iterator[Securable]:
    """The securable and everything that contains it, innermost first, the metastore last."""
    yield kind, tuple(parts)
    if kind in _IN_SCHEMA:
        yield "schema", tuple(parts[:2])
    if kind in (*_IN_SCHEMA, "schema"):
        yield "catalog", tuple(parts[:1])
    if kind != "metastore":
        yield "metastore", (s.metastore.metastore_id,)


def direct(s: Session, securable_type: str, parts: Sequence[str]) -> list[Doc]:
    """Grants on the object itself: `{"principal", "privileges": […]}`, by principal."""
    kind = kind_of(securable_type)
    ensure_exists(s, kind, parts)
    grants = s.store.list(s.ms, "grant", kind, *parts)
    return [{"principal": doc["principal"], "privileges": doc["privileges"]} for doc in grants]


def effective(s: Session, securable_type: str, parts: Sequence[str]) -> list[Doc]:
    """Grants on the object and inherited ones: privileges with `inherited_from_type` and `…_name`."""
    kind = kind_of(securable_type)
    ensure_exists(s, kind, parts)
    found: dict[str, list[Doc]] = {}
    for level, (level_kind, level_parts) in enumerate(chain(s, kind, parts)):
        origin = {"inherited_from_type": level_kind.upper(), "inherited_from_name": ".".join(level_parts)}
        for grant in s.store.list(s.ms, "grant", level_kind, *level_parts):
            passed = [word for word in grant["privileges"] if level == 0 or word in PRIVILEGES[kind]]
            privileges = [{"privilege": word} | (origin if level else {}) for word in passed]
            if privileges:
                found.setdefault(grant["principal"], []).extend(privileges)
    return [{"principal": principal, "privileges": found[principal]} for principal in sorted(found)]


def change(s: Session, securable_type: str, parts: Sequence[str], changes: Sequence[Mapping[str, Any]]) -> list[Doc]:
    """Apply `{"principal", "add": […], "remove": […]}` as one: one bad entry rejects all.

    Raises ApiError: PERMISSION_DENIED unless the caller owns or manages the object, PRINCIPAL_DOES_NOT_EXIST,
    INVALID_PARAMETER_VALUE for privileges that do not apply to the securable type.
    """
    kind = kind_of(securable_type)
    with s.store.transaction():
        ensure_exists(s, kind, parts)
        require_manage(s, kind, parts)
        for entry in changes:
            _change_one(s, kind, parts, entry)
    return direct(s, kind, parts)


def _change_one(s: Session, kind: str, parts: Sequence[str], entry: Mapping[str, Any]) -> None:
    principal = require(s, str(entry.get("principal", "")))
    adds = {_applicable(s, kind, parts, word) for word in entry.get("add") or ()}
    removes = {_applicable(s, kind, parts, word) for word in entry.get("remove") or ()}
    key = (kind, *parts, exact(principal))
    current = set((s.store.get(s.ms, "grant", *key) or {}).get("privileges", ()))
    wanted = sorted((current | adds) - removes)
    if wanted:
        s.store.put(s.ms, "grant", *key, doc={"principal": principal, "privileges": wanted})
    else:
        s.store.delete(s.ms, "grant", *key)


def _applicable(s: Session, kind: str, parts: Sequence[str], word: str) -> str:
    privilege = privilege_of(word)
    if privilege not in PRIVILEGES[kind]:
        raise invalid(
            f"Privilege {privilege} is not applicable to this entity [{'.'.join(parts)}:{kind.upper()}]. If"
            " this seems unexpected, please check the privilege version of the metastore in use [1.0]."
        )
    if kind in ("catalog", "schema", *_IN_SCHEMA):
        catalog = s.store.get(s.ms, "catalog", parts[0]) or {}
        if catalog.get("catalog_type") in READ_ONLY and privilege not in _RECIPIENT_SIDE:
            raise invalid(f"Privilege {privilege} cannot be granted on a shared object.")
    return privilege


def drop(s: Session, kind: str, parts: Sequence[str]) -> None:
    """Forget all grants on an object and on everything inside it."""
    for inner in ("catalog", "schema", *_IN_SCHEMA) if kind in ("catalog", "schema") else (kind,):
        s.store.delete_all(s.ms, "grant", inner, *parts)


def owner_of(s: Session, kind: str, parts: Sequence[str]) -> str:
    """The owner of a securable; `""` for objects that only a share or the system defines."""
    if kind == "metastore":
        return s.metastore.owner
    return str((s.store.get(s.ms, kind, *parts) or {}).get("owner", ""))


def owns(s: Session, kind: str, parts: Sequence[str]) -> bool:
    """Whether the caller owns the object or something that contains it."""
    if s.is_admin:
        return True
    return any(owner_of(s, *level).lower() in s.identities for level in chain(s, kind, parts))


def granted(s: Session, kind: str, parts: Sequence[str]) -> set[str]:
    """Privileges that the caller was granted on the object or inherits; ALL_PRIVILEGES expanded."""
    found: set[str] = set()
    for level_kind, level_parts in chain(s, kind, parts):
        for identity in s.identities:
            doc = s.store.get(s.ms, "grant", level_kind, *level_parts, exact(identity))
            found.update(doc["privileges"] if doc else ())
        if found & {"ALL_PRIVILEGES"}:
            found |= PRIVILEGES[level_kind] - _NOT_IN_ALL
    return found


def allowed(s: Session, privilege: str, kind: str, parts: Sequence[str]) -> bool:
    """Whether the caller holds one privilege on the object, by grant, inheritance or ownership."""
    return owns(s, kind, parts) or privilege in granted(s, kind, parts)


def check(s: Session, privilege: str, securable_type: str, parts: Sequence[str]) -> None:
    """Raise ApiError 403 unless the caller may: USE CATALOG and USE SCHEMA on the way, then the privilege
    itself.
    """
    kind = kind_of(securable_type)
    if s.is_admin:
        return
    if kind in ("schema", *_IN_SCHEMA):
        for level, size, use in _USE[: len(parts) - 1]:
            if not allowed(s, use, level, parts[:size]):
                raise missing_privilege(use, level, ".".join(parts[:size]))
    if not allowed(s, privilege_of(privilege), kind, parts):
        name = s.ms if kind == "metastore" else ".".join(parts)
        raise missing_privilege(privilege, kind, name)


def check_metastore(s: Session, privilege: str) -> None:
    """Raise ApiError 403 unless the caller holds a metastore privilege such as CREATE_CATALOG."""
    check(s, privilege, "metastore", (s.metastore.metastore_id,))


def require_manage(s: Session, kind: str, parts: Sequence[str]) -> None:
    """Raise ApiError 403 unless the caller owns the object or holds MANAGE on it."""
    if not allowed(s, "MANAGE", kind, parts):
        raise missing_privilege("MANAGE", kind, ".".join(parts))


def visible(s: Session, kind: str, parts: Sequence[str]) -> bool:
    """Whether the caller may know of the object: it holds something on it, or BROWSE on its catalog."""
    if owns(s, kind, parts):
        return True
    privileges = granted(s, kind, parts)
    if "BROWSE" in privileges:
        return True
    for level, size, use in _USE[: len(parts) - 1 if kind in ("schema", *_IN_SCHEMA) else 0]:
        if not allowed(s, use, level, parts[:size]):
            return False
    return bool(privileges & PRIVILEGES[kind])


def visible_in(s: Session, kind: str, schema: Sequence[str], docs: Sequence[Doc]) -> list[Doc]:
    """Those of the objects of one schema that are visible; what all of them inherit is looked up once."""
    if owns(s, "schema", schema):
        return list(docs)
    inherited = granted(s, "schema", schema)
    reachable = all(allowed(s, use, level, schema[:size]) for level, size, use in _USE)
    if "BROWSE" in inherited or (reachable and inherited & PRIVILEGES[kind]):
        return list(docs)

    def direct_grant(doc: Doc) -> bool:
        return any(s.store.get(s.ms, "grant", kind, *schema, doc["name"], exact(one)) for one in s.identities)

    return [doc for doc in docs if str(doc["owner"]).lower() in s.identities or (reachable and direct_grant(doc))]


def require_visible(s: Session, kind: str, parts: Sequence[str]) -> None:
    """Raise ApiError 403 for an object that the caller may not even see."""
    if not visible(s, kind, parts):
        use = {"catalog": "USE_CATALOG", "schema": "USE_SCHEMA", "table": "SELECT"}
        raise missing_privilege(use.get(kind, "MANAGE"), kind, ".".join(parts))


def ensure_exists(s: Session, kind: str, parts: Sequence[str]) -> None:
    """Raise ApiError 404 unless the securable exists, in a shared catalog too."""
    if kind == "metastore":
        if list(parts) != [s.metastore.metastore_id]:
            raise not_found("metastore", ".".join(parts))
        return
    catalog = s.store.get(s.ms, "catalog", parts[0]) if kind in ("schema", "table") else None
    if catalog is not None and catalog.get("catalog_type") == "DELTASHARING_CATALOG":
        if kind == "table":
            shared_table(s, catalog, parts[1], parts[2])
        elif parts[1].lower() not in [doc["name"] for doc in shared_schemas(s, catalog)]:
            raise not_found("schema", ".".join(parts))
    elif s.store.get(s.ms, kind, *parts) is None:
        raise not_found(kind, ".".join(parts))
