"""Tables whose definition we own and whose rows we never touch."""

import contextlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from replicator.address import Address
from replicator.errors import AlreadyExists, NotFound
from replicator.resources import canonical, rest
from replicator.resources.base import (
    Effect,
    Fields,
    Observed,
    Outputs,
    Path,
    Reader,
    Resource,
    ResourceType,
    Rule,
    Task,
    Writer,
    rules_of,
)
from replicator.resources.table_statements import alter_statements, create_statement
from replicator.sqltext import quote_name


class Column(BaseModel):
    """One column; what is not written is unmanaged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str = Field(pattern=r"^[\w\s<>(),:`-]+$")
    nullable: bool = True
    comment: str | None = None


def canonical_columns(columns: Any) -> dict[str, Any]:
    """Columns by lower-cased name, in their order, types in their one spelling."""
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
    # A column may itself be called `type`: only the third step of a path is an attribute.
    attribute = len(path) == 3 and path[2] == "type"
    return attribute and before is not None and after not in _WIDER.get(before, ())


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
        tuple[str, ...] | None,
        Rule(effect=Effect.REPLACE, canonical=canonical.names, why="partitioning is fixed when a table is created"),
    ] = None
    clustered_by: Annotated[tuple[str, ...] | None, Rule(canonical=canonical.names)] = None
    location: Annotated[
        str | None, Rule(effect=Effect.REPLACE, canonical=canonical.url, why="a table's location cannot be moved")
    ] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "schema", self.address.container)
        yield from self.after


def read(reader: Reader, at: Address) -> Observed | None:
    """One table, None when there is none."""
    try:
        return observe(reader.get(rest.path("tables", at.name)))
    except NotFound:
        return None


def observe(raw: Mapping[str, Any]) -> Observed:
    """A table, view or copy from its REST JSON, as listed or as fetched by name."""
    properties = raw.get("properties") or {}
    columns, partitions, special = _shape(raw.get("columns") or ())
    clustering = json.loads(properties.get("clusteringColumns") or "[]")
    fields: Fields = {
        "comment": raw.get("comment"),
        "properties": {k: v for k, v in rest.own_properties(properties).items() if k != "clusteringColumns"},
        "partitioned_by": partitions,
        "clustered_by": [path[0] if len(path) == 1 else ".".join(path) for path in clustering],
        "owner": raw.get("owner"),
    }
    if raw.get("table_type") == "VIEW":
        fields["definition"] = raw.get("view_definition")
    if raw.get("table_type") == "EXTERNAL":
        fields["location"] = raw.get("storage_location")
    return Observed(
        name=f"{raw['catalog_name']}.{raw['schema_name']}.{raw['name']}",
        fields={"columns": columns, **TYPE.canonical(fields)},
        id=raw.get("table_id"),
        mark=rest.mark_of(properties),
        info={
            **rest.facts(raw, "table_type", "data_source_format", "storage_location", "pipeline_id", "row_filter"),
            **({"columns": special} if special else {}),
        },
    )


def column_facts(column: Mapping[str, Any]) -> dict[str, Any]:
    """What is special about a column of a REST document, and no field of ours: `mask` (its function), `default`,
    `generated` (expressions), `identity`; empty for most columns."""
    facts: dict[str, Any] = {}
    if mask := column.get("mask"):
        facts["mask"] = mask.get("function_name") or True
    text = column.get("type_json")
    if text and ("CURRENT_DEFAULT" in text or "delta." in text):
        metadata = _metadata(text)
        facts |= {name: metadata[key] for name, key in _SPECIAL.items() if metadata.get(key) is not None}
        facts |= {"identity": True} if any(key.startswith("delta.identity.") for key in metadata) else {}
    return facts


_SPECIAL = {"default": "CURRENT_DEFAULT", "generated": "delta.generationExpression"}


def _metadata(type_json: str) -> Mapping[str, Any]:
    """The metadata of a column's Delta field; older tables carry only the type there."""
    try:
        document = json.loads(type_json)
    except ValueError:
        return {}
    found = document.get("metadata") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


_Shape = tuple[dict[str, Any], list[str], dict[str, Any]]
"""The canonical columns, those that the table is partitioned by, and what is special about some of them."""


def _shape(columns: Iterable[Mapping[str, Any]]) -> _Shape:
    return _shape_alike(
        tuple(
            (
                column["name"],
                column["type_text"],
                column.get("nullable", True),
                column.get("comment"),
                column.get("partition_index"),
                column.get("type_json"),
                ((column["mask"].get("function_name") or "") if column.get("mask") else None),
            )
            for column in columns
        )
    )


@lru_cache(maxsize=1_024)
def _shape_alike(listed: tuple[tuple[Any, ...], ...]) -> _Shape:
    """Tables with the same columns have one shape in common; a hundred thousand of their own would take gigabytes.
    Nobody changes what was observed."""
    names = ("name", "type", "nullable", "comment")
    found = canonical_columns([dict(zip(names, column, strict=False)) for column in listed])
    partitions = sorted((column[4], column[0]) for column in listed if column[4] is not None)
    special = {
        column[0].lower(): facts
        for column in listed
        if (
            facts := column_facts(
                {"type_json": column[5], "mask": None if column[6] is None else {"function_name": column[6]}}
            )
        )
    }
    alike = {intern(name): _column_alike(tuple(value.items())) for name, value in found.items()}
    return alike, [name for _, name in partitions], special


@lru_cache(maxsize=65_536)
def _column_alike(items: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return dict(items)


def create(writer: Writer, task: Task) -> Outputs:
    """Create the table, empty."""
    writer.execute(create_statement(task))
    return {}


def update(writer: Writer, task: Task) -> Outputs:
    """Alter what changed, one statement for each kind of change."""
    for statement in alter_statements(task):
        # The only one that can be refused as done already adds columns: it was sent before, and its answer was lost.
        with contextlib.suppress(AlreadyExists):
            writer.execute(statement)
    if "owner" in task.changed:
        writer.send("PATCH", rest.path("tables", task.address.name), {"owner": task.desired["owner"]})
    return {}


def rename(writer: Writer, task: Task) -> Outputs:
    """Rename the table, within its catalog."""
    former = task.before.name if task.before else task.address.name
    writer.execute(f"ALTER TABLE {quote_name(former)} RENAME TO {quote_name(task.address.name)}")
    return {}


def delete(writer: Writer, task: Task) -> Outputs:
    """Drop the table with its data; the guards have made sure that somebody allowed it."""
    writer.send("DELETE", rest.path("tables", task.address.name))
    return {}


TYPE = ResourceType(
    name="table",
    model=Table,
    rules=rules_of(Table),
    kind="table",
    table_types=frozenset({"MANAGED", "EXTERNAL", "MANAGED_SHALLOW_CLONE", "EXTERNAL_SHALLOW_CLONE"}),
    bears_data=True,
    default_on_existing="fail",
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
)
