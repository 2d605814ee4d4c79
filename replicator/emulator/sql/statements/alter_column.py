"""ALTER TABLE … ALTER COLUMN: comment, type, nullability, default, order, tags, mask; several columns at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from replicator.emulator import engine, tables
from replicator.emulator.delta import read, types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import columns, commits, names, rows
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import tags
from replicator.emulator.sql.statements.create_table import mask_document

Change = Callable[[Session, Snapshot, types.Field], types.Field]
KIND = "ALTER_TABLE"

# Type changes that Delta's type widening allows: from -> to
_WIDER = {
    "byte": ("short", "integer", "long", "double"),
    "short": ("integer", "long", "double"),
    "integer": ("long", "double"),
    "float": ("double",),
    "date": ("timestamp_ntz",),
}


def parse(reader: Reader, name: Name) -> Statement | None:
    """{ALTER | CHANGE} [COLUMN] column …; None when something else is there."""
    if not (reader.accept("ALTER") or reader.accept("CHANGE")):
        return None
    reader.accept("COLUMN")
    column = reader.name()[-1]
    tagged = tags.parse_tags(reader, KIND, "columns", lambda s: (*names.qualify(s, name), column))
    if tagged is not None:
        return tagged
    if reader.accept("SET", "MASK"):
        mask = columns.read_mask(reader)
        reader.finish()
        return write(KIND, lambda s: _set_mask(s, name, column, mask_document(s, mask)))
    if reader.accept("DROP", "MASK"):
        reader.finish()
        return write(KIND, lambda s: _set_mask(s, name, column, None))
    found = [(column, _change(reader))]
    while reader.accept(","):
        found.append((reader.name()[-1], _change(reader)))
    reader.finish()
    return write(KIND, lambda s: _alter(s, name, found))


def set_comment(s: Session, name: Name, column: str, text: str) -> None:
    """Set or, with an empty text, clear one column's comment."""
    _alter(s, name, [(column, ("CHANGE COLUMN", _commented(text)))])


def _commented(text: str) -> Change:
    return lambda s, state, item: item.with_metadata(comment=text or None)


def _change(reader: Reader) -> tuple[str, Change | str]:
    """The history operation and the change; for FIRST and AFTER the place instead of a change."""
    if reader.accept("COMMENT"):
        return "CHANGE COLUMN", _commented(reader.string())
    if reader.accept("SET", "NOT", "NULL"):
        return "CHANGE COLUMN", _not_null
    if reader.accept("DROP", "NOT", "NULL"):
        return "CHANGE COLUMN", lambda s, state, item: replace(item, nullable=True)
    if reader.accept("SET", "DEFAULT"):
        text = reader.text_until()
        return "CHANGE COLUMN", lambda s, state, item: _default(state, item, text)
    if reader.accept("DROP", "DEFAULT"):
        return "CHANGE COLUMN", lambda s, state, item: item.with_metadata(**{rows.DEFAULT: None})
    if reader.accept("SYNC", "IDENTITY"):
        return "SYNC IDENTITY", _sync_identity
    if reader.accept("FIRST"):
        return "CHANGE COLUMN", ""
    if reader.accept("AFTER"):
        return "CHANGE COLUMN", reader.identifier()
    if reader.accept("TYPE") or reader.accept("SET", "DATA", "TYPE"):
        wanted = reader.type()
        return "CHANGE COLUMN", lambda s, state, item: _retyped(state, item, wanted)
    raise reader.error("a clause of ALTER COLUMN that the emulator supports")


def _alter(s: Session, name: Name, changes: list[tuple[str, tuple[str, Change | str]]]) -> None:
    doc = names.lookup(s, name)
    if doc.get("table_type") in names.PIPELINE_TABLES and not doc.get("_read_only"):
        _comment_pipeline_table(s, doc, changes)
        return
    with names.writing(s, name) as (doc, state):
        schema = state.schema
        for column, (_, change) in changes:
            schema = _changed(s, state, schema, column, change)
        _, (operation, _) = changes[0]
        parameters = {"column": types.field_to_json(_find(schema, changes[0][0]))}
        definition = commits.redefine(state, schema=schema)
        after = commits.commit_change(s, state, operation, parameters, definition=definition)
        names.publish(s, doc, after)


