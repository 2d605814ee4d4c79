"""Shares and the objects in them."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from replicator.address import Address
from replicator.resources import canonical
from replicator.resources.base import Effect, Resource, ResourceType, Rule, rules_of


class SharedObject(BaseModel):
    """One object in a share. History is always shared: copies are pinned to versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: Literal["TABLE", "SCHEMA", "VIEW", "VOLUME", "MATERIALIZED_VIEW", "STREAMING_TABLE"] = "TABLE"
    shared_as: str | None = None


def canonical_objects(objects: Any) -> dict[str, Any]:
    """Shared objects by `TYPE:name`, so that their order says nothing; names fold case."""
    if isinstance(objects, Mapping):
        return dict(objects)
    found: dict[str, Any] = {}
    for item in objects:
        kind = item.get("type", "TABLE")
        value: dict[str, Any] = {}
        if item.get("shared_as"):
            value["shared_as"] = item["shared_as"].lower()
        if kind != "SCHEMA":
            value["history"] = item.get("history", "ENABLED")
        found[f"{kind}:{item['name'].lower()}"] = value
    return found


class Share(Resource):
    """A share. Objects that we did not add are left alone, and reported by drift, for they open access."""

    type: ClassVar[str] = "share"

    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    objects: Annotated[
        tuple[SharedObject, ...] | None,
        Rule(canonical=canonical_objects, keyed=1, watch=True, why="matched by type and name; order says nothing"),
    ] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        for item in self.objects or ():
            kinds = ("schema",) if item.type == "SCHEMA" else ("table", "clone")
            yield from (Address(self.side, kind, item.name) for kind in kinds)
        yield from self.after


TYPE = ResourceType(name="share", model=Share, rules=rules_of(Share), kind="share")
