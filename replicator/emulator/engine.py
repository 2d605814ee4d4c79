"""The query engine behind a small interface: run a query over named relations, get Arrow back.

DuckDB is the engine. A relation is either the text of a DuckDB query (a pinned list of data files, see
`delta.read`) or an Arrow table (catalog contents). Nothing outside this file and `delta` knows which engine
it is.
"""

from __future__ import annotations

import atexit
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import duckdb
import pyarrow as pa

from replicator.emulator.delta import types
from replicator.emulator.engine_macros import FUNCTIONS, MACROS
from replicator.emulator.errors import SqlError

Relation: TypeAlias = str | pa.Table
Relations: TypeAlias = Mapping[str, Relation]
Connection: TypeAlias = duckdb.DuckDBPyConnection

SQL_NAME = b"Spark:DataType:SqlName"  # Arrow field metadata where clients look for the type that Arrow cannot express

_SETTINGS = (
    "SET TimeZone='UTC'",
    "SET threads=2",
    "SET preserve_insertion_order=true",
    "SET autoinstall_known_extensions=false",
    "SET autoload_known_extensions=false",
)
_UTC = "UTC"
Watch: TypeAlias = Callable[[Callable[[], None] | None], None]

_watcher: ContextVar[Watch] = ContextVar("watcher", default=lambda stop: None)
_zone: ContextVar[str] = ContextVar("zone", default=_UTC)
_lock = threading.Lock()
_database: list[Connection] = []


def _root() -> Connection:
    """The one in-memory database of this process, made on first use."""
    with _lock:
        if not _database:
            created = duckdb.connect(":memory:")
            for name, (function, parameters, result) in FUNCTIONS.items():
                created.create_function(name, function, parameters, result)
            for statement in (*_SETTINGS, *MACROS):
                created.execute(statement)
            atexit.register(close)  # threads of an open database abort the interpreter's exit
            _database.append(created)
        return _database[0]


def close() -> None:
    """Close the engine. A later query opens it again."""
    with _lock:
        while _database:
            _database.pop().close()


@contextmanager
def connect(relations: Relations) -> Iterator[Connection]:
    """A connection on which the relations are visible by name. Raises SqlError for what the engine refuses."""
    connection = _root().cursor()
    watch = _watcher.get()
    watch(connection.interrupt)
    try:
        with translated_errors():
            if _zone.get() != _UTC:
                connection.execute(f"SET SESSION TimeZone = {types.literal(_zone.get())}")
            for name, relation in relations.items():
                add_relation(connection, name, relation)
            yield connection
    finally:
        watch(None)
        connection.close()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Tell `watch` how to interrupt each query that this thread runs inside: a function, None when it has ended."""
    token = _watcher.set(watch)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """The time zone in which this thread's queries read and write timestamps as text."""
    token = _zone.set(name)
    try:
        yield
    finally:
        _zone.reset(token)


def is_zone(name: str) -> bool:
    """Whether the engine knows a time zone."""
    known = _root().cursor().execute("SELECT 1 FROM pg_timezone_names() WHERE name = ?", [name]).fetchone()
    return known is not None


def add_relation(connection: Connection, name: str, relation: Relation) -> None:
    """Make one more relation visible on a connection."""
    if isinstance(relation, str):
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {types.quote(name)} AS {relation}")
    else:
        connection.register(name, relation)


def run(sql: str, relations: Relations, names: Sequence[str] | None = None) -> pa.Table:
    """Run a query. `names` renames the result's columns, which Spark allows to be equal and DuckDB does not."""
    with connect(relations) as connection:
        return fetch(connection, sql, names)


def fetch(connection: Connection, sql: str, names: Sequence[str] | None = None) -> pa.Table:
    """Run a query on an open connection; types come back as Databricks would send them."""
    relation = connection.sql(sql)
    if relation is None:
        return pa.table({})
    kinds = [types.from_duckdb(duck) for duck in relation.types]
    columns = [
        _export(types.quote(column), str(duck), kind)
        for column, duck, kind in zip(relation.columns, relation.types, kinds, strict=True)
    ]
    if any(columns):
        wanted = [
            f"{export or types.quote(column)} AS {types.quote(column)}"
            for column, export in zip(relation.columns, columns, strict=True)
        ]
        relation = relation.project(", ".join(wanted))
    table = relation.to_arrow_table()
    return pa.Table.from_arrays(
        [_column(table.column(index), types.to_arrow(kind)) for index, kind in enumerate(kinds)],
        schema=pa.schema(
            [
                arrow_field(name, kind)
                for name, kind in zip(names if names is not None else relation.columns, kinds, strict=True)
            ]
        ),
    )


