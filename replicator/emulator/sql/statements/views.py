"""Views: CREATE, ALTER."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from replicator.emulator import engine, grants, tables
from replicator.emulator.delta import types
from replicator.emulator.errors import ApiError, SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import names, query
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, read, write
from replicator.emulator.sql.statements import tags
from replicator.emulator.sql.statements.create_table import existing_table


@dataclass
class View:
    """What CREATE VIEW says; columns are (name, comment)."""

    name: Name
    query: str = ""
    columns: list[tuple[str, str | None]] = field(default_factory=list)
    comment: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    if_not_exists: bool = False
    replace: bool = False


def parse_create(reader: Reader, replaces: bool, temporary: bool) -> Statement:
    """[TEMPORARY] VIEW [IF NOT EXISTS] v [(columns)] [COMMENT] [TBLPROPERTIES] AS query."""
    reader.expect("VIEW")
    if_not_exists = reader.if_not_exists()
    view = View(reader.name(), if_not_exists=if_not_exists, replace=replaces)
    if reader.peek("("):
        view.columns = reader.in_parentheses(lambda: _column(reader))
    while not reader.accept("AS"):
        if reader.accept("COMMENT"):
            view.comment = reader.string()
        elif reader.accept("TBLPROPERTIES"):
            view.properties = reader.properties()
        elif reader.accept("WITH", "SCHEMA"):
            if reader.accept_any("BINDING", "COMPENSATION", "EVOLUTION") is None:
                reader.expect("TYPE", "EVOLUTION")
        elif reader.accept("DEFAULT", "COLLATION"):
            reader.identifier()
        else:
            raise reader.error("'AS'")
    view.query = reader.rest()
    if temporary:
        return read("CREATE_TEMPORARY_VIEW", lambda s: _create_temporary(s, view))
    return write("CREATE_VIEW", lambda s: _create(s, view))


def _column(reader: Reader) -> tuple[str, str | None]:
    name = reader.identifier()
    return name, reader.string() if reader.accept("COMMENT") else None


def _create(s: Session, view: View) -> None:
    parts = names.qualify(s, view.name)
    existing = existing_table(s, parts)
    if existing is not None:
        if view.if_not_exists:
            return
        if not view.replace:
            raise ApiError(400, "TABLE_ALREADY_EXISTS", "View already exists", name=".".join(parts))
        if existing["table_type"] not in names.VIEWS:
            message = f"'CREATE OR REPLACE VIEW' expects a view but `{existing['full_name']}` is a table."
            raise SqlError("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809", message)
    _refuse_temporary(s, view)
    doc = definition(s, view.query, view.columns) | {
        "catalog_name": parts[0],
        "schema_name": parts[1],
        "name": parts[2],
        "table_type": "VIEW",
        "comment": view.comment,
        "properties": view.properties,
    }
    tables.register_table(s, doc, replace=existing is not None)


def _create_temporary(s: Session, view: View) -> pa.Table:
    """Keep a view in the session. It reads with the rights of whoever reads it, as text that is pasted."""
    if len(view.name) != 1:
        message = f"CREATE TEMPORARY VIEW does not allow providing a catalog or schema: {'.'.join(view.name)}."
        raise SqlError("TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS", "428EK", message)
    name = view.name[0].lower()
    if name in s.temporary and not view.replace:
        message = f"Cannot create the temporary view `{name}` because it already exists."
        raise SqlError("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", "42P07", message)
    parts = {"catalog_name": "", "schema_name": "", "name": name, "full_name": name}
    made = definition(s, view.query, view.columns) | parts | {"table_type": "VIEW", "owner": s.principal}
    s.temporary[name] = made | {"comment": view.comment, "properties": view.properties, "_temporary": True}
    return pa.table({})


def _refuse_temporary(s: Session, view: View) -> None:
    """A view that stays cannot read one that does not."""
    used = [name for name in query.names_read(s, view.query) if name in s.temporary]
    if used:
        message = f"Cannot create the persistent object {'.'.join(view.name)} because it references a temporary view."
        raise SqlError("INVALID_TEMP_OBJ_REFERENCE", "42K0F", f"{message[:-1]} `{used[0]}`.")


def definition(s: Session, text: str, given: list[tuple[str, str | None]]) -> Doc:
    """The document fields that a view's query decides: its text, the names it was read with, and its columns."""
    schema = schema_of(s, text)
    if given and len(given) != len(schema.fields):
        message = f"The number of columns of the view ({len(given)}) and of its query ({len(schema.fields)}) differ."
        raise SqlError("CREATE_VIEW_COLUMN_ARITY_MISMATCH", "21S01", message)
    fields = [
        types.Field(name, item.type, True, {types.COMMENT: comment} if comment else {})
        for item, (name, comment) in zip(
            schema.fields, given or [(item.name, None) for item in schema.fields], strict=True
        )
    ]
    dependencies = [{"table": {"table_full_name": name}} for name in query.names_read(s, text)]
    return {
        "view_dependencies": {"dependencies": dependencies},
        "view_definition": text,
        "_view_sql": text,
        "_view_context": [names.current_catalog(s), names.current_schema(s)],
        "columns": types.column_docs(types.Struct(tuple(fields))),
    }


