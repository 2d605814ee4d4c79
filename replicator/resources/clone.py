"""Clones: tables whose data is a deep clone of another table, kept at its version."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from replicator.address import Address
from replicator.resources import canonical
from replicator.resources.base import Effect, Resource, ResourceType, Rule, rules_of


class Clone(Resource):
    """A deep clone. `source` is the full name to clone from, on the same side; `origin` the address of the table whose
    version counts (on the source metastore when `source` is a shared table). The target's own history is the truth
    about what was copied."""

    type: ClassVar[str] = "clone"

    source: Annotated[
        str,
        Rule(
            write_only=True, why="what was cloned is read from the table's history, where the name may be an older one"
        ),
    ]
    origin: Annotated[str, Rule(effect=Effect.IGNORED)]
    enforce_schema: Annotated[bool, Rule(effect=Effect.IGNORED)] = True
    comment: Annotated[str | None, Rule(canonical=canonical.text, why="CLONE does not copy the table's comment")] = None
    properties: Annotated[
        dict[str, str] | None,
        Rule(canonical=canonical.string_map, keyed=1, why="a clone brings its source's properties"),
    ] = None
    location: Annotated[str | None, Rule(effect=Effect.REPLACE, canonical=canonical.url)] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "schema", self.address.container)
        yield Address.parse(self.origin)
        yield Address(self.side, "clone", self.source)
        yield Address(self.side, "catalog", self.source.partition(".")[0])
        yield from self.after


TYPE = ResourceType(
    name="clone", model=Clone, rules=rules_of(Clone), kind="table", bears_data=True, default_on_existing="fail"
)
