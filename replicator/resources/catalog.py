"""Catalogs: ordinary ones, and read-only ones made from a share of another metastore."""

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
from replicator.resources.provider import provider_ids, wait_for_provider, wait_for_share


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
    predictive_optimization: container.PredictiveOptimization = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        if self.share_name is not None and self.provider_id is not None:
            yield Address(self.side, "provider", self.provider_id)
            yield Address(self.side.other, "share", self.share_name)
            yield Address(self.side.other, "grants", f"share/{self.share_name}")
        yield from self.after


def observe(raw: Mapping[str, Any], provider_ids: Mapping[str, str]) -> Observed:
    """A catalog from its REST JSON; `provider_ids` maps a provider's name to its metastore's sharing identifier."""
    fields: Fields = {
        "comment": raw.get("comment"),
        "properties": rest.own_properties(raw.get("properties")),
        "storage_root": raw.get("storage_root"),
        "predictive_optimization": raw.get("enable_predictive_optimization"),
        "owner": raw.get("owner"),
    }
    if raw.get("share_name"):
        provider = raw.get("provider_name")
        fields |= {
            "share_name": raw["share_name"],
            "provider_name": provider,
            "provider_id": provider_ids.get(provider or ""),
        }
    return Observed(
        name=raw["name"],
        fields=TYPE.canonical(fields),
        id=raw.get("id") or f"{raw.get('created_at', '')}/{raw.get('created_by', '')}",
        mark=rest.mark_of(raw.get("properties")),
        info=rest.facts(raw, "catalog_type", "isolation_mode"),
    )


def read(reader: Reader, at: Address) -> Observed | None:
    """One catalog, None when there is none."""
    try:
        raw = reader.get(rest.path("catalogs", at.name))
    except NotFound:
        return None
    return observe(raw, _provider_ids(reader, raw.get("provider_name")))


def _provider_ids(reader: Reader, provider: str | None) -> dict[str, str]:
    """A catalog outlives its provider: what is gone has no identifier any more, and the catalog is still there."""
    if not provider:
        return {}
    try:
        return provider_ids([reader.get(rest.path("providers", provider))])
    except NotFound:
        return {}


def create(writer: Writer, task: Task) -> Outputs:
    """Create the catalog; one from a share waits until the provider shows the share."""
    wanted = task.desired
    body: dict[str, Any] = {"name": task.address.name}
    if wanted.get("comment"):
        body["comment"] = wanted["comment"]
    if wanted.get("share_name"):
        provider = wanted.get("provider_name") or wait_for_provider(writer, wanted["provider_id"])
        wait_for_share(writer, provider, wanted["share_name"])
        body |= {"provider_name": provider, "share_name": wanted["share_name"]}
    else:
        body["properties"] = rest.marked(wanted.get("properties"), task.lineage)
        if wanted.get("storage_root"):
            body["storage_root"] = wanted["storage_root"]
    writer.send("POST", rest.path("catalogs"), body)
    return container.after_creation(writer, task, rest.path("catalogs", task.address.name))


def update(writer: Writer, task: Task) -> Outputs:
    """Change comment, properties, predictive optimization or owner: the owner alone, as the platform demands."""
    return container.patch(writer, task, rest.path("catalogs", task.address.name))


def rename(writer: Writer, task: Task) -> Outputs:
    """Rename the catalog; all that is in it keeps its own name."""
    former = task.before.name if task.before else task.address.name
    return container.rename(writer, task, rest.path("catalogs", former), task.address.name)


def delete(writer: Writer, task: Task) -> Outputs:
    """Drop the catalog, which the platform refuses while it holds anything but an empty `default` schema.

    One from a share holds nothing of its own, so it is dropped with all that it shows.
    """
    at, name = rest.path("catalogs", task.address.name), task.address.name
    if task.before is not None and task.before.fields.get("share_name"):
        writer.send("DELETE", at + "?force=true")
        return {}
    listed = writer.pages(rest.path("schemas"), "schemas", {"catalog_name": name, "max_results": 0})
    if {raw["name"] for raw in listed} - {"information_schema"} == {"default"}:
        writer.send("DELETE", rest.path("schemas", f"{name}.default"))
    writer.send("DELETE", at)
    return {}


TYPE = ResourceType(
    name="catalog",
    model=Catalog,
    rules=rules_of(Catalog),
    kind="catalog",
    holds_children=True,
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
)
