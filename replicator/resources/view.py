"""Views: a stored query under a name. It holds no rows, so it can be dropped and made again without loss of data."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from replicator.address import Address
from replicator.resources import canonical, rest
from replicator.resources.base import (
    Effect,
    Outputs,
    Resource,
    ResourceType,
    Rule,
    Task,
    Writer,
    rules_of,
)
from replicator.resources.rest import marked
from replicator.resources.table import read
from replicator.resources.table_statements import describe_statements
from replicator.sqltext import literal, properties, quote_name


def canonical_definition(text: str) -> str:
    """The query without what stands around it; within it every character counts."""
    return re.sub(r"[\s;]+\Z", "", text.lstrip())


class View(Resource):
    """A view, named `catalog.schema.view`. `definition` is its query; the tables in it are named in full, since an
    unqualified name would mean whatever is current where the view is made."""

    type: ClassVar[str] = "view"

    definition: Annotated[
        str, Rule(canonical=canonical_definition, why="compared as text: the platform keeps a query as it was written")
    ]
    comment: Annotated[str | None, Rule(canonical=canonical.text)] = None
    properties: Annotated[
        dict[str, str] | None,
        Rule(canonical=canonical.string_map, keyed=1, why="the platform adds properties of its own"),
    ] = None
    owner: Annotated[str | None, Rule(effect=Effect.OWNER, canonical=canonical.principal)] = None

    def depends_on(self) -> Iterable[Address]:
        yield Address(self.side, "schema", self.address.container)
        yield from self.after


def create(writer: Writer, task: Task) -> Outputs:
    """Create the view."""
    wanted: dict[str, Any] = task.desired
    comment = f" COMMENT {literal(wanted['comment'])}" if wanted.get("comment") else ""
    carried = properties(marked(wanted.get("properties"), task.lineage))
    name = quote_name(task.address.name)
    writer.execute(f"CREATE VIEW {name}{comment} TBLPROPERTIES ({carried}) AS {wanted['definition']}")
    return {}


def update(writer: Writer, task: Task) -> Outputs:
    """Change the query in place, which keeps who may read the view; then comment, properties or owner."""
    if "definition" in task.changed:
        writer.execute(f"ALTER VIEW {quote_name(task.address.name)} AS {task.desired['definition']}")
    for statement in describe_statements(task, "VIEW"):
        writer.execute(statement)
    if "owner" in task.changed:
        writer.send("PATCH", rest.path("tables", task.address.name), {"owner": task.desired["owner"]})
    return {}


def rename(writer: Writer, task: Task) -> Outputs:
    """Rename the view, within its catalog."""
    former = task.before.name if task.before else task.address.name
    writer.execute(f"ALTER VIEW {quote_name(former)} RENAME TO {quote_name(task.address.name)}")
    return {}


def delete(writer: Writer, task: Task) -> Outputs:
    """Drop the view."""
    writer.execute(f"DROP VIEW IF EXISTS {quote_name(task.address.name)}")
    return {}


TYPE = ResourceType(
    name="view",
    model=View,
    rules=rules_of(View),
    kind="table",
    table_types=frozenset({"VIEW"}),
    read=read,
    create=create,
    update=update,
    delete=delete,
    rename=rename,
)