def _column(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return values if values.type == wanted else values.cast(wanted)


def arrow_field(name: str, kind: types.DataType) -> pa.Field:
    """The Arrow field of a result column, with the SQL type name where Arrow alone is ambiguous."""
    metadata = {SQL_NAME: kind.name.upper()} if kind in _NAMED else None
    return pa.field(name, types.to_arrow(kind), metadata=metadata)


_NAMED = (types.Primitive("variant"), types.Primitive("interval"), types.Primitive("void"))


def _export(column: str, duck: str, kind: types.DataType) -> str | None:
    """The expression that turns a column into what its Databricks type says; None when it already is that."""
    if kind == types.Primitive("variant"):
        return f"CAST(CAST({column} AS JSON) AS VARCHAR)"
    if kind == types.Primitive("interval"):
        return f"sp_interval_text({column})"
    if kind == types.Primitive("void"):
        return f"CAST({column} AS VARCHAR)"
    wanted = types.to_duckdb(kind)
    if re.search(
        r"U?HUGEINT|U(TINY|SMALL|BIG)?INT(EGER)?\b|UUID|ENUM|JSON|TIMESTAMP_|TIME\b(?! ZONE)|BIT\b|VARIANT|\d\]",
        duck,
    ):
        return f"CAST({column} AS {wanted})"
    return None


# ---- errors


@contextmanager
def translated_errors() -> Iterator[None]:
    """Word the engine's refusals as Databricks does. Raises SqlError."""
    try:
        yield
    except duckdb.Error as error:
        raise _translate(error) from error
    except types.TypeSyntaxError as error:
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", f"Not supported by the emulator: {error}.") from error


_OWN = re.compile(r"\[\[(?P<class>[A-Z_.]+)\|(?P<state>\w{5})\]\]\s*(?P<text>.*)", re.DOTALL)
# DuckDB exception and pattern over its text -> error class, SQLSTATE, template over the pattern's groups
_RULES: tuple[tuple[type[Exception], str, str, str, str], ...] = (
    (
        duckdb.BinderException,
        r'Referenced column "(?P<name>[^"]+)" not found.*\nCandidate bindings: (?P<candidates>[^\n]+)',
        "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        "42703",
        "A column, variable, or function parameter with name `{name}` cannot be resolved. Did you mean one of the"
        " following? [{candidates}].",
    ),
    (
        duckdb.BinderException,
        r'Referenced (?:column|table) "(?P<name>[^"]+)" (?:was )?not found',
        "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
        "42703",
        "A column, variable, or function parameter with name `{name}` cannot be resolved.",
    ),
    (
        duckdb.BinderException,
        r'(?:does not have a column|have a column) named "(?P<name>[^"]+)"',
        "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
        "42703",
        "A column, variable, or function parameter with name `{name}` cannot be resolved.",
    ),
    (
        duckdb.BinderException,
        r'Ambiguous reference to column name "(?P<name>[^"]+)"',
        "AMBIGUOUS_REFERENCE",
        "42704",
        "Reference `{name}` is ambiguous.",
    ),
    (
        duckdb.BinderException,
        r'column "(?P<name>[^"]+)" must appear in the GROUP BY clause',
        "MISSING_AGGREGATION",
        "42803",
        'The non-aggregating expression "{name}" is based on columns which are not participating in the GROUP BY'
        " clause.",
    ),
    (
        duckdb.CatalogException,
        r"Type with name (?P<name>\S+) does not exist",
        "UNSUPPORTED_DATATYPE",
        "0A000",
        'Unsupported data type "{name}".',
    ),
    (
        duckdb.CatalogException,
        r"Function with name (?P<name>\S+) does not exist",
        "UNRESOLVED_ROUTINE",
        "42883",
        "Cannot resolve routine `{name}`: it is unknown, or not supported by the emulator.",
    ),
    (
        duckdb.BinderException,
        r"No function matches the given name and argument types '(?P<name>[^']*)'",
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "42K09",
        'Cannot resolve "{name}" due to data type mismatch.',
    ),
    (
        duckdb.BinderException,
        r"Set operations can only apply",
        "NUM_COLUMNS_MISMATCH",
        "42826",
        "Set operations can only be performed on inputs with the same number of columns.",
    ),
    (
        duckdb.ConversionException,
        r"Could not convert string '(?P<value>.*)' to (?P<type>\w+)",
        "CAST_INVALID_INPUT",
        "22018",
        'The value \'{value}\' of the type "STRING" cannot be cast to "{type}" because it is malformed. Correct the '
        "value as per the syntax, or change its target type. Use `try_cast` to tolerate malformed input and return"
        " NULL instead.",
    ),
    (
        duckdb.ConversionException,
        r"(?:can't be cast because the value is out of range|Could not cast value .* out of range|out of range)",
        "CAST_OVERFLOW",
        "22003",
        "The value cannot be cast to the target type due to an overflow.",
    ),
    (duckdb.ConversionException, r"", "CAST_INVALID_INPUT", "22018", "{text}"),
    (
        duckdb.OutOfRangeException,
        r"",
        "ARITHMETIC_OVERFLOW",
        "22003",
        '{text} If necessary set "ansi_mode" to "false" to bypass this error.',
    ),
    (
        duckdb.InvalidInputException,
        r"Division by zero",
        "DIVIDE_BY_ZERO",
        "22012",
        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.",
    ),
    (
        duckdb.InvalidInputException,
        r"Values were not provided for the following (?:prepared statement )?parameters: (?P<name>\w+)",
        "UNBOUND_SQL_PARAMETER",
        "42P02",
        "Found the unbound parameter: {name}. Please, fix `args` and provide a mapping of the parameter.",
    ),
    (duckdb.InvalidInputException, r"Malformed JSON", "MALFORMED_RECORD_IN_PARSING", "22023", "{text}"),
    (duckdb.ParserException, r"", "PARSE_SYNTAX_ERROR", "42601", "{text}"),
    (
        duckdb.NotImplementedException,
        r"",
        "UNSUPPORTED_FEATURE",
        "0A000",
        "Not supported by the emulator: {text}",
    ),
    (duckdb.InterruptException, r"", "QUERY_EXECUTION_CANCELED", "HY008", "The query was cancelled."),
    (
        duckdb.IOException,
        r"No space left on device",
        "DISK_FULL",
        "53100",
        "No space left on the disk that holds the emulator's metastores.",
    ),
    (duckdb.IOException, r"", "FAILED_READ_FILE.NO_HINT", "KD001", "Error while reading file: {text}"),
    (duckdb.TypeMismatchException, r"", "DATATYPE_MISMATCH", "42K09", "{text}"),
    (duckdb.BinderException, r"", "DATATYPE_MISMATCH", "42K09", "{text}"),
)


_INTEGERS = {"INT8": "TINYINT", "INT16": "SMALLINT", "INT32": "INT", "INT64": "BIGINT"}


def _spoken(word: str) -> str:
    """A name from an engine message in Databricks' spelling."""
    return _INTEGERS.get(word, word.replace('"', "`"))


def _translate(error: duckdb.Error) -> SqlError:
    text = str(error)
    own = _OWN.search(text)
    if own:
        return SqlError(own["class"], own["state"], own["text"].split("\n\nLINE ")[0].strip())
    first = text.split("\n", 1)[0].split(": ", 1)[-1].strip()
    for kind, pattern, error_class, sqlstate, template in _RULES:
        match = re.search(pattern, text) if isinstance(error, kind) else None
        if match:
            found = {key: _spoken(value) for key, value in match.groupdict().items()}
            return SqlError(error_class, sqlstate, template.format(text=first, **found))
    return SqlError("INTERNAL_ERROR", "XX000", first)
