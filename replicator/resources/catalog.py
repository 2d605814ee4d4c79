"""Catalogs: ordinary ones, and read-only ones made from a share of another metastore."""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from replicator.address import Address
from replicator.resources import canonical
from replicator.resources.base import Effect, Resource, ResourceType, Rule, rules_of


class Catalog(Resource):
    """A catalog. With `share_name` it is a shared catalog, whose provider is named by `provider_name` or, surer,
    by its metastore's sharing identifier `provider_id` (cloud:region:uuid)."""

    type: ClassVar[str] = "catalog"

    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    properties: Annotated[
        dict[str, str] | None,
        Rule(canonical=canonical.string_map, keyed=1, why="the platform adds properties of its own"),
    ] = None
    storage_root: Annotated[
        str | None,
        Rule(effect=Effect.REPLACE, canonical=canonical.url, why="a catalog's storage root cannot be moved"),
    ] = None
    share_name: Annotated[
        str | None, Rule(effect=Effect.REPLACE, why="a shared catalog is bound to one share for life")
    ] = None
    provider_name: Annotated[str | None, Rule(effect=Effect.REPLACE, why="as share_name")] = None
    provider_id: Annotated[str | None, Rule(effect=Effect.REPLACE, why="as share_name")] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        if self.share_name is not None and self.provider_id is not None:
            yield Address(self.side, "provider", self.provider_id)
            yield Address(self.side.other, "share", self.share_name)
            yield Address(self.side.other, "grants", f"share/{self.share_name}")
        yield from self.after


TYPE = ResourceType(name="catalog", model=Catalog, rules=rules_of(Catalog), kind="catalog", holds_children=True)
