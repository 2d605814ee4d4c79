"""What catalogs, schemas, shares and recipients have in common: the way they are changed and renamed."""

from typing import Annotated, Any, Literal

from replicator.resources import rest
from replicator.resources.base import Outputs, Rule, Task, Writer


def _own(setting: str) -> str | None:
    """What is inherited is not set."""
    return None if setting.lower() == "inherit" else setting.lower()


PredictiveOptimization = Annotated[
    Literal["enable", "disable", "inherit"] | None,
    Rule(canonical=_own, why="maintenance rewrites files; in a replica, the next clone then copies them again"),
]
"""Whether the platform maintains the tables of a catalog or schema by itself. Creation cannot set it."""


def after_creation(writer: Writer, task: Task, path: str) -> Outputs:
    """What a new catalog or schema cannot be told in the request that creates it."""
    if task.desired.get("predictive_optimization"):
        writer.send("PATCH", path, {"enable_predictive_optimization": task.desired["predictive_optimization"].upper()})
    return {}


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
    if "predictive_optimization" in task.changed:
        body["enable_predictive_optimization"] = (wanted.get("predictive_optimization") or "inherit").upper()
    if body:
        writer.send("PATCH", path, body)
    if "owner" in task.changed:
        writer.send("PATCH", path, {"owner": wanted["owner"]})
    return {}
