"""Column types: one model between Spark's text, the Delta schema, DuckDB, Arrow and Unity Catalog documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

Json = dict[str, Any]

CHAR_METADATA = "__CHAR_VARCHAR_TYPE_STRING"  # where Spark keeps CHAR(n)/VARCHAR(n); the Delta type is string
COMMENT = "comment"


@dataclass(frozen=True)
class Primitive:
    """A type without parts; `name` is the name in the Delta protocol (`long`, not `bigint`)."""

    name: str


@dataclass(frozen=True)
class Decimal:
    """DECIMAL(precision, scale)."""

    precision: int
    scale: int


@dataclass(frozen=True)
class Array:
    """ARRAY<element>."""

    element: DataType
    contains_null: bool = True


@dataclass(frozen=True)
class Map:
    """MAP<key, value>."""

    key: DataType
    value: DataType
    value_contains_null: bool = True


@dataclass(frozen=True)
class Field:
    """One column or struct field."""

    name: str
    type: DataType
    nullable: bool = True
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def comment(self) -> str | None:
        """The column comment, None when there is none."""
        text: str | None = self.metadata.get(COMMENT)
        return text

    def with_metadata(self, **changes: Any) -> Field:
        """The same field with metadata keys set, or removed where the value is None."""
        merged = {**self.metadata, **changes}
        return replace(self, metadata={key: value for key, value in merged.items() if value is not None})


@dataclass(frozen=True)
class Struct:
    """STRUCT<...>; also the schema of a table."""

    fields: tuple[Field, ...] = ()

    def find(self, name: str) -> Field | None:
        """The field called `name`, whatever the case."""
        folded = name.lower()
        return next((item for item in self.fields if item.name.lower() == folded), None)

    @property
    def names(self) -> list[str]:
        """Field names in order."""
        return [item.name for item in self.fields]


DataType = Primitive | Decimal | Array | Map | Struct

# Delta name -> (Spark SQL name, DuckDB name, Unity Catalog type_name)
_PRIMITIVES: dict[str, tuple[str, str, str]] = {
    "boolean": ("boolean", "BOOLEAN", "BOOLEAN"),
    "byte": ("tinyint", "TINYINT", "BYTE"),
    "short": ("smallint", "SMALLINT", "SHORT"),
    "integer": ("int", "INTEGER", "INT"),
    "long": ("bigint", "BIGINT", "LONG"),
    "float": ("float", "FLOAT", "FLOAT"),
    "double": ("double", "DOUBLE", "DOUBLE"),
    "date": ("date", "DATE", "DATE"),
    "timestamp": ("timestamp", "TIMESTAMPTZ", "TIMESTAMP"),
    "timestamp_ntz": ("timestamp_ntz", "TIMESTAMP", "TIMESTAMP_NTZ"),
    "string": ("string", "VARCHAR", "STRING"),
    "binary": ("binary", "BLOB", "BINARY"),
    "variant": ("variant", "VARIANT", "VARIANT"),
    "void": ("void", "VARCHAR", "NULL"),
    "interval": ("interval", "INTERVAL", "INTERVAL"),
}
_SYNONYMS = {
    "bool": "boolean",
    "tinyint": "byte",
    "smallint": "short",
    "int": "integer",
    "bigint": "long",
    "real": "float",
    "text": "string",
    "null": "void",
    "timestamp_ltz": "timestamp",
}
STRING = Primitive("string")
LONG = Primitive("long")
INTEGER = Primitive("integer")
BOOLEAN = Primitive("boolean")
TIMESTAMP = Primitive("timestamp")
DOUBLE = Primitive("double")
BINARY = Primitive("binary")

_TOKEN = re.compile(r"\s*(?:(`(?:[^`]|``)+`)|('(?:[^'\\]|\\.)*')|(\w+)|(.))", re.DOTALL)
_PLAIN_NAME = re.compile(r"\w+\Z")


class TypeSyntaxError(ValueError):
    """Type text that is not a type."""


# ---- Spark type text


def parse(text: str) -> DataType:
    """Read Spark's type text, e.g. `array<struct<a:int,b:decimal(10,2)>>`. Raises TypeSyntaxError."""
    return parse_with_metadata(text)[0]


