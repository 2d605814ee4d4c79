"""REST: primary and foreign keys of tables."""

from __future__ import annotations

from replicator.emulator import grants, keys, tables
from replicator.emulator.errors import ApiError, invalid
from replicator.emulator.metastore import Doc
from replicator.emulator.routing import Request, Route
from replicator.emulator.securables import parts_of
from replicator.emulator.session import Session
from replicator.emulator.unity import UC

_PRIMARY, _FOREIGN = "primary_key_constraint", "foreign_key_constraint"


def create_constraint(request: Request) -> Doc:
    """POST constraints with full_name_arg and one of primary_key_constraint, foreign_key_constraint."""
    s, given = request.session, request.json.get("constraint")
    kinds = [kind for kind in (_PRIMARY, _FOREIGN) if isinstance(given, dict) and isinstance(given.get(kind), dict)]
    if not isinstance(given, dict) or len(kinds) != 1:
        raise invalid(f"Exactly one of {_PRIMARY} and {_FOREIGN} must be given.")
    kind, key = kinds[0], dict(given[kinds[0]])
    with s.store.transaction():
        doc = tables.get_table(s, *_parts(request.text("full_name_arg")))
        parts = _parts(doc["full_name"])
        grants.require_manage(s, "table", parts)
        existing = doc.get("table_constraints", [])
        _check(s, doc, kind, key, existing)
        tables.update_table(s, *parts, {"table_constraints": [*existing, {kind: key}]})
    return {kind: key}


def delete_constraint(request: Request) -> None:
    """DELETE constraints/{full_name}?constraint_name=&cascade=: with a primary key the keys that refer to it."""
    s, name = request.session, request.required("constraint_name").lower()
    with s.store.transaction():
        doc = tables.get_table(s, *_parts(request.args["full_name"]))
        parts = _parts(doc["full_name"])
        grants.require_manage(s, "table", parts)
        existing = doc.get("table_constraints", [])
        kept = [item for item in existing if _name(item) != name]
        if len(kept) == len(existing):
            message = f"Constraint '{name}' does not exist on table '{doc['full_name']}'."
            raise ApiError(404, "CONSTRAINT_DOES_NOT_EXIST", message)
        if any(_PRIMARY in item and _name(item) == name for item in existing):
            keys.drop_references(s, doc["full_name"], cascade=request.flag("cascade"))
        tables.update_table(s, *parts, {"table_constraints": kept})


def _parts(full_name: str) -> tuple[str, str, str]:
    catalog, schema, table = parts_of(full_name, 3)
    return catalog, schema, table


def _name(item: Doc) -> str:
    return str(next(iter(item.values()))["name"]).lower()


def _check(s: Session, doc: Doc, kind: str, key: Doc, existing: list[Doc]) -> None:
    if not isinstance(key.get("name"), str) or not isinstance(key.get("child_columns"), list):
        raise invalid(f"{kind} needs name and child_columns.")
    if key["name"].lower() in [_name(item) for item in existing]:
        raise ApiError(400, "CONSTRAINT_ALREADY_EXISTS", f"Constraint '{key['name']}' already exists.")
    columns = {column["name"].lower(): column for column in doc.get("columns", ())}
    for name in key["child_columns"]:
        column = columns.get(str(name).lower())
        if column is None:
            raise ApiError(404, "COLUMN_DOES_NOT_EXIST", f"Column '{name}' does not exist in '{doc['full_name']}'.")
        if kind == _PRIMARY and column.get("nullable", True):
            raise invalid(f"Cannot create the primary key because its child column(s) '{name}' is nullable.")
    if kind == _PRIMARY and any(_PRIMARY in item for item in existing):
        raise ApiError(400, "CONSTRAINT_ALREADY_EXISTS", f"Table '{doc['full_name']}' already has a primary key.")
    if kind == _FOREIGN:
        parent = tables.get_table(s, *_parts(str(key.get("parent_table", ""))))
        if not any(_PRIMARY in item for item in parent.get("table_constraints", ())):
            raise invalid(f"The parent table '{parent['full_name']}' has no primary key.")


ROUTES = (
    Route("POST", f"{UC}/constraints", create_constraint),
    Route("DELETE", f"{UC}/constraints/{{full_name}}", delete_constraint),
)
