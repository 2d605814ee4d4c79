"""Column definitions and constraints as CREATE TABLE and ALTER TABLE write them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from replicator.emulator.delta import types
from replicator.emulator.errors import SqlError
from replicator.emulator.sql import rows
from replicator.emulator.sql.reader import Name, Reader

Json = dict[str, Any]

MAPPING_MODE = "delta.columnMapping.mode"
MAPPING_MAX = "delta.columnMapping.maxColumnId"
MAPPING_ID = "delta.columnMapping.id"
PHYSICAL = "delta.columnMapping.physicalName"
DEFAULTS_FEATURE = "delta.feature.allowColumnDefaults"


@dataclass(frozen=True)
class Constraint:
    """One table constraint. `kind` is PRIMARY KEY, FOREIGN KEY or CHECK."""

    kind: str
    name: str | None
    columns: tuple[str, ...] = ()
    expression: str = ""
    parent: Name = ()
    parent_columns: tuple[str, ...] = ()
    rely: bool = False


@dataclass(frozen=True)
class Columns:
    """The parenthesised part of CREATE TABLE: columns, constraints, and masks by column name."""

    fields: tuple[types.Field, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    masks: Mapping[str, tuple[Name, tuple[str, ...]]] = field(default_factory=dict)
    identity: frozenset[str] = frozenset()


def read_columns(reader: Reader) -> Columns:
    """`(column, …, constraint, …)`."""
    found = Columns()
    for part in reader.in_parentheses(lambda: _element(reader)):
        found = Columns(
            found.fields + part.fields,
            found.constraints + part.constraints,
            {**found.masks, **part.masks},
        )
    names = [item.name.lower() for item in found.fields]
    for name in names:
        if names.count(name) > 1:
            raise SqlError("COLUMN_ALREADY_EXISTS", "42711", f"The column `{name}` already exists.")
    return found


def _element(reader: Reader) -> Columns:
    if reader.peek("CONSTRAINT") or any(
        reader.peek(*words) for words in (("PRIMARY", "KEY"), ("FOREIGN", "KEY"), ("CHECK", "("))
    ):
        return Columns(constraints=(read_constraint(reader),))
    return read_column(reader)


def read_column(reader: Reader) -> Columns:
    """One column: name, type and options."""
    name = reader.identifier()
    made = replace(reader.type(), name=name)
    constraints: list[Constraint] = []
    masks: dict[str, tuple[Name, tuple[str, ...]]] = {}
    while True:
        if reader.accept("NOT", "NULL"):
            made = replace(made, nullable=False)
        elif reader.accept("NULL"):
            continue
        elif reader.accept("COMMENT"):
            made = made.with_metadata(comment=reader.string() or None)
        elif reader.accept("DEFAULT"):
            made = made.with_metadata(**{rows.DEFAULT: reader.text_until(*_OPTIONS), "EXISTS_DEFAULT": None})
            made = made.with_metadata(EXISTS_DEFAULT=made.metadata[rows.DEFAULT])
        elif reader.accept("GENERATED"):
            made = _generated(reader, made)
        elif reader.accept("COLLATE"):
            reader.identifier()
        elif reader.accept("MASK"):
            masks[name.lower()] = read_mask(reader)
        elif constraint := _column_constraint(reader, name):
            constraints.append(constraint)
        else:
            return Columns((made,), tuple(constraints), masks)


_OPTIONS = (
    ("NOT", "NULL"),
    ("COMMENT",),
    ("GENERATED",),
    ("CONSTRAINT",),
    ("PRIMARY", "KEY"),
    ("MASK",),
    ("CHECK", "("),
)


def _generated(reader: Reader, made: types.Field) -> types.Field:
    always = reader.accept("ALWAYS")
    if not always:
        reader.expect("BY", "DEFAULT")
    reader.expect("AS")
    if always and reader.peek("("):
        return made.with_metadata(**{rows.GENERATED: reader.parenthesised()})
    reader.expect("IDENTITY")
    if made.type != types.LONG:
        message = f"DataType {types.text_of(made.type)} is not supported for IDENTITY columns."
        raise SqlError("DELTA_IDENTITY_COLUMNS_UNSUPPORTED_DATA_TYPE", "428H2", message)
    start, step = 1, 1
    if reader.accept("("):
        while not reader.accept(")"):
            if reader.accept("START", "WITH") or reader.accept("START"):
                start = reader.number()
            elif reader.accept("INCREMENT", "BY") or reader.accept("INCREMENT"):
                step = reader.number()
            else:
                raise reader.error("START WITH or INCREMENT BY")
    return made.with_metadata(
        **{rows.IDENTITY_START: start, rows.IDENTITY_STEP: step, rows.IDENTITY_EXPLICIT: not always}
    )


def _column_constraint(reader: Reader, column: str) -> Constraint | None:
    name = reader.identifier() if reader.accept("CONSTRAINT") else None
    if reader.accept("PRIMARY", "KEY"):
        return Constraint("PRIMARY KEY", name, (column,), rely=_constraint_options(reader))
    if reader.accept("FOREIGN", "KEY") or reader.peek("REFERENCES"):
        return _references(reader, name, (column,))
    if reader.accept("CHECK"):
        return Constraint("CHECK", name, expression=reader.parenthesised())
    if name is not None:
        raise reader.error("a constraint")
    return None


def read_constraint(reader: Reader) -> Constraint:
    """[CONSTRAINT name] PRIMARY KEY (…) | FOREIGN KEY (…) REFERENCES t (…) | CHECK (…)."""
    name = reader.identifier() if reader.accept("CONSTRAINT") else None
    if reader.accept("PRIMARY", "KEY"):
        columns = tuple(reader.in_parentheses(lambda: _key_column(reader)))
        return Constraint("PRIMARY KEY", name, columns, rely=_constraint_options(reader))
    if reader.accept("FOREIGN", "KEY"):
        return _references(reader, name, tuple(reader.in_parentheses(reader.identifier)))
    reader.expect("CHECK")
    made = Constraint("CHECK", name, expression=reader.parenthesised())
    reader.accept("ENFORCED")
    return made


def _key_column(reader: Reader) -> str:
    name = reader.identifier()
    reader.accept("TIMESERIES")
    return name


def _references(reader: Reader, name: str | None, columns: tuple[str, ...]) -> Constraint:
    reader.expect("REFERENCES")
    parent = reader.name()
    parent_columns = tuple(reader.in_parentheses(reader.identifier)) if reader.peek("(") else ()
    rely = _constraint_options(reader)
    return Constraint("FOREIGN KEY", name, columns, parent=parent, parent_columns=parent_columns, rely=rely)


def _constraint_options(reader: Reader) -> bool:
    rely = False
    while True:
        if reader.accept("NOT", "ENFORCED") or reader.accept("NORELY"):
            continue
        if reader.accept_any("DEFERRABLE", "DEFERRED", "INITIALLY"):
            continue
        if any(
            reader.accept(*words)
            for words in (("MATCH", "FULL"), ("ON", "UPDATE", "NO", "ACTION"), ("ON", "DELETE", "NO", "ACTION"))
        ):
            continue
        if not reader.accept("RELY"):
            return rely
        rely = True


def read_mask(reader: Reader) -> tuple[Name, tuple[str, ...]]:
    """function [USING COLUMNS (…)] of a column mask."""
    function = reader.name()
    using = tuple(reader.in_parentheses(lambda: _mask_argument(reader))) if reader.accept("USING", "COLUMNS") else ()
    return function, using


def _mask_argument(reader: Reader) -> str:
    return reader.identifier()


# ---- what the definitions mean for the table


def require_default_feature(fields: Iterable[types.Field], properties: Mapping[str, str], command: str) -> None:
    """Databricks refuses DEFAULT unless the table feature is switched on. Raises SqlError."""
    if properties.get(DEFAULTS_FEATURE) in ("supported", "enabled"):
        return
    if any(rows.DEFAULT in item.metadata for item in fields):
        message = (
            f"Failed to execute {command} command because it assigned a column DEFAULT value, but the corresponding"
            " table feature was not enabled. Please retry the command again after executing ALTER TABLE tableName SET "
            "TBLPROPERTIES('delta.feature.allowColumnDefaults' = 'supported')."
        )
        raise SqlError("WRONG_COLUMN_DEFAULTS_FOR_DELTA_FEATURE_NOT_ENABLED", "0AKDE", message)


def checks_of(constraints: Iterable[Constraint], existing: Iterable[str] = ()) -> dict[str, str]:
    """CHECK constraints as table properties."""
    taken = {name.lower() for name in existing}
    found: dict[str, str] = {}
    for constraint in constraints:
        if constraint.kind != "CHECK":
            continue
        name = (constraint.name or f"chk_{uuid.uuid4().hex[:8]}").lower()
        if name in taken or rows.CHECK + name in found:
            message = f"Constraint '{name}' already exists. Please delete the old constraint first."
            raise SqlError("DELTA_CONSTRAINT_ALREADY_EXISTS", "42710", message)
        found[rows.CHECK + name] = constraint.expression
    return found


def key_documents(constraints: Iterable[Constraint], table: str, parents: Mapping[Name, str]) -> list[Json]:
    """PRIMARY and FOREIGN KEYs as `table_constraints` of the REST API; `parents` gives full names."""
    documents: list[Json] = []
    for constraint in constraints:
        if constraint.kind == "PRIMARY KEY":
            name = constraint.name or f"{table}_pk"
            value = {"name": name, "child_columns": list(constraint.columns), "rely": constraint.rely}
            documents.append({"primary_key_constraint": value})
        elif constraint.kind == "FOREIGN KEY":
            value = {
                "name": constraint.name or f"{table}_{'_'.join(constraint.columns)}_fk",
                "child_columns": list(constraint.columns),
                "parent_table": parents[constraint.parent],
                "parent_columns": list(constraint.parent_columns or constraint.columns),
                "rely": constraint.rely,
            }
            documents.append({"foreign_key_constraint": value})
    return documents


def not_null(schema: types.Struct, names: Sequence[str]) -> types.Struct:
    """The schema with the columns of a primary key made NOT NULL, as Databricks makes them."""
    folded = {name.lower() for name in names}
    return types.Struct(
        tuple(replace(item, nullable=False) if item.name.lower() in folded else item for item in schema.fields)
    )


def map_columns(schema: types.Struct, properties: dict[str, str], *, new_columns: bool) -> types.Struct:
    """Give every column an id and a physical name if the table maps columns; updates the highest id in `properties`."""
    if properties.get(MAPPING_MODE, "none") == "none":
        return schema
    counter = [int(properties.get(MAPPING_MAX, 0))]

    def mapped_type(kind: types.DataType) -> types.DataType:
        match kind:
            case types.Struct(fields):
                return types.Struct(tuple(mapped(item) for item in fields))
            case types.Array(element, contains_null):
                return types.Array(mapped_type(element), contains_null)
            case types.Map(key, value, contains_null):
                return types.Map(mapped_type(key), mapped_type(value), contains_null)
            case _:
                return kind

    def mapped(item: types.Field, top: bool = False) -> types.Field:
        item = replace(item, type=mapped_type(item.type))
        if MAPPING_ID in item.metadata:
            return item
        counter[0] += 1
        physical = f"col-{uuid.uuid4()}" if top and new_columns else item.name
        return item.with_metadata(**{MAPPING_ID: counter[0], PHYSICAL: physical})

    made = types.Struct(tuple(mapped(item, top=True) for item in schema.fields))
    properties[MAPPING_MAX] = str(counter[0])
    return made
