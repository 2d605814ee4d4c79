"""ALTER [STREAMING] TABLE: columns, properties, constraints, clustering, owner, name, tags, policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from replicator.emulator import engine, grants, keys, tables, tags
from replicator.emulator.delta import read, types
from replicator.emulator.delta.log import Snapshot
from replicator.emulator.errors import SqlError
from replicator.emulator.metastore import Doc
from replicator.emulator.session import Session
from replicator.emulator.sql import columns, commits, names, rows
from replicator.emulator.sql.reader import Name, Reader
from replicator.emulator.sql.statement import Statement, write
from replicator.emulator.sql.statements import alter_column
from replicator.emulator.sql.statements import tags as tag_statements
from replicator.emulator.sql.statements.create_table import (
    clustering_action,
    filter_document,
    read_clustering,
    read_row_filter,
)

Json = dict[str, Any]
Effect = Callable[[Session, Name], None]
KIND = "ALTER_TABLE"


def parse(reader: Reader) -> Statement:
    """ALTER [STREAMING] TABLE t …"""
    reader.accept("STREAMING")
    reader.expect("TABLE")
    reader.if_exists()
    name = reader.name()
    tagged = tag_statements.parse_tags(reader, KIND, "tables", lambda s: names.qualify(s, name))
    if tagged is not None:
        return tagged
    column = alter_column.parse(reader, name)
    if column is not None:
        return column
    effect = _effect(reader)
    reader.finish()
    return write(KIND, lambda s: effect(s, name))


def _effect(reader: Reader) -> Effect:
    if reader.accept("SET", "TBLPROPERTIES"):
        added = reader.properties()
        return lambda s, name: change_properties(s, name, added, ())
    if reader.accept("UNSET", "TBLPROPERTIES"):
        if_exists = reader.if_exists()
        keys = reader.in_parentheses(reader.property_key)
        return lambda s, name: change_properties(s, name, {}, keys, if_exists)
    if reader.accept("ADD"):
        return _add(reader)
    if reader.accept("DROP"):
        return _drop(reader)
    if reader.accept("RENAME", "COLUMN"):
        old = reader.identifier()
        reader.expect("TO")
        new = reader.identifier()
        return lambda s, name: _rename_column(s, name, old, new)
    if reader.accept("RENAME", "TO"):
        target = reader.name()
        return lambda s, name: _rename(s, name, target)
    if reader.accept("CLUSTER", "BY"):
        keys_ = read_clustering(reader)
        return lambda s, name: _cluster(s, name, keys_)
    return _catalog_effect(reader)


def _catalog_effect(reader: Reader) -> Effect:
    """Changes that only the catalog knows of, not the Delta log."""
    if reader.accept("SET", "OWNER", "TO") or reader.accept("OWNER", "TO"):
        owner = reader.principal()
        return lambda s, name: _update(s, name, {"owner": owner})
    if word := reader.accept_any("ENABLE", "DISABLE", "INHERIT"):
        reader.expect("PREDICTIVE", "OPTIMIZATION")
        return lambda s, name: _update(s, name, {"enable_predictive_optimization": word})
    if reader.accept("SET", "ROW", "FILTER"):
        row_filter = read_row_filter(reader)
        return lambda s, name: _update(s, name, {"row_filter": filter_document(s, row_filter)})
    raise reader.error("a clause of ALTER TABLE that the emulator supports")


def _update(s: Session, name: Name, changes: Doc) -> None:
    doc = names.lookup(s, name)
    if doc.get("_read_only"):
        names.require_writable(doc)
    tables.update_table(s, *names.parts_of(doc), changes)


# ---- properties


def change_properties(
    s: Session, name: Name, added: Mapping[str, str], removed: list[str] | tuple[str, ...], if_exists: bool = True
) -> None:
    """SET and UNSET TBLPROPERTIES. Raises SqlError for an unknown key, or a column mapping mode that cannot change."""
    doc = names.lookup(s, name)
    if doc.get("table_type") in names.VIEWS | names.PIPELINE_TABLES and not doc.get("_read_only"):
        kept = {key: value for key, value in doc.get("properties", {}).items() if key not in removed}
        tables.update_table(s, *names.parts_of(doc), {"properties": kept | dict(added)})
        return
    with names.writing(s, name) as (doc, state):
        for key in removed:
            if key not in state.properties and not if_exists:
                message = f"Attempted to unset non-existent property '{key}' in table {doc['full_name']}"
                raise SqlError("DELTA_UNSET_NON_EXISTENT_PROPERTY", "42616", message)
        properties = {key: value for key, value in state.properties.items() if key not in removed} | dict(added)
        schema = _mapped(state, properties)
        operation = "SET TBLPROPERTIES" if added else "UNSET TBLPROPERTIES"
        parameters: Json = (
            {"properties": dict(added)} if added else {"properties": list(removed), "ifExists": if_exists}
        )
        definition = commits.redefine(state, schema=schema, properties=properties)
        after = commits.commit_change(s, state, operation, parameters, definition=definition)
        names.publish(s, doc, after)


def _mapped(state: Snapshot, properties: dict[str, str]) -> types.Struct:
    old = state.properties.get(columns.MAPPING_MODE, "none")
    new = properties.get(columns.MAPPING_MODE, "none")
    if old != new and (old != "none" or new != "name"):
        message = f"Changing column mapping mode from '{old}' to '{new}' is not supported."
        raise SqlError("DELTA_UNSUPPORTED_COLUMN_MAPPING_MODE_CHANGE", "0AKDC", message)
    return columns.map_columns(state.schema, properties, new_columns=False)


# ---- ADD and DROP


def _add(reader: Reader) -> Effect:
    if reader.peek("CONSTRAINT") or reader.peek("PRIMARY", "KEY") or reader.peek("FOREIGN", "KEY"):
        constraint = columns.read_constraint(reader)
        return lambda s, name: _add_constraint(s, name, constraint)
    if not reader.accept("COLUMNS"):
        reader.expect("COLUMN")
    if_not_exists = reader.if_not_exists()
    one = lambda: _new_column(reader)  # noqa: E731
    added = reader.in_parentheses(one) if reader.peek("(") else reader.listed(one)
    return lambda s, name: _add_columns(s, name, added, if_not_exists)


def _new_column(reader: Reader) -> tuple[types.Field, str | None]:
    """A column and where it goes: None at the end, "" first, else after the named column."""
    path = reader.mark()
    if len(reader.name()) > 1:
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", "Adding nested fields is not supported by the emulator.")
    reader.reset(path)
    item = columns.read_column(reader).fields[0]
    if reader.accept("FIRST"):
        return item, ""
    return item, reader.identifier() if reader.accept("AFTER") else None


def _add_columns(s: Session, name: Name, added: list[tuple[types.Field, str | None]], if_not_exists: bool) -> None:
    with names.writing(s, name) as (doc, state):
        fields = list(state.schema.fields)
        for item, after in added:
            known = [field.name.lower() for field in fields]
            if item.name.lower() in known:
                if if_not_exists:
                    continue
                message = f"Cannot add column, because `{item.name}` already exists in {state.schema.names}."
                raise SqlError("FIELD_ALREADY_EXISTS", "42710", message)
            if not item.nullable:
                message = f"NOT NULL constraint violated: column {item.name} cannot be added as NOT NULL."
                raise SqlError("DELTA_ADD_COLUMN_NOT_NULL", "0AKDC", message)
            _refuse_default(item)
            fields.insert(_place(known, after), item)
        properties = dict(state.properties)
        schema = columns.map_columns(types.Struct(tuple(fields)), properties, new_columns=True)
        parameters = {"columns": [{"column": types.field_to_json(item), "position": after} for item, after in added]}
        _redefine(s, doc, state, "ADD COLUMNS", parameters, schema, properties)


def _refuse_default(item: types.Field) -> None:
    if rows.DEFAULT in item.metadata:
        message = "ALTER TABLE ADD COLUMNS with DEFAULT values is not supported for Delta tables."
        raise SqlError("WRONG_COLUMN_DEFAULTS_FOR_DELTA_ALTER_TABLE_ADD_COLUMN_NOT_SUPPORTED", "0AKDC", message)


def _place(known: list[str], after: str | None) -> int:
    if after is None:
        return len(known)
    if after == "":
        return 0
    if after.lower() not in known:
        raise _no_column(after)
    return known.index(after.lower()) + 1


def _drop(reader: Reader) -> Effect:
    if reader.accept("CONSTRAINT"):
        if_exists, constraint = reader.if_exists(), reader.identifier()
        cascade = reader.accept_any("RESTRICT", "CASCADE") == "CASCADE"
        return lambda s, name: _drop_constraint(s, name, constraint, if_exists, cascade)
    if reader.accept("PRIMARY", "KEY"):
        if_exists = reader.if_exists()
        cascade = reader.accept_any("RESTRICT", "CASCADE") == "CASCADE"
        return lambda s, name: _drop_key(s, name, "primary_key_constraint", None, if_exists, cascade)
    if reader.accept("FOREIGN", "KEY"):
        if_exists = reader.if_exists()
        child = reader.in_parentheses(reader.identifier)
        return lambda s, name: _drop_key(s, name, "foreign_key_constraint", child, if_exists)
    if reader.accept("ROW", "FILTER"):
        return lambda s, name: _update(s, name, {"row_filter": ""})
    if not reader.accept("COLUMNS"):
        reader.expect("COLUMN")
    if_exists = reader.if_exists()
    gone = reader.in_parentheses(reader.identifier) if reader.peek("(") else reader.listed(reader.identifier)
    return lambda s, name: _drop_columns(s, name, gone, if_exists)


def _drop_columns(s: Session, name: Name, gone: list[str], if_exists: bool) -> None:
    with names.writing(s, name) as (doc, state):
        _require_mapping(state, "DROP COLUMN", "DELTA_UNSUPPORTED_DROP_COLUMN")
        fields = list(state.schema.fields)
        for column in gone:
            found = state.schema.find(column)
            if found is None:
                if if_exists:
                    continue
                raise _no_column(column)
            if found.name in state.partition_columns or found.name in names.clustering_of(state):
                message = f"Dropping partition or clustering columns ({found.name}) is not allowed."
                raise SqlError("DELTA_UNSUPPORTED_DROP_PARTITION_COLUMN", "0AKDC", message)
            fields.remove(found)
            tags.drop(s, (*names.parts_of(doc), found.name))
        _redefine(s, doc, state, "DROP COLUMNS", {"columns": gone}, types.Struct(tuple(fields)))


def _rename_column(s: Session, name: Name, old: str, new: str) -> None:
    with names.writing(s, name) as (doc, state):
        _require_mapping(state, "RENAME COLUMN", "DELTA_UNSUPPORTED_RENAME_COLUMN")
        found = state.schema.find(old)
        if found is None:
            raise _no_column(old)
        taken = state.schema.find(new)
        if taken is not None and taken is not found:
            raise SqlError("FIELD_ALREADY_EXISTS", "42710", f"Cannot rename column, because `{new}` already exists.")
        schema = types.Struct(tuple(replace(item, name=new) if item is found else item for item in state.schema.fields))
        partitions = [new if item == found.name else item for item in state.partition_columns]
        definition = commits.redefine(state, schema=schema, partition_columns=partitions)
        after = commits.commit_change(
            s, state, "RENAME COLUMN", {"oldColumnPath": old, "newColumnPath": new}, definition=definition
        )
        names.publish(s, doc, after)
        tags.move(s, (*names.parts_of(doc), found.name), (*names.parts_of(doc), new))


def _require_mapping(state: Snapshot, what: str, error_class: str) -> None:
    if state.properties.get(columns.MAPPING_MODE, "none") == "none":
        message = (
            f"{what} is not supported for your Delta table. Please enable Column Mapping on your Delta table with"
            " mapping mode 'name': ALTER TABLE <table_name> SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')."
        )
        raise SqlError(error_class, "0AKDC", message)


def _no_column(name: str) -> SqlError:
    message = f"A column, variable, or function parameter with name `{name}` cannot be resolved."
    return SqlError("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", message)


# ---- constraints


def _add_constraint(s: Session, name: Name, constraint: columns.Constraint) -> None:
    if constraint.kind == "CHECK":
        _add_check(s, name, constraint)
        return
    doc = names.writable(s, name, "MANAGE")
    parents = {constraint.parent: ".".join(names.qualify(s, constraint.parent))} if constraint.parent else {}
    made = columns.key_documents([constraint], doc["name"], parents)
    state = names.snapshot_of(doc)
    for column in constraint.columns:
        found = state.schema.find(column)
        if found is None:
            raise _no_column(column)
        if constraint.kind == "PRIMARY KEY" and found.nullable:
            message = f"Cannot create the primary key because its child column(s) `{column}` is nullable."
            raise SqlError("UC_PRIMARY_KEY_COLUMN_NULLABLE", "42000", message)
    existing = doc.get("table_constraints", [])
    labels = [key_name(item) for item in existing]
    if key_name(made[0]) in labels:
        raise SqlError("CONSTRAINT_ALREADY_EXISTS", "42710", f"Constraint '{key_name(made[0])}' already exists.")
    if constraint.kind == "PRIMARY KEY" and any("primary_key_constraint" in item for item in existing):
        raise SqlError("CONSTRAINT_ALREADY_EXISTS", "42710", f"Table {doc['full_name']} already has a primary key.")
    tables.update_table(s, *names.parts_of(doc), {"table_constraints": [*existing, *made]})


def key_name(document: Json) -> str:
    """The name of a key constraint document."""
    value: Json = next(iter(document.values()))
    return str(value["name"]).lower()


def _add_check(s: Session, name: Name, constraint: columns.Constraint) -> None:
    with names.writing(s, name) as (doc, state):
        made = columns.checks_of([constraint], rows.constraints_of(state))
        test = rows.expression(s, constraint.expression)
        with engine.connect({"t": read.relation(state)}) as connection:
            bad = connection.execute(f"SELECT count(*) FROM t WHERE ({test}) IS FALSE").fetchall()[0][0]
        if bad:
            message = f"{bad} rows in {doc['full_name']} violate the new CHECK constraint ({constraint.expression})."
            raise SqlError("DELTA_NEW_CHECK_CONSTRAINT_VIOLATION", "23512", message)
        parameters = {"name": constraint.name, "expr": constraint.expression}
        _redefine(s, doc, state, "ADD CONSTRAINT", parameters, properties=state.properties | made)


def _drop_constraint(s: Session, name: Name, constraint: str, if_exists: bool, cascade: bool) -> None:
    with names.writing(s, name) as (doc, state):
        key = rows.CHECK + constraint.lower()
        if key in state.properties:
            properties = {item: value for item, value in state.properties.items() if item != key}
            parameters = {"name": constraint, "expr": state.properties[key]}
            _redefine(s, doc, state, "DROP CONSTRAINT", parameters, properties=properties)
            return
        existing = doc.get("table_constraints", [])
        kept = [item for item in existing if key_name(item) != constraint.lower()]
        _keep_keys(s, doc, kept, if_exists, constraint, cascade)


def _drop_key(
    s: Session, name: Name, kind: str, child: list[str] | None, if_exists: bool, cascade: bool = False
) -> None:
    doc = names.writable(s, name, "MANAGE")
    existing = doc.get("table_constraints", [])
    kept = [
        item for item in existing if kind not in item or (child is not None and item[kind]["child_columns"] != child)
    ]
    _keep_keys(s, doc, kept, if_exists, kind.removesuffix("_constraint").replace("_", " "), cascade)


def _keep_keys(s: Session, doc: Doc, kept: list[Json], if_exists: bool, label: str, cascade: bool) -> None:
    before = doc.get("table_constraints", [])
    if len(kept) == len(before):
        if if_exists:
            return
        message = f"Cannot drop nonexistent constraint {label} from table {doc['full_name']}."
        raise SqlError("DELTA_CONSTRAINT_DOES_NOT_EXIST", "42704", message)
    grants.require_manage(s, "table", names.parts_of(doc))
    if any("primary_key_constraint" in item for item in before if item not in kept):
        keys.drop_references(s, doc["full_name"], cascade=cascade)
    tables.update_table(s, *names.parts_of(doc), {"table_constraints": kept})


# ---- clustering, name


def _cluster(s: Session, name: Name, keys: tuple[str, ...]) -> None:
    with names.writing(s, name) as (doc, state):
        if state.partition_columns:
            message = "ALTER TABLE CLUSTER BY is not supported for partitioned tables."
            raise SqlError("DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED", "42000", message)
        for column in keys:
            if state.schema.find(column.split(".")[0]) is None:
                raise _no_column(column)
        features = {"delta.feature.clustering": "supported", "delta.feature.domainMetadata": "supported"}
        definition = commits.redefine(state, properties=state.properties | features)
        definition[-1]["metaData"]["configuration"] = dict(state.properties)
        definition.append(clustering_action(state.schema, keys))
        parameters = {
            "oldClusteringColumns": ",".join(names.clustering_of(state)),
            "newClusteringColumns": ",".join(keys),
        }
        after = commits.commit_change(s, state, "CLUSTER BY", parameters, definition=definition)
        names.publish(s, doc, after)


def _rename(s: Session, name: Name, target: Name) -> None:
    doc = names.lookup(s, name)
    if doc.get("_read_only"):
        names.require_writable(doc)
    old = names.parts_of(doc)
    new = names.qualify(s, target) if len(target) == 3 else (old[0], *((old[1], *target)[-2:]))
    tables.rename_table(s, old, [part.lower() for part in new])


def _redefine(
    s: Session,
    doc: Doc,
    state: Snapshot,
    operation: str,
    parameters: Mapping[str, Any],
    schema: types.Struct | None = None,
    properties: Mapping[str, str] | None = None,
) -> None:
    definition = commits.redefine(state, schema=schema, properties=properties)
    after = commits.commit_change(s, state, operation, parameters, definition=definition)
    names.publish(s, doc, after)
