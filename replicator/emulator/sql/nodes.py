"""Small pieces that a rewritten tree is made of."""

from __future__ import annotations

from sqlglot import exp

INTEGERS = {
    exp.DataType.Type.TINYINT: "sp_to_tinyint",
    exp.DataType.Type.SMALLINT: "sp_to_smallint",
    exp.DataType.Type.INT: "sp_to_int",
    exp.DataType.Type.BIGINT: "sp_to_bigint",
}
TO_INTEGER = frozenset(INTEGERS.values())


def call(name: str, *arguments: exp.Expr | str | int) -> exp.Anonymous:
    """A function call by name."""
    return exp.Anonymous(this=name, expressions=[_argument(item) for item in arguments])


def _argument(value: exp.Expr | str | int) -> exp.Expr:
    return value if isinstance(value, exp.Expr) else exp.convert(value)


def cast(value: exp.Expr, kind: str) -> exp.Cast:
    """CAST to a DuckDB type, exempt from the rewriting of casts."""
    made = exp.Cast(this=value, to=exp.DataType.build(kind, dialect="duckdb"))
    made.meta["duckdb"] = True
    return made


def plain(name: str, *arguments: exp.Expr | str | int) -> exp.Anonymous:
    """A call of a DuckDB function, exempt from the check of Databricks' names."""
    made = call(name, *arguments)
    made.meta["duckdb"] = True
    return made
