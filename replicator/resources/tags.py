"""Tags: what people and policies find objects by."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from replicator.address import Address, split_column
from replicator.errors import NotFound
from replicator.resources import canonical, rest
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


def _authoritative(desired: Fields) -> bool:
    return desired.get("mode") == "authoritative"


class Tags(Resource):
    """The tags of one object, named `type/full.name`; a column is `column/catalog.schema.table.column`. `additive`
    leaves tags that nobody declared alone, `authoritative` takes them away."""

    type: ClassVar[str] = "tags"

    mode: Annotated[Literal["additive", "authoritative"], Rule(effect=Effect.IGNORED)] = "additive"
    tags: Annotated[
        dict[str, str | None],
        Rule(
            canonical=canonical.by_key,
            keyed=1,
            prune=_authoritative,
            why="compared tag by tag; policies that go by a tag follow it",
        ),
    ]

    @property
    def tagged(self) -> Address:
        kind, _, name = self.name.partition("/")
        return (
            Address(self.side, "table", split_column(name)[0]) if kind == "column" else Address(self.side, kind, name)
        )

    def depends_on(self) -> Iterable[Address]:
        yield self.tagged
        if self.tagged.type == "table":
            yield from (Address(self.side, kind, self.tagged.name) for kind in ("clone", "view"))
        yield from self.after


ENTITIES: Mapping[str, str] = {
    "catalog": "catalogs",
    "schema": "schemas",
    "table": "tables",
    "column": "columns",
}
"""Type of a tagged object to what the REST API calls it (https://docs.databricks.com/api/workspace/entitytagassignments)."""


def _path(at: Address, *more: str) -> str:
    kind, _, name = at.name.partition("/")
    return rest.path("entity-tag-assignments", ENTITIES[kind], name, "tags", *more)


def observed(name: str, tags: Mapping[str, str]) -> Observed | None:
    """The tags of one object; None where it has none."""
    return Observed(name=name, fields={"tags": dict(sorted(tags.items()))}) if tags else None


def read(reader: Reader, at: Address) -> Observed | None:
    """The tags of one object, None when it has none (or there is no such object)."""
    try:
        listed = reader.pages(_path(at), "tag_assignments")
    except NotFound:
        return None
    return observed(at.name, {item["tag_key"]: item.get("tag_value") or "" for item in listed})


def create(writer: Writer, task: Task) -> Outputs:
    """Set what is declared."""
    return _set(writer, task.address, {}, task.desired["tags"])


def update(writer: Writer, task: Task) -> Outputs:
    """Set what is missing or has another value, and take away what is ours to take away; one request for each tag, so
    that an object never stands without a tag that it keeps."""
    held: Mapping[str, str] = task.before.fields["tags"] if task.before else {}
    wanted: Mapping[str, Any] = task.desired["tags"]
    outputs = _set(writer, task.address, held, wanted)
    ours: Mapping[str, Any] = held if _authoritative(task.desired) else {**(task.applied.get("tags") or {}), **wanted}
    return outputs | _unset(writer, task.address, [key for key in ours if key in held and wanted.get(key) is None])


def delete(writer: Writer, task: Task) -> Outputs:
    """Take away the tags that we set, and only those."""
    held: Mapping[str, str] = task.before.fields["tags"] if task.before else {}
    return _unset(writer, task.address, [key for key in task.desired.get("tags") or {} if key in held])


def _set(writer: Writer, at: Address, held: Mapping[str, str], wanted: Mapping[str, Any]) -> Outputs:
    kind, _, name = at.name.partition("/")
    for key, value in sorted(wanted.items()):
        if value is None or held.get(key) == value:
            continue
        body = {"entity_type": ENTITIES[kind], "entity_name": name, "tag_key": key, "tag_value": value}
        if key in held:
            writer.send("PATCH", _path(at, key) + "?update_mask=tag_value", body)
        else:
            writer.send("POST", rest.path("entity-tag-assignments"), body)
    return {}


def _unset(writer: Writer, at: Address, keys: Iterable[str]) -> Outputs:
    for key in sorted(keys):
        writer.send("DELETE", _path(at, key))
    return {}


TYPE = ResourceType(
    name="tags",
    model=Tags,
    rules=rules_of(Tags),
    kind="tags",
    is_value=True,
    read=read,
    create=create,
    update=update,
    delete=delete,
)
