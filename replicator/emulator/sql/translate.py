"""From sqlglot's tree of a Databricks expression or query to DuckDB text: what sqlglot does not translate, or wrongly.

The engine's macros (`sp_…`, see `engine_macros`) carry the meaning that Spark gives to a function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError

from replicator.emulator.errors import SqlError
from replicator.emulator.sql import intervals
from replicator.emulator.sql.hashing import hashed
from replicator.emulator.sql.nodes import INTEGERS, call, cast, plain

Rewrite = Callable[[exp.Expr], exp.Expr]
_STRINGS = (exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR)
_TO_TIMESTAMP = exp.DataType.Type.TIMESTAMP  # only to_timestamp() and timestamp() parse to it


def parse(text: str) -> exp.Expr:
    """Parse a query or DML statement. Raises SqlError for syntax errors and for what sqlglot only passes through."""
    try:
        parsed = sqlglot.parse(text, read="databricks", error_level=ErrorLevel.IMMEDIATE)
    except (ParseError, TokenError) as error:
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", _first_line(str(error))) from error
    except (IndexError, AttributeError, TypeError, ValueError, RecursionError) as error:
        # sqlglot builds some functions from arguments that it does not count first.
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", f"The statement cannot be read: {error}") from error
    statements = [item for item in parsed if item is not None]
    if len(statements) != 1:
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", "Exactly one statement is expected.")
    if isinstance(statements[0], exp.Command) or statements[0].find(exp.Command):
        raise unsupported(text)
    return statements[0]


def parse_expression(text: str) -> exp.Expr:
    """Parse one expression, such as a CHECK constraint."""
    query = parse(f"SELECT {text}")
    if not isinstance(query, exp.Select) or len(query.expressions) != 1 or query.args.get("from_"):
        raise SqlError("PARSE_SYNTAX_ERROR", "42601", f"Not an expression: {text}")
    found: exp.Expr = query.expressions[0].pop()
    return found


_LEADING_COMMENTS = re.compile(r"\A(?:\s|--[^\n]*\n|/\*.*?\*/)+", re.DOTALL)


def unsupported(text: str) -> SqlError:
    """The refusal of a statement that the emulator does not know: never a silent success."""
    shown = " ".join(_LEADING_COMMENTS.sub("", text).split())[:120]
    return SqlError("UNSUPPORTED_FEATURE", "0A000", f"This statement is not supported by the emulator: {shown}")


def to_duckdb(tree: exp.Expr, session_values: Mapping[str, str], groups: Collection[str] = ()) -> str:
    """DuckDB text of a bound tree, which is changed.

    `session_values` answers current_user() and the like, `groups` (lower case) is_account_group_member().
    Raises SqlError UNRESOLVED_ROUTINE and UNSUPPORTED_FEATURE.
    """
    rewritten = _Rewriter(session_values, sorted(groups)).apply(tree)
    try:
        return rewritten.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise SqlError("UNSUPPORTED_FEATURE", "0A000", f"Not supported by the emulator: {error}") from error


def _first_line(text: str) -> str:
    return "Syntax error: " + " ".join(text.replace("\x1b[4m", "").replace("\x1b[0m", "").split())[:300]


def is_known(function: str) -> bool:
    """Whether a function that sqlglot does not know is a builtin all the same."""
    name = function.lower()
    return name.startswith("sp_") or any(name in known for known in (_MACROS, _BY_NAME, _SAME, _MEMBERSHIP))


# expression -> the session value that answers it
_SESSION: dict[type[exp.Expr], str] = {
    exp.CurrentUser: "current_user",
    exp.SessionUser: "session_user",
    exp.CurrentCatalog: "current_catalog",
    exp.CurrentDatabase: "current_database",
    exp.CurrentSchema: "current_schema",
    exp.CurrentTimezone: "current_timezone",
}


class _Rewriter:
    """One pass over a tree, innermost nodes first."""

    def __init__(self, session_values: Mapping[str, str], groups: Sequence[str]) -> None:
        self._session_values = session_values
        self._groups = groups

    def apply(self, tree: exp.Expr) -> exp.Expr:
        root = exp.Paren(this=tree)
        for node in reversed(list(tree.walk())):
            replacement = self._rewritten(node)
            if replacement is not node:
                node.replace(replacement)
        found: exp.Expr = root.this
        return found.pop()

    def _rewritten(self, node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous):
            return self._anonymous(node)
        if type(node) in _SESSION:
            return exp.Literal.string(self._session_values[_SESSION[type(node)]])
        rewrite = _BY_TYPE.get(type(node))
        return rewrite(node) if rewrite else node

    def _anonymous(self, node: exp.Anonymous) -> exp.Expr:
        name = node.name.lower()
        if name in self._session_values:
            return exp.Literal.string(self._session_values[name])
        if name in _MEMBERSHIP:
            groups = exp.Array(expressions=[exp.Literal.string(item) for item in self._groups])
            return plain("list_contains", groups, plain("lower", node.expressions[0]))
        if name.startswith("sp_") or node.meta.get("duckdb"):
            return node
        if name in _MACROS:
            node.set("this", _MACROS[name])
            return node
        if name in _BY_NAME:
            return _BY_NAME[name](node)
        if name in _SAME:
            return node
        message = f"Cannot resolve routine `{name}`: it is unknown, or not supported by the emulator."
        raise SqlError("UNRESOLVED_ROUTINE", "42883", message)


# ---- functions that sqlglot leaves alone

_MEMBERSHIP = frozenset({"is_account_group_member", "is_member"})
_SAME = frozenset(
    [
        "cardinality",
        "e",
        "bin",
        "nvl",
        "hash",
        "list_value",
        "unnest",
        "generate_series",
        "isnan",
        "version",
        "any_value",
        "bool_and",
        "map_entries",
        "map_keys",
        "map_values",
        "array_position",
        "array_append",
        "array_prepend",
        "list_zip",
        "trunc",
        "uuid",
        "range",
        "char_length",
    ]
)
_MACROS = {
    "pmod": "sp_pmod",
    "mod": "sp_mod",
    "crc32": "sp_crc32",
    "conv": "sp_conv",
    "timestamp_seconds": "sp_timestamp_seconds",
    "timestamp_millis": "sp_timestamp_millis",
    "timestamp_micros": "sp_timestamp_micros",
    "unix_seconds": "sp_unix_seconds",
    "unix_millis": "sp_unix_millis",
    "unix_micros": "sp_unix_micros",
    "unix_date": "sp_unix_date",
    "date_from_unix_date": "sp_date_from_unix_date",
    "shiftrightunsigned": "sp_shiftrightunsigned",
    "assert_true": "sp_assert_true",
    "raise_error": "sp_raise_error",
    "weekday": "sp_weekday",
    "octet_length": "sp_octet_length",
    "negative": "sp_negative",
    "positive": "sp_positive",
    "get": "sp_get",
    "try_element_at": "sp_element_at",
    "shiftleft": "sp_shiftleft",
}


def _is_null(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=exp.Is(this=node.expressions[0], expression=exp.Null()))


def _is_not_null(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=exp.Not(this=exp.Is(this=node.expressions[0], expression=exp.Null())))


def _zip_with(node: exp.Expr) -> exp.Expr:
    left, right, function = node.expressions
    pair = exp.to_identifier("__pair")
    names = [item.name for item in function.expressions]
    body = function.this
    for position, name in enumerate(names, 1):
        index = exp.Literal.number(position)
        element = exp.Bracket(this=exp.column(pair.copy()), expressions=[index], offset=1)
        body = _substitute(body, name, element)
    zipped = call("list_zip", left, right)
    return call("list_transform", zipped, exp.Lambda(this=body, expressions=[pair]))


def _transform(node: exp.Expr) -> exp.Expr:
    """The index that transform hands to its function counts from 0, the engine's from 1."""
    function = node.args["expression"]
    if not isinstance(function, exp.Lambda) or len(function.expressions) < 2:
        return node
    index = function.expressions[1].name
    shifted = exp.Paren(this=exp.Sub(this=exp.column(index), expression=exp.convert(1)))
    function.set("this", _substitute(function.this, index, shifted))
    return node


