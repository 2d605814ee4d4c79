"""Row filters and column masks: a table that has one is read through a query that applies them."""

from __future__ import annotations

from sqlglot import exp

from replicator.emulator.metastore import Doc
from replicator.emulator.sql.tokens import quote_name


def applies(doc: Doc) -> bool:
    """Whether the table has a row filter or a masked column."""
    return "row_filter" in doc or any("mask" in column for column in doc.get("columns", ()))


def query_of(doc: Doc, source: exp.Expr) -> exp.Expr:
    """The filtered and masked rows of `source`, as a query that still has to be bound."""
    projections = [_masked(column) for column in doc["columns"]]
    query = exp.select(*projections, dialect="databricks").from_(source.as_("__unfiltered", table=True))
    row_filter = doc.get("row_filter")
    if row_filter is None:
        return query
    return query.where(_call(row_filter["function_name"], row_filter["input_column_names"]), dialect="databricks")


def _masked(column: Doc) -> str:
    name = quote_name(column["name"])
    mask = column.get("mask")
    if mask is None:
        return name
    return f"{_call(mask['function_name'], [column['name'], *mask.get('using_column_names', ())])} AS {name}"


def _call(function: str, columns: list[str]) -> str:
    return f"{quote_name(*function.split('.'))}({', '.join(quote_name(name) for name in columns)})"
