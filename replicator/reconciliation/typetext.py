"""Column types: from their SQL text to a small tree, and the one type in which two differing ones can be compared.

Struct fields are matched by name without case, as Delta does.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Atom:
    """A type without parts. `name` is lower-case (`bigint`, `interval day to second`), `arguments` what stood in
    parentheses, `collation` the name after COLLATE."""

    name: str
    arguments: tuple[str, ...] = ()
    collation: str = ""


@dataclass(frozen=True, slots=True)
class Array:
    element: "Type"


@dataclass(frozen=True, slots=True)
class Map:
    key: "Type"
    value: "Type"


@dataclass(frozen=True, slots=True)
class Struct:
    """Field names as spelled, with their types, in order."""

    fields: tuple[tuple[str, "Type"], ...]


Type: TypeAlias = Atom | Array | Map | Struct

_ALIASES = {
    "integer": "int",
    "long": "bigint",
    "short": "smallint",
    "byte": "tinyint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "bool": "boolean",
    "timestamp_ltz": "timestamp",
    "null": "void",
}
_INTERVAL_WORDS = frozenset({"year", "month", "day", "hour", "minute", "second", "to"})
_MARKS = frozenset(":,<>()")
_TOKEN = re.compile(r"\s*(?:(`(?:[^`]|``)*`)|('(?:[^'\\]|\\.)*')|([^\s:,<>()`']+)|([:,<>()]))")


class TypeSyntaxError(ValueError):
    """Text that is not a column type."""


def parse(text: str) -> Type:
    """Read a type such as `array<struct<a:int,b:decimal(10,2)>>`. Raises TypeSyntaxError."""
    reader = _Reader(text)
    found = reader.type()
    if reader.peek():
        raise TypeSyntaxError(f"unexpected {reader.peek()!r} in the type {text!r}")
    return found


def render(kind: Type) -> str:
    """The canonical text of a type."""
    match kind:
        case Array(element):
            return f"array<{render(element)}>"
        case Map(key, value):
            return f"map<{render(key)},{render(value)}>"
        case Struct(fields):
            return "struct<" + ",".join(f"{_field_name(name)}:{render(part)}" for name, part in fields) + ">"
        case Atom(name, arguments, collation):
            shown = f"({','.join(arguments)})" if arguments else ""
            return name + shown + (f" collate {collation}" if collation else "")


def _field_name(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else "`" + name.replace("`", "``") + "`"


class _Reader:
    """A cursor over the words of a type."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if match is None:
                raise TypeSyntaxError(f"cannot read the type {text!r}")
            self.words.append(match[0].strip())
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        word = self.peek()
        if not word:
            raise TypeSyntaxError(f"the type {self.text!r} ends too early")
        self.at += 1
        return word

    def expect(self, mark: str) -> None:
        if self.take() != mark:
            raise TypeSyntaxError(f"{mark!r} is missing in the type {self.text!r}")

    def accept(self, word: str) -> bool:
        if self.peek().lower() != word:
            return False
        self.at += 1
        return True

    def type(self) -> Type:
        word = self.take().lower()
        if word == "array" and self.accept("<"):
            element = self.type()
            self.expect(">")
            return Array(element)
        if word == "map" and self.accept("<"):
            key = self.type()
            self.expect(",")
            value = self.type()
            self.expect(">")
            return Map(key, value)
        if word == "struct" and self.accept("<"):
            return Struct(tuple(self.fields()))
        return self.atom(word)

    def fields(self) -> list[tuple[str, Type]]:
        found: list[tuple[str, Type]] = []
        while not self.accept(">"):
            if found:
                self.expect(",")
            name = self.field_name()
            self.accept(":")
            found.append((name, self.type()))
            self.skip_annotations()
        return found

    def field_name(self) -> str:
        """One word, quoted or not; typeof() and Unity Catalog leave names with spaces unquoted."""
        name = self.take()
        if name.startswith("`"):
            return name[1:-1].replace("``", "`")
        end = next((at for at in range(self.at, len(self.words)) if self.words[at] in _MARKS), self.at)
        if self.words[end : end + 1] == [":"]:
            name = " ".join([name, *self.words[self.at : end]])
            self.at = end
        return name

    def skip_annotations(self) -> None:
        if self.accept("not"):
            self.take()
        if self.accept("comment"):
            self.take()

    def atom(self, word: str) -> Atom:
        if not re.fullmatch(r"\w+", word):
            raise TypeSyntaxError(f"unexpected {word!r} in the type {self.text!r}")
        name = _ALIASES.get(word, word)
        if name == "interval":
            while self.peek().lower() in _INTERVAL_WORDS:
                name += f" {self.take().lower()}"
        arguments = self.arguments()
        if name == "decimal":
            arguments = (*(arguments or ("10",)), "0")[:2]
        collation = self.take() if self.accept("collate") else ""
        return Atom(name, arguments, collation)

    def arguments(self) -> tuple[str, ...]:
        if not self.accept("("):
            return ()
        found = [self.take()]
        while self.accept(","):
            found.append(self.take())
        self.expect(")")
        return tuple(found)


INTEGERS = ("tinyint", "smallint", "int", "bigint")
FLOATS = ("float", "double")
STRINGS = ("string", "char", "varchar")
_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
_MAX_PRECISION = 38


def unify(one: Type, other: Type) -> Type | None:
    """The type in which values of both compare exactly, None when there is none.

    It follows Delta's type widening (https://docs.databricks.com/delta/type-widening), in either direction.
    """
    if one == other:
        return one
    if isinstance(one, Atom) and isinstance(other, Atom):
        return _unify_atoms(one, other)
    if isinstance(one, Array) and isinstance(other, Array):
        element = unify(one.element, other.element)
        return Array(element) if element is not None else None
    if isinstance(one, Map) and isinstance(other, Map):
        key, value = unify(one.key, other.key), unify(one.value, other.value)
        return Map(key, value) if key is not None and value is not None else None
    if isinstance(one, Struct) and isinstance(other, Struct):
        return _unify_structs(one, other)
    return None


def _unify_atoms(one: Atom, other: Atom) -> Atom | None:
    names = {one.name, other.name}
    if names <= set(INTEGERS):
        return Atom("bigint")
    if names <= {*FLOATS, "tinyint", "smallint", "int"}:
        return Atom("double")
    if names <= {*INTEGERS, "decimal"}:
        return _wider_decimal(one, other)
    if names <= set(STRINGS):
        return Atom("string", (), one.collation or other.collation)
    if names == {"date", "timestamp_ntz"}:
        return Atom("timestamp_ntz")
    return None


def precision_and_scale(kind: Atom) -> tuple[int, int]:
    """Of a decimal, or of an integer type seen as one."""
    if kind.name in _DIGITS:
        return _DIGITS[kind.name], 0
    return int(kind.arguments[0]), int(kind.arguments[1])


def _wider_decimal(one: Atom, other: Atom) -> Atom | None:
    (p1, s1), (p2, s2) = precision_and_scale(one), precision_and_scale(other)
    scale = max(s1, s2)
    precision = max(p1 - s1, p2 - s2) + scale
    return Atom("decimal", (str(precision), str(scale))) if precision <= _MAX_PRECISION else None


def _unify_structs(one: Struct, other: Struct) -> Struct | None:
    theirs = {name.lower(): kind for name, kind in other.fields}
    if {name.lower() for name, _ in one.fields} != set(theirs):
        return None
    found: list[tuple[str, Type]] = []
    for name, kind in one.fields:
        common = unify(kind, theirs[name.lower()])
        if common is None:
            return None
        found.append((name, common))
    return Struct(tuple(found))
