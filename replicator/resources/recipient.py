"""Recipients: whom a metastore shares with."""

from collections.abc import Mapping
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


class Recipient(Resource):
    """A Databricks-to-Databricks recipient: another metastore, named by its sharing identifier cloud:region:uuid."""

    type: ClassVar[str] = "recipient"

    metastore_id: Annotated[
        str | None, Rule(effect=Effect.REPLACE, why="a recipient is bound to one metastore for life")
    ] = None
    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None


def observe(raw: Mapping[str, Any]) -> Observed:
    """A recipient from its REST JSON. Tokens and activation links are never looked at."""
    fields: Fields = {
        "metastore_id": raw.get("data_recipient_global_metastore_id"),
        "comment": raw.get("comment"),
        "owner": raw.get("owner"),
    }
    return Observed(
        name=raw["name"],
        fields=TYPE.canonical(fields),
        id=raw.get("id") or str(raw.get("created_at", "")),
        info=rest.facts(raw, "authentication_type"),
    )


def read(reader: Reader, at: Address) -> Observed | None:
    """One recipient, None when there is none."""
    try:
        return observe(reader.get(rest.path("recipients", at.name)))
    except NotFound:
        return None


def create(writer: Writer, task: Task) -> Outputs:
    """Create a Databricks-to-Databricks recipient."""
    body = {
        "name": task.address.name,
        "authentication_type": "DATABRICKS",
        "data_recipient_global_metastore_id": task.desired["metastore_id"],
    }
    if task.desired.get("comment"):
        body["comment"] = task.desired["comment"]
    writer.send("POST", rest.path("recipients"), body)
    return {}


def update(writer: Writer, task: Task) -> Outputs:
    """Change the comment or the owner."""
    return container.patch(writer, task, rest.path("recipients", task.address.name))


def rename(writer: Writer, task: Task) -> Outputs:
    """Rename the recipient."""
    former = task.before.name if task.before else task.address.name
    return container.rename(writer, task, rest.path("recipients", former), task.address.name)


def delete(writer: Writer, task: Task) -> Outputs:
    """Drop the recipient: it loses access to every share at once."""
    writer.send("DELETE", rest.path("recipients", task.address.name))
    return {}


TYPE = ResourceType(
    name="recipient",
    model=Recipient,
    rules=rules_of(Recipient),
    kind="recipient",
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
)