def _substitute(body: exp.Expr, name: str, replacement: exp.Expr) -> exp.Expr:
    def visit(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() == name.lower():
            return replacement.copy()
        if isinstance(node, exp.Identifier) and node.name.lower() == name.lower() and node.arg_key != "alias":
            return replacement.copy() if not isinstance(node.parent, exp.Column) else node
        return node

    changed: exp.Expr = body.transform(visit)
    return changed


def _forall(node: exp.Expr) -> exp.Expr:
    items, function = node.expressions
    return exp.Coalesce(this=call("list_bool_and", call("list_transform", items, function)), expressions=[exp.true()])


def _map_values(node: exp.Expr) -> exp.Expr:
    return _map_entries(node, key_stays=True)


def _map_keys(node: exp.Expr) -> exp.Expr:
    return _map_entries(node, key_stays=False)


def _map_entries(node: exp.Expr, *, key_stays: bool) -> exp.Expr:
    """transform_values / transform_keys: rebuild the map from its changed entries."""
    items, function = node.expressions
    body = _entry_body(function)
    entry = exp.column("__entry")
    key, value = (
        exp.Dot(this=entry, expression=exp.to_identifier("key")),
        exp.Dot(this=entry.copy(), expression=exp.to_identifier("value")),
    )
    pair = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier("key"), expression=key if key_stays else body),
            exp.PropertyEQ(this=exp.to_identifier("value"), expression=body if key_stays else value),
        ]
    )
    changed = call("list_transform", call("map_entries", items), _entry_lambda(pair))
    return call("map_from_entries", changed)


