"""What catalogs, schemas, shares and recipients have in common: the way they are changed and renamed."""

from typing import Any

from replicator.resources import rest
from replicator.resources.base import Outputs, Task, Writer


def rename(writer: Writer, task: Task, path: str, name: str) -> Outputs:
    """Give the object at `path`, which is its former one, another name."""
    writer.send("PATCH", path, {"new_name": name})
    return {}


def patch(writer: Writer, task: Task, path: str) -> Outputs:
    """Send the changed fields, and an owner in a request of its own; never an empty request, which is refused."""
    wanted = task.desired
    body: dict[str, Any] = {}
    if "comment" in task.changed:
        body["comment"] = wanted["comment"] or ""
    if "properties" in task.changed:
        raw = writer.get(path).get("properties")
        body["properties"] = rest.updated_properties(
            raw, wanted.get("properties") or {}, task.applied.get("properties") or {}
        )
    if body:
        writer.send("PATCH", path, body)
    if "owner" in task.changed:
        writer.send("PATCH", path, {"owner": wanted["owner"]})
    return {}
