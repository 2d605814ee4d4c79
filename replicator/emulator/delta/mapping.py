"""Between a data file and a table: names that outlive their renaming (column mapping), and variants, at any depth."""

from __future__ import annotations

from dataclasses import replace

from replicator.emulator.delta import types

_PHYSICAL = "delta.columnMapping.physicalName"
_VARIANT = types.Primitive("variant")


def physical_name(item: types.Field) -> str:
    """The name of a field in data files, which column mapping makes differ from the logical one."""
    name: str = item.metadata.get(_PHYSICAL, item.name)
    return name


def physical(kind: types.DataType) -> types.DataType:
    """A type with the names that its fields have in data files."""
    match kind:
        case types.Struct(fields):
            return types.Struct(
                tuple(replace(item, name=physical_name(item), type=physical(item.type)) for item in fields)
            )
        case types.Array(element):
            return replace(kind, element=physical(element))
        case types.Map(key, value):
            return replace(kind, key=physical(key), value=physical(value))
        case _:
            return kind


def to_logical(value: str, kind: types.DataType) -> str:
    """The DuckDB expression of a value from a file (`value`) as the table has it."""
    return _converted(value, kind, to_files=False, depth=0)


def to_physical(value: str, kind: types.DataType) -> str:
    """The DuckDB expression of a value with its fields under the names that files have."""
    return _converted(value, kind, to_files=True, depth=0)


def _variant(value: str) -> str:
    """A variant of a file: Spark writes the two parts without the mark by which DuckDB knows them for one."""
    parts = (f"CAST(variant_extract({value}, '{part}') AS BLOB)" for part in ("metadata", "value"))
    whole = f"variant_bytes_to_variant({' || '.join(parts)})"
    return f"CASE WHEN variant_typeof({value}) = 'OBJECT(metadata, value)' THEN {whole} ELSE {value} END"


def _is_kept(kind: types.DataType, *, to_files: bool) -> bool:
    return physical(kind) == kind and (to_files or not _has_variant(kind))


def _has_variant(kind: types.DataType) -> bool:
    match kind:
        case types.Struct(fields):
            return any(_has_variant(item.type) for item in fields)
        case types.Array(element):
            return _has_variant(element)
        case types.Map(_, value):
            return _has_variant(value)
        case _:
            return kind == _VARIANT


def _converted(value: str, kind: types.DataType, *, to_files: bool, depth: int) -> str:
    if _is_kept(kind, to_files=to_files):
        return value
    if kind == _VARIANT:
        return _variant(value)
    inner = f"__v{depth}"
    match kind:
        case types.Struct(fields):
            parts = []
            for item in fields:
                names = (item.name, physical_name(item))
                old, new = names if to_files else names[::-1]
                part = _converted(f"({value})[{types.literal(old)}]", item.type, to_files=to_files, depth=depth)
                parts.append(f"{types.quote(new)} := {part}")
            return f"CASE WHEN ({value}) IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"
        case types.Array(element):
            part = _converted(inner, element, to_files=to_files, depth=depth + 1)
            return f"list_transform({value}, lambda {inner}: {part})"
        case types.Map(key, entry):
            keys = _converted(f"{inner}.key", key, to_files=to_files, depth=depth + 1)
            values = _converted(f"{inner}.value", entry, to_files=to_files, depth=depth + 1)
            pair = f"struct_pack(key := {keys}, value := {values})"
            return f"map_from_entries(list_transform(map_entries({value}), lambda {inner}: {pair}))"
        case _:
            return value