def _map_filter(node: exp.Expr) -> exp.Expr:
    items, function = node.expressions
    kept = call("list_filter", call("map_entries", items), _entry_lambda(_entry_body(function)))
    return call("map_from_entries", kept)


def _entry_body(function: exp.Expr) -> exp.Expr:
    body: exp.Expr = function.this
    for item, part in zip(function.expressions, ("key", "value"), strict=True):
        field = exp.Dot(this=exp.column("__entry"), expression=exp.to_identifier(part))
        body = _substitute(body, item.name, field)
    return body


def _entry_lambda(body: exp.Expr) -> exp.Lambda:
    return exp.Lambda(this=body, expressions=[exp.to_identifier("__entry")])


def _parse_json(node: exp.Expr) -> exp.Expr:
    return cast(cast(node.this, "JSON"), "VARIANT")


_BY_NAME: dict[str, Rewrite] = {
    "xxhash64": hashed("sp_xxhash64"),
    "hash": hashed("sp_hash32"),
    "isnull": _is_null,
    "isnotnull": _is_not_null,
    "zip_with": _zip_with,
    "forall": _forall,
    "transform_values": _map_values,
    "transform_keys": _map_keys,
    "map_filter": _map_filter,
    "cardinality": lambda node: _size(node.expressions[0]),
    "decimal": lambda node: cast(node.expressions[0], "DECIMAL(10,0)"),
    "some": lambda node: exp.LogicalOr(this=node.expressions[0]),
    "every": lambda node: exp.LogicalAnd(this=node.expressions[0]),
    "bround": lambda node: call(
        "round_even", *(node.expressions if len(node.expressions) > 1 else [*node.expressions, 0])
    ),
}


# ---- functions that sqlglot translates in another sense than Spark's


def _size(value: exp.Expr) -> exp.Expr:
    return cast(plain("cardinality", value), "INTEGER")


def _days(node: exp.Expr, sign: str) -> exp.Expr:
    unit = node.args.get("unit")
    if unit is not None and unit.name.upper() not in ("DAY", "DAYS"):
        return node
    amount = node.expression
    if isinstance(amount, exp.Interval):
        return node
    return call(sign, node.this, amount)


def _cast(node: exp.Expr) -> exp.Expr:
    """Casts to text and to integers follow Spark: no zone in timestamps, truncation instead of rounding."""
    kind = node.args["to"].this
    if isinstance(node.this, exp.JSONExtract) and not node.args["to"].args.get("nested"):
        # A scalar is taken out of its JSON: text without its quotes.
        node.set("this", exp.JSONExtractScalar(this=node.this.this, expression=node.this.expression))
        if kind in _STRINGS:
            return node.this
    if node.meta.get("duckdb") or _is_plain_literal(node.this):
        return cast(node.this, "TIMESTAMPTZ") if kind is _TO_TIMESTAMP and not node.meta.get("duckdb") else node
    if kind is _TO_TIMESTAMP:
        return cast(node.this, "TIMESTAMPTZ")
    if kind in _STRINGS:
        return call("sp_to_string", node.this)
    if kind in INTEGERS and not isinstance(node, exp.TryCast):
        return call(INTEGERS[kind], node.this)
    return node


