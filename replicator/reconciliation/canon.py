"""Canonical expressions: a column's value as arguments of a hash, such that equal values give equal hashes on both
sides and different values different ones.

Spark's `xxhash64` skips NULL, refuses maps and variants, and hashes `1` and `1L` differently (measured on Spark 4.0.1).
So every integer is widened, every collection carries "is it NULL" and its size, and the NULLs of the columns themselves
are hashed as bitmaps, one bigint per 63 columns. `-0.0` and `0.0`, which `xxhash64` holds for equal, are told apart by
their text: a replica keeps the sign.
"""

from collections.abc import Sequence

from replicator.reconciliation.typetext import FLOATS, INTEGERS, STRINGS, Array, Atom, Map, Struct, Type, render
from replicator.sqltext import quote

BITS = 63
_PLAIN = frozenset({"boolean", "date", "timestamp", "timestamp_ntz", "binary", *STRINGS})


def unverifiable(kind: Type) -> str | None:
    """The part of a type that cannot be compared (`geometry`), None when all of it can."""
    match kind:
        case Array(element):
            return unverifiable(element)
        case Map(key, value):
            return unverifiable(key) or unverifiable(value)
        case Struct(fields):
            return next((bad for bad in (unverifiable(part) for _, part in fields) if bad), None)
        case Atom(name):
            known = name in _PLAIN or name in INTEGERS or name in FLOATS or name in ("decimal", "variant", "void")
            return None if known or name.startswith("interval") else name


def null_bitmaps(columns: Sequence[str]) -> list[str]:
    """One bigint expression per 63 columns, bit i set where column i is NULL. It repairs what skipping NULLs loses."""
    found = []
    for start in range(0, len(columns), BITS):
        bits = (f"if({name} IS NULL, {1 << bit}, 0)" for bit, name in enumerate(columns[start : start + BITS]))
        found.append(f"CAST({' + '.join(bits)} AS BIGINT)")
    return found


def hash_arguments(value: str, kind: Type, actual: Type) -> list[str]:
    """What to pass to xxhash64 for one value. `kind` is the common type of both sides, `actual` this side's own."""
    if isinstance(kind, Atom) and isinstance(actual, Atom):
        return _atom(value, kind, actual)
    return [_nested(value, kind, actual, 0)]


def hash_of(value: str, kind: Type, actual: Type, depth: int = 0) -> str:
    """One never-NULL hash of one value, NULL included."""
    if isinstance(kind, Atom) and isinstance(actual, Atom):
        return f"xxhash64({', '.join([f'{value} IS NULL', *_atom(value, kind, actual)])})"
    return _nested(value, kind, actual, depth)


def _atom(value: str, kind: Atom, actual: Atom) -> list[str]:
    if kind.name in FLOATS:
        wide = _cast(value, kind, actual)
        return [wide, _is_negative_zero(value)]
    if kind.name in INTEGERS:
        return [f"CAST({value} AS BIGINT)"]
    if kind.name == "variant":
        return [f"to_json({value})"]
    if kind.name == "void":
        return []
    if kind.collation:
        return [f"CAST({value} AS BINARY)"]
    return [_cast(value, kind, actual)]


def _is_negative_zero(value: str) -> str:
    """1 or 0, never NULL. Only the text of a zero shows its sign."""
    return f"CASE WHEN {value} = 0 THEN if(CAST({value} AS STRING) = '-0.0', 1, 0) ELSE 0 END"


def _cast(value: str, kind: Atom, actual: Atom) -> str:
    if kind == actual or {kind.name, actual.name} <= set(STRINGS):
        return value
    return f"CAST({value} AS {render(kind)})"