def parse_with_metadata(text: str) -> tuple[DataType, Json]:
    """As `parse`, and the field metadata that keeps what Delta's type cannot: CHAR and VARCHAR lengths."""
    reader = _Reader(text)
    metadata: Json = {}
    parsed = reader.type(metadata)
    if reader.peek() is not None:
        raise TypeSyntaxError(f"unexpected '{reader.peek()}' in type {text!r}")
    return parsed, metadata


class _Reader:
    """Recursive descent over the tokens of a type text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [next(filter(None, match)) for match in _TOKEN.findall(text) if any(match)]
        self._at = 0

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise TypeSyntaxError(f"type {self._text!r} ends too early")
        self._at += 1
        return token

    def expect(self, token: str) -> None:
        found = self.take()
        if found != token:
            raise TypeSyntaxError(f"expected '{token}' but found '{found}' in type {self._text!r}")

    def accept(self, word: str) -> bool:
        token = self.peek()
        if token is None or token.lower() != word:
            return False
        self._at += 1
        return True

    def numbers(self) -> list[int]:
        if not self.accept("("):
            return []
        found = [self.number()]
        while self.accept(","):
            found.append(self.number())
        self.expect(")")
        return found

    def number(self) -> int:
        token = self.take()
        if not token.isdigit():
            raise TypeSyntaxError(f"expected a number but found '{token}' in type {self._text!r}")
        return int(token)

    def type(self, metadata: Json) -> DataType:
        word = self.take().lower()
        if word == "array":
            return self._array()
        if word == "map":
            return self._map()
        if word == "struct":
            return self._struct()
        if word in ("decimal", "dec", "numeric"):
            precision, scale = ([*self.numbers(), 0] if self.peek() == "(" else [10, 0])[:2]
            return Decimal(precision, scale)
        if word in ("char", "character", "varchar"):
            self.expect("(")
            metadata[CHAR_METADATA] = f"{word.replace('character', 'char')}({self.number()})"
            self.expect(")")
            return STRING
        if word == "interval":
            while self.peek() is not None and _PLAIN_NAME.match(str(self.peek())):
                self.take()
            return Primitive("interval")
        name = _SYNONYMS.get(word, word)
        if name not in _PRIMITIVES:
            raise TypeSyntaxError(f"unknown type '{word}'")
        if self.accept("collate"):
            self.take()
        return Primitive(name)

    def _array(self) -> Array:
        self.expect("<")
        element = self.type({})
        self.expect(">")
        return Array(element)

    def _map(self) -> Map:
        self.expect("<")
        key = self.type({})
        self.expect(",")
        value = self.type({})
        self.expect(">")
        return Map(key, value)

    def _struct(self) -> Struct:
        self.expect("<")
        fields: list[Field] = []
        while not self.accept(">"):
            fields.append(self._field())
            if self.peek() != ">":
                self.expect(",")
        return Struct(tuple(fields))

    def _field(self) -> Field:
        token = self.take()
        name = token[1:-1].replace("``", "`") if token[0] == "`" else token
        self.accept(":")
        metadata: Json = {}
        parsed = self.type(metadata)
        nullable = True
        while True:
            if self.accept("not"):
                self.take()
                nullable = False
            elif self.accept("comment"):
                metadata[COMMENT] = re.sub(r"\\(.)", r"\1", self.take()[1:-1])
            else:
                return Field(name, parsed, nullable, metadata)


def text_of(data_type: DataType) -> str:
    """Spark's short text of a type, e.g. `map<string,decimal(10,2)>`; what Unity Catalog calls `type_text`."""
    match data_type:
        case Primitive(name):
            return _PRIMITIVES[name][0]
        case Decimal(precision, scale):
            return f"decimal({precision},{scale})"
        case Array(element):
            return f"array<{text_of(element)}>"
        case Map(key, value):
            return f"map<{text_of(key)},{text_of(value)}>"
        case Struct(fields):
            return f"struct<{','.join(f'{quote_name(item.name)}:{text_of(item.type)}' for item in fields)}>"


