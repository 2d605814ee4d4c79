"""Schemas."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from replicator.address import Address
from replicator.resources import canonical
from replicator.resources.base import Effect, Resource, ResourceType, Rule, rules_of


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
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "catalog", self.address.container)
        yield from self.after


TYPE = ResourceType(name="schema", model=Schema, rules=rules_of(Schema), kind="schema", holds_children=True)