def _nested(value: str, kind: Type, actual: Type, depth: int) -> str:
    is_null, size, item = f"{value} IS NULL", f"coalesce(size({value}), -1)", f"e{depth}"
    if isinstance(kind, Array) and isinstance(actual, Array):
        element = hash_of(item, kind.element, actual.element, depth + 1)
        return f"xxhash64({is_null}, {size}, transform({value}, {item} -> {element}))"
    if isinstance(kind, Map) and isinstance(actual, Map):
        key = hash_of(f"{item}.key", kind.key, actual.key, depth + 1)
        content = hash_of(f"{item}.value", kind.value, actual.value, depth + 1)
        entries = f"transform(map_entries({value}), {item} -> xxhash64({key}, {content}))"
        return f"xxhash64({is_null}, {size}, array_sort({entries}))"
    if isinstance(kind, Struct) and isinstance(actual, Struct):
        parts = [hash_of(f"{value}.{quote(name)}", k, a, depth) for name, k, a in matched_fields(kind, actual)]
        return f"xxhash64({', '.join([is_null, *parts])})"
    raise ValueError(f"{render(kind)} is not a common type of {render(actual)}")


def matched_fields(kind: Struct, actual: Struct) -> list[tuple[str, Type, Type]]:
    """Fields sorted by name: this side's spelling, the common type, this side's type."""
    mine = {name.lower(): (name, part) for name, part in actual.fields}
    by_name = sorted(kind.fields, key=lambda field: field[0].lower())
    return [(mine[name.lower()][0], common, mine[name.lower()][1]) for name, common in by_name]


# ---- the same as text, for a cryptographic hash: every piece says where it ends


def text_of(value: str, kind: Type, actual: Type, depth: int = 0) -> str:
    """A never-NULL text of one value in which no two different values look alike, whatever follows them."""
    item = f"e{depth}"
    if isinstance(kind, Array) and isinstance(actual, Array):
        element = text_of(item, kind.element, actual.element, depth + 1)
        return _bracketed(value, f"array_join(transform({value}, {item} -> {element}), '')")
    if isinstance(kind, Map) and isinstance(actual, Map):
        key = text_of(f"{item}.key", kind.key, actual.key, depth + 1)
        content = text_of(f"{item}.value", kind.value, actual.value, depth + 1)
        entries = f"array_sort(transform(map_entries({value}), {item} -> concat({key}, {content})))"
        return _bracketed(value, f"array_join({entries}, '')")
    if isinstance(kind, Struct) and isinstance(actual, Struct):
        parts = [text_of(f"{value}.{quote(name)}", k, a, depth) for name, k, a in matched_fields(kind, actual)]
        return _bracketed(value, f"concat({', '.join(parts)})" if parts else "''")
    if isinstance(kind, Atom) and isinstance(actual, Atom):
        text = _atom_text(value, kind, actual)
        return f"coalesce(concat(CAST(length({text}) AS STRING), ':', {text}), '~')"
    raise ValueError(f"{render(kind)} is not a common type of {render(actual)}")


def _bracketed(value: str, inside: str) -> str:
    return f"CASE WHEN {value} IS NULL THEN '~' ELSE concat('[', {inside}, ']') END"


def _atom_text(value: str, kind: Atom, actual: Atom) -> str:
    if kind.name in FLOATS:
        # of one number, xxhash64 is a permutation of its bits: exact, and no engine's way of printing matters
        number = f"CAST(xxhash64({_cast(value, kind, actual)}) AS STRING)"
        return f"CASE WHEN {value} IS NULL THEN NULL WHEN {_is_negative_zero(value)} = 1 THEN '-0.0' ELSE {number} END"
    if kind.name == "timestamp":
        return f"CAST(unix_micros({value}) AS STRING)"
    if kind.name == "binary":
        return f"hex({value})"
    if kind.collation:
        return f"hex(CAST({value} AS BINARY))"
    if kind.name == "void":
        return "CAST(NULL AS STRING)"
    (plain,) = _atom(value, kind, actual)
    return plain if kind.name in (*STRINGS, "variant") else f"CAST({plain} AS STRING)"


def shown(value: str, kind: Type) -> str:
    """A value as text for people."""
    if not isinstance(kind, Atom) or kind.name == "variant":
        return f"to_json({value})"
    return f"hex({value})" if kind.name == "binary" else f"CAST({value} AS STRING)"