def _changed(s: Session, state: Snapshot, schema: types.Struct, column: str, change: Change | str) -> types.Struct:
    item = _find(schema, column)
    if callable(change):
        made = change(s, state, item)
        return types.Struct(tuple(made if other is item else other for other in schema.fields))
    others = [other for other in schema.fields if other is not item]
    place = 0 if change == "" else others.index(_find(schema, change)) + 1
    return types.Struct((*others[:place], item, *others[place:]))


def _find(schema: types.Struct, name: str) -> types.Field:
    found = schema.find(name)
    if found is None:
        message = f"A column, variable, or function parameter with name `{name}` cannot be resolved."
        raise SqlError("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", message)
    return found


def _comment_pipeline_table(s: Session, doc: Doc, changes: list[tuple[str, tuple[str, Change | str]]]) -> None:
    """Column comments of streaming tables live in the catalog: their files belong to the pipeline."""
    schema = types.schema_of_docs(doc["columns"])
    for column, (_, change) in changes:
        item = _find(schema, column)
        if not callable(change) or change(s, _no_state(), item).type != item.type:
            names.require_writable(doc)
        else:
            made = change(s, _no_state(), item)
            schema = types.Struct(tuple(made if other is item else other for other in schema.fields))
    tables.update_table(s, *names.parts_of(doc), {"columns": types.column_docs(schema)})


def _no_state() -> Snapshot:
    return Snapshot(Path(), -1, 0, {}, {"schemaString": '{"type":"struct","fields":[]}'}, {})


def _not_null(s: Session, state: Snapshot, item: types.Field) -> types.Field:
    with engine.connect({"t": read.relation(state)}) as connection:
        query = f"SELECT count(*) FROM t WHERE {types.quote(item.name)} IS NULL"
        if connection.execute(query).fetchall()[0][0]:
            message = f"NOT NULL constraint violated for column: {item.name}."
            raise SqlError("DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502", message)
    return replace(item, nullable=False)


def _default(state: Snapshot, item: types.Field, text: str) -> types.Field:
    made = item.with_metadata(**{rows.DEFAULT: text})
    columns.require_default_feature([made], state.properties, "ALTER TABLE")
    return made


def _sync_identity(s: Session, state: Snapshot, item: types.Field) -> types.Field:
    with engine.connect({"t": read.relation(state)}) as connection:
        far = "max" if int(item.metadata[rows.IDENTITY_STEP]) > 0 else "min"
        value = connection.execute(f"SELECT {far}({types.quote(item.name)}) FROM t").fetchall()[0][0]
    return item.with_metadata(**{rows.IDENTITY_HIGH: value})


def _retyped(state: Snapshot, item: types.Field, wanted: types.Field) -> types.Field:
    old, new = item.type, wanted.type
    if old == new:
        return item.with_metadata(**{types.CHAR_METADATA: wanted.metadata.get(types.CHAR_METADATA)})
    enabled = state.properties.get("delta.enableTypeWidening", "").lower() == "true"
    if not (enabled and _is_wider(old, new)):
        message = (
            f"ALTER TABLE ALTER COLUMN is not supported for changing column {item.name} from"
            f" {types.text_of(old).upper()} to {types.text_of(new).upper()}"
        )
        raise SqlError("DELTA_UNSUPPORTED_ALTER_TABLE_CHANGE_COL_OP", "0AKDC", message)
    return replace(item, type=new)


def _is_wider(old: types.DataType, new: types.DataType) -> bool:
    if isinstance(old, types.Primitive) and isinstance(new, types.Primitive):
        return new.name in _WIDER.get(old.name, ())
    if isinstance(old, types.Decimal) and isinstance(new, types.Decimal):
        whole = new.precision - new.scale >= old.precision - old.scale
        return whole and new.scale >= old.scale
    return False


def _set_mask(s: Session, name: Name, column: str, mask: Doc | None) -> None:
    doc = names.writable(s, name, "MANAGE")
    _find(types.schema_of_docs(doc["columns"]), column)
    changed = []
    for item in doc["columns"]:
        kept = {key: value for key, value in item.items() if key != "mask"}
        mine = item["name"].lower() == column.lower()
        if mine and mask is not None:
            kept["mask"] = mask
        changed.append(kept if mine else item)
    tables.update_table(s, *names.parts_of(doc), {"columns": changed})