def ddl_of(data_type: DataType) -> str:
    """A type as SHOW CREATE TABLE prints it: type names in upper case, field names as they are."""
    match data_type:
        case Array(element):
            return f"ARRAY<{ddl_of(element)}>"
        case Map(key, value):
            return f"MAP<{ddl_of(key)}, {ddl_of(value)}>"
        case Struct(fields):
            return f"STRUCT<{', '.join(f'{quote_name(item.name)}: {ddl_of(item.type)}' for item in fields)}>"
        case _:
            return text_of(data_type).upper()


def field_text(item: Field) -> str:
    """Type text of a column, CHAR and VARCHAR included."""
    char: str | None = item.metadata.get(CHAR_METADATA)
    return char or text_of(item.type)


def quote_name(name: str) -> str:
    """A name as Spark prints it inside a type: in backticks only when it needs them."""
    return name if _PLAIN_NAME.match(name) else "`" + name.replace("`", "``") + "`"


# ---- Delta schema JSON


def from_json(value: Any) -> DataType:
    """A type in the Delta schema's JSON."""
    if isinstance(value, str):
        decimal = re.match(r"decimal\((\d+),\s*(-?\d+)\)", value)
        if decimal:
            return Decimal(int(decimal[1]), int(decimal[2]))
        name = _SYNONYMS.get(value, value)
        if name not in _PRIMITIVES:
            raise TypeSyntaxError(f"unknown Delta type '{value}'")
        return Primitive(name)
    kind = value["type"]
    if kind == "array":
        return Array(from_json(value["elementType"]), value["containsNull"])
    if kind == "map":
        return Map(from_json(value["keyType"]), from_json(value["valueType"]), value["valueContainsNull"])
    if kind == "struct":
        return Struct(tuple(field_from_json(item) for item in value["fields"]))
    raise TypeSyntaxError(f"unknown Delta type '{kind}'")


def field_from_json(value: Json) -> Field:
    """A field in the Delta schema's JSON."""
    return Field(value["name"], from_json(value["type"]), value["nullable"], value.get("metadata") or {})


def to_json(data_type: DataType) -> Any:
    """The Delta schema JSON of a type."""
    match data_type:
        case Primitive(name):
            return name
        case Decimal(precision, scale):
            return f"decimal({precision},{scale})"
        case Array(element, contains_null):
            return {"type": "array", "elementType": to_json(element), "containsNull": contains_null}
        case Map(key, value, value_contains_null):
            return {
                "type": "map",
                "keyType": to_json(key),
                "valueType": to_json(value),
                "valueContainsNull": value_contains_null,
            }
        case Struct(fields):
            return {"type": "struct", "fields": [field_to_json(item) for item in fields]}


def field_to_json(item: Field) -> Json:
    """The Delta schema JSON of a field."""
    return {
        "name": item.name,
        "type": to_json(item.type),
        "nullable": item.nullable,
        "metadata": dict(item.metadata),
    }


def schema_from_string(text: str) -> Struct:
    """The `schemaString` of a Delta metaData action."""
    parsed = from_json(json.loads(text))
    if not isinstance(parsed, Struct):
        raise TypeSyntaxError("a table's schema must be a struct")
    return parsed


def schema_to_string(schema: Struct) -> str:
    """The `schemaString` of a Delta metaData action."""
    return json.dumps(to_json(schema), separators=(",", ":"), ensure_ascii=False)


# ---- DuckDB


