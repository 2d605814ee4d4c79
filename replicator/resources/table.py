"""Tables whose definition we own and whose rows we never touch."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from replicator.address import Address
from replicator.resources import canonical
from replicator.resources.base import Effect, Path, Resource, ResourceType, Rule, rules_of


class Column(BaseModel):
    """One column; what is not written is unmanaged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    nullable: bool = True
    comment: str | None = None


def canonical_columns(columns: Any) -> dict[str, Any]:
    """Columns by lower-cased name, types in their one spelling; the order is kept as `position` only where it was
    given."""
    keyed = canonical.keyed_by_name(columns)
    for value in keyed.values():
        if "type" in value:
            value["type"] = canonical.column_type(value["type"])
        if "comment" in value:
            value["comment"] = canonical.text(value["comment"])
    return keyed


_WIDER: Mapping[str, frozenset[str]] = {
    "tinyint": frozenset({"smallint", "int", "bigint"}),
    "smallint": frozenset({"int", "bigint"}),
    "int": frozenset({"bigint", "double"}),
    "float": frozenset({"double"}),
    "date": frozenset({"timestamp_ntz"}),
}
"""Delta's type widening (https://docs.databricks.com/delta/type-widening): what may change in place."""


def _narrows(path: Path, before: Any, after: Any) -> bool:
    return path[-1] == "type" and before is not None and after not in _WIDER.get(before, ())


def _column_effect(path: Path, before: Any, after: Any) -> Effect:
    if before is None and len(path) == 2:
        return Effect.ADDITIVE
    return Effect.REPLACE if _narrows(path, before, after) else Effect.UPDATE


def _column_lossy(path: Path, before: Any, after: Any) -> bool:
    dropped = after is None and len(path) == 2
    return dropped or _narrows(path, before, after)


class Table(Resource):
    """A table, named `catalog.schema.table`. Columns are additive: one that nobody declared is left alone."""

    type: ClassVar[str] = "table"

    columns: Annotated[
        tuple[Column, ...] | None,
        Rule(
            canonical=canonical_columns,
            keyed=1,
            effect_of=_column_effect,
            lossy=_column_lossy,
            why="columns are matched by name; only declared ones are managed",
        ),
    ] = None
    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    properties: Annotated[
        dict[str, str] | None,
        Rule(canonical=canonical.string_map, keyed=1, why="the platform adds properties of its own"),
    ] = None
    partitioned_by: Annotated[
        tuple[str, ...] | None, Rule(effect=Effect.REPLACE, why="partitioning is fixed when a table is created")
    ] = None
    clustered_by: Annotated[tuple[str, ...] | None, Rule()] = None
    location: Annotated[
        str | None, Rule(effect=Effect.REPLACE, canonical=canonical.url, why="a table's location cannot be moved")
    ] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "schema", self.address.container)
        yield from self.after


TYPE = ResourceType(
    name="table", model=Table, rules=rules_of(Table), kind="table", bears_data=True, default_on_existing="fail"
)
