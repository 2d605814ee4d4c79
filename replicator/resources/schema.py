"""Schemas."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from replicator.address import Address
from replicator.errors import NotFound
from replicator.resources import canonical, container, rest
from replicator.resources.base import (
    Effect,
    Fields,
    Observed,
    Outputs,
    Reader,
    Resource,
    ResourceType,
    Rule,
    Task,
    Writer,
    rules_of,
)


class Schema(Resource):
    """A schema, named `catalog.schema`."""

    type: ClassVar[str] = "schema"

    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    properties: Annotated[
        dict[str, str] | None,
        Rule(canonical=canonical.string_map, keyed=1, why="the platform adds properties of its own"),
    ] = None
    storage_root: Annotated[
        str | None,
        Rule(effect=Effect.REPLACE, canonical=canonical.url, why="a schema's storage root cannot be moved"),
    ] = None
    predictive_optimization: container.PredictiveOptimization = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "catalog", self.address.container)
        yield from self.after


def observe(raw: Mapping[str, Any]) -> Observed:
    """A schema from its REST JSON."""
    fields: Fields = {
        "comment": raw.get("comment"),
        "properties": rest.own_properties(raw.get("properties")),
        "storage_root": raw.get("storage_root"),
        "predictive_optimization": raw.get("enable_predictive_optimization"),
        "owner": raw.get("owner"),
    }
    return Observed(
        name=raw["full_name"],
        fields=TYPE.canonical(fields),
        id=raw.get("schema_id"),
        mark=rest.mark_of(raw.get("properties")),
        info=rest.facts(raw),
    )


def read(reader: Reader, at: Address) -> Observed | None:
    """One schema, None when there is none."""
    try:
        return observe(reader.get(rest.path("schemas", at.name)))
    except NotFound:
        return None


def create(writer: Writer, task: Task) -> Outputs:
    """Create the schema."""
    catalog, name = task.address.parts
    body: dict[str, Any] = {
        "catalog_name": catalog,
        "name": name,
        "properties": rest.marked(task.desired.get("properties"), task.lineage),
    }
    body |= {field: task.desired[field] for field in ("comment", "storage_root") if task.desired.get(field)}
    writer.send("POST", rest.path("schemas"), body)
    return container.after_creation(writer, task, rest.path("schemas", task.address.name))


def update(writer: Writer, task: Task) -> Outputs:
    """Change comment, properties, predictive optimization or owner."""
    return container.patch(writer, task, rest.path("schemas", task.address.name))


def rename(writer: Writer, task: Task) -> Outputs:
    """Rename the schema; all that is in it keeps its own name."""
    former = task.before.name if task.before else task.address.name
    return container.rename(writer, task, rest.path("schemas", former), task.address.parts[-1])


def delete(writer: Writer, task: Task) -> Outputs:
    """Drop the schema, which the platform refuses while it holds anything."""
    writer.send("DELETE", rest.path("schemas", task.address.name))
    return {}


TYPE = ResourceType(
    name="schema",
    model=Schema,
    rules=rules_of(Schema),
    kind="schema",
    holds_children=True,
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
)