def _negative(node: exp.Expr) -> exp.Expr:
    """`-128Y` is one literal: its type holds the number with its sign only."""
    inner = node.this
    if isinstance(inner, exp.Cast) and _is_plain_literal(inner.this) and not inner.this.is_string:
        return exp.Cast(this=exp.Neg(this=inner.this.copy()), to=inner.args["to"].copy())
    return node


def _interval(node: exp.Expr) -> exp.Expr:
    span, value = node.args.get("unit"), node.this
    if not isinstance(span, exp.IntervalSpan) or not isinstance(value, exp.Literal):
        return node
    text = intervals.spelled_out(value.name, span.this.name, span.expression.name)
    return cast(exp.Literal.string(text), "INTERVAL")


def _is_plain_literal(value: exp.Expr) -> bool:
    return isinstance(value, exp.Literal) and (value.is_string or value.is_int)


def _divide(node: exp.Expr) -> exp.Expr:
    if isinstance(node.expression, exp.Literal) and not node.expression.is_string and node.expression.name.strip("0."):
        return node
    return call("sp_divide", node.this, node.expression)


def _exists(node: exp.Expr) -> exp.Expr:
    function = node.args.get("expression")
    if function is None:
        return node
    hits = plain("list_bool_or", plain("list_transform", node.this, function))
    return exp.Coalesce(this=hits, expressions=[exp.false()])


def _like(node: exp.Expr) -> exp.Expr:
    """Spark escapes with a backslash in LIKE without being asked."""
    if isinstance(node.parent, exp.Escape) or isinstance(node.expression, exp.Any | exp.All | exp.Tuple):
        return node
    pattern = node.expression
    if isinstance(pattern, exp.Literal) and "\\" not in pattern.name:
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _sha2(node: exp.Expr) -> exp.Expr:
    length = node.args.get("length")
    if length is not None and length.name not in ("0", "256"):
        raise SqlError(
            "UNSUPPORTED_FEATURE", "0A000", f"sha2 with {length.name} bits is not supported by the emulator."
        )
    return plain("sha256", node.this)


def _to_json(node: exp.Expr) -> exp.Expr:
    return call("sp_json_text", node.this)


def _date_part(name: str) -> Rewrite:
    return lambda node: cast(plain(name, node.this), "INTEGER")


def _path(node: exp.Expr) -> exp.Expr:
    """`column:path` reads a VARIANT or a JSON text."""
    node.set("this", cast(node.this, "JSON"))
    return node


def _to_timestamp(node: exp.Expr) -> exp.Expr:
    return cast(node.copy(), "TIMESTAMPTZ")


def _unix_timestamp(node: exp.Expr) -> exp.Expr:
    return call("sp_unix_seconds", node.this)


def _slice(node: exp.Expr) -> exp.Expr:
    start, length = node.args["start"], node.args["end"]
    last = exp.Sub(this=exp.Add(this=start.copy(), expression=exp.Paren(this=length)), expression=exp.convert(1))
    return plain("array_slice", node.this, start, last)


_BY_TYPE: dict[type[exp.Expr], Rewrite] = {
    exp.ArraySize: lambda node: _size(node.this),
    exp.TsOrDsAdd: lambda node: _days(node, "sp_date_add"),
    exp.Length: lambda node: cast(plain("length", node.this), "INTEGER"),
    exp.Cast: _cast,
    exp.Div: _divide,
    exp.Neg: _negative,
    exp.Interval: _interval,
    exp.Exists: _exists,
    exp.Transform: _transform,
    exp.Like: _like,
    exp.ILike: _like,
    exp.SHA2: _sha2,
    exp.JSONFormat: _to_json,
    exp.JSONExtract: _path,
    exp.StrToTime: _to_timestamp,
    exp.StrToUnix: _unix_timestamp,
    exp.ArraySlice: _slice,
    exp.ParseJSON: _parse_json,
    exp.DayOfWeek: lambda node: cast(exp.Add(this=plain("dayofweek", node.this), expression=exp.convert(1)), "INTEGER"),
    exp.Year: _date_part("year"),
    exp.Month: _date_part("month"),
    exp.Day: _date_part("day"),
    exp.Hour: _date_part("hour"),
    exp.Minute: _date_part("minute"),
    exp.Second: _date_part("second"),
    exp.Typeof: lambda node: call("sp_typeof", plain("typeof", node.this)),
    exp.Quarter: _date_part("quarter"),
    exp.Rand: lambda node: exp.Rand(),
}
