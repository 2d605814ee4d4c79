"""The tables that a view's query reads, found by its syntax, and the same query over other tables.

A query is never written anew: only the names in it are exchanged, where they stand. Every other character stays.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replicator.address import Address, Side
from replicator.sqltext import quote


@dataclass(frozen=True, slots=True)
class Reference:
    """One place in a query that names a table: the parts of its name, folded, and where its text begins and ends."""

    parts: tuple[str, ...]
    start: int
    end: int

    @property
    def name(self) -> str:
        return ".".join(self.parts)


def references(definition: str) -> tuple[Reference, ...]:
    """Every table or view that a query names, in the order of the text; names of its own (WITH) are none.

    Raises ValueError when the query cannot be read.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        query = parse_one(definition, read="databricks")
    except SqlglotError as error:
        raise ValueError(f"the query cannot be read{_place(error)}") from None
    own = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    found = (reference for table in query.find_all(exp.Table) for reference in _reference(table))
    return tuple(sorted((ref for ref in found if ref.name not in own), key=lambda ref: ref.start))


def _place(error: Exception) -> str:
    """Where in the query a reader stumbled, if it says so."""
    found: dict[str, Any] = next(iter(getattr(error, "errors", ())), {})
    if not found.get("line"):
        return ""
    return f" at its line {found['line']}, column {found['col']}, near `{found.get('highlight', '')}`"


def _reference(table: Any) -> Iterator[Reference]:
    from sqlglot import exp

    parts = table.parts
    if all(isinstance(part, exp.Identifier) and "start" in part.meta for part in parts):
        folded = tuple(part.name.lower() for part in parts)
        yield Reference(folded, parts[0].meta["start"], parts[-1].meta["end"] + 1)


def waiting_for(side: Side, read: Iterable[Reference]) -> tuple[Address, ...]:
    """The addresses under which what a query reads may be managed, and the catalogs that it reads through."""
    names = dict.fromkeys(reference.name for reference in read if len(reference.parts) == 3)
    tables = [Address(side, kind, name) for name in names for kind in ("table", "clone", "view")]
    return (*tables, *(Address(side, "catalog", name) for name in dict.fromkeys(n.partition(".")[0] for n in names)))


def rewritten(definition: str, names: Mapping[str, str]) -> str:
    """The query with each table of `names` (folded full name to full name) exchanged for another.

    Raises ValueError as `references` does.
    """
    text, at = "", 0
    for reference in references(definition):
        if reference.name in names:
            text += definition[at : reference.start] + quote(*names[reference.name].split("."))
            at = reference.end
    return text + definition[at:]
