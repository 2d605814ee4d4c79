"""Shares and the objects in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict

from replicator.address import Address
from replicator.errors import NotFound
from replicator.resources import canonical, container, rest
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

Kind = Literal["TABLE", "SCHEMA", "VIEW", "VOLUME", "MATERIALIZED_VIEW", "STREAMING_TABLE"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


class SharedObject(BaseModel):
    """One object in a share. History is always shared: copies are pinned to versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: Kind = "TABLE"
    shared_as: str | None = None


def canonical_objects(objects: Any) -> dict[str, Any]:
    """Shared objects by `TYPE:name`, so that their order says nothing; names fold case. Only tables have a history."""
    if isinstance(objects, Mapping):
        return canonical.by_key(objects)
    found: dict[str, Any] = {}
    for item in objects:
        kind = item.get("type", "TABLE")
        value: dict[str, Any] = {}
        if item.get("shared_as"):
            value["shared_as"] = item["shared_as"].lower()
        if kind == "TABLE":
            value["history"] = item.get("history", "ENABLED")
        found[f"{kind}:{item['name'].lower()}"] = value
    return canonical.by_key(found)


def _closes(path: Path, before: Any, after: Any) -> bool:
    return len(path) == 2 and before is not None and after is None


class Share(Resource):
    """A share. Objects that we did not add are left alone, and reported by drift, for they open access."""

    type: ClassVar[str] = "share"

    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    objects: Annotated[
        tuple[SharedObject, ...] | None,
        Rule(
            canonical=canonical_objects,
            keyed=1,
            watch=True,
            lossy=_closes,
            why="matched by type and name; order says nothing",
        ),
    ] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        for item in self.objects or ():
            kinds = ("schema",) if item.type == "SCHEMA" else ("table", "clone")
            yield from (Address(self.side, kind, item.name) for kind in kinds)
        yield from self.after


OBJECTS_PER_CALL = 100
"""How many changes of objects one request may carry (https://docs.databricks.com/api/sharing/v1/update-share.md)."""


def observe(raw: Mapping[str, Any]) -> Observed:
    """A share from its REST JSON, read with include_shared_data."""
    listed = raw.get("objects") or []
    fields: Fields = {
        "comment": raw.get("comment"),
        "owner": raw.get("owner"),
        "objects": [
            {
                "name": item["name"],
                "type": item["data_object_type"],
                "shared_as": item.get("shared_as") or item.get("string_shared_as"),
                "history": item.get("history_data_sharing_status") or "DISABLED",
            }
            for item in listed
        ],
    }
    broken = sorted(item["name"] for item in listed if item.get("status") == "PERMISSION_DENIED")
    return Observed(
        name=raw["name"],
        fields=TYPE.canonical(fields),
        id=str(raw.get("id") or raw.get("created_at", "")),
        info={**rest.facts(raw), "permission_denied": broken},
    )


def read(reader: Reader, at: Address) -> Observed | None:
    """One share with its objects, None when there is none."""
    try:
        return observe(reader.get(rest.path("shares", at.name), {"include_shared_data": "true"}))
    except NotFound:
        return None


def create(writer: Writer, task: Task) -> Outputs:
    """Create the share, then put its objects in."""
    body = {"name": task.address.name}
    if task.desired.get("comment"):
        body["comment"] = task.desired["comment"]
    writer.send("POST", rest.path("shares"), body)
    _send_updates(writer, task.address, _object_updates({}, task.desired.get("objects") or {}, {}))
    return {}


def update(writer: Writer, task: Task) -> Outputs:
    """Change comment, objects or owner. Objects that are neither declared nor were applied by us are not touched."""
    path, wanted = rest.path("shares", task.address.name), task.desired
    if "comment" in task.changed:
        writer.send("PATCH", path, {"comment": wanted["comment"] or ""})
    if "objects" in task.changed and task.before is not None:
        applied = task.applied.get("objects") or {}
        updates = _object_updates(task.before.fields["objects"], wanted["objects"] or {}, applied)
        _send_updates(writer, task.address, updates)
    if "owner" in task.changed:
        writer.send("PATCH", path, {"owner": wanted["owner"]})
    return {}


def rename(writer: Writer, task: Task) -> Outputs:
    """Rename the share."""
    former = task.before.name if task.before else task.address.name
    return container.rename(writer, task, rest.path("shares", former), task.address.name)


def delete(writer: Writer, task: Task) -> Outputs:
    """Drop the share: its recipients lose what is in it at once."""
    writer.send("DELETE", rest.path("shares", task.address.name))
    return {}


def without(desired: Fields, held: Fields, failed: frozenset[Address]) -> tuple[Fields, frozenset[Address]]:
    """The share without the objects that do not exist. One that is in the share already exists, and stays in it."""
    objects, present = dict(desired.get("objects") or {}), held.get("objects") or {}
    missing: set[Address] = set()
    for at in failed:
        for key in _keys(at) & objects.keys():
            wanted = objects.pop(key)
            if key in present:
                objects[key] = {name: present[key][name] for name in wanted if name in present[key]}
            else:
                missing.add(at)
    return ({**desired, "objects": objects} if "objects" in desired else desired), frozenset(missing)


def _keys(at: Address) -> set[str]:
    """How an object may be called in a share."""
    kinds = ("SCHEMA",) if at.type == "schema" else tuple(kind for kind in _KINDS if kind != "SCHEMA")
    return {f"{kind}:{at.name}" for kind in kinds} if at.type in ("schema", "table", "clone") else set()


def _object_updates(found: Fields, wanted: Fields, applied: Fields) -> list[dict[str, Any]]:
    """Removals first, so that an alias is free before it is taken again; then additions; then changed objects."""
    gone = [key for key in sorted(applied) if key not in wanted and key in found]
    moved = [key for key in sorted(wanted) if key in found and _renamed(found[key], wanted[key])]
    added = [key for key in sorted(wanted) if key not in found]
    changed = [
        key
        for key in sorted(wanted)
        if key in found and key not in moved and any(found[key].get(k) != v for k, v in wanted[key].items())
    ]
    removed = [{"action": "REMOVE", "data_object": _data_object(key, {})} for key in [*gone, *moved]]
    put = [{"action": "ADD", "data_object": _data_object(key, wanted[key])} for key in [*added, *moved]]
    return [*removed, *put, *({"action": "UPDATE", "data_object": _data_object(k, wanted[k])} for k in changed)]


def _renamed(found: Fields, wanted: Fields) -> bool:
    return "shared_as" in wanted and found.get("shared_as") != wanted["shared_as"]


def _data_object(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    kind, _, name = key.partition(":")
    alias = "string_shared_as" if kind == "VOLUME" else "shared_as"
    item: dict[str, Any] = {"name": name, "data_object_type": kind}
    if value.get("shared_as"):
        item[alias] = value["shared_as"]
    if kind == "TABLE" and value.get("history"):
        item["history_data_sharing_status"] = value["history"]
    return item


def _send_updates(writer: Writer, at: Address, updates: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(updates), OBJECTS_PER_CALL):
        writer.send("PATCH", rest.path("shares", at.name), {"updates": list(updates[start : start + OBJECTS_PER_CALL])})


TYPE = ResourceType(
    name="share",
    model=Share,
    rules=rules_of(Share),
    kind="share",
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
    without=without,
)