def schema_of(s: Session, text: str) -> types.Struct:
    """Names and types of a query's result. Raises SqlError and ApiError for a query that cannot run."""
    bound = query.bind(s, text)
    with engine.connect(bound.relations) as connection:
        relation = connection.sql(bound.sql)
        found: list[Any] = bound.names if bound.names is not None else relation.columns
        fields = [types.Field(name, types.from_duckdb(kind)) for name, kind in zip(found, relation.types, strict=True)]
    lowered = [item.name.lower() for item in fields]
    for name in lowered:
        if lowered.count(name) > 1:
            raise SqlError("COLUMN_ALREADY_EXISTS", "42711", f"The column `{name}` already exists.")
    return types.Struct(tuple(fields))


def parse_alter(reader: Reader) -> Statement:
    """ALTER [MATERIALIZED] VIEW v {AS query | RENAME TO | SET/UNSET TBLPROPERTIES | OWNER TO | SET/UNSET TAGS}."""
    reader.accept("MATERIALIZED")
    reader.expect("VIEW")
    reader.if_exists()
    name = reader.name()
    tagged = tags.parse_tags(reader, "ALTER_VIEW", "tables", lambda s: names.qualify(s, name))
    if tagged is not None:
        return tagged
    if reader.accept("ALTER", "COLUMN") or reader.accept("ALTER"):
        column = reader.identifier()
        tagged = tags.parse_tags(reader, "ALTER_VIEW", "columns", lambda s: (*names.qualify(s, name), column))
        if tagged is None:
            raise reader.error("SET TAGS or UNSET TAGS")
        return tagged
    if reader.accept("AS"):
        text = reader.rest()
        return write("ALTER_VIEW", lambda s: _redefine(s, name, text))
    return _parse_alter_rest(reader, name)


def _parse_alter_rest(reader: Reader, name: Name) -> Statement:
    if reader.accept("RENAME", "TO"):
        target = reader.name()
        reader.finish()
        return write("ALTER_VIEW", lambda s: _rename(s, name, target))
    if reader.accept("SET", "TBLPROPERTIES"):
        added = reader.properties()
        reader.finish()
        return write("ALTER_VIEW", lambda s: _change_properties(s, name, added, []))
    if reader.accept("UNSET", "TBLPROPERTIES"):
        reader.if_exists()
        removed = reader.in_parentheses(reader.property_key)
        reader.finish()
        return write("ALTER_VIEW", lambda s: _change_properties(s, name, {}, removed))
    if reader.accept("SET", "OWNER", "TO") or reader.accept("OWNER", "TO"):
        owner = reader.principal()
        reader.finish()
        return write("ALTER_VIEW", lambda s: tables.update_table(s, *names.qualify(s, name), {"owner": owner}))
    raise reader.error("a clause of ALTER VIEW that the emulator supports")


def _redefine(s: Session, name: Name, text: str) -> None:
    doc = names.lookup(s, name)
    grants.require_manage(s, "table", names.parts_of(doc))
    tables.update_table(s, *names.parts_of(doc), definition(s, text, []))


def _rename(s: Session, name: Name, target: Name) -> None:
    old = names.parts_of(names.lookup(s, name))
    new = names.qualify(s, target) if len(target) == 3 else (old[0], *((old[1], *target)[-2:]))
    tables.rename_table(s, old, [part.lower() for part in new])


def _change_properties(s: Session, name: Name, added: dict[str, str], removed: list[str]) -> None:
    doc = names.lookup(s, name)
    kept = {key: value for key, value in doc.get("properties", {}).items() if key not in removed}
    tables.update_table(s, *names.parts_of(doc), {"properties": kept | added})