def quote(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def to_duckdb(data_type: DataType) -> str:
    """DuckDB's text of a type."""
    match data_type:
        case Primitive(name):
            return _PRIMITIVES[name][1]
        case Decimal(precision, scale):
            return f"DECIMAL({precision},{scale})"
        case Array(element):
            return f"{to_duckdb(element)}[]"
        case Map(key, value):
            return f"MAP({to_duckdb(key)}, {to_duckdb(value)})"
        case Struct(fields):
            return f"STRUCT({', '.join(f'{quote(item.name)} {to_duckdb(item.type)}' for item in fields)})"


_FROM_DUCKDB = {
    "boolean": "boolean",
    "tinyint": "byte",
    "smallint": "short",
    "utinyint": "short",
    "integer": "integer",
    "usmallint": "integer",
    "bigint": "long",
    "uinteger": "long",
    "ubigint": "long",
    "hugeint": "long",
    "uhugeint": "long",
    "float": "float",
    "double": "double",
    "date": "date",
    "timestamp with time zone": "timestamp",
    "timestamp": "timestamp_ntz",
    "timestamp_s": "timestamp_ntz",
    "timestamp_ms": "timestamp_ntz",
    "timestamp_ns": "timestamp_ntz",
    "varchar": "string",
    "uuid": "string",
    "enum": "string",
    "time": "string",
    "bit": "string",
    "blob": "binary",
    "variant": "variant",
    "null": "void",
    "interval": "interval",
}


def from_duckdb(duck: Any) -> DataType:
    """The type that a DuckDB result type (a `DuckDBPyType`) stands for: HUGEINT only ever is the sum of BIGINTs."""
    kind = duck.id
    if kind == "decimal":
        parts = dict(duck.children)
        return Decimal(parts["precision"], parts["scale"])
    if kind in ("list", "array"):
        return Array(from_duckdb(dict(duck.children)["child"]))
    if kind == "map":
        parts = dict(duck.children)
        return Map(from_duckdb(parts["key"]), from_duckdb(parts["value"]))
    if kind == "struct":
        return Struct(tuple(Field(name, from_duckdb(child)) for name, child in duck.children))
    if kind not in _FROM_DUCKDB:
        raise TypeSyntaxError(f"the engine's type {duck} has no Databricks type")
    return Primitive(_FROM_DUCKDB[kind])


# ---- Arrow

_TO_ARROW = {
    "boolean": pa.bool_(),
    "byte": pa.int8(),
    "short": pa.int16(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "string": pa.string(),
    "binary": pa.binary(),
    # results send these as text, with the SQL name beside it
    "variant": pa.string(),
    "void": pa.string(),
    "interval": pa.string(),
}


def to_arrow(data_type: DataType) -> pa.DataType:
    """The Arrow type in which a result column travels."""
    match data_type:
        case Primitive(name):
            return _TO_ARROW[name]
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale)
        case Array(element):
            return pa.list_(to_arrow(element))
        case Map(key, value):
            return pa.map_(to_arrow(key), to_arrow(value))
        case Struct(fields):
            return pa.struct([pa.field(item.name, to_arrow(item.type)) for item in fields])


# ---- Unity Catalog


def column_doc(item: Field, position: int, partition_index: int | None = None) -> Json:
    """The column as the REST API's ColumnInfo; `position` counts from 0."""
    char = item.metadata.get(CHAR_METADATA)
    doc: Json = {
        "name": item.name,
        "type_text": field_text(item),
        "type_name": char.split("(")[0].upper().replace("VARCHAR", "STRING") if char else _uc_name(item.type),
        "type_json": json.dumps(field_to_json(item), separators=(",", ":"), ensure_ascii=False),
        "type_precision": item.type.precision if isinstance(item.type, Decimal) else 0,
        "type_scale": item.type.scale if isinstance(item.type, Decimal) else 0,
        "position": position,
        "nullable": item.nullable,
    }
    if item.comment:
        doc["comment"] = item.comment
    if partition_index is not None:
        doc["partition_index"] = partition_index
    return doc


def column_docs(schema: Struct, partition_columns: Iterable[str] = ()) -> list[Json]:
    """All columns of a schema as ColumnInfo documents."""
    partitions = {name.lower(): index for index, name in enumerate(partition_columns)}
    return [
        column_doc(item, position, partitions.get(item.name.lower())) for position, item in enumerate(schema.fields)
    ]


def schema_of_docs(columns: Iterable[Json]) -> Struct:
    """The schema that ColumnInfo documents describe."""
    fields = []
    for column in columns:
        if column.get("type_json"):
            fields.append(field_from_json(json.loads(column["type_json"])))
        else:
            parsed, metadata = parse_with_metadata(column["type_text"])
            fields.append(Field(column["name"], parsed, column.get("nullable", True), metadata))
    return Struct(tuple(fields))


def _uc_name(data_type: DataType) -> str:
    match data_type:
        case Primitive(name):
            return _PRIMITIVES[name][2]
        case _:
            return type(data_type).__name__.upper()
